/* SPDX-License-Identifier: Apache-2.0 */
/* h2/frame.h - numbers of RFC 9113 and the few bytes of a frame header. Room h2 only. */
#ifndef OUTRIGGER_H2_FRAME_H
#define OUTRIGGER_H2_FRAME_H

#include <stddef.h>
#include <stdint.h>

enum {
    FRAME_DATA = 0,
    FRAME_HEADERS = 1,
    FRAME_PRIORITY = 2,
    FRAME_RST_STREAM = 3,
    FRAME_SETTINGS = 4,
    FRAME_PUSH_PROMISE = 5,
    FRAME_PING = 6,
    FRAME_GOAWAY = 7,
    FRAME_WINDOW_UPDATE = 8,
    FRAME_CONTINUATION = 9,
};

enum {
    FLAG_ACK = 0x1,
    FLAG_END_STREAM = 0x1,
    FLAG_END_HEADERS = 0x4,
    FLAG_PADDED = 0x8,
    FLAG_PRIORITY = 0x20,
};

enum {
    SETTING_HEADER_TABLE_SIZE = 1,
    SETTING_ENABLE_PUSH = 2,
    SETTING_MAX_CONCURRENT_STREAMS = 3,
    SETTING_INITIAL_WINDOW_SIZE = 4,
    SETTING_MAX_FRAME_SIZE = 5,
    SETTING_MAX_HEADER_LIST_SIZE = 6,
};

enum {
    FRAME_HEAD = 9,
    FRAME_PAYLOAD_MAX =
        16384, /* SETTINGS_MAX_FRAME_SIZE that we never raise, either way */
    WINDOW_DEFAULT = 65535,
    HPACK_TABLE = 4096,
};

#define FRAME_MAGIC     "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
#define FRAME_MAGIC_LEN 24

struct frame {
    uint32_t len;
    int32_t id;
    uint8_t type, flags;
};

static inline uint32_t
frame_get32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static inline void
frame_put32(uint8_t *p, uint32_t v)
{
    p[0] = (uint8_t)(v >> 24);
    p[1] = (uint8_t)(v >> 16);
    p[2] = (uint8_t)(v >> 8);
    p[3] = (uint8_t)v;
}

static inline void
frame_head_write(uint8_t out[FRAME_HEAD], size_t len, uint8_t type, uint8_t flags,
                 int32_t id)
{
    out[0] = (uint8_t)(len >> 16);
    out[1] = (uint8_t)(len >> 8);
    out[2] = (uint8_t)len;
    out[3] = type;
    out[4] = flags;
    frame_put32(out + 5, (uint32_t)id);
}

static inline struct frame
frame_head_read(const uint8_t p[FRAME_HEAD])
{
    return (struct frame){
        .len = (uint32_t)p[0] << 16 | (uint32_t)p[1] << 8 | p[2],
        .type = p[3],
        .flags = p[4],
        .id = (int32_t)(frame_get32(p + 5) & 0x7fffffff),
    };
}

#endif
