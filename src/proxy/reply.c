/* SPDX-License-Identifier: Apache-2.0 */
/* proxy/reply.c - answers that the proxy makes itself: every error is a gRPC error (grpc-spec 3.3). */
#include <string.h>

#include "base/err.h"
#include "grpc/status.h"
#include "proxy/action.h"
#include "proxy/call.h"
#include "proxy/down.h"
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

/* grpc-status and, when there is a text, grpc-message. Returns how many fields were written. */
static size_t
reply_status_fields(struct call *c, int code, const char *text, struct h2_field *f)
{
    const char *number = grpc_code_text(code);
    UNINITIALIZED char encoded[GRPC_MESSAGE_MAX];
    char *kept;
    size_t n = grpc_message_encode(slice_of(text), encoded, sizeof(encoded));

    f[0] = reply_field("grpc-status", number, strlen(number));
    kept = n ? arena_copy(&c->arena, encoded, n) : NULL;
    if (!kept)
        return 1; /* the code alone still tells what matters */
    f[1] = reply_field("grpc-message", kept, n);
    f[1].flags |= H2_FIELD_NO_INDEX;
    return 2;
}

/* An answer is better without its edits than not at all. */
static void
reply_edit(struct call *c, unsigned block, struct h2_field *f, size_t *n)
{
    if (UNLIKELY(c->acts & ACT_EDIT_RESPONSE) && !action_edit_response(c, block, f, n))
        return; /* counted there */
}

void
reply_status(struct call *c, int code, const char *text)
{
    struct h2_stream *s = &c->down;
    unsigned block = ACTION_TRAILERS | (s->headers_queued ? 0 : ACTION_HEADERS);
    size_t n, room = 4;
    struct h2_field *f;

    if (!s->conn)
        return;
    if (s->headers_queued && !frame_at_border(&c->out_frames)) {
        /* Clean trailers in the middle of a message would look like a complete answer. */
        h2_stream_reset(s, grpc_code_to_h2(code));
        return;
    }
    if (UNLIKELY(c->acts & ACT_EDIT_RESPONSE))
        room += action_adds(c, block);
    f = arena_alloc(&c->arena, room * sizeof(*f));
    if (!f) {
        h2_stream_reset(s, grpc_code_to_h2(code));
        return;
    }
    if (s->headers_queued) {
        n = reply_status_fields(c, code, text, f);
        reply_edit(c, block, f, &n);
        h2_stream_end(s, f, n);
        return;
    }
    f[0] = H2_FIELD(":status", "200");
    f[1] = H2_FIELD("content-type", "application/grpc");
    n = 2 + reply_status_fields(c, code, text, f + 2);
    reply_edit(c, block, f, &n);
    if (h2_stream_respond(s, f, n, true) != ERR_OK)
        h2_stream_reset(s, grpc_code_to_h2(code));
}

void
reply_http(struct call *c, const char *status, const char *text)
{
    struct h2_stream *s = &c->down;
    struct h2_field f[4];
    size_t n = 0;

    f[n++] = reply_field(":status", status, 3);
    f[n++] = H2_FIELD("content-type", "text/plain");
    if (strcmp(status, "405") == 0)
        f[n++] = H2_FIELD("allow", "POST");
    else
        f[n++] = H2_FIELD("grpc-status", "3"); /* as grpc-go does */
    stat_inc(&c->worker->stats, STAT_LOCAL_REPLIES);
    c->code = GRPC_INVALID_ARGUMENT;
    s->patient =
        true; /* not a gRPC client: let it finish, so that its own mistakes get their own answer */
    if (h2_stream_respond(s, f, n, false) != ERR_OK ||
        buf_append(&s->out, c->worker->bufs, text, strlen(text), SIZE_MAX) != ERR_OK) {
        h2_stream_reset(s, H2_INTERNAL_ERROR);
    } else {
        h2_stream_end(s, NULL, 0);
    }
    call_set_response(c, HALF_CLOSED);
    call_set_request(c, HALF_CLOSED);
}
