/* SPDX-License-Identifier: Apache-2.0 */
/* net/tls_bio.c - OpenSSL reads and writes through a BIO of ours that calls the transport
 * below, straight into and out of OpenSSL's buffers. So one file knows sockets, TLS runs over
 * the memory pair of the tests as well, and no write can raise SIGPIPE.
 *
 * A read that got less than it asked for has emptied the socket: the next one would only be
 * told "not now" by the kernel, so it is not made until the transport is readable again.
 *
 * Records of one large write are gathered in a buffer of the thread and leave together: a
 * system call for each record costs a fifth of the whole. What the transport does not take is
 * held by the connection. */
#include <stdlib.h>
#include <string.h>

#include <openssl/bio.h>

#include "base/err.h"
#include "base/xalloc.h"
#include "net/tls_int.h"

enum {
    RECORD_ROOM = 16384 + 512, /* a whole record with its head and tag */
    BATCH_ROOM = 4 * RECORD_ROOM,
};

static _Thread_local struct {
    uint8_t bytes[BATCH_ROOM];
    size_t n; /* 0 outside of tls_writev */
} batch;

static ssize_t
send_bytes(struct tls *s, const uint8_t *p, size_t n)
{
    struct iovec v = { .iov_base = (void *)(uintptr_t)p, .iov_len = n };

    return transport_writev(s->inner, &v, 1);
}

ssize_t
tls_send_held(struct tls *s)
{
    while (s->held_n > 0) {
        ssize_t done = send_bytes(s, s->held + s->held_at, s->held_n);

        if (done <= 0)
            return done;
        s->held_at += (size_t)done;
        s->held_n -= (size_t)done;
    }
    xfree(s->held);
    s->held = NULL;
    s->held_at = 0;
    return ERR_OK;
}

ssize_t
tls_send_batch(struct tls *s)
{
    ssize_t done = batch.n > 0 ? send_bytes(s, batch.bytes, batch.n) : 0;
    size_t sent = done > 0 ? (size_t)done : 0, left = batch.n - sent;

    batch.n = 0;
    if (left == 0)
        return ERR_OK;
    if (done < 0 && done != ERR_AGAIN)
        return done;
    s->held = xmalloc(left); /* nothing was held: else nothing would have been written */
    memcpy(s->held, batch.bytes + sent, left);
    s->held_n = left;
    s->held_at = 0;
    return ERR_AGAIN;
}

bool
tls_batch_is_full(void)
{
    return batch.n + RECORD_ROOM > BATCH_ROOM;
}

static int
bio_write(BIO *bio, const char *p, int n)
{
    struct tls *s = BIO_get_data(bio);
    ssize_t done;

    BIO_clear_retry_flags(bio);
    if (n <= 0)
        return 0;
    if (s->batching && (size_t)n <= BATCH_ROOM - batch.n) {
        memcpy(batch.bytes + batch.n, p, (size_t)n);
        batch.n += (size_t)n;
        return n;
    }
    if (s->batching && batch.n > 0) { /* never out of order */
        BIO_set_retry_write(bio);
        return -1;
    }
    done = s->held_n > 0 ? tls_send_held(s) : ERR_OK;
    if (done == ERR_OK)
        done = send_bytes(s, (const uint8_t *)p, (size_t)n);
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
    if (s->flood)
        return -1; /* no retry: the connection ends here */
    got = s->drained ? ERR_AGAIN : transport_read(s->inner, p, (size_t)n);
    if (got == ERR_AGAIN)
        BIO_set_retry_read(bio);
    if (got == ERR_EOF) {
        s->inner_eof = true;
        return 0;
    }
    s->drained = got < n && (got > 0 || got == ERR_AGAIN);
    return got > 0 ? (int)got : -1;
}

static long
bio_ctrl(BIO *bio, int cmd, long num, void *ptr)
{
    const struct tls *s = BIO_get_data(bio);

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

BIO *
tls_bio_new(struct tls *s)
{
    BIO *bio = BIO_new(bio_method());

    if (!bio)
        abort(); /* no memory, as xcalloc */
    BIO_set_data(bio, s);
    BIO_set_init(bio, 1);
    return bio;
}
