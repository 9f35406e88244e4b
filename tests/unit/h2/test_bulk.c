/* SPDX-License-Identifier: Apache-2.0 */
/* Large messages are read into the chunks in which they wait: nothing is lost or mixed up however the peer cuts its frames, and where it cuts them
 * as everybody does nearly nothing is copied. */
#include "h2test.h"

#include "h2/conn_int.h"

enum { FRAME = 16384, WINDOW = 8 * 1024 * 1024, BIG_ROOM = 4 * 1024 * 1024 };

static uint8_t
byte_at(int32_t id, size_t at)
{
    return (uint8_t)(at * 31 + at / 251 + (size_t)id);
}

/* A call's body as it was sent so far. */
struct body {
    int32_t id;
    size_t sent;
};

/* A DATA frame of n bytes, the pad length and the padding not counted. */
static void
body_send(struct h2peer *p, struct body *b, size_t n, uint8_t pad)
{
    uint8_t payload[1 + FRAME + 255] = { 0 };
    size_t at = 0;

    if (pad)
        payload[at++] = pad;
    for (size_t i = 0; i < n; i++)
        payload[at++] = byte_at(b->id, b->sent++);
    h2peer_frame(p, F_DATA, pad ? FL_PADDED : 0, b->id, payload, at + pad);
}

static void
assert_body(const struct buf *got, const struct body *b)
{
    size_t at = 0;

    for (const struct chunk *c = got->head; c; c = c->next) {
        for (uint32_t i = c->off; i < c->len; i++, at++)
            assert_int_equal(c->data[i], byte_at(b->id, at));
    }
    assert_int_equal(at, b->sent);
}

/* Bytes in chunks that were taken over: a frame's head lies in front of them. */
static size_t
bytes_not_copied(const struct buf *got)
{
    size_t sum = 0;

    for (const struct chunk *c = got->head; c; c = c->next)
        sum += c->start ? c->len - c->off : 0;
    return sum;
}

static struct h2peer *
open_wide(size_t room, size_t step)
{
    struct h2_limits *l = &rig.conn[H2_DOWN].lim;
    struct h2peer *p;

    l->stream_window = l->max_stream_window = l->connection_window = WINDOW;
    l->max_connection_buffer = WINDOW;
    p = rig_connect(&rig, H2_DOWN, room, step)->peer;
    rig_greet(&rig, H2_DOWN);
    return p;
}

static void
a_large_message_in_full_frames_is_not_copied(void **state)
{
    struct h2peer *p = open_wide(BIG_ROOM, 0);
    struct body b = { .id = 1 };
    const struct buf *got;

    (void)state;
    h2peer_call(p, 1, 0);
    for (int i = 0; i < 128; i++)
        body_send(p, &b, FRAME, 0);
    rig_run(&rig);
    got = &rig_stream(&rig, H2_DOWN, 1)->got;
    assert_body(got, &b);
    /* All but the first read, which nobody could know to be the start of so much. */
    assert_true(bytes_not_copied(got) >= b.sent - READ_SIZE - FRAME);
}

static void
a_short_frame_between_them_costs_no_more_than_itself(void **state)
{
    struct h2peer *p = open_wide(BIG_ROOM, 0);
    struct body b = { .id = 1 };
    const struct buf *got;

    (void)state;
    h2peer_call(p, 1, 0);
    for (int i = 0; i < 160; i++)
        body_send(p, &b, i % 10 == 9 ? 5 : FRAME, 0);
    rig_run(&rig);
    got = &rig_stream(&rig, H2_DOWN, 1)->got;
    assert_body(got, &b);
    assert_true(bytes_not_copied(got) >= (b.sent - READ_SIZE) / 10 * 8);
}

static void
small_frames_do_not_take_large_chunks(void **state)
{
    struct h2peer *p = open_wide(BIG_ROOM, 0);
    struct body b = { .id = 1 };

    (void)state;
    rig.conn[H2_DOWN].eat = false;
    h2peer_call(p, 1, 0);
    for (int i = 0; i < 20; i++)
        body_send(p, &b, FRAME, 0);
    for (int i = 0; i < 500; i++)
        body_send(p, &b, 3000, 0);
    rig_run(&rig);
    assert_body(&rig_stream(&rig, H2_DOWN, 1)->s.in, &b);
    assert_true(buf_pool_live(rig.bufs) < b.sent / 4 * 5);
}

/* Cuts of a read at each byte of a frame's head, and around. */
static void
heads_may_come_in_pieces(void **state)
{
    (void)state;
    for (size_t step = 3 * (FRAME + 9) - 12; step < 3 * (FRAME + 9) + 12; step++) {
        struct body b = { .id = 1 };
        struct h2peer *p = open_wide(BIG_ROOM, step);

        h2peer_call(p, 1, 0);
        for (int i = 0; i < 40; i++)
            body_send(p, &b, FRAME, 0);
        rig_run(&rig);
        assert_body(&rig_stream(&rig, H2_DOWN, 1)->got, &b);
        rig_close(&rig);
        rig_open(&rig);
    }
}

static void
what_is_beyond_the_share_of_a_turn_waits(void **state)
{
    struct h2peer *p;
    struct body b = { .id = 1 };

    (void)state;
    rig.conn[H2_DOWN].lim.max_frames_per_turn = 5;
    p = open_wide(BIG_ROOM, 0);
    h2peer_call(p, 1, 0);
    for (int i = 0; i < 100; i++)
        body_send(p, &b, FRAME - 7 * (size_t)(i % 3), 0);
    h2peer_frame(p, F_DATA, FL_END_STREAM, 1, NULL, 0);
    rig_run(&rig);
    assert_body(&rig_stream(&rig, H2_DOWN, 1)->got, &b);
    assert_true(rig_stream(&rig, H2_DOWN, 1)->s.in_ended);
    assert_true(rig_stat(&rig, STAT_TURN_YIELDS) >= 15);
}

static void
bytes_for_a_stream_that_was_reset_are_credited_and_forgotten(void **state)
{
    struct h2peer *p = open_wide(BIG_ROOM, 0);
    struct body b = { .id = 1 }, other = { .id = 3 };
    size_t credit = 0;

    (void)state;
    h2peer_call(p, 1, 0);
    h2peer_call(p, 3, 0);
    for (int i = 0; i < 30; i++)
        body_send(p, &b, FRAME, 0);
    rig_run(&rig);
    h2_stream_reset(&rig_stream(&rig, H2_DOWN, 1)->s, H2_CANCEL);
    for (int i = 0; i < 300; i++)
        body_send(p, &b, FRAME, 0);
    body_send(p, &other, FRAME, 0);
    rig_run(&rig);
    assert_body(&rig_stream(&rig, H2_DOWN, 3)->got, &other);
    for (size_t i = 0; i < p->n; i++) {
        if (p->frames[i].type == F_WINDOW && p->frames[i].id == 0)
            credit += h2peer_get_u32(p->frames[i].payload);
    }
    /* All but the half window that is not announced yet. */
    assert_true(credit + 65535 >= WINDOW / 2 + b.sent + other.sent);
}

static void
a_connection_may_end_inside_such_a_read(void **state)
{
    struct h2peer *p = open_wide(BIG_ROOM, 0);
    struct body b = { .id = 1 };

    (void)state;
    h2peer_call(p, 1, 0);
    for (int i = 0; i < 40; i++)
        body_send(p, &b, FRAME, 0);
    h2peer_frame(p, F_DATA, 0, 0, NULL, 100); /* illegal */
    for (int i = 0; i < 40; i++)
        body_send(p, &b, FRAME, 0);
    rig_run(&rig);
    assert_int_equal(h2peer_goaway_code(p), H2_PROTOCOL_ERROR);
    /* Nothing is left: rig_close. */
}

enum { CALLS = 5 };

/* Frames of all sizes on a few streams, with padding and PINGs between them. */
static void
send_mixture(struct rng *r, struct h2peer *p, struct body calls[CALLS])
{
    for (int i = 0; i < 120; i++) {
        struct body *b = &calls[rng_below(r, CALLS)];
        size_t n = rng_below(r, 3) ? FRAME - rng_below(r, 2) * rng_below(r, 20)
                                   : rng_below(r, FRAME);
        uint8_t pad = rng_below(r, 12) ? 0 : (uint8_t)(1 + rng_below(r, 255));

        if (pad && n + 1 + pad > FRAME)
            n = FRAME - 1 - (size_t)pad;
        body_send(p, b, n, pad);
        if (rng_below(r, 30) == 0)
            h2peer_frame(p, F_PING, 0, 0, "12345678", 8);
        if (rng_below(r, 10) == 0)
            rig_run(&rig);
    }
}

static void
any_mixture_of_frames_arrives_as_it_was_sent(void **state)
{
    struct rng r;

    (void)state;
    unit_seed(&r);
    for (int round = 0; round < 60; round++) {
        size_t step = rng_below(&r, 2) ? 0 : 20000 + rng_below(&r, 100000);
        struct body calls[CALLS];
        struct h2peer *p;

        rig.conn[H2_DOWN].lim.max_frames_per_turn = 4 + (uint32_t)rng_below(&r, 60);
        p = open_wide(200000 + rng_below(&r, 1000000), step);
        for (int i = 0; i < CALLS; i++) {
            calls[i] = (struct body){ .id = 2 * i + 1 };
            h2peer_call(p, calls[i].id, 0);
        }
        send_mixture(&r, p, calls);
        rig_run(&rig);
        for (int i = 0; i < CALLS; i++)
            assert_body(&rig_stream(&rig, H2_DOWN, calls[i].id)->got, &calls[i]);
        rig_close(&rig);
        rig_open(&rig);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        H2_TEST(a_large_message_in_full_frames_is_not_copied),
        H2_TEST(a_short_frame_between_them_costs_no_more_than_itself),
        H2_TEST(small_frames_do_not_take_large_chunks),
        H2_TEST(heads_may_come_in_pieces),
        H2_TEST(what_is_beyond_the_share_of_a_turn_waits),
        H2_TEST(bytes_for_a_stream_that_was_reset_are_credited_and_forgotten),
        H2_TEST(a_connection_may_end_inside_such_a_read),
        H2_TEST(any_mixture_of_frames_arrives_as_it_was_sent),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
