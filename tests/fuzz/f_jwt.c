/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzz target: any bytes as a token, and as the payload of one. Whatever base64 and JSON say, it is read within its bounds; what our reader takes for JSON, jansson does, and
 * both see the same in it. A token with a right signature would have to be guessed, so the part behind the signature gets its payloads without one. */
#include <stdio.h>
#include <string.h>

#include "base/base64.h"
#include "base/slab.h"
#include "base/xalloc.h"
#include "conf/field.h"
#include "conf/json.h"
#include "filter/token.h"
#include "fuzz.h"

/* ---- our reader beside jansson ---- */

static void compare_value(struct jscan *s, enum jscan_step step, const struct json_t *v,
                          struct jscan_keys *keys);

static void
compare_object(struct jscan *s, const struct json_t *v, struct jscan_keys *keys)
{
    size_t n = 0;
    enum jscan_step step;

    FUZZ_CHECK(jtree_is_object(v));
    jscan_keys_open(keys, s);
    while ((step = jscan_next(s)) == JSCAN_KEY) {
        char key[8192];
        const struct json_t *member = NULL;

        FUZZ_CHECK(jscan_keys_add(keys, s));
        memcpy(key, s->text.p, s->text.n);
        key[s->text.n] = '\0';
        for (void *at = jtree_first(v); at; at = jtree_next(v, at))
            if (strcmp(jtree_key(at), key) == 0)
                member = jtree_value(at);
        FUZZ_CHECK(member);
        compare_value(s, jscan_next(s), member, keys);
        n++;
    }
    FUZZ_CHECK(step == JSCAN_OBJECT_END && n == jtree_count(v));
    jscan_keys_close(keys, s);
}

static void
compare_list(struct jscan *s, const struct json_t *v, struct jscan_keys *keys)
{
    enum jscan_step step;
    size_t n = 0;

    FUZZ_CHECK(jtree_is_list(v));
    while ((step = jscan_next(s)) != JSCAN_LIST_END) {
        FUZZ_CHECK(step > JSCAN_DONE && n < jtree_count(v));
        compare_value(s, step, jtree_item(v, n++), keys);
    }
    FUZZ_CHECK(n == jtree_count(v));
}

static void
compare_value(struct jscan *s, enum jscan_step step, const struct json_t *v,
              struct jscan_keys *keys)
{
    const char *text = jtree_string(v);
    int64_t whole;

    switch (step) {
    case JSCAN_OBJECT:
        compare_object(s, v, keys);
        break;
    case JSCAN_LIST:
        compare_list(s, v, keys);
        break;
    case JSCAN_STRING:
        FUZZ_CHECK(text && slice_eq_str(s->text, text));
        break;
    case JSCAN_WHOLE:
        FUZZ_CHECK(jtree_int(v, &whole) && whole == s->whole);
        break;
    case JSCAN_REAL:
    case JSCAN_NULL:
        FUZZ_CHECK(!text && !jtree_int(v, &whole) && !jtree_is_object(v) &&
                   !jtree_is_list(v));
        break;
    case JSCAN_TRUE:
    case JSCAN_FALSE:
        FUZZ_CHECK(jtree_bool(v, step != JSCAN_TRUE) == (step == JSCAN_TRUE));
        break;
    default:
        FUZZ_CHECK(0);
    }
}

/* True: it is JSON for us, without a key that stands twice. */
static int
reads(const uint8_t *bytes, size_t n)
{
    static struct jscan_keys keys;
    uint8_t *copy = xmalloc(n + 1);
    enum jscan_step step;
    struct jscan s;
    int good;

    memcpy(copy, bytes, n);
    jscan_init(&s, copy, n);
    jscan_keys_init(&keys);
    step = jscan_next(&s);
    good = (step == JSCAN_OBJECT || step == JSCAN_LIST) && jscan_skip(&s, &keys) &&
           jscan_next(&s) == JSCAN_DONE;
    xfree(copy);
    return good;
}

static void
check_json(const uint8_t *bytes, size_t n)
{
    struct jtree_fault fault;
    struct json_t *tree = jtree_read((const char *)bytes, n, &fault);
    int good = reads(bytes, n);

    /* We have limits that it does not have: depth, keys, digits. */
    FUZZ_CHECK(!good || tree);
    if (good) {
        static struct jscan_keys keys;
        uint8_t *copy = xmalloc(n + 1);
        struct jscan s;

        memcpy(copy, bytes, n);
        jscan_init(&s, copy, n);
        jscan_keys_init(&keys);
        compare_value(&s, jscan_next(&s), tree, &keys);
        FUZZ_CHECK(jscan_next(&s) == JSCAN_DONE);
        xfree(copy);
    } else if (tree && n < 256 &&
               !memchr(bytes, '\0', n)) { /* jansson 2.14 loses a NUL behind a number */
        /* Short texts can only be over our limits by depth or a long number. */
        unsigned depth = 0, most = 0, digits = 0, longest = 0;

        for (size_t i = 0; i < n; i++) {
            depth += bytes[i] == '{' || bytes[i] == '[';
            depth -= depth && (bytes[i] == '}' || bytes[i] == ']');
            most = depth > most ? depth : most;
            digits = bytes[i] > ' ' && bytes[i] != ',' ? digits + 1 : 0;
            longest = digits > longest ? digits : longest;
        }
        FUZZ_CHECK(most > JSCAN_DEPTH_MAX || longest > JSCAN_NUMBER_MAX);
    }
    jtree_free(tree);
}

/* ---- tokens ---- */

static void
check_token(struct token *t, const struct token_draft *d)
{
    size_t at = 0;

    FUZZ_CHECK(slice_eq(t->text, d->text));
    FUZZ_CHECK(claims_has(&t->claims, slice_of("iss"), slice_of("me")));
    FUZZ_CHECK(claims_find(&t->claims, slice_of("aud"), &at));
    for (size_t i = 0; i < t->claims.n; i++) {
        const struct claim *c = &t->claims.v[i];

        FUZZ_CHECK(c->name.n <= CLAIMS_NAMES_MAX && c->value.n <= JOSE_TOKEN_MAX);
        FUZZ_CHECK(!memchr(c->value.p, '\0', c->value.n));
    }
    for (size_t i = 0; i < t->n_values; i++)
        for (size_t k = 0; k < t->values[i].text.n; k++)
            FUZZ_CHECK(t->values[i].text.p[k] >= 0x20 && t->values[i].text.p[k] <= 0x7e);
}

static void
check_draft(struct slice text)
{
    static struct conf_pair headers[] = { { "x-a", "a" }, { "x-b", "b.c" } };
    static const struct conf_map map = { headers, 2 };
    static struct token_draft draft;
    struct slice audience = slice_of("orders");
    struct token_rules rules = {
        .issuer = slice_of("me"),
        .audiences = &audience,
        .n_audiences = 1,
        .algs = SIG_SET_HS | SIG_SET_PUBLIC,
        .skew_ms = 60000,
        .headers = &map,
    };
    struct token_home *home;
    struct token *t;

    if (token_draft_read(&draft, text, rules.algs) != JWT_OK)
        return;
    FUZZ_CHECK(text.n <= JOSE_TOKEN_MAX && draft.jose.alg < SIG_ALGS);
    FUZZ_CHECK(draft.jose.payload.n + draft.jose.signature.n <= sizeof(draft.jose.room));
    home = token_home_new();
    if (token_make(home, &draft, &rules, INT64_C(1700000000000), &t) == JWT_OK) {
        check_token(t, &draft);
        token_drop(t, NULL);
    }
    FUZZ_CHECK(home->alive == 0);
    token_home_close(home);
}

/* The bytes as the payload of a token. */
static void
check_payload(const uint8_t *bytes, size_t n)
{
    static const char letters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    char *text = xmalloc(n * 2 + 64), *at = text;
    uint8_t *back = xmalloc(n + 3);

    at += snprintf(at, 64, "eyJhbGciOiJIUzI1NiJ9."); /* {"alg":"HS256"} */
    for (size_t i = 0; i < n; i += 3) {
        uint32_t v = (uint32_t)bytes[i] << 16 |
                     (i + 1 < n ? (uint32_t)bytes[i + 1] << 8 : 0) |
                     (i + 2 < n ? bytes[i + 2] : 0);

        for (unsigned k = 0; k < 4 && k <= n - i; k++)
            *at++ = letters[v >> (18 - 6 * k) & 63];
    }
    FUZZ_CHECK(base64url_decode(slice_make(text + 21, (size_t)(at - text) - 21), back) ==
               (long)n);
    FUZZ_CHECK(memcmp(back, bytes, n) == 0);
    at += snprintf(at, 8, ".AAAA");
    check_draft(slice_make(text, (size_t)(at - text)));
    xfree(back);
    xfree(text);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    check_draft(slice_make(bytes, n));
    if (n > 8000)
        return 0;
    check_json(bytes, n);
    check_payload(bytes, n);
    return 0;
}
