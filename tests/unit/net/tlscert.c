/* SPDX-License-Identifier: Apache-2.0 */
/* tlscert.c - see tlscert.h */
#include "tlscert.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/sha.h>

enum { DAY_S = 86400 };

static void
must(bool good)
{
    if (good)
        return;
    ERR_print_errors_fp(stderr);
    abort();
}

static void
add_extension(X509 *cert, const X509 *issuer, int nid, const char *value)
{
    X509V3_CTX ctx;
    X509_EXTENSION *e;

    X509V3_set_ctx(&ctx, (X509 *)(uintptr_t)issuer, cert, NULL, NULL, 0);
    e = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
    must(e && X509_add_ext(cert, e, -1) == 1);
    X509_EXTENSION_free(e);
}

static void
add_raw_names(X509 *cert, const struct tlsname *raw, size_t n)
{
    GENERAL_NAMES *all = sk_GENERAL_NAME_new_null();

    for (size_t i = 0; i < n; i++) {
        GENERAL_NAME *name = GENERAL_NAME_new();
        ASN1_STRING *text = ASN1_STRING_type_new(
            raw[i].type == GEN_IPADD ? V_ASN1_OCTET_STRING : V_ASN1_IA5STRING);

        must(name && text && ASN1_STRING_set(text, raw[i].bytes, (int)raw[i].n) == 1);
        GENERAL_NAME_set0_value(name, raw[i].type, text);
        sk_GENERAL_NAME_push(all, name);
    }
    must(X509_add1_ext_i2d(cert, NID_subject_alt_name, all, 0, 0) == 1);
    GENERAL_NAMES_free(all);
}

static void
add_extensions(X509 *cert, const X509 *issuer, const struct tlscert *c)
{
    if (c->ca)
        add_extension(cert, issuer, NID_basic_constraints,
                      c->path_len ? c->path_len : "critical,CA:TRUE");
    if (c->san)
        add_extension(cert, issuer, NID_subject_alt_name, c->san);
    if (c->raw)
        add_raw_names(cert, c->raw, c->n_raw);
    if (c->eku)
        add_extension(cert, issuer, NID_ext_key_usage, c->eku);
    if (c->constraints)
        add_extension(cert, issuer, NID_name_constraints, c->constraints);
}

void
tlsid_make_as(struct tlsid *id, const struct tlscert *c)
{
    static long serial;
    const struct tlsid *by = c->by ? c->by : id;
    const char *cn = c->cn ? c->cn : c->ca ? "test CA" : "test";
    X509_NAME *name = X509_NAME_new();

    id->key = c->rsa_bits ? EVP_RSA_gen((unsigned)c->rsa_bits) : EVP_EC_gen("P-256");
    id->cert = X509_new();
    must(id->key && id->cert && name);
    must(X509_set_version(id->cert, 2) == 1 &&
         ASN1_INTEGER_set(X509_get_serialNumber(id->cert), ++serial) == 1 &&
         X509_gmtime_adj(X509_getm_notBefore(id->cert), (long)c->from_day * DAY_S) &&
         X509_gmtime_adj(X509_getm_notAfter(id->cert), (long)c->to_day * DAY_S) &&
         X509_set_pubkey(id->cert, id->key) == 1 &&
         X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)cn,
                                    -1, -1, 0) == 1 &&
         X509_set_subject_name(id->cert, name) == 1 &&
         X509_set_issuer_name(id->cert, X509_get_subject_name(by->cert)) == 1);
    X509_NAME_free(name);
    add_extensions(id->cert, by->cert, c);
    must(X509_sign(id->cert, by->key, c->digest ? c->digest : EVP_sha256()) > 0);
}

void
tlsid_make(struct tlsid *id, const char *san, const struct tlsid *by, int from_day,
           int to_day)
{
    const struct tlscert c = {
        .san = san, .by = by, .ca = !by, .from_day = from_day, .to_day = to_day
    };

    tlsid_make_as(id, &c);
}

void
tlsid_done(struct tlsid *id)
{
    X509_free(id->cert);
    EVP_PKEY_free(id->key);
    memset(id, 0, sizeof(*id));
}

void
tlsid_save(const struct tlsid *id, const char *path)
{
    FILE *f = fopen(path, "w");

    must(f && PEM_write_X509(f, id->cert) == 1 && fclose(f) == 0);
}

void
tlsid_save_key(const struct tlsid *id, const char *path)
{
    FILE *f = fopen(path, "w");

    must(f && PEM_write_PrivateKey(f, id->key, NULL, NULL, 0, NULL, NULL) == 1 &&
         fclose(f) == 0 && chmod(path, 0600) == 0);
}

void
tlscrl_save(const struct tlsid *by, const X509 *revoked, int from_day, int to_day,
            const char *path)
{
    X509_CRL *crl = X509_CRL_new();
    ASN1_TIME *from = X509_gmtime_adj(NULL, (long)from_day * DAY_S);
    ASN1_TIME *to = X509_gmtime_adj(NULL, (long)to_day * DAY_S);
    FILE *f = fopen(path, "w");

    must(crl && from && to && f && X509_CRL_set_version(crl, 1) == 1 &&
         X509_CRL_set_issuer_name(crl, X509_get_subject_name(by->cert)) == 1 &&
         X509_CRL_set1_lastUpdate(crl, from) == 1 &&
         X509_CRL_set1_nextUpdate(crl, to) == 1);
    if (revoked) {
        X509_REVOKED *one = X509_REVOKED_new();

        must(one &&
             X509_REVOKED_set_serialNumber(
                 one, (ASN1_INTEGER *)(uintptr_t)X509_get0_serialNumber(revoked)) == 1 &&
             X509_REVOKED_set_revocationDate(one, from) == 1 &&
             X509_CRL_add0_revoked(crl, one) == 1);
    }
    must(X509_CRL_sort(crl) == 1 && X509_CRL_sign(crl, by->key, EVP_sha256()) > 0 &&
         PEM_write_X509_CRL(f, crl) == 1 && fclose(f) == 0);
    ASN1_TIME_free(from);
    ASN1_TIME_free(to);
    X509_CRL_free(crl);
}

void
tlsid_pin(const struct tlsid *id, char ret[64])
{
    unsigned char *der = NULL, hash[SHA256_DIGEST_LENGTH];
    int n = i2d_PUBKEY(id->key, &der);

    must(n > 0);
    SHA256(der, (size_t)n, hash);
    EVP_EncodeBlock((unsigned char *)ret, hash, sizeof(hash));
    OPENSSL_free(der);
}
