/* SPDX-License-Identifier: Apache-2.0 */
/* A worker from one config to the next while calls are open: tables, fronts, pools, subsets and listeners come and go, and their memory comes back.
 * A client and a backend are played frame by frame; the main thread's loop is turned by the test. */
#include "unit.h"

#include <stdio.h>
#include <string.h>

#include "base/compat.h"
#include "base/err.h"
#include "base/log.h"
#include "guard.h"
#include "h2/conn.h"
#include "h2peer.h"
#include "net/listener.h"
#include "net/transport.h"
#include "proxy/front.h"
#include "proxy/listener_conf.h"
#include "proxy/server.h"
#include "proxy/shared.h"
#include "proxy/table.h"
#include "proxy/worker.h"
#include "upstream/hub.h"
#include "upstream/pool_conf.h"
#include "upstream/pool_int.h"

enum { CONNS = 8 };

static struct shared shared;
static struct worker *worker, *workers[1];
static struct loop *loop, *control;
static struct pool_conf pools[2];
static struct endpoint_conf target;
static struct hub *hubs[2];
static struct listener_conf conf;
static struct route_conf route;
static struct to_conf to;
static struct conf_pair label;
static struct server *server;
static struct listener *backend_listener;
static struct h2peer backends[CONNS], client;
static unsigned accepted, slot, gone, done;
static char backend_name[ADDR_TEXT_MAX];
static bool client_up;

static const uint8_t message[] = { 0, 0, 0, 0, 5, 'h', 'e', 'l', 'l', 'o' };

/* ---- the world ---- */

static void
on_accept(void *arg, int fd, const struct addr *peer)
{
    (void)arg, (void)peer;
    assert_true(accepted < CONNS);
    h2peer_open(&backends[accepted], loop, transport_from_fd(loop, fd), true);
    h2peer_settings(&backends[accepted++], 0);
}

static void
on_connected(void *arg, int what)
{
    (void)what;
    client_up = true;
    transport_want(*(struct transport **)arg, false, false);
}

static void
client_connect(void)
{
    struct transport *t = transport_connect(loop, &server->addr);

    client_up = false;
    transport_bind(t, on_connected, &t);
    transport_want(t, false, true);
    TURN_UNTIL(loop, client_up);
    h2peer_open(&client, loop, t, false);
    h2peer_preface(&client);
    h2peer_settings(&client, 0);
}

static unsigned
slot_of(void *arg, const char *name)
{
    (void)arg, (void)name;
    return slot;
}

static void
on_gone(struct table *t)
{
    (void)t;
    gone++;
}

/* A table and a front of `conf` as it is now become those of the server. */
static void
set_conf(void)
{
    struct table *t = table_new(&conf, 1, NULL, slot_of, NULL);

    t->gone = on_gone;
    server_set(server, front_new(&conf, true, 1, NULL), t);
}

static void
on_done(struct worker_change *c)
{
    (void)c;
    done++;
}

/* Posts the change and waits until it is applied and told. */
static void
apply(struct worker_change *c)
{
    c->done = on_done;
    done = 0;
    worker_apply(worker, c);
    while (done == 0) {
        loop_turn(loop, false);
        loop_turn(control, false);
    }
}

static void
apply_conf(void)
{
    struct change_server s = { .server = server };

    set_conf();
    s.table = table_hold(server->table);
    s.front = front_hold(server->front);
    apply(&(struct worker_change){ .servers = &s, .server_count = 1 });
}

static void
apply_server(struct change_server s)
{
    s.server = server;
    apply(&(struct worker_change){ .servers = &s, .server_count = 1 });
}

static void
add_pool(unsigned at)
{
    hubs[at] = hub_new(control, worker->h2, &worker->rng, NULL, &pools[at], 1);
    hub_expect(hubs[at], 0, loop);
    apply(&(struct worker_change){
        .pools = &(struct change_pool){ .slot = at, .hub = hubs[at], .conf = &pools[at] },
        .pool_count = 1 });
}

static void
close_pool(unsigned at)
{
    hub_leave(hubs[at], 0);
    apply(&(struct worker_change){ .close = &at, .close_count = 1 });
    assert_null(worker->pools[at]);
    hub_free(hubs[at]);
    hubs[at] = NULL;
}

static void
confs_init(void)
{
    field_defaults(&endpoint_conf_struct, &target);
    target.target = backend_name;
    for (size_t i = 0; i < ARRAY_LEN(pools); i++) {
        field_defaults(&pool_conf_struct, &pools[i]);
        pools[i].name = "app";
        pools[i].subset_fallback = SUBSET_FALLBACK_ANY;
        pools[i].endpoints = (struct conf_list){ &target, 1 };
    }
    field_defaults(&listener_conf_struct, &conf);
    conf.name = "in";
    conf.listen = "127.0.0.1:0";
    memset(&route, 0, sizeof(route));
    to = (struct to_conf){ .pool = "app", .weight = 1 };
    route.to = (struct conf_list){ &to, 1 };
    conf.routes = (struct conf_list){ &route, 1 };
}

static int
setup(void **state)
{
    struct addr at;
    const char *why;

    (void)state;
    log_setup(LOG_ERROR, LOG_TEXT);
    memset(backends, 0, sizeof(backends));
    memset(&client, 0, sizeof(client));
    accepted = slot = gone = 0;
    control = loop_new(NULL);
    shared = (struct shared){ .main_loop = control,
                              .workers = 1,
                              .max_buffered_bytes = 64 << 20,
                              .max_replay_bytes = 16 << 20 };
    workers[0] = worker = worker_new(0, &shared);
    loop = worker->loop;
    assert_int_equal(addr_parse("127.0.0.1:0", true, &at, &why), ERR_OK);
    assert_int_equal(listener_open(loop, &at, on_accept, NULL, &backend_listener, &why),
                     ERR_OK);
    listener_start(backend_listener);
    addr_print(listener_addr(backend_listener), backend_name);
    confs_init();
    assert_int_equal(
        server_open(loop, conf.listen, -1, true, &shared, workers, 1, &server, &why),
        ERR_OK);
    add_pool(0);
    apply_conf();
    server_start(server);
    client_connect();
    return 0;
}

static int
teardown(void **state)
{
    (void)state;
    if (server)
        server_stop(server);
    worker_stop(worker);
    loop_run(loop);
    h2peer_close(&client);
    for (unsigned i = 0; i < accepted; i++)
        h2peer_close(&backends[i]);
    listener_close(backend_listener);
    assert_int_equal(stat_get(&worker->stats, STAT_CALLS_FLYING), 0);
    worker_join(worker); /* asserts that all memory came back */
    server_free(server);
    loop_turn(control, false);
    for (size_t i = 0; i < ARRAY_LEN(hubs); i++)
        hub_free(hubs[i]);
    hubs[0] = hubs[1] = NULL;
    loop_free(control);
    return 0;
}

/* ---- words ---- */

static void
open_call(int32_t id, unsigned conn, int32_t backend_id)
{
    h2peer_call(&client, id, 0);
    h2peer_frame(&client, F_DATA, FL_END_STREAM, id, message, sizeof(message));
    TURN_UNTIL(loop, accepted > conn &&
                         h2peer_data(&backends[conn], backend_id) == sizeof(message));
}

static void
end_call(int32_t id, unsigned conn, int32_t backend_id)
{
    h2peer_headers(&backends[conn], backend_id, 0, ":status", "200", "content-type",
                   "application/grpc", NULL);
    h2peer_headers(&backends[conn], backend_id, FL_END_STREAM, "grpc-status", "0", NULL);
    TURN_UNTIL(loop, h2peer_count(&client, F_HEADERS, id) == 2);
    assert_non_null(strstr(h2peer_find(&client, F_HEADERS, id, 1)->fields, "status: 0"));
}

/* The proxy's own answer: headers and status in one block. */
static void
refused_call(int32_t id, const char *status)
{
    char text[40];

    h2peer_call(&client, id, FL_END_STREAM);
    TURN_UNTIL(loop, h2peer_count(&client, F_HEADERS, id) == 1);
    snprintf(text, sizeof(text), "grpc-status: %s\n", status);
    assert_non_null(strstr(h2peer_find(&client, F_HEADERS, id, 0)->fields, text));
}

static void
turns(void)
{
    for (int i = 0; i < 5; i++) {
        loop_turn(loop, false);
        loop_turn(control, false);
    }
}

static size_t
subsets_in_use(const struct pool *p)
{
    size_t n = 0;

    for (size_t i = 0; i < p->subset_count; i++)
        n += p->subsets[i] != NULL;
    return n;
}

/* ---- tests ---- */

static void
an_open_call_keeps_its_table_and_a_new_one_has_the_new(void **state)
{
    (void)state;
    open_call(1, 0, 1);
    route.match.service = "another.Service";
    apply_conf();
    turns();
    assert_int_equal(gone, 0); /* the open call holds it */
    refused_call(3, "12");
    end_call(1, 0, 1);
    turns();
    assert_int_equal(gone, 1);
}

static void
a_table_without_calls_goes_at_once(void **state)
{
    (void)state;
    for (unsigned i = 1; i <= 100; i++) {
        apply_conf();
        turns();
        assert_int_equal(gone, i);
    }
    open_call(1, 0, 1);
    end_call(1, 0, 1);
}

static void
labels_that_nobody_asks_for_any_more_are_forgotten(void **state)
{
    char value[32];

    (void)state;
    label = (struct conf_pair){ .key = "build", .value = value };
    to.subset = (struct conf_map){ .items = &label, .n = 1 };
    snprintf(value, sizeof(value), "held");
    apply_conf();
    open_call(1, 0, 1);
    for (unsigned i = 0; i < 1000; i++) {
        snprintf(value, sizeof(value), "%u", i);
        apply_conf();
        turns();
    }
    /* All endpoints, that of the open call, that of the table in force. */
    assert_int_equal(subsets_in_use(worker->pools[0]), 3);
    assert_in_range(worker->pools[0]->subset_count, 3, 5);
    end_call(1, 0, 1);
    turns();
    assert_int_equal(subsets_in_use(worker->pools[0]), 2);
    open_call(3, 0, 3);
    end_call(3, 0, 3);
}

static void
a_waiting_call_keeps_the_subset_that_it_waits_for(void **state)
{
    (void)state;
    label = (struct conf_pair){ .key = "build", .value = "1" };
    to.subset = (struct conf_map){ .items = &label, .n = 1 };
    apply_conf();
    h2peer_call(&client, 1, 0); /* the connect is under way: it waits */
    TURN_UNTIL(loop, stat_get(&worker->stats, STAT_PENDING) == 1);
    to.subset.n = 0;
    apply_conf();
    assert_int_equal(subsets_in_use(worker->pools[0]), 2);
    h2peer_u32(&client, F_RST, 1, H2_CANCEL);
    TURN_UNTIL(loop, stat_get(&worker->stats, STAT_PENDING) == 0);
    turns();
    assert_int_equal(subsets_in_use(worker->pools[0]), 1);
}

static void
a_new_pool_takes_new_calls_and_the_old_one_ends_its_own(void **state)
{
    (void)state;
    open_call(1, 0, 1);
    add_pool(1);
    slot = 1;
    apply_conf();
    open_call(3, 1, 1); /* a connection of the new pool */
    end_call(1, 0, 1);
    turns();
    assert_int_equal(gone, 1);
    close_pool(0);
    TURN_UNTIL(loop, backends[0].eof || backends[0].lost);
    end_call(3, 1, 1);
}

static void
connections_keep_their_front(void **state)
{
    (void)state;
    conf.limits.max_concurrent_streams = 1;
    apply_conf();
    open_call(1, 0, 1);
    open_call(3, 0, 3); /* came under the front before */
    end_call(1, 0, 1);
    end_call(3, 0, 3);
    h2peer_close(&client);
    client_connect();
    open_call(1, 0, 5);
    h2peer_call(&client, 3, FL_END_STREAM);
    TURN_UNTIL(loop, h2peer_rst_code(&client, 3) == H2_REFUSED_STREAM);
    end_call(1, 0, 5);
}

static void
a_listener_that_goes_lets_its_calls_end(void **state)
{
    (void)state;
    open_call(1, 0, 1);
    apply_server((struct change_server){ .stop = true, .drain = true });
    TURN_UNTIL(loop, h2peer_count(&client, F_GOAWAY, 0) > 0);
    end_call(1, 0, 1);
    TURN_UNTIL(loop, client.eof);
    TURN_UNTIL(loop, atomic_load(&server->connections) == 0);
    apply_server((struct change_server){ .forget = true });
    turns();
    assert_int_equal(gone, 0); /* the server itself has a hold */
    server_free(server);
    server = NULL;
    assert_int_equal(gone, 1);
}

static void
a_listener_that_goes_ends_what_does_not(void **state)
{
    (void)state;
    open_call(1, 0, 1);
    h2peer_set_deaf(&client, true); /* it reads no GOAWAY and ends nothing by itself */
    apply_server((struct change_server){ .stop = true, .drain = true });
    apply_server((struct change_server){ .end = true });
    turns();
    assert_int_equal(stat_get(&worker->stats, STAT_CODE_0 + 14), 1);
    apply_server((struct change_server){ .cut = true });
    TURN_UNTIL(loop, atomic_load(&server->connections) == 0);
    apply_server((struct change_server){ .forget = true });
    server_free(server);
    server = NULL;
}

#define GENERATION_TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        GENERATION_TEST(an_open_call_keeps_its_table_and_a_new_one_has_the_new),
        GENERATION_TEST(a_table_without_calls_goes_at_once),
        GENERATION_TEST(labels_that_nobody_asks_for_any_more_are_forgotten),
        GENERATION_TEST(a_waiting_call_keeps_the_subset_that_it_waits_for),
        GENERATION_TEST(a_new_pool_takes_new_calls_and_the_old_one_ends_its_own),
        GENERATION_TEST(connections_keep_their_front),
        GENERATION_TEST(a_listener_that_goes_lets_its_calls_end),
        GENERATION_TEST(a_listener_that_goes_ends_what_does_not),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
