/* SPDX-License-Identifier: Apache-2.0 */
/* filter/jwks.c */
#include "filter/jwks.h"

#include <stdatomic.h>

#include "base/base64.h"
#include "base/compat.h"
#include "base/strbuf.h"
#include "base/xalloc.h"
#include "conf/json.h"
#include "filter/jose.h"
#include "net/digest.h"

/* Room for the longest number, the modulus of an RSA key, and a zero before it. */
enum { NUMBER_MAX = SIG_LEN_MAX + 1, WHY_KID_MAX = 64 };

struct jwk {
    struct sigkey *key;
    struct slice kid; /* p NULL: none */
};

struct jwks {
    _Atomic unsigned holds;
    size_t n;
    struct jwk v[];
};

struct number {
    uint8_t bytes[NUMBER_MAX + 2];
    size_t n; /* 0: it is missing or no base64url */
};

static struct slice
number_get(const struct json_t *o, const char *member, struct number *room)
{
    struct slice text = slice_of(jtree_get_string(o, member, NULL));
    long n =
        text.n <= (NUMBER_MAX + 2) / 3 * 4 ? base64url_decode(text, room->bytes) : -1;

    room->n = n > 0 ? (size_t)n : 0;
    return slice_make(room->bytes, room->n);
}

/* ---- what a key is for: RFC 7517 4.2 to 4.4 ---- */

/* The algorithms that the key may be asked for by its own words; 0: it is not for us. */
static unsigned
jwk_algs(const struct json_t *o)
{
    const struct json_t *alg = jtree_get(o, "alg"), *use = jtree_get(o, "use"),
                        *ops = jtree_get(o, "key_ops");
    bool verify = !ops;
    int found;

    for (size_t i = 0; i < jtree_count(ops) && jtree_is_list(ops); i++)
        if (slice_eq_str(slice_of(jtree_string(jtree_item(ops, i))), "verify"))
            verify = true;
    if (!verify || (use && !slice_eq_str(slice_of(jtree_string(use)), "sig")))
        return 0;
    if (!alg)
        return SIG_SET_HS | SIG_SET_PUBLIC;
    found = sig_alg_find(slice_of(jtree_string(alg)));
    return found < 0 ? 0 : SIG_BIT(found);
}

static struct sigkey *
ec_make(const struct json_t *o, unsigned algs, const char **ret_why)
{
    static const char *const curves[3] = { "P-256", "P-384", "P-521" };
    struct slice crv = slice_of(jtree_get_string(o, "crv", NULL));
    struct number x, y;

    for (unsigned i = 0; i < 3; i++) {
        enum sig_alg alg = (enum sig_alg)(SIG_ES256 + i);

        if (slice_eq_str(crv, curves[i]) && (algs & SIG_BIT(alg)))
            return sigkey_ec(alg, number_get(o, "x", &x), number_get(o, "y", &y),
                             ret_why);
    }
    return NULL; /* another curve, or its alg does not fit */
}

/* NULL without *ret_why: nothing that we know. */
static struct sigkey *
jwk_make(const struct json_t *o, unsigned algs, const char **ret_why)
{
    struct slice kty = slice_of(jtree_get_string(o, "kty", NULL));
    struct sigkey *key = NULL;
    struct number a, b;

    if (slice_eq_str(kty, "RSA") && (algs & SIG_SET_RSA))
        return sigkey_rsa(number_get(o, "n", &a), number_get(o, "e", &b), algs, ret_why);
    if (slice_eq_str(kty, "EC"))
        return ec_make(o, algs, ret_why);
    if (slice_eq_str(kty, "OKP") && (algs & SIG_BIT(SIG_EDDSA)) &&
        slice_eq_str(slice_of(jtree_get_string(o, "crv", NULL)), "Ed25519"))
        return sigkey_ed25519(number_get(o, "x", &a), ret_why);
    if (slice_eq_str(kty, "oct") && (algs & SIG_SET_HS)) {
        key = sigkey_hmac(number_get(o, "k", &a), algs, ret_why);
        secret_wipe(a.bytes, sizeof(a.bytes));
    }
    return key;
}

/* ---- the set ---- */

static void
jwks_add(struct jwks *k, const struct json_t *o, size_t i, struct strbuf *why)
{
    const struct json_t *kid = jtree_get(o, "kid");
    const char *name = jtree_string(kid);
    const char *fault = NULL;
    unsigned algs = jwk_algs(o);
    struct sigkey *key = NULL;

    if (!jtree_is_object(o) || !jtree_get_string(o, "kty", NULL))
        fault = "is no key: it has no \"kty\"";
    else if (kid && (!name || strlen(name) > JOSE_KID_MAX))
        fault = "has a \"kid\" that is no string of at most 256 bytes";
    else if (algs)
        key = jwk_make(o, algs, &fault);
    if (key) {
        k->v[k->n].key = key;
        if (name)
            k->v[k->n].kid = slice_of(xstrdup(name));
        k->n++;
    } else if (fault && why->len == 0) {
        strbuf_printf(why, "has a key that is not used: number %zu%s%.*s%s %s", i + 1,
                      name ? " (kid " : "", WHY_KID_MAX, name ? name : "",
                      name ? ")" : "", fault);
    }
}

static struct jwks *
jwks_of_tree(const struct json_t *tree, struct strbuf *why)
{
    const struct json_t *list = jtree_get(tree, "keys");
    size_t n = jtree_count(list);
    struct jwks *k;

    if (!jtree_is_list(list)) {
        strbuf_puts(why, "has no list \"keys\"; write {\"keys\": [...]}, see RFC 7517");
        return NULL;
    }
    if (n > JWKS_KEYS_MAX) {
        strbuf_printf(why, "has %zu keys; the most is %d", n, JWKS_KEYS_MAX);
        return NULL;
    }
    k = xcalloc(1, sizeof(*k) + n * sizeof(k->v[0]));
    atomic_init(&k->holds, 1);
    for (size_t i = 0; i < n; i++)
        jwks_add(k, jtree_item(list, i), i, why);
    if (k->n > 0)
        return k;
    if (why->len == 0)
        strbuf_puts(why, "has no key that can check a signature");
    jwks_drop(k);
    return NULL;
}

struct jwks *
jwks_parse(const char *text, size_t n, struct strbuf *why)
{
    struct jtree_fault fault;
    struct json_t *tree;
    struct jwks *k;

    if (n > JWKS_TEXT_MAX) {
        strbuf_printf(why, "is larger than %d KiB", JWKS_TEXT_MAX / 1024);
        return NULL;
    }
    tree = jtree_read(text, n, &fault);
    if (!tree) {
        strbuf_printf(why, "cannot be read, line %zu, column %zu: %s", fault.line,
                      fault.column, fault.why);
        return NULL;
    }
    k = jwks_of_tree(tree, why);
    jtree_free(tree);
    return k;
}

struct jwks *
jwks_hold(struct jwks *k)
{
    atomic_fetch_add_explicit(&k->holds, 1, memory_order_relaxed);
    return k;
}

void
jwks_drop(struct jwks *k)
{
    if (!k || atomic_fetch_sub_explicit(&k->holds, 1, memory_order_acq_rel) > 1)
        return;
    for (size_t i = 0; i < k->n; i++) {
        sigkey_free(k->v[i].key);
        xfree((void *)(uintptr_t)k->v[i].kid.p);
    }
    xfree(k);
}

size_t
jwks_count(const struct jwks *k)
{
    return k->n;
}

bool
jwks_has(const struct jwks *k, struct slice kid)
{
    for (size_t i = 0; k && i < k->n; i++)
        if (k->v[i].kid.p && slice_eq(k->v[i].kid, kid))
            return true;
    return false;
}

const struct sigkey *
jwks_find(const struct jwks *k, enum sig_alg alg, struct slice kid, size_t *at)
{
    while (*at < k->n) {
        const struct jwk *key = &k->v[(*at)++];

        if ((sigkey_algs(key->key) & SIG_BIT(alg)) &&
            (!kid.p || (key->kid.p && slice_eq(key->kid, kid))))
            return key->key;
    }
    return NULL;
}
