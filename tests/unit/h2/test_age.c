/* SPDX-License-Identifier: Apache-2.0 */
/* How long a connection of a client may live: age, grace, requests; each 10 % more or less. */
#include "h2test.h"

static struct rig_conn *const down = &rig.conn[H2_DOWN];

static void
assert_text(const struct h2peer *p, size_t nth, const char *text)
{
    const struct peer_frame *f = h2peer_find(p, F_GOAWAY, 0, nth);

    assert_non_null(f);
    assert_int_equal(f->n, 8 + strlen(text));
    assert_memory_equal(f->payload + 8, text, strlen(text));
    assert_int_equal(h2peer_get_u32(f->payload + 4), H2_NO_ERROR);
}

static void
finish(int32_t id)
{
    assert_int_equal(rig_respond(rig_stream(&rig, H2_DOWN, id), true), ERR_OK);
    rig_run(&rig);
}

static void
old_connection_is_told_to_go_and_its_calls_end(void **state)
{
    struct h2peer *p;

    (void)state;
    down->lim.max_age_us = 60 * 1000000;
    p = down_ready();
    h2peer_call(p, 1, FL_END_STREAM);
    rig_wait_ms(&rig, 53900);
    assert_int_equal(h2peer_count(p, F_GOAWAY, 0), 0);
    rig_wait_ms(&rig, 12900);
    assert_text(p, 0, "max_age");
    assert_text(p, 1, "max_age");
    assert_int_equal(h2peer_get_u32(h2peer_find(p, F_GOAWAY, 0, 0)->payload), 0x7fffffff);
    assert_int_equal(h2peer_get_u32(h2peer_find(p, F_GOAWAY, 0, 1)->payload), 1);
    assert_int_equal(rig_stat(&rig, STAT_AGE_CLOSED), 1);
    rig_wait_ms(&rig, 600 * 1000); /* no grace was set: the call may take its time */
    assert_int_equal(down->closes, 0);
    finish(1);
    assert_int_equal(rig_stream(&rig, H2_DOWN, 1)->s.close_err, ERR_OK);
    assert_int_equal(down->err, ERR_AGE);
    assert_int_equal(h2peer_count(p, F_GOAWAY, 0), 2);
}

static void
after_the_grace_the_rest_is_closed(void **state)
{
    struct h2peer *p;

    (void)state;
    down->lim.max_age_us = 10 * 1000000;
    down->lim.max_age_grace_us = 5 * 1000000;
    p = down_ready();
    p->ack_ping = false; /* the second GOAWAY comes 2 s after the first */
    h2peer_call(p, 1, FL_END_STREAM);
    while (h2peer_count(p, F_GOAWAY, 0) < 2)
        rig_wait_ms(&rig, 100);
    rig_wait_ms(&rig, 4800);
    assert_int_equal(down->closes, 0);
    rig_wait_ms(&rig, 1000);
    assert_int_equal(down->err, ERR_AGE);
    assert_int_equal(rig_stream(&rig, H2_DOWN, 1)->s.close_err, ERR_AGE);
    assert_int_equal(h2peer_goaway_code(p), H2_NO_ERROR);
}

static void
grace_alone_ends_nothing(void **state)
{
    struct h2peer *p;

    (void)state;
    down->lim.max_age_grace_us = 1000000;
    down->lim.max_age_us = 3600 * 1000000LL;
    p = down_ready();
    h2peer_call(p, 1, FL_END_STREAM);
    rig_run(&rig);
    h2_conn_drain(down->h2); /* for another reason */
    rig_wait_ms(&rig, 30000);
    assert_int_equal(down->closes, 0);
    finish(1);
    assert_int_equal(down->err, ERR_DRAIN);
}

static void
ages_differ_by_ten_percent(void **state)
{
    int64_t least = INT64_MAX, most = 0;

    (void)state;
    down->lim.max_age_us = 100 * 1000000;
    for (int i = 0; i < 60; i++) {
        struct h2peer *p = down_ready();
        int64_t ms = 0;

        for (; h2peer_count(p, F_GOAWAY, 0) == 0; ms += 500) {
            assert_true(ms < 120000);
            vclock_advance_ms(&rig.clock, 500);
            rig_run(&rig);
        }
        least = ms < least ? ms : least;
        most = ms > most ? ms : most;
        h2peer_close(p);
        rig_wait_ms(&rig, 2000);
        assert_null(down->h2);
    }
    assert_true(least >= 89500 && most <= 111000);
    assert_true(most - least > 8000); /* 60 draws from 20 s */
}

static void
the_last_request_starts_the_drain(void **state)
{
    struct h2peer *p;
    int32_t id = 1;

    (void)state;
    down->lim.max_requests = 100;
    p = down_ready();
    for (; id < 2 * 89 + 1; id += 2) {
        h2peer_call(p, id, FL_END_STREAM);
        rig_run(&rig);
        finish(id);
    }
    assert_int_equal(h2peer_count(p, F_GOAWAY, 0), 0); /* 89 */
    p->ack_ping = false;
    for (; h2peer_count(p, F_GOAWAY, 0) == 0; id += 2) {
        assert_true(id < 2 * 110 + 1);
        h2peer_call(p, id, FL_END_STREAM);
        rig_run(&rig);
    }
    assert_text(p, 0, "max_requests");
    h2peer_call(p, id, FL_END_STREAM); /* was on its way */
    rig_wait_ms(&rig, 3000);
    assert_int_equal(h2peer_get_u32(h2peer_find(p, F_GOAWAY, 0, 1)->payload), id);
    assert_int_equal(rig_stat(&rig, STAT_REQUESTS_CLOSED), 1);
    for (; id > 0; id -= 2) {
        if (!rig_stream(&rig, H2_DOWN, id)->closed)
            finish(id);
    }
    assert_int_equal(down->err, ERR_AGE);
}

static void
one_request_per_connection(void **state)
{
    struct h2peer *p;

    (void)state;
    down->lim.max_requests = 1;
    p = down_ready();
    rig_wait_ms(&rig, 1000);
    assert_int_equal(h2peer_count(p, F_GOAWAY, 0), 0);
    h2peer_call(p, 1, FL_END_STREAM);
    rig_run(&rig);
    assert_text(p, 1, "max_requests");
    finish(1);
    assert_int_equal(rig_stream(&rig, H2_DOWN, 1)->s.close_err, ERR_OK);
    assert_int_equal(down->closes, 1);
}

static void
the_backends_side_has_no_age(void **state)
{
    (void)state;
    rig.conn[H2_UP].lim.max_age_us = 1000000;
    rig.conn[H2_UP].lim.max_requests = 1;
    rig.conn[H2_UP].lim.idle_timeout_us = 0;
    up_ready();
    rig_request(&rig, false);
    rig_request(&rig, false);
    rig_wait_ms(&rig, 10000);
    assert_false(h2_conn_draining(rig.conn[H2_UP].h2));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        H2_TEST(old_connection_is_told_to_go_and_its_calls_end),
        H2_TEST(after_the_grace_the_rest_is_closed),
        H2_TEST(grace_alone_ends_nothing),
        H2_TEST(ages_differ_by_ten_percent),
        H2_TEST(the_last_request_starts_the_drain),
        H2_TEST(one_request_per_connection),
        H2_TEST(the_backends_side_has_no_age),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
