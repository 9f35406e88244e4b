/* SPDX-License-Identifier: Apache-2.0 */
/* One small server for services of others: each with its own arg, who may call at all, and a budget of messages. */
#include "serverrig.h"

#include "base/compat.h"

/* Says whose it is, and counts in the state, which is zeroed: "a1". */
static void
name_on_message(struct grpc_call *call, struct slice message)
{
    struct echo_state *s = grpc_call_state(call);
    char text[16];

    (void)message;
    snprintf(text, sizeof(text), "%s%u", (const char *)grpc_call_arg(call), ++s->left);
    grpc_call_send(call, slice_of(text));
}

static const struct grpc_method a_methods[] = {
    { .path = "/a.A/Name",
      .on_message = name_on_message,
      .on_half_close = rig_finish_ok },
};
static const struct grpc_method b_methods[] = {
    { .path = "/t.T/Fail",
      .on_message = name_on_message,
      .on_half_close = rig_finish_ok },
    { .path = "/b.B/Name",
      .on_message = name_on_message,
      .on_half_close = rig_finish_ok },
};
static char a_arg[] = "a", b_arg[] = "b";
static const struct grpc_service a_service = { .methods = a_methods,
                                               .n_methods = ARRAY_LEN(a_methods),
                                               .state_size = sizeof(struct echo_state),
                                               .arg = a_arg };
static const struct grpc_service b_service = { .methods = b_methods,
                                               .n_methods = ARRAY_LEN(b_methods),
                                               .state_size = sizeof(struct echo_state),
                                               .arg = b_arg };
static const struct grpc_service *const services[] = { &a_service, &b_service };
static const char *friend; /* the authority that may call; NULL: all */

static bool
may_call(void *arg, struct slice authority, const char **ret_why)
{
    assert_null(arg);
    *ret_why = "only friends may";
    return !friend || slice_eq_str(authority, friend);
}

/* A budget of messages. */
static unsigned budget, begun, ended;

static bool
message_begin(void *arg, const struct grpc_method *method, int64_t *ret_note,
              const char **ret_why)
{
    assert_null(arg);
    assert_string_equal(method->path, "/a.A/Name");
    *ret_why = "not now";
    *ret_note = ++begun;
    return begun <= budget;
}

static void
message_end(void *arg, const struct grpc_method *method, int64_t note)
{
    assert_null(arg);
    assert_string_equal(method->path, "/a.A/Name");
    assert_int_equal(note, begun);
    ended++;
}

static const struct grpc_server_conf busy_conf = {
    .services = services,
    .n_services = ARRAY_LEN(services),
    .state_size = sizeof(struct echo_state),
    .limits = &world.limits,
    .message_begin = message_begin,
    .message_end = message_end,
};

static const struct grpc_server_conf shared_conf = {
    .methods = rig_methods,
    .n_methods = RIG_METHODS,
    .services = services,
    .n_services = ARRAY_LEN(services),
    .state_size = sizeof(struct echo_state),
    .unknown_text = "ask elsewhere",
    .limits = &world.limits,
    .may_call = may_call,
};

/* The server's own methods come first. */
static void
each_service_has_its_own_arg(void **state)
{
    struct heard h;

    (void)state;
    friend = NULL;
    world_start_with(&shared_conf, 0);
    call_once("/a.A/Name", slice_of("x"), 20, &h);
    assert_int_equal(h.code, GRPC_OK);
    assert_string_equal(h.last, "a1");
    call_once("/b.B/Name", slice_of("x"), 20, &h);
    assert_string_equal(h.last, "b1");
    call_once("/t.T/Fail", slice_of("x"), 20, &h);
    assert_int_equal(h.code, GRPC_ABORTED);
    call_once("/a.A/Nope", slice_of("x"), 20, &h);
    assert_int_equal(h.code, GRPC_UNIMPLEMENTED);
    assert_string_equal(h.text, "ask elsewhere");
    world_stop();
}

static void
who_may_not_call_hears_why(void **state)
{
    struct heard h;

    (void)state;
    world_start_with(&shared_conf, 0);
    friend = "other.test";
    call_once("/a.A/Name", slice_of("x"), 20, &h);
    assert_int_equal(h.code, GRPC_PERMISSION_DENIED);
    assert_string_equal(h.text, "only friends may");
    assert_int_equal(h.messages, 0);
    call_once("/a.A/Nope", slice_of("x"), 20, &h); /* nor what there is */
    assert_int_equal(h.code, GRPC_PERMISSION_DENIED);
    friend = "unit.test";
    call_once("/a.A/Name", slice_of("x"), 20, &h);
    assert_int_equal(h.code, GRPC_OK);
    world_stop();
}

static void
who_asks_for_too_much_hears_why(void **state)
{
    struct heard h;

    (void)state;
    begun = ended = 0;
    budget = 2;
    world_start_with(&busy_conf, 0);
    for (unsigned i = 1; i <= 3; i++) {
        call_once("/a.A/Name", slice_of("x"), 20, &h);
        assert_int_equal(begun, i);
        assert_int_equal(h.code, i <= budget ? GRPC_OK : GRPC_RESOURCE_EXHAUSTED);
        assert_int_equal(h.messages, i <= budget);
        assert_int_equal(ended, i <= budget ? i : budget);
    }
    assert_string_equal(h.text, "not now");
    world_stop();
}

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_service_has_its_own_arg),
        cmocka_unit_test(who_may_not_call_hears_why),
        cmocka_unit_test(who_asks_for_too_much_hears_why),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
