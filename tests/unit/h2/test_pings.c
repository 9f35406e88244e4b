/* SPDX-License-Identifier: Apache-2.0 */
/* The strikes of clients that send too many PINGs (gRFC A8), and PING floods. */
#include "h2test.h"

static struct rig_conn *const down = &rig.conn[H2_DOWN];
static struct rig_conn *const up = &rig.conn[H2_UP];

enum { HOUR_MS = 3600 * 1000 };

static void
leap_ms(int64_t ms)
{
    vclock_advance_ms(&rig.clock, ms);
    rig_run(&rig);
}

static struct h2peer *
down_with(struct h2_keepalive k)
{
    down->lim.keepalive = k;
    down->lim.idle_timeout_us = 0;
    return down_ready();
}

static struct h2_keepalive
policed(int64_t interval_ms, bool permit)
{
    return (struct h2_keepalive){ .min_client_interval_us = interval_ms * 1000,
                                  .permit_without_calls = permit };
}

static void
client_pings(struct h2peer *p, int n)
{
    for (int i = 0; i < n; i++)
        h2peer_frame(p, F_PING, 0, 0, "12345678", 8);
    rig_run(&rig);
}

static void
assert_calmed(const struct h2peer *p)
{
    const struct peer_frame *f = h2peer_find(p, F_GOAWAY, 0, 0);

    assert_int_equal(down->closes, 1);
    assert_int_equal(down->err, ERR_PINGS);
    assert_int_equal(h2peer_goaway_code(p), H2_ENHANCE_YOUR_CALM);
    assert_int_equal(f->n, 8 + 14);
    assert_memory_equal(f->payload + 8, "too_many_pings", 14);
    assert_int_equal(rig_stat(&rig, STAT_PINGS_CLOSED), 1);
    assert_int_equal(rig_stat(&rig, STAT_PING_STRIKES), 3);
}

static void
the_third_strike_ends_the_connection(void **state)
{
    struct h2peer *p = down_with(policed(5 * 60 * 1000, false));

    (void)state;
    h2peer_call(p, 1, 0);
    client_pings(p, 1);
    leap_ms(10000);
    client_pings(p, 1);
    leap_ms(10000);
    client_pings(p, 1);
    assert_int_equal(rig_stat(&rig, STAT_PING_STRIKES), 2);
    assert_int_equal(down->closes, 0);
    assert_int_equal(h2peer_count(p, F_PING, 0), 3); /* all acked */
    leap_ms(10000);
    client_pings(p, 1);
    assert_calmed(p);
    assert_int_equal(rig_stream(&rig, H2_DOWN, 1)->closed, 1);
}

static void
a_ping_in_each_interval_is_welcome(void **state)
{
    struct h2peer *p = down_with(policed(5 * 60 * 1000, false));

    (void)state;
    h2peer_call(p, 1, 0);
    for (int i = 0; i < 50; i++) {
        client_pings(p, 1);
        leap_ms(5 * 60 * 1000);
    }
    assert_int_equal(rig_stat(&rig, STAT_PING_STRIKES), 0);
    assert_int_equal(down->closes, 0);
}

static void
without_calls_two_hours_count(void **state)
{
    struct h2peer *p = down_with(policed(5 * 60 * 1000, false));

    (void)state;
    for (int i = 0; i < 5; i++) {
        client_pings(p, 1);
        leap_ms(2 * HOUR_MS);
    }
    assert_int_equal(rig_stat(&rig, STAT_PING_STRIKES), 0);
    client_pings(p, 1);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(down->closes, 0);
        leap_ms(2 * HOUR_MS / 3 - 1000);
        client_pings(p, 1);
    }
    assert_calmed(p);
}

static void
permitted_without_calls_the_interval_counts(void **state)
{
    struct h2peer *p = down_with(policed(10 * 1000, true));

    (void)state;
    for (int i = 0; i < 50; i++) {
        client_pings(p, 1);
        leap_ms(10 * 1000);
    }
    assert_int_equal(rig_stat(&rig, STAT_PING_STRIKES), 0);
    client_pings(p, 4);
    assert_calmed(p);
}

static void
headers_and_data_that_we_send_forgive(void **state)
{
    struct h2peer *p = down_with(policed(5 * 60 * 1000, false));
    struct rig_stream *s;

    (void)state;
    h2peer_call(p, 1, FL_END_STREAM);
    client_pings(p, 3); /* one and two strikes */
    s = rig_stream(&rig, H2_DOWN, 1);
    assert_int_equal(rig_respond(s, false), ERR_OK);
    rig_run(&rig);
    client_pings(p, 3);
    for (int i = 0; i < 50; i++) { /* a client that measures the bandwidth */
        rig_send(s, 1000);
        rig_run(&rig);
        client_pings(p, 2);
    }
    assert_int_equal(down->closes, 0);
    rig_end(s, true);
    rig_run(&rig);
    client_pings(p, 3); /* behind the trailers, with no stream left */
    assert_int_equal(down->closes, 0);
    client_pings(p, 1);
    assert_int_equal(down->err, ERR_PINGS);
}

static void
nobody_counts_when_it_is_off(void **state)
{
    struct h2peer *p = down_with(policed(0, false));

    (void)state;
    client_pings(p, 500);
    assert_int_equal(down->closes, 0);
    assert_int_equal(h2peer_count(p, F_PING, 0), 500);
}

/* CVE-2019-9512 with a sender that reads our acks (reliability.md A9). */
static void
a_flood_ends_with_its_fourth_frame(void **state)
{
    struct h2peer *p = down_with(policed(10, true));

    (void)state;
    client_pings(p, 100000);
    assert_calmed(p);
    assert_int_equal(h2peer_count(p, F_PING, 0), 4);
}

static void
a_backend_that_floods_spends_its_glitches(void **state)
{
    struct h2peer *p;

    (void)state;
    up->lim.glitch_burst = 50;
    up->lim.glitch_rate = 0;
    p = up_ready();
    client_pings(p, 100);
    assert_int_equal(up->closes, 0);
    client_pings(p, 100);
    assert_int_equal(up->err, ERR_FLOOD);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        H2_TEST(the_third_strike_ends_the_connection),
        H2_TEST(a_ping_in_each_interval_is_welcome),
        H2_TEST(without_calls_two_hours_count),
        H2_TEST(permitted_without_calls_the_interval_counts),
        H2_TEST(headers_and_data_that_we_send_forgive),
        H2_TEST(nobody_counts_when_it_is_off),
        H2_TEST(a_flood_ends_with_its_fourth_frame),
        H2_TEST(a_backend_that_floods_spends_its_glitches),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
