/* SPDX-License-Identifier: Apache-2.0 */
/* tests/lib/h2rig.c - connections of ours, their owner, and the checks at the end. */
#include "h2rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/slab.h"
#include "base/xalloc.h"
#include "h2/conn_int.h"
#include "loop/timer.h"
#include "net/transport.h"

enum { TURNS_MAX = 4 * 1000 * 1000 };

#define RIG_CHECK(truth)                                                          \
    do {                                                                          \
        if (!(truth)) {                                                           \
            fprintf(stderr, "%s:%d: not true: %s\n", __FILE__, __LINE__, #truth); \
            abort();                                                              \
        }                                                                         \
    } while (0)

/* ---- the owner ---- */

static struct rig_stream *
rig_stream_new(struct rig_conn *c)
{
    struct rig_stream *s = xcalloc(1, sizeof(*s));

    h2_stream_init(&s->s, c->rig->w);
    s->conn = c;
    buf_init(&s->got);
    list_append(&c->streams, &s->link);
    return s;
}

static void
rig_stream_free(struct rig_stream *s)
{
    RIG_CHECK(!s->s.conn);
    h2_stream_done(&s->s);
    buf_done(&s->got, s->conn->rig->bufs);
    list_remove(&s->link);
    xfree(s);
}

static struct h2_stream *
rig_on_open(struct h2_conn *h2, void *arg)
{
    struct rig_conn *c = arg;

    (void)h2;
    if (c->refuse || (c->most && c->opens >= c->most))
        return NULL;
    c->opens++;
    return &rig_stream_new(c)->s;
}

static void
rig_on_events(struct h2_stream *h2s, unsigned events)
{
    struct rig_stream *s = CONTAINER_OF(h2s, struct rig_stream, s);
    struct rig_conn *c = s->conn;

    RIG_CHECK(events != 0);
    RIG_CHECK(s->closed == 0); /* nothing after the end */
    RIG_CHECK(!(events & H2_EV_CLOSED) == (h2s->conn != NULL));
    RIG_CHECK(!(events & s->seen & (H2_EV_HEADERS | H2_EV_TRAILERS | H2_EV_END)));
    if (events & (H2_EV_DATA | H2_EV_TRAILERS))
        RIG_CHECK((events | s->seen) & H2_EV_HEADERS);
    s->seen |= events;
    s->told++;
    if (events & H2_EV_CLOSED)
        s->closed++;
    if (c->eat && s->s.in.len) {
        size_t n = s->s.in.len;

        buf_splice(&s->got, c->rig->bufs, &s->s.in);
        h2_stream_consume(&s->s, n);
    }
    if (c->on_events)
        c->on_events(s, events);
    if (events & H2_EV_CLOSED && (s->drop || c->drop))
        rig_stream_free(s);
}

static void
rig_on_settings(struct h2_conn *h2, void *arg)
{
    (void)h2;
    ((struct rig_conn *)arg)->settings++;
}

static void
rig_on_goaway(struct h2_conn *h2, void *arg, uint32_t code, struct slice text)
{
    struct rig_conn *c = arg;

    (void)h2;
    c->goaways++;
    c->goaway_code = code;
    RIG_CHECK(text.n <= 128);
    snprintf(c->goaway_text, sizeof(c->goaway_text), "%.*s", (int)text.n,
             (const char *)text.p);
}

static void
rig_on_closed(struct h2_conn *h2, void *arg, int err, const char *note)
{
    struct rig_conn *c = arg;

    RIG_CHECK(c->h2 == h2);
    for (struct list *n = c->streams.next; n != &c->streams; n = n->next)
        RIG_CHECK(CONTAINER_OF(n, struct rig_stream, link)->closed == 1);
    c->h2 = NULL;
    c->closes++;
    c->err = err;
    snprintf(c->note, sizeof(c->note), "%s", note);
}

static const struct h2_conn_ops rig_ops = {
    .on_open = rig_on_open,
    .on_events = rig_on_events,
    .on_settings = rig_on_settings,
    .on_goaway = rig_on_goaway,
    .on_closed = rig_on_closed,
};

/* ---- life ---- */

void
rig_open(struct rig *r)
{
    *r = (struct rig){ 0 };
    r->loop = loop_new(vclock_init(&r->clock));
    r->slab = slab_new();
    r->bufs = buf_pool_new(1 << 20);
    r->w = h2_worker_new(r->loop, r->slab, r->bufs, &r->stats);
    for (int i = 0; i < 2; i++) {
        r->conn[i].rig = r;
        r->conn[i].eat = true;
        h2_limits_default(&r->conn[i].lim);
        list_init(&r->conn[i].streams);
    }
}

void
rig_close(struct rig *r)
{
    for (int i = 0; i < 2; i++) {
        if (r->peers[i].inflater)
            h2peer_close(&r->peers[i]);
        if (r->conn[i].h2)
            h2_conn_close(r->conn[i].h2, ERR_CLOSED, H2_NO_ERROR, "the test is over");
    }
    rig_wait_ms(r, 3000);
    for (int i = 0; i < 2; i++) {
        RIG_CHECK(!r->conn[i].h2);
        while (!list_empty(&r->conn[i].streams))
            rig_stream_free(
                CONTAINER_OF(r->conn[i].streams.next, struct rig_stream, link));
    }
    RIG_CHECK(h2_worker_conns(r->w) == 0);
    RIG_CHECK(r->w->held == 0);
    RIG_CHECK(stat_get(&r->stats, STAT_BUFFERED_BYTES) == 0);
    h2_worker_free(r->w);
    RIG_CHECK(slab_bytes_live(r->slab) == 0);
    RIG_CHECK(buf_pool_live(r->bufs) == 0);
    loop_free(r->loop);
    buf_pool_free(r->bufs);
    slab_free(r->slab);
}

static void
rig_conn_open(struct rig *r, enum h2_side side, struct transport *t)
{
    struct rig_conn *c = &r->conn[side];

    c->h2 = h2_conn_open(r->w, t, side, &c->lim, &rig_ops, c);
}

struct rig_conn *
rig_connect(struct rig *r, enum h2_side side, size_t room, size_t step)
{
    struct transport *ours, *theirs;

    mempair_new(r->loop, r->loop, room, step, &ours, &theirs);
    h2peer_open(&r->peers[side], r->loop, theirs, side == H2_UP);
    r->conn[side].peer = &r->peers[side];
    rig_conn_open(r, side, ours);
    return &r->conn[side];
}

void
rig_connect_both(struct rig *r, size_t room, size_t step)
{
    struct transport *a, *b;

    mempair_new(r->loop, r->loop, room, step, &a, &b);
    rig_conn_open(r, H2_DOWN, a);
    rig_conn_open(r, H2_UP, b);
}

void
rig_greet(struct rig *r, enum h2_side side)
{
    if (side == H2_DOWN)
        h2peer_preface(&r->peers[side]);
    h2peer_settings(&r->peers[side], 0);
    rig_run(r);
}

/* ---- time ---- */

static bool
rig_still(const struct rig *r)
{
    unsigned timers = 1; /* the sweep; a keepalive timer is no unrest either */

    for (const struct list *n = r->w->conns.next; n != &r->w->conns; n = n->next)
        timers += timer_running(&CONTAINER_OF(n, struct h2_conn, link)->alive.timer);
    return timer_wheel_count(loop_wheel(r->loop)) <= timers &&
           list_empty(&r->w->backlogged) && list_empty(&r->w->resume) &&
           list_empty(&r->w->dirty[0]) && list_empty(&r->w->dirty[1]) &&
           list_empty(&r->w->dying);
}

void
rig_run(struct rig *r)
{
    unsigned still = 0;

    for (unsigned i = 0; still < 3; i++) {
        RIG_CHECK(i < TURNS_MAX); /* it never comes to rest */
        loop_turn(r->loop, false);
        still = rig_still(r) ? still + 1 : 0;
    }
}

void
rig_turns(struct rig *r, unsigned n)
{
    while (n--)
        loop_turn(r->loop, false);
}

void
rig_wait_ms(struct rig *r, int64_t ms)
{
    while (ms > 0) {
        int64_t k = ms < 100 ? ms : 100;

        vclock_advance_ms(&r->clock, k);
        ms -= k;
        rig_run(r);
    }
}

/* ---- streams ---- */

int
rig_request_err(struct rig *r, bool end, struct rig_stream **ret)
{
    struct rig_conn *c = &r->conn[H2_UP];
    struct rig_stream *s = rig_stream_new(c);
    int rv;

    s->fields[0] = H2_FIELD(":method", "POST");
    s->fields[1] = H2_FIELD(":scheme", "http");
    s->fields[2] = H2_FIELD(":path", "/test.Service/Method");
    s->fields[3] = H2_FIELD(":authority", "test.example");
    s->fields[4] = H2_FIELD("te", "trailers");
    s->fields[5] = H2_FIELD("content-type", "application/grpc");
    rv = h2_stream_request(c->h2, &s->s, s->fields, 6, end);
    if (rv != ERR_OK) {
        rig_stream_free(s);
        s = NULL;
    } else {
        c->opens++;
    }
    *ret = s;
    return rv;
}

struct rig_stream *
rig_request(struct rig *r, bool end)
{
    struct rig_stream *s;

    RIG_CHECK(rig_request_err(r, end, &s) == ERR_OK);
    return s;
}

struct rig_stream *
rig_stream(struct rig *r, enum h2_side side, int32_t id)
{
    for (struct list *n = r->conn[side].streams.next; n != &r->conn[side].streams;
         n = n->next) {
        struct rig_stream *s = CONTAINER_OF(n, struct rig_stream, link);

        if (s->s.id == id)
            return s;
    }
    return NULL;
}

struct rig_stream *
rig_stream_at(struct rig *r, enum h2_side side, size_t nth)
{
    struct list *n = r->conn[side].streams.next;

    while (nth-- && n != &r->conn[side].streams)
        n = n->next;
    return n == &r->conn[side].streams ? NULL : CONTAINER_OF(n, struct rig_stream, link);
}

int
rig_respond(struct rig_stream *s, bool end)
{
    s->fields[0] = H2_FIELD(":status", "200");
    s->fields[1] = H2_FIELD("content-type", "application/grpc");
    s->fields[2] = H2_FIELD("grpc-status", "0");
    return h2_stream_respond(&s->s, s->fields, end ? 3 : 2, end);
}

static uint8_t
rig_byte(size_t at)
{
    return (uint8_t)(at * 31 + (at >> 8));
}

void
rig_send(struct rig_stream *s, size_t n)
{
    size_t at = (size_t)(uintptr_t)s->extra;
    uint8_t b[4096];

    s->extra = (void *)(uintptr_t)(at + n);
    while (n) {
        size_t k = n < sizeof(b) ? n : sizeof(b);

        for (size_t i = 0; i < k; i++)
            b[i] = rig_byte(at + i);
        RIG_CHECK(buf_append(&s->s.out, s->conn->rig->bufs, b, k, SIZE_MAX) == ERR_OK);
        at += k;
        n -= k;
    }
    h2_stream_kick(&s->s);
}

void
rig_end(struct rig_stream *s, bool trailers)
{
    s->fields[14] = H2_FIELD("grpc-status", "0");
    s->fields[15] = H2_FIELD("x-n", "1");
    h2_stream_end(&s->s, trailers ? &s->fields[14] : NULL, trailers ? 2 : 0);
}

bool
rig_pattern_ok(const struct buf *b)
{
    size_t at = 0;

    for (const struct chunk *c = b->head; c; c = c->next) {
        for (uint32_t i = c->off; i < c->len; i++, at++) {
            if (c->data[i] != rig_byte(at))
                return false;
        }
    }
    return at == b->len;
}

int64_t
rig_stat(const struct rig *r, enum stat_id id)
{
    return stat_get(&r->stats, id);
}
