/* SPDX-License-Identifier: Apache-2.0 */
/* net/tls_int.h - what the files of TLS tell each other. Other rooms do not include it. */
#ifndef OUTRIGGER_NET_TLS_INT_H
#define OUTRIGGER_NET_TLS_INT_H

#include <stdatomic.h>

#include <openssl/evp.h>
#include <openssl/ssl.h>

#include "loop/reap.h"
#include "net/tls.h"
#include "net/tls_conf.h"
#include "net/tls_load.h"
#include "net/transport.h"

enum { TLS_HASH_LEN = 32 };

/* ---- context ---- */

struct own_name { /* a name of one of our certificates; sorted by name, then by own */
    char *name;   /* lower case; "*.a.example" too */
    unsigned own;
};

struct tls_own { /* one of our certificates */
    struct tls_pair pair;
    int key_type; /* EVP_PKEY_base_id: one certificate of each type may be offered */
};

struct tls_ctx {
    SSL_CTX *ssl_ctx;
    _Atomic unsigned count;
    bool server;
    bool verify; /* the peer's certificate is verified when there is one */
    bool require;
    bool only_13;
    char *ca_file; /* for sentences; NULL: the system's */
    char *server_name;
    struct tls_san_conf *sans; /* allowSan or matchSan; strings are ours */
    size_t n_sans;
    uint8_t (*pins)[TLS_HASH_LEN];
    size_t n_pins;
    struct tls_own *own;
    size_t n_own;
    struct own_name *names;
    size_t n_names;
    struct tls_expiry *expiry; /* n_own */
    struct tls_tickets *tickets;
    uint8_t scope[TLS_HASH_LEN];
};

/* tls_ctx_server.c: the certificates for a name, one of each type of key, into `ret` (room of
 * 4). 0: as the context has it. name "": none was asked for. */
size_t
tls_ctx_pick(const struct tls_ctx *ctx, const char *name, const struct tls_own *ret[4]);
/* Common to both sides; why is set when false. */
bool tls_ctx_set_common(struct tls_ctx *ctx, uint32_t min_version);
bool tls_ctx_load_ca(struct tls_ctx *ctx, STACK_OF(X509_NAME) * names, const char *file,
                     const char *crl, char why[TLS_WHY_MAX]);
void tls_ctx_copy_rules(struct tls_ctx *ctx, const struct conf_list *sans,
                        const struct conf_list *pins);
/* Loads a pair behind the others. */
bool tls_ctx_add_own(struct tls_ctx *ctx, const char *cert, const char *key,
                     char why[TLS_WHY_MAX]);

/* ---- tickets ---- */

/* For SSL_CTX_set_tlsext_ticket_key_evp_cb. */
int tls_tickets_on_key(SSL *ssl, unsigned char name[16], unsigned char *iv,
                       EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac, int enc);

/* ---- connection ---- */

enum tls_state { TLS_CONNECTING, TLS_HANDSHAKE, TLS_OPEN, TLS_FAILED, TLS_CLOSED };

struct tls {
    struct transport t;
    struct ref ref;
    struct loop *loop;
    struct transport *inner;
    struct tls_ctx *ctx;
    SSL *ssl; /* a server's is made at the first byte */
    struct tls_budget *budget;
    struct tls_session_slot *slot;
    struct list waiting; /* of the budget */
    struct timer kick;   /* first step of the handshake; later: unread bytes in ssl */
    struct timer idle;   /* gives ssl's buffers back */
    enum tls_state state;
    enum tls_refusal refusal;
    bool server;
    bool want_read, want_write; /* of the owner */
    bool unread;                /* ssl may hold bytes that the owner did not read */
    bool blocked;               /* ssl must write before it can go on */
    ssize_t ended;              /* ERR_OK, or what every further read says */
    bool inner_eof;
    bool drained;  /* the transport below had no more bytes when it was read last */
    bool active;   /* bytes went through since the idle timer looked */
    bool flood;    /* too many key updates */
    bool shut;     /* no more writes; close_notify follows rest, unless a write failed */
    bool batching; /* records go to the thread's buffer */
    uint8_t *rest; /* plain: a record that ssl could not write at once */
    size_t rest_n;
    uint8_t *held; /* encrypted: held_n bytes from held_at wait for the transport below */
    size_t held_n, held_at;
    unsigned updates; /* in the second that began at updates_us */
    int64_t updates_us;
    struct tls_peer
        *peer;  /* one block of memory with all texts; NULL: not asked for yet */
    char *why;  /* NULL: nothing happened */
    char *name; /* client: whom the certificate must be for; server: SNI or NULL */
};

extern const struct transport_ops tls_ops;

/* tls_bio.c: the transport below as OpenSSL sees it. */
BIO *tls_bio_new(struct tls *s);
/* Both: ERR_OK, ERR_AGAIN (the bytes are held), or what the transport says. */
ssize_t tls_send_held(struct tls *s);
ssize_t tls_send_batch(struct tls *s);
/* The next record may not fit. */
bool tls_batch_is_full(void);
/* tls_watch.c: counts what a peer may not do often (D1, D2). For SSL_CTX_set_msg_callback. */
void tls_on_message(int writing, int version, int type, const void *buf, size_t n,
                    SSL *ssl, void *arg);
/* tls.c: one step of the handshake; may call the owner. */
void tls_handshake(struct tls *s);
/* tls_budget.c: false: it waits, and tls_handshake is called later. */
bool tls_budget_take(struct tls *s);

/* tls_verify.c: for SSL_CTX_set_verify. */
int tls_on_verify(int good, X509_STORE_CTX *store);

/* tls_why.c: the first reason that is told stays. */
void tls_say(struct tls *s, enum tls_refusal r, const char *fmt, ...) PRINTF_LIKE(3, 4);
/* Why the peer's certificate was refused; from a verify callback. */
void tls_explain_cert(struct tls *s, X509_STORE_CTX *store);
/* The names of a certificate fit none of our rules. */
void tls_explain_san(struct tls *s, const X509 *cert);
/* Why OpenSSL failed: from its queue of errors, which is empty afterwards. */
void tls_explain(struct tls *s);

#endif
