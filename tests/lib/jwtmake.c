/* SPDX-License-Identifier: Apache-2.0 */
#include "jwtmake.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>

#include "base/strbuf.h"
#include "base/xalloc.h"

enum { TEXT_CAP = 1 << 20, COORD_MAX = 66 };

#define MUST(truth)                                                             \
    do {                                                                        \
        if (!(truth)) {                                                         \
            fprintf(stderr, "%s:%d: failed: %s\n", __FILE__, __LINE__, #truth); \
            abort();                                                            \
        }                                                                       \
    } while (0)

static const char *const curves[3] = { "P-256", "P-384", "P-521" };
static const size_t coords[3] = { 32, 48, 66 };

static const EVP_MD *
md_of(enum sig_alg alg)
{
    return alg % 3 == 0 ? EVP_sha256() : alg % 3 == 1 ? EVP_sha384() : EVP_sha512();
}

struct jwtkey *
jwtkey_new(enum sig_alg alg, const char *kid, int bits)
{
    struct jwtkey *k = xcalloc(1, sizeof(*k));

    k->alg = alg;
    snprintf(k->kid, sizeof(k->kid), "%s", kid ? kid : "");
    if (SIG_BIT(alg) & SIG_SET_HS) {
        k->secret_n = bits ? (size_t)bits : sizeof(k->secret);
        MUST(RAND_bytes(k->secret, sizeof(k->secret)) == 1);
        return k;
    }
    if (SIG_BIT(alg) & SIG_SET_RSA)
        k->pkey = EVP_RSA_gen((unsigned)(bits ? bits : 2048));
    else if (alg == SIG_EDDSA)
        k->pkey = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    else
        k->pkey = EVP_EC_gen(curves[alg % 3]);
    MUST(k->pkey);
    return k;
}

void
jwtkey_free(struct jwtkey *k)
{
    if (k)
        EVP_PKEY_free(k->pkey);
    xfree(k);
}

char *
jwt_b64(struct slice bytes)
{
    static const char digits[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    char *out = xmalloc(bytes.n * 4 / 3 + 4), *at = out;

    for (size_t i = 0; i < bytes.n; i += 3) {
        size_t left = bytes.n - i;
        uint32_t v = (uint32_t)bytes.p[i] << 16 |
                     (left > 1 ? (uint32_t)bytes.p[i + 1] << 8 : 0) |
                     (left > 2 ? bytes.p[i + 2] : 0);

        *at++ = digits[v >> 18];
        *at++ = digits[v >> 12 & 63];
        if (left > 1)
            *at++ = digits[v >> 6 & 63];
        if (left > 2)
            *at++ = digits[v & 63];
    }
    *at = '\0';
    return out;
}

/* ---- JWK ---- */

/* , "name": "base64url of the number" */
static void
jwk_number(const struct jwtkey *k, const char *param, const char *name, size_t len,
           struct strbuf *out)
{
    uint8_t bytes[SIG_LEN_MAX * 2];
    BIGNUM *n = NULL;
    size_t size;
    char *text;

    MUST(EVP_PKEY_get_bn_param(k->pkey, param, &n) == 1);
    size = len ? len : (size_t)BN_num_bytes(n);
    MUST(BN_bn2binpad(n, bytes, (int)size) == (int)size);
    BN_free(n);
    text = jwt_b64(slice_make(bytes, size));
    strbuf_printf(out, ", \"%s\": \"%s\"", name, text);
    xfree(text);
}

static void
jwk_bytes(const char *name, const uint8_t *p, size_t n, struct strbuf *out)
{
    char *text = jwt_b64(slice_make(p, n));

    strbuf_printf(out, ", \"%s\": \"%s\"", name, text);
    xfree(text);
}

char *
jwtkey_jwk(const struct jwtkey *k, const char *more)
{
    uint8_t raw[32];
    size_t n = sizeof(raw);
    struct strbuf b;

    strbuf_init(&b, TEXT_CAP);
    if (!k->pkey) {
        strbuf_puts(&b, "{\"kty\": \"oct\"");
        jwk_bytes("k", k->secret, k->secret_n, &b);
    } else if (SIG_BIT(k->alg) & SIG_SET_RSA) {
        strbuf_puts(&b, "{\"kty\": \"RSA\"");
        jwk_number(k, OSSL_PKEY_PARAM_RSA_N, "n", 0, &b);
        jwk_number(k, OSSL_PKEY_PARAM_RSA_E, "e", 0, &b);
    } else if (k->alg == SIG_EDDSA) {
        strbuf_puts(&b, "{\"kty\": \"OKP\", \"crv\": \"Ed25519\"");
        MUST(EVP_PKEY_get_raw_public_key(k->pkey, raw, &n) == 1);
        jwk_bytes("x", raw, n, &b);
    } else {
        strbuf_printf(&b, "{\"kty\": \"EC\", \"crv\": \"%s\"", curves[k->alg % 3]);
        jwk_number(k, OSSL_PKEY_PARAM_EC_PUB_X, "x", coords[k->alg % 3], &b);
        jwk_number(k, OSSL_PKEY_PARAM_EC_PUB_Y, "y", coords[k->alg % 3], &b);
    }
    if (k->kid[0])
        strbuf_printf(&b, ", \"kid\": \"%s\"", k->kid);
    strbuf_printf(&b, "%s}", more);
    return strbuf_steal(&b);
}

char *
jwtkeys_set(struct jwtkey *const *keys, size_t n)
{
    struct strbuf b;

    strbuf_init(&b, TEXT_CAP);
    strbuf_puts(&b, "{\"keys\": [");
    for (size_t i = 0; i < n; i++) {
        char *one = jwtkey_jwk(keys[i], "");

        strbuf_printf(&b, "%s%s", i ? ", " : "", one);
        xfree(one);
    }
    strbuf_puts(&b, "]}");
    return strbuf_steal(&b);
}

/* ---- tokens ---- */

/* DER to R||S. */
static size_t
sign_raw_ec(const uint8_t *der, size_t n, size_t len, uint8_t *out)
{
    ECDSA_SIG *sig = d2i_ECDSA_SIG(NULL, &der, (long)n);

    MUST(sig);
    MUST(BN_bn2binpad(ECDSA_SIG_get0_r(sig), out, (int)len) == (int)len);
    MUST(BN_bn2binpad(ECDSA_SIG_get0_s(sig), out + len, (int)len) == (int)len);
    ECDSA_SIG_free(sig);
    return 2 * len;
}

size_t
jwt_sign(const struct jwtkey *k, enum sig_alg alg, struct slice input, uint8_t *out)
{
    uint8_t raw[SIG_LEN_MAX * 2];
    EVP_PKEY_CTX *p;
    size_t n = sizeof(raw);
    unsigned mac_n;
    EVP_MD_CTX *c;

    if (SIG_BIT(alg) & SIG_SET_HS) {
        MUST(
            HMAC(md_of(alg), k->secret, (int)k->secret_n, input.p, input.n, out, &mac_n));
        return mac_n;
    }
    c = EVP_MD_CTX_new();
    MUST(EVP_DigestSignInit(c, &p, alg == SIG_EDDSA ? NULL : md_of(alg), NULL, k->pkey) ==
         1);
    if (alg >= SIG_PS256 && alg <= SIG_PS512) {
        MUST(EVP_PKEY_CTX_set_rsa_padding(p, RSA_PKCS1_PSS_PADDING) == 1);
        MUST(EVP_PKEY_CTX_set_rsa_pss_saltlen(p, RSA_PSS_SALTLEN_DIGEST) == 1);
    }
    MUST(EVP_DigestSign(c, raw, &n, input.p, input.n) == 1);
    EVP_MD_CTX_free(c);
    if (SIG_BIT(alg) & SIG_SET_EC)
        return sign_raw_ec(raw, n, coords[k->alg % 3], out);
    memcpy(out, raw, n);
    return n;
}

char *
jwt_join(struct slice header, struct slice payload, struct slice signature)
{
    char *a = jwt_b64(header), *b = jwt_b64(payload), *c = jwt_b64(signature);
    struct strbuf text;

    strbuf_init(&text, TEXT_CAP);
    strbuf_printf(&text, "%s.%s.%s", a, b, c);
    xfree(a);
    xfree(b);
    xfree(c);
    return strbuf_steal(&text);
}

char *
jwt_make_raw(const struct jwtkey *k, enum sig_alg alg, struct slice header,
             struct slice payload)
{
    char *input = jwt_join(header, payload, (struct slice){ 0 }), *token;
    uint8_t sig[SIG_LEN_MAX * 2];
    size_t n = jwt_sign(k, alg, slice_make(input, strlen(input) - 1), sig);

    token = jwt_join(header, payload, slice_make(sig, n));
    xfree(input);
    return token;
}

char *
jwt_make_with(const struct jwtkey *k, enum sig_alg alg, const char *header,
              const char *payload)
{
    return jwt_make_raw(k, alg, slice_of(header), slice_of(payload));
}

char *
jwt_make(const struct jwtkey *k, const char *payload)
{
    char header[160];

    if (k->kid[0])
        snprintf(header, sizeof(header), "{\"alg\":\"%s\",\"kid\":\"%s\"}",
                 sig_alg_names[k->alg], k->kid);
    else
        snprintf(header, sizeof(header), "{\"alg\":\"%s\"}", sig_alg_names[k->alg]);
    return jwt_make_with(k, k->alg, header, payload);
}
