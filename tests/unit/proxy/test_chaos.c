/* SPDX-License-Identifier: Apache-2.0 */
/* Calls that are tried again, against backends that do whatever they like: refuse, fail at every point of an answer, reset, hang, say GOAWAY, lose their connections.
 * Whatever happens:
 *   no attempt begins after the client's answer has begun (commit): a filter sees both;
 *   without a policy no backend gets a call that another one may have acted on;
 *   no call has more attempts than its policy and the transparent replays allow;
 *   each call ends exactly once, and nothing is left (callrig_teardown).
 * Virtual time. OUTRIGGER_LONG=1: a million calls. SEED=number plays a run again. */
#include "callrig.h"

#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/slab.h"
#include "filter/chain.h"
#include "filter/filter.h"
#include "filter/instance.h"
#include "h2/conn.h"
#include "loop/timer.h"
#include "net/transport.h"
#include "proxy/route.h"
#include "proxy/server.h"
#include "proxy/table.h"
#include "proxy/worker.h"

enum {
    CLIENTS = 4,
    FLYING = 32, /* calls of one client at one time */
    DOORS = 3,
    BACKEND_CONNS = 4096, /* all that were ever accepted and are not closed */
    BODY_MAX = 3000,
    REPLAYS = 9, /* transparent ones of a call, at most: see proxy/attempt.c */
    MAX_ATTEMPTS = 4,
};

enum kind { PLAIN, RETRY, HEDGE, KINDS };

static struct rng rng;
static struct loop *peers; /* of clients and backends, on the same thread */
static struct slab *slab;
static struct buf_pool *bufs;
static struct stats stats;
static struct h2_worker *h2;
static struct h2_limits limits;

static struct {
    uint64_t want, begun, ended, ok, late, doubled, too_many, unpaired, attempts;
} n;

static void
turn(void)
{
    loop_turn(rig.loop, false);
    loop_turn(peers, false);
}

#define UNTIL(condition)                                                        \
    do {                                                                        \
        int64_t until_end = clock_real.now_us(clock_real.arg) + GUARD_US;       \
        while (!(condition) && clock_real.now_us(clock_real.arg) < until_end)   \
            turn();                                                             \
        assert_true(condition);                                                 \
    } while (0)

/* --- what is known of each call, by its number ------------------------------------------------- */

struct fate {
    uint8_t kind, attempts;
    bool acted; /* a backend may have done what it asks for */
};

static struct fate *fates;

static unsigned
chance(unsigned of)
{
    return (unsigned)rng_below(&rng, of);
}

/* --- the filter: commit and attempts, as the proxy itself sees them --------------------------- */

struct probe_call {
    bool committed;
    unsigned attempts, ends;
};

static enum filter_verdict
probe_on_request(struct filter_call *fc, void *state)
{
    (void)fc;
    (void)state;
    return FILTER_NEXT;
}

static void
probe_on_attempt(struct filter_call *fc, void *state, unsigned number)
{
    struct probe_call *p = state;

    (void)fc;
    n.late += p->committed;
    n.attempts++;
    n.unpaired += number != ++p->attempts;
}

static void
probe_on_attempt_end(struct filter_call *fc, void *state, const struct filter_attempt *a)
{
    struct probe_call *p = state;

    (void)fc;
    (void)a;
    p->ends++;
}

static enum filter_verdict
probe_on_response(struct filter_call *fc, void *state, struct h2_headers *h, bool end)
{
    struct probe_call *p = state;

    (void)fc;
    (void)h;
    (void)end;
    p->committed = true;
    return FILTER_NEXT;
}

static void
probe_on_end(struct filter_call *fc, void *state, const struct filter_result *r)
{
    struct probe_call *p = state;

    (void)fc;
    (void)r;
    n.unpaired += p->ends > p->attempts;
}

static const struct conf_field no_fields[] = { { .key = NULL } };
static const struct conf_struct no_conf = { .name = "probe",
                                            .size = 1,
                                            .fields = no_fields };
static const struct filter_kind probe = {
    .name = "probe",
    .conf = &no_conf,
    .call_size = sizeof(struct probe_call),
    .on_request = probe_on_request,
    .on_attempt = probe_on_attempt,
    .on_attempt_end = probe_on_attempt_end,
    .on_response = probe_on_response,
    .on_end = probe_on_end,
};

static struct filter_store store;

static void
with_probe(struct table *t)
{
    struct filter *f;

    filter_store_init(&store, NULL, NULL, 1);
    f = filter_get(&store, &probe, "test", "probe", "");
    t->chain = chain_new(&f, 1);
    for (size_t i = 0; i < t->route_count; i++)
        route_set_chain(&t->routes[i], t->chain);
}

/* --- backends ------------------------------------------------------------------------------ */

struct backend_conn {
    struct h2_conn *h2;
    int fd;
};

struct backend_call {
    struct h2_stream s;
    struct timer timer;
    unsigned plan;
    bool begun; /* the answer */
    struct h2_field trailers[1];
};

static struct backend_conn conns[BACKEND_CONNS];

static unsigned
number_of(const struct h2_headers *h)
{
    unsigned id = 0;

    for (unsigned i = 0; i < h->n; i++) {
        const struct h2_field *f = &h->v[i].f;

        if (f->namelen != 4 || memcmp(f->name, "x-id", 4) != 0)
            continue;
        for (size_t k = 0; k < f->valuelen; k++)
            id = id * 10 + (f->value[k] - '0');
    }
    return id;
}

/* The second half of an answer. */
static void
backend_finish(struct backend_call *b)
{
    if (b->plan < 24) {
        h2_stream_reset(&b->s, H2_INTERNAL_ERROR);
        return;
    }
    b->trailers[0] = b->plan < 34 && b->plan % 3 == 1 ? H2_FIELD("grpc-status", "14")
                                                      : H2_FIELD("grpc-status", "0");
    h2_stream_end(&b->s, b->trailers, 1);
}

/* The frame behind which the stream is lost is chosen, too. */
static void
backend_act(struct backend_call *b)
{
    static const struct h2_field headers[] = { H2_FIELD(":status", "200"),
                                               H2_FIELD("content-type",
                                                        "application/grpc") };
    static const struct h2_field failed[] = {
        H2_FIELD(":status", "200"), H2_FIELD("content-type", "application/grpc"),
        H2_FIELD("grpc-status", "14"), H2_FIELD("grpc-retry-pushback-ms", "3")
    };
    struct h2_stream *s = &b->s;

    if (b->plan < 15) { /* Trailers-Only */
        (void)!h2_stream_respond(s, failed, b->plan < 10 ? 3 : 4, true);
        return;
    }
    if (b->plan < 20) {
        static const uint32_t codes[] = { H2_INTERNAL_ERROR, H2_CANCEL, H2_NO_ERROR,
                                          H2_ENHANCE_YOUR_CALM, H2_STREAM_CLOSED };

        h2_stream_reset(s, codes[b->plan - 15]);
        return;
    }
    if (h2_stream_respond(s, headers, 2, false) != ERR_OK)
        return;
    if (b->plan >= 30 || b->plan % 2) {
        assert_int_equal(buf_append(&s->out, bufs, hello_bytes, HELLO, SIZE_MAX), ERR_OK);
        h2_stream_kick(s);
    }
    b->begun = true;
    if (chance(2))
        timer_start(peers, &b->timer, (int64_t)chance(5000));
    else
        backend_finish(b);
}

static void
backend_on_timer(struct timer *t)
{
    struct backend_call *b = CONTAINER_OF(t, struct backend_call, timer);

    if (b->begun)
        backend_finish(b);
    else
        backend_act(b);
}

static struct h2_stream *
backend_on_open(struct h2_conn *c, void *arg)
{
    struct backend_call *b = slab_calloc(slab, 1, sizeof(*b));

    (void)c;
    (void)arg;
    h2_stream_init(&b->s, h2);
    timer_init(&b->timer, backend_on_timer);
    return &b->s;
}

static void
backend_begin(struct backend_call *b, struct backend_conn *c)
{
    struct fate *f = &fates[number_of(&b->s.in_headers)];

    b->plan = chance(100);
    f->attempts++;
    n.doubled += f->kind == PLAIN && f->acted;
    n.too_many += f->attempts > REPLAYS + (f->kind == PLAIN ? 1 : MAX_ATTEMPTS);
    if (b->plan == 99 && chance(2)) {
        h2_stream_reset(&b->s, H2_REFUSED_STREAM);
        return;
    }
    if (b->plan == 98 && chance(4) == 0) {
        h2_conn_drain(c->h2); /* and answers what it has */
    } else if (b->plan == 97 && chance(8) == 0) {
        f->acted = true;
        shutdown(c->fd, SHUT_RDWR); /* killed */
        return;
    }
    f->acted = true;
    if (b->plan == 96)
        return; /* never answers: the deadline is there */
    if (chance(3))
        timer_start(peers, &b->timer, (int64_t)chance(8000));
    else
        backend_act(b);
}

static void
backend_on_events(struct h2_stream *s, unsigned ev)
{
    struct backend_call *b = CONTAINER_OF(s, struct backend_call, s);

    buf_consume(&s->in, bufs, s->in.len);
    h2_stream_consume(s, s->held);
    if (ev & H2_EV_HEADERS && s->conn)
        backend_begin(b, h2_conn_arg(s->conn));
    if (!(ev & H2_EV_CLOSED))
        return;
    timer_stop(peers, &b->timer);
    h2_stream_done(s);
    slab_give(slab, b);
}

static void
backend_on_closed(struct h2_conn *c, void *arg, int err, const char *note)
{
    struct backend_conn *b = arg;

    (void)c;
    (void)err;
    (void)note;
    close(b->fd);
    b->h2 = NULL;
}

static const struct h2_conn_ops backend_ops = {
    .on_open = backend_on_open,
    .on_events = backend_on_events,
    .on_closed = backend_on_closed,
};

static void
backend_on_accept(unsigned door, int fd)
{
    (void)door;
    for (size_t i = 0; i < BACKEND_CONNS; i++) {
        struct backend_conn *b = &conns[i];

        if (b->h2)
            continue;
        b->fd = dup(fd); /* to pull the plug */
        b->h2 = h2_conn_open(h2, transport_from_fd(peers, fd), H2_DOWN, &limits,
                             &backend_ops, b);
        return;
    }
    fail_msg("too many connections");
}

/* --- clients ------------------------------------------------------------------------------- */

struct client {
    struct h2_conn *h2;
    struct transport *t;
    unsigned flying;
};

struct client_call {
    struct h2_stream s;
    struct client *client;
    unsigned events;
    char id[12];
    bool body_later;
};

static struct client clients[CLIENTS];

static void
client_body(struct client_call *c, bool end)
{
    static uint8_t bytes[FRAME_PREFIX + BODY_MAX];
    uint32_t len = chance(4) ? 20 : chance(BODY_MAX);

    frame_prefix_write(bytes, false, len);
    assert_int_equal(buf_append(&c->s.out, bufs, bytes, FRAME_PREFIX + len, SIZE_MAX),
                     ERR_OK);
    h2_stream_kick(&c->s);
    if (end)
        h2_stream_end(&c->s, NULL, 0);
}

static void
client_begin(struct client *cl)
{
    static const char *const paths[] = { "/plain.S/M", "/retry.S/M", "/hedge.S/M" };
    struct client_call *c = slab_calloc(slab, 1, sizeof(*c));
    unsigned id = (unsigned)++n.begun;
    enum kind kind = chance(KINDS);
    struct h2_field f[] = {
        H2_FIELD(":method", "POST"),
        H2_FIELD(":scheme", "http"),
        { .name = (uint8_t *)":path",
          .value = (uint8_t *)(uintptr_t)paths[kind],
          .namelen = 5,
          .valuelen = strlen(paths[kind]),
          .flags = H2_FIELD_STATIC },
        H2_FIELD(":authority", "x"),
        H2_FIELD("content-type", "application/grpc"),
        H2_FIELD("te", "trailers"),
        { .name = (uint8_t *)"grpc-timeout",
          .value = (uint8_t *)(chance(10) ? "500m" : "9m"),
          .namelen = 12,
          .valuelen = 0,
          .flags = H2_FIELD_STATIC },
        { .name = (uint8_t *)"x-id",
          .value = (uint8_t *)c->id,
          .namelen = 4,
          .valuelen = 0,
          .flags = H2_FIELD_STATIC | H2_FIELD_NO_INDEX },
    };

    fates[id].kind = (uint8_t)kind;
    f[6].valuelen = strlen((const char *)f[6].value);
    f[7].valuelen = (size_t)snprintf(c->id, sizeof(c->id), "%u", id);
    h2_stream_init(&c->s, h2);
    c->client = cl;
    c->body_later = chance(5) == 0;
    cl->flying++;
    assert_int_equal(h2_stream_request(cl->h2, &c->s, f, 8, false), ERR_OK);
    client_body(c, !c->body_later);
    if (chance(50) == 0)
        h2_stream_reset(&c->s, H2_CANCEL);
}

static bool
status_is_ok(const struct h2_headers *h)
{
    return slice_eq_str(h2_headers_get(h, H2_TOKEN_GRPC_STATUS), "0");
}

static void
client_on_events(struct h2_stream *s, unsigned ev)
{
    struct client_call *c = CONTAINER_OF(s, struct client_call, s);

    buf_consume(&s->in, bufs, s->in.len);
    h2_stream_consume(s, s->held);
    c->events |= ev;
    if (!(ev & H2_EV_CLOSED)) {
        if (c->body_later && ev & H2_EV_DRAINED) {
            c->body_later = chance(3) == 0;
            client_body(c, !c->body_later);
        }
        return;
    }
    n.ok += status_is_ok(&s->in_trailers) || status_is_ok(&s->in_headers);
    n.ended++;
    c->client->flying--;
    h2_stream_done(s);
    slab_give(slab, c);
}

static void
client_on_closed(struct h2_conn *h, void *arg, int err, const char *note)
{
    struct client *c = arg;

    (void)h;
    if (n.ended < n.want)
        fail_msg("a client's connection was closed: %d %s", err, note);
    c->h2 = NULL;
}

static const struct h2_conn_ops client_ops = {
    .on_events = client_on_events,
    .on_closed = client_on_closed,
};

static void
client_on_connected(void *arg, int what)
{
    struct client *c = arg;

    assert_true(what & TRANSPORT_CONNECTED);
    c->h2 = h2_conn_open(h2, c->t, H2_UP, &limits, &client_ops, c);
}

static void
client_open(struct client *c)
{
    c->t = transport_connect(peers, &rig.server->addr);
    transport_bind(c->t, client_on_connected, c);
    transport_want(c->t, false, true);
    UNTIL(c->h2 && h2_conn_settled(c->h2));
}

/* --- the run ------------------------------------------------------------------------------- */

static struct retry_code_conf codes[] = { { "UNAVAILABLE" }, { "INTERNAL" } };

static void
config(void)
{
    static struct method_name_conf retry_name = { "retry.S", NULL },
                                   hedge_name = { "hedge.S", NULL };
    static struct method_conf m[2];
    struct pool_conf *p = &rig.pools[RIG_APP].conf;

    m[0] = (struct method_conf){ .names = { &retry_name, 1 },
                                 .retry = { .on = true,
                                            .max_attempts = MAX_ATTEMPTS,
                                            .max_attempts_cap = 5,
                                            .initial_backoff_ms = 2,
                                            .max_backoff_ms = 8,
                                            .backoff_multiplier = 2,
                                            .per_try_timeout_ms = 40,
                                            .codes = { codes, 2 } } };
    m[1] = (struct method_conf){ .names = { &hedge_name, 1 },
                                 .hedging = { .on = true,
                                              .max_attempts = MAX_ATTEMPTS,
                                              .max_attempts_cap = 5,
                                              .delay = "4ms",
                                              .codes = { codes, 2 } } };
    rig.front.method_config = (struct conf_list){ m, 2 };
    rig.front.limits.reset_burst = rig.front.limits.reset_rate = 100000000;
    rig.front.limits.glitch_burst = rig.front.limits.glitch_rate = 100000000;
    p->limits.min_retry_concurrency = 200;
    p->limits.replay_bytes = 6000; /* some requests are longer */
    p->limits.max_pending_requests = 100000;
    p->backoff.base_interval_ms = p->backoff.max_interval_ms = 5;
    p->balance.policy = "round_robin";
    rig.pools[RIG_APP].endpoints = DOORS;
    rig.on_table = with_probe;
    rig.on_accept = backend_on_accept;
    rig.virtual = true;
}

static int
chaos_setup(void **state)
{
    const char *calls = getenv("OUTRIGGER_LONG");
    int rv = callrig_setup(state);

    memset(&n, 0, sizeof(n));
    memset(conns, 0, sizeof(conns));
    memset(clients, 0, sizeof(clients));
    n.want = calls && strcmp(calls, "1") == 0 ? 1000000 : 12000;
    fates = calloc(n.want + 1, sizeof(*fates)); /* lint: allow malloc - a test's table */
    unit_seed(&rng);
    config();
    return rv;
}

static int
chaos_teardown(void **state)
{
    int rv = callrig_teardown(state);

    filter_store_done(&store);
    free(fates); /* lint: allow malloc - a test's table */
    return rv;
}

static void
peers_open(void)
{
    slab = slab_new();
    bufs = buf_pool_new(1 << 20);
    peers = loop_new(&rig.clock.source);
    h2 = h2_worker_new(peers, slab, bufs, &stats);
    h2_limits_default(&limits);
    limits.reset_burst = limits.reset_rate = 100000000;
    limits.glitch_burst = limits.glitch_rate = 100000000;
    for (int i = 0; i < CLIENTS; i++)
        client_open(&clients[i]);
}

static void
peers_close(void)
{
    rig.clock.step_us = 20; /* connections linger for a while */
    for (int i = 0; i < CLIENTS; i++)
        h2_conn_close(clients[i].h2, ERR_OK, H2_NO_ERROR, "");
    UNTIL(counted(STAT_CALLS_FLYING) == 0);
    callrig_deafen(RIG_APP); /* the pool would connect again */
    for (int i = 0; i < BACKEND_CONNS; i++) {
        if (conns[i].h2)
            h2_conn_close(conns[i].h2, ERR_OK, H2_NO_ERROR, "");
    }
    UNTIL(h2_worker_conns(h2) == 0);
    for (int i = 0; i < 10; i++)
        turn(); /* what was closed is freed */
    h2_worker_free(h2);
    loop_free(peers);
    assert_int_equal(slab_bytes_live(slab), 0);
    buf_pool_free(bufs);
    slab_free(slab);
}

static void
whatever_backends_do_no_call_is_doubled_after_commit(void **state)
{
    (void)state;
    callrig_open();
    peers_open();
    while (n.ended < n.want) {
        uint64_t before = n.ended;

        for (int i = 0; i < CLIENTS; i++) {
            while (clients[i].flying < FLYING && n.begun < n.want)
                client_begin(&clients[i]);
        }
        for (int i = 0; i < 3; i++)
            turn();
        if (n.ended == before)
            rig.clock.now_us += 500;
    }
    peers_close();
    print_message("%llu calls, %llu OK, %llu attempts; %lld retries, %lld hedges, %lld "
                  "replays; begun after commit: %llu, doubled without a policy: %llu\n",
                  (unsigned long long)n.ended, (unsigned long long)n.ok,
                  (unsigned long long)n.attempts, (long long)counted(STAT_RETRIES),
                  (long long)counted(STAT_HEDGES), (long long)counted(STAT_REPLAYS),
                  (unsigned long long)n.late, (unsigned long long)n.doubled);
    assert_int_equal(n.late, 0);
    assert_int_equal(n.doubled, 0);
    assert_int_equal(n.too_many, 0);
    assert_int_equal(n.unpaired, 0);
    assert_true(n.ok > n.want / 2);
    assert_true(counted(STAT_RETRIES) > (int64_t)n.want / 40);
    assert_true(counted(STAT_RETRIES_SUCCEEDED) > (int64_t)n.want / 80);
    assert_true(counted(STAT_HEDGES) > (int64_t)n.want / 40);
    assert_true(counted(STAT_HEDGES_WON) > (int64_t)n.want / 200);
    assert_true(counted(STAT_REPLAYS) > 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            whatever_backends_do_no_call_is_doubled_after_commit, chaos_setup,
            chaos_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
