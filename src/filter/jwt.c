/* SPDX-License-Identifier: Apache-2.0 */
/* filter/jwt.c - the filter "jwt": calls with a token of a trusted issuer go on, others are refused with UNAUTHENTICATED, or PERMISSION_DENIED
 * when only the audience is wrong (grpc-spec 16.4). It fails closed: without keys nobody passes.
 *
 * A call whose token names a key that may be on its way, or that comes before the first keys, waits for that answer instead of being refused; it
 * looks again when the source is no longer busy, once. That needs no message between threads: a timer of the worker looks while calls wait. */
#include <string.h>

#include "base/xalloc.h"
#include "filter/jwt_int.h"
#include "filter/kinds.h"
#include "grpc/status.h"
#include "h2/edit.h"
#include "loop/loop.h"
#include "obs/stats.h"

enum {
    LOOK_EVERY_US = 10000,
    WAITING_MAX = 1000, /* calls of a worker; more are refused at once */
};

_Static_assert((int)STAT_JWT_RESULTS == (int)JWT_RESULTS, "each result has its counter");

struct jwt_call {
    struct token *held[JWT_FOUND_MAX];
    struct list link; /* of those that wait */
    struct filter_call *fc;
    struct jwks_source *source; /* waits for it; NULL: does not wait */
    bool waited;
};

/* ---- opening: main thread ---- */

static void
place_add(struct jwt *j, const struct jwt_place_conf *c, size_t provider)
{
    struct slice name = slice_of(c->name), prefix = slice_of(jwt_place_prefix(c));
    size_t i = 0;

    while (i < j->n_places &&
           !(slice_eq(j->places[i].name, name) && slice_eq(j->places[i].prefix, prefix)))
        i++;
    if (i == j->n_places)
        j->places[j->n_places++] = (struct jwt_place){ .name = name, .prefix = prefix };
    j->places[i].providers |= 1u << provider;
}

static void
provider_open(struct jwt *j, const struct jwt_provider_conf *c,
              const struct filter_env *env)
{
    static const struct jwt_place_conf usual = { .name = "authorization" };
    const struct jwt_audience_conf *audiences = c->audiences.items;
    const struct jwt_place_conf *places = c->places.items;
    struct jwt_provider *p = &j->providers[j->n_providers];

    p->conf = c;
    p->audiences = xcalloc(c->audiences.n, sizeof(*p->audiences));
    for (size_t i = 0; i < c->audiences.n; i++)
        p->audiences[i] = slice_of(audiences[i].name);
    p->rules = (struct token_rules){
        .issuer = slice_of(c->issuer),
        .audiences = p->audiences,
        .n_audiences = c->audiences.n,
        .algs = jwt_provider_algs(c),
        .skew_ms = c->skew_ms,
        .require_exp = c->require_exp,
        .required = &c->required,
        .headers = &c->claim_headers,
    };
    j->algs |= p->rules.algs;
    p->source = jwks_source_open(env->loop, env->stats, &c->jwks);
    if (c->places.n == 0)
        place_add(j, &usual, j->n_providers);
    for (size_t i = 0; i < c->places.n; i++)
        place_add(j, &places[i], j->n_providers);
    for (size_t i = 0; i < c->claim_headers.n; i++)
        j->ours[j->n_ours++] = slice_of(c->claim_headers.items[i].key);
    if (c->payload_header)
        j->ours[j->n_ours++] = slice_of(c->payload_header);
    j->n_providers++;
}

static void
jwt_open(struct filter *f, const struct filter_env *env)
{
    struct jwt *j = (struct jwt *)f;
    const struct jwt_provider_conf *v;
    size_t n, ours = 0;

    j->conf = f->conf;
    j->stats = env->stats;
    v = jwt_conf_providers(j->conf, &n);
    for (size_t i = 0; i < n; i++)
        ours += v[i].claim_headers.n + 1;
    j->ours = xcalloc(ours, sizeof(*j->ours));
    for (size_t i = 0; i < n; i++)
        provider_open(j, &v[i], env);
    pattern_set_init(&j->except, &j->conf->except, true);
    j->n_workers = env->workers;
    j->workers = xcalloc(env->workers, sizeof(struct jwt_worker *));
}

static void
worker_free(struct jwt_worker *w, struct stats *stats)
{
    if (!w)
        return;
    stat_add(stats, STAT_JWT_CACHE_BYTES, -(int64_t)w->counted);
    token_cache_free(w->cache);
    token_home_close(w->home);
    for (size_t i = 0; i < JWT_PROVIDERS_MAX; i++)
        jwks_view_done(&w->views[i]);
    xfree(w);
}

static void
jwt_close(struct filter *f)
{
    struct jwt *j = (struct jwt *)f;

    for (unsigned i = 0; i < j->n_workers; i++)
        worker_free(j->workers[i], j->stats);
    for (size_t i = 0; i < j->n_providers; i++) {
        jwks_source_close(j->providers[i].source);
        xfree(j->providers[i].audiences);
    }
    pattern_set_done(&j->except);
    xfree(j->ours);
    xfree(j->workers);
}

/* ---- what became of it ---- */

static enum filter_verdict
call_refuse(const struct jwt *j, struct filter_call *fc, enum jwt_result r)
{
    struct filter_refusal why = {
        .code = r == JWT_AUDIENCE    ? GRPC_PERMISSION_DENIED
                : r == JWT_NO_MEMORY ? GRPC_RESOURCE_EXHAUSTED
                                     : GRPC_UNAUTHENTICATED,
        .reason = jwt_result_reason(r),
    };
    const struct jwt_place *p = &j->places[0];

    if (r == JWT_MISSING)
        return filter_refuse(fc, &why, "%s; send it as the header \"%.*s: %.*sTOKEN\"",
                             jwt_result_text(r), (int)p->name.n, p->name.p,
                             (int)p->prefix.n, p->prefix.p);
    return filter_refuse(fc, &why, "%s", jwt_result_text(r));
}

/* The token goes out of the request, what the token says goes in. False: no memory. */
static bool
call_edit(const struct jwt *j, struct filter_call *fc, const struct jwt_found *found)
{
    struct h2_headers *h = fc->request;

    for (size_t i = 0; i < found->n; i++)
        if (!found->v[i].provider->conf->forward)
            filter_remove(h, found->v[i].place->name);
    for (size_t i = 0; i < found->n; i++) {
        const struct jwt_provider_conf *c = found->v[i].provider->conf;
        const struct token *t = found->v[i].token;

        for (size_t k = 0; k < t->n_values; k++)
            if (t->values[k].text.p &&
                !filter_set(fc, h, slice_of(c->claim_headers.items[k].key),
                            t->values[k].text, false))
                return false;
        if (c->payload_header &&
            !filter_set(fc, h, slice_of(c->payload_header), t->payload, true))
            return false;
    }
    (void)j;
    return true;
}

static enum filter_verdict
call_finish(const struct jwt *j, struct filter_call *fc, struct jwt_call *c,
            enum jwt_result r, const struct jwt_found *found)
{
    if (jwt_result_good(r)) {
        for (size_t i = 0; i < found->n; i++)
            c->held[i] = found->v[i].token;
        if (!call_edit(j, fc, found))
            r = JWT_NO_MEMORY;
        else if (found->n > 0)
            fc->claims = &found->v[0].token->claims;
    }
    stat_inc(fc->stats, (enum stat_id)(STAT_JWT_0 + r));
    return jwt_result_good(r) ? FILTER_NEXT : call_refuse(j, fc, r);
}

/* ---- waiting ---- */

static void
wait_end(struct jwt_worker *w, struct jwt_call *c)
{
    list_remove(&c->link);
    c->source = NULL;
    if (--w->n_waiting == 0)
        timer_stop(w->loop, &w->look);
}

static void
call_again(struct jwt_worker *w, struct jwt_call *c)
{
    const struct jwt *j = (const struct jwt *)filter_self(c->fc);
    struct filter_call *fc = c->fc;
    UNINITIALIZED struct jwt_found found;
    enum jwt_result r;

    wait_end(w, c);
    r = jwt_verify(j, w, fc, &found);
    filter_resume(fc, call_finish(j, fc, c, r, &found));
}

/* A call that goes on may end others. Those whose source is still busy stay. */
static void
worker_look(struct timer *t)
{
    struct jwt_worker *w = CONTAINER_OF(t, struct jwt_worker, look);
    struct list ready, *next;

    timer_start(w->loop, &w->look, LOOK_EVERY_US);
    list_init(&ready);
    for (struct list *at = w->waiting.next; at != &w->waiting; at = next) {
        struct jwt_call *c = CONTAINER_OF(at, struct jwt_call, link);

        next = at->next;
        if (jwks_source_busy(c->source))
            continue;
        list_remove(at);
        list_append(&ready, at);
    }
    while (!list_empty(&ready))
        call_again(w, CONTAINER_OF(ready.next, struct jwt_call, link));
}

static enum filter_verdict
call_wait(struct jwt_worker *w, struct filter_call *fc, struct jwt_call *c,
          struct jwks_source *source)
{
    stat_inc(fc->stats, STAT_JWT_WAITED);
    c->fc = fc;
    c->source = source;
    c->waited = true;
    list_append(&w->waiting, &c->link);
    if (w->n_waiting++ == 0)
        timer_start(w->loop, &w->look, LOOK_EVERY_US);
    return FILTER_WAIT;
}

/* ---- slots ---- */

static struct jwt_worker *
worker_get(struct jwt *j, const struct filter_call *fc)
{
    struct jwt_worker *w = j->workers[fc->worker];

    if (w)
        return w;
    w = j->workers[fc->worker] = xcalloc(1, sizeof(*w));
    w->loop = fc->loop;
    w->home = token_home_new();
    w->cache = token_cache_new(j->conf->cache_tokens, j->conf->cache_bytes,
                               loop_reaper(fc->loop));
    timer_init(&w->look, worker_look);
    list_init(&w->waiting);
    return w;
}

static enum filter_verdict
jwt_on_request(struct filter_call *fc, void *state)
{
    struct jwt *j = (struct jwt *)filter_self(fc);
    struct jwt_worker *w = worker_get(j, fc);
    struct jwt_call *c = state;
    UNINITIALIZED struct jwt_found found;
    enum jwt_result r;

    /* Backends take these for our word, also where no token is needed. */
    for (size_t i = 0; i < j->n_ours; i++)
        filter_remove(fc->request, j->ours[i]);
    if (j->except.n > 0 && pattern_set_fits(&j->except, fc->path)) {
        stat_inc(fc->stats, (enum stat_id)(STAT_JWT_0 + JWT_EXCEPTED));
        return FILTER_NEXT;
    }
    r = jwt_verify(j, w, fc, &found);
    if (!jwt_result_good(r) && found.wait && w->n_waiting < WAITING_MAX)
        return call_wait(w, fc, c, found.wait);
    return call_finish(j, fc, c, r, &found);
}

static void
jwt_on_end(struct filter_call *fc, void *state, const struct filter_result *result)
{
    struct jwt *j = (struct jwt *)filter_self(fc);
    struct jwt_call *c = state;

    (void)result;
    if (c->source)
        wait_end(j->workers[fc->worker], c);
    /* Their memory stays until the turn ends: fc->claims is good for filters that hear of the end later. */
    for (size_t i = 0; i < JWT_FOUND_MAX && c->held[i]; i++)
        token_drop(c->held[i], loop_reaper(fc->loop));
}

const struct filter_kind filter_jwt = {
    .name = "jwt",
    .conf = &jwt_conf_struct,
    .size = sizeof(struct jwt),
    .call_size = sizeof(struct jwt_call),
    .flags = FILTER_NO_REPEAT,
    .open = jwt_open,
    .close = jwt_close,
    .on_request = jwt_on_request,
    .on_end = jwt_on_end,
};
