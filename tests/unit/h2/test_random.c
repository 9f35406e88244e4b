/* SPDX-License-Identifier: Apache-2.0 */
/* Random schedules: two connections of ours, small pipes, random steps, sends, resets, ends. A model checks that what arrives is a prefix of what
 * was sent, all of it when nobody reset, that each stream ends exactly once, and (rig_close) that nothing is left.
 * SEED=number plays a run again; ROUNDS=number runs that many. */
#include "h2test.h"

#include "base/compat.h"
#include "base/slab.h"
#include "base/xalloc.h"
#include "h2/conn_int.h"

enum { STREAMS = 40, BODY_MAX = 200 * 1000 };

/* One direction of one stream. */
struct half {
    size_t to_send, sent; /* bytes */
    bool ended;
};

struct pair {
    struct rig_stream *up, *down;
    struct half request, response;
    size_t got_up, got_down; /* pattern checked so far */
    bool reset;              /* somebody reset it, or refused it */
    bool responded;
};

static struct rng rng;
static struct pair pairs[STREAMS];
static unsigned opened;

static unsigned
chance(unsigned n)
{
    return (unsigned)rng_below(&rng, n);
}

static size_t
random_size(void)
{
    switch (chance(4)) {
    case 0:
        return 0;
    case 1:
        return chance(20);
    case 2:
        return chance(5000);
    default:
        return chance(BODY_MAX);
    }
}

static struct pair *
pair_of(struct rig_stream *s)
{
    for (unsigned i = 0; i < opened; i++) {
        if (pairs[i].up == s || pairs[i].down == s)
            return &pairs[i];
    }
    return NULL;
}

/* Part of what arrived is taken, at random; all of it is checked when the stream ends. */
static void
take_some(struct rig_stream *s)
{
    size_t n = s->s.in.len;

    if (n > 4096 && chance(3))
        n = 1 + chance((unsigned)n);
    while (n) {
        const uint8_t *p;
        size_t k = buf_peek(&s->s.in, &p);

        k = k < n ? k : n;
        assert_int_equal(buf_append(&s->got, rig.bufs, p, k, SIZE_MAX), ERR_OK);
        buf_consume(&s->s.in, rig.bufs, k);
        h2_stream_consume(&s->s, k);
        n -= k;
    }
}

static void
on_events(struct rig_stream *s, unsigned events)
{
    struct pair *p;

    if (s->conn == &rig.conn[H2_DOWN] && events & H2_EV_HEADERS) {
        for (unsigned i = 0; i < opened; i++) {
            if (pairs[i].up && pairs[i].up->s.id == s->s.id)
                pairs[i].down = s;
        }
    }
    p = pair_of(s);
    if (events & H2_EV_DATA && chance(3))
        take_some(s);
    if (events & H2_EV_CLOSED && p && s->s.close_err != ERR_OK)
        p->reset = true;
    if (!(events & H2_EV_CLOSED) && chance(60) == 0) {
        h2_stream_reset(&s->s, chance(2) ? H2_CANCEL : H2_INTERNAL_ERROR);
        if (p)
            p->reset = true;
    }
}

static void
half_step(struct rig_stream *s, struct half *h, bool trailers)
{
    size_t n = h->to_send - h->sent;

    if (!s || h->ended || s->closed)
        return;
    if (n) {
        n = chance(2) ? 1 + chance((unsigned)n) : n;
        rig_send(s, n);
        h->sent += n;
    }
    if (h->sent == h->to_send && chance(2)) {
        rig_end(s, trailers);
        h->ended = true;
    }
}

static void
pair_step(struct pair *p)
{
    half_step(p->up, &p->request, false);
    if (p->down && !p->down->closed) {
        if (!p->responded && chance(2)) {
            if (rig_respond(p->down, false) != ERR_OK)
                p->reset = true;
            p->responded = true;
        }
        if (p->responded)
            half_step(p->down, &p->response, chance(4) != 0);
    }
    if (p->up && p->up->s.in.len && chance(2))
        take_some(p->up);
    if (p->down && p->down->s.in.len && chance(2))
        take_some(p->down);
    if (chance(400) == 0 && p->up && !p->up->closed) {
        h2_stream_reset(&p->up->s, H2_CANCEL);
        p->reset = true;
    }
}

static void
pair_open(void)
{
    struct pair *p = &pairs[opened];

    if (opened == STREAMS || !rig.conn[H2_UP].h2 ||
        h2_conn_free_streams(rig.conn[H2_UP].h2) == 0)
        return;
    *p = (struct pair){ .request.to_send = random_size(),
                        .response.to_send = random_size() };
    if (rig_request_err(&rig, false, &p->up) == ERR_OK)
        opened++;
}

static void
world_step(void)
{
    if (chance(4) == 0)
        pair_open();
    for (unsigned i = 0; i < opened; i++) {
        if (chance(2))
            pair_step(&pairs[i]);
    }
    if (chance(300) == 0 && rig.conn[H2_DOWN].h2)
        h2_conn_drain(rig.conn[H2_DOWN].h2);
    if (chance(3000) == 0 && rig.conn[H2_UP].h2)
        h2_conn_close(rig.conn[H2_UP].h2, ERR_CLOSED, H2_NO_ERROR, "");
    if (chance(20) == 0)
        vclock_advance_ms(&rig.clock, chance(30));
    rig_turns(&rig, 1 + chance(3));
}

/* All that may still move, moves. */
static void
finish(void)
{
    for (unsigned calm = 0; calm < 3; calm++) {
        for (unsigned i = 0; i < opened; i++) {
            struct pair *p = &pairs[i];

            if (p->up && p->up->s.in.len)
                take_some(p->up);
            if (p->down && p->down->s.in.len)
                take_some(p->down);
            half_step(p->up, &p->request, false);
            if (p->down && !p->down->closed && !p->responded) {
                p->reset |= rig_respond(p->down, false) != ERR_OK;
                p->responded = true;
            }
            if (p->responded)
                half_step(p->down, &p->response, true);
            if ((p->up && (p->up->s.in.len || !p->up->closed)) ||
                (p->down && !p->down->closed))
                calm = 0;
        }
        rig_run(&rig);
        vclock_advance_ms(&rig.clock, 10);
    }
}

static void
check(void)
{
    bool lost = rig.conn[H2_UP].closes || rig.conn[H2_DOWN].closes;

    for (unsigned i = 0; i < opened; i++) {
        struct pair *p = &pairs[i];

        assert_int_equal(p->up->closed, 1);
        assert_true(rig_pattern_ok(&p->up->got));
        assert_true(p->up->got.len <= p->response.sent);
        if (p->down) {
            assert_int_equal(p->down->closed, 1);
            assert_true(rig_pattern_ok(&p->down->got));
            assert_true(p->down->got.len <= p->request.sent);
        }
        if (!p->reset && !lost) {
            assert_int_equal(p->up->s.close_err, ERR_OK);
            assert_int_equal(p->up->got.len, p->response.to_send);
            assert_non_null(p->down);
            assert_true(p->up->s.in_ended);
        }
    }
}

static void
one_schedule(uint64_t seed)
{
    static const size_t rooms[] = { 64, 1000, 4096, 65536 };
    size_t room, step;

    rng_seed(&rng, seed);
    memset(pairs, 0, sizeof(pairs));
    opened = 0;
    room = rooms[chance(4)];
    step = chance(2) ? 0 : 1 + chance((unsigned)room);
    for (int i = 0; i < 2; i++) {
        struct h2_limits *l = &rig.conn[i].lim;

        rig.conn[i].eat = false;
        rig.conn[i].on_events = on_events;
        l->stream_window = 1000 + chance(70000);
        l->connection_window = 65535 + chance(70000);
        l->max_connection_buffer = 30000 + chance(200000);
        l->write_buffer = 1 + chance(300000);
        l->max_frames_per_turn = 1 + chance(300);
        l->max_streams_per_turn = 1 + chance(32);
        l->max_concurrent_streams = 1 + chance(STREAMS);
        l->write_stall_us = 0;
        l->idle_timeout_us = 0;
        l->handshake_timeout_us = 0;
        l->header_timeout_us = 0;
    }
    rig_connect_both(&rig, room, step);
    for (unsigned i = 0, n = 200 + chance(400); i < n; i++)
        world_step();
    finish();
    check();
}

static void
random_schedules_keep_every_promise(void **state)
{
    const char *given = getenv("ROUNDS");
    unsigned rounds = getenv("SEED") ? 1
                      : given        ? (unsigned)(int)strtol(given, NULL, 10)
                                     : 40;
    struct rng seeds;

    (void)state;
    unit_seed(&seeds);
    for (unsigned i = 0; i < rounds; i++) {
        uint64_t seed = getenv("SEED") ? strtoull(getenv("SEED"), NULL, 0)
                                       : rng_next(&seeds) & 0xffffffff;

        print_message("schedule SEED=%llu\n", (unsigned long long)seed);
        one_schedule(seed);
        rig_close(&rig);
        rig_open(&rig);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        H2_TEST(random_schedules_keep_every_promise),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
