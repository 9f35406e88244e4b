/* SPDX-License-Identifier: Apache-2.0 */
/* Side calls: what goes out, each way in which they end, that they end once, and that nothing stays behind. */
#include "poolrig.h"

#include "upstream/sidecall.h"

enum { SIDES = 4 };

#define PATH "/svc.Side/Ask"

struct side {
    struct sidecall *c;
    unsigned done;
    int code;
    bool own;
    char message[64], why[256];
};

static struct side sides[SIDES];
static bool starting;

static void
side_done(void *arg, const struct sidecall_result *r)
{
    struct side *s = arg;

    assert_false(starting);
    s->done++;
    s->c = NULL;
    s->code = r->code;
    s->own = r->own;
    snprintf(s->message, sizeof(s->message), "%.*s", (int)r->message.n,
             (const char *)r->message.p);
    snprintf(s->why, sizeof(s->why), "%s", r->why);
}

static struct side *
side_start(unsigned i, int64_t timeout_ms)
{
    struct side *s = &sides[i];

    *s = (struct side){ 0 };
    starting = true;
    s->c = sidecall_start(pool, PATH, slice_of("ask"), timeout_ms * 1000, side_done, s);
    starting = false;
    assert_non_null(s->c);
    return s;
}

static int
side_setup(void **state)
{
    memset(sides, 0, sizeof(sides));
    return rig_setup(state);
}

/* Levels too: a side call that got lost would show here. */
static int
side_teardown(void **state)
{
    int rv = rig_teardown(state);

    assert_int_equal(stat_get(&stats, STAT_SIDE_CALLS_FLYING), 0);
    return rv;
}

#define SIDE_TEST(fn) cmocka_unit_test_setup_teardown(fn, side_setup, side_teardown)

/* The nth connection of backend 0. */
static struct h2peer *
peer(unsigned n)
{
    return &backends[0].conns[n];
}

static void
send_message(struct h2peer *p, int32_t id, const char *text)
{
    uint8_t frame[64] = { 0 };
    size_t n = strlen(text);

    frame[4] = (uint8_t)n;
    memcpy(frame + 5, text, n);
    h2peer_frame(p, F_DATA, 0, id, frame, 5 + n);
}

static void
send_begin(struct h2peer *p, int32_t id)
{
    h2peer_headers(p, id, 0, ":status", "200", "content-type", "application/grpc", NULL);
}

static void
send_status(struct h2peer *p, int32_t id, const char *code)
{
    h2peer_headers(p, id, FL_END_STREAM, "grpc-status", code, NULL);
}

/* The question is at the backend. */
static struct side *
asked(unsigned i, int64_t timeout_ms)
{
    struct side *s = side_start(i, timeout_ms);

    UNTIL(backends[0].accepted && h2peer_find(peer(0), F_HEADERS, -1, i));
    turns();
    return s;
}

static void
question_has_the_form_of_a_call(void **state)
{
    struct side *s;
    const char *fields;

    (void)state;
    pool_open(1, "pick_first");
    s = asked(0, 200);
    fields = h2peer_find(peer(0), F_HEADERS, 1, 0)->fields;
    assert_non_null(strstr(fields, ":method: POST\n:scheme: http\n:path: " PATH "\n"));
    assert_non_null(strstr(fields, "te: trailers\n"));
    assert_non_null(strstr(fields, "content-type: application/grpc\n"));
    assert_non_null(strstr(fields, "grpc-timeout: 200000u\n"));
    assert_non_null(strstr(fields, backends[0].target));
    assert_int_equal(h2peer_data(peer(0), 1), 8);
    assert_memory_equal(h2peer_find(peer(0), F_DATA, 1, 0)->payload, "\0\0\0\0\3ask", 8);
    assert_int_equal(stat_get(&stats, STAT_SIDE_CALLS_FLYING), 1);
    send_begin(peer(0), 1);
    send_message(peer(0), 1, "yes");
    send_status(peer(0), 1, "0");
    UNTIL(s->done);
    assert_int_equal(s->code, 0);
    assert_true(s->own);
    assert_string_equal(s->message, "yes");
    assert_int_equal(stat_get(&stats, STAT_SIDE_CALLS), 1);
    assert_int_equal(stat_get(&stats, STAT_SIDE_CALLS_FAILED), 0);
    wait_ms(500);
    assert_int_equal(s->done, 1);
    assert_int_equal(h2peer_rst_code(peer(0), 1), -1);
}

/* An answer cut into single bytes is the same answer. */
static void
answer_may_come_in_pieces(void **state)
{
    static const uint8_t frame[] = { 0, 0, 0, 0, 3, 'y', 'e', 's' };
    struct side *s;

    (void)state;
    pool_open(1, "pick_first");
    s = asked(0, 200);
    send_begin(peer(0), 1);
    for (size_t i = 0; i < sizeof(frame); i++) {
        h2peer_frame(peer(0), F_DATA, 0, 1, frame + i, 1);
        turns();
    }
    assert_int_equal(s->done, 0);
    send_status(peer(0), 1, "0");
    UNTIL(s->done);
    assert_string_equal(s->message, "yes");
}

enum play {
    STATUS_ONLY,
    OWN_ERROR,
    NO_STATUS,
    NOT_GRPC,
    HTTP_503,
    OK_WITHOUT_MESSAGE,
    OK_AFTER_HALF,
    TWO_MESSAGES,
    COMPRESSED,
    HUGE_MESSAGE,
    RESET,
};

static void
play(struct h2peer *p, enum play what)
{
    switch (what) {
    case STATUS_ONLY:
        h2peer_headers(p, 1, FL_END_STREAM, ":status", "200", "content-type",
                       "application/grpc", "grpc-status", "0", NULL);
        break;
    case OWN_ERROR:
        h2peer_headers(p, 1, FL_END_STREAM, ":status", "200", "content-type",
                       "application/grpc", "grpc-status", "12", "grpc-message",
                       "no%20such", NULL);
        break;
    case NO_STATUS:
        send_begin(p, 1);
        send_message(p, 1, "yes");
        h2peer_headers(p, 1, FL_END_STREAM, "x", "y", NULL);
        break;
    case NOT_GRPC:
        h2peer_headers(p, 1, FL_END_STREAM, ":status", "200", "content-type", "text/html",
                       "grpc-status", "0", NULL);
        break;
    case HTTP_503:
        h2peer_headers(p, 1, FL_END_STREAM, ":status", "503", "content-type", "text/html",
                       NULL);
        break;
    case OK_WITHOUT_MESSAGE:
        send_begin(p, 1);
        send_status(p, 1, "0");
        break;
    case OK_AFTER_HALF:
        send_begin(p, 1);
        h2peer_frame(p, F_DATA, 0, 1, "\0\0\0\0\3y", 6);
        send_status(p, 1, "0");
        break;
    case TWO_MESSAGES:
        send_begin(p, 1);
        send_message(p, 1, "yes");
        send_message(p, 1, "no");
        send_status(p, 1, "0");
        break;
    case COMPRESSED:
        send_begin(p, 1);
        h2peer_frame(p, F_DATA, 0, 1, "\1\0\0\0\1y", 6);
        break;
    case HUGE_MESSAGE:
        send_begin(p, 1);
        h2peer_frame(p, F_DATA, 0, 1, "\0\0\1\0\1y", 6); /* 65,537 bytes */
        break;
    case RESET:
        h2peer_u32(p, F_RST, 1, H2_INTERNAL_ERROR);
        break;
    }
}

static void
whatever_is_no_answer_ends_it_once(void **state)
{
    static const struct {
        enum play what;
        int code;
        bool own;
        const char *why;
    } rows[] = {
        { STATUS_ONLY, 13, false, "it answered OK without a whole message" },
        { OWN_ERROR, 12, true, "it answered UNIMPLEMENTED: no such" },
        { NO_STATUS, 2, false, "its answer has no grpc-status" },
        { NOT_GRPC, 2, false, "its answer is not gRPC" },
        { HTTP_503, 14, false, "its answer has no grpc-status" },
        { OK_WITHOUT_MESSAGE, 13, false, "it answered OK without a whole message" },
        { OK_AFTER_HALF, 13, false, "it answered OK without a whole message" },
        { TWO_MESSAGES, 13, false, "it answered with more than one message" },
        { COMPRESSED, 13, false, "its answer is not framed as gRPC" },
        { HUGE_MESSAGE, 8, false, "its answer is longer than 64 KiB" },
        { RESET, 13, false, "it reset the stream" },
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct side *s;

        if (i)
            side_setup(state);
        pool_open(1, "pick_first");
        s = asked(0, 200);
        play(peer(0), rows[i].what);
        UNTIL(s->done);
        wait_ms(500);
        assert_int_equal(s->done, 1);
        assert_int_equal(s->code, rows[i].code);
        assert_int_equal(s->own, rows[i].own);
        assert_string_equal(s->why, rows[i].why);
        assert_string_equal(s->message, "");
        assert_int_equal(stat_get(&stats, STAT_SIDE_CALLS_FAILED), 1);
        if (i + 1 < ARRAY_LEN(rows))
            side_teardown(state);
    }
}

static void
silence_ends_at_the_deadline(void **state)
{
    struct side *s;

    (void)state;
    pool_open(1, "pick_first");
    s = asked(0, 200);
    wait_ms(150);
    assert_int_equal(s->done, 0);
    wait_ms(100);
    assert_int_equal(s->done, 1);
    assert_int_equal(s->code, 4);
    assert_false(s->own);
    assert_string_equal(s->why, "no answer in time");
    assert_int_equal(h2peer_rst_code(peer(0), 1), H2_CANCEL);
    send_begin(peer(0), 1); /* too late */
    send_message(peer(0), 1, "yes");
    send_status(peer(0), 1, "0");
    turns();
    assert_int_equal(s->done, 1);
}

static void
waiting_for_a_connection_counts_too(void **state)
{
    struct side *s;

    (void)state;
    backends[0].manner = SILENT; /* never a SETTINGS */
    pool_open(1, "pick_first");
    s = side_start(0, 200);
    wait_ms(150);
    assert_int_equal(s->done, 0);
    wait_ms(100);
    assert_int_equal(s->code, 4);
    assert_string_equal(s->why, "no connection in time");
    assert_int_equal(s->done, 1);
}

/* Nobody listens: also what fails at once is told in a later turn. */
static void
dead_service_is_told_with_its_pool(void **state)
{
    struct side *s;

    (void)state;
    backend_open(0);
    backend_refuse(0);
    pool_open(1, "pick_first");
    s = side_start(0, 200);
    UNTIL(s->done);
    assert_int_equal(s->code, 14);
    assert_non_null(strstr(s->why, "pool app: "));
    s = side_start(1, 200); /* the pool knows by now */
    UNTIL(s->done);
    assert_int_equal(s->code, 14);
    assert_int_equal(s->done, 1);
}

static void
lost_connection_ends_it(void **state)
{
    struct side *s;

    (void)state;
    pool_open(1, "pick_first");
    s = asked(0, 200);
    send_begin(peer(0), 1);
    turns();
    h2peer_hang_up(peer(0));
    UNTIL(s->done);
    assert_int_equal(s->code, 14);
}

/* A service that goes away gently has not seen it: it is asked again on the next connection. */
static void
unseen_question_is_asked_again(void **state)
{
    struct side *s;

    (void)state;
    pool_open(1, "pick_first");
    s = asked(0, 1000);
    h2peer_goaway(peer(0), 0, H2_NO_ERROR, "");
    UNTIL(backends[0].accepted == 2 && h2peer_find(peer(1), F_HEADERS, 1, 0));
    turns();
    assert_int_equal(s->done, 0);
    assert_int_equal(h2peer_data(peer(1), 1), 8);
    send_begin(peer(1), 1);
    send_message(peer(1), 1, "yes");
    send_status(peer(1), 1, "0");
    UNTIL(s->done);
    assert_int_equal(s->code, 0);
    assert_string_equal(s->message, "yes");
}

static void
refusing_service_is_asked_three_times(void **state)
{
    struct side *s;

    (void)state;
    pool_open(1, "pick_first");
    s = asked(0, 1000);
    for (int32_t id = 1; id < 6; id += 2) {
        UNTIL(h2peer_find(peer(0), F_HEADERS, id, 0));
        h2peer_u32(peer(0), F_RST, id, H2_REFUSED_STREAM);
    }
    UNTIL(s->done);
    assert_int_equal(s->code, 14);
    turns();
    assert_int_equal(h2peer_count(peer(0), F_HEADERS, -1), 3);
}

static void
cancelled_question_is_never_told(void **state)
{
    struct side *s, *waits;

    (void)state;
    pool_open(1, "pick_first");
    waits = side_start(1, 200);
    sidecall_cancel(waits->c); /* before there is a connection */
    s = asked(0, 200);
    sidecall_cancel(s->c);
    turns();
    assert_int_equal(h2peer_rst_code(peer(0), 1), H2_CANCEL);
    wait_ms(500);
    assert_int_equal(s->done, 0);
    assert_int_equal(waits->done, 0);
    assert_int_equal(stat_get(&stats, STAT_SIDE_CALLS_FAILED), 0);
}

/* A pool that closes ends them, those that wait and those under way. */
static void
closing_pool_ends_them(void **state)
{
    struct side *s, *waits;

    (void)state;
    backends[0].max_streams = 1;
    pool_open(1, "pick_first");
    s = asked(0, 1000);
    waits = side_start(1, 1000);
    turns();
    pool_close(pool);
    UNTIL(s->done && waits->done);
    assert_int_equal(s->code, 14);
    assert_int_equal(waits->code, 14);
    waits = side_start(1, 1000);
    UNTIL(waits->done);
    assert_int_equal(waits->code, 14);
}

static void
long_question_is_not_asked(void **state)
{
    static char big[SIDECALL_REQUEST_MAX + 1];

    (void)state;
    pool_open(1, "pick_first");
    assert_null(sidecall_start(pool, PATH, slice_make(big, sizeof(big)), 1000, side_done,
                               &sides[0]));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        SIDE_TEST(question_has_the_form_of_a_call),
        SIDE_TEST(answer_may_come_in_pieces),
        SIDE_TEST(whatever_is_no_answer_ends_it_once),
        SIDE_TEST(silence_ends_at_the_deadline),
        SIDE_TEST(waiting_for_a_connection_counts_too),
        SIDE_TEST(dead_service_is_told_with_its_pool),
        SIDE_TEST(lost_connection_ends_it),
        SIDE_TEST(unseen_question_is_asked_again),
        SIDE_TEST(refusing_service_is_asked_three_times),
        SIDE_TEST(cancelled_question_is_never_told),
        SIDE_TEST(closing_pool_ends_them),
        SIDE_TEST(long_question_is_not_asked),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
