/* SPDX-License-Identifier: Apache-2.0 */
/* net/tls_io.h - bytes of an established connection; between tls.c and tls_io.c only. */
#ifndef OUTRIGGER_NET_TLS_IO_H
#define OUTRIGGER_NET_TLS_IO_H

#include "net/tls_int.h"

static inline struct tls *
tls_of(struct transport *t)
{
    return CONTAINER_OF(t, struct tls, t);
}

/* All that the owner wrote has left. */
static inline bool
tls_is_clear(const struct tls *s)
{
    return s->rest_n == 0 && s->held_n == 0;
}

ssize_t tls_read(struct transport *t, void *to, size_t room);
ssize_t tls_readv(struct transport *t, const struct iovec *v, int count);
ssize_t tls_writev(struct transport *t, const struct iovec *v, int n);
/* Tries what a blocked write left behind. ERR_OK: nothing is left. */
ssize_t tls_flush(struct tls *s);

/* tls.c */
void tls_update_want(struct tls *s);
/* Bytes went through. */
void tls_note_active(struct tls *s);
/* The peer hears that no more will come, and may still send. */
void tls_say_end(struct tls *s);

#endif
