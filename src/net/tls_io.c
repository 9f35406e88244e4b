/* SPDX-License-Identifier: Apache-2.0 */
/* net/tls_io.c - bytes in and out. One SSL_write for all that fits in a record. OpenSSL's
 * queue of errors is empty outside of the functions here: to empty it before each call would
 * cost more than many calls. */
#include "net/tls_io.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include <openssl/err.h>

#include "base/err.h"
#include "base/xalloc.h"

enum { RECORD_MAX = 16384 };

/* The peer's last words came together with its end: with TLS 1.3 that is how a server
 * refuses our certificate. */
static bool
tls_alert_came(int e)
{
    return e == SSL_ERROR_SSL && ERR_GET_REASON(ERR_peek_error()) >= SSL_AD_REASON_OFFSET;
}

/* A call of OpenSSL did not work: ERR_AGAIN, or the connection is over. */
static ssize_t
tls_end_io(struct tls *s, int rv)
{
    int e = SSL_get_error(s->ssl, rv);

    if (e == SSL_ERROR_WANT_READ || e == SSL_ERROR_WANT_WRITE) {
        s->blocked = e == SSL_ERROR_WANT_WRITE;
        return ERR_AGAIN;
    }
    if (!s->flood &&
        (e == SSL_ERROR_ZERO_RETURN || (s->inner_eof && !tls_alert_came(e)))) {
        ERR_clear_error();
        return s->ended =
                   ERR_EOF; /* HTTP/2 has its own ends: a missing close_notify is no
                                      matter */
    }
    s->t.sys_errno = e == SSL_ERROR_SYSCALL && !s->flood ? s->inner->sys_errno : EPROTO;
    if (e != SSL_ERROR_SYSCALL)
        tls_explain(s);
    ERR_clear_error();
    return s->ended = ERR_CONN_LOST;
}

static ssize_t
tls_refuse_io(const struct tls *s)
{
    return s->state == TLS_CONNECTING || s->state == TLS_HANDSHAKE ? ERR_AGAIN
                                                                   : ERR_CONN_LOST;
}

/* Reads until `room` is full. Otherwise: why there is no more. */
static ssize_t
tls_fill(struct tls *s, char *to, size_t room, size_t *n)
{
    while (room > 0) {
        int rv = SSL_read(s->ssl, to, (int)(room < INT32_MAX ? room : INT32_MAX));

        if (UNLIKELY(rv <= 0))
            return tls_end_io(s, rv);
        to += rv;
        room -= (size_t)rv;
        *n += (size_t)rv;
        if (s->drained && SSL_has_pending(s->ssl) == 0)
            return ERR_AGAIN;
    }
    return ERR_OK;
}

ssize_t
tls_readv(struct transport *t, const struct iovec *v, int count)
{
    struct tls *s = tls_of(t);
    ssize_t end = ERR_OK;
    size_t n = 0;

    if (UNLIKELY(s->state != TLS_OPEN))
        return tls_refuse_io(s);
    if (UNLIKELY(s->ended != ERR_OK))
        return s->ended;
    s->unread = true;
    for (int i = 0; i < count && end == ERR_OK; i++)
        end = tls_fill(s, v[i].iov_base, v[i].iov_len, &n);
    /* Told again: more bytes, or the end after these. */
    s->unread = end == ERR_OK ? SSL_has_pending(s->ssl) == 1 : end != ERR_AGAIN && n > 0;
    if (n > 0)
        tls_note_active(s);
    tls_update_want(s);
    return n > 0 ? (ssize_t)n : end;
}

ssize_t
tls_read(struct transport *t, void *to, size_t room)
{
    struct iovec v = { .iov_base = to, .iov_len = room };

    return tls_readv(t, &v, 1);
}

/* Writing failed: the peer has closed. What it said before may lie there unread: an alert that
 * says why, or bytes of the owner's, which are to be had as from a plain socket; nothing is
 * written any more then. The manual of OpenSSL wants no further calls after SSL_ERROR_SYSCALL.
 * What 3.0 does: it enters its error state for faults of the protocol only; when our BIO
 * refuses a write it keeps the record for the next try, which never comes, and reading does not
 * look at it. In a version that minds the peek fails, and this is the end. */
static ssize_t
tls_lose(struct tls *s)
{
    char one;
    int rv;

    s->ended = ERR_CONN_LOST;
    if (s->flood)
        return ERR_CONN_LOST;
    s->drained = false;
    rv = SSL_peek(s->ssl, &one, 1);
    if (rv > 0) {
        s->ended = ERR_OK;
        s->shut = true;
        s->rest_n = s->held_n = 0;
    } else if (tls_alert_came(SSL_get_error(s->ssl, rv))) {
        tls_explain(s);
    }
    ERR_clear_error();
    return ERR_CONN_LOST;
}

static ssize_t
tls_end_write(struct tls *s, int rv)
{
    ssize_t end = tls_end_io(s, rv);

    return end == ERR_CONN_LOST ? tls_lose(s) : end;
}

/* The transport below did not take encrypted bytes. */
static ssize_t
tls_end_send(struct tls *s, ssize_t rv)
{
    if (rv == ERR_AGAIN)
        return rv;
    s->t.sys_errno = s->inner->sys_errno;
    return tls_lose(s);
}

static ssize_t
tls_flush_slowly(struct tls *s)
{
    ssize_t sent = tls_send_held(s);
    int rv;

    if (sent != ERR_OK)
        return tls_end_send(s, sent);
    if (s->rest_n > 0) {
        rv = SSL_write(s->ssl, s->rest, (int)s->rest_n);
        if (rv <= 0)
            return tls_end_write(s, rv);
        assert((size_t)rv == s->rest_n); /* no partial writes were asked for */
        s->blocked = false;
        s->rest_n = 0;
        xfree(s->rest);
        s->rest = NULL;
    }
    if (s->shut)
        tls_say_end(s);
    return ERR_OK;
}

ssize_t
tls_flush(struct tls *s)
{
    if (LIKELY(tls_is_clear(s)))
        return ERR_OK;
    return s->ended == ERR_CONN_LOST ? ERR_CONN_LOST : tls_flush_slowly(s);
}

struct source { /* a position in what the owner writes */
    const struct iovec *v;
    int n;
    size_t off;
};

static void
source_skip(struct source *src, size_t n)
{
    src->off += n;
    while (src->n > 0 && src->off == src->v->iov_len) {
        src->v++;
        src->n--;
        src->off = 0;
    }
}

/* The next bytes, at most one record: by reference when they lie in one piece. */
static size_t
source_take(struct source *src, uint8_t room[RECORD_MAX], const uint8_t **ret)
{
    size_t n = 0;

    source_skip(src, 0); /* empty pieces */
    while (src->n > 0 && n < RECORD_MAX) {
        const uint8_t *p = (const uint8_t *)src->v->iov_base + src->off;
        size_t k = src->v->iov_len - src->off;

        if (n == 0 && (k >= RECORD_MAX || src->n == 1)) {
            k = k < RECORD_MAX ? k : RECORD_MAX;
            source_skip(src, k);
            *ret = p;
            return k;
        }
        k = k < RECORD_MAX - n ? k : RECORD_MAX - n;
        memcpy(room + n, p, k);
        n += k;
        source_skip(src, k);
    }
    *ret = room;
    return n;
}

static bool
source_is_long(const struct iovec *v, int n)
{
    size_t sum = 0;

    for (int i = 0; i < n && sum <= RECORD_MAX; i++)
        sum += v[i].iov_len;
    return sum > RECORD_MAX;
}

/* Encrypts and sends record by record until all is taken or the transport is full. */
static ssize_t
write_records(struct tls *s, struct source *src, ssize_t *total)
{
    uint8_t room[RECORD_MAX] UNINITIALIZED;
    const uint8_t *p;
    size_t k;

    while ((k = source_take(src, room, &p)) > 0) {
        int done = SSL_write(s->ssl, p, (int)k);
        ssize_t rv;

        if (UNLIKELY(done <= 0)) {
            rv = tls_end_write(s, done);
            if (rv == ERR_AGAIN) {
                s->rest = xmalloc(k);
                memcpy(s->rest, p, k);
                s->rest_n = k;
                *total += (ssize_t)k;
            }
            return rv;
        }
        *total += done;
        if (s->batching && tls_batch_is_full() && (rv = tls_send_batch(s)) != ERR_OK)
            return tls_end_send(s, rv);
    }
    return ERR_OK;
}

ssize_t
tls_writev(struct transport *t, const struct iovec *v, int n)
{
    struct tls *s = tls_of(t);
    struct source src = { .v = v, .n = n };
    ssize_t total = 0, rv;

    if (UNLIKELY(s->state != TLS_OPEN || s->shut))
        return tls_refuse_io(s);
    if (UNLIKELY(s->ended == ERR_CONN_LOST))
        return ERR_CONN_LOST;
    rv = tls_flush(s);
    if (rv == ERR_OK && source_is_long(v, n)) {
        ssize_t sent;

        s->batching = true;
        rv = write_records(s, &src, &total);
        s->batching = false;
        sent = tls_send_batch(s);
        if (sent != ERR_OK && rv == ERR_OK)
            rv = tls_end_send(s, sent);
    } else if (rv == ERR_OK) {
        rv = write_records(s, &src, &total);
    }
    if (total > 0)
        tls_note_active(s);
    tls_update_want(s);
    if (rv == ERR_EOF)
        rv = ERR_CONN_LOST;
    return total > 0 && (rv == ERR_OK || rv == ERR_AGAIN) ? total : rv;
}
