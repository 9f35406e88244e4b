/* SPDX-License-Identifier: Apache-2.0 */
/* Calls end to end inside one loop: a client and a backend that a test plays frame by frame, and the whole data plane between them.
 * Loopback sockets, real time, no sleeps: every wait is for an event. */
#include "unit.h"

#include <string.h>

#include "base/compat.h"
#include "base/err.h"
#include "base/log.h"
#include "guard.h"
#include "h2/conn.h"
#include "h2peer.h"
#include "net/addr.h"
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

enum { CONNS = 16 };

static struct shared shared;
static struct pool_conf pool;
static struct endpoint_conf target;
static struct listener_conf front;
static struct to_conf to_app = { .pool = "app", .weight = 1 };
static struct route_conf routes[2];
static struct worker *worker;
static struct loop *control; /* the main thread's; its targets never change */
static struct hub *hub;
static struct server *server;
static struct loop *loop;
static struct listener *backend_listener;
static char backend_name[ADDR_TEXT_MAX];
static struct h2peer backends[CONNS];
static unsigned accepted;
static struct h2peer client;
static bool client_up;

/* ---- the two peers ---- */

static void
on_accept(void *arg, int fd, const struct addr *peer)
{
    struct h2peer *p = &backends[accepted++];

    (void)arg, (void)peer;
    assert_true(accepted <= CONNS);
    h2peer_open(p, loop, transport_from_fd(loop, fd), true);
    h2peer_settings(p, 0);
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
    struct transport *t = transport_connect(loop, &server->addr);

    client_up = false;
    transport_bind(t, on_connected, &t);
    transport_want(t, false, true);
    TURN_UNTIL(loop, client_up);
    h2peer_open(&client, loop, t, false);
    h2peer_preface(&client);
    h2peer_settings(&client, 0);
}

static int
setup(void **state)
{
    (void)state;
    log_setup(LOG_ERROR, LOG_TEXT);
    memset(backends, 0, sizeof(backends));
    memset(&client, 0, sizeof(client));
    accepted = 0;
    backend_listener = NULL;
    shared = (struct shared){ .workers = 1,
                              .max_buffered_bytes = 64 << 20,
                              .max_replay_bytes = 16 << 20 };
    field_defaults(&pool_conf_struct, &pool);
    pool.name = "app";
    field_defaults(&endpoint_conf_struct, &target);
    target.target = "127.0.0.1:1"; /* replaced before any call */
    pool.endpoints = (struct conf_list){ &target, 1 };
    field_defaults(&listener_conf_struct, &front);
    front.name = "in";
    front.listen = "127.0.0.1:0";
    memset(routes, 0, sizeof(routes));
    routes[0].match.service = "test.Service";
    routes[0].to = (struct conf_list){ &to_app, 1 };
    front.routes = (struct conf_list){ routes, 1 };
    return 0;
}

static int64_t
counted(enum stat_id id)
{
    return stat_get(&worker->stats, id);
}

/* Every call that began has ended with exactly one code; all levels are zero. */
static int
teardown(void **state)
{
    int64_t codes = 0;

    (void)state;
    server_stop(server);
    worker_stop(worker);
    loop_run(loop);
    h2peer_close(&client);
    for (unsigned i = 0; i < accepted; i++)
        h2peer_close(&backends[i]);
    listener_close(backend_listener);
    for (int i = 0; i <= 16; i++)
        codes += counted((enum stat_id)(STAT_CODE_0 + i));
    assert_int_equal(codes, counted(STAT_CALLS_STARTED));
    assert_int_equal(counted(STAT_CALLS_FLYING), 0);
    assert_int_equal(counted(STAT_PENDING), 0);
    assert_int_equal(counted(STAT_REPLAY_BYTES), 0);
    assert_int_equal(counted(STAT_BUFFERED_BYTES), 0);
    worker_join(worker); /* asserts that all memory came back */
    server_free(server);
    hub_free(hub);
    loop_free(control);
    return 0;
}

/* ---- words of the tests ---- */

/* The pool's first target is known only after the listener is open, but pools are made by the worker: so the port is found first. */
static void
find_backend_port(void)
{
    struct loop *l = loop_new(NULL);
    struct listener *li;
    struct addr at;
    const char *why;

    assert_int_equal(addr_parse("127.0.0.1:0", true, &at, &why), ERR_OK);
    assert_int_equal(listener_open(l, &at, on_accept, NULL, &li, &why), ERR_OK);
    addr_print(listener_addr(li), backend_name);
    listener_close(li);
    loop_free(l);
    target.target = backend_name;
}

static void
backend_listen(void)
{
    struct addr at;
    const char *why;

    assert_int_equal(addr_parse(backend_name, true, &at, &why), ERR_OK);
    assert_int_equal(listener_open(loop, &at, on_accept, NULL, &backend_listener, &why),
                     ERR_OK);
    listener_start(backend_listener);
}

static unsigned
slot_of(void *arg, const char *name)
{
    (void)arg;
    assert_string_equal(name, pool.name);
    return 0;
}

static void
open_world(void)
{
    static struct worker *workers[1];
    const char *why;

    find_backend_port();
    worker = worker_new(0, &shared);
    loop = worker->loop;
    control = loop_new(NULL);
    hub = hub_new(control, worker->h2, &worker->rng, NULL, &pool, 1);
    hub_expect(hub, 0, loop);
    workers[0] = worker;
    backend_listen();
    assert_int_equal(
        server_open(loop, front.listen, -1, true, &shared, workers, 1, &server, &why),
        ERR_OK);
    server_set(server, front_new(&front, true, 1, NULL),
               table_new(&front, 1, slot_of, NULL));
    worker_apply_here(
        worker,
        &(struct worker_change){
            .pools = &(struct change_pool){ .hub = hub, .conf = &pool },
            .pool_count = 1,
            .servers = &(struct change_server){ .server = server,
                                                .table = table_hold(server->table),
                                                .front = front_hold(server->front) },
            .server_count = 1 });
    server_start(server);
    client_connect();
}

static const char *
fields_of(const struct h2peer *p, int32_t id, size_t nth)
{
    const struct peer_frame *f = h2peer_find(p, F_HEADERS, id, nth);

    return f ? f->fields : NULL;
}

#define HAS(text, part)                                                               \
    do {                                                                              \
        if (!(text) || !strstr((text), (part)))                                       \
            fail_msg("\"%s\" is not in:\n%s", (part), (text) ? (text) : "(nothing)"); \
    } while (0)

static const uint8_t message[] = { 0, 0, 0, 0, 5, 'h', 'e', 'l', 'l', 'o' };

static void
send_message(struct h2peer *p, int32_t id, bool end)
{
    h2peer_frame(p, F_DATA, end ? FL_END_STREAM : 0, id, message, sizeof(message));
}

static void
answer_headers(struct h2peer *p, int32_t id)
{
    h2peer_headers(p, id, 0, ":status", "200", "content-type", "application/grpc", NULL);
}

static void
answer_trailers(struct h2peer *p, int32_t id, const char *code)
{
    h2peer_headers(p, id, FL_END_STREAM, "grpc-status", code, NULL);
}

/* A call with one message; returns when the backend has all of it. The stream has the same id on both sides of the first connection. */
static void
call_to_backend(int32_t id)
{
    h2peer_call(&client, id, 0);
    send_message(&client, id, true);
    TURN_UNTIL(loop, accepted > 0 &&
                         h2peer_data(&backends[accepted - 1], id) == sizeof(message));
}

static void
want_status(int32_t id, const char *code)
{
    char text[40];

    TURN_UNTIL(loop, h2peer_find(&client, F_HEADERS, id, 0) != NULL);
    TURN_UNTIL(loop, h2peer_count(&client, F_RST, id) ||
                         strstr(fields_of(&client, id, 0), "grpc-status") ||
                         fields_of(&client, id, 1));
    snprintf(text, sizeof(text), "grpc-status: %s\n", code);
    HAS(fields_of(&client, id, strstr(fields_of(&client, id, 0), "grpc-status") ? 0 : 1),
        text);
}

/* ---- tests ---- */

static void
a_call_goes_through(void **state)
{
    const char *request, *response;

    (void)state;
    open_world();
    h2peer_headers(&client, 1, 0, ":method", "POST", ":scheme", "https", ":path",
                   "/test.Service/Method", ":authority", "a.example", "te", "trailers",
                   "content-type", "application/grpc+proto", "x-a", "1", "x-b-bin",
                   "AAEC", "x-a", "2", "grpc-status", "7", "grpc-timeout", "10S",
                   "content-length", "10", NULL);
    send_message(&client, 1, true);
    TURN_UNTIL(loop, accepted && h2peer_data(&backends[0], 1) == sizeof(message));
    request = fields_of(&backends[0], 1, 0);
    HAS(request, ":method: POST\n");
    HAS(request, ":scheme: http\n");
    HAS(request, ":path: /test.Service/Method\n");
    HAS(request, ":authority: a.example\n");
    HAS(request, "te: trailers\n");
    HAS(request, "content-type: application/grpc+proto\n");
    HAS(request, "x-b-bin: AAEC\n");
    assert_true(strstr(request, "x-a: 1\n") < strstr(request, "x-a: 2\n"));
    HAS(request, "grpc-timeout: ");
    assert_null(
        strstr(request, "grpc-timeout: 10S")); /* what is left, not what was sent */
    assert_null(strstr(request, "grpc-status"));
    assert_null(strstr(request, "content-length"));

    h2peer_headers(&backends[0], 1, 0, ":status", "200", "content-type",
                   "application/grpc", "x-c", "3", NULL);
    send_message(&backends[0], 1, false);
    TURN_UNTIL(loop, h2peer_data(&client, 1) ==
                         sizeof(message)); /* before the trailers: nothing is held back */
    response = fields_of(&client, 1, 0);
    HAS(response, ":status: 200\n");
    HAS(response, "x-c: 3\n");
    h2peer_headers(&backends[0], 1, FL_END_STREAM, "grpc-status", "5", "grpc-message",
                   "no%20such", "x-t", "4", NULL);
    want_status(1, "5");
    HAS(fields_of(&client, 1, 1), "grpc-message: no%20such\n");
    HAS(fields_of(&client, 1, 1), "x-t: 4\n");
    assert_int_equal(h2peer_count(&client, F_RST, 1), 0);
    TURN_UNTIL(loop, counted(STAT_CALLS_FLYING) == 0);
    assert_int_equal(counted((enum stat_id)(STAT_CODE_0 + 5)), 1);
    assert_int_equal(counted(STAT_LOCAL_REPLIES), 0);
}

static void
trailers_only_answers_stay_trailers_only(void **state)
{
    (void)state;
    open_world();
    call_to_backend(1);
    h2peer_headers(&backends[0], 1, FL_END_STREAM, ":status", "200", "content-type",
                   "application/grpc", "grpc-status", "12", NULL);
    want_status(1, "12");
    assert_int_equal(h2peer_count(&client, F_ANY, 1), 1);
    assert_int_equal(h2peer_find(&client, F_HEADERS, 1, 0)->flags & FL_END_STREAM,
                     FL_END_STREAM);
}

static void
messages_flow_both_ways_while_both_are_open(void **state)
{
    (void)state;
    open_world();
    h2peer_call(&client, 1, 0);
    TURN_UNTIL(loop, accepted && h2peer_count(&backends[0], F_HEADERS, 1));
    answer_headers(&backends[0], 1);
    TURN_UNTIL(loop, h2peer_count(&client, F_HEADERS,
                                  1)); /* headers alone must not wait for a body */
    for (size_t i = 1; i <= 20; i++) {
        send_message(&client, 1, false);
        TURN_UNTIL(loop, h2peer_data(&backends[0], 1) == i * sizeof(message));
        send_message(&backends[0], 1, false);
        TURN_UNTIL(loop, h2peer_data(&client, 1) == i * sizeof(message));
    }
    h2peer_frame(&client, F_DATA, FL_END_STREAM, 1, NULL,
                 0); /* half-close crosses by itself */
    TURN_UNTIL(loop, h2peer_find(&backends[0], F_DATA, 1, 20) != NULL);
    assert_int_equal(h2peer_find(&backends[0], F_DATA, 1, 20)->flags, FL_END_STREAM);
    answer_trailers(&backends[0], 1, "0");
    want_status(1, "0");
    assert_int_equal(counted(STAT_REPLAYS), 0);
}

static void
what_is_no_grpc_call_gets_an_answer_of_its_kind(void **state)
{
    static const struct {
        const char *method, *path, *type, *extra, *value;
        const char *status, *field;
    } rows[] = {
        { "GET", "/test.Service/M", "application/grpc", "x", "y", ":status: 405",
          "allow: POST" },
        { "POST", "/test.Service/M", "text/html", "x", "y", ":status: 415",
          "grpc-status: 3" },
        { "POST", "/test.Service/M", "application/grpcx", "x", "y", ":status: 415",
          "grpc-status: 3" },
        { "POST", "/test.Service/M", "application/grpc", "content-type", "text/html",
          ":status: 415", "grpc-status: 3" },
        { "POST", "/", "application/grpc", "x", "y", ":status: 200", "grpc-status: 12" },
        { "POST", "/a", "application/grpc", "x", "y", ":status: 200", "grpc-status: 12" },
        { "POST", "/test.Service/M/x", "application/grpc", "x", "y", ":status: 200",
          "grpc-status: 12" },
        { "POST", "/test.Service/M?x", "application/grpc", "x", "y", ":status: 200",
          "grpc-status: 12" },
        { "POST", "//M", "application/grpc", "x", "y", ":status: 200",
          "grpc-status: 12" },
        { "POST", "/other.Service/M", "application/grpc", "x", "y", ":status: 200",
          "grpc-status: 12" },
        { "POST", "/test.Service/M", "application/grpc", "host", "evil", ":status: 200",
          "grpc-status: 13" },
        { "POST", "/test.Service/M", "application/grpc", "grpc-timeout", "1",
          ":status: 200", "grpc-status: 13" },
        { "POST", "/test.Service/M", "application/grpc", "grpc-timeout", "123456789S",
          ":status: 200", "grpc-status: 13" },
        { "POST", "/test.Service/M", "application/grpc", "grpc-timeout", "-1S",
          ":status: 200", "grpc-status: 13" },
        { "POST", "/test.Service/M", "application/grpc", "grpc-timeout", "0n",
          ":status: 200", "grpc-status: 4" },
    };
    int32_t id = 1;

    (void)state;
    open_world();
    for (size_t i = 0; i < ARRAY_LEN(rows); i++, id += 2) {
        h2peer_headers(&client, id, FL_END_STREAM, ":method", rows[i].method, ":scheme",
                       "http", ":path", rows[i].path, ":authority", "x", "content-type",
                       rows[i].type, rows[i].extra, rows[i].value, NULL);
        TURN_UNTIL(loop, h2peer_count(&client, F_HEADERS, id) ||
                             h2peer_count(&client, F_RST, id));
        HAS(fields_of(&client, id, 0), rows[i].status);
        HAS(fields_of(&client, id, 0), rows[i].field);
    }
    TURN_UNTIL(loop, counted(STAT_CALLS_FLYING) == 0);
    assert_int_equal(counted(STAT_LOCAL_REPLIES), ARRAY_LEN(rows));
    assert_int_equal(counted(STAT_UP_CONNECTS), 0);
    assert_int_equal(counted(STAT_GLITCHES), 0);
}

static void
headers_over_the_limit_are_resource_exhausted(void **state)
{
    static char big[17000];

    (void)state;
    memset(big, 'v', sizeof(big) - 1);
    open_world();
    h2peer_headers(&client, 1, FL_END_STREAM, ":method", "POST", ":scheme", "http",
                   ":path", "/test.Service/M", ":authority", "x", "content-type",
                   "application/grpc", "x-big", big, NULL);
    want_status(1, "8");
    h2peer_call(&client, 3, 0); /* the connection goes on */
    send_message(&client, 3, true);
    TURN_UNTIL(loop, accepted && h2peer_data(&backends[0], 1) == sizeof(message));
}

static void
dropped_illegal_fields_reject_the_call(void **state)
{
    uint8_t b[512];
    size_t n;

    (void)state;
    open_world();
    n = h2peer_block(&client, b, sizeof(b), ":method", "POST", ":scheme", "http", ":path",
                     "/test.Service/M", ":authority", "x", "content-type",
                     "application/grpc", NULL);
    memcpy(b + n, "\0\4x-id\3a\nb", 10);
    h2peer_frame(&client, F_HEADERS, FL_END_HEADERS | FL_END_STREAM, 1, b, n + 10);
    TURN_UNTIL(loop, h2peer_count(&client, F_ANY, 1));
    if (h2peer_count(&client, F_HEADERS, 1))
        HAS(fields_of(&client, 1, 0), "grpc-status: 13");
    assert_int_equal(counted(STAT_UP_CONNECTS), 0);
}

static void
deadline_answers_the_client_and_cancels_the_backend(void **state)
{
    (void)state;
    open_world();
    h2peer_headers(&client, 1, FL_END_STREAM, ":method", "POST", ":scheme", "http",
                   ":path", "/test.Service/M", ":authority", "x", "content-type",
                   "application/grpc", "grpc-timeout", "60m", NULL);
    want_status(1, "4");
    TURN_UNTIL(loop, h2peer_count(&backends[0], F_RST, 1));
    assert_int_equal(h2peer_rst_code(&backends[0], 1), H2_CANCEL);
    assert_int_equal(counted(STAT_DEADLINES), 1);
}

static void
the_route_limits_a_call_without_timeout(void **state)
{
    (void)state;
    routes[0].timeout_ms = 50;
    open_world();
    call_to_backend(1);
    HAS(fields_of(&backends[0], 1, 0), "grpc-timeout: ");
    want_status(1, "4");
}

static void
deadline_in_the_middle_of_a_message_resets(void **state)
{
    (void)state;
    routes[0].timeout_ms = 80;
    open_world();
    call_to_backend(1);
    answer_headers(&backends[0], 1);
    h2peer_frame(&backends[0], F_DATA, 0, 1, message, 7);
    TURN_UNTIL(loop, h2peer_count(&client, F_RST, 1));
    assert_int_equal(h2peer_rst_code(&client, 1), H2_CANCEL);
    assert_int_equal(h2peer_count(&client, F_HEADERS, 1), 1);
}

static void
cancel_of_the_client_reaches_the_backend(void **state)
{
    (void)state;
    open_world();
    h2peer_call(&client, 1, 0);
    TURN_UNTIL(loop, accepted && h2peer_count(&backends[0], F_HEADERS, 1));
    h2peer_u32(&client, F_RST, 1, H2_CANCEL);
    TURN_UNTIL(loop, h2peer_count(&backends[0], F_RST, 1));
    assert_int_equal(h2peer_rst_code(&backends[0], 1), H2_CANCEL);
    TURN_UNTIL(loop, counted(STAT_CALLS_FLYING) == 0);
    assert_int_equal(counted((enum stat_id)(STAT_CODE_0 + 1)), 1);
}

static void
a_client_that_hangs_up_cancels_its_calls(void **state)
{
    (void)state;
    open_world();
    for (int32_t id = 1; id < 12; id += 2)
        h2peer_call(&client, id, 0);
    TURN_UNTIL(loop, accepted && h2peer_count(&backends[0], F_HEADERS, -1) == 6);
    h2peer_hang_up(&client);
    TURN_UNTIL(loop, h2peer_count(&backends[0], F_RST, -1) == 6);
    TURN_UNTIL(loop, counted(STAT_CALLS_FLYING) == 0);
}

static void
reset_codes_of_a_backend_become_statuses(void **state)
{
    static const struct {
        uint32_t h2;
        const char *grpc;
    } rows[] = { { 0, "13" }, { 1, "13" }, { 2, "13" }, { 3, "13" },
                 { 8, "1" },  { 11, "8" }, { 12, "7" } };
    int32_t id = 1;

    (void)state;
    open_world();
    for (size_t i = 0; i < ARRAY_LEN(rows); i++, id += 2) {
        call_to_backend(id);
        h2peer_u32(&backends[0], F_RST, id, rows[i].h2);
        want_status(id, rows[i].grpc);
        assert_int_equal(h2peer_count(&client, F_ANY, id), 1);
    }
    assert_int_equal(counted(STAT_REPLAYS), 0);
}

static void
answers_that_are_no_grpc_become_one(void **state)
{
    static const struct {
        const char *status, *type, *grpc;
    } rows[] = {
        { "503", "text/html", "14" },  { "404", "text/html", "12" },
        { "401", "text/plain", "16" }, { "403", "text/plain", "7" },
        { "429", "text/plain", "14" }, { "500", "application/grpc", "2" },
        { "200", "text/html", "2" },
    };
    int32_t id = 1;

    (void)state;
    open_world();
    for (size_t i = 0; i < ARRAY_LEN(rows); i++, id += 2) {
        call_to_backend(id);
        h2peer_headers(&backends[0], id, 0, ":status", rows[i].status, "content-type",
                       rows[i].type, NULL);
        h2peer_frame(&backends[0], F_DATA, FL_END_STREAM, id, "<html>", 6);
        want_status(id, rows[i].grpc);
        assert_int_equal(h2peer_count(&client, F_DATA, id), 0);
        HAS(fields_of(&client, id, 0), ":status: 200\ncontent-type: application/grpc\n");
    }
}

static void
an_end_without_a_status_is_unknown(void **state)
{
    (void)state;
    open_world();
    call_to_backend(1);
    answer_headers(&backends[0], 1);
    send_message(&backends[0], 1, true); /* END_STREAM, no trailers */
    want_status(1, "2");
    call_to_backend(3);
    answer_headers(&backends[0], 3);
    h2peer_headers(&backends[0], 3, FL_END_STREAM, "x-only", "1", NULL);
    want_status(3, "2");
    call_to_backend(5);
    h2peer_headers(&backends[0], 5, FL_END_STREAM, ":status", "200", "content-type",
                   "application/grpc", NULL);
    want_status(5, "2");
    assert_int_equal(counted(STAT_STATUS_SYNTHESIZED), 3);
}

static void
a_lost_backend_is_told_by_where_the_answer_stood(void **state)
{
    (void)state;
    open_world();
    call_to_backend(1);
    call_to_backend(3);
    call_to_backend(5);
    answer_headers(&backends[0], 3);
    send_message(&backends[0], 3, false);
    answer_headers(&backends[0], 5);
    h2peer_frame(&backends[0], F_DATA, 0, 5, message, 7);
    TURN_UNTIL(loop, h2peer_data(&client, 5) == 7 &&
                         h2peer_data(&client, 3) == sizeof(message));
    h2peer_hang_up(&backends[0]);
    want_status(1, "14"); /* nothing sent yet: Trailers-Only */
    assert_int_equal(h2peer_count(&client, F_ANY, 1), 1);
    want_status(3, "14"); /* between two messages: trailers */
    TURN_UNTIL(loop, h2peer_count(&client, F_RST, 5)); /* inside one: never a clean end */
    assert_int_equal(h2peer_count(&client, F_HEADERS, 5), 1);
    assert_int_equal(counted(STAT_GLITCHES), 0);
}

static void
early_answer_ends_both_sides(void **state)
{
    (void)state;
    open_world();
    h2peer_call(&client, 1, 0);
    send_message(&client, 1, false);
    TURN_UNTIL(loop, accepted && h2peer_data(&backends[0], 1) == sizeof(message));
    answer_headers(&backends[0], 1);
    answer_trailers(&backends[0], 1, "9");
    want_status(1, "9");
    TURN_UNTIL(loop,
               h2peer_count(&client, F_RST, 1) && h2peer_count(&backends[0], F_RST, 1));
    assert_int_equal(h2peer_rst_code(&client, 1), H2_NO_ERROR);
    TURN_UNTIL(loop, counted(STAT_CALLS_FLYING) == 0);
    assert_int_equal(counted((enum stat_id)(STAT_CODE_0 + 9)), 1);
    assert_int_equal(counted(STAT_CALLS_CANCELLED), 0);
}

/* ---- replay ---- */

static void
a_refused_try_is_replayed_with_its_body(void **state)
{
    (void)state;
    open_world();
    call_to_backend(1);
    h2peer_u32(&backends[0], F_RST, 1, H2_REFUSED_STREAM);
    TURN_UNTIL(loop, h2peer_data(&backends[0], 3) == sizeof(message));
    assert_string_equal(fields_of(&backends[0], 3, 0), fields_of(&backends[0], 1, 0));
    assert_memory_equal(h2peer_find(&backends[0], F_DATA, 3, 0)->payload, message,
                        sizeof(message));
    answer_headers(&backends[0], 3);
    send_message(&backends[0], 3, false);
    answer_trailers(&backends[0], 3, "0");
    want_status(1, "0");
    assert_int_equal(h2peer_data(&client, 1), sizeof(message));
    assert_int_equal(counted(STAT_REPLAYS), 1);
}

static void
endless_refusal_ends_after_two_replays(void **state)
{
    (void)state;
    open_world();
    call_to_backend(1);
    for (int32_t id = 1; id <= 5; id += 2) {
        TURN_UNTIL(loop, h2peer_data(&backends[0], id) == sizeof(message));
        h2peer_u32(&backends[0], F_RST, id, H2_REFUSED_STREAM);
    }
    want_status(1, "14");
    assert_int_equal(h2peer_count(&backends[0], F_HEADERS, -1), 3);
    assert_int_equal(counted(STAT_REPLAYS), 2);
    assert_int_equal(counted(STAT_REPLAYS_REFUSED_LIMIT), 1);
}

static void
no_replay_once_an_answer_began(void **state)
{
    (void)state;
    open_world();
    call_to_backend(1);
    answer_headers(&backends[0], 1);
    TURN_UNTIL(loop, h2peer_count(&client, F_HEADERS, 1));
    h2peer_u32(&backends[0], F_RST, 1, H2_REFUSED_STREAM);
    want_status(1, "14");
    assert_int_equal(h2peer_count(&backends[0], F_HEADERS, -1), 1);
}

static void
goaway_below_the_stream_replays_on_a_new_connection(void **state)
{
    (void)state;
    open_world();
    call_to_backend(1);
    h2peer_call(&client, 3, 0);
    send_message(&client, 3, false);
    TURN_UNTIL(loop, h2peer_data(&backends[0], 3) == sizeof(message));
    h2peer_goaway(&backends[0], 1, H2_NO_ERROR, "");
    TURN_UNTIL(loop, accepted == 2 && h2peer_data(&backends[1], 1) == sizeof(message));
    send_message(&client, 3, true); /* the rest follows the replayed part */
    TURN_UNTIL(loop, h2peer_data(&backends[1], 1) == 2 * sizeof(message));
    answer_headers(&backends[1], 1);
    answer_trailers(&backends[1], 1, "0");
    want_status(3, "0");
    answer_headers(&backends[0], 1); /* the one below finishes where it was */
    answer_trailers(&backends[0], 1, "0");
    want_status(1, "0");
    assert_int_equal(counted(STAT_REPLAYS), 1);
}

static void
a_body_over_the_replay_limit_is_not_replayed(void **state)
{
    static uint8_t big[5 + 6000] = { 0, 0, 0, 6000 >> 8, 6000 & 255 };

    (void)state;
    pool.limits.replay_bytes = 4096;
    open_world();
    h2peer_call(&client, 1, 0);
    h2peer_frame(&client, F_DATA, FL_END_STREAM, 1, big, sizeof(big));
    TURN_UNTIL(loop, accepted && h2peer_data(&backends[0], 1) == sizeof(big));
    h2peer_u32(&backends[0], F_RST, 1, H2_REFUSED_STREAM);
    want_status(1, "14");
    assert_int_equal(h2peer_count(&backends[0], F_HEADERS, -1), 1);
    assert_int_equal(counted(STAT_REPLAY_BYTES), 0);
}

/* The window that a replayed body used comes back once, not twice. */
static void
a_replayed_upload_keeps_its_window(void **state)
{
    size_t sent = 0;
    uint8_t piece[1000] = { 0, 0, 0, 995 >> 8, 995 & 255 };

    (void)state;
    open_world();
    h2peer_call(&client, 1, 0);
    for (int i = 0; i < 20; i++)
        h2peer_frame(&client, F_DATA, 0, 1, piece, sizeof(piece));
    TURN_UNTIL(loop, accepted && h2peer_data(&backends[0], 1) == 20000);
    h2peer_u32(&backends[0], F_RST, 1, H2_REFUSED_STREAM);
    TURN_UNTIL(loop, h2peer_data(&backends[0], 3) == 20000);
    for (sent = 20000; sent < 400000;
         sent +=
         20000) { /* many windows' worth: credit must keep coming, in the right amount */
        size_t credit = 65535;

        for (int i = 0; i < 20; i++)
            h2peer_frame(&client, F_DATA, 0, 1, piece, sizeof(piece));
        TURN_UNTIL(loop, h2peer_data(&backends[0], 3) == sent + 20000);
        h2peer_u32(&backends[0], F_WINDOW, 3, 20000);
        h2peer_u32(&backends[0], F_WINDOW, 0, 20000);
        for (size_t i = 0; i < client.n; i++) {
            if (client.frames[i].type == F_WINDOW && client.frames[i].id == 1)
                credit += h2peer_get_u32(client.frames[i].payload);
        }
        assert_true(credit <= 65536 + sent + 20000); /* never more than what was taken */
    }
    assert_int_equal(h2peer_count(&client, F_GOAWAY, 0), 0);
    assert_int_equal(h2peer_count(&client, F_RST, 1), 0);
}

/* ---- bounds ---- */

static void
no_backend_is_unavailable_with_a_reason(void **state)
{
    (void)state;
    open_world();
    listener_close(backend_listener);
    backend_listener = NULL;
    h2peer_call(&client, 1, FL_END_STREAM);
    want_status(1, "14");
    HAS(fields_of(&client, 1, 0), "refused");
}

/* A slot is free only when the backend's stream is gone too (Rapid Reset): our RST_STREAM waits behind a full pipe. */
static void
slots_of_cancelled_calls_stay_taken(void **state)
{
    (void)state;
    front.limits.max_concurrent_streams = 4;
    open_world();
    call_to_backend(1);
    answer_headers(&backends[0], 1);
    answer_trailers(&backends[0], 1, "0");
    want_status(1, "0");
    h2peer_set_deaf(&backends[0], true);
    h2peer_u32(&backends[0], F_WINDOW, 0, 1 << 30);
    for (int32_t id = 3; id < 200; id += 2) {
        h2peer_call(&client, id, 0);
        h2peer_u32(&client, F_RST, id, H2_CANCEL);
    }
    for (int i = 0; i < 200; i++)
        loop_turn(loop, false);
    assert_true(counted(STAT_CALLS_FLYING) <= 4);
    h2peer_set_deaf(&backends[0], false);
    TURN_UNTIL(loop, counted(STAT_CALLS_FLYING) == 0);
}

static void
streams_over_the_limit_are_refused_and_come_later(void **state)
{
    (void)state;
    front.limits.max_concurrent_streams = 2;
    open_world();
    client.ack_settings = false; /* as if sent before the client knew the limit */
    for (int32_t id = 1; id <= 7; id += 2)
        h2peer_call(&client, id, FL_END_STREAM);
    TURN_UNTIL(loop, h2peer_count(&client, F_RST, -1) == 2);
    assert_int_equal(h2peer_rst_code(&client, 5), H2_REFUSED_STREAM);
    TURN_UNTIL(loop, accepted && h2peer_count(&backends[0], F_HEADERS, -1) == 2);
    answer_trailers(&backends[0], 1, "0");
    assert_int_equal(counted(STAT_STREAMS_REFUSED), 2);
}

static void
bodies_larger_than_every_window_pass_both_ways(void **state)
{
    enum { BODY = 3 * 1000 * 1000 };
    size_t up = 0, down = 0, sent_up = 0, sent_down = 0;
    static uint8_t piece[16384];

    (void)state;
    open_world();
    h2peer_call(&client, 1, 0);
    TURN_UNTIL(loop, accepted && h2peer_count(&backends[0], F_HEADERS, 1));
    answer_headers(&backends[0], 1);
    backends[0].thin = client.thin = true;
    h2peer_u32(&client, F_WINDOW, 0, 1 << 30);
    h2peer_u32(&client, F_WINDOW, 1, 1 << 30);
    h2peer_u32(&backends[0], F_WINDOW, 0, 1 << 30);
    h2peer_u32(&backends[0], F_WINDOW, 1, 1 << 30);
    while (up < BODY || down < BODY) {
        struct h2peer *p[2] = { &client, &backends[0] };
        size_t *sent[2] = { &sent_up, &sent_down };

        for (int i = 0; i < 2; i++) {
            size_t window = 65535;

            for (size_t k = 0; k < p[i]->n; k++) {
                if (p[i]->frames[k].type == F_WINDOW && p[i]->frames[k].id == 1)
                    window += h2peer_get_u32(p[i]->frames[k].payload);
            }
            while (*sent[i] + sizeof(piece) <= window && *sent[i] < BODY) {
                h2peer_frame(p[i], F_DATA, 0, 1, piece, sizeof(piece));
                *sent[i] += sizeof(piece);
            }
        }
        loop_turn(loop, false);
        up = backends[0].data_bytes;
        down = client.data_bytes;
        assert_int_equal(h2peer_count(&client, F_GOAWAY, 0), 0);
        assert_true(counted(STAT_BUFFERED_BYTES) < 9 * 1024 * 1024);
    }
    answer_trailers(&backends[0], 1, "0");
    want_status(1, "0");
}

/* ---- the end ---- */

static void
drain_lets_calls_end(void **state)
{
    (void)state;
    open_world();
    call_to_backend(1);
    worker_drain(worker);
    TURN_UNTIL(loop, h2peer_count(&client, F_GOAWAY, 0) == 2);
    assert_int_equal(h2peer_goaway_code(&client), H2_NO_ERROR);
    answer_headers(&backends[0], 1);
    answer_trailers(&backends[0], 1, "0");
    want_status(1, "0");
    TURN_UNTIL(loop, client.eof);
}

static void
stop_ends_calls_with_unavailable(void **state)
{
    (void)state;
    open_world();
    call_to_backend(1);
    h2peer_call(&client, 3, 0);
    TURN_UNTIL(loop, h2peer_count(&backends[0], F_HEADERS, 3));
    answer_headers(&backends[0], 3);
    TURN_UNTIL(loop, h2peer_count(&client, F_HEADERS, 3));
    worker_stop(worker);
    want_status(1, "14");
    want_status(3, "14");
    TURN_UNTIL(loop, h2peer_count(&backends[0], F_RST, 1) || backends[0].eof);
}

static void
connections_over_the_limit_are_closed_and_counted(void **state)
{
    struct transport *t;

    (void)state;
    front.limits.max_connections = 1;
    open_world();
    TURN_UNTIL(loop, counted(STAT_DOWN_OPEN) == 1);
    t = transport_connect(loop, &server->addr);
    transport_bind(t, on_connected, &t);
    transport_want(t, false, true);
    TURN_UNTIL(loop, counted(STAT_DOWN_OVER_LIMIT) == 1);
    transport_close(t);
    call_to_backend(1); /* the first one is served */
}

#define CALL_TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        CALL_TEST(a_call_goes_through),
        CALL_TEST(trailers_only_answers_stay_trailers_only),
        CALL_TEST(messages_flow_both_ways_while_both_are_open),
        CALL_TEST(what_is_no_grpc_call_gets_an_answer_of_its_kind),
        CALL_TEST(headers_over_the_limit_are_resource_exhausted),
        CALL_TEST(dropped_illegal_fields_reject_the_call),
        CALL_TEST(deadline_answers_the_client_and_cancels_the_backend),
        CALL_TEST(the_route_limits_a_call_without_timeout),
        CALL_TEST(deadline_in_the_middle_of_a_message_resets),
        CALL_TEST(cancel_of_the_client_reaches_the_backend),
        CALL_TEST(a_client_that_hangs_up_cancels_its_calls),
        CALL_TEST(reset_codes_of_a_backend_become_statuses),
        CALL_TEST(answers_that_are_no_grpc_become_one),
        CALL_TEST(an_end_without_a_status_is_unknown),
        CALL_TEST(a_lost_backend_is_told_by_where_the_answer_stood),
        CALL_TEST(early_answer_ends_both_sides),
        CALL_TEST(a_refused_try_is_replayed_with_its_body),
        CALL_TEST(endless_refusal_ends_after_two_replays),
        CALL_TEST(no_replay_once_an_answer_began),
        CALL_TEST(goaway_below_the_stream_replays_on_a_new_connection),
        CALL_TEST(a_body_over_the_replay_limit_is_not_replayed),
        CALL_TEST(a_replayed_upload_keeps_its_window),
        CALL_TEST(no_backend_is_unavailable_with_a_reason),
        CALL_TEST(slots_of_cancelled_calls_stay_taken),
        CALL_TEST(streams_over_the_limit_are_refused_and_come_later),
        CALL_TEST(bodies_larger_than_every_window_pass_both_ways),
        CALL_TEST(drain_lets_calls_end),
        CALL_TEST(stop_ends_calls_with_unavailable),
        CALL_TEST(connections_over_the_limit_are_closed_and_counted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
