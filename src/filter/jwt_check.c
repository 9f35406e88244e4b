/* SPDX-License-Identifier: Apache-2.0 */
/* filter/jwt_check.c - what is wrong with the settings of a filter "jwt": keys that are missing or do not go together, and the sets of keys as they are
 * now. Whoever may come in must be said (reliability.md J6): there is no default for issuer and audiences. */
#include <string.h>

#include "base/err.h"
#include "base/strbuf.h"
#include "base/xalloc.h"
#include "conf/check.h"
#include "filter/edit.h"
#include "filter/jwks.h"
#include "filter/jwt_conf.h"
#include "resolve/readfile.h"

enum { WHY_MAX = 512, CA_MAX = 4 * 1024 * 1024 };

int
jwt_from_valid(const char *text, const char **ret_why)
{
    const char *rest;

    *ret_why =
        "write \"file:/path\" with the whole path, a URL (\"https://...\"), or the "
        "set of keys itself (\"{\\\"keys\\\": [...]}\")";
    switch (jwks_from_kind(text, &rest)) {
    case JWKS_URL:
        *ret_why = fetch_url_refuse(text);
        return *ret_why ? ERR_SYNTAX : ERR_OK;
    case JWKS_UNKNOWN:
        return ERR_SYNTAX;
    default:
        return ERR_OK;
    }
}

int
jwt_header_valid(const char *text, const char **ret_why)
{
    size_t n = strlen(text);

    *ret_why = edit_name_refuse(text);
    if (!*ret_why && n > 4 && strcmp(text + n - 4, "-bin") == 0)
        *ret_why = "headers whose names end in -bin carry bytes, and this is text";
    return *ret_why ? ERR_SYNTAX : ERR_OK;
}

/* ---- keys ---- */

/* A set that can be read now. */
static void
check_set(const struct jwt_provider_conf *p, struct conf_place *place, const char *text,
          size_t n)
{
    unsigned algs = jwt_provider_algs(p);
    struct strbuf why;
    struct jwks *keys;
    bool fits = false;

    strbuf_init(&why, WHY_MAX);
    keys = jwks_parse(text, n, &why);
    for (int alg = 0; keys && alg < SIG_ALGS; alg++) {
        size_t at = 0;

        if (algs & SIG_BIT(alg))
            fits |= jwks_find(keys, (enum sig_alg)alg, (struct slice){ 0 }, &at) != NULL;
    }
    if (!keys)
        conf_problem(place, "jwks", "E0342", "the set of keys %s", why.s);
    else if (!fits)
        conf_problem(place, "jwks", "E0342",
                     "no key of the set can make a signature with one of the "
                     "algorithms; name the keys' algorithm in \"algorithms\"");
    else if (why.len > 0)
        conf_warning(place, "jwks", "W0342", "the set of keys %s", why.s);
    jwks_drop(keys);
    strbuf_done(&why);
}

static void
check_file(const struct jwt_provider_conf *p, struct conf_place *place, const char *path)
{
    const char *why;
    char *text;
    size_t n;

    if (file_read(path, JWKS_TEXT_MAX, &text, &n, &why) != ERR_OK) {
        conf_problem(place, "jwks", "E0347", "%s cannot be read: %s", path, why);
        return;
    }
    check_set(p, place, text, n);
    xfree(text);
}

static void
check_url(const struct jwt_provider_conf *p, struct conf_place *place)
{
    const char *missing = fetch_missing(), *why;
    char *text;
    size_t n;

    if (missing) {
        conf_problem(place, "jwks", "E0343",
                     "a set of keys from a URL %s; or let something else put the keys "
                     "into a file, and write \"file:/path\"",
                     missing);
        return;
    }
    if (strncmp(p->jwks.from, "https", 5) != 0 && !fetch_url_is_loopback(p->jwks.from))
        conf_warning(place, "jwks", "W0343",
                     "keys that come over plain http can be changed by everybody on the "
                     "way, who can then make tokens; use https");
    if (!p->jwks.ca)
        return;
    if (file_read(p->jwks.ca, CA_MAX, &text, &n, &why) != ERR_OK)
        conf_problem(place, "jwks.ca", "E0347", "%s cannot be read: %s", p->jwks.ca, why);
    else
        xfree(text);
}

static void
check_keys(const struct jwt_provider_conf *p, struct conf_place *place)
{
    const char *rest;

    switch (jwks_from_kind(p->jwks.from, &rest)) {
    case JWKS_INLINE:
        check_set(p, place, rest, strlen(rest));
        break;
    case JWKS_FILE:
        check_file(p, place, rest);
        break;
    case JWKS_URL:
        check_url(p, place);
        break;
    case JWKS_UNKNOWN: /* it was told at the value */
        break;
    }
}

void
jwks_conf_check(void *obj, struct conf_place *place)
{
    const struct jwks_conf *c = obj;
    struct jwks_conf usual;
    const char *rest;

    if (!conf_place_clean(place) || !c->from)
        return;
    if (jwks_from_kind(c->from, &rest) == JWKS_URL) {
        conf_check_at_least(place, CONF_DURATION, "maxStale", c->max_stale_ms, "refresh",
                            c->refresh_ms);
        return;
    }
    /* A config that was printed has the defaults. */
    field_defaults(&jwks_conf_struct, &usual);
    const struct {
        const char *key;
        bool set;
    } rows[] = {
        { "ca", c->ca != NULL },
        { "refresh", c->refresh_ms != usual.refresh_ms },
        { "timeout", c->timeout_ms != usual.timeout_ms },
        { "maxStale", c->max_stale_ms != usual.max_stale_ms },
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (rows[i].set)
            conf_problem(place, rows[i].key, "E0341",
                         "%s is only for keys that come from a URL; take it out",
                         rows[i].key);
}

/* ---- one issuer ---- */

static const struct jwt_place_conf *
place_at(const struct jwt_provider_conf *p, size_t i)
{
    static const struct jwt_place_conf usual = { "authorization", NULL };
    const struct jwt_place_conf *v = p->places.items;

    if (p->places.n == 0)
        return i == 0 ? &usual : NULL;
    return i < p->places.n && v[i].name ? &v[i] : NULL;
}

/* Headers that are ours are taken out of each request before tokens are looked for. */
static void
check_not_place(const struct jwt_provider_conf *p, struct conf_place *place,
                const char *key, const char *name)
{
    const struct jwt_place_conf *at;

    for (size_t i = 0; (at = place_at(p, i)); i++)
        if (strcmp(at->name, name) == 0)
            conf_problem(place, key, "E0345",
                         "%s has the token; give backends what it says in another header",
                         name);
}

static void
check_headers(const struct jwt_provider_conf *p, struct conf_place *place)
{
    const struct conf_map *m = &p->claim_headers;
    const char *why;

    if (p->payload_header)
        check_not_place(p, place, "payloadHeader", p->payload_header);
    for (size_t i = 0; i < m->n; i++) {
        check_not_place(p, place, "claimToHeaders", m->items[i].key);
        if (jwt_header_valid(m->items[i].key, &why) != ERR_OK)
            conf_problem(place, "claimToHeaders", "E0280", "%s: %s", m->items[i].key,
                         why);
        else if (p->payload_header && strcmp(m->items[i].key, p->payload_header) == 0)
            conf_problem(place, "payloadHeader", "E0345",
                         "%s is in claimToHeaders, too; a header has one meaning",
                         p->payload_header);
        if (m->items[i].value[0] == '\0')
            conf_problem(place, "claimToHeaders", "E0345",
                         "write the name of the claim that %s gets", m->items[i].key);
    }
}

static const struct {
    const char *key, *text;
} needed[] = {
    { "issuer", "write the \"issuer\": what the claim iss of the tokens must be" },
    { "audiences",
      "write the \"audiences\": whom the tokens must be for (their claim aud); without "
      "it, tokens for other services could be used here" },
    { "jwks", "write \"jwks\": where the issuer's public keys are" },
};

void
jwt_check_provider(void *obj, struct conf_place *place)
{
    const struct jwt_provider_conf *p = obj;
    const struct jwt_audience_conf *audiences = p->audiences.items;
    bool good[] = { p->issuer && p->issuer[0], p->audiences.n > 0, p->jwks.on };

    for (size_t i = 0; i < ARRAY_LEN(needed); i++)
        if (!good[i] && (!conf_place_has(place, needed[i].key) || (i == 0 && p->issuer)))
            conf_problem(place, i == 0 && p->issuer ? "issuer" : NULL, "E0340",
                         "a jwt filter must know whom to trust: %s", needed[i].text);
    for (size_t i = 0; i < p->audiences.n; i++)
        if (audiences[i].name && audiences[i].name[0] == '\0')
            conf_problem_item(place, "audiences", i, NULL, "E0340",
                              "an audience has a name");
    check_headers(p, place);
    if (p->jwks.on && p->jwks.from)
        check_keys(p, place);
}

/* ---- the filter ---- */

static bool
places_meet(const struct jwt_provider_conf *a, const struct jwt_provider_conf *b)
{
    const struct jwt_place_conf *x, *y;

    for (size_t i = 0; (x = place_at(a, i)); i++)
        for (size_t k = 0; (y = place_at(b, k)); k++)
            if (strcmp(x->name, y->name) == 0)
                return true;
    return false;
}

/* A header that one provider sets is not where another one's token is. */
static void
check_headers_of(const struct jwt_provider_conf *p, const struct jwt_provider_conf *other,
                 size_t i, struct conf_place *place)
{
    const struct jwt_place_conf *at;

    for (size_t k = 0; (at = place_at(other, k)); k++)
        if (conf_map_get(&p->claim_headers, at->name) ||
            (p->payload_header && strcmp(p->payload_header, at->name) == 0))
            conf_problem_item(place, "providers", i, NULL, "E0345",
                              "%s has the token of another provider; give backends what "
                              "this one says in another header",
                              at->name);
}

/* So --print-config has the keys that nobody set. */
static bool
says_the_default(const struct jwt_conf *c, const char *key)
{
    struct jwt_conf d;

    field_defaults(&jwt_conf_struct, &d);
    if (strcmp(key, "forward") == 0)
        return c->one.forward == d.one.forward;
    if (strcmp(key, "claimToHeaders") == 0)
        return c->one.claim_headers.n == 0;
    if (strcmp(key, "requiredClaims") == 0)
        return c->one.required.n == 0;
    if (strcmp(key, "clockSkew") == 0)
        return c->one.skew_ms == d.one.skew_ms;
    return strcmp(key, "requireExp") == 0 && c->one.require_exp == d.one.require_exp;
}

static void
check_several(const struct jwt_conf *c, struct conf_place *place)
{
    static const char *const keys[] = {
        "issuer",         "audiences", "jwks",           "algorithms",
        "fromHeaders",    "forward",   "claimToHeaders", "payloadHeader",
        "requiredClaims", "clockSkew", "requireExp",
    };
    const struct jwt_provider_conf *v = c->providers.items;

    for (size_t i = 0; i < ARRAY_LEN(keys); i++)
        if (conf_place_has(place, keys[i]) && !says_the_default(c, keys[i]))
            conf_problem(place, keys[i], "E0344",
                         "%s belongs to one issuer; with \"providers\" write it in each "
                         "of them",
                         keys[i]);
    for (size_t i = 0; i < c->providers.n; i++)
        for (size_t k = 0; k < c->providers.n; k++)
            if (i != k)
                check_headers_of(&v[i], &v[k], i, place);
    for (size_t i = 0; i < c->providers.n && c->require == JWT_REQUIRE_ALL; i++)
        for (size_t k = 0; k < i; k++)
            if (places_meet(&v[i], &v[k]))
                conf_problem_item(place, "providers", i, "fromHeaders", "E0346",
                                  "with \"require\": \"all\" each provider's token comes "
                                  "in a header of its own; providers %zu and %zu read "
                                  "the same one",
                                  k + 1, i + 1);
}

void
jwt_check(void *obj, struct conf_place *place)
{
    struct jwt_conf *c = obj;

    if (c->providers.n > 0)
        check_several(c, place);
    else if (!conf_place_has(place, "providers"))
        jwt_check_provider(&c->one, place);
}
