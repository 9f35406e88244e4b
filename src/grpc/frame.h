/* SPDX-License-Identifier: Apache-2.0 */
/* grpc/frame.h - counts length-prefixed messages in a byte stream without looking at a
 * payload. One parser per direction of a call, 24 bytes, zeroed = ready.  Work per feed
 * is O(messages that begin or end in it); bulk data is skipped by its length.  HTTP/2
 * DATA borders mean nothing here: bytes may be cut anywhere, also inside the 5-byte
 * prefix.  A parser never fails: a proxy forwards what it does not like.  Pure value; one
 * thread at a time.  Source: grpc/grpc doc/PROTOCOL-HTTP2.md, Length-Prefixed-Message. */
#ifndef OUTRIGGER_GRPC_FRAME_H
#define OUTRIGGER_GRPC_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { FRAME_PREFIX = 5 }; /* flag byte, then 32 bits of length, big-endian */
#define FRAME_LENGTH_MAX 4294967295LL

struct frame_parser {
    uint64_t messages;   /* messages that ended */
    uint32_t left;       /* bytes of the current message still to come */
    uint32_t len;        /* its length, while the prefix is being read */
    uint8_t prefix_seen; /* 0..4 bytes of the prefix were read */
    bool compressed;     /* some message had flag 1 */
    bool bad_flag; /* some message had a flag other than 0 and 1: the receiver will fail
                      the call with INTERNAL */
};

static inline void
frame_init(struct frame_parser *p)
{
    *p = (struct frame_parser){ 0 };
}

/* The slow half of frame_feed: use that one. */
void frame_feed_edge(struct frame_parser *p, const uint8_t *bytes, size_t n);

/* Takes the next n bytes of the stream. */
static inline void
frame_feed(struct frame_parser *p, const uint8_t *bytes, size_t n)
{
    if (n < p->left)
        p->left -= (uint32_t)n; /* inside one message: the common case of bulk data */
    else if (n > 0)
        frame_feed_edge(p, bytes, n);
}

/* As frame_feed, but stops behind a prefix that announces more than max bytes: false, and
 * p->left is what it announces. *ret_taken: bytes of complete messages and allowed
 * beginnings before it, so that [*ret_taken, n) begins with that prefix or the rest of it. */
bool frame_feed_max(struct frame_parser *p, const uint8_t *bytes, size_t n, uint32_t max,
                    size_t *ret_taken);

/* Between two messages (or before the first): trailers may follow here without cutting a
 * message. */
static inline bool
frame_at_border(const struct frame_parser *p)
{
    return p->left == 0 && p->prefix_seen == 0;
}

/* Writes the prefix of a message of n bytes. */
void frame_prefix_write(uint8_t out[FRAME_PREFIX], bool compressed, uint32_t n);

#endif
