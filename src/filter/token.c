/* SPDX-License-Identifier: Apache-2.0 */
/* filter/token.c */
#include "filter/token.h"

#include <string.h>

#include "base/compat.h"
#include "base/slab.h"
#include "base/xalloc.h"
#include "conf/field.h"

#define DATE_MAX_S INT64_C(253402300799) /* the end of the year 9999 */

enum { HEADER_VALUE_MAX = 4096 };

/* ---- reading ---- */

enum jwt_result
token_draft_read(struct token_draft *d, struct slice text, unsigned algs)
{
    enum jwt_result r = jose_parse(text, algs, &d->jose);
    const struct claim_read *issuer;

    if (r != JWT_OK)
        return r;
    d->text = text;
    if (!claims_read(&d->claims, (uint8_t *)(uintptr_t)d->jose.payload.p,
                     d->jose.payload.n))
        return JWT_MALFORMED;
    issuer = claims_read_get(&d->claims, "iss");
    d->issuer =
        issuer && issuer->kind == CLAIM_TEXT ? issuer->value : (struct slice){ 0 };
    return JWT_OK;
}

enum jwt_result
token_draft_signed(const struct token_draft *d, const struct token_rules *rules,
                   const struct jwks *keys)
{
    const struct jose *j = &d->jose;
    struct slice kid = j->has_kid ? jose_kid(j) : (struct slice){ 0 };
    const struct sigkey *key;
    bool tried = false;
    size_t at = 0;

    if (!(rules->algs & SIG_BIT(j->alg)))
        return JWT_ALGORITHM;
    while ((key = jwks_find(keys, j->alg, kid, &at))) {
        tried = true;
        if (sigkey_verify(key, j->alg, j->input, j->signature))
            return JWT_OK;
    }
    return tried ? JWT_SIGNATURE : JWT_UNKNOWN_KEY;
}

/* ---- dates: RFC 7519 4.1.4 to 4.1.6 ---- */

struct span {
    int64_t from_ms, until_ms;
};

static int64_t
date_clamp(int64_t s)
{
    if (s < 0)
        return 0;
    return s > DATE_MAX_S ? DATE_MAX_S : s;
}

/* A NumericDate in ms, which may have a fraction. */
static bool
date_read(const struct claim_read *c, int64_t *ret_ms)
{
    if (c->kind == CLAIM_WHOLE)
        *ret_ms = date_clamp(c->whole) * 1000;
    else if (c->kind != CLAIM_REAL)
        return false;
    else if (c->real <= 0)
        *ret_ms = 0;
    else
        *ret_ms =
            c->real > (double)DATE_MAX_S ? DATE_MAX_S * 1000 : (int64_t)(c->real * 1000);
    return true;
}

/* exp must be a whole number (reliability.md J4): what decides how long a token lives has one
 * reading only. */
static enum jwt_result
dates_read(const struct claims_read *all, const struct token_rules *rules, struct span *s)
{
    const struct claim_read *exp = claims_read_get(all, "exp");
    const char *const starts[] = { "nbf", "iat" };
    int64_t ms;

    *s = (struct span){ INT64_MIN, INT64_MAX };
    if (!exp && rules->require_exp)
        return JWT_NO_EXPIRY;
    if (exp) {
        if (exp->kind != CLAIM_WHOLE)
            return JWT_MALFORMED;
        s->until_ms = date_clamp(exp->whole) * 1000 + rules->skew_ms;
    }
    for (size_t i = 0; i < ARRAY_LEN(starts); i++) {
        const struct claim_read *c = claims_read_get(all, starts[i]);

        if (!c)
            continue;
        if (!date_read(c, &ms))
            return JWT_MALFORMED;
        if (ms - rules->skew_ms > s->from_ms)
            s->from_ms = ms - rules->skew_ms;
    }
    return JWT_OK;
}

static enum jwt_result
dates_check(const struct claims_read *all, const struct token_rules *rules,
            int64_t now_ms, struct span *s)
{
    enum jwt_result r = dates_read(all, rules, s);

    if (r != JWT_OK)
        return r;
    if (now_ms >= s->until_ms)
        return JWT_EXPIRED;
    return now_ms < s->from_ms ? JWT_NOT_YET : JWT_OK;
}

/* ---- other claims ---- */

static bool
audience_is_one(const struct token_rules *rules, const struct claim_read *c)
{
    for (size_t i = 0; c->kind == CLAIM_TEXT && i < rules->n_audiences; i++)
        if (slice_eq(c->value, rules->audiences[i]))
            return true;
    return false;
}

/* One text, or a list of them (RFC 7519 4.1.3): the values right behind that have its name, too. */
static bool
audience_fits(const struct token_rules *rules, const struct claims_read *all)
{
    const struct claim_read *aud = claims_read_get(all, "aud");
    const struct claim_read *end = all->v + all->n;

    if (!aud || aud->kind != CLAIM_TREE)
        return aud && audience_is_one(rules, aud);
    for (const struct claim_read *c = aud + 1; c < end && c->depth > 1; c++)
        if (c->depth == 2 && c->name.p == aud->name.p && audience_is_one(rules, c))
            return true;
    return false;
}

static bool
required_are_there(const struct token_rules *rules, const struct claims *c)
{
    const struct conf_map *m = rules->required;

    for (size_t i = 0; m && i < m->n; i++)
        if (!claims_has(c, slice_of(m->items[i].key), slice_of(m->items[i].value)))
            return false;
    return true;
}

/* ---- headers ---- */

/* What gRPC metadata can hold, and what has one reading: no blanks at the ends, and in a list no commas in its
 * elements, which would look like further elements. */
static bool
value_is_plain(struct slice v, bool in_list)
{
    if (v.n == 0 || v.n > HEADER_VALUE_MAX || v.p[0] == ' ' || v.p[v.n - 1] == ' ')
        return false;
    for (size_t i = 0; i < v.n; i++)
        if (v.p[i] < 0x20 || v.p[i] > 0x7e || (in_list && v.p[i] == ','))
            return false;
    return true;
}

/* The elements of a list with commas. False: no header can hold it. */
static bool
value_join(struct token *t, struct slice claim, struct token_value *ret)
{
    const struct claim *c;
    uint8_t *text;
    size_t at = 0, n = 0;

    while ((c = claims_find(&t->claims, claim, &at))) {
        if (!value_is_plain(c->value, true))
            return false;
        n += c->value.n + 1;
    }
    if (n - 1 > HEADER_VALUE_MAX)
        return false;
    text = slab_malloc(t->home->slab, n);
    if (!text)
        return false;
    ret->own = text;
    ret->text = slice_make(text, n - 1);
    t->size += n;
    at = 0;
    while ((c = claims_find(&t->claims, claim, &at))) {
        memcpy(text, c->value.p, c->value.n);
        text += c->value.n;
        *text++ = ',';
    }
    return true;
}

static void
values_make(struct token *t, const struct token_rules *rules)
{
    for (size_t i = 0; i < t->n_values; i++) {
        struct slice claim = slice_of(rules->headers->items[i].value);
        struct token_value *v = &t->values[i];
        size_t at = 0;
        const struct claim *one = claims_find(&t->claims, claim, &at);
        bool good;

        *v = (struct token_value){ 0 };
        if (!one)
            continue;
        if (claims_find(&t->claims, claim, &at)) {
            good = value_join(t, claim, v);
        } else {
            good = value_is_plain(one->value, false);
            if (good)
                v->text = one->value;
        }
        t->values_lost += !good;
    }
}

/* ---- tokens ---- */

struct token_home *
token_home_new(void)
{
    struct token_home *h = xcalloc(1, sizeof(*h));

    h->slab = slab_new();
    return h;
}

static void
home_free_when_done(struct token_home *h)
{
    if (!h->closed || h->alive > 0)
        return;
    slab_free(h->slab);
    xfree(h);
}

void
token_home_close(struct token_home *h)
{
    h->closed = true;
    home_free_when_done(h);
}

static void
token_free(struct ref *ref)
{
    struct token *t = CONTAINER_OF(ref, struct token, ref);
    struct token_home *h = t->home;

    for (size_t i = 0; i < t->n_values; i++)
        slab_give(h->slab, t->values[i].own);
    slab_give(h->slab, t);
    h->alive--;
    home_free_when_done(h);
}

void
token_drop(struct token *t, struct reaper *r)
{
    if (r)
        ref_drop(&t->ref, r);
    else if (--t->ref.count == 0)
        token_free(&t->ref);
}

/* One piece: the token, values, claims, texts of claims, the text. */
static struct token *
token_new(struct token_home *h, const struct token_draft *d,
          const struct token_rules *rules)
{
    size_t n_values = rules->headers ? rules->headers->n : 0;
    size_t size = sizeof(struct token) + n_values * sizeof(struct token_value) +
                  d->claims.kept * sizeof(struct claim) + d->claims.bytes + d->text.n;
    struct token *t = slab_malloc(h->slab, size);
    struct claim *claims;
    char *text;

    if (!t)
        return NULL;
    h->alive++;
    *t = (struct token){
        .home = h,
        .size = size,
        .values = (struct token_value *)(void *)(t + 1),
        .n_values = n_values,
    };
    ref_init(&t->ref, token_free);
    claims = (struct claim *)(void *)(t->values + n_values);
    text = (char *)(claims + d->claims.kept);
    t->claims = claims_make(&d->claims, claims, text);
    text += d->claims.bytes;
    memcpy(text, d->text.p, d->text.n);
    t->text = slice_make(text, d->text.n);
    t->payload =
        slice_make(text + (d->jose.payload_text.p - d->text.p), d->jose.payload_text.n);
    values_make(t, rules);
    return t;
}

enum jwt_result
token_make(struct token_home *h, const struct token_draft *d,
           const struct token_rules *rules, int64_t now_ms, struct token **ret)
{
    struct span span;
    enum jwt_result r = dates_check(&d->claims, rules, now_ms, &span);
    struct token *t;

    if (r != JWT_OK)
        return r;
    if (!d->issuer.p || !slice_eq(d->issuer, rules->issuer))
        return JWT_ISSUER;
    if (!audience_fits(rules, &d->claims))
        return JWT_AUDIENCE;
    t = token_new(h, d, rules);
    if (!t)
        return JWT_NO_MEMORY;
    if (!required_are_there(rules, &t->claims)) {
        token_free(&t->ref);
        return JWT_CLAIM;
    }
    t->from_ms = span.from_ms;
    t->until_ms = span.until_ms;
    *ret = t;
    return JWT_OK;
}
