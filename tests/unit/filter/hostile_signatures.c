/* SPDX-License-Identifier: Apache-2.0 */
/* Hostile tokens by their signature (J7): mangled, encoded in another way, of another token. */
#include "hostile.h"

#include <string.h>

#include <openssl/evp.h>
#include <openssl/rsa.h>

#include "base/xalloc.h"

static void
add_signature(const char *what, const char *header, const uint8_t *sig, size_t n)
{
    hostile_add(what, NULL,
                jwt_join(slice_of(header), slice_of(payload), slice_make(sig, n)));
}

void
hostile_mangled(struct jwtkey *k, const char *header)
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
void
hostile_encodings(void)
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
void
hostile_mixed(void)
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
            hostile_add("around a good token", NULL, xstrdup(text));
    }
#pragma GCC diagnostic pop
    hostile_add("payload of another", "JWT_BAD_SIGNATURE",
                xstrdup(printed("%.*s.%.*s.%s", (int)(p1 - h1 - 1), h1,
                                (int)(s2 - p2 - 1), p2, s1)));
    hostile_add("signature of another", "JWT_BAD_SIGNATURE",
                xstrdup(printed("%.*s.%.*s.%s", (int)(p1 - h1 - 1), h1,
                                (int)(s1 - p1 - 1), p1, s2)));
    hostile_add("parts changed", NULL,
                xstrdup(printed("%.*s.%.*s.%s", (int)(s1 - p1 - 1), p1,
                                (int)(p1 - h1 - 1), h1, s1)));
    hostile_add("two parts", "JWT_MALFORMED",
                xstrdup(printed("%.*s", (int)(s1 - h1 - 1), h1)));
    hostile_add("no signature", "JWT_MALFORMED",
                xstrdup(printed("%.*s", (int)(s1 - h1), h1)));
    hostile_add("five parts, as JWE", "JWT_MALFORMED",
                xstrdup(printed("%s.%s.%s", one, s1, s2)));
    hostile_add("as JSON", "JWT_MALFORMED",
                xstrdup(printed(
                    "{\"protected\":\"%.*s\",\"payload\":\"%.*s\",\"signature\":\"%s\"}",
                    (int)(p1 - h1 - 1), h1, (int)(s1 - p1 - 1), p1, s1)));
    /* Each character of a good one. */
    for (size_t i = 0; one[i]; i++) {
        char *other = xstrdup(one);

        other[i] = one[i] == 'A' ? 'B' : one[i] == '.' ? '_' : 'A';
        hostile_add("one character", NULL, other);
        if (one[i] == '.' || i % 7)
            continue;
        other = xstrdup(one);
        other[i] = '.';
        hostile_add("a dot", NULL, other);
        other = xstrdup(one);
        other[i] = '+';
        hostile_add("a plus", NULL, other);
    }
    xfree(one);
    xfree(two);
}
