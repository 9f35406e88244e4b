/* SPDX-License-Identifier: Apache-2.0 */
/* Keys and signatures of tokens: each algorithm, keys that are too weak, signatures that are not exactly right (reliability.md J2, J7, J10). The vectors of the RFCs are in
 * tests/unit/filter/test_jose.c, which can read tokens. */
#include "unit.h"

#include <string.h>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>

#include "base/base64.h"
#include "base/compat.h"
#include "base/xalloc.h"
#include "jwtmake.h"

static unsigned compared; /* calls of CRYPTO_memcmp */

int __real_CRYPTO_memcmp(const void *a, const void *b, size_t n);
int __wrap_CRYPTO_memcmp(const void *a, const void *b, size_t n);

int
__wrap_CRYPTO_memcmp(const void *a, const void *b, size_t n)
{
    compared++;
    return __real_CRYPTO_memcmp(a, b, n);
}

/* ---- the public half, as numbers ---- */

struct numbers {
    uint8_t a[SIG_LEN_MAX * 2], b[SIG_LEN_MAX * 2];
    struct slice x, y;
};

static void
numbers_of(const struct jwtkey *k, struct numbers *out)
{
    size_t len = k->alg == SIG_ES256 ? 32 : k->alg == SIG_ES384 ? 48 : 66;
    BIGNUM *n = NULL, *e = NULL;
    size_t raw = 32;

    if (k->alg == SIG_EDDSA) {
        assert_int_equal(EVP_PKEY_get_raw_public_key(k->pkey, out->a, &raw), 1);
        out->x = slice_make(out->a, raw);
        return;
    }
    if (SIG_BIT(k->alg) & SIG_SET_EC) {
        EVP_PKEY_get_bn_param(k->pkey, OSSL_PKEY_PARAM_EC_PUB_X, &n);
        EVP_PKEY_get_bn_param(k->pkey, OSSL_PKEY_PARAM_EC_PUB_Y, &e);
        BN_bn2binpad(n, out->a, (int)len);
        BN_bn2binpad(e, out->b, (int)len);
        out->x = slice_make(out->a, len);
        out->y = slice_make(out->b, len);
    } else {
        EVP_PKEY_get_bn_param(k->pkey, OSSL_PKEY_PARAM_RSA_N, &n);
        EVP_PKEY_get_bn_param(k->pkey, OSSL_PKEY_PARAM_RSA_E, &e);
        out->x = slice_make(out->a, (size_t)BN_bn2bin(n, out->a));
        out->y = slice_make(out->b, (size_t)BN_bn2bin(e, out->b));
    }
    BN_free(n);
    BN_free(e);
}

static struct sigkey *
public_of(const struct jwtkey *k, const char **why)
{
    static struct numbers v;

    if (!k->pkey)
        return sigkey_hmac(slice_make(k->secret, k->secret_n), SIG_SET_HS, why);
    numbers_of(k, &v);
    if (SIG_BIT(k->alg) & SIG_SET_RSA)
        return sigkey_rsa(v.x, v.y, SIG_SET_RSA, why);
    if (k->alg == SIG_EDDSA)
        return sigkey_ed25519(v.x, why);
    return sigkey_ec(k->alg, v.x, v.y, why);
}

/* ---- signatures ---- */

static const char text[] = "eyJhbGciOiJub25lIn0.eyJpc3MiOiJqb2UifQ";

static void
check_alg(struct jwtkey *k, enum sig_alg alg)
{
    const char *why = NULL;
    struct sigkey *key = public_of(k, &why);
    struct slice input = slice_of(text);
    uint8_t sig[SIG_LEN_MAX * 2];
    size_t n;

    if (!key)
        fail_msg("%s: %s", sig_alg_names[alg], why);
    n = jwt_sign(k, alg, input, sig);
    assert_true(sigkey_verify(key, alg, input, slice_make(sig, n)));
    for (size_t i = 0; i < n; i++) { /* each byte counts */
        sig[i] ^= 1;
        assert_false(sigkey_verify(key, alg, input, slice_make(sig, n)));
        sig[i] ^= 1;
    }
    assert_false(
        sigkey_verify(key, alg, slice_make(text, input.n - 1), slice_make(sig, n)));
    /* Exactly as long as it must be. */
    assert_false(sigkey_verify(key, alg, input, slice_make(sig, n - 1)));
    sig[n] = 0;
    assert_false(sigkey_verify(key, alg, input, slice_make(sig, n + 1)));
    memmove(sig + 1, sig, n);
    sig[0] = 0;
    assert_false(sigkey_verify(key, alg, input, slice_make(sig, n + 1)));
    assert_false(sigkey_verify(key, alg, input, slice_make(sig, 0)));
    /* Under another name it is not its signature, also when the key has that name. */
    memmove(sig, sig + 1, n);
    for (int other = 0; other < SIG_ALGS; other++)
        if (other != (int)alg)
            assert_false(
                sigkey_verify(key, (enum sig_alg)other, input, slice_make(sig, n)));
    sigkey_free(key);
}

static void
each_algorithm_takes_its_own_signature_only(void **state)
{
    static const enum sig_alg firsts[] = { SIG_HS256, SIG_RS256, SIG_ES256,
                                           SIG_ES384, SIG_ES512, SIG_EDDSA };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(firsts); i++) {
        struct jwtkey *k = jwtkey_new(firsts[i], NULL, 0);
        const char *why;
        struct sigkey *key = public_of(k, &why);
        unsigned algs = sigkey_algs(key);

        sigkey_free(key);
        for (int alg = 0; alg < SIG_ALGS; alg++)
            if (algs & SIG_BIT(alg))
                check_alg(k, (enum sig_alg)alg);
        jwtkey_free(k);
    }
}

static void
a_key_has_the_algorithms_of_its_type(void **state)
{
    static const struct {
        enum sig_alg alg;
        unsigned algs;
    } rows[] = {
        { SIG_HS256, SIG_SET_HS },         { SIG_RS256, SIG_SET_RSA },
        { SIG_ES256, SIG_BIT(SIG_ES256) }, { SIG_ES384, SIG_BIT(SIG_ES384) },
        { SIG_ES512, SIG_BIT(SIG_ES512) }, { SIG_EDDSA, SIG_BIT(SIG_EDDSA) },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct jwtkey *k = jwtkey_new(rows[i].alg, NULL, 0);
        const char *why;
        struct sigkey *key = public_of(k, &why);

        assert_int_equal(sigkey_algs(key), rows[i].algs);
        sigkey_free(key);
        jwtkey_free(k);
    }
}

/* r = s = 0 was taken by others (CVE-2022-21449); so were numbers beyond the curve's order. */
static void
signatures_of_zeroes_and_huge_numbers_are_wrong(void **state)
{
    static const enum sig_alg algs[] = { SIG_ES256, SIG_ES384, SIG_ES512, SIG_EDDSA };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(algs); i++) {
        struct jwtkey *k = jwtkey_new(algs[i], NULL, 0);
        const char *why;
        struct sigkey *key = public_of(k, &why);
        uint8_t sig[SIG_LEN_MAX];
        size_t n = jwt_sign(k, algs[i], slice_of(text), sig);
        static const uint8_t fills[] = { 0x00, 0xff, 0x80, 0x01 };

        for (size_t f = 0; f < ARRAY_LEN(fills); f++) {
            memset(sig, fills[f], n);
            assert_false(sigkey_verify(key, algs[i], slice_of(text), slice_make(sig, n)));
        }
        sigkey_free(key);
        jwtkey_free(k);
    }
}

static void
secrets_are_compared_in_constant_time(void **state)
{
    struct jwtkey *k = jwtkey_new(SIG_HS256, NULL, 0);
    uint8_t sig[SIG_LEN_MAX];
    const char *why;
    struct sigkey *key = public_of(k, &why);
    size_t n = jwt_sign(k, SIG_HS256, slice_of(text), sig);

    (void)state;
    compared = 0;
    assert_true(sigkey_verify(key, SIG_HS256, slice_of(text), slice_make(sig, n)));
    sig[0] ^= 1;
    assert_false(sigkey_verify(key, SIG_HS256, slice_of(text), slice_make(sig, n)));
    assert_int_equal(compared, 2);
    sigkey_free(key);
    jwtkey_free(k);
}

/* ---- keys ---- */

static void
weak_rsa_keys_are_refused(void **state)
{
    static const int bits[] = { 512, 1024, 2040 };
    struct jwtkey *k;
    struct numbers v;
    const char *why;
    uint8_t even[256], huge[SIG_LEN_MAX + 2], one = 1, four = 4,
                                              long_e[9] = { 1, 0, 0, 0, 0, 0, 0, 0, 1 };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bits); i++) {
        k = jwtkey_new(SIG_RS256, NULL, bits[i]);
        assert_null(public_of(k, &why));
        assert_string_equal(why, "is an RSA key of less than 2048 bits");
        jwtkey_free(k);
    }
    k = jwtkey_new(SIG_RS256, NULL, 0);
    numbers_of(k, &v);
    assert_null(sigkey_rsa(v.x, slice_make(&one, 1), SIG_SET_RSA, &why));
    assert_null(sigkey_rsa(v.x, slice_make(&four, 1), SIG_SET_RSA, &why));
    assert_null(sigkey_rsa(v.x, slice_make(long_e, 9), SIG_SET_RSA, &why));
    assert_null(sigkey_rsa(v.x, slice_make(long_e, 0), SIG_SET_RSA, &why));
    assert_string_equal(why, "has a bad exponent");
    assert_null(sigkey_rsa(slice_make(v.a, 0), v.y, SIG_SET_RSA, &why));
    memcpy(even, v.a, sizeof(even));
    even[255] &= 0xfe;
    assert_null(sigkey_rsa(slice_make(even, 256), v.y, SIG_SET_RSA, &why));
    assert_string_equal(why, "has an even modulus");
    memset(huge, 0xff, sizeof(huge));
    assert_null(sigkey_rsa(slice_make(huge, SIG_LEN_MAX + 1), v.y, SIG_SET_RSA, &why));
    assert_null(sigkey_rsa(slice_make(huge, SIG_LEN_MAX + 2), v.y, SIG_SET_RSA, &why));
    assert_string_equal(why, "is an RSA key of more than 8192 bits");
    jwtkey_free(k);
}

/* RFC 7518 says that numbers have no zeroes in front; some issuers write one. */
static void
zeroes_before_rsa_numbers_do_no_harm(void **state)
{
    struct jwtkey *k = jwtkey_new(SIG_RS256, NULL, 0);
    uint8_t n[257] = { 0 }, e[4] = { 0, 1, 0, 1 }, sig[SIG_LEN_MAX];
    struct numbers v;
    const char *why;
    struct sigkey *key;
    size_t len;

    (void)state;
    numbers_of(k, &v);
    memcpy(n + 1, v.a, 256);
    key = sigkey_rsa(slice_make(n, 257), slice_make(e, 4), SIG_BIT(SIG_PS384), &why);
    assert_non_null(key);
    assert_int_equal(sigkey_algs(key), SIG_BIT(SIG_PS384));
    len = jwt_sign(k, SIG_PS384, slice_of(text), sig);
    assert_int_equal(len, 256);
    assert_true(sigkey_verify(key, SIG_PS384, slice_of(text), slice_make(sig, len)));
    sigkey_free(key);
    jwtkey_free(k);
}

static void
points_must_be_on_their_curve(void **state)
{
    static const enum sig_alg algs[] = { SIG_ES256, SIG_ES384, SIG_ES512 };
    const char *why;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(algs); i++) {
        struct jwtkey *k = jwtkey_new(algs[i], NULL, 0);
        struct numbers v;

        numbers_of(k, &v);
        v.b[v.y.n - 1] ^= 1;
        assert_null(sigkey_ec(algs[i], v.x, v.y, &why));
        assert_string_equal(why, "is no point of its curve");
        v.b[v.y.n - 1] ^= 1;
        assert_null(sigkey_ec(algs[i], v.y, v.x, &why));
        assert_null(sigkey_ec(algs[i], slice_make(v.a + 1, v.x.n - 1), v.y, &why));
        assert_null(sigkey_ec(algs[i], v.x, slice_make(v.b, v.y.n + 1), &why));
        assert_null(sigkey_ec(algs[(i + 1) % 3], v.x, v.y, &why));
        assert_string_equal(why, "has coordinates of the wrong length for its curve");
        memset(v.a, 0, sizeof(v.a));
        memset(v.b, 0, sizeof(v.b));
        assert_null(sigkey_ec(algs[i], v.x, v.y, &why)); /* the point at infinity */
        memset(v.a, 0xff, sizeof(v.a));
        assert_null(sigkey_ec(algs[i], v.x, v.y, &why)); /* beyond the field */
        jwtkey_free(k);
    }
}

static void
ed25519_keys_have_32_bytes(void **state)
{
    uint8_t bytes[64] = { 1 };
    const char *why;

    (void)state;
    assert_null(sigkey_ed25519(slice_make(bytes, 31), &why));
    assert_null(sigkey_ed25519(slice_make(bytes, 33), &why));
    assert_null(sigkey_ed25519(slice_make(bytes, 0), &why));
}

/* RFC 7518 3.2: a secret has at least as many bytes as the hash. */
static void
short_secrets_have_no_long_hash(void **state)
{
    static const struct {
        size_t n;
        unsigned algs;
    } rows[] = {
        { 32, SIG_BIT(SIG_HS256) },
        { 47, SIG_BIT(SIG_HS256) },
        { 48, SIG_BIT(SIG_HS256) | SIG_BIT(SIG_HS384) },
        { 63, SIG_BIT(SIG_HS256) | SIG_BIT(SIG_HS384) },
        { 64, SIG_SET_HS },
        { 1024, SIG_SET_HS },
    };
    static const size_t bad[] = { 0, 1, 8, 31, 1025 };
    static const uint8_t secret[2048] = { 42 };
    const char *why;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct sigkey *key = sigkey_hmac(slice_make(secret, rows[i].n), SIG_SET_HS, &why);

        assert_non_null(key);
        assert_int_equal(sigkey_algs(key), rows[i].algs);
        sigkey_free(key);
    }
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_null(sigkey_hmac(slice_make(secret, bad[i]), SIG_SET_HS, &why));
    assert_null(sigkey_hmac(slice_make(secret, 32), SIG_BIT(SIG_HS512), &why));
}

static void
names_are_exact(void **state)
{
    static const char *const bad[] = { "",       "none",   "None",   "NONE",
                                       "hs256",  "HS256 ", " HS256", "HS2567",
                                       "HS25",   "EDDSA",  "eddsa",  "RS1",
                                       "ES256K", "Ed448",  "A128KW", "dir" };

    (void)state;
    for (int i = 0; i < SIG_ALGS; i++)
        assert_int_equal(sig_alg_find(slice_of(sig_alg_names[i])), i);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_int_equal(sig_alg_find(slice_of(bad[i])), -1);
    assert_int_equal(sig_alg_find(slice_make("HS256\0", 6)), -1);
    assert_null(sig_alg_names[SIG_ALGS]);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_algorithm_takes_its_own_signature_only),
        cmocka_unit_test(a_key_has_the_algorithms_of_its_type),
        cmocka_unit_test(signatures_of_zeroes_and_huge_numbers_are_wrong),
        cmocka_unit_test(secrets_are_compared_in_constant_time),
        cmocka_unit_test(weak_rsa_keys_are_refused),
        cmocka_unit_test(zeroes_before_rsa_numbers_do_no_harm),
        cmocka_unit_test(points_must_be_on_their_curve),
        cmocka_unit_test(ed25519_keys_have_32_bytes),
        cmocka_unit_test(short_secrets_have_no_long_hash),
        cmocka_unit_test(names_are_exact),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
