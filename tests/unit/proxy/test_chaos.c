/* SPDX-License-Identifier: Apache-2.0 */
/* Calls that are tried again, against backends that do whatever they like: refuse, fail at every point of an answer, reset, hang, say GOAWAY, lose their connections.
 * Whatever happens:
 *   no attempt begins after the client's answer has begun (commit): a filter sees both;
 *   without a policy no backend gets a call that another one may have acted on;
 *   no call has more attempts than its policy and the transparent replays allow;
 *   each call ends exactly once, and nothing is left (callrig_teardown).
 * Virtual time. OUTRIGGER_LONG=1: a million calls. SEED=number plays a run again. */
#include "chaosrig.h"

#include "base/err.h"
#include "base/xalloc.h"
#include "filter/chain.h"
#include "filter/filter.h"
#include "filter/instance.h"
#include "loop/loop.h"
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
    BODY_MAX = 3000,
    HANGS_US = 20 * 1000 * 1000, /* no call lasts so long, whatever it waits for */
};

/* --- the filter: commit and attempts, as the proxy itself sees them --------------------------- */

struct probe_call {
    bool committed;
    unsigned attempts, ends;
    struct filter_call *fc; /* NULL: it never waited */
    struct timer timer;
};

static void
probe_on_timer(struct timer *t)
{
    filter_resume(CONTAINER_OF(t, struct probe_call, timer)->fc, FILTER_NEXT);
}

/* Now and then it takes its time. */
static enum filter_verdict
probe_wait(struct filter_call *fc, struct probe_call *p)
{
    if (chance(4))
        return FILTER_NEXT;
    if (!p->fc)
        timer_init(&p->timer, probe_on_timer);
    p->fc = fc;
    timer_start(fc->loop, &p->timer, (int64_t)chance(6000));
    return FILTER_WAIT;
}

static enum filter_verdict
probe_on_request(struct filter_call *fc, void *state)
{
    return probe_wait(fc, state);
}

static enum filter_verdict
probe_on_request_data(struct filter_call *fc, void *state, const struct buf *in, bool end)
{
    (void)in;
    (void)end;
    return probe_wait(fc, state);
}

static void
probe_on_attempt(struct filter_call *fc, void *state, unsigned number)
{
    struct probe_call *p = state;

    (void)fc;
    chaos.n.late += p->committed;
    chaos.n.attempts++;
    chaos.n.unpaired += number != ++p->attempts;
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

    (void)r;
    chaos.n.unpaired += p->ends > p->attempts;
    if (p->fc)
        timer_stop(fc->loop, &p->timer);
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
    .on_request_data = probe_on_request_data,
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
    int64_t begun_us;
};

static struct client clients[CLIENTS];

static void
client_body(struct client_call *c, bool end)
{
    static uint8_t bytes[FRAME_PREFIX + BODY_MAX];
    uint32_t len = chance(4) ? 20 : chance(BODY_MAX);

    frame_prefix_write(bytes, false, len);
    assert_int_equal(
        buf_append(&c->s.out, chaos.bufs, bytes, FRAME_PREFIX + len, SIZE_MAX), ERR_OK);
    h2_stream_kick(&c->s);
    if (end)
        h2_stream_end(&c->s, NULL, 0);
}

static void
client_begin(struct client *cl)
{
    static const char *const paths[] = { "/plain.S/M", "/retry.S/M", "/hedge.S/M" };
    struct client_call *c = slab_calloc(chaos.slab, 1, sizeof(*c));
    unsigned id = (unsigned)++chaos.n.begun;
    enum kind kind = chance(KINDS);
    bool hurried = chance(3) == 0;
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
          .value = (uint8_t *)(!hurried     ? "60S"
                               : chance(10) ? "500m"
                                            : "9m"),
          .namelen = 12,
          .valuelen = 0,
          .flags = H2_FIELD_STATIC },
        { .name = (uint8_t *)"x-id",
          .value = (uint8_t *)c->id,
          .namelen = 4,
          .valuelen = 0,
          .flags = H2_FIELD_STATIC | H2_FIELD_NO_INDEX },
    };

    chaos.fates[id].kind = (uint8_t)kind;
    chaos.fates[id].hurried = hurried;
    f[6].valuelen = strlen((const char *)f[6].value);
    f[7].valuelen = (size_t)snprintf(c->id, sizeof(c->id), "%u", id);
    h2_stream_init(&c->s, chaos.h2);
    c->client = cl;
    c->body_later = chance(2) == 0;
    c->begun_us = rig.clock.now_us;
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

    buf_consume(&s->in, chaos.bufs, s->in.len);
    h2_stream_consume(s, s->held);
    c->events |= ev;
    if (!(ev & H2_EV_CLOSED)) {
        if (c->body_later && ev & H2_EV_DRAINED) {
            c->body_later = chance(3) != 0;
            client_body(c, !c->body_later);
        }
        return;
    }
    chaos.n.ok += status_is_ok(&s->in_trailers) || status_is_ok(&s->in_headers);
    chaos.n.ended++;
    chaos.n.hung += rig.clock.now_us - c->begun_us > HANGS_US;
    c->client->flying--;
    h2_stream_done(s);
    slab_give(chaos.slab, c);
}

static void
client_on_closed(struct h2_conn *h, void *arg, int err, const char *note)
{
    struct client *c = arg;

    (void)h;
    if (chaos.n.ended < chaos.n.want)
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
    c->h2 = h2_conn_open(chaos.h2, c->t, H2_UP, &chaos.limits, &client_ops, c);
}

static void
client_open(struct client *c)
{
    c->t = transport_connect(chaos.loop, &rig.server->addr);
    transport_bind(c->t, client_on_connected, c);
    transport_want(c->t, false, true);
    CHAOS_UNTIL(c->h2 && h2_conn_settled(c->h2));
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
    p->limits.replay_bytes = 4500; /* some requests are longer */
    p->limits.max_pending_requests = 100000;
    p->backoff.base_interval_ms = p->backoff.max_interval_ms = 5;
    p->balance.policy = "round_robin";
    rig.pools[RIG_APP].endpoints = DOORS;
    rig.on_table = with_probe;
    rig.on_accept = chaos_on_accept;
    rig.virtual = true;
}

static int
chaos_setup(void **state)
{
    const char *calls = getenv("OUTRIGGER_LONG");
    int rv = callrig_setup(state);

    memset(&chaos, 0, sizeof(chaos));
    memset(clients, 0, sizeof(clients));
    chaos.n.want = calls && strcmp(calls, "1") == 0 ? 1000000 : 12000;
    chaos.fates = xcalloc(chaos.n.want + 1, sizeof(*chaos.fates));
    unit_seed(&chaos.rng);
    config();
    return rv;
}

static int
chaos_teardown(void **state)
{
    int rv = callrig_teardown(state);

    filter_store_done(&store);
    xfree(chaos.fates);
    return rv;
}

static void
peers_open(void)
{
    chaos_open();
    for (int i = 0; i < CLIENTS; i++)
        client_open(&clients[i]);
}

static void
peers_close(void)
{
    rig.clock.step_us = 20; /* connections linger for a while */
    for (int i = 0; i < CLIENTS; i++)
        h2_conn_close(clients[i].h2, ERR_OK, H2_NO_ERROR, "");
    CHAOS_UNTIL(counted(STAT_CALLS_FLYING) == 0);
    callrig_deafen(RIG_APP); /* the pool would connect again */
    chaos_close_backends();
    CHAOS_UNTIL(h2_worker_conns(chaos.h2) == 0);
    chaos_close();
}

static void
whatever_backends_do_no_call_is_doubled_after_commit(void **state)
{
    (void)state;
    callrig_open();
    peers_open();
    while (chaos.n.ended < chaos.n.want) {
        uint64_t before = chaos.n.ended;

        for (int i = 0; i < CLIENTS; i++) {
            while (clients[i].flying < FLYING && chaos.n.begun < chaos.n.want)
                client_begin(&clients[i]);
        }
        for (int i = 0; i < 3; i++)
            chaos_turn();
        if (chaos.n.ended == before)
            rig.clock.now_us += 500;
    }
    peers_close();
    print_message("%llu calls, %llu OK, %llu attempts; %lld retries, %lld hedges, %lld "
                  "replays; begun after commit: %llu, doubled without a policy: %llu\n",
                  (unsigned long long)chaos.n.ended, (unsigned long long)chaos.n.ok,
                  (unsigned long long)chaos.n.attempts, (long long)counted(STAT_RETRIES),
                  (long long)counted(STAT_HEDGES), (long long)counted(STAT_REPLAYS),
                  (unsigned long long)chaos.n.late, (unsigned long long)chaos.n.doubled);
    assert_int_equal(chaos.n.late, 0);
    assert_int_equal(chaos.n.doubled, 0);
    assert_int_equal(chaos.n.too_many, 0);
    assert_int_equal(chaos.n.unpaired, 0);
    assert_int_equal(chaos.n.hung, 0);
    assert_true(chaos.n.ok > chaos.n.want / 2);
    assert_true(counted(STAT_RETRIES) > (int64_t)chaos.n.want / 40);
    assert_true(counted(STAT_RETRIES_SUCCEEDED) > (int64_t)chaos.n.want / 80);
    assert_true(counted(STAT_HEDGES) > (int64_t)chaos.n.want / 40);
    assert_true(counted(STAT_HEDGES_WON) > (int64_t)chaos.n.want / 200);
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
