/* SPDX-License-Identifier: Apache-2.0 */
/* What pages see of a connection: streams that ended well, by a reset, or were refused. */
#include "h2/view.h"

#include "h2test.h"

static struct rig_conn *const down = &rig.conn[H2_DOWN];
static struct rig_conn *const up = &rig.conn[H2_UP];

static void
expect_view(const struct rig_conn *rc, uint64_t streams, uint64_t open, uint64_t failed,
            uint64_t refused)
{
    struct h2_view v;

    h2_view_get(rc->h2, &v);
    assert_int_equal(v.streams, streams);
    assert_int_equal(v.open, open);
    assert_int_equal(v.failed, failed);
    assert_int_equal(v.refused, refused);
    assert_non_null(v.transport);
    assert_true(v.recv_window > 0 && v.send_window > 0);
}

/* The server's stream of a new request. */
static struct rig_stream *
request(bool end)
{
    struct rig_stream *s = rig_request(&rig, end);

    rig_run(&rig);
    return rig_stream(&rig, H2_DOWN, s->s.id);
}

static void
streams_are_counted_by_how_they_end(void **state)
{
    struct rig_stream *s;

    (void)state;
    rig_connect_both(&rig, 1 << 16, 0);
    rig_run(&rig);
    expect_view(down, 0, 0, 0, 0);
    expect_view(up, 0, 0, 0, 0);
    for (int i = 0; i < 2; i++)
        assert_int_equal(rig_respond(request(true), true), ERR_OK);
    rig_run(&rig);
    expect_view(down, 2, 0, 0, 0);
    expect_view(up, 2, 0, 0, 0);
    request(true);
    expect_view(down, 3, 1, 0, 0);
    expect_view(up, 3, 1, 0, 0);

    /* The server resets one. */
    h2_stream_reset(&request(true)->s, H2_INTERNAL_ERROR);
    rig_run(&rig);
    expect_view(down, 4, 1, 1, 0);
    expect_view(up, 4, 1, 1, 0);

    /* The client gives one up. */
    s = rig_request(&rig, false);
    rig_run(&rig);
    h2_stream_reset(&s->s, H2_CANCEL);
    rig_run(&rig);
    expect_view(down, 5, 1, 2, 0);
    expect_view(up, 5, 1, 2, 0);

    /* The server takes no more: no call comes of it there. */
    down->refuse = true;
    rig_request(&rig, true);
    rig_run(&rig);
    expect_view(down, 6, 1, 2, 1);
    expect_view(up, 6, 1, 3, 0);
}

/* An answer before the end of the request is a good one, also when a reset tells the client to stop. */
static void
an_early_answer_is_no_failure(void **state)
{
    (void)state;
    rig_connect_both(&rig, 1 << 16, 0);
    rig_run(&rig);
    assert_int_equal(rig_respond(request(false), true), ERR_OK);
    rig_run(&rig);
    expect_view(down, 1, 0, 0, 0);
}

static void
our_pings_are_counted(void **state)
{
    struct h2_view v;

    (void)state;
    up->lim.keepalive = (struct h2_keepalive){ .time_us = 1000 * 1000,
                                               .timeout_us = 60 * 1000 * 1000,
                                               .without_calls = true };
    up_ready();
    h2_view_get(up->h2, &v);
    assert_int_equal(v.keepalives, 0);
    rig_wait_ms(&rig, 1500); /* more or less by chance, but never two of them */
    h2_view_get(up->h2, &v);
    assert_int_equal(v.keepalives, 1);
}

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        H2_TEST(streams_are_counted_by_how_they_end),
        H2_TEST(an_early_answer_is_no_failure),
        H2_TEST(our_pings_are_counted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
