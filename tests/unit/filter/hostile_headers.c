/* SPDX-License-Identifier: Apache-2.0 */
/* Hostile tokens by what their header says: none (J1), what is public as a secret (J2), what a header may not do (J3), and keys under each other name. */
#include "hostile.h"

#include <string.h>

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "base/xalloc.h"

/* ---- J1: none ---- */

void
hostile_none(void)
{
    static const char *const names[] = { "none",  "None",  "NONE",       "nOnE", "NonE",
                                         "none ", " none", "no\\u006ee", "",     "null" };
    static const char *const kids[] = { "", ",\"kid\":\"r\"", ",\"kid\":\"e\"",
                                        ",\"kid\":\"none\"" };
    uint8_t sig[SIG_LEN_MAX * 2];

    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        for (size_t k = 0; k < ARRAY_LEN(kids); k++) {
            const char *header = printed("{\"alg\":\"%s\"%s}", names[i], kids[k]);

            hostile_add(
                "none, no signature", NULL,
                jwt_join(slice_of(header), slice_of(payload), (struct slice){ 0 }));
            hostile_add("none, a signature", "JWT_BAD_ALGORITHM",
                        jwt_join(slice_of(header), slice_of(payload), slice_of("sig")));
        }
    hostile_add(
        "no alg", "JWT_MALFORMED",
        jwt_join(slice_of("{\"typ\":\"JWT\"}"), slice_of(payload), slice_of("x")));
    hostile_add("alg null", "JWT_MALFORMED",
                jwt_join(slice_of("{\"alg\":null}"), slice_of(payload), slice_of("x")));
    memset(sig, 0, sizeof(sig));
    hostile_add(
        "true", "JWT_MALFORMED",
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

            hostile_add(what, "JWT_BAD_ALGORITHM",
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

void
hostile_secrets(void)
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

void
hostile_headers(void)
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
        hostile_add("a kid that wants something", NULL,
                    signed_with(mine[1], SIG_ES256,
                                printed("{\"alg\":\"ES256\",\"kid\":\"%s\"}", kids[i])));
    for (size_t n = 256; n <= 5000; n += n) {
        memset(long_kid, 'e', n);
        long_kid[n] = '\0';
        hostile_add("a long kid", n > 256 ? NULL : "JWT_UNKNOWN_KEY",
                    signed_with(mine[1], SIG_ES256,
                                printed("{\"alg\":\"ES256\",\"kid\":\"%s\"}", long_kid)));
    }
    for (size_t i = 0; i < ARRAY_LEN(crits); i++)
        for (unsigned who = 0; who < 2; who++) /* also when all else is good */
            hostile_add(
                "crit", "JWT_UNKNOWN_EXTENSION",
                signed_with(
                    who ? mine[1] : es256, SIG_ES256,
                    printed("{\"alg\":\"ES256\",\"kid\":\"e\",\"crit\":%s}", crits[i])));
    for (size_t i = 0; i < ARRAY_LEN(b64s); i++)
        hostile_add("b64", "JWT_UNKNOWN_EXTENSION",
                    signed_with(es256, SIG_ES256,
                                printed("{\"alg\":\"ES256\",\"kid\":\"e\",\"b64\":%s}",
                                        b64s[i])));
    for (unsigned kid = 0; kid < 2; kid++) {
        const char *name = kid ? ",\"kid\":\"e\"" : ",\"kid\":\"mine\"";

        hostile_add("jwk", NULL,
                    signed_with(mine[1], SIG_ES256,
                                printed("{\"alg\":\"ES256\",\"jwk\":%s%s}", jwk, name)));
        hostile_add(
            "jku", NULL,
            signed_with(
                mine[1], SIG_ES256,
                printed("{\"alg\":\"ES256\",\"jku\":\"http://127.0.0.1:1/\"%s}", name)));
        hostile_add(
            "x5u", NULL,
            signed_with(
                mine[1], SIG_ES256,
                printed("{\"alg\":\"ES256\",\"x5u\":\"http://127.0.0.1:1/\"%s}", name)));
        hostile_add(
            "x5c", NULL,
            signed_with(mine[1], SIG_ES256,
                        printed("{\"alg\":\"ES256\",\"x5c\":[\"MIIB\"]%s}", name)));
    }
    xfree(long_kid);
    xfree(jwk);
}

/* Every key under every name of an algorithm, with the name of every key. */
void
hostile_other_keys(void)
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
                hostile_add("the attacker's key", NULL, signed_with(own, by, header));
                if (theirs[i]->alg != (enum sig_alg)alg &&
                    !(i == 0 && (SIG_BIT(alg) & SIG_SET_RSA)))
                    hostile_add("the issuer's key under another algorithm", NULL,
                                signed_with(theirs[i], theirs[i]->alg, header));
            }
        }
}
