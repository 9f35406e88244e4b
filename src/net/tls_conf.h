/* SPDX-License-Identifier: Apache-2.0 */
/* net/tls_conf.h - what the config file says about TLS: the object "tls" of a listener and of
 * a pool. Immutable after loading; owned by the config snapshot. The structs are the
 * arguments of net/tls.h too: zeroed ones are good (clients then verify with the system's
 * CAs). The checks of the rows read the files: a bad one is an error of the config, and what
 * will be bad soon is a warning. Loading thread only. */
#ifndef OUTRIGGER_NET_TLS_CONF_H
#define OUTRIGGER_NET_TLS_CONF_H

#include <stdbool.h>
#include <stdint.h>

#include "conf/field.h"

enum tls_client_cert {
    TLS_CLIENT_CERT_OFF,
    TLS_CLIENT_CERT_OPTIONAL,
    TLS_CLIENT_CERT_REQUIRE
};
enum tls_min_version { TLS_MIN_1_2, TLS_MIN_1_3 };
/* Kinds of subject alternative names, RFC 5280 4.2.1.6. */
enum tls_san_kind { TLS_SAN_ANY, TLS_SAN_DNS, TLS_SAN_URI, TLS_SAN_EMAIL, TLS_SAN_IP };

struct tls_cert_conf {
    const char *cert; /* PEM file: certificate, then those that signed it */
    const char *key;  /* PEM file */
};

struct tls_san_conf {   /* one of the three texts is set */
    const char *exact;  /* the whole name */
    const char *prefix; /* how it starts */
    const char *suffix; /* how it ends */
    uint32_t kind;      /* enum tls_san_kind */
};

struct tls_pin_conf {
    const char
        *sha256; /* base64 of the SHA-256 of a SubjectPublicKeyInfo; RFC 7469 2.4 */
};

struct tls_server_conf { /* "tls" of a listener */
    bool on;
    const char *cert, *key;        /* NULL, or the first certificate */
    struct conf_list certificates; /* of struct tls_cert_conf: further ones */
    const char *client_ca;         /* NULL: none */
    uint32_t client_cert;       /* enum tls_client_cert; not off when client_ca is set */
    struct conf_list allow_san; /* of struct tls_san_conf; empty: all clients of the CA */
    const char *crl;            /* NULL: revocation is not asked for */
    struct conf_list pins;      /* of struct tls_pin_conf; empty: any key */
    uint32_t min_version;       /* enum tls_min_version */
    bool session_tickets;
};

struct tls_client_conf { /* "tls" of a pool */
    bool on;
    const char *ca;          /* NULL: the system's */
    const char *cert, *key;  /* NULL: we have none */
    const char *server_name; /* NULL: the endpoint's own name or address */
    struct conf_list
        match_san; /* of struct tls_san_conf; not empty: instead of the name */
    const char *crl;
    struct conf_list pins; /* of struct tls_pin_conf */
    uint32_t min_version;  /* enum tls_min_version */
    bool insecure_skip_verify;
};

extern const struct conf_struct tls_server_conf_struct; /* named "listener tls" */
extern const struct conf_struct tls_client_conf_struct; /* named "pool tls" */

/* One item of a list of struct tls_san_conf; a bare string is its "exact". */
extern const struct conf_struct tls_san_conf_struct;

/* The files that a context is made of, for whoever watches them: at most `room` are written
 * to ret, the count of all is returned. Strings of the conf. Any thread. */
size_t
tls_server_conf_files(const struct tls_server_conf *conf, const char **ret, size_t room);
size_t
tls_client_conf_files(const struct tls_client_conf *conf, const char **ret, size_t room);

#endif
