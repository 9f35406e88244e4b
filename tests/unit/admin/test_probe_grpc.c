/* SPDX-License-Identifier: Apache-2.0 */
/* The probe port in HTTP/2: grpc.health.v1 on the same port, who watches, and lists. */
#include "proberig.h"

#include <string.h>

#include "base/compat.h"
#include "base/err.h"
#include "base/strbuf.h"
#include "grpc/client.h"
#include "grpc/health.h"
#include "net/transport.h"

struct heard {
    unsigned messages, ends;
    enum health_status last;
    enum grpc_code code;
};

static void
heard_on_message(struct grpc_client_call *call, void *arg, struct slice message)
{
    struct heard *h = arg;

    (void)call;
    h->messages++;
    if (health_response_decode(message, &h->last) != ERR_OK)
        h->last = HEALTH_UNKNOWN; /* of List */
}

static void
heard_on_end(struct grpc_client_call *call, void *arg, enum grpc_code code,
             struct slice text)
{
    struct heard *h = arg;

    (void)call, (void)text;
    h->ends++;
    h->code = code;
}

static const struct grpc_client_conf client_conf = { .authority = "unit.test",
                                                     .limits = &world.limits };

/* step: the preface comes in pieces of so many bytes. */
static struct grpc_client *
grpc_open(size_t step)
{
    struct grpc_client *client = grpc_client_new(world.h2, &client_conf);
    struct transport *a, *b;

    mempair_new(world.loop, world.loop, 1 << 16, step, &a, &b);
    probe_take(world.probe, a);
    grpc_client_take(client, b);
    turns(step == 1 ? 400 : 50);
    return client;
}

static void
grpc_close(struct grpc_client *client)
{
    grpc_client_close(client);
    turns(20);
    grpc_client_free(client);
}

static void
grpc_ask(struct grpc_client *client, const char *path, const char *service,
         struct heard *h)
{
    static const struct grpc_client_ops heard_ops = { .on_message = heard_on_message,
                                                      .on_end = heard_on_end };
    struct grpc_client_call *call = NULL;
    struct strbuf message;

    memset(h, 0, sizeof(*h));
    strbuf_init(&message, 1000);
    strbuf_puts(&message, "");
    health_request_encode(slice_of(service), &message);
    assert_int_equal(grpc_client_start(client, path, 0, &heard_ops, h, &call), ERR_OK);
    grpc_client_send(call, slice_make(message.s, message.len));
    grpc_client_half_close(call);
    strbuf_done(&message);
    turns(50);
}

#define CHECK "/grpc.health.v1.Health/Check"
#define WATCH "/grpc.health.v1.Health/Watch"
#define LIST  "/grpc.health.v1.Health/List"

static void
a_preface_in_any_pieces_gets_grpc_on_the_same_port(void **state)
{
    static const size_t steps[] = { 0, 1, 2, 5 };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
        struct grpc_client *client = grpc_open(steps[i]);
        struct heard h;

        grpc_ask(client, CHECK, "readiness", &h);
        turns(1000);
        assert_int_equal(h.code, GRPC_OK);
        assert_int_equal(h.last, HEALTH_SERVING);
        grpc_close(client);
    }
}

static void
open_streams_do_not_keep_probes_over_http_out(void **state)
{
    struct grpc_client *held[PROBE_CONNS_MAX];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(held); i++)
        held[i] = grpc_open(0);
    for (size_t i = 0; i < 4;
         i++) /* nobody of them has said a word when the next one comes */
        client_open(i, false);
    for (size_t i = 0; i < 4; i++) {
        client_say(&world.clients[i], "GET /livez HTTP/1.1\r\n\r\n");
        assert_memory_equal(world.clients[i].got, "HTTP/1.1 200 ", 13);
    }
    assert_int_equal(stat_get(&world.stats, STAT_PROBE_OPEN), PROBE_CONNS_MAX);
    for (size_t i = 0; i < ARRAY_LEN(held); i++)
        grpc_close(held[i]);
}

static void
who_watches_hears_each_change_once_and_soon(void **state)
{
    struct grpc_client *client = grpc_open(0);
    struct heard ready, pool, none, never;
    char name[600];

    (void)state;
    grpc_ask(client, WATCH, "readiness", &ready);
    grpc_ask(client, WATCH, "pool/app", &pool);
    grpc_ask(client, WATCH, "pool/none", &none);
    assert_int_equal(ready.last, HEALTH_SERVING);
    assert_int_equal(pool.last, HEALTH_NOT_SERVING);
    assert_int_equal(none.last, HEALTH_SERVICE_UNKNOWN);
    memset(name, 'a', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0'; /* longer than any can be */
    grpc_ask(client, WATCH, name, &never);
    assert_int_equal(never.last, HEALTH_SERVICE_UNKNOWN);
    assert_int_equal(never.ends, 0);
    world.good[PROBE_READY] = false;
    probe_tell(world.probe); /* a drain says so: at once */
    turns(10);
    assert_int_equal(ready.last, HEALTH_NOT_SERVING);
    world.pool_up = true;
    pass_ms(150); /* nobody said so: the port looks */
    assert_int_equal(pool.last, HEALTH_SERVING);
    pass_ms(1000);
    assert_int_equal(ready.messages, 2);
    assert_int_equal(pool.messages, 2);
    assert_int_equal(none.messages, 1);
    assert_int_equal(never.messages, 1);
    assert_int_equal(ready.ends + pool.ends + none.ends, 0);
    probe_leave(world.probe); /* another process answers: come there */
    turns(20);
    assert_int_equal(ready.ends + pool.ends + none.ends + never.ends, 4);
    assert_int_equal(ready.code, GRPC_UNAVAILABLE);
    assert_int_equal(never.code, GRPC_UNAVAILABLE);
    grpc_close(client);
}

static void
there_are_only_so_many_watchers(void **state)
{
    static struct heard heard[PROBE_WATCHERS_MAX + 1];
    struct grpc_client *clients[PROBE_WATCHERS_MAX / PROBE_STREAMS_MAX + 1];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(clients); i++)
        clients[i] = grpc_open(0);
    for (size_t i = 0; i <= PROBE_WATCHERS_MAX; i++)
        grpc_ask(clients[i / PROBE_STREAMS_MAX], WATCH, "liveness", &heard[i]);
    assert_int_equal(heard[PROBE_WATCHERS_MAX - 1].last, HEALTH_SERVING);
    assert_int_equal(heard[PROBE_WATCHERS_MAX - 1].ends, 0);
    assert_int_equal(heard[PROBE_WATCHERS_MAX].code, GRPC_RESOURCE_EXHAUSTED);
    grpc_close(clients[0]); /* its watchers are gone: there is room */
    grpc_ask(clients[ARRAY_LEN(clients) - 1], WATCH, "liveness", &heard[0]);
    assert_int_equal(heard[0].last, HEALTH_SERVING);
    for (size_t i = 1; i < ARRAY_LEN(clients); i++)
        grpc_close(clients[i]);
}

static void
a_list_is_whole_or_refused(void **state)
{
    struct grpc_client *client = grpc_open(0);
    struct heard h;

    (void)state;
    world.pools = HEALTH_LIST_MAX - 4; /* beside four names of our own */
    grpc_ask(client, LIST, "", &h);
    assert_int_equal(h.code, GRPC_OK);
    assert_int_equal(h.messages, 1);
    world.pools++;
    grpc_ask(client, LIST, "", &h);
    assert_int_equal(h.code, GRPC_RESOURCE_EXHAUSTED);
    assert_int_equal(h.messages, 0);
    grpc_close(client);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(a_preface_in_any_pieces_gets_grpc_on_the_same_port),
        WORLD_TEST(open_streams_do_not_keep_probes_over_http_out),
        WORLD_TEST(who_watches_hears_each_change_once_and_soon),
        WORLD_TEST(there_are_only_so_many_watchers),
        WORLD_TEST(a_list_is_whole_or_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
