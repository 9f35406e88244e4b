/* SPDX-License-Identifier: Apache-2.0 */
/* filter/ext_authz.c - the question to the authorization service, and what its answer does to the call. An answer comes from the service or from the cache, and goes
 * the same way from there: authz_judge. */
#include "filter/ext_authz.h"

#include <string.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/log.h"
#include "base/strbuf.h"
#include "base/xalloc.h"
#include "filter/answer_cache.h"
#include "filter/edit.h"
#include "filter/key.h"
#include "filter/kinds.h"
#include "grpc/authz.h"
#include "grpc/details.h"
#include "grpc/status.h"
#include "h2/edit.h"
#include "loop/loop.h"
#include "obs/stats.h"
#include "upstream/sidecall.h"

#define REASON_DENIED      "AUTHZ_DENIED"
#define REASON_UNAVAILABLE "AUTHZ_UNAVAILABLE"
#define MODE_HEADER        "x-envoy-auth-failure-mode-allowed"

enum { ERRORS_LOGGED = 3 };

struct ext_authz_call {
    const struct ext_authz_filter *f;
    struct filter_call *fc;
    struct sidecall *side; /* the question is on its way */
    struct sip_hash key;   /* of the cache */
    bool keyed;
    struct authz_edits response; /* for the client, when the call was allowed */
};

static const struct ext_authz_conf *
authz_conf(const struct ext_authz_call *c)
{
    return c->f->base.conf;
}

/* --- what an answer does -------------------------------------------------------------- */

static void
note_refused(struct ext_authz_call *c, struct slice name)
{
    static struct log_limit limit;

    stat_inc(c->fc->stats, STAT_AUTHZ_EDITS_REFUSED);
    if (log_limit_pass(&limit, ERRORS_LOGGED))
        log_at(
            NULL, LOG_WARN,
            "the authorization service wants to change a header that it may not change: "
            "that is left out",
            LS("scope", c->f->base.scope), LS("filter", c->f->base.name),
            LB("header", name));
}

/* No answer, or none that can be used. */
static enum filter_verdict
authz_failed(struct ext_authz_call *c, const char *why)
{
    static struct log_limit limit;
    const struct ext_authz_conf *conf = authz_conf(c);
    const struct filter_refusal refusal = { .code = (int)conf->status_on_error + 1,
                                            .reason = REASON_UNAVAILABLE };

    if (log_limit_pass(&limit, ERRORS_LOGGED))
        log_at(NULL, LOG_WARN,
               conf->failure_mode_allow
                   ? "the authorization service gave no answer: calls go on without it"
                   : "the authorization service gave no answer: calls are refused",
               LS("scope", c->f->base.scope), LS("filter", c->f->base.name),
               LS("pool", conf->pool), LS("why", why));
    if (!conf->failure_mode_allow) {
        stat_inc(c->fc->stats, STAT_AUTHZ_ERRORS);
        return filter_refuse(c->fc, &refusal,
                             "the authorization service (pool %s) gave no answer",
                             conf->pool);
    }
    stat_inc(c->fc->stats, STAT_AUTHZ_FAILED_OPEN);
    if (conf->failure_mode_header &&
        !filter_set(c->fc, c->fc->request, slice_of(MODE_HEADER), slice_of("true"),
                    false))
        return filter_refuse(c->fc, &refusal, "no room for the header " MODE_HEADER);
    return FILTER_NEXT;
}

static bool
values_legal(struct authz_edits e)
{
    for (size_t i = 0; i < e.n; i++) {
        if (!h2_value_legal(e.v[i].value))
            return false;
    }
    return true;
}

static bool
edit_one(struct filter_call *fc, struct h2_headers *h, const struct authz_edit *e)
{
    unsigned at = 0;
    bool there = h2_headers_find(h, e->name, &at) != NULL;

    switch (e->action) {
    case AUTHZ_APPEND:
        return filter_add(fc, h, e->name, e->value, true);
    case AUTHZ_ADD_IF_ABSENT:
        return there || filter_add(fc, h, e->name, e->value, true);
    case AUTHZ_SET_IF_THERE:
        return !there || filter_set(fc, h, e->name, e->value, true);
    case AUTHZ_SET:
        break;
    }
    return filter_set(fc, h, e->name, e->value, true);
}

/* False: there was no room. */
static bool
edit_block(struct ext_authz_call *c, struct h2_headers *h, struct authz_edits edits)
{
    for (size_t i = 0; i < edits.n; i++) {
        if (!edit_name_is_open(edits.v[i].name))
            note_refused(c, edits.v[i].name);
        else if (!edit_one(c->fc, h, &edits.v[i]))
            return false;
    }
    return true;
}

static enum filter_verdict
authz_allow(struct ext_authz_call *c, const struct authz_answer *a)
{
    const struct filter_refusal refusal = { .code = GRPC_RESOURCE_EXHAUSTED,
                                            .reason = REASON_UNAVAILABLE };

    if (!values_legal(a->request) || !values_legal(a->response))
        return authz_failed(c, "it wants to set a header to a value that is not legal");
    for (size_t i = 0; i < a->remove_count; i++) {
        if (!edit_name_is_open(a->remove[i]))
            note_refused(c, a->remove[i]);
        else
            filter_remove(c->fc->request, a->remove[i]);
    }
    if (!edit_block(c, c->fc->request, a->request)) {
        stat_inc(c->fc->stats, STAT_AUTHZ_ERRORS);
        return filter_refuse(c->fc, &refusal,
                             "no room for the headers of the authorization service");
    }
    c->response = a->response;
    stat_inc(c->fc->stats, STAT_AUTHZ_ALLOWED);
    return FILTER_NEXT;
}

/* The answer's headers go to the client; what is illegal or not the service's is left out. */
static void
answer_headers(struct ext_authz_call *c, struct authz_edits edits)
{
    for (size_t i = 0; i < edits.n; i++) {
        if (edit_name_is_open(edits.v[i].name) &&
            !filter_answer_header(c->fc, edits.v[i].name, edits.v[i].value))
            stat_inc(c->fc->stats, STAT_AUTHZ_EDITS_REFUSED);
    }
}

static enum filter_verdict
authz_deny(struct ext_authz_call *c, const struct authz_answer *a)
{
    UNINITIALIZED uint8_t details[DETAILS_MAX];
    struct filter_refusal refusal = { .code = authz_answer_code(a),
                                      .reason = REASON_DENIED };

    stat_inc(c->fc->stats, STAT_AUTHZ_DENIED);
    answer_headers(c, a->response);
    if (a->detail_count) {
        const struct details d = { .code = refusal.code,
                                   .message = a->message,
                                   .foreign = a->details,
                                   .foreign_count = a->detail_count };

        refusal.details = slice_make(details, details_build(&d, details));
    }
    if (a->message.n)
        return filter_refuse(c->fc, &refusal, "%.*s", (int)a->message.n,
                             (const char *)a->message.p);
    return filter_refuse(c->fc, &refusal,
                         "the authorization service does not allow this call");
}

/* *ret: what the answer says; AUTHZ_ERROR: nothing that may be kept. */
static enum filter_verdict
authz_judge(struct ext_authz_call *c, struct slice message, enum authz_verdict *ret)
{
    struct authz_answer a;
    int rv = authz_answer_decode(message, c->fc->arena, &a);

    *ret = rv == ERR_OK ? a.verdict : AUTHZ_ERROR;
    if (rv == ERR_NOMEM)
        return authz_failed(c, "there is no memory to read its answer");
    if (rv != ERR_OK)
        return authz_failed(c, "its answer is no CheckResponse that says yes or no");
    switch (a.verdict) {
    case AUTHZ_ALLOWED:
        return authz_allow(c, &a);
    case AUTHZ_DENIED:
        return authz_deny(c, &a);
    case AUTHZ_ERROR:
        break;
    }
    return authz_failed(c, "it says that it could not decide (error_response)");
}

/* --- cache ---------------------------------------------------------------------------- */

/* The key sees the first header of a name, the service all of them: such a call has no key. */
static bool
key_is_whole(const struct conf_list *parts, const struct h2_headers *h)
{
    const struct key_part *part = parts->items;

    for (size_t i = 0; i < parts->n; i++) {
        struct slice name = slice_of(part[i].text + part[i].name_at);
        unsigned at = 0;

        if (strncmp(part[i].text, "header:", 7) == 0 && h2_headers_find(h, name, &at) &&
            h2_headers_find(h, name, &at))
            return false;
    }
    return true;
}

static struct answer_cache *
authz_cache(const struct ext_authz_call *c)
{
    return c->f->caches ? c->f->caches[c->fc->worker] : NULL;
}

/* Whenever the cache may have changed; an answer that was found changes nothing. */
static void
cache_counted(const struct ext_authz_call *c)
{
    size_t bytes = answer_cache_bytes(authz_cache(c));
    size_t *counted = &c->f->counted[c->fc->worker];

    stat_add(c->fc->stats, STAT_AUTHZ_CACHE_BYTES, (int64_t)bytes - (int64_t)*counted);
    *counted = bytes;
}

static bool
cache_find(struct ext_authz_call *c, struct slice *ret)
{
    const struct conf_list *parts = &authz_conf(c)->cache.key;
    struct answer_cache *cache = authz_cache(c);
    bool missing, found;

    if (!cache)
        return false;
    c->key = key_hash(parts, c->fc, &c->f->secret, &missing);
    c->keyed = !missing && key_is_whole(parts, c->fc->request);
    if (!c->keyed)
        return false;
    found = answer_cache_find(cache, c->key, loop_now_us(c->fc->loop), ret);
    stat_inc(c->fc->stats, found ? STAT_AUTHZ_CACHE_HITS : STAT_AUTHZ_CACHE_MISSES);
    if (!found)
        cache_counted(c);
    return found;
}

static void
cache_keep(struct ext_authz_call *c, struct slice message, enum authz_verdict verdict)
{
    const struct ext_authz_cache_conf *conf = &authz_conf(c)->cache;
    int64_t ttl_ms = verdict == AUTHZ_ALLOWED ? conf->ttl_ms : conf->denied_ttl_ms;

    if (!c->keyed || verdict == AUTHZ_ERROR || ttl_ms <= 0)
        return;
    answer_cache_put(authz_cache(c), c->key, message,
                     loop_now_us(c->fc->loop) + ttl_ms * 1000);
    cache_counted(c);
}

/* --- question ------------------------------------------------------------------------- */

static void
authz_on_answer(void *arg, const struct sidecall_result *r)
{
    struct ext_authz_call *c = arg;
    enum authz_verdict said = AUTHZ_ERROR;
    enum filter_verdict v;

    c->side = NULL;
    v = r->code == GRPC_OK ? authz_judge(c, r->message, &said) : authz_failed(c, r->why);
    cache_keep(c, r->message, said);
    filter_resume(c->fc, v);
}

static enum filter_verdict
authz_ask(struct ext_authz_call *c)
{
    struct pool *pool = filter_pool(c->fc, &c->f->base);
    struct strbuf message;
    int rv;

    strbuf_init(&message, SIDECALL_REQUEST_MAX);
    rv = ext_authz_request_write(c->f, c->fc, &message);
    if (rv == ERR_OK)
        c->side = sidecall_start(pool, AUTHZ_PATH, slice_make(message.s, message.len),
                                 authz_conf(c)->timeout_ms * 1000, authz_on_answer, c);
    strbuf_done(&message);
    if (rv == ERR_OK && !c->side)
        rv = ERR_NOMEM;
    if (rv != ERR_OK)
        return authz_failed(c, rv == ERR_LIMIT
                                   ? "the call's headers are too long to ask it"
                                   : "there is no memory to ask it");
    return FILTER_WAIT;
}

static enum filter_verdict
ext_authz_on_request(struct filter_call *fc, void *state)
{
    struct ext_authz_call *c = state;
    enum authz_verdict said;
    struct slice kept;

    c->f = CONTAINER_OF(filter_self(fc), struct ext_authz_filter, base);
    c->fc = fc;
    if (authz_conf(c)->failure_mode_header)
        filter_remove(fc->request, slice_of(MODE_HEADER));
    return cache_find(c, &kept) ? authz_judge(c, kept, &said) : authz_ask(c);
}

static enum filter_verdict
ext_authz_on_response(struct filter_call *fc, void *state, struct h2_headers *h, bool end)
{
    struct ext_authz_call *c = state;

    (void)end;
    if (c->response.n && !edit_block(c, h, c->response))
        stat_inc(fc->stats,
                 STAT_AUTHZ_EDITS_REFUSED); /* no room: the answer matters more */
    return FILTER_NEXT;
}

static void
ext_authz_on_end(struct filter_call *fc, void *state, const struct filter_result *r)
{
    struct ext_authz_call *c = state;

    (void)fc;
    (void)r;
    if (c->side)
        sidecall_cancel(c->side);
    c->side = NULL;
}

/* --- life ----------------------------------------------------------------------------- */

static void
ext_authz_open(struct filter *base, const struct filter_env *env)
{
    struct ext_authz_filter *f = CONTAINER_OF(base, struct ext_authz_filter, base);
    const struct ext_authz_conf *conf = base->conf;

    pattern_set_init(&f->headers, &conf->allowed_headers, false);
    sip_secret_make(&f->secret);
    f->workers = env->workers;
    f->stats = env->stats;
    if (!conf->cache.on)
        return;
    f->counted = xcalloc(f->workers, sizeof(*f->counted));
    f->caches = xcalloc(f->workers, sizeof(struct answer_cache *));
    for (unsigned i = 0; i < f->workers; i++)
        f->caches[i] = answer_cache_new(conf->cache.max_entries);
}

static void
ext_authz_close(struct filter *base)
{
    struct ext_authz_filter *f = CONTAINER_OF(base, struct ext_authz_filter, base);

    pattern_set_done(&f->headers);
    for (unsigned i = 0; f->caches && i < f->workers; i++) {
        stat_add(f->stats, STAT_AUTHZ_CACHE_BYTES, -(int64_t)f->counted[i]);
        answer_cache_free(f->caches[i]);
    }
    xfree(f->counted);
    xfree(f->caches);
}

static const char *
ext_authz_pool(const void *conf)
{
    return ((const struct ext_authz_conf *)conf)->pool;
}

const struct filter_kind filter_ext_authz = {
    .name = "extAuthz",
    .conf = &ext_authz_conf_struct,
    .size = sizeof(struct ext_authz_filter),
    .call_size = sizeof(struct ext_authz_call),
    .open = ext_authz_open,
    .close = ext_authz_close,
    .pool = ext_authz_pool,
    .on_request = ext_authz_on_request,
    .on_response = ext_authz_on_response,
    .on_end = ext_authz_on_end,
};
