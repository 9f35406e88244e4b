/* SPDX-License-Identifier: Apache-2.0 */
/* PINGs against silence, both sides (gRFC A8, A9). The PINGs of clients: test_pings.c. */
#include "h2test.h"

#include "net/transport.h"

static struct rig_conn *const down = &rig.conn[H2_DOWN];
static struct rig_conn *const up = &rig.conn[H2_UP];

enum { HOUR_MS = 3600 * 1000 };

static struct h2_keepalive
every(int64_t time_ms, int64_t timeout_ms, bool without_calls)
{
    return (struct h2_keepalive){ .time_us = time_ms * 1000,
                                  .timeout_us = timeout_ms * 1000,
                                  .without_calls = without_calls };
}

static size_t
pings(const struct h2peer *p)
{
    size_t n = 0;

    for (size_t i = 0; h2peer_find(p, F_PING, 0, i); i++)
        n += !(h2peer_find(p, F_PING, 0, i)->flags & FL_ACK);
    return n;
}

/* Milliseconds until the peer has seen this many PINGs, in steps of 10; -1: not within `most`. */
static int64_t
until_ping(const struct h2peer *p, size_t n, int64_t most)
{
    for (int64_t ms = 0; ms <= most; ms += 10) {
        if (pings(p) >= n)
            return ms;
        rig_wait_ms(&rig, 10);
    }
    return -1;
}

static void
leap_ms(int64_t ms)
{
    vclock_advance_ms(&rig.clock, ms);
    rig_run(&rig);
}

static struct h2peer *
up_with(struct h2_keepalive k)
{
    up->lim.keepalive = k;
    up->lim.idle_timeout_us = 0;
    return up_ready();
}

static struct h2peer *
down_with(struct h2_keepalive k)
{
    down->lim.keepalive = k;
    down->lim.idle_timeout_us = 0;
    return down_ready();
}

/* ---- our PINGs ---- */

static void
off_means_no_ping_at_all(void **state)
{
    struct h2peer *p = up_with(every(0, 0, true));

    (void)state;
    rig_request(&rig, false);
    for (int i = 0; i < 48; i++)
        leap_ms(HOUR_MS);
    assert_int_equal(pings(p), 0);
    assert_int_equal(up->closes, 0);
}

static void
silence_brings_a_ping_and_its_ack_starts_the_next_silence(void **state)
{
    struct h2peer *p = up_with(every(10000, 20000, false));

    (void)state;
    rig_request(&rig, false);
    rig_run(&rig);
    for (size_t i = 1; i <= 20; i++) {
        int64_t ms = until_ping(p, i, 30000);

        assert_in_range(ms, 9900, 11600); /* up to 15 % later, never earlier */
    }
    assert_int_equal(rig_stat(&rig, STAT_KEEPALIVE_PINGS_UP), 20);
    assert_int_equal(rig_stat(&rig, STAT_KEEPALIVE_TIMEOUTS_UP), 0);
    assert_int_equal(up->closes, 0);
}

static void
jitter_spreads_the_pings(void **state)
{
    struct h2peer *p = up_with(every(10000, 20000, false));
    int64_t least = INT64_MAX, most = 0;

    (void)state;
    rig_request(&rig, false);
    rig_run(&rig);
    for (size_t i = 1; i <= 40; i++) {
        int64_t ms = until_ping(p, i, 30000);

        least = ms < least ? ms : least;
        most = ms > most ? ms : most;
    }
    assert_true(most - least > 300); /* 40 draws from 1,500 ms: fewer by 1 in 10^25 */
}

static void
bytes_that_come_put_the_ping_off(void **state)
{
    struct h2peer *p = up_with(every(10000, 20000, false));

    (void)state;
    rig_request(&rig, false);
    rig_run(&rig);
    for (int i = 0; i < 20; i++) {
        rig_wait_ms(&rig, 9000);
        h2peer_u32(p, F_WINDOW, 0, 1);
        rig_run(&rig);
    }
    assert_int_equal(pings(p), 0);
    assert_in_range(until_ping(p, 1, 30000), 9900, 11600);
}

static void
no_ack_in_time_ends_the_connection_and_its_calls(void **state)
{
    struct h2peer *p = up_with(every(10000, 20000, false));
    struct rig_stream *s;

    (void)state;
    s = rig_request(&rig, true);
    rig_run(&rig);
    p->ack_ping = false;
    assert_true(until_ping(p, 1, 30000) > 0);
    rig_wait_ms(&rig, 19800);
    assert_int_equal(up->closes, 0);
    rig_wait_ms(&rig, 300);
    assert_int_equal(up->closes, 1);
    assert_int_equal(up->err, ERR_KEEPALIVE);
    assert_int_equal(s->closed, 1);
    assert_int_equal(s->s.close_err, ERR_KEEPALIVE);
    assert_false(s->s.unprocessed); /* it left: the backend may have acted on it */
    assert_int_equal(rig_stat(&rig, STAT_KEEPALIVE_TIMEOUTS_UP), 1);
}

static void
any_byte_is_as_good_as_the_ack(void **state)
{
    struct h2peer *p = up_with(every(10000, 20000, false));

    (void)state;
    rig_request(&rig, false);
    rig_run(&rig);
    p->ack_ping = false;
    for (size_t i = 1; i <= 5; i++) {
        assert_true(until_ping(p, i, 12000) > 0);
        rig_wait_ms(&rig, 19000);
        h2peer_bytes(p, "\0", 1); /* the first of a frame header, then the rest */
        rig_run(&rig);
        h2peer_bytes(p, "\0\4\x8\0\0\0\0\0\0\0\0\1", 12);
        rig_run(&rig);
    }
    rig_wait_ms(&rig, 1500);
    assert_int_equal(up->closes, 0);
    assert_int_equal(rig_stat(&rig, STAT_KEEPALIVE_TIMEOUTS_UP), 0);
}

static void
small_times_work_too(void **state)
{
    struct h2peer *p = up_with(every(100, 50, true));

    (void)state;
    assert_in_range(until_ping(p, 1, 500), 90, 120);
    p->ack_ping = false;
    assert_in_range(until_ping(p, 2, 500), 90, 120);
    rig_wait_ms(&rig, 40);
    assert_int_equal(up->closes, 0);
    rig_wait_ms(&rig, 20);
    assert_int_equal(up->err, ERR_KEEPALIVE);
}

static void
without_calls_a_backend_is_left_alone_until_the_next_call(void **state)
{
    struct h2peer *p = up_with(every(10000, 20000, false));
    const struct peer_frame *ping, *headers;

    (void)state;
    for (int i = 0; i < 24; i++)
        leap_ms(HOUR_MS);
    assert_int_equal(pings(p), 0);
    p->ack_ping = false;
    rig_request(&rig, false);
    rig_run(&rig);
    assert_int_equal(pings(p), 1);
    ping = h2peer_find(p, F_PING, 0, 0);
    headers = h2peer_find(p, F_HEADERS, 1, 0);
    assert_non_null(headers); /* the call does not wait for the answer */
    assert_true(ping->at < headers->at);
    rig_wait_ms(&rig, 19900);
    assert_int_equal(up->closes, 0);
    rig_wait_ms(&rig, 200);
    assert_int_equal(up->err, ERR_KEEPALIVE);
}

static void
a_call_after_a_short_silence_takes_no_ping_along(void **state)
{
    struct h2peer *p = up_with(every(10000, 20000, false));

    (void)state;
    rig_wait_ms(&rig, 60000);
    h2peer_settings(p, 0); /* alive, just now */
    rig_run(&rig);
    rig_request(&rig, false);
    rig_run(&rig);
    assert_int_equal(pings(p), 0);
    assert_in_range(until_ping(p, 1, 30000), 9900, 11600);
}

static void
with_without_calls_an_idle_backend_is_asked_too(void **state)
{
    struct h2peer *p = up_with(every(10000, 20000, true));

    (void)state;
    assert_in_range(until_ping(p, 1, 30000), 9900, 11600);
    p->ack_ping = false;
    assert_true(until_ping(p, 2, 30000) > 0);
    rig_wait_ms(&rig, 20100);
    assert_int_equal(up->err, ERR_KEEPALIVE);
}

static void
a_call_that_never_left_may_be_replayed(void **state)
{
    struct rig_stream *s;
    struct h2peer *p;

    (void)state;
    up->lim.keepalive = every(10000, 20000, true);
    up->lim.idle_timeout_us = 0;
    p = rig_connect(&rig, H2_UP, 600, 0)->peer; /* the socket takes 600 bytes */
    rig_greet(&rig, H2_UP);
    h2peer_set_deaf(p, true);
    s = rig_request(&rig, false);
    rig_run(&rig);
    rig_send(s, 5000);
    rig_run(&rig);
    s = rig_request(&rig, true);
    rig_wait_ms(&rig, 32000);
    assert_int_equal(up->err, ERR_KEEPALIVE);
    assert_int_equal(s->s.close_err, ERR_KEEPALIVE);
    assert_true(s->s.unprocessed);
}

static void
the_time_of_one_connection_can_be_changed(void **state)
{
    struct h2peer *p = up_with(every(10000, 20000, true));

    (void)state;
    h2_conn_set_keepalive_time(up->h2, 40 * 1000000);
    assert_in_range(until_ping(p, 1, 60000), 39900, 46100);
    h2_conn_set_keepalive_time(up->h2, 0);
    for (int i = 0; i < 24; i++)
        leap_ms(HOUR_MS);
    assert_int_equal(pings(p), 1);
    assert_int_equal(up->closes, 0);
}

static void
an_idle_client_is_asked_after_two_hours(void **state)
{
    struct h2peer *p = down_with(every(2 * HOUR_MS, 20000, true));

    (void)state;
    leap_ms(2 * HOUR_MS - 1000);
    assert_int_equal(pings(p), 0);
    p->ack_ping = false;
    leap_ms(HOUR_MS * 3 / 10 + 1000);
    assert_int_equal(pings(p), 1);
    assert_int_equal(rig_stat(&rig, STAT_KEEPALIVE_PINGS_DOWN), 1);
    leap_ms(19000);
    assert_int_equal(down->closes, 0);
    leap_ms(1100);
    assert_int_equal(down->err, ERR_KEEPALIVE);
    assert_int_equal(rig_stat(&rig, STAT_KEEPALIVE_TIMEOUTS_DOWN), 1);
}

static void
a_dead_client_takes_its_calls_along(void **state)
{
    struct h2peer *p = down_with(every(1000, 500, true));

    (void)state;
    h2peer_call(p, 1, 0);
    rig_run(&rig);
    p->ack_ping = false;
    rig_wait_ms(&rig, 2000);
    assert_int_equal(down->err, ERR_KEEPALIVE);
    /* It may live and not have looked: the id tells it which calls are safe to repeat. */
    assert_int_equal(h2peer_goaway_code(p), H2_NO_ERROR);
    assert_int_equal(h2peer_get_u32(h2peer_find(p, F_GOAWAY, 0, 0)->payload), 1);
    assert_int_equal(rig_stream(&rig, H2_DOWN, 1)->s.close_err, ERR_KEEPALIVE);
}

/* While we read nothing an ack cannot be seen, so its lack proves nothing. */
static void
who_is_not_read_is_not_judged(void **state)
{
    struct h2peer *p;

    (void)state;
    down->lim.keepalive = every(1000, 500, true);
    down->lim.write_stall_us = 0;
    down->lim.max_queued_frames = 10000;
    p = rig_connect(&rig, H2_DOWN, 4096, 0)->peer;
    rig_greet(&rig, H2_DOWN);
    h2peer_set_deaf(p, true);
    for (int i = 0; i < 2000; i++)
        h2peer_frame(p, F_PING, 0, 0, "12345678", 8);
    rig_wait_ms(&rig, 20000);
    assert_int_equal(down->closes, 0);
    h2peer_set_deaf(p, false);
    rig_wait_ms(&rig, 20000);
    assert_int_equal(down->closes, 0);
}

/* ---- the kernel's part (gRFC A18) ---- */

static int64_t user_timeout_us;
static unsigned probes;

static void
note_user_timeout(struct transport *t, int64_t us)
{
    (void)t;
    user_timeout_us = us;
}

static void
note_probes(struct transport *t)
{
    (void)t;
    probes++;
}

static void
note_closed(struct h2_conn *c, void *arg, int err, const char *note)
{
    (void)c;
    (void)arg;
    (void)err;
    (void)note;
}

static void
open_and_note(enum h2_side side, const struct h2_limits *l)
{
    static const struct h2_conn_ops owner = { .on_closed = note_closed };
    struct transport *ours, *theirs;
    struct transport_ops ops;
    struct h2_conn *c;

    mempair_new(rig.loop, rig.loop, ROOM, 0, &ours, &theirs);
    ops = *ours->ops;
    ops.set_user_timeout = note_user_timeout;
    ops.set_probes = note_probes;
    ours->ops = &ops;
    user_timeout_us = 0;
    probes = 0;
    c = h2_conn_open(rig.w, ours, side, l, &owner, NULL);
    h2_conn_close(c, ERR_CLOSED, H2_NO_ERROR, "");
    rig_wait_ms(&rig, 3000);
    transport_close(theirs);
}

static void
the_kernel_is_told_the_timeout_or_asked_to_probe(void **state)
{
    struct h2_limits l;

    (void)state;
    h2_limits_default(&l);
    l.keepalive = every(10000, 3000, true);
    open_and_note(H2_UP, &l);
    assert_int_equal(user_timeout_us, 3000000);
    open_and_note(H2_DOWN, &l);
    assert_int_equal(user_timeout_us, 3000000);
    assert_int_equal(probes, 0);
    l.keepalive.time_us = 0;
    open_and_note(H2_DOWN, &l);
    assert_int_equal(probes, 1);
    assert_int_equal(user_timeout_us, 0);
    open_and_note(H2_UP, &l); /* whoever connects has them already */
    assert_int_equal(probes, 0);
    assert_int_equal(user_timeout_us, 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        H2_TEST(off_means_no_ping_at_all),
        H2_TEST(silence_brings_a_ping_and_its_ack_starts_the_next_silence),
        H2_TEST(jitter_spreads_the_pings),
        H2_TEST(bytes_that_come_put_the_ping_off),
        H2_TEST(no_ack_in_time_ends_the_connection_and_its_calls),
        H2_TEST(any_byte_is_as_good_as_the_ack),
        H2_TEST(small_times_work_too),
        H2_TEST(without_calls_a_backend_is_left_alone_until_the_next_call),
        H2_TEST(a_call_after_a_short_silence_takes_no_ping_along),
        H2_TEST(with_without_calls_an_idle_backend_is_asked_too),
        H2_TEST(a_call_that_never_left_may_be_replayed),
        H2_TEST(the_time_of_one_connection_can_be_changed),
        H2_TEST(an_idle_client_is_asked_after_two_hours),
        H2_TEST(a_dead_client_takes_its_calls_along),
        H2_TEST(who_is_not_read_is_not_judged),
        H2_TEST(the_kernel_is_told_the_timeout_or_asked_to_probe),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
