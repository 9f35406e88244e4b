/* SPDX-License-Identifier: Apache-2.0 */
/* tests/lib/h2peer.c - frames out, frames in. */
#include "h2peer.h"

#include <nghttp2/nghttp2.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/xalloc.h"
#include "loop/loop.h"
#include "net/transport.h"

enum { HEAD_LEN = 9, FIELDS_MAX = 64, BLOCK_MAX = 1 << 20 };

uint32_t
h2peer_get_u32(const uint8_t *b)
{
    return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
}

static void
put_u32(uint8_t *b, uint32_t v)
{
    b[0] = (uint8_t)(v >> 24);
    b[1] = (uint8_t)(v >> 16);
    b[2] = (uint8_t)(v >> 8);
    b[3] = (uint8_t)v;
}

static void
peer_want(struct h2peer *p)
{
    if (p->t)
        transport_want(p->t, !p->deaf && !p->eof, p->out_at < p->out_len);
}

static void
peer_write(struct h2peer *p)
{
    struct iovec v = { .iov_base = p->out + p->out_at,
                       .iov_len = p->out_len - p->out_at };
    ssize_t k;

    if (!p->t || v.iov_len == 0)
        return;
    k = transport_writev(p->t, &v, 1);
    if (k > 0) {
        p->out_at += (size_t)k;
        p->sent += (size_t)k;
    } else if (k != ERR_AGAIN) {
        p->lost = true;
        p->out_at = p->out_len;
    }
    if (p->out_at == p->out_len)
        p->out_at = p->out_len = 0;
}

/* ---- what comes ---- */

static char *
peer_inflate(struct h2peer *p)
{
    char *text = xcalloc(1, BLOCK_MAX);
    const uint8_t *at = p->block, *end = p->block + p->block_len;
    size_t n = 0;

    for (;;) {
        nghttp2_nv nv;
        int flags = 0;
        ssize_t k =
            nghttp2_hd_inflate_hd2(p->inflater, &nv, &flags, at, (size_t)(end - at), 1);

        if (k < 0)
            abort(); /* what our side sent cannot be read */
        at += k;
        if (flags & NGHTTP2_HD_INFLATE_EMIT &&
            n + nv.namelen + nv.valuelen + 4 < BLOCK_MAX) {
            memcpy(text + n, nv.name, nv.namelen);
            memcpy(text + n + nv.namelen, ": ", 2);
            memcpy(text + n + nv.namelen + 2, nv.value, nv.valuelen);
            n += nv.namelen + nv.valuelen + 3;
            text[n - 1] = '\n';
        }
        if (flags & NGHTTP2_HD_INFLATE_FINAL) {
            nghttp2_hd_inflate_end_headers(p->inflater);
            break;
        }
        if (!(flags & NGHTTP2_HD_INFLATE_EMIT) && at == end)
            break;
    }
    return xrealloc(text, n + 1);
}

static void
peer_note_block(struct h2peer *p, struct peer_frame *f)
{
    const uint8_t *at = f->payload;
    size_t n = f->n;

    if (f->type == F_HEADERS && f->flags & FL_PADDED) {
        n -= 1u + at[0];
        at++;
    }
    if (f->type == F_HEADERS && f->flags & FL_PRIORITY) {
        at += 5;
        n -= 5;
    }
    p->block = xrealloc(p->block, p->block_len + n + 1);
    memcpy(p->block + p->block_len, at, n);
    p->block_len += n;
    if (f->flags & FL_END_HEADERS) {
        f->fields = peer_inflate(p);
        p->block_len = 0;
    }
}

static void
peer_ack_settings(struct h2peer *p, unsigned n)
{
    p->acks_owed += n;
    for (; p->greeted && p->acks_owed; p->acks_owed--)
        h2peer_frame(p, F_SETTINGS, FL_ACK, 0, NULL, 0);
}

static void
peer_take_frame(struct h2peer *p, const uint8_t *at, uint32_t n)
{
    struct peer_frame *f;
    bool keep;

    if (p->n == p->cap) {
        p->cap = p->cap ? p->cap * 2 : 64;
        p->frames = xrealloc(p->frames, p->cap * sizeof(*p->frames));
    }
    f = &p->frames[p->n++];
    *f = (struct peer_frame){ .type = at[3],
                              .flags = at[4],
                              .n = n,
                              .id = (int32_t)(h2peer_get_u32(at + 5) & 0x7fffffff),
                              .at = (size_t)(at - p->in) };
    if (f->type == F_DATA)
        p->data_bytes += n;
    keep = n && !(p->thin && f->type == F_DATA);
    if (keep) {
        f->payload = xmalloc(n);
        memcpy(f->payload, at + HEAD_LEN, n);
    }
    if (f->type == F_HEADERS || f->type == F_CONTINUATION)
        peer_note_block(p, f);
    else if (f->type == F_SETTINGS && !(f->flags & FL_ACK) && p->ack_settings)
        peer_ack_settings(p, 1);
    else if (f->type == F_PING && !(f->flags & FL_ACK) && p->ack_ping)
        h2peer_frame(p, F_PING, FL_ACK, 0, at + HEAD_LEN, n);
}

static void
peer_parse(struct h2peer *p)
{
    if (p->skip_magic && p->in_len >= PREFACE_LEN) {
        p->skip_magic = false;
        p->in_parsed = PREFACE_LEN;
    }
    while (!p->raw && !p->skip_magic && p->in_len - p->in_parsed >= HEAD_LEN) {
        const uint8_t *at = p->in + p->in_parsed;
        uint32_t n = (uint32_t)at[0] << 16 | (uint32_t)at[1] << 8 | at[2];

        if (p->in_len - p->in_parsed < HEAD_LEN + n)
            break;
        p->in_parsed += HEAD_LEN + n;
        peer_take_frame(p, at, n);
    }
    if (p->thin && p->in_parsed > 1 << 20) {
        memmove(p->in, p->in + p->in_parsed, p->in_len - p->in_parsed);
        p->in_len -= p->in_parsed;
        p->in_parsed = 0;
    }
}

static void
peer_read(struct h2peer *p)
{
    ssize_t k;

    if (p->in_cap - p->in_len < 65536) {
        p->in_cap = p->in_cap * 2 + 131072;
        p->in = xrealloc(p->in, p->in_cap);
    }
    k = transport_read(p->t, p->in + p->in_len, p->in_cap - p->in_len);
    if (k > 0) {
        p->in_len += (size_t)k;
        peer_parse(p);
    } else if (k == ERR_EOF) {
        p->eof = true;
    } else if (k != ERR_AGAIN) {
        p->eof = p->lost = true;
    }
}

static void
peer_on_transport(void *arg, int what)
{
    struct h2peer *p = arg;

    if (what & (TRANSPORT_READABLE | TRANSPORT_FAILED) && !p->deaf && !p->eof)
        peer_read(p);
    if (what & TRANSPORT_WRITABLE)
        peer_write(p);
    peer_want(p);
}

/* ---- life ---- */

void
h2peer_open(struct h2peer *p, struct loop *l, struct transport *t, bool server)
{
    nghttp2_hd_inflater *inflater;
    nghttp2_hd_deflater *deflater;

    if (nghttp2_hd_inflate_new(&inflater) != 0 ||
        nghttp2_hd_deflate_new(&deflater, 4096) != 0)
        abort();
    *p = (struct h2peer){ .t = t,
                          .loop = l,
                          .inflater = inflater,
                          .deflater = deflater,
                          .ack_settings = true,
                          .ack_ping = true,
                          .skip_magic = server };
    transport_bind(t, peer_on_transport, p);
    peer_want(p);
}

void
h2peer_hang_up(struct h2peer *p)
{
    transport_close(p->t);
    p->t = NULL;
}

void
h2peer_shut(struct h2peer *p)
{
    transport_shut(p->t);
}

void
h2peer_close(struct h2peer *p)
{
    h2peer_hang_up(p);
    nghttp2_hd_inflate_del(p->inflater);
    nghttp2_hd_deflate_del(p->deflater);
    for (size_t i = 0; i < p->n; i++) {
        xfree(p->frames[i].payload);
        xfree(p->frames[i].fields);
    }
    xfree(p->frames);
    xfree(p->in);
    xfree(p->out);
    xfree(p->block);
    *p = (struct h2peer){ 0 };
}

void
h2peer_push(struct h2peer *p)
{
    peer_write(p);
    peer_want(p);
}

void
h2peer_set_deaf(struct h2peer *p, bool deaf)
{
    p->deaf = deaf;
    peer_want(p);
}

/* ---- what goes ---- */

void
h2peer_bytes(struct h2peer *p, const void *bytes, size_t n)
{
    if (n == 0)
        return;
    if (p->out_cap - p->out_len < n) {
        p->out_cap = p->out_cap * 2 + n;
        p->out = xrealloc(p->out, p->out_cap);
    }
    memcpy(p->out + p->out_len, bytes, n);
    p->out_len += n;
    peer_want(p);
}

void
h2peer_preface(struct h2peer *p)
{
    h2peer_bytes(p, NGHTTP2_CLIENT_MAGIC, PREFACE_LEN);
}

void
h2peer_frame(struct h2peer *p, int type, unsigned flags, int32_t id, const void *payload,
             size_t n)
{
    uint8_t head[HEAD_LEN] = { (uint8_t)(n >> 16), (uint8_t)(n >> 8), (uint8_t)n,
                               (uint8_t)type, (uint8_t)flags };

    put_u32(head + 5, (uint32_t)id);
    h2peer_bytes(p, head, sizeof(head));
    if (payload) {
        h2peer_bytes(p, payload, n);
    } else if (n) {
        uint8_t *zero = xcalloc(1, n);

        h2peer_bytes(p, zero, n);
        xfree(zero);
    }
}

void
h2peer_settings(struct h2peer *p, ...)
{
    uint8_t b[6 * 16];
    size_t n = 0;
    va_list ap;
    int id;

    va_start(ap, p);
    while ((id = va_arg(ap, int))) {
        b[n] = 0;
        b[n + 1] = (uint8_t)id;
        put_u32(b + n + 2, va_arg(ap, uint32_t));
        n += 6;
    }
    va_end(ap);
    h2peer_frame(p, F_SETTINGS, 0, 0, b, n);
    p->greeted = true;
    peer_ack_settings(p, 0);
}

void
h2peer_u32(struct h2peer *p, int type, int32_t id, uint32_t value)
{
    uint8_t b[4];

    put_u32(b, value);
    h2peer_frame(p, type, 0, id, b, sizeof(b));
}

void
h2peer_goaway(struct h2peer *p, uint32_t last, uint32_t code, const char *text)
{
    uint8_t b[8 + 512];
    size_t n = strlen(text);

    put_u32(b, last);
    put_u32(b + 4, code);
    memcpy(b + 8, text, n);
    h2peer_frame(p, F_GOAWAY, 0, 0, b, 8 + n);
}

static size_t
peer_deflate(struct h2peer *p, uint8_t *to, size_t room, va_list ap)
{
    nghttp2_nv nv[FIELDS_MAX];
    size_t n = 0;
    const char *name;
    ssize_t k;

    while ((name = va_arg(ap, const char *)) && n < FIELDS_MAX) {
        const char *value = va_arg(ap, const char *);

        nv[n++] = (nghttp2_nv){ (uint8_t *)(uintptr_t)name, (uint8_t *)(uintptr_t)value,
                                strlen(name), strlen(value), NGHTTP2_NV_FLAG_NONE };
    }
    k = nghttp2_hd_deflate_hd(p->deflater, to, room, nv, n);
    if (k < 0)
        abort();
    return (size_t)k;
}

size_t
h2peer_block(struct h2peer *p, uint8_t *to, size_t room, ...)
{
    va_list ap;
    size_t n;

    va_start(ap, room);
    n = peer_deflate(p, to, room, ap);
    va_end(ap);
    return n;
}

void
h2peer_headers(struct h2peer *p, int32_t id, unsigned flags, ...)
{
    static uint8_t b[1 << 17];
    va_list ap;
    size_t n;

    va_start(ap, flags);
    n = peer_deflate(p, b, sizeof(b), ap);
    va_end(ap);
    h2peer_frame(p, F_HEADERS, flags | FL_END_HEADERS, id, b, n);
}

void
h2peer_call(struct h2peer *p, int32_t id, unsigned flags)
{
    h2peer_headers(p, id, flags, ":method", "POST", ":scheme", "http", ":path",
                   "/test.Service/Method", ":authority", "test.example", "te", "trailers",
                   "content-type", "application/grpc", NULL);
}

/* ---- looking ---- */

const struct peer_frame *
h2peer_find(const struct h2peer *p, int type, int32_t id, size_t nth)
{
    for (size_t i = 0; i < p->n; i++) {
        const struct peer_frame *f = &p->frames[i];

        if ((type == F_ANY || f->type == type) && (id < 0 || f->id == id) && nth-- == 0)
            return f;
    }
    return NULL;
}

size_t
h2peer_count(const struct h2peer *p, int type, int32_t id)
{
    size_t n = 0;

    for (size_t i = 0; i < p->n; i++) {
        const struct peer_frame *f = &p->frames[i];

        n += (type == F_ANY || f->type == type) && (id < 0 || f->id == id);
    }
    return n;
}

size_t
h2peer_data(const struct h2peer *p, int32_t id)
{
    size_t n = 0;

    for (size_t i = 0; i < p->n; i++)
        n += p->frames[i].type == F_DATA && p->frames[i].id == id ? p->frames[i].n : 0;
    return n;
}

int64_t
h2peer_goaway_code(const struct h2peer *p)
{
    int64_t code = -1;

    for (size_t i = 0; i < p->n; i++) {
        if (p->frames[i].type == F_GOAWAY)
            code = h2peer_get_u32(p->frames[i].payload + 4);
    }
    return code;
}

int64_t
h2peer_rst_code(const struct h2peer *p, int32_t id)
{
    const struct peer_frame *f = h2peer_find(p, F_RST, id, 0);

    return f ? (int64_t)h2peer_get_u32(f->payload) : -1;
}
