/* SPDX-License-Identifier: Apache-2.0 */
/* upstream/pool.h - one worker's view of a pool: its endpoints, their connections, the policy, and the calls that wait for a stream.
 * The list of endpoints comes from the hub and may change at any time. Connections are made on the first call and kept; a call gets a connection
 * with a free stream, or waits in order and bounded. One worker's thread; nothing here calls back before it returned, except pool_wait done functions
 * from other events. */
#ifndef OUTRIGGER_UPSTREAM_POOL_H
#define OUTRIGGER_UPSTREAM_POOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compat.h"
#include "base/list.h"
#include "base/slice.h"
#include "upstream/retry_guard.h"

struct conf_map;
struct endpoint;
struct group;
struct h2_field;
struct h2_stream;
struct h2_worker;
struct pool;
struct pool_conf;
struct retry_guard;
struct rng;
struct upconn;

enum { POOL_TEXT_MAX = 768 };

/* Endpoints that one call was with: the next attempt goes to another one when there is any. Zeroed is empty; the owner's, shared by all attempts of the call. */
enum { POOL_TRIED_MAX = 8 };
struct pool_tried {
    struct endpoint *v[POOL_TRIED_MAX]; /* held */
    unsigned n;
    bool room[POOL_TRIED_MAX]; /* while they are hidden */
};
void pool_tried_done(struct pool_tried *t);

/* A call as the pool knows it; embedded in the call. pool_wait_init first, pool_wait_done last. It is used again for each attempt of the call. */
struct pool_wait {
    struct list link; /* linked: waiting */
    struct pool *pool;
    int64_t since_us;
    const void *
        avoid; /* endpoint of the attempt before (upconn_endpoint): taken only when there is no other */
    /* Exactly once after pool_take returned ERR_AGAIN, unless cancelled: a connection with a free stream (err 0), or why there is none. */
    void (*done)(struct pool_wait *w, struct upconn *conn, int err);
    /* Set by the owner before pool_take. */
    unsigned subset; /* of pool_subset; 0: all endpoints */
    bool hashed;     /* hash is set, see pool_hash_header */
    bool retry;      /* the call was, or is, with a backend beside this attempt */
    bool
        patient; /* waits for an endpoint until its owner cancels, as gRPC's waitForReady; limits still refuse it */
    struct pool_tried *tried; /* NULL: only `avoid` is looked at */
    uint64_t hash;
    uint64_t method; /* hash of the call's path, never 0, see POOL_WANTS_METHOD; else 0 */
    /* The pool's own. */
    struct endpoint *endpoint; /* of the last attempt; held */
    struct group *group;
    struct list young; /* linked: counts as a call, may become a stream */
    int64_t begun_us, answered_us;
    uint8_t counted; /* what it counts for, see pool_limit.c */
    uint8_t limit;   /* what refused it, for pool_explain */
    bool open, judged, failed;
    bool probe; /* it is the one call that tries a tripped backend */
    bool first; /* it counts among the calls that retryBudget is a share of */
    bool slot;  /* it has a slot of retryBudget */
    bool
        choosy; /* the last pick said: wait a moment, an endpoint that it was not with is on its way */
    bool any; /* it has waited for that long enough */
};

/* Who hears of the events of streams that name nobody themselves (h2_stream.on_events). */
typedef void pool_stream_fn(struct h2_stream *s, unsigned events);

/* conf must outlive the pool. It has no endpoints before hub_attach. */
struct pool *pool_new(struct h2_worker *w, const struct pool_conf *conf, struct rng *rng,
                      pool_stream_fn *on_stream);
/* Closes all connections (streams hear H2_EV_CLOSED in this turn), fails all waiters with ERR_DRAIN. */
void pool_close(struct pool *p);
/* After pool_close and one more turn; before the loop is freed. */
void pool_free(struct pool *p);

/* The endpoints that have all these labels, for pool_wait.subset: the same number for the same labels. selector is copied; NULL or empty: 0. Each number
 * that was given out is held until pool_subset_drop, which no call of it may outlive; then it may stand for other labels. */
unsigned pool_subset(struct pool *p, const struct conf_map *selector);
void pool_subset_drop(struct pool *p, unsigned subset);

static inline void
pool_wait_init(struct pool_wait *w)
{
    *w = (struct pool_wait){ 0 };
    list_init(&w->link);
    list_init(&w->young);
}
/* Lets go of what the call holds: upconn_name of its last attempt is valid until here. */
void pool_wait_done(struct pool_wait *w);
/* ERR_OK with *ret: open the stream right now with upconn_request. ERR_AGAIN: waiting. ERR_NO_ENDPOINT, ERR_POOL_LIMIT, ERR_QUEUE_FULL, ERR_DRAIN. */
int pool_take(struct pool *p, struct pool_wait *w, struct upconn **ret) MUST_CHECK;
/* Forgets a waiter; its done is never called. False: it did not wait. */
bool pool_wait_cancel(struct pool_wait *w);
/* The sentence for a call that pool_take or done refused: which limit and its value, which labels there are, how the endpoints that it may go to failed. ERR_AGAIN: for one that
 * still waits. It names no address. Returns out. */
const char *
pool_explain(struct pool *p, const struct pool_wait *w, int err, char out[POOL_TEXT_MAX]);
/* For a call that ended with ERR_NO_ENDPOINT: the address of the endpoint that it may go to, by its subset and by health, and that could not be connected last; NULL: that is
 * not why. w holds it until pool_wait_done. Looks at 64 endpoints at most. */
const char *pool_blame(struct pool *p, struct pool_wait *w);
/* How the last connection of the pool failed, to whichever endpoint; "": none did. */
const char *pool_last_failure(const struct pool *p);
const char *pool_name(const struct pool *p);
/* Its own in the whole process, for ever; never 0. For those who remember pools and do not want to compare names. */
uint64_t pool_number(const struct pool *p);
const struct pool_conf *pool_config(const struct pool *p);
/* What the pool wants to know of a call: its owner reads it from the headers and trailers. */
enum {
    POOL_WANTS_HASH = 1,     /* pool_wait.hash of the header pool_hash_header */
    POOL_WANTS_METHOD = 2,   /* pool_wait.method */
    POOL_WANTS_REPORTS = 4,  /* pool_report with the trailers' load report */
    POOL_WANTS_TIMES = 8,    /* pool_answered */
    POOL_WANTS_HTTPS = 16,   /* :scheme is https: the pool has TLS */
    POOL_WANTS_SUCCESS = 32, /* retry_guard_success for calls that end with OK */
};
/* Asked several times for each call, so it costs one load: the first word of a pool. */
static inline unsigned
pool_wants(const struct pool *p)
{
    return *(const unsigned *)(const void *)p;
}
const char *pool_hash_header(const struct pool *p);

/* --- trying again by policy (pool_retry.c); transparent replays ask for none of it --- */

/* Takes what one more attempt with w needs: a slot of limits.retryBudget, and one of limits.maxRetries. POOL_RETRY_OK: the attempt is counted until
 * pool_retry_give, which comes when it ended, when its answer began, or when it is not made after all. Idempotent. */
enum pool_retry { POOL_RETRY_OK, POOL_RETRY_BUDGET, POOL_RETRY_LIMIT };
enum pool_retry pool_retry_take(struct pool *p, struct pool_wait *w) MUST_CHECK;
void pool_retry_give(struct pool_wait *w);
/* A call of this pool is tried again; for pages alone. */
void pool_retry_count(struct pool *p);
/* What became of n retries of a retryPolicy; for pages alone. */
void pool_retry_result(struct pool *p, enum retry_result result, unsigned n);
/* retryThrottling. Successes are counted with POOL_WANTS_SUCCESS, of every call. */
struct retry_guard *pool_retry_guard(const struct pool *p);

/* What the proxy learns of a call while its stream is open (between upconn_request and upconn_release); at other times nothing happens. */
void pool_answered(
    struct pool_wait *w); /* the response headers are complete; the first time counts */
/* The backend's own grpc-status; or the stream ended badly, or took too long (a failure on the way). Once; what comes second is not looked at. */
void pool_result(struct pool_wait *w, int code);
void pool_lost(struct pool_wait *w);
/* A second message in one direction was seen: this is a stream, and so are the calls of its method (limits.maxStreams). */
void pool_is_stream(struct pool_wait *w);
/* Values of endpoint-load-metrics-bin and endpoint-load-metrics (lb/report.h); what cannot be read is left out. */
void pool_report(struct pool_wait *w, struct slice bin, struct slice text);

/* h2_stream_request on this connection, with the pool's bookkeeping. Must follow each successful pool_take or done at once. */
int upconn_request(struct upconn *c, struct pool_wait *w, struct h2_stream *s,
                   const struct h2_field *fields, size_t n, bool end) MUST_CHECK;
/* The stream opened on c had its H2_EV_CLOSED. Must be called exactly once for each successful upconn_request, from that event, and before the next
 * pool_take with w. */
void upconn_release(struct upconn *c, struct pool_wait *w);
/* What the connection of a stream that ended with this error has to say beside it: the rule that was broken, the code of a GOAWAY; "": nothing. To be asked before
 * upconn_release. Never the backend's own words, no addresses. Returns out. */
enum { UPCONN_WORDS_MAX = 160 };
const char *upconn_words(const struct upconn *c, int err, char out[UPCONN_WORDS_MAX]);
const char *upconn_name(
    const struct upconn *c); /* address of the endpoint, for texts; see pool_wait_done */
const void *upconn_endpoint(const struct upconn *c);

#endif
