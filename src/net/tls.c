/* SPDX-License-Identifier: Apache-2.0 */
/* net/tls.c - the transport. OpenSSL reads and writes through a BIO of ours that calls the
 * transport below, so one file knows sockets and TLS runs over the memory pair of the tests
 * as well (and no write can raise SIGPIPE).
 *
 * Readiness of the transport below is not ours: records may be decrypted and not yet read
 * (then a timer of no delay tells the owner), or a write may have to wait in the middle of
 * a record. OpenSSL wants the same bytes again after such a write, an owner need not come
 * back with them: they are taken over into `rest`, at most one record. */
#include "net/tls.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "base/err.h"
#include "base/xalloc.h"
#include "loop/loop.h"
#include "loop/reap.h"
#include "loop/timer.h"
#include "net/addr.h"
#include "net/tls_int.h"
#include "net/transport.h"

enum { RECORD_MAX = 16384 };

enum tls_state { TLS_CONNECTING, TLS_HANDSHAKE, TLS_OPEN, TLS_FAILED, TLS_CLOSED };

struct tls {
    struct transport t;
    struct ref ref;
    struct loop *loop;
    struct transport *inner;
    struct tls_ctx *ctx;
    SSL *ssl;
    struct timer kick; /* first step of the handshake; later: unread bytes in ssl */
    enum tls_state state;
    bool want_read, want_write; /* of the owner */
    bool unread;                /* ssl may hold bytes that the owner did not read */
    bool blocked;               /* ssl must write before it can go on */
    bool inner_eof;
    bool shut; /* no more writes; close_notify follows rest */
    uint8_t *rest;
    size_t rest_n;
    char name[TLS_NAME_MAX + 1];
    char why[TLS_WHY_MAX];
};

static struct tls *
tls_of(struct transport *t)
{
    return CONTAINER_OF(t, struct tls, t);
}

/* ---- the BIO ---- */

static int
bio_write(BIO *bio, const char *p, int n)
{
    struct tls *s = BIO_get_data(bio);
    struct iovec v = { .iov_base = (void *)(uintptr_t)p, .iov_len = (size_t)n };
    ssize_t done;

    BIO_clear_retry_flags(bio);
    if (n <= 0)
        return 0;
    done = transport_writev(s->inner, &v, 1);
    if (done == ERR_AGAIN)
        BIO_set_retry_write(bio);
    return done > 0 ? (int)done : -1;
}

static int
bio_read(BIO *bio, char *p, int n)
{
    struct tls *s = BIO_get_data(bio);
    ssize_t got;

    BIO_clear_retry_flags(bio);
    if (n <= 0)
        return 0;
    got = transport_read(s->inner, p, (size_t)n);
    if (got == ERR_AGAIN)
        BIO_set_retry_read(bio);
    if (got == ERR_EOF) {
        s->inner_eof = true;
        return 0;
    }
    return got > 0 ? (int)got : -1;
}

static long
bio_ctrl(BIO *bio, int cmd, long num, void *ptr)
{
    struct tls *s = BIO_get_data(bio);

    (void)num, (void)ptr;
    if (cmd == BIO_CTRL_EOF)
        return s->inner_eof;
    return cmd == BIO_CTRL_FLUSH;
}

static BIO_METHOD *
bio_method_make(void)
{
    BIO_METHOD *m = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "transport");

    if (!m || BIO_meth_set_write(m, bio_write) != 1 ||
        BIO_meth_set_read(m, bio_read) != 1 || BIO_meth_set_ctrl(m, bio_ctrl) != 1)
        abort(); /* no memory at the first connection of the process */
    return m;
}

/* One for the process; any thread may be the first. */
static const BIO_METHOD *
bio_method(void)
{
    static _Atomic(BIO_METHOD *) made;
    BIO_METHOD *m = atomic_load(&made), *none = NULL;

    if (m)
        return m;
    m = bio_method_make();
    if (atomic_compare_exchange_strong(&made, &none, m))
        return m;
    BIO_meth_free(m);
    return none;
}

/* ---- ends ---- */

static void
tls_update_want(struct tls *s)
{
    bool busy = s->state == TLS_HANDSHAKE;

    if (s->state != TLS_HANDSHAKE && s->state != TLS_OPEN)
        return;
    transport_want(s->inner, busy || s->want_read,
                   s->blocked || s->rest_n > 0 || (!busy && s->want_write));
    if (s->state == TLS_OPEN && s->unread && s->want_read && !timer_running(&s->kick))
        timer_start(s->loop, &s->kick, 0);
}

/* The peer hears that no more will come, and may still send. */
static void
tls_say_end(struct tls *s)
{
    ERR_clear_error();
    if (SSL_shutdown(s->ssl) >= 0)
        transport_shut(s->inner);
    ERR_clear_error();
}

/* No callback after this one; why is set. */
static void
tls_fail(struct tls *s, int sys_errno)
{
    s->state = TLS_FAILED;
    s->t.sys_errno = sys_errno;
    timer_stop(s->loop, &s->kick);
    transport_close(s->inner);
    s->inner = NULL;
    s->t.fn(s->t.arg, TRANSPORT_FAILED);
}

/* ---- handshake ---- */

static bool
tls_has_h2(const SSL *ssl)
{
    const unsigned char *p = NULL;
    unsigned n = 0;

    SSL_get0_alpn_selected(ssl, &p, &n);
    return n == 2 && memcmp(p, "h2", 2) == 0;
}

/* Here the certificate at fault is at hand; later it is gone. */
static int
tls_on_verify(int good, X509_STORE_CTX *store)
{
    SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
    struct tls *s = SSL_get_app_data(ssl);

    if (!good)
        tls_explain_cert(store, s->ctx, s->name, s->why);
    return good;
}

static void
tls_handshake(struct tls *s)
{
    int rv, e;

    ERR_clear_error();
    rv = SSL_do_handshake(s->ssl);
    if (rv == 1 && tls_has_h2(s->ssl)) {
        s->state = TLS_OPEN;
        s->blocked = false;
        s->unread = SSL_has_pending(s->ssl) == 1;
        tls_update_want(s);
        s->t.fn(s->t.arg, TRANSPORT_CONNECTED);
        return;
    }
    e = rv == 1 ? SSL_ERROR_NONE : SSL_get_error(s->ssl, rv);
    if (e == SSL_ERROR_WANT_READ || e == SSL_ERROR_WANT_WRITE) {
        s->blocked = e == SSL_ERROR_WANT_WRITE;
        tls_update_want(s);
        return;
    }
    if (rv == 1)
        snprintf(s->why, sizeof(s->why), "the server does not offer HTTP/2 (ALPN h2)");
    else if (e == SSL_ERROR_SYSCALL && !s->inner_eof)
        snprintf(s->why, sizeof(s->why),
                 "the connection broke during the TLS handshake: %s",
                 strerror(s->inner->sys_errno));
    else
        tls_explain(s->why);
    tls_fail(s, EPROTO);
}

/* ---- bytes ---- */

/* A call of OpenSSL did not work: ERR_AGAIN, or the connection is over. */
static ssize_t
tls_end_io(struct tls *s, int rv)
{
    int e = SSL_get_error(s->ssl, rv);

    if (e == SSL_ERROR_WANT_READ || e == SSL_ERROR_WANT_WRITE) {
        s->blocked = e == SSL_ERROR_WANT_WRITE;
        return ERR_AGAIN;
    }
    if (e == SSL_ERROR_ZERO_RETURN || s->inner_eof)
        return ERR_EOF; /* HTTP/2 has its own ends: a missing close_notify is no matter */
    s->t.sys_errno = e == SSL_ERROR_SYSCALL ? s->inner->sys_errno : EPROTO;
    if (e != SSL_ERROR_SYSCALL)
        snprintf(s->why, sizeof(s->why), "TLS broke: %s",
                 ERR_reason_error_string(ERR_peek_error()));
    ERR_clear_error();
    return ERR_CONN_LOST;
}

static ssize_t
tls_read(struct transport *t, void *to, size_t room)
{
    struct tls *s = tls_of(t);
    size_t n = 0;

    if (s->state != TLS_OPEN)
        return s->state == TLS_CONNECTING || s->state == TLS_HANDSHAKE ? ERR_AGAIN
                                                                       : ERR_CONN_LOST;
    while (n < room) {
        size_t ask = room - n < INT32_MAX ? room - n : INT32_MAX;
        int rv;

        ERR_clear_error();
        rv = SSL_read(s->ssl, (char *)to + n, (int)ask);
        if (rv > 0) {
            n += (size_t)rv;
            continue;
        }
        s->unread = false;
        if (n > 0) {
            /* The reason comes again with the next read, if it is one. */
            s->unread = SSL_get_error(s->ssl, rv) != SSL_ERROR_WANT_READ;
            ERR_clear_error();
            break;
        }
        n = 0;
        {
            ssize_t end = tls_end_io(s, rv);

            tls_update_want(s);
            return end;
        }
    }
    if (n == room)
        s->unread = SSL_has_pending(s->ssl) == 1;
    tls_update_want(s);
    return (ssize_t)n;
}

/* Tries what a blocked write left behind. ERR_OK: nothing is left. */
static ssize_t
tls_flush(struct tls *s)
{
    int rv;

    if (s->rest_n == 0)
        return ERR_OK;
    ERR_clear_error();
    rv = SSL_write(s->ssl, s->rest, (int)s->rest_n);
    if (rv <= 0)
        return tls_end_io(s, rv);
    assert((size_t)rv == s->rest_n); /* no partial writes were asked for */
    s->blocked = false;
    s->rest_n = 0;
    xfree(s->rest);
    s->rest = NULL;
    if (s->shut)
        tls_say_end(s);
    return ERR_OK;
}

struct source { /* a position in what the owner writes */
    const struct iovec *v;
    int n;
    size_t off;
};

/* The next bytes, at most one record: by reference when they lie in one piece. */
static size_t
source_take(struct source *src, uint8_t room[RECORD_MAX], const uint8_t **ret)
{
    size_t n = 0;

    while (src->n > 0 && n < RECORD_MAX) {
        const uint8_t *p = (const uint8_t *)src->v->iov_base + src->off;
        size_t k = src->v->iov_len - src->off;

        if (n == 0 && k >= RECORD_MAX) {
            src->off += RECORD_MAX;
            *ret = p;
            return RECORD_MAX;
        }
        k = k < RECORD_MAX - n ? k : RECORD_MAX - n;
        if (k > 0)
            memcpy(room + n, p, k);
        n += k;
        src->off += k;
        if (src->off == src->v->iov_len) {
            src->v++;
            src->n--;
            src->off = 0;
        }
    }
    *ret = room;
    return n;
}

static ssize_t
tls_writev(struct transport *t, const struct iovec *v, int n)
{
    struct tls *s = tls_of(t);
    struct source src = { .v = v, .n = n };
    uint8_t room[RECORD_MAX] UNINITIALIZED;
    const uint8_t *p;
    ssize_t total = 0, rv;
    size_t k;

    if (s->state != TLS_OPEN || s->shut)
        return s->state == TLS_CONNECTING || s->state == TLS_HANDSHAKE ? ERR_AGAIN
                                                                       : ERR_CONN_LOST;
    rv = tls_flush(s);
    while (rv == ERR_OK && (k = source_take(&src, room, &p)) > 0) {
        int done;

        ERR_clear_error();
        done = SSL_write(s->ssl, p, (int)k);
        if (done > 0) {
            total += done;
            continue;
        }
        rv = tls_end_io(s, done);
        if (rv == ERR_AGAIN) {
            s->rest = xmalloc(k);
            memcpy(s->rest, p, k);
            s->rest_n = k;
            total += (ssize_t)k;
        }
    }
    tls_update_want(s);
    if (rv == ERR_EOF)
        rv = ERR_CONN_LOST;
    return total > 0 && (rv == ERR_OK || rv == ERR_AGAIN) ? total : rv;
}

static void
tls_want(struct transport *t, bool read, bool write)
{
    struct tls *s = tls_of(t);

    s->want_read = read;
    s->want_write = write;
    tls_update_want(s);
}

static void
tls_shut(struct transport *t)
{
    struct tls *s = tls_of(t);

    if (s->state != TLS_OPEN || s->shut)
        return;
    s->shut = true;
    if (s->rest_n == 0)
        tls_say_end(s); /* else tls_flush does it */
}

/* ---- events ---- */

static void
tls_on_inner(void *arg, int what)
{
    struct tls *s = arg;
    int tell = 0;

    if (s->state == TLS_CONNECTING) {
        if (what & TRANSPORT_FAILED) {
            snprintf(s->why, sizeof(s->why), "connecting failed: %s",
                     strerror(s->inner->sys_errno));
            tls_fail(s, s->inner->sys_errno);
            return;
        }
        s->state = TLS_HANDSHAKE;
    }
    if (s->state == TLS_HANDSHAKE) {
        tls_handshake(s);
        return;
    }
    if (s->state != TLS_OPEN)
        return;
    if (what & TRANSPORT_WRITABLE) {
        bool was_blocked = s->blocked;

        s->blocked = false;
        if (tls_flush(s) != ERR_AGAIN && s->want_write)
            tell |= TRANSPORT_WRITABLE;
        /* A read may have waited for this (a key update). */
        if (was_blocked && s->want_read)
            tell |= TRANSPORT_READABLE;
        tls_update_want(s);
    }
    if (what & TRANSPORT_READABLE && s->want_read)
        tell |= TRANSPORT_READABLE;
    if (tell)
        s->t.fn(s->t.arg, tell);
}

static void
tls_on_kick(struct timer *t)
{
    struct tls *s = CONTAINER_OF(t, struct tls, kick);

    if (s->state == TLS_HANDSHAKE)
        tls_handshake(s);
    else if (s->state == TLS_OPEN && s->unread && s->want_read)
        s->t.fn(s->t.arg, TRANSPORT_READABLE);
}

/* ---- life ---- */

static void
tls_free(struct ref *r)
{
    struct tls *s = CONTAINER_OF(r, struct tls, ref);

    SSL_free(s->ssl);
    tls_ctx_drop(s->ctx);
    xfree(s->rest);
    xfree(s);
}

static void
tls_close(struct transport *t)
{
    struct tls *s = tls_of(t);

    if (s->state == TLS_CLOSED)
        return;
    if (s->state == TLS_OPEN && !s->shut && s->rest_n == 0) {
        ERR_clear_error();
        (void)SSL_shutdown(s->ssl); /* one try; the peer need not answer */
        ERR_clear_error();
    }
    s->state = TLS_CLOSED;
    timer_stop(s->loop, &s->kick);
    transport_close(s->inner);
    t->fn = NULL;
    ref_drop(&s->ref, loop_reaper(s->loop));
}

static const struct transport_ops tls_ops = {
    .read = tls_read,
    .writev = tls_writev,
    .want = tls_want,
    .shut = tls_shut,
    .close = tls_close,
};

static bool
is_ip(const char *name)
{
    unsigned char room[16];

    return inet_pton(AF_INET, name, room) == 1 || inet_pton(AF_INET6, name, room) == 1;
}

/* Whom the certificate must be for. */
static bool
tls_set_name(SSL *ssl, const char *name)
{
    if (is_ip(name))
        return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), name) == 1;
    SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    return SSL_set1_host(ssl, name) == 1 && SSL_set_tlsext_host_name(ssl, name) == 1;
}

static struct tls *
tls_new(struct loop *l, struct tls_ctx *ctx, struct transport *inner, const char *name)
{
    struct tls *s = xcalloc(1, sizeof(*s));
    BIO *bio = BIO_new(bio_method());

    assert(strlen(name) <= TLS_NAME_MAX);
    s->t.ops = &tls_ops;
    ref_init(&s->ref, tls_free);
    timer_init(&s->kick, tls_on_kick);
    s->loop = l;
    s->inner = inner;
    s->ctx = ctx;
    tls_ctx_hold(ctx);
    snprintf(s->name, sizeof(s->name), "%s", name);
    s->ssl = SSL_new(ctx->ssl_ctx);
    if (!s->ssl || !bio || !tls_set_name(s->ssl, name))
        abort(); /* no memory, as xcalloc */
    BIO_set_data(bio, s);
    BIO_set_init(bio, 1);
    SSL_set_app_data(s->ssl, s);
    SSL_set_verify(s->ssl, SSL_VERIFY_PEER, tls_on_verify);
    SSL_set_bio(s->ssl, bio, bio);
    SSL_set_connect_state(s->ssl);
    transport_bind(inner, tls_on_inner, s);
    return s;
}

struct transport *
tls_client_over(struct loop *l, struct tls_ctx *ctx, struct transport *inner,
                const char *name)
{
    struct tls *s = tls_new(l, ctx, inner, name);

    s->state = TLS_HANDSHAKE;
    timer_start(l, &s->kick, 0);
    return &s->t;
}

struct transport *
tls_connect(struct loop *l, struct tls_ctx *ctx, const struct addr *to, const char *name)
{
    struct tls *s = tls_new(l, ctx, transport_connect(l, to), name);

    s->state = TLS_CONNECTING;
    transport_want(s->inner, false, true);
    return &s->t;
}

const char *
tls_why(const struct transport *t)
{
    return CONTAINER_OF(t, const struct tls, t)->why;
}

const char *
tls_version(const struct transport *t)
{
    const struct tls *s = CONTAINER_OF(t, const struct tls, t);

    return s->state == TLS_OPEN ? SSL_get_version(s->ssl) : "";
}
