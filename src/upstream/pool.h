/* SPDX-License-Identifier: Apache-2.0 */
/* upstream/pool.h - one worker's view of a pool: its endpoints, their connections, the policy, and the calls that wait for a stream.
 * Connections are made on the first call and kept; a call gets a connection with a free stream, or waits in order and bounded.
 * One worker's thread; nothing here calls back before it returned, except pool_wait done functions from other events. */
#ifndef OUTRIGGER_UPSTREAM_POOL_H
#define OUTRIGGER_UPSTREAM_POOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compat.h"
#include "base/list.h"

struct h2_field;
struct h2_stream;
struct h2_worker;
struct pool;
struct pool_conf;
struct rng;
struct upconn;

/* A call that waits; embedded in the call. */
struct pool_wait {
    struct list link; /* linked: waiting */
    struct pool *pool;
    int64_t since_us;
    const void *
        avoid; /* endpoint of the attempt before (upconn_endpoint): taken only when there is no other */
    /* Exactly once after pool_take returned ERR_AGAIN, unless cancelled: a connection with a free stream (err 0), or why there is none. */
    void (*done)(struct pool_wait *w, struct upconn *conn, int err);
};

/* Who hears of stream events: all upstream streams of the process are calls of room proxy (or of a test). */
typedef void pool_stream_fn(struct h2_stream *s, unsigned events);

/* conf must outlive the pool. Its targets were checked while loading. */
struct pool *pool_new(struct h2_worker *w, const struct pool_conf *conf, struct rng *rng,
                      pool_stream_fn *on_stream);
/* Closes all connections (streams hear H2_EV_CLOSED in this turn), fails all waiters with ERR_DRAIN. */
void pool_close(struct pool *p);
/* After pool_close and one more turn. */
void pool_free(struct pool *p);

/* ERR_OK with *ret: open the stream right now with upconn_request. ERR_AGAIN: waiting. ERR_NO_ENDPOINT, ERR_QUEUE_FULL, ERR_DRAIN. */
int pool_take(struct pool *p, struct pool_wait *w, struct upconn **ret) MUST_CHECK;
/* Forgets a waiter; its done is never called. Idempotent. */
void pool_wait_cancel(struct pool_wait *w);
/* Plain words on why the pool cannot serve: "127.0.0.1:50051: Connection refused". Empty string when nothing failed yet. */
const char *pool_last_failure(const struct pool *p);
const char *pool_name(const struct pool *p);
const struct pool_conf *pool_config(const struct pool *p);

/* h2_stream_request on this connection, with the pool's bookkeeping. */
int upconn_request(struct upconn *c, struct h2_stream *s, const struct h2_field *fields,
                   size_t n, bool end) MUST_CHECK;
/* The stream opened on c had its H2_EV_CLOSED. Must be called exactly once for each successful upconn_request, from that event. */
void upconn_release(struct upconn *c);
const char *
upconn_name(const struct upconn
                *c); /* address of the endpoint, for texts; valid as long as the pool */
const void *upconn_endpoint(const struct upconn *c);

#endif
