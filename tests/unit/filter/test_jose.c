/* SPDX-License-Identifier: Apache-2.0 */
/* Tokens as texts: the vectors of RFC 7515 appendix A and RFC 8037 appendix A.4 with their keys, and what is no token. */
#include "unit.h"

#include <string.h>

#include "base/compat.h"
#include "base/strbuf.h"
#include "base/xalloc.h"
#include "filter/jose.h"
#include "filter/jwks.h"
#include "jwtmake.h"

enum { ALL = SIG_SET_HS | SIG_SET_PUBLIC };

/* ---- vectors ---- */

#define CLAIMS                                                                     \
    "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9p" \
    "c19yb290Ijp0cnVlfQ"

static const struct vector {
    const char *name;
    enum sig_alg alg;
    const char *jwk, *token;
    const char *payload;
} vectors[] = {
    { "RFC 7515 A.1", SIG_HS256,
      "{\"kty\":\"oct\",\"k\":\"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-"
      "1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow\"}",
      "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9." CLAIMS
      ".dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
      "{\"iss\":\"joe\",\r\n \"exp\":1300819380,\r\n "
      "\"http://example.com/is_root\":true}" },
    { "RFC 7515 A.2", SIG_RS256,
      "{\"kty\":\"RSA\",\"n\":\"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_"
      "wWJcyQoTbji9k0l8W26mPddx"
      "HmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2j"
      "Z47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapH"
      "g665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8"
      "q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ\",\"e\":\"AQAB\"}",
      "eyJhbGciOiJSUzI1NiJ9." CLAIMS
      ".cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_"
      "lF5Y"
      "Kt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_"
      "nZLgrnbyTyWzO75vRK5h6xB"
      "ArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-"
      "eOkHWEsqtFZESc6Bf"
      "I7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_"
      "Ioyp"
      "GlUPQGe77Rw",
      "{\"iss\":\"joe\",\r\n \"exp\":1300819380,\r\n "
      "\"http://example.com/is_root\":true}" },
    { "RFC 7515 A.3", SIG_ES256,
      "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":"
      "\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU"
      "\",\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"}",
      "eyJhbGciOiJFUzI1NiJ9." CLAIMS
      ".DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-"
      "Kg6NU1Q",
      "{\"iss\":\"joe\",\r\n \"exp\":1300819380,\r\n "
      "\"http://example.com/is_root\":true}" },
    { "RFC 7515 A.4", SIG_ES512,
      "{\"kty\":\"EC\",\"crv\":\"P-521\",\"x\":"
      "\"AekpBQ8ST8a8VcfVOTNl353vSrDCLLJXmPk06wTjxrrj"
      "cBpXp5EOnYG_NjFZ6OvLFV1jSfS9tsz4qUxcWceqwQGk\",\"y\":\"ADSmRA43Z1DSNx_"
      "RvcLI87cdL07l6"
      "jQyyBXMoxVg_l2Th-x3S1WDhjDly79ajL4Kkd0AZMaZmh9ubmf63e3kyMj2\"}",
      "eyJhbGciOiJFUzUxMiJ9.UGF5bG9hZA.AdwMgeerwtHoh-l192l60hp9wAHZFVJbLfD_"
      "UxMi70cwnZOYaRI1"
      "bKPWROc-mZZqwqT2SI-KGDKB34XO0aw_"
      "7XdtAG8GaSwFKdCAPZgoXD2YBJZCPEX3xKpRwcdOO8KpEHwJjyqO"
      "gzDO7iKvU8vcnwNrmxYbSW9ERBXukOXolLzeO_Jn",
      "Payload" },
    { "RFC 8037 A.4", SIG_EDDSA,
      "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"11qYAYKxCrfVS_"
      "7TyWQHOg7hcvPapiMlrwIaaPcHUR"
      "o\"}",
      "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.hgyY0il_"
      "MGCjP0JzlnLWG1PPOt7"
      "-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg",
      "Example of Ed25519 signing" },
};

static struct jwks *
set_of(const char *jwk)
{
    char text[2048];
    struct strbuf why;
    struct jwks *k;

    strbuf_init(&why, 512);
    snprintf(text, sizeof(text), "{\"keys\":[%s]}", jwk);
    k = jwks_parse(text, strlen(text), &why);
    if (!k || why.len)
        fail_msg("%s", why.s);
    strbuf_done(&why);
    return k;
}

/* Some key of the set made the signature. */
static bool
signed_by(const struct jose *j, const struct jwks *set)
{
    const struct sigkey *key;
    size_t at = 0;

    while ((key = jwks_find(set, j->alg, (struct slice){ 0 }, &at)))
        if (sigkey_verify(key, j->alg, j->input, j->signature))
            return true;
    return false;
}

static void
vectors_of_the_rfcs_are_good_with_their_own_key_only(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(vectors); i++) {
        const struct vector *v = &vectors[i];
        struct jose j;

        print_message("%s\n", v->name);
        assert_int_equal(jose_parse(slice_of(v->token), ALL, &j), JWT_OK);
        assert_int_equal(j.alg, v->alg);
        assert_false(j.has_kid);
        assert_true(slice_eq_str(j.payload, v->payload));
        for (size_t k = 0; k < ARRAY_LEN(vectors); k++) {
            struct jwks *set = set_of(vectors[k].jwk);

            assert_int_equal(signed_by(&j, set), i == k);
            jwks_drop(set);
        }
    }
}

/* Flips each character of the token in turn: it is no token any more, or not signed. */
static void
each_character_of_a_token_counts(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(vectors); i++) {
        const struct vector *v = &vectors[i];
        struct jwks *set = set_of(v->jwk);
        char *token = xstrdup(v->token);
        unsigned wrong = 0;
        struct jose j;

        for (size_t k = 0; token[k]; k++) {
            char was = token[k];

            token[k] = was == 'A' ? 'B' : 'A';
            wrong += jose_parse(slice_of(token), ALL, &j) == JWT_OK && signed_by(&j, set);
            token[k] = was;
        }
        assert_int_equal(wrong, 0);
        xfree(token);
        jwks_drop(set);
    }
}

/* ---- forms ---- */

static void
what_is_no_compact_token_is_malformed(void **state)
{
    static const char *const bad[] = {
        "",
        ".",
        "..",
        "...",
        "a",
        "a.b",
        "a.b.c",
        "e30.e30.e30", /* {} has no alg */
        "eyJhbGciOiJIUzI1NiJ9",
        "eyJhbGciOiJIUzI1NiJ9.e30",
        "eyJhbGciOiJIUzI1NiJ9.e30.",
        "eyJhbGciOiJIUzI1NiJ9..AAAA",
        ".e30.AAAA",
        "eyJhbGciOiJIUzI1NiJ9.e30.AAAA.",
        "eyJhbGciOiJIUzI1NiJ9.e30.AAAA.AAAA",
        ".eyJhbGciOiJIUzI1NiJ9.e30.AAAA",
        "eyJhbGciOiJIUzI1NiJ9.e30.AAAA.AAAA.AAAA", /* the form of JWE */
        "eyJhbGciOiJIUzI1NiJ9 .e30.AAAA",
        " eyJhbGciOiJIUzI1NiJ9.e30.AAAA",
        "eyJhbGciOiJIUzI1NiJ9.e30.AAAA ",
        "eyJhbGciOiJIUzI1NiJ9.e30.AA\n",
        "eyJhbGciOiJIUzI1NiJ9=.e30.AAAA",
        "eyJhbGciOiJIUzI1NiJ9.e30=.AAAA",
        "eyJhbGciOiJIUzI1NiJ9.e30.AA==",
        "eyJhbGciOiJIUzI1NiJ9.e30.AAA+",
        "eyJhbGciOiJIUzI1NiJ9.e30.AAA/",
        "eyJhbGciOiJIUzI1NiJ9.e30.A",
        "eyJhbGciOiJIUzI1NiJ9.e3.AAAA",
        "eyJhbGciOiJIUzI1NiJ9.e31.AAAA",
        "eyJhbGciOiJIUzI1NiJ8.e30.AAAA",
        "{\"alg\":\"HS256\"}.e30.AAAA",
        /* RFC 7515 A.6 and A.7: the forms in JSON */
        "{\"payload\":\"e30\",\"signatures\":[{\"protected\":\"eyJhbGciOiJIUzI1NiJ9\","
        "\"signature\":\"AAAA\"}]}",
        "{\"payload\":\"e30\",\"protected\":\"eyJhbGciOiJIUzI1NiJ9\",\"signature\":"
        "\"AAAA\"}",
        "\xc3\xa4.e30.AAAA",
        "eyJhbGciOiJIUzI1NiJ9.e30.\xff\xff",
    };
    struct jose j;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        if (jose_parse(slice_of(bad[i]), ALL, &j) != JWT_MALFORMED)
            fail_msg("%s is a token", bad[i]);
    assert_int_equal(
        jose_parse(slice_make("eyJhbGciOiJIUzI1NiJ9.e30.AAAA\0", 30), ALL, &j),
        JWT_MALFORMED);
}

/* RFC 7515 A.5, and what else is spelled like it. */
static void
none_is_never_an_algorithm(void **state)
{
    static const char *const names[] = { "none", "None", "NONE", "nOnE", "none ", "" };
    struct jose j;

    (void)state;
    assert_int_equal(jose_parse(slice_of("eyJhbGciOiJub25lIn0." CLAIMS "."), ALL, &j),
                     JWT_ALGORITHM);
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        char header[64], token[256];
        char *text;

        snprintf(header, sizeof(header), "{\"alg\":\"%s\"}", names[i]);
        text = jwt_b64(slice_of(header));
        snprintf(token, sizeof(token), "%s.e30.AAAA", text);
        assert_int_equal(jose_parse(slice_of(token), ALL, &j), JWT_ALGORITHM);
        snprintf(token, sizeof(token), "%s.e30.", text);
        assert_int_equal(jose_parse(slice_of(token), ALL, &j), JWT_ALGORITHM);
        xfree(text);
    }
}

static enum jwt_result
with_header(const char *header, struct jose *j)
{
    static char token[JOSE_TOKEN_MAX + 4096];
    char *text = jwt_b64(slice_of(header));

    snprintf(token, sizeof(token), "%s.e30.AAAA", text);
    xfree(text);
    return jose_parse(slice_of(token), SIG_SET_PUBLIC, j);
}

static void
headers_say_alg_and_kid_and_nothing_that_must_be_understood(void **state)
{
    static const struct {
        const char *header;
        enum jwt_result want;
    } rows[] = {
        { "{\"alg\":\"ES256\"}", JWT_OK },
        { "{\"alg\":\"ES256\",\"typ\":\"JWT\",\"x5t\":\"AAAA\"}", JWT_OK },
        { "{\"alg\":\"ES256\",\"typ\":7,\"cty\":{\"a\":[{}]}}", JWT_OK },
        { "{\"typ\":\"JWT\",\r\n \"alg\":\"ES\\u0032\\u00356\"}", JWT_OK },
        { "{\"alg\":\"ES256\",\"jku\":\"http://evil/\",\"jwk\":{\"kty\":\"EC\"},"
          "\"x5u\":\"http://evil/\",\"x5c\":[\"AAAA\"]}",
          JWT_OK }, /* they mean nothing to us */
        { "{\"alg\":\"ES256\",\"b64\":true}", JWT_OK },
        { "{\"alg\":\"HS256\"}", JWT_ALGORITHM }, /* it was not named */
        { "{\"alg\":\"ES256K\"}", JWT_ALGORITHM },
        { "{\"alg\":\"ES256 \"}", JWT_ALGORITHM },
        { "{\"alg\":\"es256\"}", JWT_ALGORITHM },
        { "{\"alg\":\"ES256\",\"crit\":[\"exp\"]}", JWT_EXTENSION },
        { "{\"crit\":[\"b64\"],\"alg\":\"ES256\",\"b64\":false}", JWT_EXTENSION },
        { "{\"alg\":\"ES256\",\"crit\":[]}", JWT_EXTENSION },
        { "{\"alg\":\"ES256\",\"crit\":null}", JWT_EXTENSION },
        { "{\"alg\":\"ES256\",\"b64\":false}", JWT_EXTENSION },
        { "{\"alg\":\"ES256\",\"b64\":\"true\"}", JWT_EXTENSION },
        { "{\"alg\":\"ES256\",\"b64\":null}", JWT_EXTENSION },
        { "{\"alg\":\"ES256\",\"alg\":\"ES256\"}", JWT_MALFORMED },
        { "{\"alg\":\"ES256\",\"kid\":\"a\",\"kid\":\"b\"}", JWT_MALFORMED },
        { "{\"alg\":\"ES256\",\"x\":{\"y\":1,\"y\":1}}", JWT_MALFORMED },
        { "{\"alg\":\"ES256\",\"\\u0061lg\":\"none\"}", JWT_MALFORMED },
        { "{\"alg\":null}", JWT_MALFORMED },
        { "{\"alg\":[\"ES256\"]}", JWT_MALFORMED },
        { "{\"alg\":{\"ES256\":1}}", JWT_MALFORMED },
        { "{\"alg\":7}", JWT_MALFORMED },
        { "{\"Alg\":\"ES256\"}", JWT_MALFORMED },
        { "{\"alg\":\"ES256\\u0000\"}", JWT_MALFORMED },
        { "{\"alg\":\"ES256\",\"kid\":7}", JWT_MALFORMED },
        { "{\"alg\":\"ES256\",\"kid\":null}", JWT_MALFORMED },
        { "{\"alg\":\"ES256\",\"kid\":[\"a\"]}", JWT_MALFORMED },
        { "[\"ES256\"]", JWT_MALFORMED },
        { "\"ES256\"", JWT_MALFORMED },
        { "{\"alg\":\"ES256\"}x", JWT_MALFORMED },
        { "{\"alg\":\"ES256\"", JWT_MALFORMED },
        { "{\"alg\":\"ES256\",}", JWT_MALFORMED },
        { "{\"alg\":\"ES256\",\"x\":1e400}", JWT_MALFORMED },
        { "{\"alg\":\"ES256\",\"x\":\"\xff\"}", JWT_MALFORMED },
        { "/**/{\"alg\":\"ES256\"}", JWT_MALFORMED },
        { " ", JWT_MALFORMED },
    };
    struct jose j;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (with_header(rows[i].header, &j) != rows[i].want)
            fail_msg("%s", rows[i].header);
}

static void
a_kid_is_any_text_up_to_256_bytes(void **state)
{
    char header[JOSE_TOKEN_MAX], kid[JOSE_KID_MAX + 2] = { 0 };
    struct jose j;

    (void)state;
    memset(kid, 'k', JOSE_KID_MAX);
    snprintf(header, sizeof(header), "{\"kid\":\"%s\",\"alg\":\"ES256\"}", kid);
    assert_int_equal(with_header(header, &j), JWT_OK);
    assert_true(slice_eq_str(jose_kid(&j), kid));
    kid[JOSE_KID_MAX] = 'k';
    snprintf(header, sizeof(header), "{\"kid\":\"%s\",\"alg\":\"ES256\"}", kid);
    assert_int_equal(with_header(header, &j), JWT_MALFORMED);
    assert_int_equal(
        with_header("{\"alg\":\"ES256\",\"kid\":\"../../' OR 1=1 --\\n\"}", &j), JWT_OK);
    assert_true(slice_eq_str(jose_kid(&j), "../../' OR 1=1 --\n"));
    assert_int_equal(with_header("{\"alg\":\"ES256\",\"kid\":\"\"}", &j), JWT_OK);
    assert_true(j.has_kid);
    assert_int_equal(j.kid_n, 0);
}

static void
tokens_end_at_8_KiB(void **state)
{
    static char token[JOSE_TOKEN_MAX + 2];
    struct jose j;

    (void)state;
    memset(token, 'A', sizeof(token) - 1);
    memcpy(token, "eyJhbGciOiJFUzI1NiJ9.", 21);
    token[29] = '.'; /* AAAAAAAA.AAAA... : whole groups of four */
    token[JOSE_TOKEN_MAX] = '\0';
    assert_int_equal(strlen(token), JOSE_TOKEN_MAX);
    assert_int_equal(jose_parse(slice_of(token), ALL, &j), JWT_OK);
    assert_int_equal(j.payload.n, 6);
    assert_int_equal(j.signature.n, (JOSE_TOKEN_MAX - 30) / 4 * 3 + 1);
    token[JOSE_TOKEN_MAX] = 'A';
    assert_int_equal(jose_parse(slice_of(token), ALL, &j), JWT_TOO_LARGE);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vectors_of_the_rfcs_are_good_with_their_own_key_only),
        cmocka_unit_test(each_character_of_a_token_counts),
        cmocka_unit_test(what_is_no_compact_token_is_malformed),
        cmocka_unit_test(none_is_never_an_algorithm),
        cmocka_unit_test(headers_say_alg_and_kid_and_nothing_that_must_be_understood),
        cmocka_unit_test(a_kid_is_any_text_up_to_256_bytes),
        cmocka_unit_test(tokens_end_at_8_KiB),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
