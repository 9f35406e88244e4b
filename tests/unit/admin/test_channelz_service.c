/* SPDX-License-Identifier: Apache-2.0 */
/* The service channelz over a memory pair: what it lets through to whoever knows the process, what it refuses with which sentence, and what becomes of calls that are not answered. */
#include "admin/channelz_service.h"

#include <stdio.h>
#include <string.h>

#include "unit.h"

#include "base/buf.h"
#include "base/compat.h"
#include "base/slab.h"
#include "grpc/channelz.h"
#include "grpc/client.h"
#include "grpc/server.h"
#include "h2/conn.h"
#include "loop/loop.h"
#include "net/transport.h"
#include "obs/stats.h"
#include "pbtest.h"
#include "vclock.h"

#define PATH "/grpc.channelz.v1.Channelz/"

enum { CHANNEL = 4, SUBCHANNEL = 5, SERVER = 6, SOCKET = 7 };

struct heard { /* of one call */
    struct grpc_client_call *call;
    unsigned messages, ends;
    char last[64];
    enum grpc_code code;
    char text[300];
};

struct world {
    struct vclock clock;
    struct loop *loop;
    struct slab *slab;
    struct buf_pool *bufs;
    struct stats stats;
    struct h2_worker *h2;
    struct h2_limits limits;
    struct channelz_service *service;
    const struct grpc_service *services[1];
    struct grpc_server_conf conf;
    struct grpc_server *server;
    struct grpc_client *client;
    struct channelz_ask
        *asked;               /* the last one; NULL: nothing, or answered or forgotten */
    struct channelz_ask copy; /* of it */
    unsigned asks, forgets;
};

static struct world world;

static void
world_ask(void *arg, struct channelz_ask *ask)
{
    assert_ptr_equal(arg, &world);
    world.asks++;
    world.asked = ask;
    world.copy = *ask;
}

static void
world_forget(void *arg, struct channelz_ask *ask)
{
    assert_ptr_equal(arg, &world);
    assert_ptr_equal(ask, world.asked);
    world.asked = NULL;
    world.forgets++;
}

static const struct channelz_ops ops = { .ask = world_ask, .forget = world_forget };
static const struct grpc_client_conf client_conf = { .authority = "unit.test",
                                                     .limits = &world.limits };

static void
turns(unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        loop_turn(world.loop, false);
}

static int
setup(void **state)
{
    struct transport *a, *b;

    (void)state;
    memset(&world, 0, sizeof(world));
    pb_reset();
    vclock_init(&world.clock);
    world.loop = loop_new(&world.clock.source);
    world.slab = slab_new();
    world.bufs = buf_pool_new(0);
    world.h2 = h2_worker_new(world.loop, world.slab, world.bufs, &world.stats);
    h2_limits_default(&world.limits);
    world.service = channelz_service_new(&ops, &world);
    world.services[0] = channelz_service_get(world.service);
    world.conf = (struct grpc_server_conf){ .services = world.services,
                                            .n_services = 1,
                                            .state_size = world.services[0]->state_size,
                                            .limits = &world.limits };
    world.server = grpc_server_new(world.h2, &world.conf);
    world.client = grpc_client_new(world.h2, &client_conf);
    mempair_new(world.loop, world.loop, 1 << 16, 0, &a, &b);
    grpc_server_take(world.server, a);
    grpc_client_take(world.client, b);
    turns(20);
    return 0;
}

static int
teardown(void **state)
{
    (void)state;
    grpc_client_close(world.client);
    grpc_server_close(world.server);
    turns(20);
    h2_worker_free(world.h2);
    grpc_client_free(world.client);
    grpc_server_free(world.server);
    assert_null(world.asked);
    channelz_service_free(world.service);
    buf_pool_free(world.bufs);
    loop_free(world.loop);
    slab_free(world.slab);
    return 0;
}

static void
on_message(struct grpc_client_call *call, void *arg, struct slice message)
{
    struct heard *h = arg;

    (void)call;
    h->messages++;
    snprintf(h->last, sizeof(h->last), "%.*s", (int)message.n, (const char *)message.p);
}

static void
on_end(struct grpc_client_call *call, void *arg, enum grpc_code code, struct slice text)
{
    struct heard *h = arg;

    (void)call;
    h->ends++;
    h->code = code;
    snprintf(h->text, sizeof(h->text), "%.*s", (int)text.n, (const char *)text.p);
}

static void
call(const char *path, struct slice message, struct heard *h)
{
    static const struct grpc_client_ops heard_ops = { .on_message = on_message,
                                                      .on_end = on_end };

    memset(h, 0, sizeof(*h));
    assert_int_equal(grpc_client_start(world.client, path, 0, &heard_ops, h, &h->call),
                     0);
    grpc_client_send(h->call, message);
    grpc_client_half_close(h->call);
    turns(20);
}

static void
answer(enum grpc_code code, const char *text, const char *bytes)
{
    struct channelz_ask *ask = world.asked;

    world.asked = NULL;
    channelz_reply(ask, code, text, slice_of(bytes));
    turns(20);
}

/* The question gets through; what it was is in world.copy. */
static void
expect_asked(const char *path, struct slice message)
{
    struct heard h;
    unsigned before = world.asks;

    call(path, message, &h);
    assert_int_equal(world.asks, before + 1);
    assert_int_equal(h.ends, 0);
    answer(GRPC_OK, "", "bytes");
    assert_int_equal(h.ends, 1);
    assert_int_equal(h.code, GRPC_OK);
    assert_int_equal(h.messages, 1);
    assert_string_equal(h.last, "bytes");
}

static void
expect_refused(const char *path, struct slice message, enum grpc_code code,
               const char *part)
{
    struct heard h;

    call(path, message, &h);
    assert_int_equal(world.asks, 0);
    assert_int_equal(h.ends, 1);
    assert_int_equal(h.code, code);
    if (!strstr(h.text, part))
        fail_msg("\"%s\" is not in \"%s\"", part, h.text);
}

/* --- questions --------------------------------------------------------------------------- */

static void
each_method_asks_its_question(void **state)
{
    static const struct {
        const char *path;
        enum channelz_what what;
        int64_t id;
    } v[] = { { PATH "GetChannel", CHANNELZ_GET_CHANNEL, CHANNEL },
              { PATH "GetSubchannel", CHANNELZ_GET_SUBCHANNEL, SUBCHANNEL },
              { PATH "GetServer", CHANNELZ_GET_SERVER, SERVER },
              { PATH "GetServerSockets", CHANNELZ_GET_SERVER_SOCKETS, SERVER },
              { PATH "GetSocket", CHANNELZ_GET_SOCKET, SOCKET } };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(v); i++) {
        expect_asked(v[i].path, NUMBER(1, (uint64_t)v[i].id));
        assert_int_equal(world.copy.what, v[i].what);
        assert_int_equal(world.copy.id, v[i].id);
        assert_false(world.copy.summary);
    }
    expect_asked(PATH "GetTopChannels", slice_of(""));
    assert_int_equal(world.copy.what, CHANNELZ_GET_TOP_CHANNELS);
    expect_asked(PATH "GetServers", slice_of(""));
    assert_int_equal(world.copy.what, CHANNELZ_GET_SERVERS);
    expect_asked(PATH "GetSocket", JOIN(NUMBER(1, SOCKET), NUMBER(2, 1)));
    assert_true(world.copy.summary);
}

static void
pages_have_a_size_and_a_start(void **state)
{
    (void)state;
    expect_asked(PATH "GetServers", slice_of(""));
    assert_int_equal(world.copy.start, 0);
    assert_int_equal(world.copy.max, CHANNELZ_PAGE);
    expect_asked(PATH "GetServers", JOIN(NUMBER(1, 77), NUMBER(2, 3)));
    assert_int_equal(world.copy.start, 77);
    assert_int_equal(world.copy.max, 3);
    expect_asked(PATH "GetTopChannels", NUMBER(2, INT64_MAX));
    assert_int_equal(world.copy.max, CHANNELZ_PAGE_MAX);
    expect_asked(PATH "GetServerSockets",
                 JOIN(NUMBER(1, SERVER), NUMBER(2, 500), NUMBER(3, 1000)));
    assert_int_equal(world.copy.start, 500);
    assert_int_equal(world.copy.max, 1000);
}

/* --- what is refused --------------------------------------------------------------------- */

static void
negatives_and_0_are_invalid(void **state)
{
    const uint64_t minus = (uint64_t)-1;

    (void)state;
    expect_refused(PATH "GetTopChannels", NUMBER(1, minus), GRPC_INVALID_ARGUMENT,
                   "id to start at is negative");
    expect_refused(PATH "GetServers", NUMBER(2, minus), GRPC_INVALID_ARGUMENT,
                   "max_results is negative");
    expect_refused(PATH "GetServerSockets", JOIN(NUMBER(1, SERVER), NUMBER(2, minus)),
                   GRPC_INVALID_ARGUMENT, "id to start at is negative");
    expect_refused(PATH "GetServerSockets", JOIN(NUMBER(1, SERVER), NUMBER(3, minus)),
                   GRPC_INVALID_ARGUMENT, "max_results is negative");
    expect_refused(PATH "GetChannel", slice_of(""), GRPC_INVALID_ARGUMENT,
                   "the id of a channel is above 0");
    expect_refused(PATH "GetSocket", NUMBER(1, (uint64_t)INT64_MIN),
                   GRPC_INVALID_ARGUMENT, "the id of a socket is above 0");
    expect_refused(PATH "GetServer", slice_make("\x08", 1), GRPC_INVALID_ARGUMENT,
                   "no message of grpc.channelz.v1");
}

static void
an_id_of_another_kind_is_not_found(void **state)
{
    (void)state;
    expect_refused(PATH "GetChannel", NUMBER(1, SOCKET), GRPC_NOT_FOUND,
                   "7 can only be the id of a socket, not of a channel");
    expect_refused(PATH "GetServerSockets", NUMBER(1, CHANNEL), GRPC_NOT_FOUND,
                   "4 can only be the id of a channel, not of a server");
    expect_refused(PATH "GetSubchannel", NUMBER(1, SERVER), GRPC_NOT_FOUND,
                   "6 can only be the id of a server, not of a subchannel");
}

/* --- the ends of calls ------------------------------------------------------------------- */

static void
an_error_comes_with_its_sentence_and_no_message(void **state)
{
    struct heard h;

    (void)state;
    call(PATH "GetSocket", NUMBER(1, SOCKET), &h);
    answer(GRPC_NOT_FOUND, "there is no socket 7", "bytes");
    assert_int_equal(h.code, GRPC_NOT_FOUND);
    assert_int_equal(h.messages, 0);
    assert_string_equal(h.text, "there is no socket 7");
    assert_int_equal(world.forgets, 0);
}

static void
who_asks_and_leaves_is_forgotten(void **state)
{
    static struct heard h; /* teardown ends its call */

    (void)state;
    call(PATH "GetServers", slice_of(""), &h);
    assert_non_null(world.asked);
    grpc_client_cancel(h.call);
    turns(20);
    assert_int_equal(world.forgets, 1);
    assert_null(world.asked);
    /* Also when the connection ends: teardown looks that nothing is left. */
    call(PATH "GetServers", slice_of(""), &h);
    assert_non_null(world.asked);
}

#define CHANNELZ_TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        CHANNELZ_TEST(each_method_asks_its_question),
        CHANNELZ_TEST(pages_have_a_size_and_a_start),
        CHANNELZ_TEST(negatives_and_0_are_invalid),
        CHANNELZ_TEST(an_id_of_another_kind_is_not_found),
        CHANNELZ_TEST(an_error_comes_with_its_sentence_and_no_message),
        CHANNELZ_TEST(who_asks_and_leaves_is_forgotten),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
