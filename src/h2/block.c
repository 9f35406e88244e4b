/* SPDX-License-Identifier: Apache-2.0 */
/* h2/block.c - header blocks: HEADERS and CONTINUATION frames, both ways. The library decodes what is not plain (plain_field.h); the encoder is ours. */
#include <string.h>

#include "h2/conn_int.h"

/* A block over the limit is answered by the owner; one far over it, decoded, is an HPACK bomb (reliability.md row A4). */
enum { BOMB_FACTOR = 16, INTERIM_MAX = 8 };

static struct h2_headers *
block_headers(struct h2_stream *s)
{
    return s->in_begun ? &s->in_trailers : &s->in_headers;
}

/* A new stream of the peer. NULL: refused, or opened behind our final GOAWAY: the block is decoded for its effect on the table only. */
static struct h2_stream *
block_open_stream(struct h2_conn *c, const struct frame *f)
{
    struct h2_stream *s;

    c->max_id = f->id;
    c->gate.turn_streams++;
    c->w->turn_streams++;
    c->gate.streams++;
    if (c->max_requests)
        age_count_request(c);
    if (c->final_goaway) {
        c->refused++;
        gate_note_closed(c, f->id, true); /* opened after our last word: ignored */
        return NULL;
    }
    /* Room comes first: behind on_open the owner has a call, and would never hear that it did not begin. */
    s = stream_table_room(&c->table, c->w->slab) ? c->ops->on_open(c, c->arg) : NULL;
    if (s) {
        stream_open(c, s, f->id);
        return s;
    }
    c->refused++;
    c->recv.block_refused = true;
    return NULL;
}

void
block_begin(struct h2_conn *c, const struct frame *f)
{
    struct recv *r = &c->recv;

    r->in_block = true;
    r->block_id = f->id;
    r->block_bytes = f->len;
    r->continuations = 0;
    r->block_dropped = 0;
    r->block_fields = r->field_open = false;
    r->block_end_stream = f->flags & FLAG_END_STREAM;
    r->block_refused = false;
    r->block_since_us = loop_now_us(c->w->loop);
    if (c->side == H2_DOWN && f->id > c->max_id)
        r->block = block_open_stream(c, f);
    else
        r->block = stream_table_find(&c->table, f->id);
}

/* Space around a value has no meaning; gRPC lets a receiver strip it (PROTOCOL-HTTP2 "ASCII-Value"). Clients send such metadata, servers
 * such a grpc-message. What is checked, matched, filtered and forwarded is the stripped value, so it means the same to everybody. Pseudo
 * headers of requests get no such mercy: they are never metadata, and decide where a call goes. */
static bool
block_is_space(uint8_t b)
{
    return b == ' ' || b == '\t';
}

/* Quick: also true of values that end in another control character, which have nothing to strip. */
static bool
block_spaced(const nghttp2_nv *nv)
{
    return nv->valuelen && (nv->value[0] <= ' ' || nv->value[nv->valuelen - 1] <= ' ');
}

/* What goes still counts as received: it can be repeated by one byte, too. */
static void
block_strip(struct h2_headers *h, nghttp2_nv *nv)
{
    h->bytes += (uint32_t)nv->valuelen;
    while (nv->valuelen && block_is_space(nv->value[0])) {
        nv->value++;
        nv->valuelen--;
    }
    while (nv->valuelen && block_is_space(nv->value[nv->valuelen - 1]))
        nv->valuelen--;
    h->bytes -= (uint32_t)nv->valuelen; /* that comes with the field */
}

/* A field of a refused or reset stream, or an illegal one. Nobody keeps it, yet it is decoded: a bomb costs the same. */
static void
block_drop(struct h2_conn *c, const nghttp2_nv *nv)
{
    c->recv.block_dropped += (uint32_t)(nv->namelen + nv->valuelen + 32);
    if (c->recv.block_dropped > BOMB_FACTOR * c->lim->max_header_bytes)
        conn_terminate(c, ERR_FLOOD, H2_ENHANCE_YOUR_CALM,
                       "header list far over the limit");
}

/* stored: an entry of the decoder's table, all of which came through here when they entered it. */
static void
block_field(struct h2_conn *c, struct h2_stream *s, const nghttp2_nv *nv, bool stored)
{
    struct h2_headers *h = block_headers(s);
    enum h2_token token = h2_token_find(nv->name, nv->namelen);
    UNINITIALIZED nghttp2_nv bare;
    enum header_fault fault;

    if (UNLIKELY(block_spaced(nv)) && (c->side == H2_UP || nv->name[0] != ':')) {
        bare = *nv;
        block_strip(h, &bare);
        nv = &bare;
    }
    fault = check_field(h, c->side, s->in_begun, nv, token, stored && !c->recv.unsure);
    if (UNLIKELY(fault != HEADER_GOOD)) {
        c->recv.unsure = c->recv.unsure || !stored;
        if (fault == HEADER_MALFORMED)
            h->malformed = true;
        else
            h->invalid =
                true; /* the owner refuses the call: a dropped field must never become "no field" */
        block_drop(c, nv);
        return;
    }
    if (nv->name[0] != ':')
        h->regular = true;
    if (headers_add(h, c->w->slab, c->lim, nv, token) != ERR_OK &&
        h->bytes > BOMB_FACTOR * c->lim->max_header_bytes)
        conn_terminate(c, ERR_FLOOD, H2_ENHANCE_YOUR_CALM,
                       "header list far over the limit");
}

static void
block_bad(struct h2_conn *c)
{
    conn_terminate(c, ERR_PROTOCOL, H2_COMPRESSION_ERROR, "header compression error");
}

/* False: the connection ends. */
static bool
block_emit(struct h2_conn *c, const nghttp2_nv *nv, bool stored)
{
    if (c->recv.block) {
        block_field(c, c->recv.block, nv, stored);
    } else {
        c->recv.unsure = c->recv.unsure || !stored; /* nobody looks at it */
        block_drop(c, nv);
    }
    return !c->terminating;
}

/* Fields that need not go through the decoder. Returns the bytes used; what is left begins with another kind of field. */
static size_t
block_plain(struct h2_conn *c, const uint8_t *p, size_t n)
{
    UNINITIALIZED struct plain_field field;
    size_t at = 0, k;

    while ((k = plain_field_read(&c->w->huff, c->inflater, p + at, n - at, &field)) > 0) {
        at += k;
        if (!block_emit(c, &field.nv, field.stored))
            break;
    }
    if (at)
        c->recv.block_fields = true;
    return at;
}

/* last: these are the last bytes of the whole block. */
void
block_feed(struct h2_conn *c, const uint8_t *p, size_t n, bool last)
{
    for (;;) {
        nghttp2_nv nv;
        int flags = 0;
        ssize_t k = 0;

        if (!c->recv.field_open) {
            k = (ssize_t)block_plain(c, p, n);
            p += k;
            n -= (size_t)k;
            if (c->terminating)
                return;
            if (n == 0 && !last)
                return;
            /* A new table size stands before all fields (RFC 7541 4.2); the decoder did not see those that we took. */
            if (n && (p[0] & 0xe0) == 0x20 && c->recv.block_fields) {
                block_bad(c);
                return;
            }
        }
        k = nghttp2_hd_inflate_hd2(c->inflater, &nv, &flags, p, n, last);
        if (k < 0) {
            if (k == NGHTTP2_ERR_NOMEM)
                conn_fail(c, ERR_NOMEM, "no memory");
            else
                block_bad(c);
            return;
        }
        p += k;
        n -= (size_t)k;
        c->recv.field_open = !(flags & NGHTTP2_HD_INFLATE_EMIT);
        if (flags & NGHTTP2_HD_INFLATE_EMIT && !block_emit(c, &nv, false))
            return;
        if (flags & NGHTTP2_HD_INFLATE_FINAL) {
            nghttp2_hd_inflate_end_headers(c->inflater);
            return;
        }
        if (c->recv.field_open && n == 0)
            return;
    }
}

/* Informational: never the answer (RFC 9113 8.1). Dropped; a flood of them ends the stream. True: it was one. */
static bool
block_interim(struct h2_conn *c, struct h2_stream *s)
{
    struct slice status = h2_headers_get(&s->in_headers, H2_TOKEN_STATUS);

    if (c->side != H2_UP || !status.n || status.p[0] != '1')
        return false;
    h2_headers_done(&s->in_headers, c->w->slab);
    stat_inc(c->w->stats, STAT_INTERIM_DROPPED);
    if (c->recv.block_end_stream || ++s->interim > INTERIM_MAX)
        stream_error(c, s,
                     c->recv.block_end_stream ? H2_PROTOCOL_ERROR : H2_ENHANCE_YOUR_CALM);
    return true;
}

static void
block_first(struct h2_conn *c, struct h2_stream *s)
{
    if (!check_block(&s->in_headers, c->side) ||
        !check_length(&s->in_headers, &s->in_length)) {
        stream_error(c, s, H2_PROTOCOL_ERROR);
        return;
    }
    if (block_interim(c, s))
        return;
    if (c->recv.block_end_stream && s->in_length > 0) {
        stream_error(c, s,
                     H2_PROTOCOL_ERROR); /* it lied, and nobody is told of the headers */
        return;
    }
    s->in_headers.complete = s->in_begun = true;
    s->in_bodiless = c->recv.block_end_stream;
    conn_note(c, s, H2_EV_HEADERS);
    if (c->recv.block_end_stream)
        stream_ended_in(c, s);
}

static void
block_trailers(struct h2_conn *c, struct h2_stream *s)
{
    /* A content-length that lied is found before the trailers are told: behind them it would be too late to fail the call. */
    if (!c->recv.block_end_stream || s->in_trailers.malformed ||
        (s->in_length >= 0 && s->in_length != s->in_bytes)) {
        stream_error(c, s, H2_PROTOCOL_ERROR);
        return;
    }
    s->in_trailers.complete = true;
    conn_note(c, s, H2_EV_TRAILERS);
    stream_ended_in(c, s);
}

void
block_end(struct h2_conn *c)
{
    struct recv *r = &c->recv;
    struct h2_stream *s = r->block;
    uint8_t code[4];

    r->in_block = false;
    r->block = NULL;
    if (r->block_refused) {
        frame_put32(code, H2_REFUSED_STREAM);
        control_answer(c, FRAME_RST_STREAM, 0, r->block_id, code, sizeof(code));
        gate_note_closed(c, r->block_id, true);
        stat_inc(c->w->stats, STAT_STREAMS_REFUSED);
        h2_conn_glitch(c, 1);
    }
    if (!s || c->terminating)
        return;
    if (s->in_begun)
        block_trailers(c, s);
    else
        block_first(c, s);
}

int
block_send(struct h2_conn *c, const struct h2_field *fields, size_t n, int32_t id,
           bool end)
{
    uint8_t *block = c->w->block + FRAME_HEAD;
    uint8_t type = FRAME_HEADERS;
    ssize_t len;

    c->gate.blocks_out++;
    len = hpack_encode(&c->encoder, c->w->slab, fields, n, block, BLOCK_MAX);
    if (len < 0)
        return (int)len;
    do {
        size_t k = len < FRAME_PAYLOAD_MAX ? (size_t)len : FRAME_PAYLOAD_MAX;
        uint8_t flags = (size_t)len == k ? FLAG_END_HEADERS : 0;

        if (type == FRAME_HEADERS && end)
            flags |= FLAG_END_STREAM;
        /* Of the piece before, these bytes are in the queue already. */
        frame_head_write(block - FRAME_HEAD, k, type, flags, id);
        if (buf_append(&c->ctl, c->w->bufs, block - FRAME_HEAD, FRAME_HEAD + k,
                       SIZE_MAX) != ERR_OK) {
            conn_fail(c, ERR_NOMEM,
                      "no memory"); /* the peer's table is out of step now */
            return ERR_NOMEM;
        }
        c->ctl_made += FRAME_HEAD + k;
        block += k;
        len -= (ssize_t)k;
        type = FRAME_CONTINUATION;
    } while (len > 0);
    conn_dirty(c);
    return ERR_OK;
}
