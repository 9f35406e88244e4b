/* SPDX-License-Identifier: Apache-2.0 */
/* Our small server and our small client, joined by a memory pair that cuts the bytes; a
 * virtual clock for the deadlines. */
#include "grpc/server.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/compat.h"
#include "base/slab.h"
#include "base/strbuf.h"
#include "grpc/client.h"
#include "h2/conn.h"
#include "loop/loop.h"
#include "loop/timer.h"
#include "net/transport.h"
#include "obs/stats.h"

struct echo_state { /* of a call of the method Count */
    struct timer timer;
    unsigned left;
};

struct world {
    int64_t now_us;
    struct clock_source clock;
    struct loop *loop;
    struct slab *slab;
    struct buf_pool *bufs;
    struct stats stats;
    struct h2_worker *h2;
    struct h2_limits limits;
    struct grpc_server *server;
    struct grpc_client *client;
    unsigned gone; /* calls whose on_gone ran */
};

/* What the client heard of one call. */
struct heard {
    unsigned messages, ends;
    size_t bytes;
    char last[64];
    enum grpc_code code;
    char text[200];
    char backend[32];
};

static struct world world;

static int64_t
world_now(void *arg)
{
    return *(int64_t *)arg;
}

/* ---- a service ---- */

static void
echo_on_message(struct grpc_call *call, struct slice message)
{
    grpc_call_send(call, message);
}

static void
finish_ok(struct grpc_call *call)
{
    grpc_call_finish(call, GRPC_OK, "");
}

static void
note_gone(struct grpc_call *call)
{
    (void)call;
    world.gone++;
}

static void
fail_on_message(struct grpc_call *call, struct slice message)
{
    (void)message;
    grpc_call_finish(call, GRPC_ABORTED, "100% \xc3\xa9");
}

static void
hang_on_message(struct grpc_call *call, struct slice message)
{
    (void)call, (void)message;
}

/* Sends 1 KiB messages for as long as the client takes them. */
static void
flood_more(struct grpc_call *call)
{
    static const char piece[1024];
    struct echo_state *s = grpc_call_state(call);

    while (s->left > 0 && grpc_call_queued(call) < GRPC_SERVER_QUEUE_HIGH) {
        grpc_call_send(call, slice_make(piece, sizeof(piece)));
        s->left--;
    }
    if (s->left == 0)
        grpc_call_finish(call, GRPC_OK, "");
}

static void
flood_on_message(struct grpc_call *call, struct slice message)
{
    struct echo_state *s = grpc_call_state(call);

    (void)message;
    s->left = 2000;
    flood_more(call);
}

static const struct grpc_method methods[] = {
    { .path = "/t.T/Unary",
      .on_message = echo_on_message,
      .on_half_close = finish_ok,
      .on_gone = note_gone },
    { .path = "/t.T/Bidi",
      .client_streams = true,
      .on_message = echo_on_message,
      .on_half_close = finish_ok,
      .on_gone = note_gone },
    { .path = "/t.T/Fail", .on_message = fail_on_message, .on_gone = note_gone },
    { .path = "/t.T/Hang", .on_message = hang_on_message, .on_gone = note_gone },
    { .path = "/t.T/Flood",
      .on_message = flood_on_message,
      .on_room = flood_more,
      .on_gone = note_gone },
};

static const struct grpc_server_conf server_conf = {
    .methods = methods,
    .n_methods = ARRAY_LEN(methods),
    .state_size = sizeof(struct echo_state),
    .backend_name = "unit",
    .limits = &world.limits,
};

/* ---- services of others on the same server ---- */

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
    { .path = "/a.A/Name", .on_message = name_on_message, .on_half_close = finish_ok },
};
static const struct grpc_method b_methods[] = {
    { .path = "/t.T/Fail", .on_message = name_on_message, .on_half_close = finish_ok },
    { .path = "/b.B/Name", .on_message = name_on_message, .on_half_close = finish_ok },
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
    .methods = methods,
    .n_methods = ARRAY_LEN(methods),
    .services = services,
    .n_services = ARRAY_LEN(services),
    .state_size = sizeof(struct echo_state),
    .unknown_text = "ask elsewhere",
    .limits = &world.limits,
    .may_call = may_call,
};

static const struct grpc_client_conf client_conf = {
    .authority = "unit.test",
    .limits = &world.limits,
};

/* ---- the world around ---- */

static void
turns(unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        loop_turn(world.loop, false);
}

/* step: most bytes per read and write. */
static void
world_start_with(const struct grpc_server_conf *conf, size_t step)
{
    struct transport *a, *b;

    memset(&world, 0, sizeof(world));
    world.now_us = 1000000;
    world.clock = (struct clock_source){ .now_us = world_now, .arg = &world.now_us };
    world.loop = loop_new(&world.clock);
    world.slab = slab_new();
    world.bufs = buf_pool_new(0);
    world.h2 = h2_worker_new(world.loop, world.slab, world.bufs, &world.stats);
    h2_limits_default(&world.limits);
    world.server = grpc_server_new(world.h2, conf);
    world.client = grpc_client_new(world.h2, &client_conf);
    mempair_new(world.loop, world.loop, 1 << 16, step, &a, &b);
    grpc_server_take(world.server, a);
    grpc_client_take(world.client, b);
    turns(20);
}

static void
world_start(size_t step)
{
    world_start_with(&server_conf, step);
}

static void
world_stop(void)
{
    grpc_client_close(world.client);
    grpc_server_close(world.server);
    turns(20);
    h2_worker_free(world.h2);
    grpc_client_free(world.client);
    grpc_server_free(world.server);
    buf_pool_free(world.bufs);
    loop_free(world.loop);
    slab_free(world.slab);
}

static void
heard_on_message(struct grpc_client_call *call, void *arg, struct slice message)
{
    struct heard *h = arg;
    struct slice backend = grpc_client_metadata(call, "x-backend");

    h->messages++;
    h->bytes += message.n;
    snprintf(h->last, sizeof(h->last), "%.*s", (int)message.n, (const char *)message.p);
    snprintf(h->backend, sizeof(h->backend), "%.*s", (int)backend.n,
             (const char *)backend.p);
}

static void
heard_on_end(struct grpc_client_call *call, void *arg, enum grpc_code code,
             struct slice text)
{
    struct heard *h = arg;

    (void)call;
    h->ends++;
    h->code = code;
    snprintf(h->text, sizeof(h->text), "%.*s", (int)text.n, (const char *)text.p);
}

static const struct grpc_client_ops heard_ops = { .on_message = heard_on_message,
                                                  .on_end = heard_on_end };

static struct grpc_client_call *
start(const char *path, int64_t timeout_us, struct heard *h)
{
    struct grpc_client_call *call = NULL;

    memset(h, 0, sizeof(*h));
    assert_int_equal(
        grpc_client_start(world.client, path, timeout_us, &heard_ops, h, &call), 0);
    return call;
}

/* One message up and half-close, then `n` turns. */
static void
call_once(const char *path, struct slice message, unsigned n, struct heard *h)
{
    struct grpc_client_call *call = start(path, 0, h);

    grpc_client_send(call, message);
    grpc_client_half_close(call);
    turns(n);
}

/* ---- tests ---- */

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
        cmocka_unit_test(each_service_has_its_own_arg),
        cmocka_unit_test(who_may_not_call_hears_why),
        cmocka_unit_test(who_asks_for_too_much_hears_why),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
