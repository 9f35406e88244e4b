/* SPDX-License-Identifier: Apache-2.0 */
/* Mirrors: a copy of the request goes to the canary, and whatever happens to it, the call does not notice. */
#include "callrig.h"

#include "base/compat.h"
#include "grpc/frame.h"
#include "h2/conn.h"
#include "proxy/mirror.h"
#include "proxy/worker.h"

static void
open_mirrored(void)
{
    struct mirror_conf *m = &rig.routes[0].mirror;

    field_defaults(&mirror_conf_struct, m);
    m->on = true;
    m->to.pool = "canary";
    callrig_open();
}

/* A call with one message that both backends have. */
static void
mirrored_call(int32_t id)
{
    h2peer_call(&rig.client, id, 0);
    send_message(&rig.client, id, 5, true);
    RIG_UNTIL(h2peer_data(backend(RIG_APP), id) == HELLO);
    RIG_UNTIL(h2peer_data(backend(RIG_CANARY), id) == HELLO);
}

static void
app_answers(int32_t id)
{
    answer_headers(backend(RIG_APP), id);
    send_message(backend(RIG_APP), id, 7, false);
    answer_trailers(backend(RIG_APP), id, "0");
    want_status(id, "0");
}

static void
canary_answers(int32_t id)
{
    answer_headers(backend(RIG_CANARY), id);
    send_message(backend(RIG_CANARY), id, 3, false);
    answer_trailers(backend(RIG_CANARY), id, "13");
}

static void
the_copy_has_the_same_bytes_and_its_answer_is_thrown_away(void **state)
{
    const char *request;

    (void)state;
    rig.routes[0].timeout_ms = 60000;
    rig.routes[0].request_headers.add =
        (struct conf_map){ (struct conf_pair[]){ { "x-more", "%{pool}" } }, 1 };
    open_mirrored();
    mirrored_call(1);
    request = fields_of(backend(RIG_CANARY), 1, 0);
    HAS(request, "x-outrigger-mirror: 1\n");
    HAS(request, ":path: /test.Service/Method\n");
    HAS(request, ":authority: test.example\n");
    HAS(request, "te: trailers\n");
    HAS(request, "grpc-timeout: ");
    HAS(request, "x-more: app\n"); /* it is a copy */
    HAS_NOT(fields_of(backend(RIG_APP), 1, 0), "x-outrigger-mirror");
    canary_answers(1);
    TURN_UNTIL(rig.loop, counted(STAT_MIRRORS_FLYING) == 0);
    assert_int_equal(h2peer_count(&rig.client, F_HEADERS, 1), 0);
    app_answers(1);
    assert_int_equal(h2peer_data(&rig.client, 1), FRAME_PREFIX + 7);
    assert_int_equal(counted(STAT_MIRRORS_STARTED), 1);
    assert_int_equal(counted(STAT_MIRRORS_FAILED), 0);
    assert_int_equal(counted(STAT_MIRRORS_DROPPED), 0);
    assert_int_equal(counted(STAT_CALLS_STARTED), 1);
}

static void
the_copy_outlives_the_call(void **state)
{
    (void)state;
    open_mirrored();
    mirrored_call(1);
    app_answers(1);
    TURN_UNTIL(rig.loop, counted(STAT_CALLS_FLYING) == 0);
    assert_int_equal(counted(STAT_MIRRORS_FLYING), 1);
    assert_int_equal(h2peer_count(backend(RIG_CANARY), F_RST, 1), 0);
    canary_answers(1);
    TURN_UNTIL(rig.loop, counted(STAT_MIRRORS_FLYING) == 0);
    assert_int_equal(counted(STAT_MIRRORS_FAILED), 0);
}

static void
messages_are_copied_while_they_flow(void **state)
{
    (void)state;
    open_mirrored();
    h2peer_call(&rig.client, 1, 0);
    for (size_t i = 1; i <= 10; i++) {
        send_message(&rig.client, 1, 5, false);
        TURN_UNTIL(rig.loop, h2peer_data(backend(RIG_APP), 1) == i * HELLO);
        TURN_UNTIL(rig.loop, h2peer_data(backend(RIG_CANARY), 1) == i * HELLO);
    }
    h2peer_frame(&rig.client, F_DATA, FL_END_STREAM, 1, NULL, 0);
    TURN_UNTIL(rig.loop, h2peer_find(backend(RIG_CANARY), F_DATA, 1, 10));
    assert_int_equal(h2peer_find(backend(RIG_CANARY), F_DATA, 1, 10)->flags,
                     FL_END_STREAM);
    app_answers(1);
}

static void
a_request_without_a_body_is_copied(void **state)
{
    (void)state;
    open_mirrored();
    h2peer_call(&rig.client, 1, FL_END_STREAM);
    TURN_UNTIL(rig.loop, fields_of(backend(RIG_CANARY), 1, 0));
    assert_true(h2peer_find(backend(RIG_CANARY), F_HEADERS, 1, 0)->flags & FL_END_STREAM);
    TURN_UNTIL(rig.loop, fields_of(backend(RIG_APP), 1, 0));
    app_answers(1);
}

static void
the_client_s_cancel_reaches_the_copy(void **state)
{
    (void)state;
    open_mirrored();
    mirrored_call(1);
    h2peer_u32(&rig.client, F_RST, 1, H2_CANCEL);
    TURN_UNTIL(rig.loop, h2peer_rst_code(backend(RIG_APP), 1) == H2_CANCEL);
    TURN_UNTIL(rig.loop, h2peer_rst_code(backend(RIG_CANARY), 1) == H2_CANCEL);
    TURN_UNTIL(rig.loop, counted(STAT_MIRRORS_FLYING) == 0);
    assert_int_equal(counted(STAT_MIRRORS_FAILED), 0);
}

static void
a_call_that_ends_early_takes_an_unfinished_copy_along(void **state)
{
    (void)state;
    open_mirrored();
    h2peer_call(&rig.client, 1, 0);
    send_message(&rig.client, 1, 5, false);
    TURN_UNTIL(rig.loop, h2peer_data(backend(RIG_CANARY), 1) == HELLO);
    TURN_UNTIL(rig.loop, h2peer_data(backend(RIG_APP), 1) == HELLO);
    app_answers(1);
    TURN_UNTIL(rig.loop, h2peer_rst_code(backend(RIG_CANARY), 1) == H2_CANCEL);
    TURN_UNTIL(rig.loop, counted(STAT_MIRRORS_FLYING) == 0);
}

static void
a_dead_mirror_does_no_harm(void **state)
{
    (void)state;
    open_mirrored();
    callrig_deafen(RIG_CANARY);
    for (int32_t id = 1; id < 20; id += 2) {
        h2peer_call(&rig.client, id, 0);
        send_message(&rig.client, id, 5, true);
        TURN_UNTIL(rig.loop, h2peer_data(backend(RIG_APP), id) == HELLO);
        app_answers(id);
    }
    TURN_UNTIL(rig.loop, counted(STAT_MIRRORS_FLYING) == 0);
    assert_int_equal(counted(STAT_MIRRORS_FAILED), 10);
    assert_int_equal(counted(STAT_CODE_0), 10);
    assert_int_equal(counted(STAT_EJECTIONS_ERRORS), 0);
}

static void
a_mirror_that_resets_does_no_harm(void **state)
{
    (void)state;
    open_mirrored();
    mirrored_call(1);
    h2peer_u32(backend(RIG_CANARY), F_RST, 1, H2_REFUSED_STREAM);
    TURN_UNTIL(rig.loop, counted(STAT_MIRRORS_FAILED) == 1);
    assert_int_equal(counted(STAT_REPLAYS), 0);
    app_answers(1);
}

/* The canary opens no window beyond the first 64 KiB; the call goes on at its own pace. */
static void
a_slow_mirror_is_given_up_at_its_buffer(void **state)
{
    enum { MESSAGES = 30, BYTES = 16000 };

    (void)state;
    open_mirrored(); /* maxBuffer: 256 KiB */
    h2peer_call(&rig.client, 1, 0);
    TURN_UNTIL(rig.loop, fields_of(backend(RIG_APP), 1, 0));
    h2peer_u32(backend(RIG_APP), F_WINDOW, 0, 1 << 30);
    h2peer_u32(backend(RIG_APP), F_WINDOW, 1, 1 << 30);
    for (size_t i = 1; i <= MESSAGES; i++) {
        send_message(&rig.client, 1, BYTES, i == MESSAGES);
        TURN_UNTIL(rig.loop,
                   h2peer_data(backend(RIG_APP), 1) == i * (BYTES + FRAME_PREFIX));
        assert_true(rig.worker->mirror_bytes <= 256 << 10);
    }
    assert_int_equal(counted(STAT_MIRRORS_DROPPED), 1);
    assert_int_equal(rig.worker->mirror_bytes, 0);
    TURN_UNTIL(rig.loop, h2peer_rst_code(backend(RIG_CANARY), 1) == H2_CANCEL);
    app_answers(1);
    assert_int_equal(counted(STAT_MIRRORS_FAILED), 0);
}

static void
mirrors_of_a_worker_are_bounded(void **state)
{
    (void)state;
    open_mirrored();
    mirrored_call(1);
    rig.worker->mirrors += MIRRORS_MAX - 1; /* as if so many were under way */
    h2peer_call(&rig.client, 3, 0);
    send_message(&rig.client, 3, 5, true);
    TURN_UNTIL(rig.loop, h2peer_data(backend(RIG_APP), 3) == HELLO);
    assert_int_equal(counted(STAT_MIRRORS_DROPPED), 1);
    assert_int_equal(counted(STAT_MIRRORS_STARTED), 1);
    rig.worker->mirrors -= MIRRORS_MAX - 1;
    rig.worker->max_mirror_bytes = HELLO - 1;
    h2peer_call(&rig.client, 5, 0);
    send_message(&rig.client, 5, 5, true);
    TURN_UNTIL(rig.loop, counted(STAT_MIRRORS_DROPPED) == 2);
    app_answers(1);
    app_answers(3);
}

static void
the_deadline_ends_the_copy_too(void **state)
{
    (void)state;
    rig.virtual = true;
    rig.routes[0].timeout_ms = 50;
    open_mirrored();
    mirrored_call(1);
    rig_wait_ms(60);
    want_status(1, "4");
    RIG_UNTIL(h2peer_rst_code(backend(RIG_CANARY), 1) == H2_CANCEL);
    RIG_UNTIL(counted(STAT_MIRRORS_FAILED) == 1);
}

static void
a_mirror_that_answers_early_hears_no_more(void **state)
{
    (void)state;
    open_mirrored();
    h2peer_call(&rig.client, 1, 0);
    send_message(&rig.client, 1, 5, false);
    TURN_UNTIL(rig.loop, h2peer_data(backend(RIG_CANARY), 1) == HELLO);
    TURN_UNTIL(rig.loop, h2peer_data(backend(RIG_APP), 1) == HELLO);
    canary_answers(1);
    TURN_UNTIL(rig.loop, h2peer_rst_code(backend(RIG_CANARY), 1) == H2_NO_ERROR);
    send_message(&rig.client, 1, 5, true);
    TURN_UNTIL(rig.loop, h2peer_data(backend(RIG_APP), 1) == 2 * HELLO);
    app_answers(1);
    assert_int_equal(h2peer_data(backend(RIG_CANARY), 1), HELLO);
    assert_int_equal(counted(STAT_MIRRORS_FAILED), 0);
}

static void
copies_are_not_copied_again(void **state)
{
    (void)state;
    open_mirrored();
    h2peer_headers(&rig.client, 1, FL_END_STREAM, ":method", "POST", ":scheme", "http",
                   ":path", "/test.Service/Method", ":authority", "x", "content-type",
                   "application/grpc", "x-outrigger-mirror", "1", NULL);
    TURN_UNTIL(rig.loop, fields_of(backend(RIG_APP), 1, 0));
    app_answers(1);
    assert_int_equal(counted(STAT_MIRRORS_STARTED), 0);
}

static void
only_a_share_is_copied(void **state)
{
    (void)state;
    field_defaults(&mirror_conf_struct, &rig.routes[0].mirror);
    rig.routes[0].mirror.on = true;
    rig.routes[0].mirror.to.pool = "canary";
    rig.routes[0].mirror.share = 25;
    callrig_open();
    for (int32_t id = 1; id < 800; id += 2) {
        h2peer_call(&rig.client, id, FL_END_STREAM);
        TURN_UNTIL(rig.loop, fields_of(backend(RIG_APP), id, 0));
        app_answers(id);
    }
    assert_in_range(counted(STAT_MIRRORS_STARTED), 70, 130);
}

static void
the_world_may_end_while_copies_wait(void **state)
{
    (void)state;
    open_mirrored();
    mirrored_call(1);
    app_answers(1);
    h2peer_call(&rig.client, 3, 0);
    send_message(&rig.client, 3, 5, false);
    TURN_UNTIL(rig.loop, h2peer_data(backend(RIG_CANARY), 3) == HELLO);
    /* callrig_teardown asserts that nothing is left */
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        RIG_TEST(the_copy_has_the_same_bytes_and_its_answer_is_thrown_away),
        RIG_TEST(the_copy_outlives_the_call),
        RIG_TEST(messages_are_copied_while_they_flow),
        RIG_TEST(a_request_without_a_body_is_copied),
        RIG_TEST(the_client_s_cancel_reaches_the_copy),
        RIG_TEST(a_call_that_ends_early_takes_an_unfinished_copy_along),
        RIG_TEST(a_dead_mirror_does_no_harm),
        RIG_TEST(a_mirror_that_resets_does_no_harm),
        RIG_TEST(a_slow_mirror_is_given_up_at_its_buffer),
        RIG_TEST(mirrors_of_a_worker_are_bounded),
        RIG_TEST(the_deadline_ends_the_copy_too),
        RIG_TEST(a_mirror_that_answers_early_hears_no_more),
        RIG_TEST(copies_are_not_copied_again),
        RIG_TEST(only_a_share_is_copied),
        RIG_TEST(the_world_may_end_while_copies_wait),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
