/* SPDX-License-Identifier: Apache-2.0 */
/* proxy/reply.c - answers that the proxy makes itself: every error is a gRPC error (grpc-spec 3.3). */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "filter/filter.h"
#include "grpc/details.h"
#include "grpc/reason.h"
#include "grpc/status.h"
#include "proxy/action.h"
#include "proxy/call.h"
#include "proxy/down.h"
#include "proxy/filters.h"
#include "proxy/front.h"
#include "proxy/listener_conf.h"
#include "proxy/route.h"
#include "proxy/worker.h"

static struct h2_field
reply_field(const char *name, const char *value, size_t n)
{
    return (struct h2_field){ .name = (uint8_t *)name,
                              .value = (uint8_t *)value,
                              .namelen = strlen(name),
                              .valuelen = n,
                              .flags = H2_FIELD_STATIC };
}

/* Fields of a status that we make: grpc-status and what may go with it. */
enum { STATUS_FIELDS = 4, METADATA_MAX = 4 };

static size_t
reply_pushback(struct call *c, const struct filter_refusal *why, struct h2_field *f)
{
    int64_t ms = !why->retry_known           ? -1
                 : why->retry_ms > INT32_MAX ? INT32_MAX
                                             : why->retry_ms;
    char text[16];
    int n = snprintf(text, sizeof(text), "%" PRId64, ms);
    char *kept = arena_copy(&c->arena, text, (size_t)n);

    if (!kept)
        return 0;
    *f = reply_field("grpc-retry-pushback-ms", kept, (size_t)n);
    f->flags |= H2_FIELD_NO_INDEX;
    return 1;
}

static size_t
reply_metadata(const struct call *c, struct details_pair *m)
{
    size_t n = 0;

    if (c->owner->front->conf->error_details != ERROR_DETAILS_FULL)
        return 0;
    m[n++] = (struct details_pair){ "listener", slice_of(c->owner->front->conf->name) };
    if (c->route)
        m[n++] = (struct details_pair){ "route", slice_of(c->route->name) };
    if (c->pool)
        m[n++] = (struct details_pair){ "pool", slice_of(pool_name(c->pool)) };
    if (c->at->upconn || c->lost_name) {
        const char *backend = c->at->upconn ? upconn_name(c->at->upconn) : c->lost_name;

        m[n++] = (struct details_pair){ "backend", slice_of(backend) };
    }
    return n;
}

/* A rich error: what a program can act on. Without memory the plain status has to do. */
static size_t
reply_details(struct call *c, const struct filter_refusal *why, const char *text,
              struct h2_field *f)
{
    UNINITIALIZED uint8_t status[DETAILS_MAX];
    UNINITIALIZED char encoded[DETAILS_BASE64_MAX];
    struct details_pair metadata[METADATA_MAX];
    struct slice bytes = why->details;
    size_t n;
    char *kept;

    if (!bytes.n) {
        const struct details d = {
            .code = why->code,
            .message = slice_of(text),
            .reason = why->reason,
            .domain = "outrigger",
            .metadata = metadata,
            .metadata_count = reply_metadata(c, metadata),
            .retry_known = why->retry_known,
            .retry_ms = why->retry_ms,
            .subject = why->subject,
            .description = why->subject ? text : NULL,
        };

        bytes = slice_make(status, details_build(&d, status));
    }
    n = details_base64(bytes, encoded);
    kept = arena_copy(&c->arena, encoded, n);
    if (!kept)
        return 0;
    *f = reply_field(DETAILS_TRAILER, kept, n);
    f->flags |= H2_FIELD_NO_INDEX;
    return 1;
}

/* Returns how many fields were written: at most STATUS_FIELDS. */
static size_t
reply_status_fields(struct call *c, const struct filter_refusal *why, const char *text,
                    struct h2_field *f)
{
    const char *number = grpc_code_text(why->code);
    UNINITIALIZED char encoded[GRPC_MESSAGE_MAX];
    size_t n = 0, len = grpc_message_encode(slice_of(text), encoded, sizeof(encoded));
    char *kept = len ? arena_copy(&c->arena, encoded, len) : NULL;

    f[n++] = reply_field("grpc-status", number, strlen(number));
    if (kept) { /* without memory the code alone still tells what matters */
        f[n] = reply_field("grpc-message", kept, len);
        f[n++].flags |= H2_FIELD_NO_INDEX;
    }
    if (UNLIKELY(why->pushback))
        n += reply_pushback(c, why, f + n);
    if (why->code != GRPC_OK && c->owner->front->conf->error_details != ERROR_DETAILS_OFF)
        n += reply_details(c, why, text, f + n);
    return n;
}

/* An answer is better without its edits than not at all. */
static void
reply_edit(struct call *c, unsigned block, struct h2_field *f, size_t *n)
{
    if (UNLIKELY(c->acts & ACT_EDIT_RESPONSE) && !action_edit_response(c, block, f, n))
        return; /* counted there */
}

/* The block for it: of trailers, or of everything. Returns the fields, NULL: no memory. */
static struct h2_field *
reply_block(struct call *c, const struct filter_refusal *why, const char *text,
            unsigned block, size_t *ret_n)
{
    size_t n = 0, room = 2 + STATUS_FIELDS;
    struct h2_field *f;

    if (UNLIKELY(c->acts & ACT_EDIT_RESPONSE))
        room += action_adds(c, block);
    if (UNLIKELY(c->filters != NULL))
        room += filters_answer_count(c);
    f = arena_alloc(&c->arena, room * sizeof(*f));
    if (!f)
        return NULL;
    if (block & ACTION_HEADERS) {
        f[n++] = H2_FIELD(":status", "200");
        f[n++] = H2_FIELD("content-type", "application/grpc");
        if (UNLIKELY(c->filters != NULL))
            n += filters_answer_fields(c, f + n);
    }
    n += reply_status_fields(c, why, text, f + n);
    reply_edit(c, block, f, &n);
    *ret_n = n;
    return f;
}

void
reply_status(struct call *c, const struct filter_refusal *why, const char *text)
{
    struct h2_stream *s = &c->down;
    bool begun = s->headers_queued;
    struct h2_field *f = NULL;
    size_t n;

    if (!s->conn)
        return;
    /* Clean trailers in the middle of a message would look like a complete answer. */
    if (!begun || frame_at_border(&c->out_frames))
        f = reply_block(c, why, text, ACTION_TRAILERS | (begun ? 0 : ACTION_HEADERS), &n);
    if (f && begun)
        h2_stream_end(s, f, n);
    else if (!f || h2_stream_respond(s, f, n, true) != ERR_OK)
        h2_stream_reset(s, grpc_code_to_h2(why->code));
}

void
reply_http(struct call *c, const char *status, const char *text)
{
    struct h2_stream *s = &c->down;
    bool method = strcmp(status, "405") == 0;
    /* The answer to HEAD has no content (RFC 9110 9.3.2). */
    bool head = slice_eq_str(h2_headers_get(&s->in_headers, H2_TOKEN_METHOD), "HEAD");
    struct h2_field f[4];
    size_t n = 0;

    f[n++] = reply_field(":status", status, 3);
    f[n++] = H2_FIELD("content-type", "text/plain");
    if (method)
        f[n++] = H2_FIELD("allow", "POST");
    /* Both codes as grpc-go has them. */
    f[n++] = method ? H2_FIELD("grpc-status", "13") : H2_FIELD("grpc-status", "3");
    stat_inc(&c->worker->stats, STAT_LOCAL_REPLIES);
    c->local = true;
    c->code = method ? GRPC_INTERNAL : GRPC_INVALID_ARGUMENT;
    c->reason = REASON_BAD_REQUEST;
    c->text = text;
    s->patient =
        true; /* not a gRPC client: let it finish, so that its own mistakes get their own answer */
    if (h2_stream_respond(s, f, n, head) != ERR_OK ||
        (!head &&
         buf_append(&s->out, c->worker->bufs, text, strlen(text), SIZE_MAX) != ERR_OK))
        h2_stream_reset(s, H2_INTERNAL_ERROR);
    else if (!head)
        h2_stream_end(s, NULL, 0);
    call_set_response(c, HALF_CLOSED);
    call_set_request(c, HALF_CLOSED);
}
