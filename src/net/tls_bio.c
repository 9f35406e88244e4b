/* SPDX-License-Identifier: Apache-2.0 */
/* net/tls_bio.c - OpenSSL reads and writes through a BIO of ours that calls the transport
 * below, straight into and out of OpenSSL's buffers. So one file knows sockets, TLS runs over
 * the memory pair of the tests as well, and no write can raise SIGPIPE.
 *
 * A read that got less than it asked for has emptied the socket: the next one would only be
 * told "not now" by the kernel, so it is not made until the transport is readable again. */
#include <stdlib.h>

#include <openssl/bio.h>

#include "base/err.h"
#include "net/tls_int.h"

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
