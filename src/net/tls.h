/* SPDX-License-Identifier: Apache-2.0 */
/* net/tls.h - TLS over another transport, as a transport (OpenSSL 3), both sides. TLS 1.2 or
 * newer, ALPN "h2" is required, no renegotiation, no compression, no early data, at most
 * TLS_UPDATES_MAX key updates a second (reliability.md 3.5 and 6; grpc-spec.md 2.7).
 *
 * A context holds what is read from files. It is counted: to reload, make a new one for new
 * connections and drop the old one; connections that are open keep theirs. Contexts and
 * tickets may be shared by threads; transports, budgets and session slots belong to their
 * loop's thread. */
#ifndef OUTRIGGER_NET_TLS_H
#define OUTRIGGER_NET_TLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compat.h"
#include "base/list.h"
#include "loop/timer.h"

struct addr;
struct loop;
struct tls_client_conf; /* net/tls_conf.h */
struct tls_ctx;
struct tls_san_conf;
struct tls_server_conf;
struct tls_tickets;
struct transport;

enum {
    TLS_WHY_MAX = 512,
    TLS_NAME_MAX = 253,
    TLS_SANS_MAX = 32,      /* names of a peer that are kept */
    TLS_SAN_LEN_MAX = 256,  /* longest one that is kept */
    TLS_UPDATES_MAX = 100,  /* key updates and tries of renegotiation a second (D1, D2) */
    TLS_STEPS_PER_TURN = 4, /* of handshakes, for tls_budget_init; reliability.md 0.1 */
};

/* ---- contexts ---- */

/* Session tickets' keys, shared by all listeners and workers so that a client may come back
 * to any of them. A new key is made each hour and decrypts for 12 h (features.md 2.9);
 * every time is seconds of any clock that does not go back. The first key is made for the
 * first holder: OpenSSL's random numbers cost a process without TLS a megabyte. Counted; any
 * thread. */
struct tls_tickets *tls_tickets_new(int64_t now_s);
void tls_tickets_hold(struct tls_tickets *t);
void tls_tickets_drop(struct tls_tickets *t); /* NULL is fine */
/* To be called each minute or so: makes a new key when the newest is an hour old, however
 * often it is called, and forgets what is too old. */
void tls_tickets_rotate(struct tls_tickets *t, int64_t now_s);

/* Both read the files, so they wait for the disk. NULL with a sentence in why, that names the
 * file. The conf is copied as far as it is needed later.
 * tickets: held; NULL: sessions are not resumed. scope: name of the listener; tickets of
 * one scope are not good in another (D4). With client certificates there are no tickets. */
struct tls_ctx *
tls_ctx_new_server(const struct tls_server_conf *conf, struct tls_tickets *tickets,
                   const char *scope, char why[TLS_WHY_MAX]) MUST_CHECK;
struct tls_ctx *
tls_ctx_new_client(const struct tls_client_conf *conf, char why[TLS_WHY_MAX]) MUST_CHECK;
void tls_ctx_hold(struct tls_ctx *ctx);
void tls_ctx_drop(struct tls_ctx *ctx); /* NULL is fine */

struct tls_expiry { /* one of our own certificates */
    const char *file;
    const char *name;    /* its first DNS name, URI or address, or its subject */
    int64_t not_after_s; /* seconds since 1970, wall clock */
};

/* Certificates of a context, in the order of the config. Lives as long as the context. */
size_t tls_ctx_expiry(const struct tls_ctx *ctx, const struct tls_expiry **ret);
/* The peer's certificate is not verified (insecureSkipVerify): for a gauge and a log line. */
bool tls_ctx_insecure(const struct tls_ctx *ctx);

/* ---- transports ---- */

/* How many steps of handshakes one worker does in one turn; further ones wait for the next
 * turns in the order of arrival, so that a flood of them does not hold up calls (A23). */
struct tls_budget {
    struct loop *loop;
    unsigned per_turn, left;
    int64_t turn_us; /* the turn that `left` is of */
    struct list waiting;
    struct timer next;
};

/* The caller's memory; per_turn at least 1. done: no transport may be waiting: close the
 * connections first. */
void tls_budget_init(struct tls_budget *b, struct loop *l, unsigned per_turn);
void tls_budget_done(struct tls_budget *b);

/* Keeps the newest session of one endpoint between its connections, for a shorter handshake.
 * Zeroed: empty. The session is only used with the context that it was made under. */
struct tls_session_slot {
    void *session;              /* SSL_SESSION */
    const struct tls_ctx *made; /* held */
};
void tls_session_slot_done(struct tls_session_slot *slot);

/* Waits for the client's handshake over `inner`, which must be connected and is owned
 * (closed) by the new transport. budget: NULL, or of this loop and living longer. The callback
 * gets TRANSPORT_CONNECTED or TRANSPORT_FAILED in a later turn; it is bound and wanted as any
 * transport; what was wanted before counts from then on. Costs little memory until the first
 * byte of the client. The caller has the timer. Never NULL. */
struct transport *tls_server_over(struct loop *l, struct tls_ctx *ctx,
                                  struct transport *inner, struct tls_budget *budget);
/* Starts the client's handshake over `inner`, as above. name: whom the certificate must be
 * for, a DNS name (sent as SNI) or an IP address; serverName of the context goes first. slot:
 * NULL, or where the session is kept; tls_session_slot_done must come after the shut or close. */
struct transport *
tls_client_over(struct loop *l, struct tls_ctx *ctx, struct transport *inner,
                const char *name, struct tls_session_slot *slot);
/* transport_connect and the handshake. */
struct transport *tls_connect(struct loop *l, struct tls_ctx *ctx, const struct addr *to,
                              const char *name, struct tls_session_slot *slot);

/* ---- what happened ---- */

enum tls_refusal { /* why a handshake failed, for counters; who refused is in the sentence */
                   TLS_REFUSAL_NONE,
                   TLS_REFUSAL_NOT_TLS, /* the peer speaks something else */
                   TLS_REFUSAL_VERSION, /* only TLS 1.1 or older; or only 1.2 and we want 1.3 */
                   TLS_REFUSAL_CIPHER, /* no cipher, group or signature in common */
                   TLS_REFUSAL_ALPN,   /* no HTTP/2 */
                   TLS_REFUSAL_NO_CERTIFICATE, /* a client without the certificate that is required */
                   TLS_REFUSAL_EXPIRED,
                   TLS_REFUSAL_NOT_YET_VALID,
                   TLS_REFUSAL_SELF_SIGNED,
                   TLS_REFUSAL_UNKNOWN_CA,
                   TLS_REFUSAL_REVOKED,
                   TLS_REFUSAL_CRL, /* our list of revoked certificates is too old or has a gap */
                   TLS_REFUSAL_PURPOSE, /* the certificate is not for this side of TLS */
                   TLS_REFUSAL_NAME,    /* it is for another server */
                   TLS_REFUSAL_SAN,     /* allowSan or matchSan */
                   TLS_REFUSAL_PIN,
                   TLS_REFUSAL_CERTIFICATE, /* anything else about it */
                   TLS_REFUSAL_BY_PEER,     /* the peer sent an alert */
                   TLS_REFUSAL_CLOSED,      /* the connection ended in the middle */
                   TLS_REFUSAL_OTHER,
                   TLS_REFUSALS
};
/* "unknown_ca": a label of metrics; stable. */
const char *tls_refusal_name(enum tls_refusal r);

/* The functions below are for transports made here only. */

/* Why it failed: a plain sentence without a full stop; "" when it did not. Valid until the
 * end of the turn in which it is closed. */
const char *tls_why(const struct transport *t);
enum tls_refusal tls_refusal(const struct transport *t);
/* "TLSv1.3"; "" before the handshake is over. */
const char *tls_version(const struct transport *t);
/* A session was resumed. */
bool tls_resumed(const struct transport *t);

struct tls_san {
    uint32_t kind; /* enum tls_san_kind, never ANY */
    uint32_t len;
    const char *text; /* NUL-terminated and without another NUL; "10.0.0.1" for IP */
};

/* One name of a peer against a rule of the config; as the handshake does it. */
bool tls_san_fits(const struct tls_san *name, const struct tls_san_conf *rule);

struct tls_peer {
    bool has_cert;       /* the peer showed a certificate */
    bool verified;       /* it was verified: only then it says who the peer is */
    const char *subject; /* "CN=app,O=shop" (RFC 2253); "" without a certificate */
    const char *sha256;  /* of the certificate, 64 hex digits; "" without */
    const char *spiffe;  /* its SPIFFE ID; NULL: none */
    const struct tls_san
        *sans; /* names of other kinds, too long or too many are left out */
    size_t n_sans;
    const char *our_uri; /* the first URI in our own certificate; "": none */
    const char *version; /* "TLSv1.3" */
    const char *cipher;  /* "TLS_AES_128_GCM_SHA256" */
    const char *sni;     /* what the client asked for, in lower case; "" when nothing */
};

/* Who the peer is. NULL before the handshake is over or when it failed. Made at the first
 * call; lives as long as the transport (until the end of the turn in which it is closed). */
const struct tls_peer *tls_peer(const struct transport *t);
/* True when t was made here. */
bool transport_is_tls(const struct transport *t);

/* Version of the library that runs. Any thread. */
const char *tls_library_version(void);

#endif
