/* SPDX-License-Identifier: Apache-2.0 */
/* proxy/action.c - actions of routes at work on a call. */
#include "proxy/action.h"

#include <inttypes.h>
#include <string.h>

#include "base/err.h"
#include "filter/edit.h"
#include "filter/filter.h"
#include "filter/template.h"
#include "grpc/path.h"
#include "grpc/reason.h"
#include "grpc/status.h"
#include "h2/headers.h"
#include "net/addr.h"
#include "proxy/call.h"
#include "proxy/down.h"
#include "proxy/filters.h"
#include "proxy/listener_conf.h"
#include "proxy/mirror.h"
#include "proxy/route.h"
#include "proxy/table.h"
#include "proxy/worker.h"

enum { STATUS_TEXT_MAX = 400 }; /* call_fail has room for 1024 */

/* --- variables -------------------------------------------------------------------- */

static struct slice
action_keep(struct call *c, const char *text)
{
    size_t n = text ? strlen(text) : 0;
    void *kept = n ? arena_copy(&c->arena, text, n) : NULL;

    return kept ? slice_make(kept, n) : (struct slice){ 0 };
}

static void
action_facts(const struct call *c, struct template_values *v)
{
    const struct filter_call *fc = filters_facts(c);

    if (!fc)
        return;
    v->claims = fc->claims;
    v->v[TEMPLATE_CLIENT] = fc->client;
    v->v[TEMPLATE_REQUEST_ID] = fc->request_id;
}

/* Only what the templates want is looked up. */
static void
action_values(struct call *c, unsigned wants, struct template_values *v)
{
    const struct h2_headers *h = &c->down.in_headers;
    char address[ADDR_TEXT_MAX];

    memset(v, 0, sizeof(*v));
    if (wants == 0)
        return;
    v->headers = h;
    v->v[TEMPLATE_ROUTE] = slice_of(c->route->name);
    v->v[TEMPLATE_LISTENER] = slice_of(c->table->table->conf->name);
    if (c->pool)
        v->v[TEMPLATE_POOL] = slice_of(pool_name(c->pool));
    if (wants & 1u << TEMPLATE_PEER)
        v->v[TEMPLATE_PEER] = action_keep(c, addr_print(&c->owner->peer, address));
    if (wants & 1u << TEMPLATE_SAN) /* the connection may go before the call */
        v->v[TEMPLATE_SAN] = action_keep(c, down_identity(c->owner));
    if (wants & (1u << TEMPLATE_SERVICE | 1u << TEMPLATE_METHOD) &&
        path_split(h2_headers_get(h, H2_TOKEN_PATH), &v->v[TEMPLATE_SERVICE],
                   &v->v[TEMPLATE_METHOD]) != ERR_OK)
        v->v[TEMPLATE_SERVICE] = v->v[TEMPLATE_METHOD] = (struct slice){ 0 };
    action_facts(c, v);
}

/* --- header edits ----------------------------------------------------------------- */

static int
action_write_edit(struct call *c, const struct edit *e, const struct slice **ret)
{
    struct template_values v;
    int rv;

    action_values(c, edit_wants(e), &v);
    rv = edit_values(e, &v, &c->arena, ret);
    if (rv != ERR_OK)
        stat_inc(&c->worker->stats, STAT_EDITS_FAILED);
    return rv;
}

static void
action_edit_failed(struct call *c, const char *key)
{
    call_fail(c, GRPC_INTERNAL, REASON_EDIT_FAILED,
              "%s of route %s make more than %d bytes of values for this call", key,
              c->route->name, EDIT_BYTES_MAX);
}

size_t
action_edit_request(struct call *c, struct h2_field *fields, size_t n)
{
    return edit_apply(c->route->request, c->edits, fields, n);
}

size_t
action_adds(const struct call *c, unsigned block)
{
    size_t n = 0;

    if (block & ACTION_HEADERS)
        n += edit_adds(c->route->response);
    if (block & ACTION_TRAILERS)
        n += edit_adds(c->route->trailers);
    return n;
}

bool
action_edit_response(struct call *c, unsigned block, struct h2_field *fields, size_t *n)
{
    const struct edit *first = block & ACTION_HEADERS ? c->route->response : NULL;
    const struct edit *second = block & ACTION_TRAILERS ? c->route->trailers : NULL;
    const struct slice *one = NULL, *two = NULL;

    if ((first && action_write_edit(c, first, &one) != ERR_OK) ||
        (second && action_write_edit(c, second, &two) != ERR_OK))
        return false;
    if (first)
        *n = edit_apply(first, one, fields, *n);
    if (second)
        *n = edit_apply(second, two, fields, *n);
    return true;
}

bool
action_edit_answer(struct call *c, unsigned block, struct h2_field *fields, size_t *n)
{
    if (action_edit_response(c, block, fields, n))
        return true;
    action_edit_failed(c, "responseHeaders and responseTrailers");
    return false;
}

/* --- begin and end ---------------------------------------------------------------- */

static void
action_status(struct call *c)
{
    const struct route *r = c->route;
    struct template_values v;
    struct slice text = { 0 };

    if (r->status_text) {
        action_values(c, template_wants(r->status_text), &v);
        if (template_write(r->status_text, &v, &c->arena, STATUS_TEXT_MAX, &text) !=
            ERR_OK) {
            stat_inc(&c->worker->stats, STAT_EDITS_FAILED);
            text = slice_of("the text for this answer became too long");
        }
    }
    stat_inc(&c->worker->stats, STAT_ROUTE_STATUS);
    call_fail(c, r->status_code, REASON_ROUTE_STATUS, "%.*s", (int)text.n,
              text.p ? (const char *)text.p : "");
}

static bool
action_count(struct call *c)
{
    if (route_level_take(c->route)) {
        c->counted = true;
        return true;
    }
    stat_inc(&c->worker->stats, STAT_LIMIT_ROUTE);
    call_fail(c, GRPC_UNAVAILABLE, REASON_ROUTE_LIMIT,
              "route %s has %" PRIu32 " calls at the same time already "
              "(limits.maxConcurrentRequests)",
              c->route->name, c->route->max_calls);
    return false;
}

bool
action_begin(struct call *c)
{
    if (c->acts & ACT_STATUS) {
        action_status(c);
        return false;
    }
    if (c->acts & ACT_MAX_CALLS && !action_count(c))
        return false;
    if (c->acts & ACT_EDIT_REQUEST &&
        action_write_edit(c, c->route->request, &c->edits) != ERR_OK) {
        action_edit_failed(c, "requestHeaders");
        return false;
    }
    if (c->acts & ACT_MIRROR)
        mirror_start(c);
    return true;
}

void
action_end(struct call *c)
{
    if (c->counted)
        route_level_give(c->route);
    c->counted = false;
}

/* --- message sizes ---------------------------------------------------------------- */

/* key, own: the limit of the route, 0 when it has none. */
static void
action_too_large(struct call *c, const char *what, uint32_t n, uint32_t max,
                 const char *key, uint64_t own)
{
    const struct listener_conf *l = c->table->table->conf;
    bool by_listener = own == 0 && max == l->limits.max_message_bytes;

    stat_inc(&c->worker->stats, STAT_MESSAGES_TOO_LARGE);
    call_fail(c, GRPC_RESOURCE_EXHAUSTED, REASON_MESSAGE_TOO_LARGE,
              "%s message larger than max (%" PRIu32 " vs. %" PRIu32 " bytes): %s of "
              "%s %s",
              what, n, max, by_listener ? "maxMessageBytes" : key,
              by_listener ? "listener" : "route", by_listener ? l->name : c->route->name);
}

/* Feeds all of `in`. False: a message is over the limit; *ret_before bytes come before it. */
static bool
action_measure(struct frame_parser *p, const struct buf *in, uint32_t max,
               size_t *ret_before)
{
    *ret_before = 0;
    for (const struct chunk *k = in->head; k; k = k->next) {
        uint8_t seen = p->prefix_seen;
        size_t taken;

        if (!frame_feed_max(p, k->data + k->off, k->len - k->off, max, &taken)) {
            /* Its first bytes may stand in the chunk before. */
            *ret_before += taken ? taken : (size_t)0 - seen;
            return false;
        }
        *ret_before += taken;
    }
    return true;
}

bool
action_measure_request(struct call *c)
{
    struct frame_parser ahead = c->in_frames;
    size_t before;

    if (action_measure(&ahead, &c->down.in, c->max_in, &before))
        return true;
    action_too_large(c, "request", ahead.left, c->max_in, "maxRequestMessageBytes",
                     c->route->conf->limits.max_request_message_bytes);
    return false;
}

/* The first n bytes of the answer go to the client, copied: the rest stays. */
static bool
action_pass(struct call *c, size_t n)
{
    struct buf_pool *bufs = c->worker->bufs;

    stat_add(&c->worker->stats, STAT_BYTES_TO_DOWN, (int64_t)n);
    c->bytes_out += n;
    while (n > 0) {
        const uint8_t *p;
        size_t some = buf_peek(&c->at->up.in, &p);

        if (some > n)
            some = n;
        if (buf_append(&c->down.out, bufs, p, some, SIZE_MAX) != ERR_OK)
            return false;
        buf_consume(&c->at->up.in, bufs, some);
        n -= some;
    }
    h2_stream_kick(&c->down);
    return true;
}

/* A prefix that is not complete yet waits in up.in: once a part of it is with the client, only a reset could end the call, and nobody would read why. */
bool
action_measure_response(struct call *c)
{
    struct frame_parser *p = &c->out_frames;
    size_t before, all = c->at->up.in.len;
    bool fits = action_measure(p, &c->at->up.in, c->max_out, &before);
    uint32_t size = p->left;

    if (fits && p->prefix_seen == 0)
        return true;
    if (fits)
        before = all - p->prefix_seen;
    p->prefix_seen = 0;
    if (!fits)
        p->left = 0; /* the client is at a border */
    if (!action_pass(c, before)) {
        h2_stream_reset(&c->down, H2_INTERNAL_ERROR);
        return false;
    }
    if (!fits) {
        action_too_large(c, "response", size, c->max_out, "maxResponseMessageBytes",
                         c->route->conf->limits.max_response_message_bytes);
        buf_consume(&c->at->up.in, c->worker->bufs, c->at->up.in.len);
    }
    return false;
}
