/* SPDX-License-Identifier: Apache-2.0 */
/* net/tls_why.c - a failed handshake in words that tell what to look at, for both sides. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "base/strbuf.h"
#include "base/xalloc.h"
#include "net/tls_int.h"
#include "net/tls_san.h"

enum { NAMES_TOLD = 8 };

const char *
tls_refusal_name(enum tls_refusal r)
{
    static const char *const names[TLS_REFUSALS] = {
        [TLS_REFUSAL_NONE] = "none",
        [TLS_REFUSAL_NOT_TLS] = "not_tls",
        [TLS_REFUSAL_VERSION] = "version",
        [TLS_REFUSAL_CIPHER] = "cipher",
        [TLS_REFUSAL_ALPN] = "alpn",
        [TLS_REFUSAL_NO_CERTIFICATE] = "no_certificate",
        [TLS_REFUSAL_EXPIRED] = "expired",
        [TLS_REFUSAL_NOT_YET_VALID] = "not_yet_valid",
        [TLS_REFUSAL_SELF_SIGNED] = "self_signed",
        [TLS_REFUSAL_UNKNOWN_CA] = "unknown_ca",
        [TLS_REFUSAL_REVOKED] = "revoked",
        [TLS_REFUSAL_CRL] = "crl",
        [TLS_REFUSAL_PURPOSE] = "purpose",
        [TLS_REFUSAL_NAME] = "name",
        [TLS_REFUSAL_SAN] = "san",
        [TLS_REFUSAL_PIN] = "pin",
        [TLS_REFUSAL_CERTIFICATE] = "certificate",
        [TLS_REFUSAL_BY_PEER] = "by_peer",
        [TLS_REFUSAL_CLOSED] = "closed",
        [TLS_REFUSAL_OTHER] = "other",
    };

    return (unsigned)r < TLS_REFUSALS ? names[r] : "other";
}

static const char *
peer_word(const struct tls *s)
{
    return s->server ? "client" : "server";
}

static void
say(struct tls *s, enum tls_refusal r, struct strbuf *out)
{
    if (!s->why) {
        s->why = xstrdup(out->len ? out->s : "the TLS handshake failed");
        s->refusal = r;
    }
    strbuf_done(out);
}

void
tls_say(struct tls *s, enum tls_refusal r, const char *fmt, ...)
{
    struct strbuf out;
    va_list ap;

    strbuf_init(&out, TLS_WHY_MAX - 1);
    va_start(ap, fmt);
    strbuf_vprintf(&out, fmt, ap);
    va_end(ap);
    say(s, r, &out);
}

/* ---- certificates ---- */

/* Adds the names that the certificate is for. */
static void
add_names(const X509 *cert, const char *before, struct strbuf *out)
{
    GENERAL_NAMES *names = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
    int told = 0;
    struct san_view v;

    for (int i = 0; i < sk_GENERAL_NAME_num(names) && told < NAMES_TOLD; i++) {
        if (san_get(sk_GENERAL_NAME_value(names, i), &v) != SAN_GOOD)
            continue;
        strbuf_printf(out, "%s%.*s", told++ ? ", " : before, (int)v.len, v.text);
    }
    if (told == 0)
        strbuf_puts(out, "; it has no names (subjectAltName)");
    GENERAL_NAMES_free(names);
}

static void
add_time(const ASN1_TIME *t, struct strbuf *out)
{
    char text[32];

    tls_time_print(t, text);
    if (text[0])
        strbuf_printf(out, " (%s)", text);
}

/* Which certificate it is, when it is not the peer's own. */
static void
add_depth(X509_STORE_CTX *store, struct strbuf *out)
{
    const X509 *cert = X509_STORE_CTX_get0_cert(store);
    const X509 *at_fault = X509_STORE_CTX_get_current_cert(store);
    char line[160];

    if (!at_fault || !cert || X509_STORE_CTX_get_error_depth(store) == 0)
        return;
    X509_NAME_oneline(X509_get_subject_name(at_fault), line, sizeof(line));
    strbuf_printf(out, "; it is the one of %s above it", line);
}

static enum tls_refusal
explain_issuer(const struct tls *s, int result, struct strbuf *out)
{
    bool alone = result == X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT;

    strbuf_printf(out, "the %s's certificate is not signed by a CA in %s%s",
                  peer_word(s), s->ctx->ca_file ? s->ctx->ca_file : "the system's list",
                  alone ? "; it is self-signed" : "");
    return alone ? TLS_REFUSAL_SELF_SIGNED : TLS_REFUSAL_UNKNOWN_CA;
}

static enum tls_refusal
explain_crl(const struct tls *s, int result, struct strbuf *out)
{
    if (result == X509_V_ERR_CERT_REVOKED) {
        strbuf_printf(out, "the %s's certificate was revoked by its CA", peer_word(s));
        return TLS_REFUSAL_REVOKED;
    }
    strbuf_printf(out,
                  "whether the %s's certificate was revoked cannot be told: %s; the file "
                  "in crl needs a current list of each CA of the chain",
                  peer_word(s), X509_verify_cert_error_string(result));
    return TLS_REFUSAL_CRL;
}

static enum tls_refusal
explain_cert(const struct tls *s, int result, const X509 *cert, struct strbuf *out)
{
    switch (result) {
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_CERT_SIGNATURE_FAILURE:
    case X509_V_ERR_CERT_UNTRUSTED:
        return explain_issuer(s, result, out);
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
        strbuf_printf(out, "name mismatch: the %s's certificate is not for %s",
                      peer_word(s), s->name);
        if (cert)
            add_names(cert, "; it is for ", out);
        return TLS_REFUSAL_NAME;
    case X509_V_ERR_CERT_HAS_EXPIRED:
        strbuf_printf(out, "the %s's certificate has expired", peer_word(s));
        if (cert)
            add_time(X509_get0_notAfter(cert), out);
        return TLS_REFUSAL_EXPIRED;
    case X509_V_ERR_CERT_NOT_YET_VALID:
        strbuf_printf(out, "the %s's certificate is not valid yet; is the clock right?",
                      peer_word(s));
        if (cert)
            add_time(X509_get0_notBefore(cert), out);
        return TLS_REFUSAL_NOT_YET_VALID;
    case X509_V_ERR_CERT_REVOKED:
    case X509_V_ERR_UNABLE_TO_GET_CRL:
    case X509_V_ERR_UNABLE_TO_GET_CRL_ISSUER:
    case X509_V_ERR_CRL_HAS_EXPIRED:
    case X509_V_ERR_CRL_NOT_YET_VALID:
    case X509_V_ERR_CRL_SIGNATURE_FAILURE:
        return explain_crl(s, result, out);
    case X509_V_ERR_INVALID_PURPOSE:
        strbuf_printf(out,
                      "the %s's certificate is not made for %ss (extended key usage)",
                      peer_word(s), peer_word(s));
        return TLS_REFUSAL_PURPOSE;
    default:
        strbuf_printf(out, "the %s's certificate cannot be verified: %s", peer_word(s),
                      X509_verify_cert_error_string(result));
        return TLS_REFUSAL_CERTIFICATE;
    }
}

void
tls_explain_cert(struct tls *s, X509_STORE_CTX *store)
{
    const X509 *cert = X509_STORE_CTX_get_current_cert(store);
    enum tls_refusal r;
    struct strbuf out;

    strbuf_init(&out, TLS_WHY_MAX - 1);
    r = explain_cert(s, X509_STORE_CTX_get_error(store), cert, &out);
    if (r != TLS_REFUSAL_UNKNOWN_CA)
        add_depth(store, &out);
    if (s->server && cert) {
        char line[160];

        X509_NAME_oneline(X509_get_subject_name(X509_STORE_CTX_get0_cert(store)), line,
                          sizeof(line));
        strbuf_printf(&out, "; its subject is %s", line);
    }
    say(s, r, &out);
}

void
tls_explain_san(struct tls *s, const X509 *cert)
{
    struct strbuf out;

    strbuf_init(&out, TLS_WHY_MAX - 1);
    strbuf_printf(&out, "no name of the %s's certificate is in %s", peer_word(s),
                  s->server ? "allowSan" : "matchSan");
    add_names(cert, "; its names are ", &out);
    say(s, TLS_REFUSAL_SAN, &out);
}

/* ---- the protocol ---- */

/* What a server of ours says. */
static enum tls_refusal
explain_to_server(const struct tls *s, int reason, struct strbuf *out)
{
    switch (reason) {
    case SSL_R_UNSUPPORTED_PROTOCOL:
    case SSL_R_VERSION_TOO_LOW:
    case SSL_R_UNKNOWN_PROTOCOL:
        strbuf_puts(out, s->ctx->only_13 ? "the client does not speak TLS 1.3"
                                         : "the client speaks neither TLS 1.2 nor 1.3");
        return TLS_REFUSAL_VERSION;
    case SSL_R_NO_SHARED_CIPHER:
    case SSL_R_NO_SUITABLE_SIGNATURE_ALGORITHM:
    case SSL_R_NO_SHARED_SIGNATURE_ALGORITHMS:
    case SSL_R_NO_SUITABLE_KEY_SHARE:
    case SSL_R_NO_SUITABLE_GROUPS:
        strbuf_puts(out, "the client knows no cipher suite, group or signature that we "
                         "allow and our certificate can be used with");
        return TLS_REFUSAL_CIPHER;
    case SSL_R_NO_APPLICATION_PROTOCOL:
        strbuf_puts(out, "the client does not offer HTTP/2 (ALPN h2)");
        return TLS_REFUSAL_ALPN;
    case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE:
        strbuf_puts(out, "the client has no certificate, and this listener requires one");
        return TLS_REFUSAL_NO_CERTIFICATE;
    case SSL_R_TLSV1_ALERT_UNKNOWN_CA:
        strbuf_puts(out, "the client refuses our certificate: it does not know the CA");
        return TLS_REFUSAL_BY_PEER;
    case SSL_R_SSLV3_ALERT_BAD_CERTIFICATE:
    case SSL_R_SSLV3_ALERT_CERTIFICATE_UNKNOWN:
        strbuf_puts(out, "the client refuses our certificate; is it for the name that "
                         "clients use?");
        return TLS_REFUSAL_BY_PEER;
    case SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED:
        strbuf_puts(out, "the client says that our certificate has expired");
        return TLS_REFUSAL_BY_PEER;
    default:
        return TLS_REFUSAL_NONE;
    }
}

/* What a client of ours says. */
static enum tls_refusal
explain_to_client(const struct tls *s, int reason, struct strbuf *out)
{
    bool have = s->ctx->n_own > 0;

    switch (reason) {
    case SSL_R_UNSUPPORTED_PROTOCOL:
    case SSL_R_TLSV1_ALERT_PROTOCOL_VERSION:
        strbuf_puts(out, s->ctx->only_13 ? "the server does not speak TLS 1.3"
                                         : "the server speaks neither TLS 1.2 nor 1.3");
        return TLS_REFUSAL_VERSION;
    case SSL_R_TLSV1_ALERT_NO_APPLICATION_PROTOCOL:
        strbuf_puts(out, "the server refuses HTTP/2 (ALPN h2)");
        return TLS_REFUSAL_ALPN;
    case SSL_R_SSLV3_ALERT_HANDSHAKE_FAILURE:
        strbuf_printf(out, "the server found no cipher suite or key that both sides can "
                           "use%s",
                      have ? "" : "; or it wants a client certificate");
        return TLS_REFUSAL_CIPHER;
    case SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED:
        strbuf_puts(out, "the server requires a client certificate: add cert and key to "
                         "the tls of the pool");
        return TLS_REFUSAL_NO_CERTIFICATE;
    case SSL_R_TLSV1_ALERT_UNKNOWN_CA:
        strbuf_puts(out, "the server refuses our client certificate: it does not know "
                         "the CA");
        return TLS_REFUSAL_BY_PEER;
    case SSL_R_SSLV3_ALERT_BAD_CERTIFICATE:
    case SSL_R_SSLV3_ALERT_CERTIFICATE_UNKNOWN:
    case SSL_R_TLSV1_ALERT_ACCESS_DENIED:
        strbuf_puts(out, have ? "the server refuses our client certificate"
                              : "the server refuses us; it may want a client certificate");
        return TLS_REFUSAL_BY_PEER;
    case SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED:
        strbuf_puts(out, "the server says that our client certificate has expired");
        return TLS_REFUSAL_BY_PEER;
    case SSL_R_SSLV3_ALERT_CERTIFICATE_REVOKED:
        strbuf_puts(out, "the server says that our client certificate was revoked");
        return TLS_REFUSAL_BY_PEER;
    case SSL_R_TLSV1_UNRECOGNIZED_NAME:
        strbuf_printf(out, "the server has no certificate for %s", s->name);
        return TLS_REFUSAL_NAME;
    default:
        return TLS_REFUSAL_NONE;
    }
}

static enum tls_refusal
explain_protocol(const struct tls *s, unsigned long e, struct strbuf *out)
{
    int reason = ERR_GET_LIB(e) == ERR_LIB_SSL ? ERR_GET_REASON(e) : 0;
    const char *text = ERR_reason_error_string(e);
    enum tls_refusal r = s->server ? explain_to_server(s, reason, out)
                                   : explain_to_client(s, reason, out);

    if (r != TLS_REFUSAL_NONE)
        return r;
    switch (reason) {
    case SSL_R_WRONG_VERSION_NUMBER:
    case SSL_R_HTTP_REQUEST:
    case SSL_R_HTTPS_PROXY_REQUEST:
    case SSL_R_PACKET_LENGTH_TOO_LONG:
    case SSL_R_BAD_PROTOCOL_VERSION_NUMBER:
        strbuf_printf(out, "the %s does not speak TLS on this port", peer_word(s));
        return TLS_REFUSAL_NOT_TLS;
    case SSL_R_UNEXPECTED_EOF_WHILE_READING:
        strbuf_printf(out, "the %s closed the connection during the TLS handshake",
                      peer_word(s));
        return TLS_REFUSAL_CLOSED;
    default:
        break;
    }
    if (reason >= SSL_AD_REASON_OFFSET) {
        strbuf_printf(out, "the %s refused with an alert: %s", peer_word(s),
                      text ? text : "no reason told");
        return TLS_REFUSAL_BY_PEER;
    }
    strbuf_printf(out, "%s: %s",
                  s->state == TLS_OPEN ? "TLS broke" : "the TLS handshake failed",
                  text ? text : "no reason told");
    return TLS_REFUSAL_OTHER;
}

void
tls_explain(struct tls *s)
{
    unsigned long e = ERR_peek_error();
    enum tls_refusal r = TLS_REFUSAL_CLOSED;
    struct strbuf out;

    strbuf_init(&out, TLS_WHY_MAX - 1);
    if (e != 0)
        r = explain_protocol(s, e, &out);
    else
        strbuf_printf(&out, "the %s closed the connection during the TLS handshake",
                      peer_word(s));
    say(s, r, &out);
    ERR_clear_error();
}
