/* SPDX-License-Identifier: Apache-2.0 */
/* admin/crowd.c - a table of open connections, and a budget of time. */
#include "admin/crowd.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/keyvalq_struct.h>
#include <event2/listener.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "loop/loop.h"
#include "obs/stats.h"

static int64_t
crowd_now(void)
{
    return clock_real.now_us(clock_real.arg);
}

static void
crowd_count(struct crowd *g, enum stat_id id)
{
    if (g->stats)
        stat_inc(g->stats, id);
}

/* --- connections ---------------------------------------------------------------------- */

static bool
socket_ino(int fd, ino_t *ret)
{
    struct stat st;

    if (fd < 0 || fstat(fd, &st) != 0 || !S_ISSOCK(st.st_mode))
        return false;
    *ret = st.st_ino;
    return true;
}

/* A number that somebody else has by now has another inode. */
static bool
conn_is_there(const struct crowd_conn *c)
{
    ino_t ino;

    return socket_ino(c->fd, &ino) && ino == c->ino;
}

/* Forgets those that are gone. */
static void
crowd_sweep(struct crowd *g)
{
    for (size_t i = 0; i < g->n;) {
        if (conn_is_there(&g->conns[i]))
            i++;
        else
            g->conns[i] = g->conns[--g->n];
    }
}

/* evhttp reads the end of the connection in one of the next turns, and closes it. */
static void
crowd_evict(struct crowd *g, struct crowd_conn *c)
{
    if (conn_is_there(c)) {
        shutdown(c->fd, SHUT_RDWR);
        crowd_count(g, STAT_ADMIN_EVICTED);
    }
    *c = g->conns[--g->n];
}

/* Silent for longest. waits: among those with an answer to read. */
static struct crowd_conn *
crowd_oldest(struct crowd *g, const struct crowd_conn *but, bool waits)
{
    struct crowd_conn *oldest = NULL;
    size_t skip = but ? (size_t)(but - g->conns) : g->n;

    for (size_t i = 0; i < g->n; i++) {
        struct crowd_conn *c = &g->conns[i];

        if (!c->held && i != skip && (!waits || c->waiting > 0) &&
            (!oldest || c->active_us < oldest->active_us))
            oldest = c;
    }
    return oldest;
}

static void
crowd_add(struct crowd *g, int fd)
{
    struct crowd_conn c = { .fd = fd, .active_us = crowd_now() };
    struct crowd_conn *oldest;

    if (!socket_ino(fd, &c.ino))
        return;
    for (size_t i = 0; i < g->n; i++) { /* who had the number before is gone */
        if (g->conns[i].fd == fd) {
            g->conns[i] = c;
            return;
        }
    }
    if (g->n == CROWD_CONNECTIONS)
        crowd_sweep(g);
    if (g->n == CROWD_CONNECTIONS) {
        oldest = crowd_oldest(g, NULL, false);
        if (!oldest) { /* streams all: there are fewer places for them than this */
            shutdown(fd, SHUT_RDWR);
            crowd_count(g, STAT_ADMIN_EVICTED);
            return;
        }
        crowd_evict(g, oldest);
    }
    g->conns[g->n++] = c;
}

/* Right behind the accepts of a turn: only now evhttp has given the buffers their descriptor. */
static void
crowd_on_learn(evutil_socket_t none, short what, void *arg)
{
    struct crowd *g = arg;

    (void)none;
    (void)what;
    for (size_t i = 0; i < g->fresh_count; i++) {
        crowd_add(g, bufferevent_getfd(g->fresh[i]));
        if (g->on_new)
            g->on_new(g->on_new_arg, g->fresh[i]);
        bufferevent_decref(g->fresh[i]);
    }
    g->fresh_count = 0;
}

static void
crowd_on_again(struct timer *t)
{
    struct crowd *g = CONTAINER_OF(t, struct crowd, again);

    if (g->listener)
        evconnlistener_enable(g->listener);
}

struct bufferevent *
crowd_accept(struct event_base *base, void *crowd)
{
    struct crowd *g = crowd;
    struct bufferevent *bev = bufferevent_socket_new(base, -1, BEV_OPT_CLOSE_ON_FREE);

    if (!bev || g->fresh_count == CROWD_ACCEPTS)
        return bev;
    bufferevent_incref(bev);
    g->fresh[g->fresh_count++] = bev;
    event_active(g->learn, EV_TIMEOUT, 1);
    if (g->fresh_count == CROWD_ACCEPTS && g->listener) {
        evconnlistener_disable(g->listener);
        timer_start(g->loop, &g->again, CROWD_PAUSE_US);
    }
    return bev;
}

static struct bufferevent *
request_buffer(struct evhttp_request *req)
{
    return evhttp_connection_get_bufferevent(evhttp_request_get_connection(req));
}

static struct crowd_conn *
crowd_find(struct crowd *g, struct evhttp_request *req)
{
    int fd = bufferevent_getfd(request_buffer(req));

    for (size_t i = 0; i < g->n; i++) {
        if (g->conns[i].fd == fd)
            return &g->conns[i];
    }
    return NULL;
}

/* --- work ----------------------------------------------------------------------------- */

static struct crowd_page *
crowd_page(struct crowd *g, const char *path)
{
    for (size_t i = 0; i < CROWD_PAGES; i++) {
        if (strncmp(g->pages[i].path, path, CROWD_PAGE_MAX - 1) == 0)
            return &g->pages[i];
    }
    return NULL;
}

/* Only what was heavy once has a place, so nobody can fill them with names of his own. */
static void
crowd_learn_cost(struct crowd *g, const char *path, int64_t us)
{
    struct crowd_page *p = crowd_page(g, path);

    if (!p && us >= CROWD_HEAVY_US && (p = crowd_page(g, "")))
        snprintf(p->path, sizeof(p->path), "%s", path);
    if (p)
        p->cost_us = us > p->cost_us ? us : (p->cost_us * 7 + us) / 8;
}

static void
crowd_refuse(struct crowd *g, struct evhttp_request *req)
{
    struct evkeyvalq *headers = evhttp_request_get_output_headers(req);
    struct evbuffer *out = evhttp_request_get_output_buffer(req);

    crowd_count(g, STAT_ADMIN_BUSY);
    evhttp_add_header(headers, "Content-Type", "text/plain; charset=utf-8");
    evhttp_add_header(headers, "Retry-After", "1");
    evbuffer_add_printf(out, "the admin port is asked for too many large pages; ask "
                             "again in a second\n");
    evhttp_send_reply(req, HTTP_SERVUNAVAIL, NULL, out);
}

/* Whether this page, which may be refused, fits into the budget. */
static bool
crowd_affords(struct crowd *g, const char *path, int64_t now)
{
    const struct crowd_page *p = path && path[0] ? crowd_page(g, path) : NULL;

    if (now - g->window_us >= CROWD_WINDOW_US) {
        g->busy =
            g->used_us >= CROWD_BUDGET_US && now - g->window_us < 2 * CROWD_WINDOW_US;
        g->window_us = now;
        g->used_us = 0;
    }
    return !g->busy || g->used_us < CROWD_BUDGET_US || !p || p->cost_us < CROWD_HEAVY_US;
}

static void
crowd_charge(struct crowd *g, const char *path, int64_t begun_us)
{
    g->used_us += crowd_now() - begun_us;
    /* Not by the other clock: a small page would be taken for heavy when somebody else had this core meanwhile. */
    if (path && path[0])
        crowd_learn_cost(g, path, clock_cpu_us() - g->cpu_begun_us);
}

bool
crowd_begin(struct crowd *g, struct evhttp_request *req, const char *path,
            int64_t *ret_begun_us)
{
    struct crowd_conn *c = crowd_find(g, req);
    int64_t now = crowd_now();

    *ret_begun_us = now;
    g->cpu_begun_us = clock_cpu_us();
    if (c) {
        c->active_us = now;
        c->held = false;
        c->waiting = 0;
    }
    if (crowd_affords(g, path, now) || evhttp_request_get_command(req) == EVHTTP_REQ_POST)
        return true;
    crowd_refuse(g, req);
    return false;
}

bool
crowd_begin_message(struct crowd *g, const char *method, int64_t *ret_begun_us)
{
    *ret_begun_us = crowd_now();
    g->cpu_begun_us = clock_cpu_us();
    if (crowd_affords(g, method, *ret_begun_us))
        return true;
    crowd_count(g, STAT_ADMIN_BUSY);
    return false;
}

void
crowd_end_message(struct crowd *g, const char *method, int64_t begun_us)
{
    crowd_charge(g, method, begun_us);
}

/* How much is written, nobody tells: an answer counts until its connection asks again or is gone. */
static void
crowd_bound_waiting(struct crowd *g, const struct crowd_conn *own)
{
    for (;;) {
        struct crowd_conn *oldest = crowd_oldest(g, own, true);
        size_t sum = 0;

        for (size_t i = 0; i < g->n; i++)
            sum += g->conns[i].waiting;
        if (sum <= CROWD_WAITING || !oldest)
            return;
        if (own == &g->conns[g->n - 1])
            own = oldest; /* it moves to that place */
        crowd_evict(g, oldest);
    }
}

void
crowd_end(struct crowd *g, struct evhttp_request *req, const char *path, int64_t begun_us)
{
    struct crowd_conn *c = crowd_find(g, req);

    crowd_charge(g, path, begun_us);
    if (!c || c->held)
        return;
    c->waiting = evbuffer_get_length(bufferevent_get_output(request_buffer(req)));
    if (c->waiting >= CROWD_WAITING / CROWD_CONNECTIONS)
        crowd_bound_waiting(g, c);
}

void
crowd_hold(struct crowd *g, struct evhttp_request *req)
{
    struct crowd_conn *c = crowd_find(g, req);

    if (c)
        c->held = true;
}

/* -------------------------------------------------------------------------------------- */

bool
crowd_init(struct crowd *g, struct loop *loop)
{
    *g = (struct crowd){ .loop = loop };
    timer_init(&g->again, crowd_on_again);
    g->learn = event_new(loop_event_base(loop), -1, 0, crowd_on_learn, g);
    return g->learn != NULL;
}

void
crowd_tell(struct crowd *g, void (*fn)(void *arg, struct bufferevent *bev), void *arg)
{
    g->on_new = fn;
    g->on_new_arg = arg;
}

void
crowd_moved(struct crowd *g, int old, int fd)
{
    for (size_t i = 0; i < g->n; i++) {
        if (g->conns[i].fd == fd) { /* who had the number before is gone */
            g->conns[i] = g->conns[--g->n];
            break;
        }
    }
    for (size_t i = 0; i < g->n; i++) {
        if (g->conns[i].fd == old)
            g->conns[i].fd = fd;
    }
}

void
crowd_watch(struct crowd *g, struct evconnlistener *l)
{
    g->listener = l;
    if (!l)
        timer_stop(g->loop, &g->again);
}

void
crowd_done(struct crowd *g)
{
    if (!g->learn)
        return;
    timer_stop(g->loop, &g->again);
    for (size_t i = 0; i < g->fresh_count; i++)
        bufferevent_decref(g->fresh[i]);
    event_free(g->learn);
}
