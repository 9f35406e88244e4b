/* SPDX-License-Identifier: Apache-2.0 */
/* obs/ring.h - a bounded queue of bytes from one thread (the writer: a worker) to one other (the reader), without a lock: what a worker has to tell of a call goes
 * here whole or not at all, so nobody who reads slowly can delay a call. Whoever writes counts what did not fit.
 * The writer's and the reader's functions may run at the same time; init and done may not. */
#ifndef OUTRIGGER_OBS_RING_H
#define OUTRIGGER_OBS_RING_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compat.h"
#include "base/slice.h"

/* Positions only grow; the place of one is its rest by size. */
struct ring {
    char *bytes;
    size_t size;                        /* a power of two */
    _Alignas(64) _Atomic uint64_t head; /* the writer's: behind the last byte */
    _Atomic uint64_t start; /* the writer's: what is before it and unread holds nothing */
    _Alignas(64) _Atomic uint64_t tail; /* the reader's: its next byte */
};

/* size: bytes, a power of two. Pages of it are used only when they are needed: a ring that is read in time stays small. */
void ring_init(struct ring *r, size_t size);
void ring_done(struct ring *r);

/* Writer: all n bytes, or false when there is no room. */
bool ring_put(struct ring *r, const void *p, size_t n) MUST_CHECK;

/* Reader: the next bytes that lie in one piece, empty when there are none; valid until they are taken. A record may go on in the next piece. */
struct slice ring_peek(struct ring *r);
void ring_take(struct ring *r, size_t n);

/* Bytes that wait. Writer or reader; for anybody else it is a guess. */
size_t ring_used(const struct ring *r);

#endif
