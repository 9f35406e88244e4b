/* SPDX-License-Identifier: Apache-2.0 */
/* Actions of routes, end to end: header edits, answers of the proxy's own, splits, limits. Mirrors are in test_mirror.c. */
#include "callrig.h"

#include "base/compat.h"
#include "grpc/frame.h"
#include "h2/conn.h"
#include "proxy/method_conf.h"

#define MAP(...)                                                      \
    ((struct conf_map){ (struct conf_pair[]){ __VA_ARGS__ },          \
                        sizeof((struct conf_pair[]){ __VA_ARGS__ }) / \
                            sizeof(struct conf_pair) })
#define NAMES(...)                                                          \
    ((struct conf_list){ (struct edit_name_conf[]){ __VA_ARGS__ },          \
                         sizeof((struct edit_name_conf[]){ __VA_ARGS__ }) / \
                             sizeof(struct edit_name_conf) })

static void
call_with(int32_t id, const char *name, const char *value)
{
    h2peer_headers(&rig.client, id, FL_END_STREAM, ":method", "POST", ":scheme", "http",
                   ":path", "/test.Service/Method", ":authority", "x", "content-type",
                   "application/grpc", "x-keep", "k", name, value, NULL);
}

/* The request of a stream at a backend. */
static const char *
request_at(unsigned pool, int32_t id)
{
    RIG_UNTIL(fields_of(backend(pool), id, 0));
    return fields_of(backend(pool), id, 0);
}

/* ---- header edits ---- */

static void
the_backend_sees_the_edited_request(void **state)
{
    struct edit_conf *e = &rig.routes[0].request_headers;
    const char *request;

    (void)state;
    e->remove = NAMES({ "x-debug" });
    e->set = MAP({ "x-user", "%{header:x-user}/%{method}" }, { "x-via", "%{listener}" });
    e->add = MAP({ "x-keep", "%{pool}" }, { "x-from", "%{peer}" }, { "x-who", "%{san}" });
    rig.routes[0].timeout_ms = 60000;
    callrig_open();
    h2peer_headers(&rig.client, 1, FL_END_STREAM, ":method", "POST", ":scheme", "http",
                   ":path", "/test.Service/Method", ":authority", "x", "te", "trailers",
                   "content-type", "application/grpc", "x-debug", "1", "x-user", "ann",
                   "x-keep", "k", "x-debug", "2", NULL);
    request = request_at(RIG_APP, 1);
    HAS(request, "te: trailers\n");
    HAS(request, "grpc-timeout: ");
    HAS(request, "content-type: application/grpc\n");
    HAS(request, "x-user: ann/Method\n");
    HAS(request, "x-via: in\n");
    HAS(request, "x-keep: k\n");
    HAS(request, "x-keep: app\n");
    HAS(request, "x-from: 127.0.0.1:");
    HAS_NOT(request, "x-debug");
    HAS_NOT(request, "x-user: ann\n");
    HAS_NOT(request, "x-who");
}

static void
a_replayed_attempt_has_the_same_edits(void **state)
{
    struct edit_conf *e = &rig.routes[0].request_headers;
    const char *request;

    (void)state;
    e->add = MAP({ "x-who", "%{header:x-user}" });
    callrig_open();
    call_with(1, "x-user", "ann");
    HAS(request_at(RIG_APP, 1), "x-who: ann\n");
    h2peer_u32(backend(RIG_APP), F_RST, 1, H2_REFUSED_STREAM);
    request = request_at(RIG_APP, 3);
    HAS(request, "x-who: ann\n");
    HAS_NOT(strstr(request, "x-who: ann\n") + 1, "x-who");
}

static void
the_client_sees_the_edited_answer(void **state)
{
    struct route_conf *r = &rig.routes[0];
    const char *headers, *trailers;

    (void)state;
    r->response_headers.set = MAP({ "x-served", "%{pool} for %{header:x-user}" });
    r->response_headers.remove = NAMES({ "server" });
    r->response_trailers.set = MAP({ "x-cost", "%{service}.%{method}" });
    r->response_trailers.remove = NAMES({ "x-internal" });
    callrig_open();
    call_with(1, "x-user", "ann");
    request_at(RIG_APP, 1);
    h2peer_headers(backend(RIG_APP), 1, 0, ":status", "200", "content-type",
                   "application/grpc", "server", "s", "x-internal", "h", NULL);
    send_message(backend(RIG_APP), 1, 5, false);
    h2peer_headers(backend(RIG_APP), 1, FL_END_STREAM, "grpc-status", "0", "x-internal",
                   "t", "server", "t", NULL);
    trailers = want_status(1, "0");
    headers = fields_of(&rig.client, 1, 0);
    HAS(headers, ":status: 200\n");
    HAS(headers, "x-served: app for ann\n");
    HAS(headers, "x-internal: h\n");
    HAS_NOT(headers, "server");
    HAS_NOT(headers, "x-cost");
    HAS(trailers, "x-cost: test.Service.Method\n");
    HAS(trailers, "server: t\n");
    HAS_NOT(trailers, "x-internal");
    HAS_NOT(trailers, "x-served");
}

static void
edit_both(void)
{
    static struct conf_pair h = { "x-h", "%{header:x-user}" }, t = { "x-t", "%{route}" };

    rig.routes[0].response_headers.add = (struct conf_map){ &h, 1 };
    rig.routes[0].response_trailers.add = (struct conf_map){ &t, 1 };
}

static void
an_answer_of_one_block_gets_both_edits(void **state)
{
    const char *block;

    (void)state;
    edit_both();
    callrig_open();
    call_with(1, "x-user", "ann");
    request_at(RIG_APP, 1);
    h2peer_headers(backend(RIG_APP), 1, FL_END_STREAM, ":status", "200", "content-type",
                   "application/grpc", "grpc-status", "5", NULL);
    block = want_status(1, "5");
    assert_int_equal(h2peer_count(&rig.client, F_HEADERS, 1), 1);
    HAS(block, "x-h: ann\n");
    HAS(block, "x-t: routes[0]\n");
}

static void
our_own_answers_are_edited_too(void **state)
{
    const char *block;

    (void)state;
    edit_both();
    rig.routes[0].match.service = "test.Service";
    callrig_open();
    callrig_deafen(RIG_APP);
    call_with(1, "x-user", "ann");
    block = want_status(1, "14");
    HAS(block, "x-h: ann\n");
    HAS(block, "x-t: routes[0]\n");
    h2peer_headers(&rig.client, 3, FL_END_STREAM, ":method", "POST", ":scheme", "http",
                   ":path", "/other.Service/Method", ":authority", "x", "content-type",
                   "application/grpc", NULL);
    HAS_NOT(want_status(3, "12"), "x-t"); /* no route, no edits */
}

static void
trailers_of_our_own_are_edited_too(void **state)
{
    (void)state;
    edit_both();
    callrig_open();
    call_with(1, "x-user", "ann");
    request_at(RIG_APP, 1);
    answer_headers(backend(RIG_APP), 1);
    h2peer_u32(backend(RIG_APP), F_RST, 1, H2_INTERNAL_ERROR);
    HAS(want_status(1, "13"), "x-t: routes[0]\n");
    assert_int_equal(h2peer_count(&rig.client, F_HEADERS, 1), 2);
    HAS(fields_of(&rig.client, 1, 0), "x-h: ann\n");
    HAS_NOT(fields_of(&rig.client, 1, 1), "x-h");
}

static void
edits_that_grow_too_long_fail_the_call(void **state)
{
    static char big[5000];
    const char *block;

    (void)state;
    memset(big, 'v', sizeof(big) - 1);
    rig.routes[0].request_headers.set =
        MAP({ "x-a", "%{header:x-user}" }, { "x-b", "%{header:x-user}" });
    callrig_open();
    call_with(1, "x-user", big);
    block = want_status(1, "13");
    HAS(block, "requestHeaders of route routes[0] make more than 8192 bytes");
    assert_int_equal(counted(STAT_EDITS_FAILED), 1);
    assert_int_equal(counted(STAT_UP_CONNECTS), 0);
    call_with(3, "x-user", "ann"); /* the next call is fine */
    HAS(request_at(RIG_APP, 1), "x-b: ann\n");
}

static void
edits_of_the_answer_that_grow_too_long_fail_the_call(void **state)
{
    static char big[5000];

    (void)state;
    memset(big, 'v', sizeof(big) - 1);
    rig.routes[0].response_trailers.set =
        MAP({ "x-a", "%{header:x-user}" }, { "x-b", "%{header:x-user}" });
    callrig_open();
    call_with(1, "x-user", big);
    request_at(RIG_APP, 1);
    answer_headers(backend(RIG_APP), 1);
    answer_trailers(backend(RIG_APP), 1, "0");
    HAS(want_status(1, "13"), "responseTrailers");
    assert_true(counted(STAT_EDITS_FAILED) > 0);
}

/* ---- status ---- */

static void
a_route_with_status_answers_itself(void **state)
{
    struct route_conf *r = &rig.routes[0];

    (void)state;
    r->to = (struct conf_list){ 0 };
    r->status = (struct status_conf){ .on = true,
                                      .code = "FAILED_PRECONDITION",
                                      .message = "no %{service} for %{header:x-user}" };
    r->response_trailers.add = MAP({ "x-t", "[%{pool}]" });
    callrig_open();
    call_with(1, "x-user", "\xc3\xa9\x80");
    HAS(want_status(1, "9"), "grpc-message: no test.Service for %25C3%25A9%2580\n");
    HAS(fields_of(&rig.client, 1, 0), "x-t: []\n");
    assert_int_equal(counted(STAT_UP_CONNECTS), 0);
    assert_int_equal(counted(STAT_ROUTE_STATUS), 1);
}

/* ---- split ---- */

static struct to_conf both[] = { { .pool = "app", .weight = 1 },
                                 { .pool = "canary", .weight = 1 } };

/* Which pool has the request with this x-user, on any stream. */
static unsigned
pool_of(const char *user)
{
    char line[64];

    snprintf(line, sizeof(line), "x-user: %s\n", user);
    for (;;) {
        for (unsigned i = 0; i < RIG_POOLS; i++) {
            const struct h2peer *p = &rig.pools[i].conns[0];

            for (size_t k = 0; k < p->n; k++) {
                if (p->frames[k].fields && strstr(p->frames[k].fields, line))
                    return i;
            }
        }
        loop_turn(rig.loop, true);
    }
}

static void
the_same_value_takes_the_same_target(void **state)
{
    unsigned hits[RIG_POOLS] = { 0 };
    int32_t id = 1;

    (void)state;
    rig.routes[0].to = (struct conf_list){ both, 2 };
    rig.routes[0].split_by = (struct split_by_conf){ true, "x-group" };
    callrig_open();
    for (int group = 0; group < 20; group++) {
        char name[32], user[32];
        unsigned first = 0;

        snprintf(name, sizeof(name), "group-%d", group);
        for (int i = 0; i < 3; i++, id += 2) {
            snprintf(user, sizeof(user), "u%d.", id);
            h2peer_headers(&rig.client, id, FL_END_STREAM, ":method", "POST", ":scheme",
                           "http", ":path", "/test.Service/Method", ":authority", "x",
                           "content-type", "application/grpc", "x-group", name, "x-user",
                           user, NULL);
            if (i == 0)
                first = pool_of(user);
            assert_int_equal(pool_of(user), first);
        }
        hits[first]++;
    }
    assert_true(hits[0] > 3 && hits[1] > 3);
}

static void
a_replayed_call_keeps_its_target(void **state)
{
    (void)state;
    rig.routes[0].to = (struct conf_list){ both, 2 };
    callrig_open();
    for (int32_t id = 1; id < 20; id += 2) {
        char user[32];
        unsigned pool;
        struct h2peer *p;
        int32_t at = 0;

        snprintf(user, sizeof(user), "u%d.", id);
        call_with(id, "x-user", user);
        pool = pool_of(user);
        p = backend(pool);
        for (size_t k = 0; k < p->n; k++) {
            if (p->frames[k].fields)
                at = p->frames[k].id;
        }
        h2peer_u32(p, F_RST, at, H2_REFUSED_STREAM);
        TURN_UNTIL(rig.loop, fields_of(backend(pool), at + 2, 0));
        HAS(fields_of(backend(pool), at + 2, 0), user);
        answer_trailers(backend(pool), at + 2,
                        "0"); /* no headers: INTERNAL, but an end */
    }
    assert_int_equal(counted(STAT_REPLAYS), 10);
    assert_true(rig.pools[0].accepted && rig.pools[1].accepted);
}

/* ---- limits ---- */

static void
a_request_message_over_the_limit_never_reaches_the_backend(void **state)
{
    struct h2peer *b;

    (void)state;
    rig.routes[0].limits.max_request_message_bytes = 100;
    callrig_open();
    h2peer_call(&rig.client, 1, 0);
    request_at(RIG_APP, 1);
    b = backend(RIG_APP);
    send_message(&rig.client, 1, 100, false); /* just right */
    TURN_UNTIL(rig.loop, h2peer_data(b, 1) == FRAME_PREFIX + 100);
    h2peer_frame(&rig.client, F_DATA, 0, 1, "\0\0\0", 3); /* the prefix in two parts */
    TURN_UNTIL(rig.loop, h2peer_data(b, 1) == FRAME_PREFIX + 103);
    h2peer_frame(&rig.client, F_DATA, 0, 1,
                 "\0\x65"
                 "payload",
                 9);
    HAS(want_status(1, "8"),
        "request message larger than max (101 vs. 100 bytes): maxRequestMessageBytes");
    TURN_UNTIL(rig.loop, h2peer_rst_code(b, 1) == H2_CANCEL);
    assert_int_equal(h2peer_data(b, 1), FRAME_PREFIX + 103);
    assert_int_equal(counted(STAT_MESSAGES_TOO_LARGE), 1);
}

static void
a_response_message_over_the_limit_ends_with_trailers(void **state)
{
    (void)state;
    rig.routes[0].limits.max_response_message_bytes = 100;
    callrig_open();
    call_with(1, "x", "y");
    request_at(RIG_APP, 1);
    answer_headers(backend(RIG_APP), 1);
    /* Two messages and a half in one frame: what is complete arrives. */
    h2peer_frame(backend(RIG_APP), F_DATA, 0, 1,
                 "\0\0\0\0\1a"
                 "\0\0\0\0\2bc"
                 "\0\0\0\1\0payload",
                 6 + 7 + 12);
    HAS(want_status(1, "8"), "response message larger than max (256 vs. 100 bytes)");
    assert_int_equal(h2peer_count(&rig.client, F_HEADERS, 1), 2);
    assert_int_equal(h2peer_data(&rig.client, 1), 13);
    TURN_UNTIL(rig.loop, h2peer_count(backend(RIG_APP), F_RST, 1));
}

static void
a_prefix_in_pieces_is_held_until_it_is_known(void **state)
{
    (void)state;
    rig.routes[0].limits.max_response_message_bytes = 100;
    callrig_open();
    call_with(1, "x", "y");
    request_at(RIG_APP, 1);
    answer_headers(backend(RIG_APP), 1);
    for (const char *one = "\0\0\0\0\1", *end = one + 4; one < end; one++)
        h2peer_frame(backend(RIG_APP), F_DATA, 0, 1, one, 1);
    TURN_UNTIL(rig.loop, fields_of(&rig.client, 1, 0));
    h2peer_frame(backend(RIG_APP), F_DATA, 0, 1, "\1a\0\0", 4);
    TURN_UNTIL(rig.loop, h2peer_data(&rig.client, 1) == 6); /* a message, and no more */
    h2peer_frame(backend(RIG_APP), F_DATA, 0, 1, "\0", 1);
    h2peer_frame(backend(RIG_APP), F_DATA, 0, 1, "\1\0payload", 9);
    HAS(want_status(1, "8"), "(256 vs. 100 bytes)");
    assert_int_equal(h2peer_data(&rig.client, 1), 6);
    assert_int_equal(h2peer_count(&rig.client, F_RST, 1), 0);
}

/* A client must see that the last message is cut, also when the proxy had held the beginning. */
static void
a_cut_prefix_is_not_swallowed(void **state)
{
    (void)state;
    rig.routes[0].limits.max_response_message_bytes = 100;
    callrig_open();
    call_with(1, "x", "y");
    request_at(RIG_APP, 1);
    answer_headers(backend(RIG_APP), 1);
    h2peer_frame(backend(RIG_APP), F_DATA, 0, 1, "\0\0\0", 3);
    answer_trailers(backend(RIG_APP), 1, "10");
    want_status(1, "10");
    assert_int_equal(h2peer_data(&rig.client, 1), 3);
    call_with(3, "x", "y");
    request_at(RIG_APP, 3);
    answer_headers(backend(RIG_APP), 3);
    h2peer_frame(backend(RIG_APP), F_DATA, 0, 3, "\0\0\0", 3);
    answer_trailers(backend(RIG_APP), 3, "0"); /* never a success */
    TURN_UNTIL(rig.loop, h2peer_rst_code(&rig.client, 3) == H2_INTERNAL_ERROR);
}

static void
windows_are_given_back_with_a_limit_too(void **state)
{
    enum { MESSAGES = 40, BYTES = 16000 };

    (void)state;
    rig.routes[0].limits.max_response_message_bytes = BYTES;
    rig.routes[0].limits.max_request_message_bytes = BYTES;
    callrig_open();
    h2peer_call(&rig.client, 1, 0);
    request_at(RIG_APP, 1);
    answer_headers(backend(RIG_APP), 1);
    h2peer_u32(&rig.client, F_WINDOW, 0, 1 << 30);
    h2peer_u32(&rig.client, F_WINDOW, 1, 1 << 30);
    h2peer_u32(backend(RIG_APP), F_WINDOW, 0, 1 << 30);
    h2peer_u32(backend(RIG_APP), F_WINDOW, 1, 1 << 30);
    for (size_t i = 1; i <= MESSAGES; i++) {
        send_message(backend(RIG_APP), 1, BYTES, false);
        send_message(&rig.client, 1, BYTES, false);
        TURN_UNTIL(rig.loop, h2peer_data(&rig.client, 1) == i * (BYTES + FRAME_PREFIX));
        TURN_UNTIL(rig.loop,
                   h2peer_data(backend(RIG_APP), 1) == i * (BYTES + FRAME_PREFIX));
    }
    assert_true(h2peer_count(backend(RIG_APP), F_WINDOW, 1) > 0);
    assert_true(h2peer_count(&rig.client, F_WINDOW, 1) > 0);
    assert_int_equal(counted(STAT_MESSAGES_TOO_LARGE), 0);
}

static void
concurrent_calls_of_a_route_are_limited(void **state)
{
    (void)state;
    rig.routes[0].name = "greeter";
    rig.routes[0].limits.max_concurrent_requests = 2;
    callrig_open();
    call_with(1, "x", "1");
    call_with(3, "x", "2");
    request_at(RIG_APP, 3);
    call_with(5, "x", "3");
    HAS(want_status(5, "14"), "route greeter has 2 calls at the same time already");
    HAS(fields_of(&rig.client, 5, 0), "maxConcurrentRequests");
    assert_int_equal(counted(STAT_LIMIT_ROUTE), 1);
    h2peer_u32(&rig.client, F_RST, 1, H2_CANCEL); /* one ends, whichever way */
    TURN_UNTIL(rig.loop, counted(STAT_CALLS_FLYING) == 1);
    call_with(7, "x", "4");
    request_at(RIG_APP, 5);
}

static void
method_config_holds_for_its_method_only(void **state)
{
    struct method_name_conf name = { "test.Service", "Method" };
    struct method_conf method = { .names = { &name, 1 }, .max_request_bytes = 10 };

    (void)state;
    rig.front.method_config = (struct conf_list){ &method, 1 };
    callrig_open();
    h2peer_call(&rig.client, 1, 0);
    send_message(&rig.client, 1, 11, true);
    HAS(want_status(1, "8"), "(11 vs. 10 bytes)");
    h2peer_headers(&rig.client, 3, 0, ":method", "POST", ":scheme", "http", ":path",
                   "/test.Service/Other", ":authority", "x", "content-type",
                   "application/grpc", NULL);
    send_message(&rig.client, 3, 11, true);
    TURN_UNTIL(rig.loop, h2peer_data(backend(RIG_APP), 3) == FRAME_PREFIX + 11);
}

static void
method_config_has_a_deadline(void **state)
{
    struct method_name_conf name = { NULL, NULL };
    struct method_conf method = { .names = { &name, 1 }, .timeout_ms = 30 };

    (void)state;
    rig.virtual = true;
    rig.front.method_config = (struct conf_list){ &method, 1 };
    callrig_open();
    call_with(1, "x", "y");
    HAS(request_at(RIG_APP, 1), "grpc-timeout: ");
    rig_wait_ms(40);
    want_status(1, "4");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        RIG_TEST(the_backend_sees_the_edited_request),
        RIG_TEST(a_replayed_attempt_has_the_same_edits),
        RIG_TEST(the_client_sees_the_edited_answer),
        RIG_TEST(an_answer_of_one_block_gets_both_edits),
        RIG_TEST(our_own_answers_are_edited_too),
        RIG_TEST(trailers_of_our_own_are_edited_too),
        RIG_TEST(edits_that_grow_too_long_fail_the_call),
        RIG_TEST(edits_of_the_answer_that_grow_too_long_fail_the_call),
        RIG_TEST(a_route_with_status_answers_itself),
        RIG_TEST(the_same_value_takes_the_same_target),
        RIG_TEST(a_replayed_call_keeps_its_target),
        RIG_TEST(a_request_message_over_the_limit_never_reaches_the_backend),
        RIG_TEST(a_response_message_over_the_limit_ends_with_trailers),
        RIG_TEST(a_prefix_in_pieces_is_held_until_it_is_known),
        RIG_TEST(a_cut_prefix_is_not_swallowed),
        RIG_TEST(windows_are_given_back_with_a_limit_too),
        RIG_TEST(concurrent_calls_of_a_route_are_limited),
        RIG_TEST(method_config_holds_for_its_method_only),
        RIG_TEST(method_config_has_a_deadline),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
