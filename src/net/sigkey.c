/* SPDX-License-Identifier: Apache-2.0 */
/* net/sigkey.c - OpenSSL's EVP. Finding an algorithm by name and setting up a check costs two to
 * three microseconds, so that is done once for each key and algorithm: a check hashes, copies the
 * prepared context, and verifies the digest. Ed25519 has no digest and is verified in one go. */
#include "net/sigkey.h"

#include <string.h>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/params.h>
#include <openssl/rsa.h>

#include "base/xalloc.h"

enum {
    HASH_MAX = 64,
    ED25519_KEY_LEN = 32,
    ED25519_SIG_LEN = 64,
    SECRET_MAX = 1024,
    COORD_MAX = 66,
    RSA_E_LEN_MAX = 8,
    /* SEQUENCE of two INTEGERs, each with a length byte or two and a leading zero */
    ES_DER_MAX = 3 + 2 * (2 + 1 + COORD_MAX),
};

const char *const sig_alg_names[SIG_ALGS + 1] = {
    "HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "PS256",
    "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", NULL,
};

/* RFC 7518 6.2.1.1: each algorithm has its curve. */
static const struct {
    const char *name;
    size_t len; /* of a coordinate */
} curves[3] = { { "P-256", 32 }, { "P-384", 48 }, { "P-521", 66 } };

struct sigkey {
    unsigned algs;
    size_t sig_len; /* of a signature as tokens have it; 0: the hash's */
    EVP_PKEY *pkey; /* NULL: a secret */
    EVP_MD *md[3];  /* SHA-256, -384, -512, where needed */
    EVP_PKEY_CTX *verify[SIG_ALGS];
    EVP_MAC_CTX *mac[3];
};

int
sig_alg_find(struct slice name)
{
    for (int i = 0; i < SIG_ALGS; i++)
        if (slice_eq_str(name, sig_alg_names[i]))
            return i;
    return -1;
}

/* The enum has the hashes of each family in the order 256, 384, 512. */
static unsigned
alg_hash(enum sig_alg alg)
{
    return (unsigned)alg % 3;
}

static const char *
hash_name(unsigned hash)
{
    static const char *const names[3] = { "SHA256", "SHA384", "SHA512" };

    return names[hash];
}

static size_t
hash_len(unsigned hash)
{
    return 32 + 16 * (size_t)hash;
}

/* ---- making ---- */

void
sigkey_free(struct sigkey *k)
{
    if (!k)
        return;
    for (size_t i = 0; i < SIG_ALGS; i++)
        EVP_PKEY_CTX_free(k->verify[i]);
    for (size_t i = 0; i < 3; i++) {
        EVP_MD_free(k->md[i]);
        EVP_MAC_CTX_free(k->mac[i]);
    }
    EVP_PKEY_free(k->pkey);
    xfree(k);
}

static bool
key_prepare_alg(struct sigkey *k, enum sig_alg alg)
{
    unsigned hash = alg_hash(alg);
    EVP_PKEY_CTX *c;

    if (!k->md[hash])
        k->md[hash] = EVP_MD_fetch(NULL, hash_name(hash), NULL);
    c = k->verify[alg] = EVP_PKEY_CTX_new_from_pkey(NULL, k->pkey, NULL);
    if (!k->md[hash] || !c || EVP_PKEY_verify_init(c) != 1)
        return false;
    if (SIG_BIT(alg) & SIG_SET_RSA) {
        bool pss = alg >= SIG_PS256;

        if (EVP_PKEY_CTX_set_rsa_padding(c, pss ? RSA_PKCS1_PSS_PADDING
                                                : RSA_PKCS1_PADDING) != 1)
            return false;
        if (pss && (EVP_PKEY_CTX_set_rsa_mgf1_md(c, k->md[hash]) != 1 ||
                    EVP_PKEY_CTX_set_rsa_pss_saltlen(c, RSA_PSS_SALTLEN_DIGEST) != 1))
            return false;
    }
    return EVP_PKEY_CTX_set_signature_md(c, k->md[hash]) == 1;
}

/* Takes pkey over. */
static struct sigkey *
key_of_pkey(EVP_PKEY *pkey, unsigned algs, size_t sig_len, const char **ret_why)
{
    struct sigkey *k = xcalloc(1, sizeof(*k));
    bool good = true;

    k->pkey = pkey;
    k->algs = algs;
    k->sig_len = sig_len;
    for (int i = 0; i < SIG_ALGS && good; i++)
        if ((algs & SIG_BIT(i)) && i != SIG_EDDSA)
            good = key_prepare_alg(k, (enum sig_alg)i);
    ERR_clear_error();
    if (good)
        return k;
    *ret_why = "cannot be used with this version of OpenSSL";
    sigkey_free(k);
    return NULL;
}

static EVP_PKEY *
pkey_of_params(const char *type, OSSL_PARAM *params)
{
    EVP_PKEY_CTX *c = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
    EVP_PKEY *pkey = NULL;

    if (!c || EVP_PKEY_fromdata_init(c) != 1 ||
        EVP_PKEY_fromdata(c, &pkey, EVP_PKEY_PUBLIC_KEY, params) != 1)
        pkey = NULL;
    EVP_PKEY_CTX_free(c);
    ERR_clear_error();
    return pkey;
}

static EVP_PKEY *
pkey_of_rsa(const BIGNUM *n, const BIGNUM *e)
{
    OSSL_PARAM_BLD *b = OSSL_PARAM_BLD_new();
    OSSL_PARAM *params = NULL;
    EVP_PKEY *pkey = NULL;

    if (b && OSSL_PARAM_BLD_push_BN(b, OSSL_PKEY_PARAM_RSA_N, n) == 1 &&
        OSSL_PARAM_BLD_push_BN(b, OSSL_PKEY_PARAM_RSA_E, e) == 1)
        params = OSSL_PARAM_BLD_to_param(b);
    if (params)
        pkey = pkey_of_params("RSA", params);
    OSSL_PARAM_free(params);
    OSSL_PARAM_BLD_free(b);
    return pkey;
}

/* The numbers alone; NULL: they are good. */
static const char *
rsa_fault(const BIGNUM *n, const BIGNUM *e)
{
    int bits = n ? BN_num_bits(n) : 0;

    if (!n || !e)
        return "has no numbers";
    if (bits < SIG_RSA_BITS_MIN)
        return "is an RSA key of less than 2048 bits";
    if (bits > SIG_RSA_BITS_MAX)
        return "is an RSA key of more than 8192 bits";
    if (!BN_is_odd(n))
        return "has an even modulus";
    /* 1 would make every message its own signature. */
    if (!BN_is_odd(e) || BN_is_one(e))
        return "has a bad exponent";
    return NULL;
}

struct sigkey *
sigkey_rsa(struct slice n, struct slice e, unsigned algs, const char **ret_why)
{
    BIGNUM *bn = NULL, *be = NULL;
    struct sigkey *k = NULL;
    EVP_PKEY *pkey;

    while (e.n > 0 && e.p[0] == 0)
        e = slice_make(e.p + 1, e.n - 1);
    if (e.n == 0 || e.n > RSA_E_LEN_MAX) {
        *ret_why = "has a bad exponent";
        return NULL;
    }
    if (n.n <= SIG_LEN_MAX + 1) {
        bn = BN_bin2bn(n.p, (int)n.n, NULL);
        be = BN_bin2bn(e.p, (int)e.n, NULL);
        *ret_why = rsa_fault(bn, be);
    } else {
        *ret_why = "is an RSA key of more than 8192 bits";
    }
    if (!*ret_why) {
        pkey = pkey_of_rsa(bn, be);
        *ret_why = "cannot be read";
        if (pkey)
            k = key_of_pkey(pkey, algs & SIG_SET_RSA, ((size_t)BN_num_bits(bn) + 7) / 8,
                            ret_why);
    }
    BN_free(bn);
    BN_free(be);
    return k;
}

struct sigkey *
sigkey_ec(enum sig_alg alg, struct slice x, struct slice y, const char **ret_why)
{
    const char *curve = curves[alg_hash(alg)].name;
    size_t len = curves[alg_hash(alg)].len;
    uint8_t point[1 + 2 * COORD_MAX] = { 4 }; /* uncompressed */
    OSSL_PARAM params[] = {
        OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, (char *)(uintptr_t)curve, 0),
        OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_PUB_KEY, point, 1 + 2 * len),
        OSSL_PARAM_END,
    };
    EVP_PKEY_CTX *c = NULL;
    EVP_PKEY *pkey;
    bool good;

    if (x.n != len || y.n != len) {
        *ret_why = "has coordinates of the wrong length for its curve";
        return NULL;
    }
    memcpy(point + 1, x.p, len);
    memcpy(point + 1 + len, y.p, len);
    pkey = pkey_of_params("EC", params);
    if (pkey)
        c = EVP_PKEY_CTX_new_from_pkey(NULL, pkey, NULL);
    good = c && EVP_PKEY_public_check(c) == 1;
    EVP_PKEY_CTX_free(c);
    ERR_clear_error();
    if (!good) {
        *ret_why = "is no point of its curve";
        EVP_PKEY_free(pkey);
        return NULL;
    }
    return key_of_pkey(pkey, SIG_BIT(alg), 2 * len, ret_why);
}

struct sigkey *
sigkey_ed25519(struct slice x, const char **ret_why)
{
    EVP_PKEY *pkey = NULL;

    if (x.n == ED25519_KEY_LEN)
        pkey = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, x.p, x.n);
    if (!pkey) {
        ERR_clear_error();
        *ret_why = "is no Ed25519 key of 32 bytes";
        return NULL;
    }
    return key_of_pkey(pkey, SIG_BIT(SIG_EDDSA), ED25519_SIG_LEN, ret_why);
}

struct sigkey *
sigkey_hmac(struct slice secret, unsigned algs, const char **ret_why)
{
    struct sigkey *k;
    EVP_MAC *mac = NULL;

    if (secret.n < hash_len(0) || secret.n > SECRET_MAX) {
        *ret_why = secret.n > SECRET_MAX ? "is a secret of more than 1024 bytes"
                                         : "is a secret of less than 32 bytes";
        return NULL;
    }
    k = xcalloc(1, sizeof(*k));
    mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    for (unsigned hash = 0; hash < 3 && mac; hash++) {
        OSSL_PARAM params[] = {
            OSSL_PARAM_utf8_string(OSSL_MAC_PARAM_DIGEST,
                                   (char *)(uintptr_t)hash_name(hash), 0),
            OSSL_PARAM_END,
        };

        if (!(algs & SIG_BIT(SIG_HS256 + hash)) || secret.n < hash_len(hash))
            continue; /* RFC 7518 3.2: at least as long as the hash */
        k->mac[hash] = EVP_MAC_CTX_new(mac);
        if (k->mac[hash] && EVP_MAC_init(k->mac[hash], secret.p, secret.n, params) == 1)
            k->algs |= SIG_BIT(SIG_HS256 + hash);
    }
    EVP_MAC_free(mac);
    ERR_clear_error();
    if (k->algs)
        return k;
    *ret_why = "is a secret that is shorter than the hash of its algorithm";
    sigkey_free(k);
    return NULL;
}

unsigned
sigkey_algs(const struct sigkey *k)
{
    return k->algs;
}

/* ---- checking ---- */

/* One DER INTEGER of the big-endian number p[0..n). */
static size_t
der_integer(const uint8_t *p, size_t n, uint8_t *out)
{
    size_t zero;

    while (n > 1 && *p == 0) {
        p++;
        n--;
    }
    zero = *p >> 7;
    out[0] = 2;
    out[1] = (uint8_t)(n + zero);
    out[2] = 0;
    memcpy(out + 2 + zero, p, n);
    return 2 + zero + n;
}

/* R||S to what OpenSSL takes. */
static size_t
der_signature(struct slice sig, uint8_t out[ES_DER_MAX])
{
    uint8_t body[ES_DER_MAX];
    size_t half = sig.n / 2, n, head = 2;

    n = der_integer(sig.p, half, body);
    n += der_integer(sig.p + half, half, body + n);
    out[0] = 0x30;
    if (n >= 128) {
        out[1] = 0x81;
        head = 3;
    }
    out[head - 1] = (uint8_t)n;
    memcpy(out + head, body, n);
    return head + n;
}

static bool
verify_hmac(const struct sigkey *k, enum sig_alg alg, struct slice input,
            struct slice sig)
{
    unsigned hash = alg_hash(alg);
    uint8_t want[HASH_MAX];
    EVP_MAC_CTX *c;
    bool good;
    size_t n = 0;

    if (sig.n != hash_len(hash))
        return false;
    c = EVP_MAC_CTX_dup(k->mac[hash]);
    good = c && EVP_MAC_update(c, input.p, input.n) == 1 &&
           EVP_MAC_final(c, want, &n, sizeof(want)) == 1 && n == sig.n &&
           CRYPTO_memcmp(want, sig.p, n) == 0;
    EVP_MAC_CTX_free(c);
    OPENSSL_cleanse(want, sizeof(want));
    return good;
}

static bool
verify_ed25519(const struct sigkey *k, struct slice input, struct slice sig)
{
    EVP_MD_CTX *c = EVP_MD_CTX_new();
    bool good = c && EVP_DigestVerifyInit(c, NULL, NULL, NULL, k->pkey) == 1 &&
                EVP_DigestVerify(c, sig.p, sig.n, input.p, input.n) == 1;

    EVP_MD_CTX_free(c);
    return good;
}

static bool
verify_digest(const struct sigkey *k, enum sig_alg alg, struct slice input,
              struct slice sig)
{
    uint8_t digest[HASH_MAX], der[ES_DER_MAX];
    EVP_PKEY_CTX *c;
    unsigned n = 0;
    bool good;

    if (SIG_BIT(alg) & SIG_SET_EC)
        sig = slice_make(der, der_signature(sig, der));
    if (EVP_Digest(input.p, input.n, digest, &n, k->md[alg_hash(alg)], NULL) != 1)
        return false;
    c = EVP_PKEY_CTX_dup(k->verify[alg]);
    good = c && EVP_PKEY_verify(c, sig.p, sig.n, digest, n) == 1;
    EVP_PKEY_CTX_free(c);
    return good;
}

bool
sigkey_verify(const struct sigkey *k, enum sig_alg alg, struct slice input,
              struct slice sig)
{
    bool good;

    if ((unsigned)alg >= SIG_ALGS || !(k->algs & SIG_BIT(alg)))
        return false;
    if (!k->pkey)
        return verify_hmac(k, alg, input, sig);
    if (sig.n != k->sig_len)
        return false;
    good = alg == SIG_EDDSA ? verify_ed25519(k, input, sig)
                            : verify_digest(k, alg, input, sig);
    if (!good)
        ERR_clear_error(); /* TLS of this thread must not find them */
    return good;
}
