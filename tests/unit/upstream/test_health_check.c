/* SPDX-License-Identifier: Apache-2.0 */
/* Active checks with Check and with bare TCP connections. */
#include "unit.h"

#include <string.h>
#include <unistd.h>

#include "base/strbuf.h"
#include "healthrig.h"

/* --- Check -------------------------------------------------------------------------- */

static void
unimplemented_falls_back_to_check(void **state)
{
    struct world w;
    unsigned n = 0;

    (void)state;
    world_open(&w, HEALTH_GRPC);
    world_start(&w);
    say_error(&w, 0, world_request(&w, 0, "Watch", 0), "12");
    assert_int_equal(world_down(&w), BACKEND_UNCHECKED);
    say_check(&w, 0, world_request(&w, 0, "Check", n++), 1);
    assert_int_equal(world_down(&w), 0);
    for (unsigned bad = 1; bad <= 3; bad++) {
        world_wait_ms(&w, 10100);
        say_check(&w, 0, world_request(&w, 0, "Check", n++), 2);
        assert_int_equal(world_down(&w), bad == 3 ? BACKEND_UNHEALTHY : 0);
    }
    for (unsigned good = 1; good <= 2; good++) {
        world_wait_ms(&w, 10100);
        say_check(&w, 0, world_request(&w, 0, "Check", n++), 1);
        assert_int_equal(world_down(&w), good == 2 ? 0 : BACKEND_UNHEALTHY);
    }
    assert_int_equal(world_request(&w, 0, "Watch", 1), 0);
    world_close(&w);
}

static void
first_answers_of_check(void **state)
{
    static const struct {
        const char *code;
        bool knob;
        unsigned down;
    } rows[] = {
        { "5", false, BACKEND_UNHEALTHY }, /* NOT_FOUND */
        { "12", false, BACKEND_UNHEALTHY },
        { "12", true, 0 },
        { "14", true, BACKEND_UNHEALTHY },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct world w;

        world_open(&w, HEALTH_GRPC_CHECK);
        w.conf.health_check.unimplemented_is_healthy = rows[i].knob;
        world_start(&w);
        assert_int_equal(world_request(&w, 0, "Watch", 0), 0);
        say_error(&w, 0, world_request(&w, 0, "Check", 0), rows[i].code);
        if (world_down(&w) != rows[i].down)
            fail_msg("row %zu: down is %u", i, world_down(&w));
        world_close(&w);
    }
}

/* Whatever is not one whole SERVING with status 0 is a failure. */
static void
only_a_whole_answer_is_good(void **state)
{
    (void)state;
    for (int kind = 0; kind < 4; kind++) {
        struct world w;
        int32_t id;

        world_open(&w, HEALTH_GRPC_CHECK);
        world_start(&w);
        id = world_request(&w, 0, "Check", 0);
        if (kind == 0) { /* two messages */
            say_headers(&w, 0, id);
            say_status(&w, 0, id, 1);
            say_status(&w, 0, id, 1);
            say_end(&w, 0, id, "0");
        } else if (kind == 1) { /* none */
            say_headers(&w, 0, id);
            say_end(&w, 0, id, "0");
        } else if (kind == 2) { /* a web server */
            h2peer_headers(&w.peers[0], id, 0, ":status", "200", "content-type",
                           "text/html", NULL);
            say_status(&w, 0, id, 1);
            say_end(&w, 0, id, "0");
        } else { /* no trailers */
            say_headers(&w, 0, id);
            say_status(&w, 0, id, 1);
            h2peer_u32(&w.peers[0], F_RST, id, H2_INTERNAL_ERROR);
            world_turns(&w);
        }
        if (world_down(&w) != BACKEND_UNHEALTHY)
            fail_msg("kind %d: down is %u", kind, world_down(&w));
        world_close(&w);
    }
}

static void
an_unchecked_endpoint_may_be_used_when_asked_so(void **state)
{
    struct world w;

    (void)state;
    world_open(&w, HEALTH_GRPC_CHECK);
    w.conf.health_check.wait_for_first = false;
    world_start(&w);
    assert_int_equal(world_down(&w), 0);
    say_error(&w, 0, world_request(&w, 0, "Check", 0), "14");
    assert_int_equal(world_down(&w), 0);
    world_close(&w);
}

/* --- TCP, and connections ------------------------------------------------------------- */

static void
tcp_connects_and_nothing_else(void **state)
{
    struct world w;
    struct strbuf text;

    (void)state;
    world_open(&w, HEALTH_TCP);
    world_start(&w);
    assert_int_equal(world_down(&w), 0);
    close(w.listening);
    w.listening = -1;
    world_wait_ms(&w, 25000);
    assert_int_equal(world_down(&w), 0);
    world_wait_ms(&w, 6000);
    assert_int_equal(world_down(&w), BACKEND_UNHEALTHY);
    assert_non_null(strstr(the_backend(&w)->why, "3 times: Connection refused"));
    strbuf_init(&text, 1000);
    health_print(w.hub, the_backend(&w), &text);
    assert_non_null(strstr(text.s, "\"good\":false"));
    assert_non_null(strstr(text.s, "\"text\":\"Connection refused\""));
    assert_non_null(strstr(text.s, "\"badInRow\":3"));
    strbuf_done(&text);
    world_listen(&w);
    world_wait_ms(&w, 10300);
    assert_int_equal(world_down(&w), BACKEND_UNHEALTHY);
    world_wait_ms(&w, 10300);
    assert_int_equal(world_down(&w), 0);
    for (unsigned i = 0; i < w.n; i++)
        assert_int_equal(w.peers[i].in_len, 0);
    world_close(&w);
}

/* The proxy is there before its backend: it does not wait a whole interval. */
static void
a_backend_that_comes_late_is_found_soon(void **state)
{
    struct world w;

    (void)state;
    world_open(&w, HEALTH_TCP);
    close(w.listening);
    w.listening = -1;
    world_start(&w);
    assert_int_equal(world_down(&w), BACKEND_UNHEALTHY);
    world_listen(&w);
    world_wait_ms(&w, 1300);
    assert_int_equal(world_down(&w), 0);
    world_close(&w);
}

/* What is wrong with it now, not what was wrong when it went down; since when stays. */
static void
what_is_said_of_a_bad_backend_is_the_latest(void **state)
{
    struct world w;
    int64_t since;

    (void)state;
    world_open(&w, HEALTH_GRPC_CHECK);
    close(w.listening);
    w.listening = -1;
    world_start(&w);
    assert_int_equal(world_down(&w), BACKEND_UNHEALTHY);
    assert_string_equal(the_backend(&w)->why, "connect: Connection refused");
    since = the_backend(&w)->since_us;
    world_listen(&w);
    world_wait_ms(&w, 1300);
    say_error(&w, 0, world_request(&w, 0, "Check", 0), "14");
    assert_int_equal(world_down(&w), BACKEND_UNHEALTHY);
    assert_non_null(strstr(the_backend(&w)->why, "Check failed 2 times"));
    assert_true(the_backend(&w)->since_us == since);
    world_close(&w);
}

static void
a_connection_that_never_answers_times_out(void **state)
{
    struct world w;

    (void)state;
    world_open(&w, HEALTH_GRPC);
    world_start(&w);
    assert_int_not_equal(world_request(&w, 0, "Watch", 0), 0);
    world_wait_ms(&w, 900);
    assert_int_equal(world_down(&w), BACKEND_UNCHECKED);
    world_wait_ms(&w, 200);
    assert_int_equal(world_down(&w), BACKEND_UNHEALTHY);
    assert_non_null(strstr(the_backend(&w)->why, "no answer within 1000 ms"));
    world_close(&w);
}

static void
a_lost_connection_counts_once_and_is_made_again(void **state)
{
    struct world w;
    int32_t id;

    (void)state;
    world_watch(&w);
    h2peer_hang_up(&w.peers[0]);
    world_turns(&w);
    assert_int_equal(world_down(&w), 0);
    assert_int_equal(rig_stat(&w.rig, STAT_HEALTH_FAILURES), 1);
    world_wait_ms(&w, 300);
    assert_int_equal(w.n, 2);
    id = world_request(&w, 1, "Watch", 0);
    assert_int_not_equal(id, 0);
    say_headers(&w, 1, id);
    say_status(&w, 1, id, 2);
    world_turns(&w);
    assert_int_equal(world_down(&w), BACKEND_UNHEALTHY);
    world_close(&w);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unimplemented_falls_back_to_check),
        cmocka_unit_test(first_answers_of_check),
        cmocka_unit_test(only_a_whole_answer_is_good),
        cmocka_unit_test(an_unchecked_endpoint_may_be_used_when_asked_so),
        cmocka_unit_test(tcp_connects_and_nothing_else),
        cmocka_unit_test(a_backend_that_comes_late_is_found_soon),
        cmocka_unit_test(what_is_said_of_a_bad_backend_is_the_latest),
        cmocka_unit_test(a_connection_that_never_answers_times_out),
        cmocka_unit_test(a_lost_connection_counts_once_and_is_made_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
