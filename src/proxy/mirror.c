/* SPDX-License-Identifier: Apache-2.0 */
/* proxy/mirror.c - copies of requests. */
#include "proxy/mirror.h"

#include <stdbool.h>
#include <string.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/rand.h"
#include "base/slab.h"
#include "h2/conn.h"
#include "loop/loop.h"
#include "loop/timer.h"
#include "proxy/balance.h"
#include "proxy/call.h"
#include "proxy/route.h"
#include "proxy/route_conf.h"
#include "proxy/table.h"
#include "proxy/worker.h"

enum { MIRROR_ARENA_CAP = 64 * 1024, SHARE_ALL = 1000000 };

/* Once the call is gone, a mirror without a deadline gets so long. */
static const int64_t ALONE_US = 30 * 1000 * 1000;

struct mirror {
    struct worker *worker;
    struct call *call;       /* NULL: it is alone */
    struct table_use *table; /* held: the pool's subset */
    struct upconn *upconn;   /* while the stream is open */
    struct timer deadline;
    size_t max_buffer;
    size_t held;             /* copied bytes that did not leave yet */
    bool bodiless;           /* the request has no bytes */
    bool complete;           /* the whole request was copied */
    bool answered;           /* the backend's side ended */
    bool ended;              /* by us, and counted */
    struct h2_field *fields; /* while it waits for a connection; in the arena */
    size_t field_count;
    struct pool_wait wait;
    struct arena arena;
    struct h2_stream up;
};

static void mirror_on_deadline(struct timer *t);

/* --- life ------------------------------------------------------------------------- */

static void
mirror_uncharge(struct mirror *m, size_t n)
{
    if (n > m->held)
        n = m->held;
    m->held -= n;
    m->worker->mirror_bytes -= n;
}

static void
mirror_free(struct mirror *m)
{
    struct worker *w = m->worker;

    if (m->call)
        m->call->mirror = NULL;
    mirror_uncharge(m, m->held);
    pool_wait_done(&m->wait);
    timer_stop(w->loop, &m->deadline);
    h2_stream_done(&m->up);
    arena_reset(&m->arena);
    worker_release(w, m->table);
    stat_add(&w->stats, STAT_MIRRORS_FLYING, -1);
    w->mirrors--;
    slab_give(w->slab, m);
}

/* Ends it now, or with the event of its stream. */
static void
mirror_end(struct mirror *m, enum stat_id why, uint32_t code)
{
    if (!m->ended && !m->answered && why != STAT_COUNT)
        stat_inc(&m->worker->stats, why);
    m->ended = true;
    if (m->call)
        m->call->mirror = NULL;
    m->call = NULL;
    pool_wait_cancel(&m->wait);
    if (m->up.conn) {
        mirror_uncharge(m, m->held);
        buf_done(&m->up.out, m->worker->bufs);
        h2_stream_reset(&m->up, code);
    } else {
        mirror_free(m);
    }
}

static void
mirror_on_deadline(struct timer *t)
{
    struct mirror *m = CONTAINER_OF(t, struct mirror, deadline);

    mirror_end(m, STAT_MIRRORS_FAILED, H2_CANCEL);
}

/* --- what its backend does -------------------------------------------------------- */

static void
mirror_up_closed(struct mirror *m)
{
    struct upconn *conn = m->upconn;

    m->upconn = NULL;
    if (!m->answered && !m->ended)
        stat_inc(&m->worker->stats, STAT_MIRRORS_FAILED);
    upconn_release(conn, &m->wait);
    mirror_free(m);
}

static void
mirror_on_up(struct h2_stream *s, unsigned ev)
{
    struct mirror *m = CONTAINER_OF(s, struct mirror, up);

    mirror_uncharge(m, s->drained);
    s->drained = 0;
    buf_consume(&s->in, m->worker->bufs, s->in.len);
    h2_stream_consume(s, s->held);
    if (s->in_ended)
        m->answered = true;
    if (ev & H2_EV_CLOSED)
        mirror_up_closed(m);
    else if (m->answered && !m->complete && !m->ended)
        mirror_end(m, STAT_COUNT, H2_NO_ERROR); /* it wants no more of the request */
}

/* --- start ------------------------------------------------------------------------ */

/* False: it is gone. */
static bool
mirror_open(struct mirror *m, struct upconn *conn, const struct h2_field *f, size_t n)
{
    /* As with calls: a half-close of its own stays a frame of its own. */
    if (upconn_request(conn, &m->wait, &m->up, f, n, m->bodiless) != ERR_OK) {
        mirror_end(m, STAT_MIRRORS_FAILED, H2_CANCEL);
        return false;
    }
    m->upconn = conn;
    if (m->up.out.len)
        h2_stream_kick(&m->up);
    if (m->complete)
        h2_stream_end(&m->up, NULL, 0);
    return true;
}

static void
mirror_on_wait_done(struct pool_wait *wait, struct upconn *conn, int err)
{
    struct mirror *m = CONTAINER_OF(wait, struct mirror, wait);

    (void)err;
    if (conn)
        mirror_open(m, conn, m->fields, m->field_count);
    else
        mirror_end(m, STAT_MIRRORS_FAILED, H2_CANCEL);
}

/* The strings are the call's, which may end before there is a connection. */
static bool
mirror_keep_fields(struct mirror *m, const struct h2_field *f, size_t n)
{
    m->fields = arena_copy(&m->arena, f, n * sizeof(*f));
    m->field_count = n;
    for (size_t i = 0; m->fields && i < n; i++) {
        struct h2_field *k = &m->fields[i];

        k->name = arena_copy(&m->arena, f[i].name, f[i].namelen);
        k->value = arena_copy(&m->arena, f[i].value, f[i].valuelen ? f[i].valuelen : 1);
        k->flags &= (uint8_t)~H2_FIELD_READY; /* they do not lie together any more */
        if (!k->name || !k->value)
            return false;
    }
    return m->fields != NULL;
}

static void
mirror_take(struct mirror *m, struct pool *pool, const struct h2_field *f, size_t n)
{
    struct upconn *conn;
    int rv = pool_take(pool, &m->wait, &conn);

    if (rv == ERR_OK)
        mirror_open(m, conn, f, n);
    else if (rv != ERR_AGAIN)
        mirror_end(m, STAT_MIRRORS_FAILED, H2_CANCEL);
    else if (!mirror_keep_fields(m, f, n))
        mirror_end(m, STAT_MIRRORS_DROPPED, H2_CANCEL);
}

static struct mirror *
mirror_new(struct call *c)
{
    struct worker *w = c->worker;
    struct mirror *m = w->mirrors < MIRRORS_MAX && attempt_reserve(c)
                           ? slab_calloc(w->slab, 1, sizeof(*m))
                           : NULL;

    if (!m) {
        stat_inc(&w->stats, STAT_MIRRORS_DROPPED);
        return NULL;
    }
    w->mirrors++;
    m->worker = w;
    m->call = c;
    m->table = c->table;
    m->table->calls++;
    m->max_buffer = c->route->conf->mirror.max_buffer;
    m->bodiless = m->complete = c->down.in_bodiless;
    timer_init(&m->deadline, mirror_on_deadline);
    pool_wait_init(&m->wait);
    arena_init(&m->arena, w->slab, NULL, 0, MIRROR_ARENA_CAP);
    h2_stream_init(&m->up, w->h2);
    m->up.on_events = mirror_on_up;
    stat_inc(&w->stats, STAT_MIRRORS_STARTED);
    stat_inc(&w->stats, STAT_MIRRORS_FLYING);
    return m;
}

static bool
mirror_wanted(struct call *c)
{
    const struct h2_headers *h = &c->down.in_headers;

    if (c->route->mirror_share < SHARE_ALL &&
        rng_below(&c->worker->rng, SHARE_ALL) >= c->route->mirror_share)
        return false;
    for (unsigned i = 0; i < h->n; i++) {
        if (slice_eq_str(slice_make(h->v[i].f.name, h->v[i].f.namelen),
                         "x-outrigger-mirror"))
            return false;
    }
    return true;
}

void
mirror_start(struct call *c)
{
    const struct table_place *to =
        &c->table->targets[c->route->target + c->route->target_count];
    UNINITIALIZED struct h2_field few[BLOCK_FIELDS];
    struct h2_field *f;
    struct mirror *m;
    size_t n;

    if (!mirror_wanted(c))
        return;
    m = mirror_new(c);
    if (!m)
        return;
    c->mirror = m;
    m->wait.done = mirror_on_wait_done;
    m->wait.subset = to->subset;
    if (pool_wants(to->pool) & (POOL_WANTS_HASH | POOL_WANTS_METHOD))
        balance_request(to->pool, &m->wait, &c->down.in_headers);
    if (c->deadline_us)
        timer_start(c->worker->loop, &m->deadline,
                    c->deadline_us - loop_now_us(c->worker->loop));
    f = attempt_fields(c, NULL, to->pool, few, &n);
    f[n++] = H2_FIELD("x-outrigger-mirror", "1");
    mirror_take(m, to->pool, f, n);
}

/* --- what the call does ----------------------------------------------------------- */

void
mirror_copy(struct mirror *m, const struct buf *in)
{
    struct worker *w = m->worker;

    if (m->up.out.len + in->len > m->max_buffer ||
        w->mirror_bytes + in->len > w->max_mirror_bytes) {
        mirror_end(m, STAT_MIRRORS_DROPPED, H2_CANCEL);
        return;
    }
    for (const struct chunk *k = in->head; k; k = k->next) {
        if (buf_append(&m->up.out, w->bufs, k->data + k->off, k->len - k->off,
                       SIZE_MAX) != ERR_OK) {
            mirror_end(m, STAT_MIRRORS_DROPPED, H2_CANCEL);
            return;
        }
        m->held += k->len - k->off;
        w->mirror_bytes += k->len - k->off;
    }
    h2_stream_kick(&m->up);
}

void
mirror_complete(struct mirror *m)
{
    if (m->complete)
        return;
    m->complete = true;
    h2_stream_end(&m->up, NULL, 0); /* nothing happens while it waits for a connection */
}

void
mirror_cancel(struct mirror *m)
{
    mirror_end(m, STAT_COUNT, H2_CANCEL);
}

void
mirror_leave(struct mirror *m)
{
    if (!m->complete) {
        mirror_end(m, STAT_COUNT, H2_CANCEL);
        return;
    }
    m->call->mirror = NULL;
    m->call = NULL;
    if (!timer_running(&m->deadline))
        timer_start(m->worker->loop, &m->deadline, ALONE_US);
}
