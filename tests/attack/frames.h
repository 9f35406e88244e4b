/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HTTP/2 frames by hand (RFC 9113 section 4 and 6) and the few HPACK forms that an attacker needs
 * (RFC 7541 section 6).  No session library: the point is to send what no library would send.
 */
#ifndef ATTACK_FRAMES_H
#define ATTACK_FRAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum frame_type {
    FRAME_DATA = 0,
    FRAME_HEADERS = 1,
    FRAME_PRIORITY = 2,
    FRAME_RST_STREAM = 3,
    FRAME_SETTINGS = 4,
    FRAME_PING = 6,
    FRAME_GOAWAY = 7,
    FRAME_WINDOW_UPDATE = 8,
    FRAME_CONTINUATION = 9,
};

enum { FLAG_END_STREAM = 1, FLAG_ACK = 1, FLAG_END_HEADERS = 4 };
enum { FRAME_HEAD_LEN = 9, FRAME_MAX_PAYLOAD = 16384 };
enum { SETTING_MAX_STREAMS = 3, SETTING_WINDOW = 4 };

/* Output bytes: [off, len) is still to be sent.  Owned by its connection; freed by outbuf_free. */
struct outbuf {
    uint8_t *data;
    size_t len, cap, off;
    uint64_t frames; /* frames put in so far */
};

void outbuf_put(struct outbuf *b, const void *data, size_t len);
void outbuf_free(struct outbuf *b);

/* Writes a frame head and payload.  The length in the head is `len` as given, legal or not. */
void frame_put(struct outbuf *b, enum frame_type type, unsigned flags, uint32_t stream,
               const void *payload, size_t len);
void
frame_put_u32(struct outbuf *b, enum frame_type type, uint32_t stream, uint32_t value);
void frame_put_setting(struct outbuf *b, unsigned id, uint32_t value);
void frame_put_preface(struct outbuf *b);

/* A header block under construction; a block that does not fit ends the program (a bug here). */
struct hpack {
    uint8_t *data;
    size_t len, cap;
};

enum hpack_form { HPACK_PLAIN = 0x00, HPACK_STORE = 0x40 };

/* An index of the static (1-61) or dynamic (62-) table. */
void hpack_put_indexed(struct hpack *h, unsigned index);
/* A literal whose name is a table index. HPACK_STORE adds it to the peer's dynamic table. */
void hpack_put_value(struct hpack *h, enum hpack_form form, unsigned name_index,
                     const char *value, size_t len);
/* A literal with its own name, bytes as given (also illegal ones). */
void hpack_put_pair(struct hpack *h, enum hpack_form form, const char *name,
                    const char *value, size_t len);

/* What the peer sent, one frame at a time. Payload is cut to 64 bytes: enough for GOAWAY, RST,
 * SETTINGS; `length` is the true one. */
struct frame_in {
    uint8_t type, flags;
    uint32_t stream, length;
    uint8_t payload[64];
    size_t kept;
};

struct frame_reader {
    uint8_t head[FRAME_HEAD_LEN];
    size_t head_len;
    uint32_t left;
    struct frame_in in;
};

/* Takes bytes from *p; true when one frame is complete in r->in (call again with the rest). */
bool frame_reader_feed(struct frame_reader *r, const uint8_t **p, size_t *n);

uint32_t u32_get(const uint8_t *p);

#endif
