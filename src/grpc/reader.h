/* SPDX-License-Identifier: Apache-2.0 */
/* grpc/reader.h - takes whole messages out of the received bytes of a call, for calls
 * that we serve or make ourselves. (The proxy never does this: it forwards bytes and
 * counts with grpc/frame.h.)  A message that lies in one piece is handed out in place;
 * only one that is cut over several chunks is copied together, in memory that grows with
 * what really arrived, never with what a prefix promises.  One per direction of a call;
 * its thread only. */
#ifndef OUTRIGGER_GRPC_READER_H
#define OUTRIGGER_GRPC_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compat.h"
#include "base/slice.h"

struct buf;
struct buf_pool;
struct slab;

struct reader {
    struct slab *slab;
    uint32_t max; /* longest message */
    uint8_t prefix[5];
    uint8_t have;  /* bytes of the prefix so far */
    uint32_t len;  /* length of the message, once the prefix is complete */
    uint8_t *body; /* message that is copied together */
    size_t body_n, body_room;
    size_t in_place; /* bytes of `in` that the last message lies in: dropped by the next
                        call */
};

/* max: the longest message to accept, in bytes. */
void reader_init(struct reader *r, struct slab *slab, uint32_t max);
void reader_done(struct reader *r); /* frees what was copied together */
/* The next message.  *ret_message is valid until the next call with this reader, and no
 * other may touch `in` until then.  *ret_taken: bytes that left `in` (set also with an
 * error), for the flow-control credit. ERR_AGAIN: no whole message yet.  ERR_LIMIT:
 * longer than max.  ERR_SYNTAX: the flag is neither 0 nor 1.  ERR_PROTOCOL: the message
 * is compressed, which we never offered.  ERR_NOMEM.  After an error other than ERR_AGAIN
 * the call is to be ended. */
int reader_take(struct reader *r, struct buf *in, struct buf_pool *pool,
                struct slice *ret_message, size_t *ret_taken) MUST_CHECK;
/* The stream ended: true when it did so between two messages. */
bool reader_at_border(const struct reader *r, const struct buf *in);

#endif
