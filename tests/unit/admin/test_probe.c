/* SPDX-License-Identifier: Apache-2.0 */
/* The probe port over memory pairs on a virtual clock: two protocols, bounds, and who watches. */
#include "admin/probe.h"

#include <string.h>

#include "unit.h"

#include "admin/metrics_page.h"
#include "base/buf.h"
#include "base/compat.h"
#include "base/err.h"
#include "base/slab.h"
#include "base/strbuf.h"
#include "grpc/client.h"
#include "grpc/health.h"
#include "h2/conn.h"
#include "loop/loop.h"
#include "net/transport.h"
#include "obs/stats.h"
#include "vclock.h"

enum { CLIENTS_MAX = PROBE_CONNS_MAX + 10 };

struct client { /* bytes in and out */
    struct transport *t;
    char got[4096];
    size_t n;
    bool ended, deaf;
};

struct world {
    struct vclock clock;
    struct loop *loop;
    struct slab *slab;
    struct buf_pool *bufs;
    struct stats stats;
    const struct stats *stats_list[1];
    struct h2_worker *h2;
    struct probe *probe;
    struct h2_limits limits;
    bool good[3], pool_up;
    struct metrics_page *metrics;
    size_t pools, page; /* page: how long /metrics is; 0: there is none */
    struct client clients[CLIENTS_MAX];
};

static struct world world;

static bool
world_good(void *arg, enum probe_what what, struct strbuf *why)
{
    (void)arg;
    if (!world.good[what])
        strbuf_puts(why, "the test says no\n");
    return world.good[what];
}

static enum probe_pool
world_pool(void *arg, const char *name)
{
    (void)arg;
    if (strcmp(name, "app") != 0)
        return PROBE_POOL_UNKNOWN;
    return world.pool_up ? PROBE_POOL_UP : PROBE_POOL_DOWN;
}

static const char *
world_pool_name(void *arg, size_t i)
{
    (void)arg;
    return i < world.pools ? "app" : NULL;
}

static const struct metrics_page *
world_metrics(void *arg)
{
    (void)arg;
    return world.page ? world.metrics : NULL;
}

/* More than a memory pair takes at once. */
static void
print_much(void *arg, struct prom *out)
{
    (void)arg;
    for (size_t i = 0; i < world.page; i++) {
        prom_family(out, "outrigger_test", PROM_GAUGE, "A series of the test.");
        prom_begin(out);
        prom_value(out, (int64_t)i);
    }
}

static const struct probe_ops ops = {
    .good = world_good,
    .pool = world_pool,
    .pool_name = world_pool_name,
    .metrics = world_metrics,
};

static void
turns(unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        loop_turn(world.loop, false);
}

static void
pass_ms(int64_t ms)
{
    for (; ms > 0; ms -= 50) {
        vclock_advance_ms(&world.clock, ms < 50 ? ms : 50);
        turns(3);
    }
}

static void
client_on(void *arg, int what)
{
    struct client *c = arg;
    ssize_t rv;

    if (!(what & TRANSPORT_READABLE))
        return;
    rv = transport_read(c->t, c->got + c->n, sizeof(c->got) - 1 - c->n);
    if (rv > 0)
        c->n += (size_t)rv;
    else if (rv != ERR_AGAIN)
        c->ended = true;
    transport_want(c->t, !c->ended && c->n < sizeof(c->got) - 1, false);
}

/* Client i connects. deaf: it reads nothing. */
static struct client *
client_open(size_t i, bool deaf)
{
    struct client *c = &world.clients[i];
    struct transport *t;

    mempair_new(world.loop, world.loop, 8192, 0, &c->t, &t);
    transport_bind(c->t, client_on, c);
    if (!deaf)
        transport_want(c->t, true, false);
    probe_take(world.probe, t);
    turns(3);
    return c;
}

static void
client_say(struct client *c, const char *text)
{
    const struct iovec v = { .iov_base = (void *)(uintptr_t)text,
                             .iov_len = strlen(text) };

    (void)transport_writev(c->t, &v, 1);
    turns(5);
}

static int
world_start(void **state)
{
    (void)state;
    memset(&world, 0, sizeof(world));
    world.loop = loop_new(vclock_init(&world.clock));
    world.slab = slab_new();
    world.bufs = buf_pool_new(0);
    world.h2 = h2_worker_new(world.loop, world.slab, world.bufs, &world.stats);
    h2_limits_default(&world.limits);
    world.stats_list[0] = &world.stats;
    world.metrics = metrics_page_new(world.stats_list, 1);
    metrics_page_add(world.metrics, print_much, NULL);
    world.probe = probe_new(world.h2, &ops, NULL);
    world.pools = 1;
    memset(world.good, true, sizeof(world.good));
    return 0;
}

static int
world_stop(void **state)
{
    (void)state;
    for (size_t i = 0; i < CLIENTS_MAX; i++)
        transport_close(world.clients[i].t);
    probe_close(world.probe);
    probe_close(world.probe);
    turns(20);
    h2_worker_free(world.h2);
    probe_free(world.probe);
    metrics_page_free(world.metrics);
    assert_int_equal(stat_get(&world.stats, STAT_PROBE_OPEN), 0);
    buf_pool_free(world.bufs);
    loop_free(world.loop);
    slab_free(world.slab);
    return 0;
}

/* --- HTTP/1.1 -------------------------------------------------------------------------- */

static void
each_path_says_whether_it_is_so_and_why_not(void **state)
{
    static const char *const paths[] = { "/livez", "/readyz", "/startupz" };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
        struct client *c = client_open(i, false);
        char text[100];

        snprintf(text, sizeof(text), "GET %s HTTP/1.1\r\n\r\n", paths[i]);
        client_say(c, text);
        assert_memory_equal(c->got, "HTTP/1.1 200 ", 13);
        assert_non_null(strstr(c->got, "\r\n\r\nok\n"));
        world.good[i] = false;
        memset(c->got, 0, sizeof(c->got));
        c->n = 0;
        client_say(c, text);
        assert_memory_equal(c->got, "HTTP/1.1 503 ", 13);
        assert_non_null(strstr(c->got, "\r\n\r\nthe test says no\n"));
        world.good[i] = true;
    }
    assert_int_equal(stat_get(&world.stats, STAT_PROBE_ANSWERS_GOOD), 3);
    assert_int_equal(stat_get(&world.stats, STAT_PROBE_ANSWERS_BAD), 3);
}

static void
a_silent_client_is_let_go_and_so_is_a_slow_one(void **state)
{
    struct client *silent = client_open(0, false), *slow = client_open(1, false);

    (void)state;
    for (int i = 0; i < 9; i++) {
        client_say(slow, "G");
        pass_ms(500);
    }
    assert_false(silent->ended || slow->ended);
    pass_ms(600);
    assert_true(silent->ended && slow->ended);
    assert_int_equal(stat_get(&world.stats, STAT_PROBE_CLOSED_LATE), 2);
}

static void
between_two_requests_there_is_more_time(void **state)
{
    struct client *c = client_open(0, false);

    (void)state;
    client_say(c, "GET /livez HTTP/1.1\r\n\r\n");
    pass_ms(100 * 1000);
    assert_false(c->ended);
    client_say(c, "GET /li"); /* but not within one */
    pass_ms(6000);
    assert_true(c->ended);
}

static void
half_a_head_behind_a_whole_one_has_the_time_of_a_head(void **state)
{
    struct client *c = client_open(0, false);

    (void)state;
    client_say(c, "GET /livez HTTP/1.1\r\n\r\nGET /li");
    assert_memory_equal(c->got, "HTTP/1.1 200 ", 13);
    for (int i = 0; i < 9; i++) {
        pass_ms(500);
        client_say(c, "v"); /* does not make it longer */
    }
    assert_false(c->ended);
    pass_ms(1000);
    assert_true(c->ended);
    assert_int_equal(stat_get(&world.stats, STAT_PROBE_CLOSED_LATE), 1);
}

/* Takes up to n bytes of an answer and throws them away. */
static void
client_take(struct client *c, size_t n)
{
    char room[4096];

    while (n > 0) {
        ssize_t got = transport_read(c->t, room, n < sizeof(room) ? n : sizeof(room));

        if (got <= 0)
            return;
        n -= (size_t)got;
        turns(3);
    }
}

static void
a_slow_reader_gets_its_page_and_a_pretender_does_not(void **state)
{
    struct client *slow = client_open(0, true), *pretender = client_open(1, true),
                  *endless = client_open(2, true);

    (void)state;
    world.page = 4000; /* some 380 KB */
    client_say(slow, "GET /metrics HTTP/1.1\r\n\r\n");
    client_say(pretender, "GET /metrics HTTP/1.1\r\n\r\n");
    client_say(endless, "GET /metrics HTTP/1.1\r\n\r\n");
    for (int i = 0; i < 8; i++) { /* 40 s in all */
        pass_ms(5000);
        client_take(slow, 64 * 1024);
        client_take(pretender, 100);
        client_take(endless, 20 * 1024);
    }
    assert_int_equal(stat_get(&world.stats, STAT_PROBE_CLOSED_LATE), 1);
    assert_int_equal(stat_get(&world.stats, STAT_PROBE_OPEN), 2);
    client_say(slow, "GET /livez HTTP/1.1\r\n\r\n"); /* it has all, and asks again */
    for (int i = 0; i < 5; i++) {
        pass_ms(5000);
        client_take(endless, 20 * 1024);
    }
    assert_int_equal(stat_get(&world.stats, STAT_PROBE_CLOSED_LATE), 2);
    assert_int_equal(stat_get(&world.stats, STAT_PROBE_OPEN), 1);
    assert_int_equal(stat_get(&world.stats, STAT_PROBE_ANSWERS_GOOD), 4);
}

static void
an_answer_that_nobody_takes_is_given_up(void **state)
{
    struct client *c = client_open(0, true);

    (void)state;
    world.page = 1000;
    client_say(c, "GET /metrics HTTP/1.1\r\n\r\n");
    pass_ms(9000);
    assert_int_equal(stat_get(&world.stats, STAT_PROBE_OPEN), 1);
    pass_ms(2000);
    assert_int_equal(stat_get(&world.stats, STAT_PROBE_OPEN), 0);
}

static void
only_a_few_pages_are_on_their_way(void **state)
{
    (void)state;
    world.page = 1000;
    for (size_t i = 0; i < PROBE_PAGES_MAX; i++)
        client_say(client_open(i, true), "GET /metrics HTTP/1.1\r\n\r\n");

    struct client *c = client_open(PROBE_PAGES_MAX, false);

    client_say(c, "GET /metrics HTTP/1.1\r\n\r\n");
    assert_memory_equal(c->got, "HTTP/1.1 503 ", 13);
    assert_non_null(strstr(c->got, "Retry-After: 1\r\n"));
    transport_close(world.clients[0].t); /* its page is not on the way any more */
    world.clients[0].t = NULL;
    turns(10);
    memset(c->got, 0, sizeof(c->got));
    c->n = 0;
    world.page = 1;
    client_say(c, "GET /metrics HTTP/1.1\r\n\r\n");
    assert_memory_equal(c->got, "HTTP/1.1 200 ", 13);
    assert_non_null(strstr(c->got, "version=0.0.4"));
}

static void
a_further_connection_takes_the_place_of_who_waits_longest(void **state)
{
    (void)state;
    for (size_t i = 0; i < PROBE_CONNS_MAX; i++)
        client_open(i, false);
    client_say(&world.clients[0], "GET /livez HTTP/1.1\r\n\r\n"); /* it was heard of */
    client_say(client_open(PROBE_CONNS_MAX, false), "GET /livez HTTP/1.1\r\n\r\n");
    assert_memory_equal(world.clients[PROBE_CONNS_MAX].got, "HTTP/1.1 200 ", 13);
    assert_true(world.clients[1].ended);
    assert_false(world.clients[0].ended || world.clients[2].ended);
    assert_int_equal(stat_get(&world.stats, STAT_PROBE_OPEN), PROBE_CONNS_MAX);
    assert_int_equal(stat_get(&world.stats, STAT_PROBE_CLOSED_FULL), 1);
}

static void
a_burst_of_requests_is_answered_up_to_a_number(void **state)
{
    struct client *c = client_open(0, false);
    struct strbuf burst;
    unsigned answers = 0;

    (void)state;
    strbuf_init(&burst, 4096);
    for (int i = 0; i < PROBE_BURST_MAX + 4; i++)
        strbuf_puts(&burst, "GET /livez HTTP/1.1\r\n\r\n");
    client_say(c, burst.s);
    strbuf_done(&burst);
    turns(50);
    for (const char *at = c->got; (at = strstr(at, "HTTP/1.1 200 ")); at++)
        answers++;
    assert_int_equal(answers, PROBE_BURST_MAX);
    assert_non_null(strstr(c->got, "Connection: close")); /* the last one says so */
    assert_true(c->ended);
}

static void
a_refused_client_can_read_why(void **state)
{
    struct client *c = client_open(0, false);

    (void)state;
    client_say(c, "POST /livez HTTP/1.1\r\nContent-Length: 5\r\n\r\nab");
    assert_memory_equal(c->got, "HTTP/1.1 405 ", 13);
    assert_true(c->ended); /* our side only: it may still send the rest */
    client_say(c, "cde");
    assert_int_equal(stat_get(&world.stats, STAT_PROBE_OPEN), 1);
    pass_ms(1500);
    assert_int_equal(stat_get(&world.stats, STAT_PROBE_OPEN), 0);
    assert_int_equal(stat_get(&world.stats, STAT_PROBE_CLOSED_LATE), 0);
}

/* --- HTTP/2 ---------------------------------------------------------------------------- */

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
    static const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, world_start, world_stop)
        TEST(each_path_says_whether_it_is_so_and_why_not),
        TEST(a_silent_client_is_let_go_and_so_is_a_slow_one),
        TEST(between_two_requests_there_is_more_time),
        TEST(half_a_head_behind_a_whole_one_has_the_time_of_a_head),
        TEST(a_slow_reader_gets_its_page_and_a_pretender_does_not),
        TEST(an_answer_that_nobody_takes_is_given_up),
        TEST(only_a_few_pages_are_on_their_way),
        TEST(a_further_connection_takes_the_place_of_who_waits_longest),
        TEST(a_burst_of_requests_is_answered_up_to_a_number),
        TEST(a_refused_client_can_read_why),
        TEST(a_preface_in_any_pieces_gets_grpc_on_the_same_port),
        TEST(open_streams_do_not_keep_probes_over_http_out),
        TEST(who_watches_hears_each_change_once_and_soon),
        TEST(there_are_only_so_many_watchers),
        TEST(a_list_is_whole_or_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
