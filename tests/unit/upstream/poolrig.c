/* SPDX-License-Identifier: Apache-2.0 */
#include "poolrig.h"

#include <unistd.h>

#include "deaf_port.h"

struct vclock now;
struct loop *loop;
struct stats stats;
struct h2_worker *w;
struct rng rng;
struct server backends[BACKENDS];
struct pool_conf conf;
struct endpoint_conf targets[BACKENDS];
struct hub *hub;
struct pool *pool, *pools[POOLS];
struct call calls[CALLS];
unsigned done_count;
void (*on_call_closed)(unsigned i);
static struct slab *slab;
static struct buf_pool *bufs;

/* ---- backends ---- */

static void
backend_on_accept(void *arg, int fd, const struct addr *peer)
{
    struct server *b = arg;
    struct h2peer *p = &b->conns[b->accepted++];

    (void)peer;
    assert_true(b->accepted <= CONNS);
    h2peer_open(p, loop, transport_from_fd(loop, fd), true);
    switch (b->manner) {
    case HANG_UP:
        h2peer_hang_up(p);
        return;
    case HTTP1:
        p->raw = true;
        h2peer_bytes(p, "HTTP/1.1 400 Bad Request\r\n\r\n", 28);
        return;
    case SILENT:
        return;
    default:
        break;
    }
    if (b->max_streams)
        h2peer_settings(p, SET_STREAMS, b->max_streams, 0);
    else
        h2peer_settings(p, 0);
    if (b->manner == GREET_AND_GOAWAY)
        h2peer_goaway(p, 0, H2_NO_ERROR, "");
}

void
backend_open(unsigned i)
{
    struct server *b = &backends[i];
    struct addr at;
    const char *why;

    assert_int_equal(addr_parse("127.0.0.1:0", true, &at, &why), ERR_OK);
    assert_int_equal(listener_open(loop, &at, backend_on_accept, b, &b->li, &why),
                     ERR_OK);
    addr_print(listener_addr(b->li), b->target);
    listener_start(b->li);
    targets[i].target = b->target;
}

void
backend_refuse(unsigned i)
{
    backends[i].deaf_fd = deaf_port(&backends[i].li);
}

int
backend_index(const char *name)
{
    for (int i = 0; i < BACKENDS; i++) {
        if (strcmp(backends[i].target, name) == 0)
            return i;
    }
    return -1;
}

/* ---- time ---- */

int64_t
real_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

void
turns(void)
{
    for (int i = 0; i < 40; i++)
        loop_turn(loop, false);
}

void
wait_ms(int64_t ms)
{
    for (; ms > 0; ms -= 50) {
        vclock_advance_ms(&now, ms < 50 ? ms : 50);
        turns();
    }
}

/* ---- calls ---- */

static void
call_on_stream(struct h2_stream *s, unsigned events)
{
    struct call *c = CONTAINER_OF(s, struct call, s);

    if (events & H2_EV_CLOSED) {
        c->closed++;
        upconn_release(c->conn, &c->wait);
        if (on_call_closed)
            on_call_closed((unsigned)(c - calls));
    }
}

static void
call_open(struct call *c, struct upconn *conn)
{
    c->conn = conn;
    c->name = upconn_name(conn);
    c->fields[0] = H2_FIELD(":method", "POST");
    c->fields[1] = H2_FIELD(":scheme", "http");
    c->fields[2] = H2_FIELD(":path", "/a/b");
    c->fields[3] = H2_FIELD(":authority", "x");
    assert_int_equal(upconn_request(conn, &c->wait, &c->s, c->fields, 4, true), ERR_OK);
}

static void
call_done(struct pool_wait *wait, struct upconn *conn, int err)
{
    struct call *c = CONTAINER_OF(wait, struct call, wait);

    c->done++;
    c->err = err;
    c->order = ++done_count;
    assert_int_equal(conn == NULL, err != ERR_OK);
    if (conn)
        call_open(c, conn);
    else
        pool_explain(wait->pool, wait, err, c->why);
}

static int
call_take(struct pool *p, unsigned i, const void *avoid)
{
    struct call *c = &calls[i];
    const struct pool_wait set = c->wait; /* what the test chose */
    struct upconn *conn;
    int rv;

    h2_stream_init(&c->s, w);
    pool_wait_init(&c->wait);
    c->wait.done = call_done;
    c->wait.avoid = avoid;
    c->wait.subset = set.subset;
    c->wait.method = set.method;
    c->wait.retry = set.retry;
    c->wait.hashed = set.hashed;
    c->wait.hash = set.hash;
    c->wait.patient = set.patient;
    c->wait.tried = set.tried;
    c->wait.slot = set.slot; /* of pool_retry_take */
    c->wait.counted = set.counted;
    c->wait.pool = set.pool;
    rv = pool_take(p, &c->wait, &conn);
    if (rv == ERR_OK)
        call_open(c, conn);
    return rv;
}

int
call_start_in(struct pool *p, unsigned i)
{
    return call_take(p, i, NULL);
}

int
call_start_after(unsigned i, unsigned before)
{
    return call_take(pool, i, upconn_endpoint(calls[before].conn));
}

int
call_start(unsigned i)
{
    return call_start_in(pool, i);
}

void
call_reset(unsigned i)
{
    struct call *c = &calls[i];

    assert_null(c->s.conn);
    pool_wait_cancel(&c->wait);
    pool_retry_give(&c->wait);
    pool_wait_done(&c->wait);
    if (c->s.worker)
        h2_stream_done(&c->s);
    memset(c, 0, sizeof(*c));
}

void
answer_all(void)
{
    turns(); /* what was sent is on its way */
    for (int b = 0; b < BACKENDS; b++) {
        for (unsigned k = 0; k < backends[b].accepted; k++) {
            struct h2peer *p = &backends[b].conns[k];

            for (size_t i = 0; p->t && i < p->n; i++) {
                if (p->frames[i].type != F_HEADERS || p->frames[i].flags & 0x80)
                    continue;
                h2peer_headers(p, p->frames[i].id, FL_END_STREAM, ":status", "200", NULL);
                p->frames[i].flags |= 0x80; /* answered */
            }
        }
    }
    turns();
}

unsigned
ended(void)
{
    unsigned n = 0;

    for (int i = 0; i < CALLS; i++)
        n += calls[i].closed;
    return n;
}

/* ---- lists ---- */

void
list_send(const struct row *rows)
{
    struct backend_list *l;
    size_t n = 0;

    while (rows[n].backend >= 0)
        n++;
    l = backend_list_new(++hub->version, n, n * (sizeof(struct resolve_label) + 64));
    if (n == 0)
        l->why = xstrdup(NOBODY_WHY);
    for (size_t i = 0; i < n; i++) {
        struct resolve_label *labels = (struct resolve_label *)l->memory + i;
        char *text = (char *)l->memory + n * sizeof(*labels) + i * 64;
        struct backend_row *r = &l->rows[i];
        struct addr a;
        const char *why;

        if (!backends[rows[i].backend].target[0])
            backend_open((unsigned)rows[i].backend);
        assert_int_equal(addr_parse(backends[rows[i].backend].target, false, &a, &why),
                         ERR_OK);
        r->backend = backend_table_get(&hub->table, &a, hub->worker_count, NULL);
        backend_hold(r->backend);
        r->hash_key = r->backend->name;
        r->origin = "test";
        r->host = "";
        r->weight = rows[i].weight ? rows[i].weight : 1;
        r->priority = rows[i].priority;
        r->zone = rows[i].zone ? rows[i].zone : "";
        r->labels = labels;
        if (rows[i].label) {
            snprintf(text, 64, "%s", rows[i].label);
            *strchr(text, '=') = '\0';
            *labels = (struct resolve_label){ text, text + strlen(text) + 1 };
            r->label_count = 1;
        }
    }
    for (size_t i = 0; i < hub->worker_count; i++) {
        backend_list_hold(l);
        pool_apply(pools[i], l);
    }
    backend_list_drop(hub->list);
    hub->list = l;
    backend_table_sweep(&hub->table);
}

/* ---- frame of a test ---- */

void
pools_open(size_t endpoints, const char *policy, size_t workers)
{
    for (size_t i = 0; i < endpoints; i++) {
        if (!targets[i].target)
            backend_open((unsigned)i);
    }
    conf.endpoints.items = targets;
    conf.endpoints.n = endpoints;
    conf.balance.policy = policy;
    hub = hub_new(loop, w, &rng, NULL, &conf, workers);
    for (size_t i = 0; i < workers; i++) {
        pools[i] = pool_new(w, &conf, &rng, call_on_stream);
        hub_attach(hub, i, pools[i]);
    }
    pool = pools[0];
}

void
pool_open(size_t endpoints, const char *policy)
{
    pools_open(endpoints, policy, 1);
}

int
rig_setup(void **state)
{
    (void)state;
    log_setup(LOG_ERROR, LOG_TEXT);
    memset(backends, 0, sizeof(backends));
    memset(calls, 0, sizeof(calls));
    memset(&stats, 0, sizeof(stats));
    memset(pools, 0, sizeof(pools));
    for (int i = 0; i < BACKENDS; i++)
        field_defaults(&endpoint_conf_struct, &targets[i]);
    done_count = 0;
    on_call_closed = NULL;
    loop = loop_new(vclock_init(&now));
    slab = slab_new();
    bufs = buf_pool_new(1 << 20);
    w = h2_worker_new(loop, slab, bufs, &stats);
    rng_seed(&rng, 42);
    field_defaults(&pool_conf_struct, &conf);
    conf.name = "app";
    pool = NULL;
    hub = NULL;
    return 0;
}

int
rig_teardown(void **state)
{
    (void)state;
    for (int i = 0; i < POOLS && pools[i]; i++)
        pool_close(pools[i]);
    turns();
    for (int i = 0; i < BACKENDS; i++) {
        for (unsigned k = 0; k < backends[i].accepted; k++) {
            if (backends[i].conns[k].loop)
                h2peer_close(&backends[i].conns[k]);
        }
        listener_close(backends[i].li);
        if (backends[i].deaf_fd)
            close(backends[i].deaf_fd);
    }
    wait_ms(3000);
    for (unsigned i = 0; i < CALLS; i++)
        call_reset(i);
    assert_int_equal(stat_get(&stats, STAT_UP_OPEN), 0);
    assert_int_equal(stat_get(&stats, STAT_PENDING), 0);
    assert_int_equal(h2_worker_conns(w), 0);
    if (hub) {
        assert_int_equal(atomic_load(&hub->levels->calls), 0);
        assert_int_equal(atomic_load(&hub->levels->streams), 0);
        assert_int_equal(atomic_load(&hub->levels->retries), 0);
        assert_int_equal(atomic_load(&hub->levels->connections), 0);
        assert_int_equal(atomic_load(&hub->levels->retry_guard.open), 0);
        for (size_t i = 0; i < hub->worker_count; i++) {
            assert_int_equal(atomic_load(&hub->levels->loads[i].first), 0);
            assert_int_equal(atomic_load(&hub->levels->loads[i].waiting), 0);
        }
    }
    for (int i = 0; i < POOLS; i++)
        pool_free(pools[i]);
    assert_int_equal(stat_get(&stats, STAT_PANIC), 0);
    hub_free(hub);
    h2_worker_free(w);
    assert_int_equal(slab_bytes_live(slab), 0);
    loop_free(loop);
    buf_pool_free(bufs);
    slab_free(slab);
    return 0;
}
