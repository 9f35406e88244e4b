/* SPDX-License-Identifier: Apache-2.0 */
/* Active checks with Watch: what a backend says moves it at once, and what its silence and its goodbyes mean. */
#include "unit.h"

#include <string.h>

#include "healthrig.h"

/* --- Watch -------------------------------------------------------------------------- */

static void
a_watch_moves_the_backend_at_once(void **state)
{
    struct world w;
    int32_t id = world_watch(&w);
    static const uint8_t bad[] = { 0, 2 };

    (void)state;
    for (size_t i = 0; i < sizeof(bad); i++) {
        say_status(&w, 0, id, bad[i]);
        world_turns(&w);
        assert_int_equal(world_down(&w), BACKEND_UNHEALTHY);
        say_status(&w, 0, id, 1);
        world_turns(&w);
        assert_int_equal(world_down(&w), 0);
    }
    say_status(&w, 0, id, 7); /* not in the enum */
    world_turns(&w);
    assert_int_equal(world_down(&w), BACKEND_UNHEALTHY);
    say_status(&w, 0, id, 1);
    world_turns(&w);
    assert_int_equal(world_down(&w),
                     BACKEND_UNHEALTHY); /* it flaps: held for an interval */
    world_wait_ms(&w, 9500);
    assert_int_equal(world_down(&w), BACKEND_UNHEALTHY);
    world_wait_ms(&w, 700);
    assert_int_equal(world_down(&w), 0);
    assert_int_equal(w.n, 1);
    world_close(&w);
}

static void
the_request_names_service_and_metadata(void **state)
{
    static struct conf_pair pairs[] = { { "x-check", "yes" } };
    struct world w;
    const struct peer_frame *f;

    (void)state;
    world_open(&w, HEALTH_GRPC);
    w.conf.health_check.metadata = (struct conf_map){ pairs, 1 };
    w.conf.health_check.authority = "stock.shop";
    world_start(&w);
    f = h2peer_find(&w.peers[0], F_HEADERS, 1, 0);
    assert_non_null(f);
    assert_non_null(strstr(f->fields, "x-check: yes\n"));
    assert_non_null(strstr(f->fields, ":authority: stock.shop\n"));
    f = h2peer_find(&w.peers[0], F_DATA, 1, 0);
    assert_non_null(f);
    assert_int_equal(f->n, 20);
    assert_memory_equal(f->payload, "\0\0\0\0\x0f\x0a\x0dshop.v1.Stock", 20);
    world_close(&w);
}

static void
an_answer_that_cannot_be_read_is_no(void **state)
{
    static const uint8_t junk[] = { 0, 0, 0, 0, 2, 8, 0x81 };
    struct world w;
    int32_t id = world_watch(&w);

    (void)state;
    h2peer_frame(&w.peers[0], F_DATA, 0, id, junk, sizeof(junk));
    world_turns(&w);
    assert_int_equal(world_down(&w), BACKEND_UNHEALTHY);
    assert_int_equal(h2peer_rst_code(&w.peers[0], id), H2_CANCEL);
    world_wait_ms(&w, 1500);
    assert_int_not_equal(world_request(&w, 0, "Watch", 1), 0);
    world_close(&w);
}

static void
a_watch_that_ends_with_a_status_is_no_and_is_opened_again(void **state)
{
    struct world w;
    int32_t id = world_watch(&w);

    (void)state;
    say_end(&w, 0, id, "0");
    assert_int_equal(world_down(&w), BACKEND_UNHEALTHY);
    world_wait_ms(&w, 200); /* at once after a Watch that had said something */
    id = world_request(&w, 0, "Watch", 1);
    assert_int_not_equal(id, 0);
    say_error(&w, 0, id, "13");
    world_wait_ms(&w, 700);
    assert_int_equal(world_request(&w, 0, "Watch", 2), 0); /* then with backoff */
    world_wait_ms(&w, 600);
    id = world_request(&w, 0, "Watch", 2);
    assert_int_not_equal(id, 0);
    say_headers(&w, 0, id);
    say_status(&w, 0, id, 1);
    world_turns(&w);
    assert_int_equal(world_down(&w), 0);
    world_close(&w);
}

static void
a_polite_goaway_is_no_failure(void **state)
{
    struct world w;
    int32_t id = world_watch(&w);
    uint64_t failures = (uint64_t)rig_stat(&w.rig, STAT_HEALTH_FAILURES);

    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        h2peer_goaway(&w.peers[i], 0x7fffffff, H2_NO_ERROR, "max_age");
        world_wait_ms(&w, 100);
        assert_int_equal(w.n, i + 2); /* another connection, at once */
        assert_int_equal(world_down(&w), 0);
        id = world_request(&w, i + 1, "Watch", 0);
        assert_int_not_equal(id, 0);
        say_headers(&w, i + 1, id);
        say_status(&w, i + 1, id, 1);
        world_turns(&w);
    }
    assert_int_equal(rig_stat(&w.rig, STAT_HEALTH_FAILURES), failures);
    assert_int_equal(world_down(&w), 0);
    world_close(&w);
}

static void
a_goodbye_without_an_answer_is_a_failure(void **state)
{
    struct world w;

    (void)state;
    world_open(&w, HEALTH_GRPC);
    world_start(&w);
    h2peer_goaway(&w.peers[0], 0, H2_NO_ERROR, "");
    world_turns(&w);
    assert_int_equal(world_down(&w), BACKEND_UNHEALTHY);
    assert_int_equal(w.n, 1); /* no busy loop */
    world_wait_ms(&w, 1300);
    assert_int_equal(w.n, 2);
    world_close(&w);
}

/* The host dies without a word: the stream stays open, the Checks beside it get nothing. */
static void
a_silent_watch_is_noticed(void **state)
{
    struct world w;

    (void)state;
    world_watch(&w);
    world_wait_ms(&w, 9000);
    assert_int_equal(world_request(&w, 0, "Check", 0), 0);
    world_wait_ms(&w, 1200); /* the first Check at 10 s */
    assert_int_not_equal(world_request(&w, 0, "Check", 0), 0);
    assert_int_equal(world_down(&w), 0);
    world_wait_ms(&w,
                  1000); /* no answer in 1 s: 1 failure, and a new connection at 20 s */
    assert_int_equal(rig_stat(&w.rig, STAT_HEALTH_FAILURES), 1);
    world_wait_ms(&w, 10500);
    assert_int_equal(w.n, 2);
    assert_int_equal(world_down(&w), 0);
    world_wait_ms(&w, 13000);
    assert_int_equal(w.n, 3);
    assert_int_equal(world_down(&w), BACKEND_UNHEALTHY);
    world_close(&w);
}

static void
checks_beside_a_watch_prove_life(void **state)
{
    struct world w;

    (void)state;
    world_watch(&w);
    for (unsigned i = 0; i < 5; i++) {
        int32_t id;

        world_wait_ms(&w, 10200);
        id = world_request(&w, 0, "Check", i);
        assert_int_not_equal(id, 0);
        if (i % 2)
            say_check(&w, 0, id, 1);
        else
            say_error(&w, 0, id, "12"); /* UNIMPLEMENTED is an answer, too */
        assert_int_equal(world_down(&w), 0);
    }
    assert_int_equal(w.n, 1);
    world_close(&w);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_watch_moves_the_backend_at_once),
        cmocka_unit_test(the_request_names_service_and_metadata),
        cmocka_unit_test(an_answer_that_cannot_be_read_is_no),
        cmocka_unit_test(a_watch_that_ends_with_a_status_is_no_and_is_opened_again),
        cmocka_unit_test(a_polite_goaway_is_no_failure),
        cmocka_unit_test(a_goodbye_without_an_answer_is_a_failure),
        cmocka_unit_test(a_silent_watch_is_noticed),
        cmocka_unit_test(checks_beside_a_watch_prove_life),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
