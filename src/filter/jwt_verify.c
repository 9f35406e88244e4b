/* SPDX-License-Identifier: Apache-2.0 */
/* filter/jwt_verify.c - the tokens of one call. Each token that is sent must be good, whatever else is sent: then nobody has to guess which of two was
 * believed. A header that comes twice refuses the call. */
#include <strings.h>

#include "base/clock.h"
#include "conf/field.h"
#include "filter/jwt_int.h"
#include "h2/edit.h"
#include "loop/loop.h"
#include "obs/stats.h"

/* ---- where a token is ---- */

/* *ret: what stands behind the prefix; p NULL: no token. */
static enum jwt_result
place_read(const struct jwt_place *p, const struct filter_call *fc, struct slice *ret)
{
    unsigned at = 0;
    const struct h2_entry *e = h2_headers_find(fc->request, p->name, &at);
    size_t n = p->prefix.n;
    struct slice v;

    *ret = (struct slice){ 0 };
    if (!e)
        return JWT_OK;
    if (h2_headers_find(fc->request, p->name, &at))
        return JWT_TWICE;
    v = slice_make(e->f.value, e->f.valuelen);
    if (v.n < n || strncasecmp((const char *)v.p, (const char *)p->prefix.p, n) != 0) {
        /* "Bearer" alone is a token that is empty, not another scheme. */
        bool cut = n > 1 && v.n == n - 1 && p->prefix.p[n - 1] == ' ' &&
                   strncasecmp((const char *)v.p, (const char *)p->prefix.p, v.n) == 0;

        return cut ? JWT_MALFORMED : JWT_OK;
    }
    v = slice_make(v.p + n, v.n - n);
    while (n > 0 && v.n > 0 && v.p[0] == ' ') /* RFC 6750 2.1: one blank or more */
        v = slice_make(v.p + 1, v.n - 1);
    if (v.n == 0)
        return JWT_MALFORMED;
    *ret = v;
    return JWT_OK;
}

/* ---- one token ---- */

struct look { /* at one token */
    const struct jwt *j;
    struct jwt_worker *w;
    const struct filter_call *fc;
    struct slice text;
    uint64_t hash;
    int64_t now_ms; /* wall clock */
    struct jwt_found *found;
};

static enum jwks_state
provider_keys(const struct look *l, const struct jwt_provider *p, struct jwks_view **ret)
{
    *ret = &l->w->views[p - l->j->providers];
    return jwks_source_look(p->source, *ret, loop_now_us(l->fc->loop));
}

/* Whenever the cache may have changed; a token that was found changes nothing. */
static void
cache_counted(const struct look *l)
{
    size_t bytes = token_cache_bytes(l->w->cache);

    if (bytes == l->w->counted)
        return;
    stat_add(l->fc->stats, STAT_JWT_CACHE_BYTES, (int64_t)bytes - (int64_t)l->w->counted);
    l->w->counted = bytes;
}

/* The token as it was verified before, held; NULL: it was not. */
static struct token *
look_in_cache(const struct look *l, unsigned providers, const struct jwt_provider **ret)
{
    for (size_t i = 0; i < l->j->n_providers; i++) {
        const struct jwt_provider *p = &l->j->providers[i];
        struct jwks_view *keys;
        struct token *t;

        if (!(providers & 1u << i) || provider_keys(l, p, &keys) != JWKS_GOOD)
            continue;
        t = token_cache_find(l->w->cache, l->hash, l->text, p, keys->version, l->now_ms);
        if (!t)
            continue;
        ref_hold(&t->ref);
        *ret = p;
        return t;
    }
    cache_counted(l);
    return NULL;
}

static enum jwt_result
look_with(const struct look *l, const struct token_draft *d, const struct jwt_provider *p,
          struct token **ret)
{
    struct jwks_view *keys;
    enum jwks_state state = provider_keys(l, p, &keys);
    enum jwt_result r;

    if (state == JWKS_COMING)
        l->found->wait = p->source;
    if (state != JWKS_GOOD)
        return state == JWKS_OLD ? JWT_OLD_KEYS : JWT_NO_KEYS;
    r = token_draft_signed(d, &p->rules, keys->keys);
    if (r == JWT_UNKNOWN_KEY && d->jose.has_kid &&
        jwks_source_ask(p->source, jose_kid(&d->jose), loop_now_us(l->fc->loop)))
        l->found->wait = p->source;
    if (r == JWT_OK)
        r = token_make(l->w->home, d, &p->rules, l->now_ms, ret);
    if (r != JWT_OK)
        return r;
    stat_add(l->fc->stats, STAT_JWT_VALUES_LOST, (int64_t)(*ret)->values_lost);
    stat_add(l->fc->stats, STAT_JWT_EVICTED,
             (int64_t)token_cache_put(l->w->cache, l->hash, *ret, p, keys->version));
    cache_counted(l);
    return JWT_OK;
}

/* The issuer says whose token it is; providers may share one and differ in the audience. */
static enum jwt_result
look_closely(const struct look *l, unsigned providers, struct token **ret_token,
             const struct jwt_provider **ret_provider)
{
    UNINITIALIZED struct token_draft draft;
    enum jwt_result r = token_draft_read(&draft, l->text, l->j->algs);

    if (r != JWT_OK)
        return r;
    r = JWT_ISSUER;
    for (size_t i = 0; i < l->j->n_providers && r != JWT_OK; i++) {
        const struct jwt_provider *p = &l->j->providers[i];

        if (!(providers & 1u << i) || !slice_eq(draft.issuer, p->rules.issuer))
            continue;
        r = look_with(l, &draft, p, ret_token);
        *ret_provider = p;
    }
    return r;
}

static enum jwt_result
look_at(struct look *l, const struct jwt_place *place)
{
    struct jwt_found *f = l->found;
    const struct jwt_provider *p = NULL;
    enum jwt_result r = JWT_CACHED;
    struct token *t;

    if (l->text.n > JOSE_TOKEN_MAX)
        return JWT_TOO_LARGE;
    if (f->n == JWT_FOUND_MAX)
        return JWT_TWICE;
    l->hash = token_cache_hash(l->w->cache, l->text);
    t = look_in_cache(l, place->providers, &p);
    if (!t)
        r = look_closely(l, place->providers, &t, &p);
    if (!jwt_result_good(r))
        return r;
    f->v[f->n].token = t;
    f->v[f->n].provider = p;
    f->v[f->n].place = place;
    f->n++;
    return r;
}

/* ---- the call ---- */

/* Some provider has no token of its own. */
static bool
one_is_missing(const struct jwt *j, const struct jwt_found *f)
{
    unsigned seen = 0;

    for (size_t i = 0; i < f->n; i++)
        seen |= 1u << (f->v[i].provider - j->providers);
    return seen != (1u << j->n_providers) - 1;
}

enum jwt_result
jwt_verify(const struct jwt *j, struct jwt_worker *w, const struct filter_call *fc,
           struct jwt_found *ret)
{
    struct look l = { .j = j, .w = w, .fc = fc, .found = ret };
    enum jwt_result all = JWT_CACHED, r = JWT_CACHED;

    ret->n = 0;
    ret->wait = NULL;
    l.now_ms = clock_wall_us() / 1000;
    for (size_t i = 0; i < j->n_places && jwt_result_good(r); i++) {
        r = place_read(&j->places[i], fc, &l.text);
        if (r != JWT_OK || !l.text.p)
            continue;
        r = look_at(&l, &j->places[i]);
        if (r == JWT_OK)
            all = JWT_OK;
    }
    if (jwt_result_good(r)) {
        if (j->conf->require == JWT_REQUIRE_ALL && one_is_missing(j, ret))
            r = JWT_MISSING;
        else if (ret->n > 0)
            return all;
        else
            r = j->conf->require == JWT_REQUIRE_OPTIONAL ? JWT_NONE : JWT_MISSING;
    }
    while (ret->n > 0)
        token_drop(ret->v[--ret->n].token, loop_reaper(fc->loop));
    return r;
}
