/* SPDX-License-Identifier: Apache-2.0 */
/* filter/token.c */
#include "filter/token.h"

#include <string.h>

#include "base/compat.h"
#include "base/slab.h"
#include "base/xalloc.h"
#include "conf/field.h"
#include "conf/json.h"

#define DATE_MAX_S INT64_C(253402300799) /* the end of the year 9999 */

enum { HEADER_VALUE_MAX = 4096 };

/* ---- reading ---- */

enum jwt_result
token_draft_read(struct token_draft *d, struct slice text, unsigned algs)
{
    enum jwt_result r = jose_parse(text, algs, &d->jose);
    struct jtree_fault fault;

    if (r != JWT_OK)
        return r;
    d->text = text;
    d->payload = jtree_read((const char *)d->jose.payload.p, d->jose.payload.n, &fault);
    if (!d->payload)
        return JWT_MALFORMED;
    if (!jtree_is_object(d->payload)) {
        token_draft_done(d);
        return JWT_MALFORMED;
    }
    d->issuer = slice_of(jtree_get_string(d->payload, "iss", NULL));
    return JWT_OK;
}

void
token_draft_done(struct token_draft *d)
{
    jtree_free(d->payload);
    d->payload = NULL;
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
date_read(const struct json_t *v, int64_t *ret_ms)
{
    int64_t whole;
    double real;

    if (jtree_int(v, &whole)) {
        *ret_ms = date_clamp(whole) * 1000;
        return true;
    }
    if (!jtree_real(v, &real))
        return false;
    if (real < 0)
        real = 0;
    *ret_ms = real > (double)DATE_MAX_S ? DATE_MAX_S * 1000 : (int64_t)(real * 1000);
    return true;
}

/* exp must be a whole number (reliability.md J4): what decides how long a token lives has one
 * reading only. */
static enum jwt_result
dates_read(const struct json_t *payload, const struct token_rules *rules, struct span *s)
{
    const struct json_t *exp = jtree_get_raw(payload, "exp");
    int64_t whole, ms;

    *s = (struct span){ INT64_MIN, INT64_MAX };
    if (!exp && rules->require_exp)
        return JWT_NO_EXPIRY;
    if (exp) {
        if (!jtree_int(exp, &whole))
            return JWT_MALFORMED;
        s->until_ms = date_clamp(whole) * 1000 + rules->skew_ms;
    }
    for (const char *const *name = (const char *const[]){ "nbf", "iat", NULL }; *name;
         name++) {
        const struct json_t *v = jtree_get_raw(payload, *name);

        if (!v)
            continue;
        if (!date_read(v, &ms))
            return JWT_MALFORMED;
        if (ms - rules->skew_ms > s->from_ms)
            s->from_ms = ms - rules->skew_ms;
    }
    return JWT_OK;
}

static enum jwt_result
dates_check(const struct json_t *payload, const struct token_rules *rules, int64_t now_ms,
            struct span *s)
{
    enum jwt_result r = dates_read(payload, rules, s);

    if (r != JWT_OK)
        return r;
    if (now_ms >= s->until_ms)
        return JWT_EXPIRED;
    return now_ms < s->from_ms ? JWT_NOT_YET : JWT_OK;
}

/* ---- other claims ---- */

static bool
audience_is_one(const struct token_rules *rules, const struct json_t *v)
{
    struct slice name = slice_of(jtree_string(v));

    for (size_t i = 0; name.p && i < rules->n_audiences; i++)
        if (slice_eq(name, rules->audiences[i]))
            return true;
    return false;
}

/* One text, or a list of them (RFC 7519 4.1.3). */
static bool
audience_fits(const struct token_rules *rules, const struct json_t *payload)
{
    const struct json_t *aud = jtree_get(payload, "aud");

    if (!jtree_is_list(aud))
        return audience_is_one(rules, aud);
    for (size_t i = 0; i < jtree_count(aud); i++)
        if (audience_is_one(rules, jtree_item(aud, i)))
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
          const struct token_rules *rules, const struct claims_need *need)
{
    size_t n_values = rules->headers ? rules->headers->n : 0;
    size_t size = sizeof(struct token) + n_values * sizeof(struct token_value) +
                  need->n * sizeof(struct claim) + need->bytes + d->text.n;
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
    text = (char *)(claims + need->n);
    t->claims = claims_fill(d->payload, need, claims, text);
    text += need->bytes;
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
    enum jwt_result r = dates_check(d->payload, rules, now_ms, &span);
    struct claims_need need;
    struct token *t;

    if (r != JWT_OK)
        return r;
    if (!d->issuer.p || !slice_eq(d->issuer, rules->issuer))
        return JWT_ISSUER;
    if (!audience_fits(rules, d->payload))
        return JWT_AUDIENCE;
    if (!claims_measure(d->payload, &need))
        return JWT_MALFORMED;
    t = token_new(h, d, rules, &need);
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
