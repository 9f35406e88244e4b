/* SPDX-License-Identifier: Apache-2.0 */
#include "frames.h"

#include "sock.h"

#include <stdlib.h>
#include <string.h>

static void
u32_set(uint8_t *p, uint32_t v)
{
    p[0] = (uint8_t)(v >> 24);
    p[1] = (uint8_t)(v >> 16);
    p[2] = (uint8_t)(v >> 8);
    p[3] = (uint8_t)v;
}

uint32_t
u32_get(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

void
outbuf_put(struct outbuf *b, const void *data, size_t len)
{
    if (b->off == b->len)
        b->off = b->len = 0;
    if (b->len + len > b->cap) {
        b->cap = (b->len + len) * 2;
        b->data = realloc(b->data, b->cap);
        if (!b->data)
            tool_die("Out of memory for %zu bytes of frames.", b->cap);
    }
    if (len)
        memcpy(b->data + b->len, data, len);
    b->len += len;
}

void
outbuf_free(struct outbuf *b)
{
    free(b->data);
    *b = (struct outbuf){ .frames = b->frames };
}

void
frame_put(struct outbuf *b, enum frame_type type, unsigned flags, uint32_t stream,
          const void *payload, size_t len)
{
    uint8_t head[FRAME_HEAD_LEN] = { (uint8_t)(len >> 16), (uint8_t)(len >> 8),
                                     (uint8_t)len, (uint8_t)type, (uint8_t)flags };
    u32_set(head + 5, stream);
    outbuf_put(b, head, sizeof(head));
    outbuf_put(b, payload, len);
    b->frames++;
}

void
frame_put_u32(struct outbuf *b, enum frame_type type, uint32_t stream, uint32_t value)
{
    uint8_t p[4];
    u32_set(p, value);
    frame_put(b, type, 0, stream, p, sizeof(p));
}

void
frame_put_setting(struct outbuf *b, unsigned id, uint32_t value)
{
    uint8_t p[6] = { (uint8_t)(id >> 8), (uint8_t)id };
    u32_set(p + 2, value);
    frame_put(b, FRAME_SETTINGS, 0, 0, p, id ? sizeof(p) : 0);
}

void
frame_put_preface(struct outbuf *b)
{
    static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    outbuf_put(b, preface, sizeof(preface) - 1);
}

static void
hpack_put_byte(struct hpack *h, unsigned byte)
{
    if (h->len == h->cap)
        tool_die("A header block of the attacker is larger than its %zu byte buffer.",
                 h->cap);
    h->data[h->len++] = (uint8_t)byte;
}

/* RFC 7541 section 5.1: an integer with an N-bit prefix. */
static void
hpack_put_int(struct hpack *h, unsigned first, unsigned bits, size_t v)
{
    size_t max = (1u << bits) - 1;
    if (v < max) {
        hpack_put_byte(h, first | (unsigned)v);
        return;
    }
    hpack_put_byte(h, first | (unsigned)max);
    for (v -= max; v >= 128; v /= 128)
        hpack_put_byte(h, (unsigned)(v % 128 + 128));
    hpack_put_byte(h, (unsigned)v);
}

static void
hpack_put_string(struct hpack *h, const char *s, size_t len)
{
    hpack_put_int(h, 0, 7, len);
    for (size_t i = 0; i < len; i++)
        hpack_put_byte(h, (uint8_t)s[i]);
}

void
hpack_put_indexed(struct hpack *h, unsigned index)
{
    hpack_put_int(h, 0x80, 7, index);
}

void
hpack_put_value(struct hpack *h, enum hpack_form form, unsigned name_index,
                const char *value, size_t len)
{
    hpack_put_int(h, form, form == HPACK_STORE ? 6 : 4, name_index);
    hpack_put_string(h, value, len);
}

void
hpack_put_pair(struct hpack *h, enum hpack_form form, const char *name, const char *value,
               size_t len)
{
    hpack_put_byte(h, form);
    hpack_put_string(h, name, strlen(name));
    hpack_put_string(h, value, len);
}

static void
frame_reader_start(struct frame_reader *r)
{
    const uint8_t *h = r->head;
    r->in = (struct frame_in){
        .length = (uint32_t)h[0] << 16 | (uint32_t)h[1] << 8 | h[2],
        .type = h[3],
        .flags = h[4],
        .stream = u32_get(h + 5) & 0x7fffffff,
    };
    r->left = r->in.length;
}

bool
frame_reader_feed(struct frame_reader *r, const uint8_t **p, size_t *n)
{
    while (*n) {
        if (r->head_len < FRAME_HEAD_LEN) {
            r->head[r->head_len++] = **p;
            (*p)++, (*n)--;
            if (r->head_len < FRAME_HEAD_LEN)
                continue;
            frame_reader_start(r);
        }
        size_t take = r->left < *n ? r->left : *n;
        size_t room = sizeof(r->in.payload) - r->in.kept;
        size_t keep = take < room ? take : room;
        if (keep)
            memcpy(r->in.payload + r->in.kept, *p, keep);
        r->in.kept += keep;
        *p += take, *n -= take;
        r->left -= (uint32_t)take;
        if (r->left == 0) {
            r->head_len = 0;
            return true;
        }
    }
    return false;
}
