/* SPDX-License-Identifier: Apache-2.0 */
/* net/tls_why.c - a failed handshake in words that tell what to look at. */
#include <stdio.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "base/strbuf.h"
#include "net/tls_int.h"

/* Adds the names that the certificate is for: DNS names and IP addresses. */
static void
add_names(const X509 *cert, struct strbuf *out)
{
    GENERAL_NAMES *names = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
    int count = names ? sk_GENERAL_NAME_num(names) : 0;
    const char *before = "; it is for ";

    for (int i = 0; i < count && i < 8; i++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);

        if (name->type == GEN_DNS) {
            strbuf_printf(out, "%s%.*s", before, ASN1_STRING_length(name->d.dNSName),
                          (const char *)ASN1_STRING_get0_data(name->d.dNSName));
        } else if (name->type == GEN_IPADD) {
            char *ip = i2s_ASN1_OCTET_STRING(NULL, name->d.iPAddress);
            const unsigned char *b = ASN1_STRING_get0_data(name->d.iPAddress);

            if (ASN1_STRING_length(name->d.iPAddress) == 4)
                strbuf_printf(out, "%s%u.%u.%u.%u", before, b[0], b[1], b[2], b[3]);
            else
                strbuf_printf(out, "%s%s", before, ip ? ip : "an IP address");
            OPENSSL_free(ip);
        } else {
            continue;
        }
        before = ", ";
    }
    if (count == 0)
        strbuf_puts(out, "; it has no names (subjectAltName)");
    GENERAL_NAMES_free(names);
}

static void
add_time(const ASN1_TIME *t, struct strbuf *out)
{
    struct tm tm;

    if (t && ASN1_TIME_to_tm(t, &tm) == 1)
        strbuf_printf(out, " (%04d-%02d-%02d %02d:%02d UTC)", tm.tm_year + 1900,
                      tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min);
}

/* cert: the one at fault, which may stand above the server's own; NULL: unknown. */
static void
explain_cert(long result, const X509 *cert, const struct tls_ctx *ctx, const char *name,
             struct strbuf *out)
{
    switch (result) {
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_CERT_SIGNATURE_FAILURE:
    case X509_V_ERR_CERT_UNTRUSTED:
        strbuf_printf(out, "the server's certificate is not signed by a CA in %s",
                      ctx->ca_file ? ctx->ca_file : "the system's list");
        return;
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
        strbuf_printf(out, "name mismatch: the server's certificate is not for %s", name);
        if (cert)
            add_names(cert, out);
        return;
    case X509_V_ERR_CERT_HAS_EXPIRED:
        strbuf_puts(out, "the server's certificate has expired");
        if (cert)
            add_time(X509_get0_notAfter(cert), out);
        return;
    case X509_V_ERR_CERT_NOT_YET_VALID:
        strbuf_puts(out,
                    "the server's certificate is not valid yet; is the clock right?");
        if (cert)
            add_time(X509_get0_notBefore(cert), out);
        return;
    default:
        strbuf_printf(out, "the server's certificate cannot be verified: %s",
                      X509_verify_cert_error_string(result));
    }
}

static void
explain_protocol(unsigned long e, struct strbuf *out)
{
    const char *reason = ERR_reason_error_string(e);

    switch (ERR_GET_LIB(e) == ERR_LIB_SSL ? ERR_GET_REASON(e) : 0) {
    case SSL_R_WRONG_VERSION_NUMBER:
    case SSL_R_HTTP_REQUEST:
    case SSL_R_PACKET_LENGTH_TOO_LONG:
    case SSL_R_BAD_PROTOCOL_VERSION_NUMBER:
        strbuf_puts(out, "the server does not speak TLS on this port");
        return;
    case SSL_R_UNSUPPORTED_PROTOCOL:
    case SSL_R_TLSV1_ALERT_PROTOCOL_VERSION:
        strbuf_puts(out, "the server speaks neither TLS 1.2 nor 1.3");
        return;
    case SSL_R_TLSV1_ALERT_NO_APPLICATION_PROTOCOL:
        strbuf_puts(out, "the server refuses HTTP/2 (ALPN h2)");
        return;
    case SSL_R_SSLV3_ALERT_HANDSHAKE_FAILURE:
        strbuf_puts(out,
                    "the server found no cipher suite or key that both sides can use");
        return;
    case SSL_R_UNEXPECTED_EOF_WHILE_READING:
        strbuf_puts(out, "the server closed the connection during the TLS handshake");
        return;
    default:
        strbuf_printf(out, "the TLS handshake failed: %s",
                      reason ? reason : "no reason told");
    }
}

/* The first reason that is told stays. */
static void
say(struct strbuf *out, char why[TLS_WHY_MAX])
{
    if (why[0] == '\0')
        memcpy(why, out->s, out->len + 1);
    strbuf_done(out);
}

void
tls_explain_cert(X509_STORE_CTX *store, const struct tls_ctx *ctx, const char *name,
                 char why[TLS_WHY_MAX])
{
    struct strbuf out;

    strbuf_init(&out, TLS_WHY_MAX - 1);
    explain_cert(X509_STORE_CTX_get_error(store), X509_STORE_CTX_get_current_cert(store),
                 ctx, name, &out);
    say(&out, why);
}

void
tls_explain(char why[TLS_WHY_MAX])
{
    unsigned long e = ERR_peek_error();
    struct strbuf out;

    strbuf_init(&out, TLS_WHY_MAX - 1);
    if (e != 0)
        explain_protocol(e, &out);
    else
        strbuf_puts(&out, "the server closed the connection during the TLS handshake");
    say(&out, why);
    ERR_clear_error();
}
