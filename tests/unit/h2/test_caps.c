/* SPDX-License-Identifier: Apache-2.0 */
/* Caps on bytes that are held: what a connection and a worker may hold, what a peer may still send, and who must go when a cap is reached. */
#include "h2test.h"

#include "h2/conn_int.h"

enum { STREAM_WINDOW = 65536 };

static void
send_data(struct h2peer *p, int32_t id, size_t n)
{
    while (n) {
        size_t k = n < 16384 ? n : 16384;

        h2peer_frame(p, F_DATA, 0, id, NULL, k);
        n -= k;
    }
}

/* Opens uploads with odd ids from `id` on and sends as much on them as the peer may: a stream window each. Returns the bytes. */
static size_t
fill(struct rig_conn *c, struct h2peer *p, int32_t id, size_t n)
{
    size_t sum = 0;

    for (; n > 0 && c->h2->recv_window > 0; n--, id += 2) {
        size_t k = (size_t)c->h2->recv_window < STREAM_WINDOW ? (size_t)c->h2->recv_window
                                                              : STREAM_WINDOW;

        h2peer_call(p, id, 0);
        send_data(p, id, k);
        rig_run(&rig);
        sum += k;
    }
    return sum;
}

/* A window that is out cannot be taken back: it counts against the cap as what is held does. */
static void
held_bytes_and_the_window_stay_within_the_cap(void **state)
{
    struct rig_conn *c = &rig.conn[H2_DOWN];
    const size_t cap = 300 * 1024;
    struct h2peer *p;

    (void)state;
    c->lim.connection_window = 256 * 1024;
    c->lim.max_connection_buffer = cap;
    p = down_ready();
    c->eat = false;
    for (int32_t id = 1; id < 40; id += 2) {
        fill(c, p, id, 1);
        assert_true(c->h2->held + (size_t)c->h2->recv_window <= cap);
        assert_int_equal((size_t)c->h2->recv_window + c->h2->recv_due, 256 * 1024);
    }
    assert_true(c->h2->held_back);
    assert_int_equal(rig_stat(&rig, STAT_WINDOW_HELD_BACK), 1);
    assert_true(c->h2->held > cap - 16 * 1024);
    for (int32_t id = 1; id < 5; id += 2)
        h2_stream_consume(&rig_stream(&rig, H2_DOWN, id)->s, SIZE_MAX);
    assert_true(c->h2->recv_window >= 128 * 1024 - 16 * 1024);
    assert_true(c->h2->held + (size_t)c->h2->recv_window <= cap);
    h2_stream_consume(&rig_stream(&rig, H2_DOWN, 5)->s, SIZE_MAX);
    assert_false(c->h2->held_back);
}

static void
a_cap_below_the_window_makes_the_window_smaller(void **state)
{
    struct rig_conn *c = &rig.conn[H2_DOWN];

    (void)state;
    c->lim.connection_window = 1024 * 1024;
    c->lim.max_connection_buffer = 100 * 1024;
    (void)down_ready();
    assert_int_equal(c->h2->recv_window, 100 * 1024);
}

static void
held_back_window_returns_when_its_streams_close(void **state)
{
    struct rig_conn *c = &rig.conn[H2_DOWN];
    struct h2peer *p;
    size_t sum;

    (void)state;
    c->lim.connection_window = 256 * 1024;
    c->lim.max_connection_buffer = 100 * 1024;
    p = down_ready();
    c->eat = false;
    sum = fill(c, p, 1, 4);
    assert_true(c->h2->held_back);
    for (int32_t id = 1; id <= 3; id += 2) /* there was no room for more */
        h2peer_u32(p, F_RST, id, H2_CANCEL);
    rig_run(&rig);
    assert_false(c->h2->held_back);
    assert_int_equal((size_t)c->h2->recv_window + c->h2->recv_due, 100 * 1024);
    assert_int_equal(c->h2->held, 0);
    /* The streams' owner still has the bytes: the worker counts them. */
    assert_int_equal(rig_stat(&rig, STAT_BUFFERED_BYTES), sum);
}

/* One that holds alone gets half of what the worker may hold. */
static void
worker_limit_holds_windows_back_and_gives_them_back(void **state)
{
    struct h2peer *p = down_ready();
    struct rig_conn *c = &rig.conn[H2_DOWN];
    const size_t limit = 2 * 1024 * 1024;
    int32_t id = 1;

    (void)state;
    h2_worker_set_buffer_limit(rig.w, limit);
    c->eat = false;
    while (c->h2->recv_window > 0 && id < 199) {
        fill(c, p, id, 1);
        id += 2;
    }
    assert_true(c->h2->held_back);
    assert_true(c->h2->held > limit / 2 - 64 * 1024);
    assert_true(c->h2->held <= limit / 2 + 16 * 1024);
    for (int32_t i = 1; i < id; i += 2)
        h2_stream_consume(&rig_stream(&rig, H2_DOWN, i)->s, SIZE_MAX);
    rig_run(&rig);
    assert_false(c->h2->held_back);
    assert_int_equal(rig.w->held, 0);
}

/* Others fill the worker: one that holds nothing still gets on, a frame at a time, and all of its window when they are gone, though nobody releases on it. */
static void
who_holds_nothing_gets_on_when_others_fill_the_worker(void **state)
{
    struct h2peer *p = down_ready();
    struct rig_conn *c = &rig.conn[H2_DOWN];

    (void)state;
    h2_worker_set_buffer_limit(rig.w, 1000 * 1000);
    rig.w->held += 2000 * 1000;
    for (int32_t id = 1; id < 150; id += 2) {
        assert_true(c->h2->recv_window > 0);
        fill(c, p, id, 1);
    }
    assert_int_equal(c->h2->recv_window, 16 * 1024);
    rig.w->held -= 2000 * 1000;
    rig_wait_ms(&rig, 1100);
    assert_int_equal(c->h2->recv_window, 500 * 1000);
    assert_false(c->h2->held_back);
}

/* A little that one call holds does not stop the others on its connection, however full the worker is. */
static void
a_few_held_bytes_stop_nobody_when_others_fill_the_worker(void **state)
{
    struct h2peer *p = down_ready();
    struct rig_conn *c = &rig.conn[H2_DOWN];

    (void)state;
    h2_worker_set_buffer_limit(rig.w, 1000 * 1000);
    rig.w->held += 2000 * 1000;
    c->eat = false;
    h2peer_call(p, 1, 0);
    send_data(p, 1, 100);
    rig_run(&rig);
    c->eat = true;
    for (int32_t id = 3; id < 150; id += 2) {
        assert_true(c->h2->recv_window > 0);
        fill(c, p, id, 1);
        assert_true(c->h2->held + (size_t)c->h2->recv_window <= 1024 * 1024);
    }
    assert_int_equal(c->h2->held, 100);
    rig.w->held -= 2000 * 1000;
}

/* Windows given before are no way around the worker's limit: the client is not read any more, until there is room, though nobody releases on its connection. */
static void
a_full_worker_does_not_read_who_holds_something(void **state)
{
    struct h2peer *p = down_ready();
    struct rig_conn *c = &rig.conn[H2_DOWN];

    (void)state;
    h2_worker_set_buffer_limit(rig.w, 1000 * 1000);
    rig.w->held += 2000 * 1000;
    c->eat = false;
    for (int32_t id = 1; id < 17; id += 2) {
        h2peer_call(p, id, 0);
        send_data(p, id, STREAM_WINDOW);
    }
    rig_run(&rig);
    assert_true(c->h2->paused);
    assert_int_equal(rig_stat(&rig, STAT_READS_PAUSED), 1);
    assert_true(c->h2->held >= 16 * 1024 && c->h2->held <= 48 * 1024);
    rig.w->held -= 2000 * 1000;
    rig_wait_ms(&rig, 1100);
    assert_false(c->h2->paused);
    assert_int_equal(c->h2->held, 8 * STREAM_WINDOW);
}

/* A backend is read on: it may say what lets held bytes go. */
static void
a_full_worker_still_reads_backends(void **state)
{
    struct rig_conn *c = &rig.conn[H2_UP];
    struct rig_stream *s;
    struct h2peer *p = up_ready();

    (void)state;
    h2_worker_set_buffer_limit(rig.w, 1000);
    c->eat = false;
    s = rig_request(&rig, true);
    rig_run(&rig);
    h2peer_headers(p, s->s.id, 0, ":status", "200", NULL);
    send_data(p, s->s.id, 60000);
    rig_run(&rig);
    assert_int_equal(c->h2->held, 60000);
    assert_false(c->h2->paused);
}

/* ---- holding back, as a client ---- */

/* Over the cap, a little under it, more data, then all is taken: the connection must be as good as new. */
static void
a_connection_once_held_back_is_used_again(void **state)
{
    struct rig_conn *c = &rig.conn[H2_UP];
    struct h2peer *p;
    struct rig_stream *s[3];
    unsigned news;

    (void)state;
    c->lim.max_connection_buffer = 100 * 1000;
    p = up_ready();
    c->eat = false;
    for (int i = 0; i < 3; i++) {
        s[i] = rig_request(&rig, true);
        rig_run(&rig);
        h2peer_headers(p, s[i]->s.id, 0, ":status", "200", NULL);
    }
    send_data(p, s[0]->s.id, 60000);
    send_data(p, s[1]->s.id, 35000);
    rig_run(&rig);
    assert_true(c->h2->held_back);
    assert_int_equal(h2_conn_free_streams(c->h2), 0);
    h2_stream_consume(&s[0]->s, 30000); /* 65,000: over half of the cap */
    news = c->settings;
    send_data(p, s[2]->s.id, 5000);
    rig_run(&rig);
    for (int i = 0; i < 3; i++)
        h2_stream_consume(&s[i]->s, SIZE_MAX);
    rig_run(&rig);
    assert_false(c->h2->held_back);
    assert_true(h2_conn_free_streams(c->h2) > 0);
    assert_true(c->settings > news); /* the owner must hear that there is room again */
}

/* Nothing is held and no call is left that could use up the rest of the window: the next call must not wait for others to release. */
static void
an_idle_connection_is_used_again_though_others_fill_the_worker(void **state)
{
    struct rig_conn *c = &rig.conn[H2_UP];
    struct h2peer *p = up_ready();

    (void)state;
    h2_worker_set_buffer_limit(rig.w, 1000 * 1000);
    rig.w->held += 2000 * 1000;
    while (c->h2->recv_window > 3000) {
        struct rig_stream *s = rig_request(&rig, true);
        size_t n = (size_t)c->h2->recv_window - 3000;

        rig_run(&rig);
        h2peer_headers(p, s->s.id, 0, ":status", "200", NULL);
        send_data(p, s->s.id, n < STREAM_WINDOW ? n : STREAM_WINDOW);
        rig_run(&rig);
        h2peer_u32(p, F_RST, s->s.id, H2_CANCEL);
        rig_run(&rig);
        if (c->h2->recv_window > 3000 && c->h2->recv_window <= 16 * 1024)
            break;
    }
    rig_wait_ms(&rig, 1100);
    assert_int_equal(c->h2->held, 0);
    assert_false(c->h2->held_back);
    assert_true(h2_conn_free_streams(c->h2) > 0);
    rig.w->held -= 2000 * 1000;
}

/* At the cap, calls that nobody reads end: after 10 s, or after 1 s when their clients opened no window for them though they could. */
static void
hoarders_end_sooner_when_they_never_read(void **state)
{
    struct rig_conn *c = &rig.conn[H2_UP];
    struct h2_conn client = { .send_window = 1 };
    struct h2_stream closed = { .conn = &client }, too = { .conn = &client },
                     open = { .conn = &client, .send_window = 1 };
    struct h2peer *p;
    struct rig_stream *slow, *never, *next;

    (void)state;
    c->lim.max_connection_buffer = 80 * 1000;
    p = up_ready();
    c->eat = false;
    slow = rig_request(&rig, true);
    never = rig_request(&rig, true);
    next = rig_request(&rig, true);
    slow->s.other = &open;
    never->s.other = &closed;
    next->s.other = &too;
    rig_run(&rig);
    h2peer_headers(p, slow->s.id, 0, ":status", "200", NULL);
    h2peer_headers(p, never->s.id, 0, ":status", "200", NULL);
    send_data(p, slow->s.id, 38000);
    send_data(p, never->s.id, 41000);
    rig_run(&rig);
    assert_true(c->h2->held_back);
    client.send_window = 0; /* the client is busy with others: patience */
    rig_wait_ms(&rig, 3000);
    assert_int_equal(never->closed, 0);
    client.send_window = 1;
    rig_wait_ms(&rig, 600);
    assert_int_equal(never->closed, 1);
    assert_int_equal(never->s.close_err, ERR_STALL);
    assert_int_equal(next->closed, 1); /* it would fill what became free */
    assert_int_equal(slow->closed, 0);
}

/* Two clients of the same full backend connection: `moving` reads, the windows of `stuck` are open but nobody reads its socket. */
static struct {
    struct h2_conn stuck, moving;
    struct h2_stream to_stuck, to_moving;
    struct rig_stream *slow, *never, *next;
} full;

static void
fill_for_two(struct rig_conn *c)
{
    struct h2peer *p;

    memset(&full, 0, sizeof(full));
    full.stuck.send_window = full.moving.send_window = 1;
    full.to_stuck = (struct h2_stream){ .conn = &full.stuck, .send_window = 1 };
    full.to_moving = (struct h2_stream){ .conn = &full.moving, .send_window = 1 };
    c->lim.max_connection_buffer = 80 * 1000;
    p = up_ready();
    c->eat = false;
    full.slow = rig_request(&rig, true);
    full.never = rig_request(&rig, true);
    full.next = rig_request(&rig, true);
    full.slow->s.other = &full.to_moving;
    full.never->s.other = full.next->s.other = &full.to_stuck;
    rig_run(&rig);
    h2peer_headers(p, full.slow->s.id, 0, ":status", "200", NULL);
    h2peer_headers(p, full.never->s.id, 0, ":status", "200", NULL);
    send_data(p, full.slow->s.id, 38000);
    send_data(p, full.never->s.id, 41000);
    rig_run(&rig);
    assert_true(c->h2->held_back);
    full.stuck.outq.len = full.moving.outq.len = 100;
    full.stuck.write_progress_us = loop_now_us(rig.loop);
}

static void
pass_ms(unsigned ms)
{
    for (; ms > 0; ms -= 200) {
        full.moving.write_progress_us = loop_now_us(rig.loop);
        rig_wait_ms(&rig, 200);
    }
}

static void
a_stuck_client_goes_when_others_wait_for_it(void **state)
{
    struct rig_conn *c = &rig.conn[H2_UP];
    struct rig_stream *waiting;

    (void)state;
    fill_for_two(c);
    waiting = rig_request(&rig, true);
    waiting->s.other = &full.to_moving;
    pass_ms(1800);
    assert_int_equal(full.never->closed, 0); /* a client may lose some packets in a row */
    pass_ms(1000);
    assert_int_equal(full.never->closed, 1);
    assert_int_equal(full.never->s.close_err, ERR_STALL);
    assert_int_equal(full.next->closed, 1);
    assert_int_equal(full.slow->closed, 0);
    assert_int_equal(waiting->closed, 0);
}

static void
a_stuck_client_stays_when_nobody_waits_for_it(void **state)
{
    (void)state;
    fill_for_two(&rig.conn[H2_UP]);
    pass_ms(5000);
    assert_int_equal(full.never->closed, 0);
    assert_int_equal(full.next->closed, 0);
}

/* Its socket is stuck, but others filled the connection. */
static void
a_stuck_client_that_holds_little_stays(void **state)
{
    struct rig_stream *waiting;

    (void)state;
    fill_for_two(&rig.conn[H2_UP]);
    waiting = rig_request(&rig, true);
    waiting->s.other = &full.to_moving;
    full.never->s.other = &full.to_moving;
    pass_ms(5000);
    assert_int_equal(full.next->closed, 0);
}

/* Under memory pressure of others, DATA that nobody wants (reset streams) must still give the connection its window back: no reader ever will. */
static void
unwanted_data_under_pressure_leaks_no_window(void **state)
{
    struct rig_conn *c = &rig.conn[H2_DOWN];
    struct h2peer *p = down_ready();
    size_t sent = 0;

    (void)state;
    h2_worker_set_buffer_limit(rig.w, 1000);
    rig.w->held += 2000; /* somebody else's */
    for (int32_t id = 1; id < 160; id += 2) {
        size_t n;

        h2peer_call(p, id, 0);
        rig_run(&rig);
        h2_stream_reset(&rig_stream(&rig, H2_DOWN, id)->s, H2_CANCEL);
        rig_run(&rig);
        n = c->h2->recv_window < 60000 ? (size_t)c->h2->recv_window : 60000;
        assert_true(n > 0);
        send_data(p, id, n);
        sent += n;
        rig_run(&rig);
    }
    assert_int_equal(c->closes, 0);
    assert_true(sent > 1024 * 1024);
    rig.w->held -= 2000;
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        H2_TEST(held_bytes_and_the_window_stay_within_the_cap),
        H2_TEST(a_cap_below_the_window_makes_the_window_smaller),
        H2_TEST(held_back_window_returns_when_its_streams_close),
        H2_TEST(worker_limit_holds_windows_back_and_gives_them_back),
        H2_TEST(who_holds_nothing_gets_on_when_others_fill_the_worker),
        H2_TEST(a_few_held_bytes_stop_nobody_when_others_fill_the_worker),
        H2_TEST(a_full_worker_does_not_read_who_holds_something),
        H2_TEST(a_full_worker_still_reads_backends),
        H2_TEST(a_connection_once_held_back_is_used_again),
        H2_TEST(an_idle_connection_is_used_again_though_others_fill_the_worker),
        H2_TEST(hoarders_end_sooner_when_they_never_read),
        H2_TEST(a_stuck_client_goes_when_others_wait_for_it),
        H2_TEST(a_stuck_client_stays_when_nobody_waits_for_it),
        H2_TEST(a_stuck_client_that_holds_little_stays),
        H2_TEST(unwanted_data_under_pressure_leaks_no_window),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
