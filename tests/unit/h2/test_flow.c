/* SPDX-License-Identifier: Apache-2.0 */
/* Receive windows: who gets credit back, when, and that none leaks. How windows grow and what we send under the peer's: test_windows. */
#include "h2test.h"

#include "base/bucket.h"
#include "h2/conn_int.h"

enum { STREAM_WINDOW = 65536 };

/* Window credit sent on this stream (0: connection). */
static size_t
credit(const struct h2peer *p, int32_t id)
{
    size_t sum = 0;

    for (size_t i = 0; i < p->n; i++) {
        if (p->frames[i].type == F_WINDOW && p->frames[i].id == id)
            sum += h2peer_get_u32(p->frames[i].payload);
    }
    return sum;
}

static void
send_data(struct h2peer *p, int32_t id, size_t n)
{
    while (n) {
        size_t k = n < 16384 ? n : 16384;

        h2peer_frame(p, F_DATA, 0, id, NULL, k);
        n -= k;
    }
}

static void
start_windows_are_as_configured(void **state)
{
    struct h2peer *p = down_ready();
    const struct peer_frame *f = h2peer_find(p, F_SETTINGS, 0, 0);
    uint32_t window = 0, streams = 0, list = 0;

    (void)state;
    for (uint32_t i = 0; i < f->n; i += 6) {
        uint32_t value = h2peer_get_u32(f->payload + i + 2);

        if (f->payload[i + 1] == SET_WINDOW)
            window = value;
        if (f->payload[i + 1] == SET_STREAMS)
            streams = value;
        if (f->payload[i + 1] == SET_LIST)
            list = value;
    }
    assert_int_equal(window, STREAM_WINDOW);
    assert_int_equal(streams, 1024);
    assert_int_equal(list, 16384);
    assert_int_equal(credit(p, 0), 1024 * 1024 - 65535);
}

static void
stream_window_returns_only_when_the_owner_consumed(void **state)
{
    struct h2peer *p = down_ready();
    struct rig_stream *s;
    size_t before;

    (void)state;
    rig.conn[H2_DOWN].eat = false;
    before = credit(p, 0);
    h2peer_call(p, 1, 0);
    send_data(p, 1, STREAM_WINDOW);
    rig_run(&rig);
    s = rig_stream(&rig, H2_DOWN, 1);
    assert_int_equal(s->s.in.len, STREAM_WINDOW);
    assert_int_equal(s->s.held, STREAM_WINDOW);
    assert_int_equal(rig_stat(&rig, STAT_BUFFERED_BYTES), STREAM_WINDOW);
    assert_int_equal(credit(p, 1), 0);
    h2_stream_consume(&s->s, 20000); /* below half of the window: no frame yet */
    rig_run(&rig);
    assert_int_equal(credit(p, 1), 0);
    h2_stream_consume(&s->s, 20000);
    rig_run(&rig);
    assert_int_equal(credit(p, 1), 40000);
    h2_stream_consume(&s->s, SIZE_MAX);
    rig_run(&rig);
    assert_int_equal(s->s.held, 0);
    assert_int_equal(rig_stat(&rig, STAT_BUFFERED_BYTES), 0);
    assert_true(credit(p, 0) - before <= STREAM_WINDOW);
}

static void
connection_window_returns_at_once(void **state)
{
    struct h2peer *p = down_ready();
    size_t before = credit(p, 0), sum = 0;

    (void)state;
    rig.conn[H2_DOWN].eat = false;
    for (int32_t id = 1; id < 60;
         id += 2) { /* 30 streams, none consumed: more than the connection's window */
        h2peer_call(p, id, 0);
        send_data(p, id, STREAM_WINDOW);
        sum += STREAM_WINDOW;
        rig_run(&rig);
    }
    assert_int_equal(rig_stat(&rig, STAT_BUFFERED_BYTES), sum);
    assert_true(credit(p, 0) - before + 512 * 1024 >= sum);
    assert_non_null(rig.conn[H2_DOWN].h2);
}

/* reliability.md A20: after all of it a fresh upload still finds the whole connection window. */
static void
uploads(int how)
{
    struct rig_conn *c = &rig.conn[H2_DOWN];
    struct h2peer *p;
    size_t sent = 0, window = 128 * 1024, got;
    int32_t id;

    c->lim.connection_window = (uint32_t)window;
    c->lim.glitch_burst = c->lim.reset_burst = 1000000;
    p = down_ready();
    c->drop = true;
    got = credit(p, 0) - (window - 65535);
    for (id = 1; id < 20000; id += 2) {
        size_t n = (size_t)(id % 7) * 1500 + 100;

        h2peer_call(p, id, 0);
        send_data(p, id, n);
        if (how == 0) { /* the client resets, with data in the same read */
            h2peer_u32(p, F_RST, id, H2_CANCEL);
        } else { /* we reset while more is in flight */
            rig_turns(&rig, 3);
            if (rig_stream(&rig, H2_DOWN, id))
                h2_stream_reset(&rig_stream(&rig, H2_DOWN, id)->s, H2_CANCEL);
            send_data(p, id, n);
            sent += n;
        }
        sent += n;
        rig_run(&rig);
        assert_non_null(c->h2);
    }
    got = credit(p, 0) - (window - 65535);
    assert_true(sent - got < window / 2 + 1);
    assert_int_equal(c->h2->held, 0);
    assert_int_equal(rig.w->held, 0);
    h2peer_call(p, id, 0);
    for (int i = 0; i < 8; i++) { /* three windows' worth through the same connection */
        send_data(p, id, 48 * 1024);
        rig_run(&rig);
    }
    assert_non_null(c->h2);
    assert_int_equal(rig_stream(&rig, H2_DOWN, id)->got.len, 8 * 48 * 1024);
}

static void
window_does_not_leak_over_uploads_that_the_client_resets(void **state)
{
    (void)state;
    uploads(0);
}

static void
window_does_not_leak_over_uploads_that_we_reset(void **state)
{
    (void)state;
    uploads(1);
}

static void
padding_gives_its_window_back(void **state)
{
    struct h2peer *p = down_ready();
    size_t before = credit(p, 0);
    uint8_t b[256] = { 250 };

    (void)state;
    h2peer_call(p, 1, 0);
    rig_run(&rig);
    for (int i = 0; i < 4000; i++) { /* 5 bytes of body, 251 of padding: 1 MB of window */
        h2peer_frame(p, F_DATA, FL_PADDED, 1, b, sizeof(b));
        if (i % 64 == 0)
            rig_run(&rig);
    }
    rig_run(&rig);
    assert_non_null(rig.conn[H2_DOWN].h2);
    assert_int_equal(rig_stream(&rig, H2_DOWN, 1)->got.len, 4000 * 5);
    assert_true(credit(p, 0) - before > 4000 * 256 - 600 * 1024);
}

/* A read may end anywhere, also in the padding of DATA or HEADERS: none of it is content. */
static void
padding_may_come_in_pieces(void **state)
{
    (void)state;
    for (size_t step = 1; step < 60; step++) {
        struct h2peer *p = rig_connect(&rig, H2_DOWN, ROOM, step)->peer;
        uint8_t head[400] = { 33 }, data[1 + 12 + 20] = "\x14hello world.padding";
        size_t n = 1 + h2peer_block(p, head + 1, 300, ":method", "POST", ":scheme",
                                    "http", ":path", "/a/b", NULL);

        rig_greet(&rig, H2_DOWN);
        memset(head + n, 0xff, 33);
        h2peer_frame(p, F_HEADERS, FL_PADDED | FL_END_HEADERS, 1, head, n + 33);
        h2peer_frame(p, F_DATA, FL_PADDED, 1, data, 1 + 12 + 20);
        h2peer_frame(p, F_DATA, FL_PADDED | FL_END_STREAM, 1, data, 1 + 12 + 20);
        rig_run(&rig);
        assert_non_null(rig.conn[H2_DOWN].h2);
        assert_int_equal(rig_stream(&rig, H2_DOWN, 1)->got.len, 24);
        assert_memory_equal(rig_stream(&rig, H2_DOWN, 1)->got.head->data,
                            "hello world.hello world.", 24);
        assert_true(rig_stream(&rig, H2_DOWN, 1)->s.in_ended);
        rig_close(&rig);
        rig_open(&rig);
    }
}

static void
data_over_the_stream_window_is_a_flow_control_error(void **state)
{
    struct h2peer *p = down_ready();

    (void)state;
    rig.conn[H2_DOWN].eat = false;
    h2peer_call(p, 1, 0);
    send_data(p, 1, STREAM_WINDOW + 1);
    rig_run(&rig);
    assert_int_equal(rig_stream(&rig, H2_DOWN, 1)->closed, 1);
    assert_int_equal(rig_stream(&rig, H2_DOWN, 1)->s.close_err, ERR_PROTOCOL);
    assert_int_equal(h2peer_rst_code(p, 1), H2_FLOW_CONTROL_ERROR);
    /* The library hands out the frame that went over, and nothing behind it. */
    assert_true(rig_stream(&rig, H2_DOWN, 1)->s.in.len <= STREAM_WINDOW + 16384);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        H2_TEST(start_windows_are_as_configured),
        H2_TEST(stream_window_returns_only_when_the_owner_consumed),
        H2_TEST(connection_window_returns_at_once),
        H2_TEST(window_does_not_leak_over_uploads_that_the_client_resets),
        H2_TEST(window_does_not_leak_over_uploads_that_we_reset),
        H2_TEST(padding_gives_its_window_back),
        H2_TEST(padding_may_come_in_pieces),
        H2_TEST(data_over_the_stream_window_is_a_flow_control_error),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
