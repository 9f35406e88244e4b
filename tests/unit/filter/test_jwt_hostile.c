/* SPDX-License-Identifier: Apache-2.0 */
/* Hostile tokens (reliability.md J1 to J7; RFC 8725): several hundred, each sent twice through the whole filter, and none may pass; in between a good one must. The
 * attacker knows all that is public: the issuer's keys as JWK, PEM and DER, its names, and many tokens; has keys of his own; and for the last part the issuer itself
 * signs nonsense. */
#include "filterrig.h"

#include <string.h>
#include <time.h>

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include "base/compat.h"
#include "base/strbuf.h"
#include "base/xalloc.h"
#include "filter/kinds.h"
#include "jwtmake.h"

enum { TOKENS_MAX = 2000, KEYS = 6 };

static struct {
    char *token;
    const char *reason; /* NULL: whichever */
    const char *what;
} rows[TOKENS_MAX];
static size_t n_rows;

/* The issuer's. */
static struct jwtkey *rsa, *es256, *es384, *es512, *ed, *hs;
static struct jwtkey *mine[5]; /* the attacker's, with the same names */
static char now[32];           /* good for a while */
static char *payload;          /* of a good token */

static void
add(const char *what, const char *reason, char *token)
{
    assert_true(n_rows < TOKENS_MAX);
    for (size_t i = 0; i < n_rows; i++)
        if (strcmp(rows[i].token, token) == 0) { /* counted once */
            xfree(token);
            return;
        }
    rows[n_rows].token = token;
    rows[n_rows].reason = reason;
    rows[n_rows++].what = what;
}

static const char *printed(const char *fmt, ...) PRINTF_LIKE(1, 2);

static const char *
printed(const char *fmt, ...)
{
    static char text[8][8192];
    static unsigned turn;
    char *to = text[turn++ % 8];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(to, sizeof(text[0]), fmt, ap);
    va_end(ap);
    return to;
}

static char *
signed_with(const struct jwtkey *k, enum sig_alg alg, const char *header)
{
    return jwt_make_with(k, alg, header, payload);
}

/* ---- J1: none ---- */

static void
add_none(void)
{
    static const char *const names[] = { "none",  "None",  "NONE",       "nOnE", "NonE",
                                         "none ", " none", "no\\u006ee", "",     "null" };
    static const char *const kids[] = { "", ",\"kid\":\"r\"", ",\"kid\":\"e\"",
                                        ",\"kid\":\"none\"" };
    uint8_t sig[SIG_LEN_MAX * 2];

    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        for (size_t k = 0; k < ARRAY_LEN(kids); k++) {
            const char *header = printed("{\"alg\":\"%s\"%s}", names[i], kids[k]);

            add("none, no signature", NULL,
                jwt_join(slice_of(header), slice_of(payload), (struct slice){ 0 }));
            add("none, a signature", "JWT_BAD_ALGORITHM",
                jwt_join(slice_of(header), slice_of(payload), slice_of("sig")));
        }
    add("no alg", "JWT_MALFORMED",
        jwt_join(slice_of("{\"typ\":\"JWT\"}"), slice_of(payload), slice_of("x")));
    add("alg null", "JWT_MALFORMED",
        jwt_join(slice_of("{\"alg\":null}"), slice_of(payload), slice_of("x")));
    memset(sig, 0, sizeof(sig));
    add("true", "JWT_MALFORMED",
        jwt_join(slice_of("{\"alg\":true}"), slice_of(payload), slice_make(sig, 64)));
}

/* ---- J2: what is public as a secret ---- */

static void
add_hmac(const char *what, struct slice secret)
{
    static const char *const kids[] = { "", ",\"kid\":\"r\"", ",\"kid\":\"e\"",
                                        ",\"kid\":\"h\"" };
    struct jwtkey k = { .alg = SIG_HS256 };

    /* jwt_sign wants the secret in the key: long ones are hashed as HMAC does it anyway. */
    if (secret.n > sizeof(k.secret))
        EVP_Digest(secret.p, secret.n, k.secret, NULL, EVP_sha256(), NULL),
            k.secret_n = 32;
    else
        memcpy(k.secret, secret.p, k.secret_n = secret.n);
    for (size_t i = 0; i < ARRAY_LEN(kids); i++)
        for (int alg = SIG_HS256; alg <= SIG_HS512; alg++) {
            const char *header =
                printed("{\"alg\":\"%s\"%s}", sig_alg_names[alg], kids[i]);

            add(what, "JWT_BAD_ALGORITHM",
                jwt_make_with(&k, (enum sig_alg)alg, header, payload));
        }
}

static void
add_confusion(const struct jwtkey *k)
{
    BIO *bio = BIO_new(BIO_s_mem());
    unsigned char *der = NULL;
    char *pem, *jwk = jwtkey_jwk(k, "");
    int n;

    PEM_write_bio_PUBKEY(bio, k->pkey);
    n = (int)BIO_get_mem_data(bio, &pem);
    add_hmac("public key as PEM", slice_make(pem, (size_t)n));
    add_hmac("PEM without the last newline", slice_make(pem, (size_t)n - 1));
    n = i2d_PUBKEY(k->pkey, &der);
    add_hmac("public key as DER", slice_make(der, (size_t)n));
    add_hmac("public key as JWK", slice_of(jwk));
    OPENSSL_free(der);
    BIO_free(bio);
    xfree(jwk);
}

static void
add_secrets(void)
{
    static const char *const words[] = { "",
                                         "secret",
                                         "me",
                                         "orders",
                                         "your-256-bit-secret",
                                         "0123456789abcdef0123456789abcdef" };
    uint8_t zeroes[64] = { 0 };

    add_confusion(rsa);
    add_confusion(es256);
    add_confusion(ed);
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        add_hmac("a word as secret", slice_of(words[i]));
    add_hmac("zeroes as secret", slice_make(zeroes, 32));
    add_hmac("zeroes as secret", slice_make(zeroes, 64));
    /* The right secret of a key that is in the set: no HS was named. */
    add_hmac("the secret itself", slice_make(hs->secret, hs->secret_n));
}

/* ---- J3: what the header may not do ---- */

static void
add_headers(void)
{
    static const char *const kids[] = {
        "../../../../dev/null",
        "/dev/null",
        "file:///dev/null",
        "e\\u0000",
        "' OR '1'='1",
        "e' UNION SELECT 'x",
        "e\\n",
        "E",
        " e",
        "e ",
        "",
        "*",
        "%00",
        "${jndi:ldap://x/}",
        "|/bin/sh",
        "r,e",
        "[\\\"e\\\"]",
    };
    static const char *const crits[] = {
        "[\"exp\"]", "[]", "[\"b64\"]", "null", "\"exp\"", "{}", "true", "[\"x\",\"y\"]"
    };
    static const char *const b64s[] = { "false", "null", "0", "\"true\"", "[]" };
    char *jwk = jwtkey_jwk(mine[1], ""), *long_kid = xmalloc(6000);

    for (size_t i = 0; i < ARRAY_LEN(kids); i++)
        add("a kid that wants something", NULL,
            signed_with(mine[1], SIG_ES256,
                        printed("{\"alg\":\"ES256\",\"kid\":\"%s\"}", kids[i])));
    for (size_t n = 256; n <= 5000; n += n) {
        memset(long_kid, 'e', n);
        long_kid[n] = '\0';
        add("a long kid", n > 256 ? NULL : "JWT_UNKNOWN_KEY",
            signed_with(mine[1], SIG_ES256,
                        printed("{\"alg\":\"ES256\",\"kid\":\"%s\"}", long_kid)));
    }
    for (size_t i = 0; i < ARRAY_LEN(crits); i++)
        for (unsigned who = 0; who < 2; who++) /* also when all else is good */
            add("crit", "JWT_UNKNOWN_EXTENSION",
                signed_with(
                    who ? mine[1] : es256, SIG_ES256,
                    printed("{\"alg\":\"ES256\",\"kid\":\"e\",\"crit\":%s}", crits[i])));
    for (size_t i = 0; i < ARRAY_LEN(b64s); i++)
        add("b64", "JWT_UNKNOWN_EXTENSION",
            signed_with(
                es256, SIG_ES256,
                printed("{\"alg\":\"ES256\",\"kid\":\"e\",\"b64\":%s}", b64s[i])));
    for (unsigned kid = 0; kid < 2; kid++) {
        const char *name = kid ? ",\"kid\":\"e\"" : ",\"kid\":\"mine\"";

        add("jwk", NULL,
            signed_with(mine[1], SIG_ES256,
                        printed("{\"alg\":\"ES256\",\"jwk\":%s%s}", jwk, name)));
        add("jku", NULL,
            signed_with(
                mine[1], SIG_ES256,
                printed("{\"alg\":\"ES256\",\"jku\":\"http://127.0.0.1:1/\"%s}", name)));
        add("x5u", NULL,
            signed_with(
                mine[1], SIG_ES256,
                printed("{\"alg\":\"ES256\",\"x5u\":\"http://127.0.0.1:1/\"%s}", name)));
        add("x5c", NULL,
            signed_with(mine[1], SIG_ES256,
                        printed("{\"alg\":\"ES256\",\"x5c\":[\"MIIB\"]%s}", name)));
    }
    xfree(long_kid);
    xfree(jwk);
}

/* Every key under every name of an algorithm, with the name of every key. */
static void
add_other_keys(void)
{
    static const char *const kids[] = { "", ",\"kid\":\"r\"", ",\"kid\":\"e\"",
                                        ",\"kid\":\"d\"" };
    struct jwtkey *theirs[] = { rsa, es256, es384, es512, ed };

    for (size_t k = 0; k < ARRAY_LEN(kids); k++)
        for (int alg = SIG_RS256; alg < SIG_ALGS; alg++) {
            const char *header =
                printed("{\"alg\":\"%s\"%s}", sig_alg_names[alg], kids[k]);

            for (size_t i = 0; i < 5; i++) {
                struct jwtkey *own = mine[i];
                enum sig_alg by = own->alg;

                /* RSA keys can really make RS and PS; others say it only. */
                if (i == 0 && (SIG_BIT(alg) & SIG_SET_RSA))
                    by = (enum sig_alg)alg;
                add("the attacker's key", NULL, signed_with(own, by, header));
                if (theirs[i]->alg != (enum sig_alg)alg &&
                    !(i == 0 && (SIG_BIT(alg) & SIG_SET_RSA)))
                    add("the issuer's key under another algorithm", NULL,
                        signed_with(theirs[i], theirs[i]->alg, header));
            }
        }
}

/* ---- J7: signatures ---- */

static void
add_signature(const char *what, const char *header, const uint8_t *sig, size_t n)
{
    add(what, NULL, jwt_join(slice_of(header), slice_of(payload), slice_make(sig, n)));
}

static void
add_mangled(struct jwtkey *k, const char *header)
{
    char *input = jwt_join(slice_of(header), slice_of(payload), (struct slice){ 0 });
    uint8_t sig[SIG_LEN_MAX * 2], other[SIG_LEN_MAX * 2];
    size_t n = jwt_sign(k, k->alg, slice_make(input, strlen(input) - 1), sig);
    static const uint8_t fills[] = { 0x00, 0x01, 0x7f, 0x80, 0xff };

    for (size_t cut = 0; cut < n; cut += n / 8)
        add_signature("a cut signature", header, sig, cut);
    add_signature("one byte less", header, sig, n - 1);
    memcpy(other, sig, n);
    for (size_t i = 0; i < ARRAY_LEN(fills); i++) {
        other[n] = fills[i];
        add_signature("one byte more", header, other, n + 1);
        memset(other, fills[i], n);
        add_signature("a signature of one byte", header, other, n);
        memcpy(other, sig, n);
    }
    other[0] = 0;
    memcpy(other + 1, sig, n);
    add_signature("a zero before", header, other, n + 1);
    memcpy(other, sig, n);
    memcpy(other + n, sig, n);
    add_signature("twice", header, other, 2 * n);
    memcpy(other, sig + n / 2, n / 2);
    memcpy(other + n / 2, sig, n / 2);
    add_signature("halves changed", header, other, n);
    for (size_t i = 0; i < n; i += n / 16) {
        memcpy(other, sig, n);
        other[i] ^= (uint8_t)(1u << i % 8);
        add_signature("a bit", header, other, n);
    }
    xfree(input);
}

/* ECDSA as DER, as OpenSSL makes it; PSS with salts of other lengths. */
static void
add_encodings(void)
{
    static const int salts[] = { 0, 20, 31, 33, 64, RSA_PSS_SALTLEN_MAX };
    const char *header = "{\"alg\":\"ES256\",\"kid\":\"e\"}";
    uint8_t sig[SIG_LEN_MAX * 2];
    char *input = jwt_join(slice_of(header), slice_of(payload), (struct slice){ 0 });
    EVP_MD_CTX *c = EVP_MD_CTX_new();
    size_t n = sizeof(sig);
    EVP_PKEY_CTX *p;

    EVP_DigestSignInit(c, NULL, EVP_sha256(), NULL, es256->pkey);
    EVP_DigestSign(c, sig, &n, (uint8_t *)input, strlen(input) - 1);
    EVP_MD_CTX_free(c);
    add_signature("ES256 as DER", header, sig, n);
    xfree(input);
    header = "{\"alg\":\"PS256\",\"kid\":\"r\"}";
    input = jwt_join(slice_of(header), slice_of(payload), (struct slice){ 0 });
    for (size_t i = 0; i < ARRAY_LEN(salts); i++) {
        c = EVP_MD_CTX_new();
        n = sizeof(sig);
        EVP_DigestSignInit(c, &p, EVP_sha256(), NULL, rsa->pkey);
        EVP_PKEY_CTX_set_rsa_padding(p, RSA_PKCS1_PSS_PADDING);
        EVP_PKEY_CTX_set_rsa_pss_saltlen(p, salts[i]);
        assert_int_equal(EVP_DigestSign(c, sig, &n, (uint8_t *)input, strlen(input) - 1),
                         1);
        EVP_MD_CTX_free(c);
        add_signature("PSS with another salt", header, sig, n);
    }
    c = EVP_MD_CTX_new();
    n = sizeof(sig);
    EVP_DigestSignInit(c, &p, EVP_sha256(), NULL, rsa->pkey);
    EVP_PKEY_CTX_set_rsa_padding(p, RSA_PKCS1_PSS_PADDING);
    EVP_PKEY_CTX_set_rsa_mgf1_md(p, EVP_sha512());
    EVP_PKEY_CTX_set_rsa_pss_saltlen(p, 32);
    EVP_DigestSign(c, sig, &n, (uint8_t *)input, strlen(input) - 1);
    EVP_MD_CTX_free(c);
    add_signature("PSS with another MGF1", header, sig, n);
    xfree(input);
}

/* Parts of good tokens put together. */
static void
add_mixed(void)
{
    char *one = jwt_make(es256, payload);
    char *two = jwt_make(es256, printed("{\"iss\":\"me\",\"aud\":\"orders\",%s,"
                                        "\"sub\":\"root\"}",
                                        now));
    const char *h1 = one, *p1 = strchr(one, '.') + 1, *s1 = strrchr(one, '.') + 1;
    const char *p2 = strchr(two, '.') + 1, *s2 = strrchr(two, '.') + 1;
    static const char *const odd[] = {
        "%s ",    "%s.",   ".%s",   "%s..",  "%s.AAAA", "%s=", "%s==",           "%s\\n",
        "\"%s\"", "%s,%s", "%s;%s", "%s %s", "<%s>",    "%s?", "{\"t\":\"%s\"}",
    };

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    for (size_t i = 0; i < ARRAY_LEN(odd); i++) {
        char text[8192];

        snprintf(text, sizeof(text), odd[i], one, two);
        if (text[strlen(text) - 1] != ' ') /* no legal header */
            add("around a good token", NULL, xstrdup(text));
    }
#pragma GCC diagnostic pop
    add("payload of another", "JWT_BAD_SIGNATURE",
        xstrdup(
            printed("%.*s.%.*s.%s", (int)(p1 - h1 - 1), h1, (int)(s2 - p2 - 1), p2, s1)));
    add("signature of another", "JWT_BAD_SIGNATURE",
        xstrdup(
            printed("%.*s.%.*s.%s", (int)(p1 - h1 - 1), h1, (int)(s1 - p1 - 1), p1, s2)));
    add("parts changed", NULL,
        xstrdup(
            printed("%.*s.%.*s.%s", (int)(s1 - p1 - 1), p1, (int)(p1 - h1 - 1), h1, s1)));
    add("two parts", "JWT_MALFORMED", xstrdup(printed("%.*s", (int)(s1 - h1 - 1), h1)));
    add("no signature", "JWT_MALFORMED", xstrdup(printed("%.*s", (int)(s1 - h1), h1)));
    add("five parts, as JWE", "JWT_MALFORMED", xstrdup(printed("%s.%s.%s", one, s1, s2)));
    add("as JSON", "JWT_MALFORMED",
        xstrdup(
            printed("{\"protected\":\"%.*s\",\"payload\":\"%.*s\",\"signature\":\"%s\"}",
                    (int)(p1 - h1 - 1), h1, (int)(s1 - p1 - 1), p1, s1)));
    /* Each character of a good one. */
    for (size_t i = 0; one[i]; i++) {
        char *other = xstrdup(one);

        other[i] = one[i] == 'A' ? 'B' : one[i] == '.' ? '_' : 'A';
        add("one character", NULL, other);
        if (one[i] == '.' || i % 7)
            continue;
        other = xstrdup(one);
        other[i] = '.';
        add("a dot", NULL, other);
        other = xstrdup(one);
        other[i] = '+';
        add("a plus", NULL, other);
    }
    xfree(one);
    xfree(two);
}

/* ---- J4 to J6: signed by the issuer, and still no good ---- */

static void
add_payload(const char *reason, const char *json)
{
    add(json, reason, jwt_make(es256, json));
}

static void
add_payloads(void)
{
    static const char *const json[] = {
        "",     "{",    "[]",     "7",       "null",  "\"x\"",
        "{}{}", "{} x", "//\n{}", "{'a':1}", "{a:1}", "\xef\xbb\xbf{}",
    };
    static const char *const members[] = {
        "\"aud\":\"orders\"",
        "\"iss\":\"me\"",
        "\"sub\":\"a\",\"sub\":\"b\"",
        "\"a\":{\"b\":1,\"b\":2}",
        "\"\\u0061ud\":\"orders\"",
        "\"a\":99999999999999999999",
        "\"a\":1e400",
        "\"a\":-1e400",
        "\"a\":\"\\u0000\"",
        "\"a\":\"\xff\"",
        "\"a\":\"\\ud800\"",
        "\"a\":01",
        "\"a\":.5",
        "\"a\":NaN",
        "\"a\":Infinity",
        "\"a\":'b'",
        "\"a\":0x10",
        "\"a\":1,",
        "\"a\"",
        "\"a\":",
        ":1",
        "\"a\":tru",
        "\"a\":[1,]",
        "\"a\":[1 2]",
        "\"a\":{\"b\"}",
        "\"a\":\"\x01\"",
        "\"a\":\"\\x\"",
        "\"a\":[[[[[[[[[[1]]]]]]]]]]",
        "\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":1}}}}}}}}",
    };

    for (size_t i = 0; i < ARRAY_LEN(json); i++)
        add_payload("JWT_MALFORMED", json[i]);
    for (size_t i = 0; i < ARRAY_LEN(members); i++)
        add_payload("JWT_MALFORMED", printed("{\"iss\":\"me\",\"aud\":\"orders\",%s,%s}",
                                             now, members[i]));
}

static void
add_claims(void)
{
    static const char *const dates[] = {
        "\"exp\":\"9999999999\"",
        "\"exp\":9999999999.5",
        "\"exp\":null",
        "\"exp\":true",
        "\"exp\":[9999999999]",
        "\"exp\":{}",
        "\"exp\":99999999999999999999",
        "\"exp\":1e400",
        "\"exp\":9999999999,\"nbf\":\"0\"",
        "\"exp\":9999999999,\"iat\":\"0\"",
        "\"exp\":9999999999,\"nbf\":null",
        "\"exp\":9999999999,\"iat\":[]",
        "\"exp\":9999999999,\"exp\":9999999999",
    };
    static const char *const past[] = { "0", "1", "-1", "-9223372036854775808",
                                        "1700000000" };
    static const char *const issuers[] = { "\"Me\"",   "\"me/\"", "\"\"",       "null",
                                           "[\"me\"]", "7",       "{\"me\":1}", "\"you\"",
                                           "\"me \"",  "true" };
    static const char *const audiences[] = {
        "\"Orders\"",
        "\"orders/\"",
        "\"\"",
        "null",
        "[]",
        "[\"x\"]",
        "7",
        "{\"orders\":1}",
        "[[\"orders\"]]",
        "\"orders stock\"",
        "\"order\"",
        "true",
        "[null]",
        "[{\"a\":\"orders\"}]",
    };
    time_t t = time(NULL);

    for (size_t i = 0; i < ARRAY_LEN(dates); i++)
        add_payload("JWT_MALFORMED",
                    printed("{\"iss\":\"me\",\"aud\":\"orders\",%s}", dates[i]));
    for (size_t i = 0; i < ARRAY_LEN(past); i++)
        add_payload("JWT_EXPIRED",
                    printed("{\"iss\":\"me\",\"aud\":\"orders\",\"exp\":%s}", past[i]));
    add_payload("JWT_EXPIRED", printed("{\"iss\":\"me\",\"aud\":\"orders\",\"exp\":%lld}",
                                       (long long)t - 61));
    add_payload("JWT_NOT_YET_VALID",
                printed("{\"iss\":\"me\",\"aud\":\"orders\",%s,\"nbf\":%lld}", now,
                        (long long)t + 90));
    add_payload("JWT_NOT_YET_VALID",
                printed("{\"iss\":\"me\",\"aud\":\"orders\",%s,\"iat\":%lld}", now,
                        (long long)t + 90));
    add_payload("JWT_NOT_YET_VALID",
                printed("{\"iss\":\"me\",\"aud\":\"orders\",%s,\"nbf\":1e300}", now));
    add_payload("JWT_NO_EXPIRY", "{\"iss\":\"me\",\"aud\":\"orders\"}");
    add_payload("JWT_NO_EXPIRY",
                "{\"iss\":\"me\",\"aud\":\"orders\",\"EXP\":9999999999}");
    for (size_t i = 0; i < ARRAY_LEN(issuers); i++)
        add_payload("JWT_UNKNOWN_ISSUER",
                    printed("{\"iss\":%s,\"aud\":\"orders\",%s}", issuers[i], now));
    add_payload("JWT_UNKNOWN_ISSUER", printed("{\"aud\":\"orders\",%s}", now));
    for (size_t i = 0; i < ARRAY_LEN(audiences); i++)
        add_payload("JWT_WRONG_AUDIENCE",
                    printed("{\"iss\":\"me\",\"aud\":%s,%s}", audiences[i], now));
    add_payload("JWT_WRONG_AUDIENCE", printed("{\"iss\":\"me\",%s}", now));
}

/* NUL bytes and other raw bytes, and headers that are no JSON. */
static void
add_bytes(void)
{
    static const char header[] = "{\"alg\":\"ES256\",\"kid\":\"e\"}";

    for (size_t i = 0; i <= strlen(payload); i += 3) {
        char *raw = xmalloc(strlen(payload) + 1);

        memcpy(raw, payload, i);
        raw[i] = '\0';
        memcpy(raw + i + 1, payload + i, strlen(payload) - i);
        add("a NUL in the payload", NULL,
            jwt_make_raw(es256, SIG_ES256, slice_of(header),
                         slice_make(raw, strlen(payload) + 1)));
        xfree(raw);
    }
    for (size_t i = 0; i <= sizeof(header) - 1; i++) {
        char raw[sizeof(header)];

        memcpy(raw, header, i);
        raw[i] = '\0';
        memcpy(raw + i + 1, header + i, sizeof(header) - 1 - i);
        add("a NUL in the header", NULL,
            jwt_make_raw(es256, SIG_ES256, slice_make(raw, sizeof(raw)),
                         slice_of(payload)));
    }
    for (size_t cut = 0; cut < sizeof(header) - 1; cut++)
        add("a cut header", NULL,
            jwt_make_raw(es256, SIG_ES256, slice_make(header, cut), slice_of(payload)));
}

/* ---- the test ---- */

static int
begin(void **state)
{
    (void)state;
    rsa = jwtkey_new(SIG_RS256, "r", 0);
    es256 = jwtkey_new(SIG_ES256, "e", 0);
    es384 = jwtkey_new(SIG_ES384, "e3", 0);
    es512 = jwtkey_new(SIG_ES512, "e5", 0);
    ed = jwtkey_new(SIG_EDDSA, "d", 0);
    hs = jwtkey_new(SIG_HS256, "h", 0);
    mine[0] = jwtkey_new(SIG_RS256, "r", 0);
    mine[1] = jwtkey_new(SIG_ES256, "e", 0);
    mine[2] = jwtkey_new(SIG_ES384, "e3", 0);
    mine[3] = jwtkey_new(SIG_ES512, "e5", 0);
    mine[4] = jwtkey_new(SIG_EDDSA, "d", 0);
    snprintf(now, sizeof(now), "\"exp\":%lld", (long long)time(NULL) + 1000);
    payload =
        xstrdup(printed("{\"iss\":\"me\",\"aud\":\"orders\",%s,\"sub\":\"joe\"}", now));
    return 0;
}

static int
end(void **state)
{
    struct jwtkey *keys[] = { rsa, es256, es384, es512, ed, hs };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(keys); i++)
        jwtkey_free(keys[i]);
    for (size_t i = 0; i < ARRAY_LEN(mine); i++)
        jwtkey_free(mine[i]);
    for (size_t i = 0; i < n_rows; i++)
        xfree(rows[i].token);
    xfree(payload);
    return 0;
}

static void
open_filter(void)
{
    struct jwtkey *keys[KEYS] = { rsa, es256, es384, es512, ed, hs };
    char *set = jwtkeys_set(keys, KEYS);
    struct strbuf json;

    strbuf_init(&json, 65536);
    strbuf_puts(&json, "{ \"issuer\": \"me\", \"audiences\": \"orders\", \"jwks\": \"");
    for (const char *c = set; *c; c++)
        strbuf_printf(&json, "%s%c", *c == '"' ? "\\" : "", *c);
    strbuf_puts(&json, "\" }");
    rig_only(&filter_jwt, json.s);
    strbuf_done(&json);
    xfree(set);
}

/* NULL: it passed. */
static const char *
send_token(const char *token)
{
    struct rigcall *c = rig_call("shop.Stock/Get");
    const char *reason = NULL;
    struct strbuf value;

    strbuf_init(&value, 65536);
    strbuf_printf(&value, "Bearer %s", token);
    rig_header(c, "authorization", value.s);
    if (rig_request(c) != FILTER_NEXT) {
        reason = c->fc.refusal.reason;
        /* Nothing of the token is told. */
        assert_null(strstr(c->fc.text, token));
        assert_null(c->fc.claims);
    }
    rig_end(c, GRPC_OK);
    strbuf_done(&value);
    return reason;
}

static void
good_tokens_of_each_key_pass(void **state)
{
    struct jwtkey *keys[] = { rsa, es256, es384, es512, ed };

    (void)state;
    open_filter();
    for (size_t i = 0; i < ARRAY_LEN(keys); i++)
        for (int alg = SIG_RS256; alg < SIG_ALGS; alg++) {
            char *token;

            if (keys[i]->alg != (enum sig_alg)alg &&
                !(i == 0 && (SIG_BIT(alg) & SIG_SET_RSA)))
                continue;
            for (unsigned kid = 0; kid < 2; kid++) {
                token =
                    signed_with(keys[i], (enum sig_alg)alg,
                                kid ? printed("{\"alg\":\"%s\",\"kid\":\"%s\"}",
                                              sig_alg_names[alg], keys[i]->kid)
                                    : printed("{\"alg\":\"%s\"}", sig_alg_names[alg]));
                assert_null(send_token(token));
                assert_null(send_token(token)); /* from the cache */
                xfree(token);
            }
        }
}

static void
hostile_tokens_never_pass(void **state)
{
    char *good = jwt_make(es256, payload);
    size_t passed = 0, wrong = 0;

    (void)state;
    add_none();
    add_secrets();
    add_headers();
    add_other_keys();
    add_mangled(es256, "{\"alg\":\"ES256\",\"kid\":\"e\"}");
    add_mangled(es384, "{\"alg\":\"ES384\"}");
    add_mangled(es512, "{\"alg\":\"ES512\"}");
    add_mangled(rsa, "{\"alg\":\"RS256\",\"kid\":\"r\"}");
    add_mangled(ed, "{\"alg\":\"EdDSA\",\"kid\":\"d\"}");
    add_encodings();
    add_mixed();
    add_payloads();
    add_claims();
    add_bytes();
    open_filter();
    for (size_t i = 0; i < n_rows; i++) {
        for (unsigned again = 0; again < 2; again++) {
            const char *reason = send_token(rows[i].token);

            passed += reason == NULL;
            if (!reason || (rows[i].reason && strcmp(reason, rows[i].reason) != 0)) {
                print_message("%s: %s, not %s\n    %s\n", rows[i].what,
                              reason ? reason : "passed", rows[i].reason, rows[i].token);
                wrong++;
            }
        }
        assert_null(send_token(good));
    }
    print_message("%zu hostile tokens, %zu passed, %zu with another reason\n", n_rows,
                  passed, wrong);
    assert_true(n_rows >= 300);
    assert_int_equal(passed, 0);
    assert_int_equal(wrong, 0);
    xfree(good);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        FILTER_TEST(good_tokens_of_each_key_pass),
        FILTER_TEST(hostile_tokens_never_pass),
    };

    return cmocka_run_group_tests(tests, begin, end);
}
