/* SPDX-License-Identifier: Apache-2.0 */
/* tests/unit/proxy/chaosrig.c - backends that do whatever they like. */
#include "chaosrig.h"

#include <sys/socket.h>
#include <unistd.h>

#include "base/err.h"
#include "loop/loop.h"
#include "loop/timer.h"
#include "net/transport.h"

enum { BACKEND_CONNS = 4096 /* all that were ever accepted and are not closed */ };

struct chaos chaos;

unsigned
chance(unsigned of)
{
    return (unsigned)rng_below(&chaos.rng, of);
}

void
chaos_turn(void)
{
    loop_turn(rig.loop, false);
    loop_turn(chaos.loop, false);
}

/* --- backends ------------------------------------------------------------------------------ */

struct backend_conn {
    struct h2_conn *h2;
    int fd;
};

struct backend_call {
    struct h2_stream s;
    struct timer timer;
    unsigned plan;
    bool begun; /* the answer */
    struct h2_field trailers[1];
};

static struct backend_conn conns[BACKEND_CONNS];

static unsigned
number_of(const struct h2_headers *h)
{
    unsigned id = 0;

    for (unsigned i = 0; i < h->n; i++) {
        const struct h2_field *f = &h->v[i].f;

        if (f->namelen != 4 || memcmp(f->name, "x-id", 4) != 0)
            continue;
        for (size_t k = 0; k < f->valuelen; k++)
            id = id * 10 + (f->value[k] - '0');
    }
    return id;
}

/* The second half of an answer. */
static void
backend_finish(struct backend_call *b)
{
    if (b->plan < 24) {
        h2_stream_reset(&b->s, H2_INTERNAL_ERROR);
        return;
    }
    b->trailers[0] = b->plan < 34 && b->plan % 3 == 1 ? H2_FIELD("grpc-status", "14")
                                                      : H2_FIELD("grpc-status", "0");
    h2_stream_end(&b->s, b->trailers, 1);
}

/* The frame behind which the stream is lost is chosen, too. */
static void
backend_act(struct backend_call *b)
{
    static const struct h2_field headers[] = {
        H2_FIELD(":status", "200"), H2_FIELD("content-type", "application/grpc")
    };
    static const struct h2_field failed[] = {
        H2_FIELD(":status", "200"), H2_FIELD("content-type", "application/grpc"),
        H2_FIELD("grpc-status", "14"), H2_FIELD("grpc-retry-pushback-ms", "30")
    };
    struct h2_stream *s = &b->s;

    if (b->plan < 15) { /* Trailers-Only */
        (void)!h2_stream_respond(s, failed, b->plan < 10 ? 3 : 4, true);
        return;
    }
    if (b->plan < 20) {
        static const uint32_t codes[] = { H2_INTERNAL_ERROR, H2_CANCEL, H2_NO_ERROR,
                                          H2_ENHANCE_YOUR_CALM, H2_STREAM_CLOSED };

        h2_stream_reset(s, codes[b->plan - 15]);
        return;
    }
    if (h2_stream_respond(s, headers, 2, false) != ERR_OK)
        return;
    if (b->plan >= 30 || b->plan % 2) {
        assert_int_equal(buf_append(&s->out, chaos.bufs, hello_bytes, HELLO, SIZE_MAX),
                         ERR_OK);
        h2_stream_kick(s);
    }
    b->begun = true;
    if (chance(2))
        timer_start(chaos.loop, &b->timer, (int64_t)chance(5000));
    else
        backend_finish(b);
}

static void
backend_on_timer(struct timer *t)
{
    struct backend_call *b = CONTAINER_OF(t, struct backend_call, timer);

    if (b->begun)
        backend_finish(b);
    else
        backend_act(b);
}

static struct h2_stream *
backend_on_open(struct h2_conn *c, void *arg)
{
    struct backend_call *b = slab_calloc(chaos.slab, 1, sizeof(*b));

    (void)c;
    (void)arg;
    h2_stream_init(&b->s, chaos.h2);
    timer_init(&b->timer, backend_on_timer);
    return &b->s;
}

static void
backend_begin(struct backend_call *b, struct backend_conn *c)
{
    struct fate *f = &chaos.fates[number_of(&b->s.in_headers)];

    b->plan = chance(100);
    f->attempts++;
    chaos.n.doubled += f->kind == PLAIN && f->acted;
    chaos.n.too_many += f->attempts > REPLAYS + (f->kind == PLAIN ? 1 : MAX_ATTEMPTS);
    if (b->plan == 99 && chance(2)) {
        h2_stream_reset(&b->s, H2_REFUSED_STREAM);
        return;
    }
    if (b->plan == 98 && chance(4) == 0) {
        h2_conn_drain(c->h2); /* and answers what it has */
    } else if (b->plan == 97 && chance(8) == 0) {
        f->acted = true;
        shutdown(c->fd, SHUT_RDWR); /* killed */
        return;
    }
    f->acted = true;
    if (b->plan == 96 && f->hurried)
        return; /* never answers: the deadline is there */
    if (chance(3))
        timer_start(chaos.loop, &b->timer, (int64_t)chance(8000));
    else
        backend_act(b);
}

static void
backend_on_events(struct h2_stream *s, unsigned ev)
{
    struct backend_call *b = CONTAINER_OF(s, struct backend_call, s);

    buf_consume(&s->in, chaos.bufs, s->in.len);
    h2_stream_consume(s, s->held);
    if (ev & H2_EV_HEADERS && s->conn)
        backend_begin(b, h2_conn_arg(s->conn));
    if (!(ev & H2_EV_CLOSED))
        return;
    timer_stop(chaos.loop, &b->timer);
    h2_stream_done(s);
    slab_give(chaos.slab, b);
}

static void
backend_on_closed(struct h2_conn *c, void *arg, int err, const char *note)
{
    struct backend_conn *b = arg;

    (void)c;
    (void)err;
    (void)note;
    close(b->fd);
    b->h2 = NULL;
}

static const struct h2_conn_ops backend_ops = {
    .on_open = backend_on_open,
    .on_events = backend_on_events,
    .on_closed = backend_on_closed,
};

void
chaos_on_accept(unsigned door, int fd)
{
    (void)door;
    for (size_t i = 0; i < BACKEND_CONNS; i++) {
        struct backend_conn *b = &conns[i];

        if (b->h2)
            continue;
        b->fd = dup(fd); /* to pull the plug */
        b->h2 = h2_conn_open(chaos.h2, transport_from_fd(chaos.loop, fd), H2_DOWN,
                             &chaos.limits, &backend_ops, b);
        return;
    }
    fail_msg("too many connections");
}

void
chaos_close_backends(void)
{
    for (int i = 0; i < BACKEND_CONNS; i++) {
        if (conns[i].h2)
            h2_conn_close(conns[i].h2, ERR_OK, H2_NO_ERROR, "");
    }
}

void
chaos_open(void)
{
    memset(conns, 0, sizeof(conns));
    chaos.slab = slab_new();
    chaos.bufs = buf_pool_new(1 << 20);
    chaos.loop = loop_new(&rig.clock.source);
    chaos.h2 = h2_worker_new(chaos.loop, chaos.slab, chaos.bufs, &chaos.stats);
    h2_limits_default(&chaos.limits);
    chaos.limits.reset_burst = chaos.limits.reset_rate = 100000000;
    chaos.limits.glitch_burst = chaos.limits.glitch_rate = 100000000;
}

void
chaos_close(void)
{
    for (int i = 0; i < 10; i++)
        chaos_turn(); /* what was closed is freed */
    h2_worker_free(chaos.h2);
    loop_free(chaos.loop);
    assert_int_equal(slab_bytes_live(chaos.slab), 0);
    buf_pool_free(chaos.bufs);
    slab_free(chaos.slab);
}
