/* SPDX-License-Identifier: Apache-2.0 */
/* tests/unit/proxy/callrig.c - the world of the tests of calls. */
#include "callrig.h"

#include <unistd.h>

#include "base/err.h"
#include "base/log.h"
#include "deaf_port.h"
#include "h2/conn.h"
#include "net/listener.h"
#include "net/transport.h"
#include "proxy/front.h"
#include "proxy/server.h"
#include "proxy/shared.h"
#include "proxy/table.h"
#include "proxy/worker.h"
#include "upstream/hub.h"
#include "upstream/hub_int.h"

struct callrig rig;
const uint8_t hello_bytes[HELLO] = { 0, 0, 0, 0, 5, 'h', 'e', 'l', 'l', 'o' };
static struct shared shared;
static bool client_up;

static void
on_accept(void *arg, int fd, const struct addr *peer)
{
    const struct rig_door *d = arg;
    struct rig_pool *p = d->pool;
    struct h2peer *conn = &p->conns[p->accepted];

    (void)peer;
    if (rig.on_accept) {
        rig.on_accept((unsigned)(d - p->doors), fd);
        return;
    }
    assert_true(p->accepted < RIG_CONNS);
    p->at[p->accepted++] = (unsigned)(d - p->doors);
    h2peer_open(conn, rig.loop, transport_from_fd(rig.loop, fd), true);
    h2peer_settings(conn, 0);
}

static void
on_connected(void *arg, int what)
{
    assert_true(what & TRANSPORT_CONNECTED);
    client_up = true;
    transport_want(*(struct transport **)arg, false, false);
}

static void
client_connect(void)
{
    struct transport *t = transport_connect(rig.loop, &rig.server->addr);

    client_up = false;
    transport_bind(t, on_connected, &t);
    transport_want(t, false, true);
    RIG_UNTIL(client_up);
    h2peer_open(&rig.client, rig.loop, t, false);
    h2peer_preface(&rig.client);
    h2peer_settings(&rig.client, 0);
}

int
callrig_setup(void **state)
{
    static const char *const names[] = { "app", "canary" };

    (void)state;
    log_setup(LOG_ERROR, LOG_TEXT);
    memset(&rig, 0, sizeof(rig));
    shared = (struct shared){ .workers = 1,
                              .max_buffered_bytes = 64 << 20,
                              .max_replay_bytes = 16 << 20 };
    for (size_t i = 0; i < RIG_POOLS; i++) {
        struct rig_pool *p = &rig.pools[i];

        field_defaults(&pool_conf_struct, &p->conf);
        p->conf.name = names[i];
        p->endpoints = 1;
        for (unsigned k = 0; k < RIG_ENDPOINTS; k++) {
            field_defaults(&endpoint_conf_struct, &p->targets[k]);
            p->targets[k].target = p->doors[k].address;
            p->doors[k].pool = p;
        }
    }
    field_defaults(&listener_conf_struct, &rig.front);
    rig.front.name = "in";
    rig.front.listen = "127.0.0.1:0";
    rig.to_app = (struct to_conf){ .pool = "app", .weight = 1 };
    field_defaults(&route_conf_struct, &rig.routes[0]);
    rig.routes[0].to = (struct conf_list){ &rig.to_app, 1 };
    rig.front.routes = (struct conf_list){ rig.routes, 1 };
    return 0;
}

static unsigned
slot_of(void *arg, const char *name)
{
    (void)arg;
    return strcmp(name, "app") == 0 ? RIG_APP : RIG_CANARY;
}

/* The port is found by the listener, so it comes before the pools. */
static void
pool_listen(struct rig_pool *p)
{
    struct addr at;
    const char *why;

    assert_int_equal(addr_parse("127.0.0.1:0", true, &at, &why), ERR_OK);
    for (unsigned i = 0; i < p->endpoints; i++) {
        struct rig_door *d = &p->doors[i];

        assert_int_equal(listener_open(rig.loop, &at, on_accept, d, &d->listener, &why),
                         ERR_OK);
        addr_print(listener_addr(d->listener), d->address);
        listener_start(d->listener);
    }
    p->conf.endpoints = (struct conf_list){ p->targets, p->endpoints };
}

static int64_t
rig_clock_read(void *arg)
{
    struct rig_clock *c = arg;

    c->now_us += c->step_us;
    return c->now_us;
}

void
rig_turns(void)
{
    int64_t end = clock_real.now_us(clock_real.arg) + 3000;

    for (int i = 0; i < 20 || clock_real.now_us(clock_real.arg) < end; i++)
        loop_turn(rig.loop, false);
}

void
rig_wait_ms(int64_t ms)
{
    rig_turns();
    for (; ms > 0; ms--) {
        rig.clock.now_us += 1000;
        for (int i = 0; i < 4; i++)
            loop_turn(rig.loop, false);
    }
    rig_turns();
}

void
callrig_open(void)
{
    static struct worker *workers[1];
    struct change_pool made[RIG_POOLS];
    const char *why;

    rig.clock = (struct rig_clock){ .source = { rig_clock_read, &rig.clock },
                                    .now_us = INT64_C(5000000123) };
    shared.clock = rig.virtual ? &rig.clock.source : NULL;
    rig.worker = worker_new(0, &shared);
    rig.loop = rig.worker->loop;
    rng_seed(&rig.worker->rng, 4711);
    rig.control = loop_new(NULL);
    workers[0] = rig.worker;
    for (unsigned i = 0; i < RIG_POOLS; i++) {
        struct rig_pool *p = &rig.pools[i];

        pool_listen(p);
        p->hub =
            hub_new(rig.control, rig.worker->h2, &rig.worker->rng, NULL, &p->conf, 1);
        hub_expect(p->hub, 0, rig.loop);
        made[i] = (struct change_pool){ .slot = i, .hub = p->hub, .conf = &p->conf };
    }
    assert_int_equal(server_open(rig.loop, rig.front.listen, -1, true, &shared, workers,
                                 1, &rig.server, &why),
                     ERR_OK);
    server_set(rig.server, front_new(&rig.front, true, 1, NULL),
               table_new(&rig.front, 1, NULL, slot_of, NULL));
    if (rig.on_table)
        rig.on_table(rig.server->table);
    worker_apply_here(
        rig.worker,
        &(struct worker_change){
            .pools = made,
            .pool_count = RIG_POOLS,
            .servers = &(struct change_server){ .server = rig.server,
                                                .table = table_hold(rig.server->table),
                                                .front = front_hold(rig.server->front) },
            .server_count = 1 });
    server_start(rig.server);
    client_connect();
}

void
callrig_deafen(unsigned pool)
{
    for (unsigned i = 0; i < rig.pools[pool].endpoints; i++) {
        struct rig_door *d = &rig.pools[pool].doors[i];

        d->deaf_fd = deaf_port(&d->listener);
    }
}

static void
pool_close_doors(struct rig_pool *p)
{
    for (unsigned i = 0; i < p->endpoints; i++) {
        listener_close(p->doors[i].listener);
        if (p->doors[i].deaf_fd)
            close(p->doors[i].deaf_fd);
    }
}

/* Every call that began has ended with exactly one code; all levels are zero. */
int
callrig_teardown(void **state)
{
    int64_t codes = 0;

    (void)state;
    server_stop(rig.server);
    worker_stop(rig.worker);
    rig.clock.step_us = 1000;
    loop_run(rig.loop);
    h2peer_close(&rig.client);
    for (unsigned i = 0; i < RIG_POOLS; i++) {
        for (unsigned k = 0; k < rig.pools[i].accepted; k++)
            h2peer_close(&rig.pools[i].conns[k]);
        pool_close_doors(&rig.pools[i]);
        assert_int_equal(atomic_load(&rig.pools[i].hub->levels->retry_guard.open), 0);
        assert_int_equal(atomic_load(&rig.pools[i].hub->levels->loads[0].first), 0);
        assert_int_equal(atomic_load(&rig.pools[i].hub->levels->loads[0].waiting), 0);
    }
    for (int i = 0; i <= 16; i++)
        codes += counted((enum stat_id)(STAT_CODE_0 + i));
    assert_int_equal(codes, counted(STAT_CALLS_STARTED));
    assert_int_equal(counted(STAT_CALLS_FLYING), 0);
    assert_int_equal(counted(STAT_MIRRORS_FLYING), 0);
    assert_int_equal(rig.worker->mirrors, 0);
    assert_int_equal(rig.worker->mirror_bytes, 0);
    assert_int_equal(counted(STAT_PENDING), 0);
    assert_int_equal(counted(STAT_REPLAY_BYTES), 0);
    assert_int_equal(counted(STAT_BUFFERED_BYTES), 0);
    worker_join(rig.worker); /* asserts that all memory came back */
    server_free(rig.server);
    for (unsigned i = 0; i < RIG_POOLS; i++)
        hub_free(rig.pools[i].hub);
    loop_free(rig.control);
    return 0;
}

int64_t
counted(enum stat_id id)
{
    return stat_get(&rig.worker->stats, id);
}

struct h2peer *
backend(unsigned pool)
{
    struct rig_pool *p = &rig.pools[pool];

    RIG_UNTIL(p->accepted > 0);
    return &p->conns[p->accepted - 1];
}

const char *
fields_of(const struct h2peer *p, int32_t id, size_t nth)
{
    const struct peer_frame *f = h2peer_find(p, F_HEADERS, id, nth);

    return f ? f->fields : NULL;
}

void
send_hello(struct h2peer *p, int32_t id, bool end)
{
    h2peer_frame(p, F_DATA, end ? FL_END_STREAM : 0, id, hello_bytes, HELLO);
}

void
call_to_backend(int32_t id)
{
    h2peer_call(&rig.client, id, 0);
    send_hello(&rig.client, id, true);
    RIG_UNTIL(h2peer_data(backend(RIG_APP), id) == HELLO);
}

void
send_message(struct h2peer *p, int32_t id, size_t n, bool end)
{
    static uint8_t bytes[FRAME_PREFIX + 16000];

    assert_true(n <= 16000);
    frame_prefix_write(bytes, false, (uint32_t)n);
    memset(bytes + FRAME_PREFIX, 'm', n);
    h2peer_frame(p, F_DATA, end ? FL_END_STREAM : 0, id, bytes, FRAME_PREFIX + n);
}

void
answer_headers(struct h2peer *p, int32_t id)
{
    h2peer_headers(p, id, 0, ":status", "200", "content-type", "application/grpc", NULL);
}

void
answer_trailers(struct h2peer *p, int32_t id, const char *code)
{
    h2peer_headers(p, id, FL_END_STREAM, "grpc-status", code, NULL);
}

static const char *
last_block(int32_t id)
{
    size_t n = h2peer_count(&rig.client, F_HEADERS, id);

    return n ? fields_of(&rig.client, id, n - 1) : NULL;
}

const char *
want_status(int32_t id, const char *code)
{
    char text[40];

    RIG_UNTIL(h2peer_count(&rig.client, F_RST, id) ||
              (last_block(id) && strstr(last_block(id), "grpc-status")));
    snprintf(text, sizeof(text), "grpc-status: %s\n", code);
    HAS(last_block(id), text);
    return last_block(id);
}
