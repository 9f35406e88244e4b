/* SPDX-License-Identifier: Apache-2.0 */
/* The memory pair behaves like a socket pair, in exact turns. */
#include "unit.h"

#include <stdbool.h>
#include <string.h>

#include "base/err.h"
#include "loop/loop.h"
#include "net/transport.h"
#include "vclock.h"

static struct vclock clock_now;
static struct loop *loop;

struct end {
    struct transport *t;
    int readable, writable;
    bool inside; /* a call of ours is on the stack: no callback may come */
    struct end *to_close, *to_close_too;
};

static struct end a, b;

static void
end_close(struct end *e)
{
    transport_close(e->t);
    e->t = NULL;
}

static void
end_on_ready(void *arg, int what)
{
    struct end *e = arg;

    assert_false(e->inside);
    e->readable += (what & TRANSPORT_READABLE) != 0;
    e->writable += (what & TRANSPORT_WRITABLE) != 0;
    if (e->to_close)
        end_close(e->to_close);
    if (e->to_close_too)
        end_close(e->to_close_too);
}

static void
open_pair(size_t room, size_t step)
{
    a = b = (struct end){ 0 };
    mempair_new(loop, loop, room, step, &a.t, &b.t);
    transport_bind(a.t, end_on_ready, &a);
    transport_bind(b.t, end_on_ready, &b);
}

static int
setup(void **state)
{
    (void)state;
    loop = loop_new(vclock_init(&clock_now));
    return 0;
}

static int
teardown(void **state)
{
    (void)state;
    end_close(&a);
    end_close(&b);
    loop_free(loop);
    return 0;
}

static ssize_t
put(struct end *e, const char *text)
{
    struct iovec v = { .iov_base = (void *)(uintptr_t)text, .iov_len = strlen(text) };

    return transport_writev(e->t, &v, 1);
}

static void
assert_reads(struct end *e, const char *expect)
{
    char got[256];
    ssize_t n = transport_read(e->t, got, sizeof(got));

    assert_int_equal(n, strlen(expect));
    assert_memory_equal(got, expect, strlen(expect));
}

static void
bytes_cross_in_the_next_turn(void **state)
{
    (void)state;
    open_pair(100, 0);
    b.inside = true;
    transport_want(b.t, true, false);
    assert_int_equal(put(&a, "hello"), 5);
    b.inside = false;
    assert_int_equal(b.readable, 0);
    loop_turn(loop, true);
    assert_int_equal(b.readable, 1);
    assert_reads(&b, "hello");
    loop_turn(loop, true);
    assert_int_equal(b.readable, 1);
}

static void
readiness_is_told_until_it_is_used_up(void **state)
{
    (void)state;
    open_pair(100, 0);
    transport_want(b.t, true, false);
    assert_int_equal(put(&a, "x"), 1);
    for (int i = 1; i <= 3; i++) {
        loop_turn(loop, true);
        assert_int_equal(b.readable, i);
    }
    transport_want(b.t, false, false);
    loop_turn(loop, true);
    assert_int_equal(b.readable, 3);
}

static void
a_full_queue_refuses_until_there_is_room(void **state)
{
    (void)state;
    open_pair(4, 0);
    assert_int_equal(put(&a, "abcdef"), 4);
    assert_int_equal(put(&a, "ef"), ERR_AGAIN);
    transport_want(a.t, false, true);
    loop_turn(loop, true);
    assert_int_equal(a.writable, 0);
    assert_reads(&b, "abcd");
    loop_turn(loop, true);
    assert_int_equal(a.writable, 1);
    assert_int_equal(put(&a, "ef"), 2);
    assert_reads(&b, "ef");
}

static void
steps_make_reads_and_writes_small(void **state)
{
    struct iovec v[3] = { { "ab", 2 }, { "", 0 }, { "cd", 2 } };
    char got[10];

    (void)state;
    open_pair(100, 3);
    assert_int_equal(transport_writev(a.t, v, 3), 3);
    assert_int_equal(put(&a, "def"), 3);
    assert_int_equal(transport_read(b.t, got, sizeof(got)), 3);
    assert_memory_equal(got, "abc", 3);
    assert_int_equal(transport_read(b.t, got, 2), 2);
    assert_memory_equal(got, "de", 2);
}

static void
half_close_lets_the_other_direction_live(void **state)
{
    (void)state;
    open_pair(100, 0);
    transport_want(b.t, true, false);
    assert_int_equal(put(&a, "last"), 4);
    transport_shut(a.t);
    assert_int_equal(put(&a, "more"), ERR_CONN_LOST);
    loop_turn(loop, true);
    assert_reads(&b, "last");
    loop_turn(loop, true);
    assert_int_equal(b.readable, 2);
    assert_int_equal(transport_read(b.t, (char[1]){ 0 }, 1), ERR_EOF);
    assert_int_equal(put(&b, "answer"), 6);
    assert_reads(&a, "answer");
    assert_int_equal(transport_read(a.t, (char[1]){ 0 }, 1), ERR_AGAIN);
}

static void
a_closed_end_is_seen_by_the_other(void **state)
{
    struct transport *gone;

    (void)state;
    open_pair(100, 0);
    gone = a.t;
    assert_int_equal(put(&a, "rest"), 4);
    transport_want(b.t, true, true);
    end_close(&a);
    transport_close(gone); /* again, in the same turn */
    loop_turn(loop, true);
    assert_int_equal(b.readable, 1);
    assert_int_equal(b.writable, 1);
    assert_int_equal(put(&b, "x"), ERR_CONN_LOST);
    assert_reads(&b, "rest");
    assert_int_equal(transport_read(b.t, (char[1]){ 0 }, 1), ERR_EOF);
}

static void
the_first_callback_may_close_the_other_and_itself(void **state)
{
    (void)state;
    open_pair(100, 0);
    assert_int_equal(put(&a, "x"), 1);
    assert_int_equal(put(&b, "x"), 1);
    a.to_close = b.to_close_too = &b;
    b.to_close = a.to_close_too = &a;
    transport_want(a.t, true, true);
    transport_want(b.t, true, true);
    loop_turn(loop, true);
    assert_int_equal(a.readable, 1);
    assert_int_equal(b.readable + b.writable, 0);
    loop_turn(loop, true);
    assert_int_equal(b.readable + b.writable, 0);
}

static void
the_ends_may_sit_on_two_loops(void **state)
{
    struct loop *other = loop_new(&clock_now.source);

    (void)state;
    a = b = (struct end){ 0 };
    mempair_new(loop, other, 100, 0, &a.t, &b.t);
    transport_bind(a.t, end_on_ready, &a);
    transport_bind(b.t, end_on_ready, &b);
    transport_want(b.t, true, false);
    assert_int_equal(put(&a, "hi"), 2);
    loop_turn(loop, true);
    assert_int_equal(b.readable, 0);
    loop_turn(other, true);
    assert_int_equal(b.readable, 1);
    end_close(&b);
    loop_turn(other, true);
    loop_free(other);
    assert_int_equal(put(&a, "x"), ERR_CONN_LOST);
}

/* --- a random transfer in both directions at once --- */

enum { TRANSFER = 60000 };

struct flow {
    struct end end;
    uint8_t sent[TRANSFER];
    size_t out, in;
    struct flow *peer;
    bool got_eof;
};

static struct flow flows[2];
static struct rng rng;

static void
flow_write(struct flow *f)
{
    struct iovec v[3];
    size_t at = f->out;
    ssize_t n;

    for (int i = 0; i < 3; i++) {
        v[i].iov_base = f->sent + at;
        v[i].iov_len = rng_below(&rng, TRANSFER - at < 900 ? TRANSFER - at + 1 : 900);
        at += v[i].iov_len;
    }
    if (at == f->out)
        return;
    n = transport_writev(f->end.t, v, 3);
    assert_true(n > 0 || n == ERR_AGAIN);
    if (n > 0)
        f->out += (size_t)n;
    if (f->out == TRANSFER) {
        transport_shut(f->end.t);
        transport_want(f->end.t, !f->got_eof, false);
    }
}

static void
flow_read(struct flow *f)
{
    uint8_t got[700];
    ssize_t n = transport_read(f->end.t, got, 1 + rng_below(&rng, sizeof(got)));

    if (n == ERR_EOF) {
        assert_int_equal(f->in, TRANSFER);
        f->got_eof = true;
        transport_want(f->end.t, false, f->out < TRANSFER);
        return;
    }
    assert_true(n > 0);
    assert_memory_equal(got, f->peer->sent + f->in, (size_t)n);
    f->in += (size_t)n;
}

static void
flow_on_ready(void *arg, int what)
{
    struct flow *f = arg;

    if (what & TRANSPORT_READABLE)
        flow_read(f);
    if (what & TRANSPORT_WRITABLE)
        flow_write(f);
}

static void
random_transfers_arrive_whole(void **state)
{
    (void)state;
    unit_seed(&rng);
    for (int round = 0; round < 4; round++) {
        a = b = (struct end){ 0 };
        mempair_new(loop, loop, 1 + rng_below(&rng, 2000), rng_below(&rng, 300),
                    &flows[0].end.t, &flows[1].end.t);
        for (int i = 0; i < 2; i++) {
            struct flow *f = &flows[i];

            f->out = f->in = 0;
            f->got_eof = false;
            f->peer = &flows[1 - i];
            for (size_t k = 0; k < TRANSFER; k++)
                f->sent[k] = (uint8_t)rng_next(&rng);
            transport_bind(f->end.t, flow_on_ready, f);
            transport_want(f->end.t, true, true);
        }
        for (int i = 0; i < 2000000 && !(flows[0].got_eof && flows[1].got_eof); i++)
            loop_turn(loop, true);
        assert_true(flows[0].got_eof && flows[1].got_eof);
        end_close(&flows[0].end);
        end_close(&flows[1].end);
        loop_turn(loop, true);
    }
}

#define PAIR_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        PAIR_TEST(bytes_cross_in_the_next_turn),
        PAIR_TEST(readiness_is_told_until_it_is_used_up),
        PAIR_TEST(a_full_queue_refuses_until_there_is_room),
        PAIR_TEST(steps_make_reads_and_writes_small),
        PAIR_TEST(half_close_lets_the_other_direction_live),
        PAIR_TEST(a_closed_end_is_seen_by_the_other),
        PAIR_TEST(the_first_callback_may_close_the_other_and_itself),
        PAIR_TEST(the_ends_may_sit_on_two_loops),
        PAIR_TEST(random_transfers_arrive_whole),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
