/* SPDX-License-Identifier: Apache-2.0 */
/* net/tls_check.c - what is wrong, or soon will be, with the "tls" of a config: which keys go
 * together, and the files as they are now. A certificate that has expired is a warning, not
 * an error: a proxy that does not start because of it would take the other listeners along. */
#include "net/tls_check.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <stdio.h>

#include <openssl/err.h>

#include "base/clock.h"
#include "conf/check.h"
#include "net/tls_conf.h"
#include "net/tls_load.h"

#define DAY_S INT64_C(86400)

enum { DAYS_LEFT_WARN = 14 };

/* ---- one certificate ---- */

static void
check_dates(struct conf_place *place, const X509 *cert, const char *file)
{
    int64_t now = clock_wall_us() / 1000000;
    int64_t from = tls_time_s(X509_get0_notBefore(cert));
    int64_t to = tls_time_s(X509_get0_notAfter(cert));
    char first[32], last[32];

    tls_time_print(X509_get0_notBefore(cert), first);
    tls_time_print(X509_get0_notAfter(cert), last);
    if (to < now)
        conf_warning(place, "cert", "W0310",
                     "the certificate in %s expired %" PRId64 " days ago, at %s; peers "
                     "will refuse it",
                     file, (now - to) / DAY_S, last);
    else if (from > now)
        conf_warning(place, "cert", "W0311",
                     "the certificate in %s is not valid before %s, in %" PRId64 " days; "
                     "peers will refuse it; is the clock of this host right?",
                     file, first, (from - now + DAY_S - 1) / DAY_S);
    else if (to - now < DAYS_LEFT_WARN * DAY_S)
        conf_warning(place, "cert", "W0312",
                     "the certificate in %s expires in %" PRId64 " days, at %s", file,
                     (to - now) / DAY_S, last);
}

/* Keys of RSA that are too short, and the like: what OpenSSL's level 2 does not take. */
static void
check_strength(struct conf_place *place, struct tls_pair *p, const char *file)
{
    SSL_CTX *c = SSL_CTX_new(TLS_method());

    if (!c)
        return;
    SSL_CTX_set_security_level(c, 2);
    ERR_clear_error();
    if (SSL_CTX_use_cert_and_key(c, p->cert, p->key, p->chain, 1) != 1) {
        const char *reason = ERR_reason_error_string(ERR_peek_last_error());

        conf_problem(place, "cert", "E0256",
                     "the certificate in %s cannot be used: %s; make one with a key of "
                     "EC P-256 or RSA 2048 and a signature with SHA-256",
                     file, reason ? reason : "no reason told");
    }
    ERR_clear_error();
    SSL_CTX_free(c);
}

static void
check_pair(struct conf_place *place, const char *cert, const char *key)
{
    struct tls_fault fault;
    struct tls_pair p;

    if (!tls_pair_load(&p, cert, key, &fault)) {
        conf_problem(place, fault.in_key ? "key" : "cert", fault.code, "%s", fault.text);
        return;
    }
    check_dates(place, p.cert, cert);
    check_strength(place, &p, cert);
    if (p.key_is_public)
        conf_warning(place, "key", "W0313",
                     "every user of this host can read the private key in %s; take the "
                     "right away (chmod o= FILE)",
                     key);
    tls_pair_done(&p);
}

void
tls_check_cert(void *obj, struct conf_place *place)
{
    const struct tls_cert_conf *c = obj;

    if (conf_place_clean(place) && c->cert && c->key)
        check_pair(place, c->cert, c->key);
}

static void
check_pair_keys(struct conf_place *place, const char *cert, const char *key)
{
    if (cert && key)
        check_pair(place, cert, key);
    else if (cert)
        conf_problem(place, "cert", "E0253",
                     "a certificate needs its private key: add \"key\"");
    else if (key)
        conf_problem(place, "key", "E0253",
                     "a private key needs its certificate: add \"cert\"");
}

/* ---- names ---- */

void
tls_check_san(void *obj, struct conf_place *place)
{
    const struct tls_san_conf *s = obj;
    int n = !!s->exact + !!s->prefix + !!s->suffix;
    unsigned char room[16];

    if (!conf_place_clean(place))
        return;
    if (n != 1) {
        conf_problem(place, NULL, "E0255",
                     n ? "write one of exact, prefix and suffix, not several: several "
                         "items of the list are alternatives"
                       : "write the name: exact, prefix or suffix");
        return;
    }
    if ((s->exact && !*s->exact) || (s->prefix && !*s->prefix) ||
        (s->suffix && !*s->suffix)) {
        conf_problem(place, NULL, "E0255",
                     "an empty name fits nothing; write the name or how it starts or "
                     "ends");
        return;
    }
    if (s->kind != TLS_SAN_IP)
        return;
    if (!s->exact)
        conf_problem(place, NULL, "E0255", "type ip knows exact only");
    else if (inet_pton(AF_INET, s->exact, room) != 1 &&
             inet_pton(AF_INET6, s->exact, room) != 1)
        conf_problem(place, "exact", "E0255", "%s is not an IP address", s->exact);
}

/* ---- files of the other side ---- */

static void
check_cas(struct conf_place *place, const char *key, const char *file)
{
    struct tls_fault fault;

    if (file && !tls_load_cas(NULL, NULL, file, &fault))
        conf_problem(place, key, fault.code, "%s", fault.text);
}

static void
check_crls(struct conf_place *place, const char *file)
{
    struct tls_fault fault;
    bool old;

    if (!file)
        return;
    if (!tls_load_crls(NULL, file, &old, &fault))
        conf_problem(place, "crl", fault.code, "%s", fault.text);
    else if (old)
        conf_warning(place, "crl", "W0315",
                     "a list of revoked certificates in %s is older than its CA allows: "
                     "all certificates of that CA will be refused; fetch a new one",
                     file);
}

/* ---- listener ---- */

static void
check_client_cert(struct tls_server_conf *t, struct conf_place *place)
{
    static const char *const needs_ca[] = { "allowSan", "crl", "pins" };

    if (t->client_ca && !conf_place_has(place, "clientCert"))
        t->client_cert = TLS_CLIENT_CERT_REQUIRE;
    if (t->client_ca && t->client_cert == TLS_CLIENT_CERT_OFF)
        conf_problem(place, "clientCert", "E0253",
                     "clientCa says who signs the clients' certificates, but clientCert "
                     "is \"off\"; write \"require\" or \"optional\", or remove clientCa");
    if (!t->client_ca && t->client_cert != TLS_CLIENT_CERT_OFF)
        conf_problem(place, "clientCert", "E0253",
                     "certificates of clients cannot be verified without a CA: add "
                     "\"clientCa\"");
    for (size_t i = 0; !t->client_ca && i < ARRAY_LEN(needs_ca); i++)
        if (conf_place_has(place, needs_ca[i]))
            conf_problem(place, needs_ca[i], "E0253",
                         "%s is about the clients' certificates, which nobody verifies "
                         "here: add \"clientCa\"",
                         needs_ca[i]);
}

/* Who has no certificate has no name and no key to look at. */
static void
check_optional(const struct tls_server_conf *t, struct conf_place *place)
{
    static const char *const passed[] = { "allowSan", "pins" };

    for (size_t i = 0; i < ARRAY_LEN(passed); i++)
        if (t->client_cert == TLS_CLIENT_CERT_OPTIONAL &&
            conf_place_has(place, passed[i]))
            conf_warning(place, passed[i], "W0316",
                         "%s only looks at clients that show a certificate; with "
                         "clientCert \"optional\" all who show none come in; write "
                         "\"require\" to keep them out",
                         passed[i]);
}

void
tls_check_server(void *obj, struct conf_place *place)
{
    struct tls_server_conf *t = obj;

    if (!conf_place_clean(place))
        return;
    check_pair_keys(place, t->cert, t->key);
    if (!t->cert && !t->key && !conf_place_has(place, "certificates"))
        conf_problem(place, NULL, "E0253",
                     "a listener with TLS needs a certificate: add \"cert\" and \"key\"");
    check_client_cert(t, place);
    check_optional(t, place);
    check_cas(place, "clientCa", t->client_ca);
    check_crls(place, t->crl);
}

/* ---- pool ---- */

static void
check_insecure(struct conf_place *place)
{
    static const char *const useless[] = { "ca", "matchSan", "crl", "pins" };
    bool good = true;

    for (size_t i = 0; i < ARRAY_LEN(useless); i++) {
        if (!conf_place_has(place, useless[i]))
            continue;
        conf_problem(place, useless[i], "E0253",
                     "%s is not looked at with insecureSkipVerify; remove one of the two",
                     useless[i]);
        good = false;
    }
    if (good)
        conf_warning(place, "insecureSkipVerify", "W0314",
                     "the backends' certificates are not verified: anybody on the way "
                     "can read and change the calls; give the backends' CA in \"ca\" "
                     "instead");
}

void
tls_check_client(void *obj, struct conf_place *place)
{
    const struct tls_client_conf *t = obj;

    if (!conf_place_clean(place))
        return;
    check_pair_keys(place, t->cert, t->key);
    check_cas(place, "ca", t->ca);
    check_crls(place, t->crl);
    if (t->insecure_skip_verify)
        check_insecure(place);
}
