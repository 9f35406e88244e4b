/* SPDX-License-Identifier: Apache-2.0 */
/* upstream/pool_int.h - what the files of room upstream share: pool, endpoint, connection. */
#ifndef OUTRIGGER_UPSTREAM_POOL_INT_H
#define OUTRIGGER_UPSTREAM_POOL_INT_H

#include "base/err.h"
#include "base/log.h"
#include "base/rand.h"
#include "h2/conn.h"
#include "lb/lb.h"
#include "loop/loop.h"
#include "loop/timer.h"
#include "net/addr.h"
#include "obs/stats.h"
#include "upstream/pool.h"
#include "upstream/pool_conf.h"

struct transport;

enum { FAILURE_TEXT_MAX = 256 };

enum upconn_state {
    UPCONN_CONNECTING, /* TCP or unix connect is running */
    UPCONN_SETTLING,   /* HTTP/2 started, the backend's SETTINGS are awaited */
    UPCONN_READY,
    UPCONN_LEAVING, /* GOAWAY, or we retire it: open streams finish */
    UPCONN_CLOSED,
};

struct upconn {
    struct ref ref;
    struct list link; /* endpoint->conns, oldest first */
    struct endpoint *endpoint;
    enum upconn_state state;
    struct transport *transport; /* until h2 takes it */
    struct h2_conn *h2;
    struct timer timeout; /* connect, then SETTINGS */
    int64_t ready_us;
    bool served; /* some stream ended here: the backend really works */
};

struct endpoint {
    struct pool *pool;
    size_t index;
    struct addr addr;
    char name[ADDR_TEXT_MAX];
    struct list conns;
    unsigned conn_count, connecting;
    unsigned failures;  /* in a row, for the backoff */
    int64_t attempt_us; /* start of the last attempt */
    struct timer retry; /* running: in backoff */
    struct log_limit log_limit, calm_limit;
    int64_t
        keepalive_us; /* of new connections; longer after too_many_pings. 0: the pool's */
};

struct pool {
    struct h2_worker *h2;
    struct loop *loop;
    struct stats *stats;
    struct rng *rng;
    const struct pool_conf *conf;
    struct h2_conn_ops ops;
    struct h2_limits limits;
    const struct lb_policy *policy;
    void *policy_state;
    struct endpoint *endpoints;
    struct lb_endpoint *view; /* what the policy sees, by index */
    size_t n;
    struct list waiters;
    unsigned waiting;
    struct timer wait_timer;
    bool active, closing, running, again;
    char last_failure[FAILURE_TEXT_MAX];
};

/* endpoint.c */
void
endpoint_init(struct endpoint *e, struct pool *p, size_t index, const struct addr *addr);
void endpoint_connect(struct endpoint *e);
void endpoint_update(struct endpoint *e);
void endpoint_failed(struct endpoint *e, int err, const char *text);
/* The backend sent GOAWAY(ENHANCE_YOUR_CALM, "too_many_pings"): new connections PING half as often (gRFC A8). */
void endpoint_calm(struct endpoint *e);
struct upconn *endpoint_conn(struct endpoint *e);
bool endpoint_can_grow(const struct endpoint *e);
void endpoint_close(struct endpoint *e);

/* upconn.c */
void upconn_open(struct endpoint *e);
void upconn_close(struct upconn *c, int err);
void upconn_ops_fill(struct h2_conn_ops *ops, pool_stream_fn *on_stream);

/* pool.c */
void pool_changed(
    struct pool *p); /* something may be usable now: look at connections and waiters */

#endif
