/* SPDX-License-Identifier: Apache-2.0 */
/* upstream/pool_int.h - what the worker's files of room upstream share: pool, endpoint, connection. */
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
#include "net/tls.h"
#include "obs/stats.h"
#include "upstream/backend.h"
#include "upstream/judge.h"
#include "upstream/pool.h"
#include "upstream/pool_conf.h"
#include "upstream/pool_levels.h"

struct hub;
struct subset;
struct tls_keyring;
struct transport;

enum {
    FAILURE_TEXT_MAX = 512,
    CONNECTS_MAX = 100, /* under way at one time in one pool of one worker */
    METHODS_SEEN = 1024,
    CHOOSY_US =
        1000 * 1000, /* so long a call waits for an endpoint that it was not with */
};

/* pool_wait.limit: which one refused the call. */
enum { LIMIT_NONE, LIMIT_CALLS, LIMIT_STREAMS, LIMIT_RETRIES };

enum upconn_state {
    UPCONN_CONNECTING, /* TCP or unix connect is running */
    UPCONN_SETTLING,   /* HTTP/2 started, the backend's SETTINGS are awaited */
    UPCONN_READY,
    UPCONN_LEAVING, /* GOAWAY, or we retire it: open streams finish */
    UPCONN_CLOSED,
};

struct upconn {
    struct ref ref;
    struct list link;          /* endpoint->conns, oldest first */
    struct endpoint *endpoint; /* held */
    enum upconn_state state;
    struct transport *transport; /* until h2 takes it */
    struct h2_conn *h2;
    struct timer timeout; /* connect, then SETTINGS */
    struct timer age;
    int64_t ready_us;
    uint32_t requests, max_requests; /* streams opened so far; 0: no limit */
    uint32_t active;                 /* streams that are open */
    bool served;   /* some stream ended here: the backend really works */
    bool retiring; /* leaves when the next connection is ready */
    bool given_up; /* closed by us: its end says nothing about the backend */
};

/* A backend as this worker sees it. It lives in pool->endpoints, or, when the list does not name it any more, in pool->gone until its streams ended;
 * its memory as long as a connection or a call refers to it. */
struct endpoint {
    struct ref ref;
    struct reaper
        *reaper; /* the loop's; the pool may be gone when a connection lets go */
    struct lb_endpoint lb;
    struct pool *pool;
    bool unchecked;          /* health says nothing yet; as lb.usable, of its last look */
    struct backend *backend; /* held */
    struct backend_tally *tally;   /* our line of it */
    const struct backend_row *row; /* in pool->list; NULL: gone */
    struct list conns;
    unsigned conn_count, connecting;
    unsigned failures;  /* in a row, for the backoff */
    int64_t attempt_us; /* start of the last attempt */
    struct timer retry; /* running: in backoff */
    struct timer drain; /* running: gone, its calls may end until then */
    struct list gone;   /* linked: in pool->gone */
    struct list full;   /* linked: at maxRequestsPerEndpoint when last seen */
    struct oob *oob;    /* balance.enableOobLoadReport, while READY */
    struct tls_session_slot session;
    uint64_t stamp; /* version of the last list that named it */
    char
        *why; /* how its last connection failed; NULL: it did not, or one is good since */
    uint64_t why_number; /* counts up in the pool: who has the highest failed last */
    struct log_limit log_limit, calm_limit;
    int64_t
        keepalive_us; /* of new connections; longer after too_many_pings. 0: the pool's */
};

struct pool {
    unsigned wants;  /* POOL_WANTS_; first, see pool_wants */
    bool limited;    /* some limit of the whole process is set */
    uint64_t number; /* see pool_number */
    struct h2_worker *h2;
    struct loop *loop;
    struct stats *stats;
    struct rng *rng;
    const struct pool_conf *conf;
    struct h2_conn_ops ops;
    struct h2_limits limits;
    const struct lb_policy *policy;
    /* From the hub. */
    struct hub *hub;
    struct tls_keyring *tls; /* held; NULL: plain text */
    size_t worker;
    struct pool_levels *levels;
    struct retry_load *load;     /* our line of them */
    struct backend_list *list;   /* held; NULL: none yet */
    bool no_list;                /* no endpoint is known; last_failure says why */
    struct endpoint **endpoints; /* by row of list */
    size_t n;
    struct list gone;
    struct subset **subsets; /* [0]: all endpoints; NULL: nobody uses this number */
    size_t subset_count;
    uint64_t subset_seed;
    /* What health.c and outlier.c decide; see pool_health_conf. */
    double panic_percent; /* 0: never */
    struct judge judge;   /* what a call's end says about its backend */
    bool breaker;         /* endpoints may be tripped: see pool_admit */
    /* Work of O(n) that is due: done at once when it is the first of a turn, else by service_timer. */
    bool stale;   /* the policies have not seen the last change */
    bool connect; /* some wanted endpoint may be idle */
    bool grow;    /* calls wait: some endpoint may need one more connection */
    bool news;    /* the policies saw a change, and who waits was not looked at since */
    struct timer service_timer;
    struct timer policy_timer; /* a policy, or slow start, asked for an update */
    unsigned updates;          /* how many there were */
    unsigned connecting;
    unsigned waiting;
    struct timer wait_timer;
    struct timer choosy_timer; /* running: see subset.choosy */
    struct timer full_timer;   /* looks whether other workers made room */
    struct list full;          /* endpoints */
    struct list young;         /* pool_wait.young, oldest first */
    struct timer young_timer;
    uint64_t *
        methods; /* [METHODS_SEEN] of streaming methods, each at its place; NULL without maxStreams */
    bool active, closing, running, again, no_connections;
    /* What went wrong last, with whomever; told to clients, so it names no address. Of each endpoint: endpoint.why. */
    char last_failure[FAILURE_TEXT_MAX];
    uint64_t failures_noted;
};

static inline struct endpoint *
endpoint_of(const struct lb_endpoint *lb)
{
    return CONTAINER_OF(lb, struct endpoint, lb);
}

/* Tallies have one writer. */
#define TALLY_ADD(field, n)                                                           \
    atomic_store_explicit(&(field),                                                   \
                          atomic_load_explicit(&(field), memory_order_relaxed) + (n), \
                          memory_order_relaxed)

/* endpoint.c */
struct endpoint *endpoint_new(struct pool *p, struct backend *b);
void endpoint_connect(struct endpoint *e);
void endpoint_update(struct endpoint *e);
void endpoint_failed(struct endpoint *e, int err, const char *text);
/* Keeps the words on a connection that failed, for calls that find none. NULL: one is good. */
void endpoint_note(struct endpoint *e, const char *why);
/* The backend sent GOAWAY(ENHANCE_YOUR_CALM, "too_many_pings"): new connections PING half as often (gRFC A8). */
void endpoint_calm(struct endpoint *e);
struct upconn *endpoint_conn(struct endpoint *e);
bool endpoint_can_grow(const struct endpoint *e);
void endpoint_drain(struct endpoint *e);  /* the list does not name it any more */
void endpoint_revive(struct endpoint *e); /* it does again */
void endpoint_idle(
    struct endpoint
        *e); /* gone: closes what has no streams; forgets it when nothing is left */
void endpoint_close(struct endpoint *e); /* with the pool */

/* upconn.c */
void upconn_open(struct endpoint *e);
void upconn_close(struct upconn *c, int err);
void upconn_leave(struct upconn *c);  /* no new streams; closes after the last */
void upconn_retire(struct upconn *c); /* the same when another is ready */
struct upconn *
endpoint_retiring(const struct endpoint *e); /* one that waits for its successor */
void upconn_ops_fill(struct h2_conn_ops *ops, pool_stream_fn *on_stream);

/* pool.c */
/* One pick, and the limits that it must hold: ERR_OK, ERR_AGAIN (it may wait) or why not. */
int pool_pick(struct pool *p, struct pool_wait *w, struct upconn **ret);
void pool_note_failure(struct pool *p, const char *why);

/* pool_queue.c */
void pool_queue_init(struct pool *p);
/* rv: what the pick said. Returns ERR_AGAIN, or ERR_QUEUE_FULL. */
int pool_queue(struct pool *p, struct pool_wait *w, int rv);
void pool_changed(
    struct pool *p); /* something may be usable now: look at connections and waiters */
void pool_fail_waiters(struct pool *p, int err);

/* pool_update.c: work of O(n) */
void pool_service(struct pool *p);
void pool_update(struct pool *p); /* the policies see the list as it is; sets `wanted` */
void pool_update_init(struct pool *p);

/* pool_list.c: what the hub tells, on the worker's thread (hub_mail.c). pool_apply takes the caller's hold. pool_recheck: b NULL: all. */
void pool_attach(struct pool *p, struct hub *hub, size_t worker,
                 struct pool_levels *levels, uint64_t seed);
void pool_apply(struct pool *p, struct backend_list *list);
void pool_recheck(struct pool *p, struct backend *b);
void pool_no_list(struct pool *p, const char *why);

/* pool_retry.c */
void pool_tried_add(struct pool_tried *t, struct endpoint *e);
/* They have no room between hide and show. */
void pool_tried_hide(struct pool_tried *t);
void pool_tried_show(struct pool_tried *t);
/* The call was with this endpoint, and one that it was not with may be READY in a moment: the attempt had better wait for that. Looks at 64 endpoints at most. */
bool pool_better_comes(const struct pool *p, const struct pool_wait *w,
                       const struct endpoint *e);

/* pool_limit.c */
void pool_limit_init(struct pool *p);
/* ERR_OK: the call counts from now on. ERR_POOL_LIMIT: w->limit says which. ERR_AGAIN: this endpoint is full. */
int pool_limit_take(struct pool *p, struct pool_wait *w, struct endpoint *e);
void pool_limit_give(struct pool_wait *w, struct endpoint *e);
/* Of limits.maxRetries alone, before there is an endpoint. True: w counts, or there is no such limit. */
bool pool_limit_retry(struct pool *p, struct pool_wait *w);
void pool_limit_retry_give(struct pool *p, struct pool_wait *w);
bool endpoint_full(const struct endpoint *e);
/* Endpoints that were full and are not any more have room again. True: some do. */
bool pool_look_at_full(struct pool *p);
/* Looks again soon when calls wait and other workers may make room for them. */
void pool_watch_full(struct pool *p);
/* A connection more; false: limits.maxConnections. */
bool pool_limit_connect(struct pool *p);
void pool_limit_disconnect(struct pool *p);

#endif
