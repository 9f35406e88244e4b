/* SPDX-License-Identifier: Apache-2.0 */
/* h2/keepalive.c - PINGs that ask a silent peer whether it still lives, and the strikes of clients that send too many themselves
 * (gRFC A8, A9, A18; grpc-spec.md 8). The timer is lazy: what is read only notes the time, and when the timer fires it looks how long
 * the silence really lasted. So a connection costs one wake-up per `time`, however busy it is. */
#include "h2/conn_int.h"

#include <string.h>

enum {
    JITTER_PERCENT = 15, /* only ever later: a backend may count our PINGs as well */
    MAX_STRIKES = 2,
};
static const int64_t NO_CALLS_GAP_US = 2 * 3600 * INT64_C(1000000);
static const uint8_t alive_opaque[8] = { 'a', 'l', 'i', 'v', 'e', 0, 0, 1 };

/* --- our PINGs ------------------------------------------------------------------------------ */

/* The next silence that is worth a PING. */
static void
keepalive_draw(struct h2_conn *c)
{
    struct keepalive *k = &c->alive;

    k->wait_us =
        k->time_us +
        (int64_t)rng_below(&c->w->rng, (uint64_t)(k->time_us / 100 * JITTER_PERCENT) + 1);
}

static bool
keepalive_on(const struct h2_conn *c)
{
    return c->alive.time_us > 0 && c->state == CONN_OPEN && !c->terminating;
}

static void
keepalive_ping(struct h2_conn *c)
{
    c->alive.waiting = true;
    c->pings++;
    stat_inc(c->w->stats,
             c->side == H2_DOWN ? STAT_KEEPALIVE_PINGS_DOWN : STAT_KEEPALIVE_PINGS_UP);
    control_put(c, FRAME_PING, 0, 0, alive_opaque, sizeof(alive_opaque));
    timer_start(c->w->loop, &c->alive.timer, c->lim->keepalive.timeout_us);
}

/* Asks now, waits for the rest of the silence, or sleeps until the next stream. */
static void
keepalive_look(struct h2_conn *c)
{
    struct keepalive *k = &c->alive;
    int64_t rest = k->read_us + k->wait_us - loop_now_us(c->w->loop);

    k->dormant = false;
    if (rest > 0) {
        timer_start(c->w->loop, &k->timer, rest);
    } else if (c->stream_count || c->lim->keepalive.without_calls) {
        keepalive_ping(c);
    } else {
        k->dormant = true;
    }
}

/* An idle client may be alive and just not look: grpcio reads nothing between two calls. The last stream id then lets its next call
 * go to a new connection by itself. */
static void
keepalive_give_up(struct h2_conn *c)
{
    if (c->side == H2_UP) {
        stat_inc(c->w->stats, STAT_KEEPALIVE_TIMEOUTS_UP);
        conn_fail(c, ERR_KEEPALIVE, "");
        return;
    }
    stat_inc(c->w->stats, STAT_KEEPALIVE_TIMEOUTS_DOWN);
    c->goaway_text = "keepalive_timeout";
    conn_terminate(c, ERR_KEEPALIVE, H2_NO_ERROR, "");
}

static void
keepalive_on_timer(struct timer *t)
{
    struct h2_conn *c = CONTAINER_OF(t, struct h2_conn, alive.timer);

    if (!keepalive_on(c))
        return;
    if (!c->alive.waiting) {
        keepalive_look(c);
    } else if (!c->want_read) {
        /* We do not read now (its answers pile up, or its input waits for its share): the ack may lie in the socket. */
        timer_start(c->w->loop, t, c->lim->keepalive.timeout_us);
    } else {
        keepalive_give_up(c);
    }
}

void
keepalive_init(struct h2_conn *c)
{
    timer_init(&c->alive.timer, keepalive_on_timer);
    c->alive.time_us = c->lim->keepalive.time_us;
}

void
keepalive_start(struct h2_conn *c)
{
    if (!keepalive_on(c))
        return;
    c->alive.read_us = loop_now_us(c->w->loop);
    keepalive_draw(c);
    keepalive_look(c);
}

/* Any byte is as good as the ack. */
void
keepalive_answered(struct h2_conn *c)
{
    c->alive.waiting = false;
    if (!keepalive_on(c))
        return;
    keepalive_draw(c);
    keepalive_look(c);
}

void
keepalive_wake(struct h2_conn *c)
{
    if (keepalive_on(c))
        keepalive_look(c);
}

void
keepalive_stop(struct h2_conn *c)
{
    timer_stop(c->w->loop, &c->alive.timer);
    c->alive.waiting = c->alive.dormant = false;
}

void
h2_conn_set_keepalive_time(struct h2_conn *c, int64_t time_us)
{
    keepalive_stop(c);
    c->alive.time_us = time_us;
    keepalive_start(c);
}

/* --- theirs ------------------------------------------------------------------------------------ */

/* A client's PING, already answered. Whatever we sent since its last one forgives the strikes: so the PINGs with which clients measure
 * the bandwidth, each behind some of our DATA, cost nothing. */
void
keepalive_police(struct h2_conn *c)
{
    struct keepalive *k = &c->alive;
    const struct h2_keepalive *l = &c->lim->keepalive;
    uint64_t sent = c->gate.data_out + c->gate.blocks_out;
    int64_t now = loop_now_us(c->w->loop), gap = l->min_client_interval_us;

    if (gap == 0)
        return;
    if (c->stream_count == 0 && !l->permit_without_calls && gap < NO_CALLS_GAP_US)
        gap = NO_CALLS_GAP_US;
    if (!k->ping_seen || sent != k->ping_sent) {
        k->ping_seen = true;
        k->ping_sent = sent;
        k->ping_us = now;
        k->strikes = 0;
        return;
    }
    if (now - k->ping_us >= gap) {
        k->ping_us = now;
        return;
    }
    stat_inc(c->w->stats, STAT_PING_STRIKES);
    if (++k->strikes <= MAX_STRIKES)
        return;
    stat_inc(c->w->stats, STAT_PINGS_CLOSED);
    c->goaway_text = "too_many_pings";
    conn_terminate(c, ERR_PINGS, H2_ENHANCE_YOUR_CALM,
                   c->stream_count || l->permit_without_calls
                       ? "too_many_pings: they come faster than "
                         "keepalive.minClientInterval allows"
                       : "too_many_pings: without a call one in 2 h is allowed, unless "
                         "keepalive.permitWithoutCalls is true");
}

/* --- age ---------------------------------------------------------------------------------------- */

enum { AGE_JITTER_PERCENT = 10 };

/* Clients that were opened together must not come back together. */
void
age_start(struct h2_conn *c)
{
    const struct h2_limits *l = c->lim;
    struct rng *r = &c->w->rng;

    c->idle_us = l->idle_timeout_us;
    if (c->side != H2_DOWN)
        return;
    c->idle_us = rng_jitter(r, l->idle_timeout_us, AGE_JITTER_PERCENT);
    if (l->max_age_us)
        c->age_due_us = c->opened_us + rng_jitter(r, l->max_age_us, AGE_JITTER_PERCENT);
    if (l->max_requests) {
        c->max_requests =
            (uint32_t)rng_jitter(r, (int64_t)l->max_requests, AGE_JITTER_PERCENT);
        if (c->max_requests == 0)
            c->max_requests = 1;
    }
}

void
age_count_request(struct h2_conn *c)
{
    if (c->draining || c->gate.streams < c->max_requests)
        return;
    stat_inc(c->w->stats, STAT_REQUESTS_CLOSED);
    conn_retire(c, ERR_AGE, "max_requests");
}

void
age_sweep(struct h2_conn *c, int64_t now)
{
    const struct h2_limits *l = c->lim;

    if (!c->draining) {
        if (c->age_due_us && now >= c->age_due_us) {
            stat_inc(c->w->stats, STAT_AGE_CLOSED);
            c->aged = true;
            conn_retire(c, ERR_AGE, "max_age");
        }
    } else if (c->aged && c->final_goaway && l->max_age_grace_us &&
               now - c->drain_since_us >= l->max_age_grace_us) {
        conn_terminate(c, ERR_AGE, H2_NO_ERROR,
                       "older than maxConnectionAge, and the grace is over");
    }
}
