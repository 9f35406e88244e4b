/* SPDX-License-Identifier: Apache-2.0 */
/* Every shape of a request that we send and of a response that we receive; and both roles with input cut at every byte. */
#include "h2test.h"

/* ---- we are the client ---- */

static void
request_waits_for_no_settings_and_ends_with_its_headers(void **state)
{
    struct h2peer *p = rig_connect(&rig, H2_UP, ROOM, 0)->peer;
    struct rig_stream *s = rig_request(&rig, true);

    (void)state;
    rig_run(&rig);
    assert_int_equal(h2peer_count(p, F_HEADERS, 1), 1);
    assert_int_equal(h2peer_find(p, F_HEADERS, 1, 0)->flags & FL_END_STREAM,
                     FL_END_STREAM);
    assert_string_equal(
        h2peer_find(p, F_HEADERS, 1, 0)->fields,
        ":method: POST\n:scheme: http\n:path: /test.Service/Method\n"
        ":authority: test.example\nte: trailers\ncontent-type: application/grpc\n");
    assert_int_equal(s->seen, 0);
}

static void
request_body_queued_at_once_follows_the_headers(void **state)
{
    struct h2peer *p = up_ready();
    struct rig_stream *s = rig_request(&rig, false);

    (void)state;
    rig_send(s, 20000);
    rig_end(s, false);
    rig_run(&rig);
    assert_int_equal(h2peer_data(p, 1), 20000);
    assert_int_equal(h2peer_count(p, F_DATA, 1), 2);
    assert_int_equal(h2peer_find(p, F_DATA, 1, 1)->flags, FL_END_STREAM);
}

static void
body_appended_in_one_turn_after_another_keeps_its_order(void **state)
{
    struct h2peer *p = up_ready();
    struct rig_stream *s = rig_request(&rig, false);
    size_t sum = 0;

    (void)state;
    for (size_t n = 1; n < 200; n += 7) {
        rig_send(s, n);
        sum += n;
        if (n % 3 == 0)
            rig_turns(&rig, 1);
    }
    rig_end(s, false);
    rig_run(&rig);
    assert_int_equal(h2peer_data(p, 1), sum);
}

static void
answer_headers_body_trailers_are_told_apart(void **state)
{
    struct h2peer *p = up_ready();
    struct rig_stream *s = rig_request(&rig, true);

    (void)state;
    rig_run(&rig);
    answer(p, 1, false);
    rig_run(&rig);
    assert_int_equal(s->seen & ~H2_EV_DRAINED, H2_EV_HEADERS);
    h2peer_frame(p, F_DATA, 0, 1, NULL, 77);
    rig_run(&rig);
    assert_int_equal(s->got.len, 77);
    h2peer_headers(p, 1, FL_END_STREAM, "grpc-status", "0", NULL);
    rig_run(&rig);
    assert_int_equal(s->seen, H2_EV_HEADERS | H2_EV_DATA | H2_EV_TRAILERS | H2_EV_END |
                                  H2_EV_CLOSED);
    assert_int_equal(s->s.close_err, ERR_OK);
    assert_false(s->s.unprocessed);
    assert_true(
        slice_eq_str(h2_headers_get(&s->s.in_trailers, H2_TOKEN_GRPC_STATUS), "0"));
}

static void
trailers_only_answer_is_headers_with_the_end(void **state)
{
    struct h2peer *p = up_ready();
    struct rig_stream *s = rig_request(&rig, true);

    (void)state;
    rig_run(&rig);
    h2peer_headers(p, 1, FL_END_STREAM, ":status", "200", "grpc-status", "5", NULL);
    rig_run(&rig);
    assert_int_equal(s->seen & ~H2_EV_DRAINED, H2_EV_HEADERS | H2_EV_END | H2_EV_CLOSED);
    assert_int_equal(s->told, 1);
}

static void
answer_before_the_request_ended_leaves_us_half_open(void **state)
{
    struct h2peer *p = up_ready();
    struct rig_stream *s = rig_request(&rig, false);

    (void)state;
    rig_run(&rig);
    h2peer_headers(p, 1, FL_END_STREAM, ":status", "200", "grpc-status", "0", NULL);
    rig_run(&rig);
    assert_true(s->s.in_ended);
    assert_int_equal(s->closed, 0);
    rig_send(s, 10);
    rig_end(s, false);
    rig_run(&rig);
    assert_int_equal(h2peer_data(p, 1), 10);
    assert_int_equal(s->closed, 1);
    assert_int_equal(s->s.close_err, ERR_OK);
}

static void
interim_answers_are_dropped(void **state)
{
    struct h2peer *p = up_ready();
    struct rig_stream *s = rig_request(&rig, true);

    (void)state;
    rig_run(&rig);
    for (int i = 0; i < 8; i++)
        h2peer_headers(p, 1, 0, ":status", i & 1 ? "103" : "100", "link", "x", NULL);
    rig_run(&rig);
    assert_int_equal(s->seen, 0);
    answer(p, 1, false);
    h2peer_headers(p, 1, FL_END_STREAM, "grpc-status", "0", NULL);
    rig_run(&rig);
    assert_int_equal(s->s.close_err, ERR_OK);
    assert_true(slice_eq_str(h2_headers_get(&s->s.in_headers, H2_TOKEN_STATUS), "200"));
    assert_int_equal(s->s.in_headers.n, 2);
    assert_int_equal(rig_stat(&rig, STAT_INTERIM_DROPPED), 8);
}

static void
more_than_eight_interim_answers_end_the_stream(void **state)
{
    struct h2peer *p = up_ready();
    struct rig_stream *s = rig_request(&rig, true), *other = rig_request(&rig, true);

    (void)state;
    rig_run(&rig);
    for (int i = 0; i < 20; i++)
        h2peer_headers(p, 1, 0, ":status", "100", NULL);
    answer(p, 3, false);
    rig_run(&rig);
    assert_int_equal(s->seen & ~H2_EV_DRAINED, H2_EV_CLOSED);
    assert_int_equal(s->s.close_err, ERR_PROTOCOL);
    assert_int_equal(h2peer_rst_code(p, 1), H2_ENHANCE_YOUR_CALM);
    assert_int_equal(other->seen, H2_EV_HEADERS);
}

static void
interim_answer_with_the_end_is_malformed(void **state)
{
    struct h2peer *p = up_ready();
    struct rig_stream *s = rig_request(&rig, true);

    (void)state;
    rig_run(&rig);
    h2peer_headers(p, 1, FL_END_STREAM, ":status", "100", NULL);
    rig_run(&rig);
    assert_int_equal(s->closed, 1);
    assert_int_equal(s->s.close_err, ERR_PROTOCOL);
    assert_int_equal(s->seen & H2_EV_HEADERS, 0);
}

static void
push_promise_never_becomes_a_stream(void **state)
{
    struct h2peer *p = rig_connect(&rig, H2_UP, ROOM, 0)->peer;
    struct rig_stream *s = rig_request(&rig, true);
    uint8_t b[256] = { 0, 0, 0, 2 };
    size_t n;

    (void)state;
    p->ack_settings = false; /* ENABLE_PUSH=0 is not in force yet */
    h2peer_settings(p, 0);
    rig_run(&rig);
    n = h2peer_block(p, b + 4, sizeof(b) - 4, ":method", "GET", ":scheme", "http",
                     ":path", "/x", ":authority", "test.example", NULL);
    h2peer_frame(p, F_PUSH, FL_END_HEADERS, 1, b, n + 4);
    h2peer_headers(p, 2, 0, ":status", "200", NULL);
    h2peer_frame(p, F_DATA, FL_END_STREAM, 2, NULL, 5000);
    rig_run(&rig);
    assert_int_equal(rig.conn[H2_UP].opens, 1);
    assert_int_equal(s->seen & H2_EV_HEADERS, 0);
}

/* ---- cut at every byte ---- */

static void
input_cut_at_every_byte_reads_the_same(void **state)
{
    struct h2peer *p = down_ready();
    uint8_t *bytes;
    size_t n;
    int32_t id = 1;

    (void)state;
    h2peer_set_deaf(p, false);
    for (size_t cut = 0;; cut++, id += 2) {
        struct rig_stream *s;
        size_t base = p->out_len;

        assert_int_equal(base, 0);
        h2peer_call(p, id, 0);
        h2peer_frame(p, F_DATA, 0, id, "hello", 5);
        h2peer_frame(p, F_PING, 0, 0, "12345678", 8);
        h2peer_frame(p, F_DATA, FL_END_STREAM, id, " world", 6);
        n = p->out_len;
        if (cut >= n)
            break;
        bytes = malloc(n);
        assert_non_null(bytes);
        memcpy(bytes, p->out, n);
        p->out_len = 0;
        h2peer_bytes(p, bytes, cut);
        rig_run(&rig);
        h2peer_bytes(p, bytes + cut, n - cut);
        rig_run(&rig);
        free(bytes);
        s = rig_stream(&rig, H2_DOWN, id);
        assert_non_null(s);
        assert_int_equal(s->seen, H2_EV_HEADERS | H2_EV_DATA | H2_EV_END);
        assert_int_equal(s->got.len, 11);
        assert_memory_equal(s->got.head->data + s->got.head->off, "hello world", 11);
        assert_int_equal(rig_respond(s, true), ERR_OK);
        rig_run(&rig);
        assert_int_equal(s->closed, 1);
    }
    assert_int_equal(rig_stat(&rig, STAT_GLITCHES), 0);
}

/* A long request block in HEADERS and CONTINUATION frames, byte by byte (reliability.md finding 9). */
static void
continuations_in_single_bytes_are_one_block(void **state)
{
    struct h2peer *p;
    uint8_t b[4096];
    char long_value[301];
    size_t n;
    struct rig_stream *s;

    (void)state;
    memset(long_value, '@', 300);
    long_value[300] = '\0';
    p = rig_connect(&rig, H2_DOWN, ROOM, 1)->peer;
    rig_greet(&rig, H2_DOWN);
    n = h2peer_block(p, b, sizeof(b), ":method", "POST", ":scheme", "http", ":path",
                     "/a/b", ":authority", "x", "content-type", "application/grpc", "x-1",
                     "0123456789", "x-2", long_value, NULL);
    assert_true(n > 150);
    h2peer_frame(p, F_HEADERS, FL_END_STREAM, 1, b, 10);
    h2peer_frame(p, F_CONTINUATION, 0, 1, b + 10, 10);
    h2peer_frame(p, F_CONTINUATION, FL_END_HEADERS, 1, b + 20, n - 20);
    rig_run(&rig);
    s = rig_stream(&rig, H2_DOWN, 1);
    assert_non_null(s);
    assert_int_equal(s->s.in_headers.n, 7);
    assert_int_equal(s->seen, H2_EV_HEADERS | H2_EV_END);
}

static void
echo(struct rig_stream *s, unsigned events)
{
    if (events & H2_EV_HEADERS)
        assert_int_equal(rig_respond(s, false), ERR_OK);
    if (events & H2_EV_DATA && s->got.len) {
        buf_splice(&s->s.out, s->conn->rig->bufs, &s->got);
        h2_stream_kick(&s->s);
    }
    if (events & H2_EV_END)
        rig_end(s, true);
}

static void
echo_through(size_t room, size_t step, size_t bytes)
{
    struct rig_stream *s;

    rig_connect_both(&rig, room, step);
    rig.conn[H2_DOWN].on_events = echo;
    rig_run(&rig);
    s = rig_request(&rig, false);
    rig_send(s, bytes);
    rig_end(s, false);
    rig_run(&rig);
    assert_int_equal(s->closed, 1);
    assert_int_equal(s->s.close_err, ERR_OK);
    assert_int_equal(s->got.len, bytes);
    assert_true(rig_pattern_ok(&s->got));
    assert_int_equal(s->s.in_trailers.n, 2);
}

static void
echo_in_single_bytes(void **state)
{
    (void)state;
    echo_through(ROOM, 1, 3000);
}

static void
echo_through_a_tiny_pipe(void **state)
{
    (void)state;
    echo_through(37, 0, 300000);
}

static void
echo_larger_than_every_window(void **state)
{
    (void)state;
    echo_through(70000, 9973, 9 * 1000 * 1000);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        H2_TEST(request_waits_for_no_settings_and_ends_with_its_headers),
        H2_TEST(request_body_queued_at_once_follows_the_headers),
        H2_TEST(body_appended_in_one_turn_after_another_keeps_its_order),
        H2_TEST(answer_headers_body_trailers_are_told_apart),
        H2_TEST(trailers_only_answer_is_headers_with_the_end),
        H2_TEST(answer_before_the_request_ended_leaves_us_half_open),
        H2_TEST(interim_answers_are_dropped),
        H2_TEST(more_than_eight_interim_answers_end_the_stream),
        H2_TEST(interim_answer_with_the_end_is_malformed),
        H2_TEST(push_promise_never_becomes_a_stream),
        H2_TEST(input_cut_at_every_byte_reads_the_same),
        H2_TEST(continuations_in_single_bytes_are_one_block),
        H2_TEST(echo_in_single_bytes),
        H2_TEST(echo_through_a_tiny_pipe),
        H2_TEST(echo_larger_than_every_window),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
