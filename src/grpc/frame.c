/* SPDX-License-Identifier: Apache-2.0 */
/* grpc/frame.c - the edges of messages; the inside is skipped in frame.h. */
#include "grpc/frame.h"

#include "base/compat.h"

static void
frame_note_flag(struct frame_parser *p, uint8_t flag)
{
    if (flag == 1)
        p->compressed = true;
    else if (flag != 0)
        p->bad_flag = true;
}

/* The prefix is complete. */
static void
frame_begin(struct frame_parser *p, uint32_t len)
{
    p->prefix_seen = 0;
    p->left = len;
    if (len == 0)
        p->messages++;
}

/* Reads one byte of a prefix that is cut over several feeds. */
static void
frame_prefix_byte(struct frame_parser *p, uint8_t byte)
{
    if (p->prefix_seen == 0) {
        frame_note_flag(p, byte);
        p->len = 0;
    } else {
        p->len = p->len << 8 | byte;
    }
    if (++p->prefix_seen == FRAME_PREFIX)
        frame_begin(p, p->len);
}

void
frame_feed_edge(struct frame_parser *p, const uint8_t *bytes, size_t n)
{
    const uint8_t *end = bytes + n;

    while (bytes < end) {
        size_t here = (size_t)(end - bytes);

        if (p->left > 0) {
            if (here < p->left) {
                p->left -= (uint32_t)here;
                return;
            }
            bytes += p->left;
            p->left = 0;
            p->messages++;
        } else if (LIKELY(p->prefix_seen == 0 && here >= FRAME_PREFIX)) {
            frame_note_flag(p, bytes[0]);
            frame_begin(p, (uint32_t)bytes[1] << 24 | (uint32_t)bytes[2] << 16 |
                               (uint32_t)bytes[3] << 8 | bytes[4]);
            bytes += FRAME_PREFIX;
        } else {
            frame_prefix_byte(p, *bytes++);
        }
    }
}

/* Up to the end of the current message, or of the prefix that begins here. */
static size_t
frame_step(const struct frame_parser *p, size_t n)
{
    size_t want = p->left ? p->left : (size_t)(FRAME_PREFIX - p->prefix_seen);

    return want < n ? want : n;
}

bool
frame_feed_max(struct frame_parser *p, const uint8_t *bytes, size_t n, uint32_t max,
               size_t *ret_taken)
{
    size_t at = 0;

    while (at < n) {
        bool prefix = p->left == 0;
        size_t step = frame_step(p, n - at);

        frame_feed(p, bytes + at, step);
        if (prefix && p->left > max) {
            *ret_taken = at;
            return false;
        }
        at += step;
    }
    *ret_taken = n;
    return true;
}

void
frame_prefix_write(uint8_t out[FRAME_PREFIX], bool compressed, uint32_t n)
{
    out[0] = compressed;
    out[1] = (uint8_t)(n >> 24);
    out[2] = (uint8_t)(n >> 16);
    out[3] = (uint8_t)(n >> 8);
    out[4] = (uint8_t)n;
}
