/* SPDX-License-Identifier: Apache-2.0 */
/* net/digest.c */
#include "net/digest.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>

#include "base/log.h"
#include "base/xalloc.h"

struct digest {
    EVP_MD *sha256;
    EVP_MD_CTX *ctx;
};

struct digest *
digest_new(void)
{
    struct digest *d = xcalloc(1, sizeof(*d));

    d->sha256 = EVP_MD_fetch(NULL, "SHA2-256", NULL);
    d->ctx = EVP_MD_CTX_new();
    if (!d->sha256 || !d->ctx) {
        log_at(NULL, LOG_ERROR, "OpenSSL has no SHA-256, or no memory is left");
        abort();
    }
    return d;
}

void
digest_free(struct digest *d)
{
    if (!d)
        return;
    EVP_MD_CTX_free(d->ctx);
    EVP_MD_free(d->sha256);
    xfree(d);
}

bool
digest_sha256(struct digest *d, struct slice text, uint8_t out[SHA256_LEN])
{
    unsigned n = 0;

    if (EVP_DigestInit_ex2(d->ctx, d->sha256, NULL) == 1 &&
        EVP_DigestUpdate(d->ctx, text.p, text.n) == 1 &&
        EVP_DigestFinal_ex(d->ctx, out, &n) == 1 && n == SHA256_LEN)
        return true;
    ERR_clear_error();
    memset(out, 0, SHA256_LEN);
    return false;
}

bool
secret_equal(const void *a, const void *b, size_t n)
{
    return CRYPTO_memcmp(a, b, n) == 0;
}

void
secret_wipe(void *p, size_t n)
{
    OPENSSL_cleanse(p, n);
}
