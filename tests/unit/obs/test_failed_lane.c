/* SPDX-License-Identifier: Apache-2.0 */
/* What a worker keeps of failed calls: what is one kind and when, and who makes room for whom. Times are those that the calls say. */
#include <stdio.h>
#include <string.h>

#include "obs/failed_lane.h"
#include "unit.h"

static const struct sip_secret secret = { 1, 2 };
static const int64_t minute_us = FAILED_FOLD_US;
static struct failed_lane *lane;

static int
setup(void **state)
{
    (void)state;
    lane = failed_lane_new();
    return 0;
}

static int
teardown(void **state)
{
    (void)state;
    failed_lane_free(lane);
    return 0;
}

static struct failed_call
make(int64_t wall_us)
{
    struct failed_call c = { .wall_us = wall_us,
                             .reason = "STREAM_LIMIT",
                             .code = 14,
                             .listener = "in",
                             .route = "r",
                             .pool = "app",
                             .endpoint = "10.0.0.1:1",
                             .method = "/a.B/C",
                             .text = "3 calls of 7" };

    return c;
}

static void
put(struct failed_call c)
{
    failed_lane_put(lane, &secret, &c);
}

static struct failed_entry
entry(size_t i)
{
    struct failed_entry e;
    struct failed_head h;

    assert_true(failed_lane_head(lane, i, &h));
    assert_true(failed_lane_get(lane, i, h.kind, &e));
    assert_int_equal(h.first_us, e.first_us);
    assert_int_equal(h.last_us, e.call.wall_us);
    assert_int_equal(h.count, e.count);
    return e;
}

static size_t
count_of(const char *reason, const char *pool)
{
    size_t n = 0;

    for (size_t i = 0; i < failed_lane_used(lane); i++) {
        struct failed_entry e = entry(i);

        n += strcmp(e.call.reason, reason) == 0 && strcmp(e.call.pool, pool) == 0;
    }
    return n;
}

static void
calls_of_one_kind_are_counted_and_the_newest_is_shown(void **state)
{
    struct failed_entry e;

    (void)state;
    for (int i = 0; i < 1200; i++) {
        struct failed_call c = make(1000 + i);

        snprintf(c.client, sizeof(c.client), "10.9.0.1:%d", i);
        snprintf(c.trace_id, sizeof(c.trace_id), "%d", i);
        snprintf(c.text, sizeof(c.text), "%d calls of 7", i);
        c.total_us = i;
        c.attempts = (unsigned)i;
        put(c);
    }
    assert_int_equal(failed_lane_used(lane), 1);
    e = entry(0);
    assert_int_equal(e.count, 1200);
    assert_int_equal(e.first_us, 1000);
    assert_int_equal(e.call.wall_us, 2199);
    assert_string_equal(e.call.client, "10.9.0.1:1199");
    assert_string_equal(e.call.text, "1199 calls of 7");
    assert_int_equal(e.call.total_us, 1199);
}

/* What somebody may ask for (?pool= and so on), and what another cause would say. */
static void
whatever_else_differs_makes_another_kind(void **state)
{
    struct failed_call c[10];

    (void)state;
    for (size_t i = 0; i < 10; i++)
        c[i] = make(1000);
    c[1].reason = "NO_ROUTE";
    c[2].code = 8;
    snprintf(c[3].listener, sizeof(c[3].listener), "%s", "out");
    snprintf(c[4].pool, sizeof(c[4].pool), "%s", "app2");
    snprintf(c[5].endpoint, sizeof(c[5].endpoint), "%s", "10.0.0.1:2");
    snprintf(c[6].method, sizeof(c[6].method), "%s", "/a.B/C1");
    snprintf(c[7].text, sizeof(c[7].text), "%s", "3 streams of 7");
    c[8].cancelled = true;
    snprintf(c[9].route, sizeof(c[9].route), "%s", "r2");
    for (size_t i = 0; i < 10; i++)
        put(c[i]);
    assert_int_equal(failed_lane_used(lane), 10);
    /* The end of a name is not the beginning of the next. */
    snprintf(c[0].listener, sizeof(c[0].listener), "%s", "inapp");
    c[0].pool[0] = '\0';
    put(c[0]);
    assert_int_equal(failed_lane_used(lane), 11);
}

static void
a_minute_of_silence_ends_an_entry(void **state)
{
    (void)state;
    for (int i = 0; i < 10; i++)
        put(make(i * (minute_us - 1))); /* as long as it goes on */
    assert_int_equal(failed_lane_used(lane), 1);
    put(make(9 * (minute_us - 1) + minute_us));
    put(make(9 * (minute_us - 1) + minute_us + 5));
    assert_int_equal(failed_lane_used(lane), 2);
    assert_int_equal(entry(0).count, 10);
    assert_int_equal(entry(1).count, 2);
    assert_int_equal(entry(1).first_us, 9 * (minute_us - 1) + minute_us);
}

static void
a_clock_that_is_set_back_does_no_harm(void **state)
{
    (void)state;
    put(make(3600 * minute_us));
    put(make(50));
    assert_int_equal(failed_lane_used(lane), 1);
    assert_int_equal(entry(0).first_us, 50);
    assert_int_equal(entry(0).call.wall_us, 50);
    put(make(50 + minute_us));
    assert_int_equal(failed_lane_used(lane), 2);
}

/* Each with a path of its own, so that nothing folds. */
static void
scan(int n, int64_t from_us)
{
    for (int i = 0; i < n; i++) {
        struct failed_call c = make(from_us + i);

        c.reason = "NO_ROUTE";
        c.pool[0] = c.endpoint[0] = '\0';
        snprintf(c.method, sizeof(c.method), "/scan/%d", i);
        snprintf(c.text, sizeof(c.text), "no %c%c%c", 'a' + i % 26, 'a' + i / 26 % 26,
                 'a' + i / 676 % 26);
        put(c);
    }
}

static void
a_peer_with_many_paths_makes_room_for_himself_alone(void **state)
{
    (void)state;
    put(make(1000));
    scan(10000, 2000);
    assert_int_equal(failed_lane_used(lane), FAILED_KEPT);
    assert_int_equal(count_of("STREAM_LIMIT", "app"), 1);
    assert_int_equal(count_of("NO_ROUTE", ""), FAILED_KEPT - 1);
    for (size_t i = 0; i < FAILED_KEPT; i++) /* and the oldest of his went */
        assert_true(entry(i).call.wall_us == 1000 ||
                    entry(i).call.wall_us > 2000 + 10000 - FAILED_KEPT);
}

/* Pools of many endpoints share the places, whoever comes last. */
static void
loud_ones_get_the_same_share(void **state)
{
    (void)state;
    scan(1000, 0);
    for (int i = 0; i < 4000; i++) {
        struct failed_call c = make(2000 + i);

        snprintf(c.pool, sizeof(c.pool), "pool%d", i / 2000);
        snprintf(c.endpoint, sizeof(c.endpoint), "10.0.0.1:%d", i);
        put(c);
    }
    assert_true(count_of("STREAM_LIMIT", "pool0") >= FAILED_KEPT / 3);
    assert_true(count_of("STREAM_LIMIT", "pool1") >= FAILED_KEPT / 3);
    assert_true(count_of("NO_ROUTE", "") >= FAILED_KEPT / 3);
}

static void
of_quiet_ones_the_oldest_goes(void **state)
{
    (void)state;
    for (int i = 0; i <= FAILED_KEPT; i++) {
        struct failed_call c = make(i == 1 ? 0 : 1000 + i);

        snprintf(c.pool, sizeof(c.pool), "pool%d", i);
        put(c);
    }
    assert_int_equal(failed_lane_used(lane), FAILED_KEPT);
    assert_int_equal(count_of("STREAM_LIMIT", "pool0"), 1);
    assert_int_equal(count_of("STREAM_LIMIT", "pool1"), 0);
}

static void
who_lost_his_place_is_not_mistaken_for_the_next(void **state)
{
    struct failed_entry e;
    struct failed_head h;

    (void)state;
    put(make(1000));
    assert_true(failed_lane_head(lane, 0, &h));
    scan(FAILED_KEPT - 1, 2000);
    assert_true(failed_lane_get(lane, 0, h.kind, &e));
    for (int i = 0; i < FAILED_KEPT; i++) { /* each of a group of its own */
        struct failed_call c = make(3000 + i);

        snprintf(c.pool, sizeof(c.pool), "pool%d", i);
        put(c);
    }
    assert_int_equal(count_of("STREAM_LIMIT", "app"), 0);
    assert_false(failed_lane_get(lane, 0, h.kind, &e));
}

int
main(void)
{
#define LANE_TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
    const struct CMUnitTest tests[] = {
        LANE_TEST(calls_of_one_kind_are_counted_and_the_newest_is_shown),
        LANE_TEST(whatever_else_differs_makes_another_kind),
        LANE_TEST(a_minute_of_silence_ends_an_entry),
        LANE_TEST(a_clock_that_is_set_back_does_no_harm),
        LANE_TEST(a_peer_with_many_paths_makes_room_for_himself_alone),
        LANE_TEST(loud_ones_get_the_same_share),
        LANE_TEST(of_quiet_ones_the_oldest_goes),
        LANE_TEST(who_lost_his_place_is_not_mistaken_for_the_next),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
