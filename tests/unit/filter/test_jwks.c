/* SPDX-License-Identifier: Apache-2.0 */
/* Sets of keys: which keys are used, which are left out, which sets are refused (RFC 7517; reliability.md J7, J8). */
#include "unit.h"

#include <string.h>

#include "base/compat.h"
#include "base/strbuf.h"
#include "base/xalloc.h"
#include "filter/jwks.h"
#include "jwtmake.h"

static struct strbuf why;

static struct jwks *
parse(const char *text)
{
    strbuf_done(&why);
    strbuf_init(&why, 1024);
    strbuf_puts(&why, "");
    return jwks_parse(text, strlen(text), &why);
}

static int
end(void **state)
{
    (void)state;
    strbuf_done(&why);
    return 0;
}

/* How many keys of a set with this JWK, and members that are added to it. */
static size_t
count_of(const struct jwtkey *k, const char *more)
{
    char *jwk = jwtkey_jwk(k, more), text[4096];
    struct jwks *set;
    size_t n;

    snprintf(text, sizeof(text), "{\"keys\":[%s]}", jwk);
    xfree(jwk);
    set = parse(text);
    n = set ? jwks_count(set) : 0;
    jwks_drop(set);
    return n;
}

static void
keys_of_all_types_are_used(void **state)
{
    static const enum sig_alg algs[] = { SIG_HS256, SIG_RS256, SIG_ES256,
                                         SIG_ES384, SIG_ES512, SIG_EDDSA };
    struct jwtkey *keys[ARRAY_LEN(algs)];
    struct jwks *set;
    char *text;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(algs); i++)
        keys[i] = jwtkey_new(algs[i], sig_alg_names[algs[i]], 0);
    text = jwtkeys_set(keys, ARRAY_LEN(algs));
    set = parse(text);
    assert_non_null(set);
    assert_int_equal(why.len, 0);
    assert_int_equal(jwks_count(set), ARRAY_LEN(algs));
    for (size_t i = 0; i < ARRAY_LEN(algs); i++)
        assert_true(jwks_has(set, slice_of(sig_alg_names[algs[i]])));
    assert_false(jwks_has(set, slice_of("HS25")));
    assert_false(jwks_has(NULL, slice_of("HS256")));
    jwks_drop(jwks_hold(set));
    jwks_drop(set);
    xfree(text);
    for (size_t i = 0; i < ARRAY_LEN(algs); i++)
        jwtkey_free(keys[i]);
}

static void
keys_are_chosen_by_algorithm_and_name(void **state)
{
    struct jwtkey *keys[] = { jwtkey_new(SIG_ES256, "a", 0),
                              jwtkey_new(SIG_ES256, "b", 0),
                              jwtkey_new(SIG_ES256, "b", 0),
                              jwtkey_new(SIG_EDDSA, "b", 0),
                              jwtkey_new(SIG_ES256, NULL, 0) };
    static const struct {
        enum sig_alg alg;
        const char *kid;
        unsigned n;
    } rows[] = {
        { SIG_ES256, NULL, 4 }, { SIG_ES256, "a", 1 },  { SIG_ES256, "b", 2 },
        { SIG_ES256, "c", 0 },  { SIG_ES256, "", 0 },   { SIG_EDDSA, "b", 1 },
        { SIG_EDDSA, "a", 0 },  { SIG_RS256, NULL, 0 }, { SIG_HS256, "a", 0 },
    };
    char *text = jwtkeys_set(keys, ARRAY_LEN(keys));
    struct jwks *set = parse(text);

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        unsigned n = 0;
        size_t at = 0;

        while (jwks_find(set, rows[i].alg, slice_of(rows[i].kid), &at))
            n++;
        assert_int_equal(n, rows[i].n);
    }
    jwks_drop(set);
    xfree(text);
    for (size_t i = 0; i < ARRAY_LEN(keys); i++)
        jwtkey_free(keys[i]);
}

static void
use_key_ops_and_alg_decide(void **state)
{
    static const struct {
        const char *more;
        size_t n;
    } rows[] = {
        { "", 1 },
        { ", \"use\": \"sig\"", 1 },
        { ", \"use\": null", 1 },
        { ", \"use\": \"enc\"", 0 },
        { ", \"use\": \"Sig\"", 0 },
        { ", \"use\": [\"sig\"]", 0 },
        { ", \"key_ops\": [\"verify\"]", 1 },
        { ", \"key_ops\": [\"sign\", \"verify\"]", 1 },
        { ", \"key_ops\": [\"sign\"]", 0 },
        { ", \"key_ops\": []", 0 },
        { ", \"key_ops\": \"verify\"", 0 },
        { ", \"key_ops\": {\"verify\": 1}", 0 },
        { ", \"use\": \"sig\", \"key_ops\": [\"encrypt\"]", 0 },
        { ", \"alg\": \"RS256\"", 1 },
        { ", \"alg\": \"PS512\"", 1 },
        { ", \"alg\": \"RSA-OAEP\"", 0 },
        { ", \"alg\": \"ES256\"", 0 },
        { ", \"alg\": \"HS256\"", 0 },
        { ", \"alg\": \"none\"", 0 },
        { ", \"alg\": 7", 0 },
        { ", \"x5c\": [\"AAAA\"], \"x5t\": \"A\", \"d\": \"AQAB\", \"oth\": {}", 1 },
        { ", \"kid\": 7", 0 },
    };
    struct jwtkey *k = jwtkey_new(SIG_RS256, NULL, 0);

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (count_of(k, rows[i].more) != rows[i].n)
            fail_msg("%s", rows[i].more);
    jwtkey_free(k);
}

static void
the_alg_of_a_key_is_its_only_one(void **state)
{
    struct jwtkey *k = jwtkey_new(SIG_RS256, NULL, 0);
    char *jwk = jwtkey_jwk(k, ", \"alg\": \"PS256\""), text[2048];
    struct jwks *set;
    size_t at = 0;

    (void)state;
    snprintf(text, sizeof(text), "{\"keys\":[%s]}", jwk);
    set = parse(text);
    assert_null(jwks_find(set, SIG_RS256, (struct slice){ 0 }, &at));
    at = 0;
    assert_non_null(jwks_find(set, SIG_PS256, (struct slice){ 0 }, &at));
    jwks_drop(set);
    xfree(jwk);
    jwtkey_free(k);
}

static void
weak_and_broken_keys_are_left_out_and_told(void **state)
{
    static const char good[] =
        "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":"
        "\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU"
        "\",\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"}";
    static const struct {
        const char *jwk, *why; /* why NULL: nothing is said, it is just not for us */
    } rows[] = {
        { "{\"kty\":\"RSA\",\"n\":\"AQAB\",\"e\":\"AQAB\"}",
          "number 1 is an RSA key of less than 2048 bits" },
        { "{\"kty\":\"RSA\",\"e\":\"AQAB\"}", "number 1 is an RSA key of less" },
        { "{\"kty\":\"RSA\",\"n\":\"AQAB\"}", "number 1 has a bad exponent" },
        { "{\"kty\":\"RSA\",\"n\":7,\"e\":\"AQAB\"}", "number 1 is an RSA key of less" },
        { "{\"kty\":\"RSA\",\"kid\":\"old\",\"n\":\"AQ==\",\"e\":\"AQAB\"}",
          "number 1 (kid old) is an RSA key of less" },
        { "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":"
          "\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU"
          "\",\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a1\"}",
          "number 1 has coordinates of the wrong length" }, /* bits that mean nothing */
        { "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":"
          "\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU"
          "\",\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a4\"}",
          "number 1 is no point of its curve" },
        { "{\"kty\":\"EC\",\"crv\":\"P-256\"}", "number 1 has coordinates" },
        { "{\"kty\":\"EC\",\"crv\":\"P-384\",\"x\":\"AAAA\",\"y\":\"AAAA\"}",
          "number 1 has coordinates" },
        { "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"AAAA\"}",
          "number 1 is no Ed25519 key of 32 bytes" },
        { "{\"kty\":\"oct\",\"k\":\"AAAA\"}",
          "number 1 is a secret of less than 32 bytes" },
        { "{\"kty\":\"oct\"}", "number 1 is a secret of less than 32 bytes" },
        { "{}", "number 1 is no key: it has no \"kty\"" },
        { "7", "number 1 is no key" },
        { "null", "number 1 is no key" },
        { "\"kty\"", "number 1 is no key" },
        { "{\"kty\":7}", "number 1 is no key" },
        { "{\"kty\":\"RSA\",\"kid\":7,\"n\":\"AQAB\",\"e\":\"AQAB\"}",
          "has a \"kid\" that is no string" },
        { "{\"kty\":\"EC\",\"crv\":\"secp256k1\",\"x\":\"AAAA\",\"y\":\"AAAA\"}", NULL },
        { "{\"kty\":\"EC\",\"x\":\"AAAA\",\"y\":\"AAAA\"}", NULL },
        { "{\"kty\":\"OKP\",\"crv\":\"X25519\",\"x\":\"AAAA\"}", NULL },
        { "{\"kty\":\"OKP\",\"crv\":\"Ed448\",\"x\":\"AAAA\"}", NULL },
        { "{\"kty\":\"AKP\",\"alg\":\"ML-DSA-44\",\"pub\":\"AAAA\"}", NULL },
        { "{\"kty\":\"rsa\",\"n\":\"AQAB\",\"e\":\"AQAB\"}", NULL },
        { "{\"kty\":\"RSA\",\"use\":\"enc\",\"n\":\"AQAB\",\"e\":\"AQAB\"}", NULL },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char text[1024];
        struct jwks *set;

        /* Alone it makes no set. */
        snprintf(text, sizeof(text), "{\"keys\":[%s]}", rows[i].jwk);
        if (parse(text))
            fail_msg("%s", rows[i].jwk);
        if (!strstr(why.s, rows[i].why ? rows[i].why : "has no key that can check"))
            fail_msg("%s: %s", rows[i].jwk, why.s);
        /* Beside a good one it is left out. */
        snprintf(text, sizeof(text), "{\"keys\":[%s,%s]}", rows[i].jwk, good);
        set = parse(text);
        assert_non_null(set);
        assert_int_equal(jwks_count(set), 1);
        if (rows[i].why ? !strstr(why.s, rows[i].why) : why.len > 0)
            fail_msg("%s: %s", rows[i].jwk, why.s);
        jwks_drop(set);
    }
}

static void
what_is_no_set_is_refused(void **state)
{
    static const struct {
        const char *text, *why;
    } rows[] = {
        { "", "there is nothing in it" },
        { "x", "line 1, column 1: this is not JSON" },
        { "{\n\"keys\": [}", "line 2, column" },
        { "[]", "has no list \"keys\"" },
        { "{}", "has no list \"keys\"" },
        { "{\"keys\":{}}", "has no list \"keys\"" },
        { "{\"keys\":null}", "has no list \"keys\"" },
        { "{\"keys\":[]}", "has no key that can check a signature" },
        { "{\"keys\":[],\"keys\":[]}", "duplicate" },
        { "{\"keys\":[{\"kty\":\"oct\",\"k\":\"A\",\"k\":\"B\"}]}", "duplicate" },
        { "{\"keys\":[]} x", "this is not JSON" },
        { "<html>", "this is not JSON" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        assert_null(parse(rows[i].text));
        if (!strstr(why.s, rows[i].why))
            fail_msg("%s: %s", rows[i].text, why.s);
    }
}

static void
sets_have_a_largest_size(void **state)
{
    struct jwtkey *k = jwtkey_new(SIG_EDDSA, "a", 0), *keys[JWKS_KEYS_MAX + 1];
    char *text, *large;
    struct jwks *set;
    size_t n;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(keys); i++)
        keys[i] = k;
    text = jwtkeys_set(keys, JWKS_KEYS_MAX);
    set = parse(text);
    assert_int_equal(jwks_count(set), JWKS_KEYS_MAX);
    jwks_drop(set);
    large = xmalloc(JWKS_TEXT_MAX + 2);
    n = strlen(text);
    memcpy(large, text, n);
    memset(large + n, ' ', JWKS_TEXT_MAX + 2 - n);
    set = jwks_parse(large, JWKS_TEXT_MAX, &why);
    assert_non_null(set);
    jwks_drop(set);
    assert_null(jwks_parse(large, JWKS_TEXT_MAX + 1, &why));
    assert_string_equal(why.s, "is larger than 256 KiB");
    xfree(large);
    xfree(text);
    text = jwtkeys_set(keys, JWKS_KEYS_MAX + 1);
    assert_null(parse(text));
    assert_string_equal(why.s, "has 65 keys; the most is 64");
    xfree(text);
    jwtkey_free(k);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_of_all_types_are_used),
        cmocka_unit_test(keys_are_chosen_by_algorithm_and_name),
        cmocka_unit_test(use_key_ops_and_alg_decide),
        cmocka_unit_test(the_alg_of_a_key_is_its_only_one),
        cmocka_unit_test(weak_and_broken_keys_are_left_out_and_told),
        cmocka_unit_test(what_is_no_set_is_refused),
        cmocka_unit_test(sets_have_a_largest_size),
    };

    return cmocka_run_group_tests(tests, NULL, end);
}
