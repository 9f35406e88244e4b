/* SPDX-License-Identifier: Apache-2.0 */
/* base/buf.h - capped byte queue made of counted chunks; the only place where payload
 * bytes wait. Append at the end, take from the front; a whole queue moves to another
 * in O(1) (buf_splice).  Chunks come from a per-worker chunk pool with three sizes
 * (data room 480 B, 4,000 B, 16 KiB + 64 B); the pool counts bytes in use
 * (buf_pool_live) and keeps at most `keep` free bytes.  A buf never grows beyond
 * `cap`: buf_append returns ERR_LIMIT.  One thread. */
#ifndef OUTRIGGER_BASE_BUF_H
#define OUTRIGGER_BASE_BUF_H

#include <stddef.h>
#include <stdint.h>

#include "base/compat.h"

struct buf_pool;

struct chunk {
    struct chunk *next;
    /* bytes [off, len) of data are unread; [start, off) were read and can be rewound;
     * those before start are nobody's */
    uint32_t start, off, len;
    uint32_t size; /* room in data */
    uint8_t data[];
};

struct buf {
    struct chunk *head, *tail;
    /* chunks already read, kept for buf_rewind (only while `keep` is set) */
    struct chunk *kept, *kept_tail;
    size_t len; /* unread bytes */
    /* bytes read since keeping started; they come back on buf_rewind */
    size_t kept_len;
    int keep;
};

struct buf_pool *buf_pool_new(size_t keep);
void buf_pool_free(struct buf_pool *p); /* all chunks must be back (asserted) */
/* Room in bytes of the chunks in use, and of those that are kept for later. Any thread. */
size_t buf_pool_live(const struct buf_pool *p);
size_t buf_pool_spare(const struct buf_pool *p);
/* gives free chunks back to the system */
void buf_pool_trim(struct buf_pool *p);
/* a chunk with at least min(room, 16 KiB) room; NULL: no memory */
struct chunk *chunk_take(struct buf_pool *p, size_t room);
void chunk_give(struct buf_pool *p, struct chunk *c);

void buf_init(struct buf *b);
/* drops all bytes, also the kept ones */
void buf_done(struct buf *b, struct buf_pool *p);
/* Copies n bytes to the end. Fills the tail chunk first, unless that would
 * cut the bytes for a room of less than 1/16 of them. ERR_LIMIT when len would pass
 * cap; ERR_NOMEM. All or nothing. */
int buf_append(struct buf *b, struct buf_pool *p, const void *data, size_t n,
               size_t cap) MUST_CHECK;
/* Puts a chunk with bytes [off, len) at the end; the queue owns it from now on. */
void buf_append_chunk(struct buf *b, struct buf_pool *p, struct chunk *c);
/* Moves all unread bytes of src to the end of dst, no copy except that src's bytes may
 * be copied into dst's tail chunk when they fit there and are at most 512 (keeps small
 * messages together).  src must not be keeping. src is empty afterwards. */
void buf_splice(struct buf *dst, struct buf_pool *p, struct buf *src);
/* The first unread piece. Returns its length (0: empty) and sets *ret_p. */
size_t buf_peek(const struct buf *b, const uint8_t **ret_p);
/* Drops the first n unread bytes (n <= len); chunks used up are freed, or kept when
 * `keep` is set. */
void buf_consume(struct buf *b, struct buf_pool *p, size_t n);
/* Takes the whole first chunk out when it is not kept, so that the caller owns it
 * (zero copy towards a socket); len goes down by its unread bytes. NULL when empty or
 * keeping. */
struct chunk *buf_take_chunk(struct buf *b);
/* From now on read bytes are kept (only legal while nothing was read yet, that is on a
 * fresh buf). */
void buf_keep_start(struct buf *b);
/* Stops keeping and drops what was kept. Idempotent. */
void buf_keep_stop(struct buf *b, struct buf_pool *p);
/* All kept bytes become unread again, in order, before the still unread ones. Keeping
 * goes on. */
void buf_rewind(struct buf *b);

#endif
