/* SPDX-License-Identifier: Apache-2.0 */
/* Every shape of a request that we receive and of a response that we send. The other role, and input cut into single bytes: test_shape_up. */
#include "h2test.h"

/* ---- we are the server ---- */

static void
request_without_a_body_is_one_event(void **state)
{
    struct h2peer *p = down_ready();
    struct rig_stream *s;

    (void)state;
    h2peer_call(p, 1, FL_END_STREAM);
    rig_run(&rig);
    s = rig_stream(&rig, H2_DOWN, 1);
    assert_non_null(s);
    assert_int_equal(s->seen, H2_EV_HEADERS | H2_EV_END);
    assert_int_equal(s->told, 1);
    assert_true(s->s.in_ended);
    assert_int_equal(s->s.in_headers.n, 6);
    assert_true(slice_eq_str(h2_headers_get(&s->s.in_headers, H2_TOKEN_PATH),
                             "/test.Service/Method"));
    assert_false(s->s.in_headers.over || s->s.in_headers.invalid);
}

static void
headers_body_and_end_of_one_read_are_one_event(void **state)
{
    struct h2peer *p = down_ready();
    struct rig_stream *s;

    (void)state;
    h2peer_call(p, 1, 0);
    h2peer_frame(p, F_DATA, 0, 1, NULL, 100);
    h2peer_frame(p, F_DATA, FL_END_STREAM, 1, NULL, 100);
    rig_run(&rig);
    s = rig_stream(&rig, H2_DOWN, 1);
    assert_int_equal(s->seen, H2_EV_HEADERS | H2_EV_DATA | H2_EV_END);
    assert_int_equal(s->told, 1);
    assert_int_equal(s->got.len, 200);
}

static void
request_trailers_are_told_apart(void **state)
{
    struct h2peer *p = down_ready();
    struct rig_stream *s;

    (void)state;
    h2peer_call(p, 1, 0);
    h2peer_frame(p, F_DATA, 0, 1, NULL, 5);
    h2peer_headers(p, 1, FL_END_STREAM, "x-sum", "12", NULL);
    rig_run(&rig);
    s = rig_stream(&rig, H2_DOWN, 1);
    assert_int_equal(s->seen, H2_EV_HEADERS | H2_EV_DATA | H2_EV_TRAILERS | H2_EV_END);
    assert_int_equal(s->s.in_headers.n, 6);
    assert_int_equal(s->s.in_trailers.n, 1);
}

static void
trailers_without_end_stream_reset_the_stream(void **state)
{
    struct h2peer *p = down_ready();
    struct rig_stream *s;

    (void)state;
    h2peer_call(p, 1, 0);
    h2peer_headers(p, 1, 0, "x-sum", "12", NULL);
    rig_run(&rig);
    s = rig_stream(&rig, H2_DOWN, 1);
    assert_int_equal(s->closed, 1);
    assert_int_equal(s->s.close_err, ERR_PROTOCOL);
    assert_int_equal(h2peer_rst_code(p, 1), H2_PROTOCOL_ERROR);
    assert_non_null(rig.conn[H2_DOWN].h2);
}

static void
empty_body_ends_with_an_empty_data_frame(void **state)
{
    struct h2peer *p = down_ready();
    struct rig_stream *s;

    (void)state;
    h2peer_call(p, 1, 0);
    h2peer_frame(p, F_DATA, FL_END_STREAM, 1, NULL, 0);
    rig_run(&rig);
    s = rig_stream(&rig, H2_DOWN, 1);
    assert_int_equal(s->seen & ~H2_EV_DATA, H2_EV_HEADERS | H2_EV_END);
    assert_int_equal(s->got.len, 0);
    assert_int_equal(rig_stat(&rig, STAT_GLITCHES), 0);
}

static void
trailers_only_answer_is_one_headers_frame(void **state)
{
    struct h2peer *p = down_ready();
    const struct peer_frame *f;

    (void)state;
    h2peer_call(p, 1, FL_END_STREAM);
    rig_run(&rig);
    assert_int_equal(rig_respond(rig_stream(&rig, H2_DOWN, 1), true), ERR_OK);
    rig_run(&rig);
    assert_int_equal(h2peer_count(p, F_ANY, 1), 1);
    f = h2peer_find(p, F_HEADERS, 1, 0);
    assert_int_equal(f->flags & FL_END_STREAM, FL_END_STREAM);
    assert_string_equal(f->fields,
                        ":status: 200\ncontent-type: application/grpc\ngrpc-status: 0\n");
    assert_int_equal(rig_stream(&rig, H2_DOWN, 1)->closed, 1);
    assert_int_equal(rig_stream(&rig, H2_DOWN, 1)->s.close_err, ERR_OK);
}

static void
body_and_trailers_need_no_empty_data_frame(void **state)
{
    struct h2peer *p = down_ready();
    struct rig_stream *s;

    (void)state;
    h2peer_call(p, 1, FL_END_STREAM);
    rig_run(&rig);
    s = rig_stream(&rig, H2_DOWN, 1);
    assert_int_equal(rig_respond(s, false), ERR_OK);
    rig_send(s, 10);
    rig_end(s, true);
    rig_run(&rig);
    assert_int_equal(h2peer_count(p, F_ANY, 1), 3);
    assert_int_equal(h2peer_find(p, F_DATA, 1, 0)->n, 10);
    assert_int_equal(h2peer_find(p, F_DATA, 1, 0)->flags, 0);
    assert_int_equal(h2peer_find(p, F_HEADERS, 1, 1)->flags & FL_END_STREAM,
                     FL_END_STREAM);
    assert_string_equal(h2peer_find(p, F_HEADERS, 1, 1)->fields,
                        "grpc-status: 0\nx-n: 1\n");
    assert_int_equal(s->closed, 1);
    assert_int_equal(s->s.close_err, ERR_OK);
}

static void
trailers_right_after_the_headers_have_no_data_between(void **state)
{
    struct h2peer *p = down_ready();
    struct rig_stream *s;

    (void)state;
    h2peer_call(p, 1, FL_END_STREAM);
    rig_run(&rig);
    s = rig_stream(&rig, H2_DOWN, 1);
    assert_int_equal(rig_respond(s, false), ERR_OK);
    rig_run(&rig);
    rig_end(s, true);
    rig_run(&rig);
    assert_int_equal(h2peer_count(p, F_DATA, 1), 0);
    assert_int_equal(h2peer_count(p, F_HEADERS, 1), 2);
    assert_int_equal(s->closed, 1);
}

/* 128 of a backend and the edits of a route may be more than a byte counts. */
static void
all_of_many_trailers_are_sent(void **state)
{
    enum { MANY = 300 };
    static struct h2_field fields[MANY];
    struct h2peer *p = down_ready();
    const char *at;
    struct rig_stream *s;
    unsigned n = 0;

    (void)state;
    for (int i = 0; i < MANY; i++)
        fields[i] = H2_FIELD("x-n", "1");
    h2peer_call(p, 1, FL_END_STREAM);
    rig_run(&rig);
    s = rig_stream(&rig, H2_DOWN, 1);
    assert_int_equal(rig_respond(s, false), ERR_OK);
    h2_stream_end(&s->s, fields, MANY);
    rig_run(&rig);
    at = h2peer_find(p, F_HEADERS, 1, 1)->fields;
    while ((at = strstr(at, "x-n: 1\n"))) {
        n++;
        at++;
    }
    assert_int_equal(n, MANY);
}

static void
bare_end_comes_with_the_last_bytes(void **state)
{
    struct h2peer *p = down_ready();
    struct rig_stream *s;

    (void)state;
    h2peer_call(p, 1, FL_END_STREAM);
    rig_run(&rig);
    s = rig_stream(&rig, H2_DOWN, 1);
    assert_int_equal(rig_respond(s, false), ERR_OK);
    rig_send(s, 40000);
    rig_end(s, false);
    rig_run(&rig);
    assert_int_equal(h2peer_data(p, 1), 40000);
    assert_int_equal(h2peer_count(p, F_DATA, 1), 3); /* 16384 + 16384 + 7232 */
    assert_int_equal(h2peer_find(p, F_DATA, 1, 1)->flags, 0);
    assert_int_equal(h2peer_find(p, F_DATA, 1, 2)->flags, FL_END_STREAM);
    assert_int_equal(s->closed, 1);
}

static void
late_bare_end_is_one_empty_data_frame(void **state)
{
    struct h2peer *p = down_ready();
    struct rig_stream *s;

    (void)state;
    h2peer_call(p, 1, FL_END_STREAM);
    rig_run(&rig);
    s = rig_stream(&rig, H2_DOWN, 1);
    assert_int_equal(rig_respond(s, false), ERR_OK);
    rig_send(s, 10);
    rig_run(&rig);
    rig_end(s, false);
    rig_run(&rig);
    assert_int_equal(h2peer_count(p, F_DATA, 1), 2);
    assert_int_equal(h2peer_find(p, F_DATA, 1, 1)->n, 0);
    assert_int_equal(h2peer_find(p, F_DATA, 1, 1)->flags, FL_END_STREAM);
}

static void
end_is_heard_once(void **state)
{
    struct h2peer *p = down_ready();
    struct rig_stream *s;

    (void)state;
    h2peer_call(p, 1, FL_END_STREAM);
    rig_run(&rig);
    s = rig_stream(&rig, H2_DOWN, 1);
    assert_int_equal(rig_respond(s, false), ERR_OK);
    rig_send(s, 10);
    rig_end(s, true);
    rig_end(s, false);
    h2_stream_kick(&s->s);
    rig_run(&rig);
    rig_end(s, true);
    h2_stream_kick(&s->s);
    rig_run(&rig);
    assert_int_equal(h2peer_count(p, F_ANY, 1), 3);
}

static void
early_answer_resets_after_the_trailers_and_never_before(void **state)
{
    struct h2peer *p = down_ready();
    const struct peer_frame *rst, *trailers;
    struct rig_stream *s;

    (void)state;
    h2peer_call(p, 1, 0);
    h2peer_frame(p, F_DATA, 0, 1, NULL, 10);
    rig_run(&rig);
    s = rig_stream(&rig, H2_DOWN, 1);
    assert_int_equal(rig_respond(s, false), ERR_OK);
    rig_send(s, 30000);
    rig_run(&rig);
    assert_null(h2peer_find(p, F_RST, 1, 0));
    rig_end(s, true);
    rig_run(&rig);
    rst = h2peer_find(p, F_RST, 1, 0);
    trailers = h2peer_find(p, F_HEADERS, 1, 1);
    assert_non_null(rst);
    assert_int_equal(h2peer_rst_code(p, 1), H2_NO_ERROR);
    assert_true(trailers->at < rst->at);
    assert_int_equal(h2peer_data(p, 1), 30000);
    assert_int_equal(s->closed, 1);
    assert_int_equal(s->s.close_err, ERR_OK);
}

static void
early_answer_waits_for_a_blocked_window(void **state)
{
    struct h2peer *p = rig_connect(&rig, H2_DOWN, ROOM, 0)->peer;
    struct rig_stream *s;

    (void)state;
    h2peer_preface(p);
    h2peer_settings(p, SET_WINDOW, 1000, 0);
    h2peer_call(p, 1, 0);
    rig_run(&rig);
    s = rig_stream(&rig, H2_DOWN, 1);
    assert_int_equal(rig_respond(s, false), ERR_OK);
    rig_send(s, 3000);
    rig_end(s, true);
    rig_wait_ms(&rig, 5000);
    assert_int_equal(h2peer_data(p, 1), 1000);
    assert_null(h2peer_find(p, F_RST, 1, 0));
    assert_int_equal(h2peer_count(p, F_HEADERS, 1), 1);
    h2peer_u32(p, F_WINDOW, 1, 2000);
    rig_run(&rig);
    assert_int_equal(h2peer_data(p, 1), 3000);
    assert_int_equal(h2peer_rst_code(p, 1), H2_NO_ERROR);
}

static void
patient_stream_gives_the_client_a_second_to_end(void **state)
{
    struct h2peer *p = down_ready();
    struct rig_stream *s;

    (void)state;
    h2peer_call(p, 1, 0);
    h2peer_call(p, 3, 0);
    rig_run(&rig);
    for (int32_t id = 1; id <= 3; id += 2) {
        s = rig_stream(&rig, H2_DOWN, id);
        s->s.patient = true;
        assert_int_equal(rig_respond(s, true), ERR_OK);
    }
    rig_wait_ms(&rig, 900);
    assert_null(h2peer_find(p, F_RST, -1, 0));
    h2peer_frame(p, F_DATA, FL_END_STREAM, 1, NULL, 0);
    rig_wait_ms(&rig, 1000);
    assert_null(h2peer_find(p, F_RST, 1, 0));
    assert_int_equal(h2peer_rst_code(p, 3), H2_NO_ERROR);
    assert_int_equal(rig_stream(&rig, H2_DOWN, 1)->s.close_err, ERR_OK);
    assert_int_equal(rig_stream(&rig, H2_DOWN, 3)->closed, 1);
}

static void
large_answer_header_is_continued_and_whole(void **state)
{
    struct h2peer *p = down_ready();
    struct rig_stream *s;
    static uint8_t big[40000];

    (void)state;
    memset(big, 'q', sizeof(big));
    h2peer_call(p, 1, FL_END_STREAM);
    rig_run(&rig);
    s = rig_stream(&rig, H2_DOWN, 1);
    s->fields[0] = H2_FIELD(":status", "200");
    s->fields[1] = (struct h2_field){ (uint8_t *)(uintptr_t) "x-big", big, 5, sizeof(big),
                                      H2_FIELD_STATIC | H2_FIELD_NO_INDEX };
    assert_int_equal(h2_stream_respond(&s->s, s->fields, 2, true), ERR_OK);
    rig_run(&rig);
    assert_true(h2peer_count(p, F_CONTINUATION, 1) >= 1);
    assert_int_equal(s->closed, 1);
    for (size_t i = 0; i < p->n; i++) {
        if (p->frames[i].fields)
            assert_int_equal(strlen(p->frames[i].fields), 13 + 7 + sizeof(big) + 1);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        H2_TEST(request_without_a_body_is_one_event),
        H2_TEST(headers_body_and_end_of_one_read_are_one_event),
        H2_TEST(request_trailers_are_told_apart),
        H2_TEST(trailers_without_end_stream_reset_the_stream),
        H2_TEST(empty_body_ends_with_an_empty_data_frame),
        H2_TEST(trailers_only_answer_is_one_headers_frame),
        H2_TEST(body_and_trailers_need_no_empty_data_frame),
        H2_TEST(trailers_right_after_the_headers_have_no_data_between),
        H2_TEST(all_of_many_trailers_are_sent),
        H2_TEST(bare_end_comes_with_the_last_bytes),
        H2_TEST(late_bare_end_is_one_empty_data_frame),
        H2_TEST(end_is_heard_once),
        H2_TEST(early_answer_resets_after_the_trailers_and_never_before),
        H2_TEST(early_answer_waits_for_a_blocked_window),
        H2_TEST(patient_stream_gives_the_client_a_second_to_end),
        H2_TEST(large_answer_header_is_continued_and_whole),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
