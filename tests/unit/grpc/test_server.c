/* SPDX-License-Identifier: Apache-2.0 */
/* Calls of our small client to our small server: messages of all sizes, errors, deadlines, cancels and ends. */
#include "serverrig.h"

#include <string.h>

#include "base/compat.h"
#include "base/strbuf.h"

static void
a_unary_call_goes_there_and_back_however_bytes_are_cut(void **state)
{
    static const size_t steps[] = { 0, 1, 2, 7, 100 };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
        struct heard h;

        world_start(steps[i]);
        turns(300);
        call_once("/t.T/Unary", slice_of("hello"), steps[i] == 1 ? 800 : 400, &h);
        assert_int_equal(h.ends, 1);
        assert_int_equal(h.code, GRPC_OK);
        assert_int_equal(h.messages, 1);
        assert_string_equal(h.last, "hello");
        assert_string_equal(h.backend, "unit");
        assert_int_equal(world.gone, 1);
        world_stop();
    }
}

static void
an_empty_message_is_a_message(void **state)
{
    struct heard h;

    (void)state;
    world_start(0);
    call_once("/t.T/Unary", slice_of(""), 20, &h);
    assert_int_equal(h.code, GRPC_OK);
    assert_int_equal(h.messages, 1);
    assert_int_equal(h.bytes, 0);
    world_stop();
}

static void
a_long_message_passes_the_small_windows(void **state)
{
    static char big[GRPC_SERVER_MESSAGE_MAX];
    struct heard h;

    (void)state;
    memset(big, 'b', sizeof(big));
    world_start(0);
    call_once("/t.T/Unary", slice_make(big, sizeof(big)), 3000, &h);
    assert_int_equal(h.ends, 1);
    assert_int_equal(h.code, GRPC_OK);
    assert_int_equal(h.bytes, sizeof(big));
    world_stop();
}

static void
a_message_over_the_limit_ends_the_call(void **state)
{
    static char big[GRPC_SERVER_MESSAGE_MAX + 1];
    struct heard h;

    (void)state;
    world_start(0);
    call_once("/t.T/Unary", slice_make(big, sizeof(big)), 1000, &h);
    assert_int_equal(h.ends, 1);
    assert_int_equal(h.code, GRPC_RESOURCE_EXHAUSTED);
    call_once("/t.T/Unary", slice_of("next"), 50, &h); /* the connection lives on */
    assert_int_equal(h.code, GRPC_OK);
    world_stop();
}

static void
an_error_comes_with_its_text_as_trailers_only(void **state)
{
    struct heard h;

    (void)state;
    world_start(0);
    call_once("/t.T/Fail", slice_of("x"), 20, &h);
    assert_int_equal(h.ends, 1);
    assert_int_equal(h.code, GRPC_ABORTED);
    assert_string_equal(h.text, "100%25 %C3%A9");
    assert_int_equal(h.messages, 0);
    world_stop();
}

static void
an_unknown_method_is_unimplemented(void **state)
{
    struct heard h;

    (void)state;
    world_start(0);
    call_once("/t.T/Nope", slice_of("x"), 20, &h);
    assert_int_equal(h.ends, 1);
    assert_int_equal(h.code, GRPC_UNIMPLEMENTED);
    world_stop();
}

static void
a_unary_call_wants_exactly_one_message(void **state)
{
    struct grpc_client_call *call;
    struct heard h;

    (void)state;
    world_start(0);
    call = start("/t.T/Unary", 0, &h);
    grpc_client_half_close(call);
    turns(20);
    assert_int_equal(h.code, GRPC_INTERNAL);
    call = start("/t.T/Hang", 0, &h);
    grpc_client_send(call, slice_of("1"));
    grpc_client_send(call, slice_of("2"));
    turns(20);
    assert_int_equal(h.ends, 1);
    assert_int_equal(h.code, GRPC_INTERNAL);
    world_stop();
}

static void
a_stream_is_answered_message_by_message(void **state)
{
    struct grpc_client_call *call;
    struct heard h;

    (void)state;
    world_start(0);
    call = start("/t.T/Bidi", 0, &h);
    for (unsigned i = 1; i <= 5; i++) {
        char text[8];

        snprintf(text, sizeof(text), "m%u", i);
        grpc_client_send(call, slice_of(text));
        turns(10);
        assert_int_equal(h.messages, i);
        assert_string_equal(h.last, text);
        assert_int_equal(h.ends, 0);
    }
    grpc_client_half_close(call);
    turns(10);
    assert_int_equal(h.ends, 1);
    assert_int_equal(h.code, GRPC_OK);
    world_stop();
}

static void
the_deadline_ends_a_call_on_both_sides(void **state)
{
    struct grpc_client_call *call;
    struct heard h;

    (void)state;
    world_start(0);
    call = start("/t.T/Hang", 250000, &h);
    grpc_client_send(call, slice_of("x"));
    grpc_client_half_close(call);
    turns(20);
    world.now_us += 240000;
    turns(20);
    assert_int_equal(h.ends, 0);
    world.now_us += 15000;
    turns(20);
    assert_int_equal(h.ends, 1);
    assert_int_equal(h.code, GRPC_DEADLINE_EXCEEDED);
    assert_int_equal(world.gone, 1);
    world_stop();
}

static void
a_cancelled_call_reaches_the_service(void **state)
{
    struct grpc_client_call *call;
    struct heard h;

    (void)state;
    world_start(0);
    call = start("/t.T/Hang", 0, &h);
    grpc_client_send(call, slice_of("x"));
    turns(20);
    assert_int_equal(world.gone, 0);
    grpc_client_cancel(call);
    turns(20);
    assert_int_equal(h.ends, 1);
    assert_int_equal(h.code, GRPC_CANCELLED);
    assert_int_equal(world.gone, 1);
    world_stop();
}

static void
a_long_answer_goes_on_as_room_appears(void **state)
{
    struct heard h;

    (void)state;
    world_start(0);
    call_once("/t.T/Flood", slice_of("x"), 1500, &h);
    assert_int_equal(h.ends, 1);
    assert_int_equal(h.code, GRPC_OK);
    assert_int_equal(h.messages, 2000);
    world_stop();
}

static void
calls_end_when_the_server_goes(void **state)
{
    struct grpc_client_call *call, *none;
    struct heard h, h2;

    (void)state;
    world_start(0);
    call = start("/t.T/Hang", 0, &h);
    grpc_client_send(call, slice_of("x"));
    turns(20);
    grpc_server_close(world.server);
    turns(20);
    assert_int_equal(h.ends, 1);
    assert_int_equal(h.code, GRPC_UNAVAILABLE);
    assert_false(grpc_client_connected(world.client));
    assert_int_not_equal(
        grpc_client_start(world.client, "/t.T/Unary", 0, &heard_ops, &h2, &none), 0);
    world_stop();
}

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_unary_call_goes_there_and_back_however_bytes_are_cut),
        cmocka_unit_test(an_empty_message_is_a_message),
        cmocka_unit_test(a_long_message_passes_the_small_windows),
        cmocka_unit_test(a_message_over_the_limit_ends_the_call),
        cmocka_unit_test(an_error_comes_with_its_text_as_trailers_only),
        cmocka_unit_test(an_unknown_method_is_unimplemented),
        cmocka_unit_test(a_unary_call_wants_exactly_one_message),
        cmocka_unit_test(a_stream_is_answered_message_by_message),
        cmocka_unit_test(the_deadline_ends_a_call_on_both_sides),
        cmocka_unit_test(a_cancelled_call_reaches_the_service),
        cmocka_unit_test(a_long_answer_goes_on_as_room_appears),
        cmocka_unit_test(calls_end_when_the_server_goes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
