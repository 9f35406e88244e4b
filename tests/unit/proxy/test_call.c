/* SPDX-License-Identifier: Apache-2.0 */
/* Calls end to end inside one loop (callrig.h): what passes, what is answered at once, cancels, and what is made of broken answers. Header
 * blocks of many fields are in test_fields.c, deadlines in test_call_deadlines.c, replays in test_replay.c, limits and the end in test_call_bounds.c. */
#include "callrig.h"

#include "base/compat.h"
#include "h2/conn.h"

static struct h2peer *const backends = rig.pools[RIG_APP].conns;

static void
a_call_goes_through(void **state)
{
    const char *request, *response;

    (void)state;
    callrig_open();
    h2peer_headers(&rig.client, 1, 0, ":method", "POST", ":scheme", "https", ":path",
                   "/test.Service/Method", ":authority", "a.example", "te", "trailers",
                   "content-type", "application/grpc+proto", "x-a", "1", "x-b-bin",
                   "AAEC", "x-a", "2", "grpc-status", "7", "grpc-timeout", "10S",
                   "content-length", "10", NULL);
    send_hello(&rig.client, 1, true);
    TURN_UNTIL(rig.loop,
               rig.pools[RIG_APP].accepted && h2peer_data(&backends[0], 1) == HELLO);
    request = fields_of(&backends[0], 1, 0);
    HAS(request, ":method: POST\n");
    HAS(request, ":scheme: http\n");
    HAS(request, ":path: /test.Service/Method\n");
    HAS(request, ":authority: a.example\n");
    HAS(request, "te: trailers\n");
    HAS(request, "content-type: application/grpc+proto\n");
    HAS(request, "x-b-bin: AAEC\n");
    assert_true(strstr(request, "x-a: 1\n") < strstr(request, "x-a: 2\n"));
    HAS(request, "grpc-timeout: ");
    assert_null(
        strstr(request, "grpc-timeout: 10S")); /* what is left, not what was sent */
    assert_null(strstr(request, "grpc-status"));
    assert_null(strstr(request, "content-length"));

    h2peer_headers(&backends[0], 1, 0, ":status", "200", "content-type",
                   "application/grpc", "x-c", "3", NULL);
    send_hello(&backends[0], 1, false);
    TURN_UNTIL(rig.loop, h2peer_data(&rig.client, 1) ==
                             HELLO); /* before the trailers: nothing is held back */
    response = fields_of(&rig.client, 1, 0);
    HAS(response, ":status: 200\n");
    HAS(response, "x-c: 3\n");
    h2peer_headers(&backends[0], 1, FL_END_STREAM, "grpc-status", "5", "grpc-message",
                   "no%20such", "x-t", "4", NULL);
    want_status(1, "5");
    HAS(fields_of(&rig.client, 1, 1), "grpc-message: no%20such\n");
    HAS(fields_of(&rig.client, 1, 1), "x-t: 4\n");
    assert_int_equal(h2peer_count(&rig.client, F_RST, 1), 0);
    TURN_UNTIL(rig.loop, counted(STAT_CALLS_FLYING) == 0);
    assert_int_equal(counted((enum stat_id)(STAT_CODE_0 + 5)), 1);
    assert_int_equal(counted(STAT_LOCAL_REPLIES), 0);
}

static void
trailers_only_answers_stay_trailers_only(void **state)
{
    (void)state;
    callrig_open();
    call_to_backend(1);
    h2peer_headers(&backends[0], 1, FL_END_STREAM, ":status", "200", "content-type",
                   "application/grpc", "grpc-status", "12", NULL);
    want_status(1, "12");
    assert_int_equal(h2peer_count(&rig.client, F_ANY, 1), 1);
    assert_int_equal(h2peer_find(&rig.client, F_HEADERS, 1, 0)->flags & FL_END_STREAM,
                     FL_END_STREAM);
}

static void
messages_flow_both_ways_while_both_are_open(void **state)
{
    (void)state;
    callrig_open();
    h2peer_call(&rig.client, 1, 0);
    TURN_UNTIL(rig.loop,
               rig.pools[RIG_APP].accepted && h2peer_count(&backends[0], F_HEADERS, 1));
    answer_headers(&backends[0], 1);
    TURN_UNTIL(rig.loop, h2peer_count(&rig.client, F_HEADERS,
                                      1)); /* headers alone must not wait for a body */
    for (size_t i = 1; i <= 20; i++) {
        send_hello(&rig.client, 1, false);
        TURN_UNTIL(rig.loop, h2peer_data(&backends[0], 1) == i * HELLO);
        send_hello(&backends[0], 1, false);
        TURN_UNTIL(rig.loop, h2peer_data(&rig.client, 1) == i * HELLO);
    }
    h2peer_frame(&rig.client, F_DATA, FL_END_STREAM, 1, NULL,
                 0); /* half-close crosses by itself */
    TURN_UNTIL(rig.loop, h2peer_find(&backends[0], F_DATA, 1, 20) != NULL);
    assert_int_equal(h2peer_find(&backends[0], F_DATA, 1, 20)->flags, FL_END_STREAM);
    answer_trailers(&backends[0], 1, "0");
    want_status(1, "0");
    assert_int_equal(counted(STAT_REPLAYS), 0);
}

static void
what_is_no_grpc_call_gets_an_answer_of_its_kind(void **state)
{
    static const struct {
        const char *method, *path, *type, *extra, *value;
        const char *status, *field;
    } rows[] = {
        { "GET", "/test.Service/M", "application/grpc", "x", "y", ":status: 405",
          "allow: POST" },
        { "POST", "/test.Service/M", "text/html", "x", "y", ":status: 415",
          "grpc-status: 3" },
        { "POST", "/test.Service/M", "application/grpcx", "x", "y", ":status: 415",
          "grpc-status: 3" },
        { "POST", "/test.Service/M", "application/grpc", "content-type", "text/html",
          ":status: 415", "grpc-status: 3" },
        { "POST", "/", "application/grpc", "x", "y", ":status: 200", "grpc-status: 12" },
        { "POST", "/a", "application/grpc", "x", "y", ":status: 200", "grpc-status: 12" },
        { "POST", "/test.Service/M/x", "application/grpc", "x", "y", ":status: 200",
          "grpc-status: 12" },
        { "POST", "/test.Service/M?x", "application/grpc", "x", "y", ":status: 200",
          "grpc-status: 12" },
        { "POST", "//M", "application/grpc", "x", "y", ":status: 200",
          "grpc-status: 12" },
        { "POST", "/other.Service/M", "application/grpc", "x", "y", ":status: 200",
          "grpc-status: 12" },
        { "POST", "/test.Service/M", "application/grpc", "host", "evil", ":status: 200",
          "grpc-status: 13" },
        { "POST", "/test.Service/M", "application/grpc", "grpc-timeout", "1",
          ":status: 200", "grpc-status: 13" },
        { "POST", "/test.Service/M", "application/grpc", "grpc-timeout", "123456789S",
          ":status: 200", "grpc-status: 13" },
        { "POST", "/test.Service/M", "application/grpc", "grpc-timeout", "-1S",
          ":status: 200", "grpc-status: 13" },
        { "POST", "/test.Service/M", "application/grpc", "grpc-timeout", "0n",
          ":status: 200", "grpc-status: 4" },
    };
    int32_t id = 1;

    (void)state;
    rig.routes[0].match.service = "test.Service";
    callrig_open();
    for (size_t i = 0; i < ARRAY_LEN(rows); i++, id += 2) {
        h2peer_headers(&rig.client, id, FL_END_STREAM, ":method", rows[i].method,
                       ":scheme", "http", ":path", rows[i].path, ":authority", "x",
                       "content-type", rows[i].type, rows[i].extra, rows[i].value, NULL);
        TURN_UNTIL(rig.loop, h2peer_count(&rig.client, F_HEADERS, id) ||
                                 h2peer_count(&rig.client, F_RST, id));
        HAS(fields_of(&rig.client, id, 0), rows[i].status);
        HAS(fields_of(&rig.client, id, 0), rows[i].field);
    }
    TURN_UNTIL(rig.loop, counted(STAT_CALLS_FLYING) == 0);
    assert_int_equal(counted(STAT_LOCAL_REPLIES), ARRAY_LEN(rows));
    assert_int_equal(counted(STAT_UP_CONNECTS), 0);
    assert_int_equal(counted(STAT_GLITCHES), 0);
}

static void
headers_over_the_limit_are_resource_exhausted(void **state)
{
    static char big[17000];

    (void)state;
    memset(big, 'v', sizeof(big) - 1);
    callrig_open();
    h2peer_headers(&rig.client, 1, FL_END_STREAM, ":method", "POST", ":scheme", "http",
                   ":path", "/test.Service/M", ":authority", "x", "content-type",
                   "application/grpc", "x-big", big, NULL);
    want_status(1, "8");
    h2peer_call(&rig.client, 3, 0); /* the connection goes on */
    send_hello(&rig.client, 3, true);
    TURN_UNTIL(rig.loop,
               rig.pools[RIG_APP].accepted && h2peer_data(&backends[0], 1) == HELLO);
}

static void
dropped_illegal_fields_reject_the_call(void **state)
{
    uint8_t b[512];
    size_t n;

    (void)state;
    callrig_open();
    n = h2peer_block(&rig.client, b, sizeof(b), ":method", "POST", ":scheme", "http",
                     ":path", "/test.Service/M", ":authority", "x", "content-type",
                     "application/grpc", NULL);
    memcpy(b + n, "\0\4x-id\3a\nb", 10);
    h2peer_frame(&rig.client, F_HEADERS, FL_END_HEADERS | FL_END_STREAM, 1, b, n + 10);
    TURN_UNTIL(rig.loop, h2peer_count(&rig.client, F_ANY, 1));
    if (h2peer_count(&rig.client, F_HEADERS, 1))
        HAS(fields_of(&rig.client, 1, 0), "grpc-status: 13");
    assert_int_equal(counted(STAT_UP_CONNECTS), 0);
}

static void
cancel_of_the_client_reaches_the_backend(void **state)
{
    (void)state;
    callrig_open();
    h2peer_call(&rig.client, 1, 0);
    TURN_UNTIL(rig.loop,
               rig.pools[RIG_APP].accepted && h2peer_count(&backends[0], F_HEADERS, 1));
    h2peer_u32(&rig.client, F_RST, 1, H2_CANCEL);
    TURN_UNTIL(rig.loop, h2peer_count(&backends[0], F_RST, 1));
    assert_int_equal(h2peer_rst_code(&backends[0], 1), H2_CANCEL);
    TURN_UNTIL(rig.loop, counted(STAT_CALLS_FLYING) == 0);
    assert_int_equal(counted((enum stat_id)(STAT_CODE_0 + 1)), 1);
}

static void
a_client_that_hangs_up_cancels_its_calls(void **state)
{
    (void)state;
    callrig_open();
    for (int32_t id = 1; id < 12; id += 2)
        h2peer_call(&rig.client, id, 0);
    TURN_UNTIL(rig.loop, rig.pools[RIG_APP].accepted &&
                             h2peer_count(&backends[0], F_HEADERS, -1) == 6);
    h2peer_hang_up(&rig.client);
    TURN_UNTIL(rig.loop, h2peer_count(&backends[0], F_RST, -1) == 6);
    TURN_UNTIL(rig.loop, counted(STAT_CALLS_FLYING) == 0);
}

static void
reset_codes_of_a_backend_become_statuses(void **state)
{
    static const struct {
        uint32_t h2;
        const char *grpc;
    } rows[] = { { 0, "13" }, { 1, "13" }, { 2, "13" }, { 3, "13" },
                 { 8, "1" },  { 11, "8" }, { 12, "7" } };
    int32_t id = 1;

    (void)state;
    callrig_open();
    for (size_t i = 0; i < ARRAY_LEN(rows); i++, id += 2) {
        call_to_backend(id);
        h2peer_u32(&backends[0], F_RST, id, rows[i].h2);
        want_status(id, rows[i].grpc);
        assert_int_equal(h2peer_count(&rig.client, F_ANY, id), 1);
    }
    assert_int_equal(counted(STAT_REPLAYS), 0);
}

static void
answers_that_are_no_grpc_become_one(void **state)
{
    static const struct {
        const char *status, *type, *grpc;
    } rows[] = {
        { "503", "text/html", "14" },  { "404", "text/html", "12" },
        { "401", "text/plain", "16" }, { "403", "text/plain", "7" },
        { "429", "text/plain", "14" }, { "500", "application/grpc", "2" },
        { "200", "text/html", "2" },
    };
    int32_t id = 1;

    (void)state;
    callrig_open();
    for (size_t i = 0; i < ARRAY_LEN(rows); i++, id += 2) {
        call_to_backend(id);
        h2peer_headers(&backends[0], id, 0, ":status", rows[i].status, "content-type",
                       rows[i].type, NULL);
        h2peer_frame(&backends[0], F_DATA, FL_END_STREAM, id, "<html>", 6);
        want_status(id, rows[i].grpc);
        assert_int_equal(h2peer_count(&rig.client, F_DATA, id), 0);
        HAS(fields_of(&rig.client, id, 0),
            ":status: 200\ncontent-type: application/grpc\n");
    }
}

static void
an_end_without_a_status_is_unknown(void **state)
{
    (void)state;
    callrig_open();
    call_to_backend(1);
    answer_headers(&backends[0], 1);
    send_hello(&backends[0], 1, true); /* END_STREAM, no trailers */
    want_status(1, "2");
    call_to_backend(3);
    answer_headers(&backends[0], 3);
    h2peer_headers(&backends[0], 3, FL_END_STREAM, "x-only", "1", NULL);
    want_status(3, "2");
    call_to_backend(5);
    h2peer_headers(&backends[0], 5, FL_END_STREAM, ":status", "200", "content-type",
                   "application/grpc", NULL);
    want_status(5, "2");
    assert_int_equal(counted(STAT_STATUS_SYNTHESIZED), 3);
}

/* A client that is told OK hands on what it has, and of the message that never came it says nothing. */
static void
an_answer_cut_inside_a_message_is_no_success(void **state)
{
    (void)state;
    callrig_open();
    call_to_backend(1);
    answer_headers(&backends[0], 1);
    send_hello(&backends[0], 1, false);
    h2peer_frame(&backends[0], F_DATA, 0, 1, hello_bytes, 7);
    answer_trailers(&backends[0], 1, "0");
    TURN_UNTIL(rig.loop, h2peer_count(&rig.client, F_RST, 1));
    assert_int_equal(h2peer_rst_code(&rig.client, 1), H2_INTERNAL_ERROR);
    assert_int_equal(h2peer_count(&rig.client, F_HEADERS, 1), 1);
    TURN_UNTIL(rig.loop, counted(STAT_CALLS_FLYING) == 0);
    assert_int_equal(counted((enum stat_id)(STAT_CODE_0 + 13)), 1);
    assert_int_equal(counted(STAT_CALLS_CANCELLED), 0);
    call_to_backend(3);
    answer_headers(&backends[0], 3);
    h2peer_frame(&backends[0], F_DATA, 0, 3, hello_bytes, 3); /* not even a prefix */
    answer_trailers(&backends[0], 3, "0");
    TURN_UNTIL(rig.loop, h2peer_count(&rig.client, F_RST, 3));
    assert_int_equal(h2peer_rst_code(&rig.client, 3), H2_INTERNAL_ERROR);
    call_to_backend(5); /* an error is an error, wherever it comes */
    answer_headers(&backends[0], 5);
    h2peer_frame(&backends[0], F_DATA, 0, 5, hello_bytes, 7);
    answer_trailers(&backends[0], 5, "9");
    want_status(5, "9");
    assert_int_equal(h2peer_data(&rig.client, 5), 7);
}

static void
a_lost_backend_is_told_by_where_the_answer_stood(void **state)
{
    (void)state;
    callrig_open();
    call_to_backend(1);
    call_to_backend(3);
    call_to_backend(5);
    answer_headers(&backends[0], 3);
    send_hello(&backends[0], 3, false);
    answer_headers(&backends[0], 5);
    h2peer_frame(&backends[0], F_DATA, 0, 5, hello_bytes, 7);
    TURN_UNTIL(rig.loop,
               h2peer_data(&rig.client, 5) == 7 && h2peer_data(&rig.client, 3) == HELLO);
    h2peer_hang_up(&backends[0]);
    want_status(1, "14"); /* nothing sent yet: Trailers-Only */
    assert_int_equal(h2peer_count(&rig.client, F_ANY, 1), 1);
    want_status(3, "14"); /* between two messages: trailers */
    TURN_UNTIL(rig.loop,
               h2peer_count(&rig.client, F_RST, 5)); /* inside one: never a clean end */
    assert_int_equal(h2peer_count(&rig.client, F_HEADERS, 5), 1);
    assert_int_equal(counted(STAT_GLITCHES), 0);
}

static void
early_answer_ends_both_sides(void **state)
{
    (void)state;
    callrig_open();
    h2peer_call(&rig.client, 1, 0);
    send_hello(&rig.client, 1, false);
    TURN_UNTIL(rig.loop,
               rig.pools[RIG_APP].accepted && h2peer_data(&backends[0], 1) == HELLO);
    answer_headers(&backends[0], 1);
    answer_trailers(&backends[0], 1, "9");
    want_status(1, "9");
    TURN_UNTIL(rig.loop, h2peer_count(&rig.client, F_RST, 1) &&
                             h2peer_count(&backends[0], F_RST, 1));
    assert_int_equal(h2peer_rst_code(&rig.client, 1), H2_NO_ERROR);
    TURN_UNTIL(rig.loop, counted(STAT_CALLS_FLYING) == 0);
    assert_int_equal(counted((enum stat_id)(STAT_CODE_0 + 9)), 1);
    assert_int_equal(counted(STAT_CALLS_CANCELLED), 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        RIG_TEST(a_call_goes_through),
        RIG_TEST(trailers_only_answers_stay_trailers_only),
        RIG_TEST(messages_flow_both_ways_while_both_are_open),
        RIG_TEST(what_is_no_grpc_call_gets_an_answer_of_its_kind),
        RIG_TEST(headers_over_the_limit_are_resource_exhausted),
        RIG_TEST(dropped_illegal_fields_reject_the_call),
        RIG_TEST(cancel_of_the_client_reaches_the_backend),
        RIG_TEST(a_client_that_hangs_up_cancels_its_calls),
        RIG_TEST(reset_codes_of_a_backend_become_statuses),
        RIG_TEST(answers_that_are_no_grpc_become_one),
        RIG_TEST(an_end_without_a_status_is_unknown),
        RIG_TEST(an_answer_cut_inside_a_message_is_no_success),
        RIG_TEST(a_lost_backend_is_told_by_where_the_answer_stood),
        RIG_TEST(early_answer_ends_both_sides),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
