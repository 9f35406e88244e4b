/* SPDX-License-Identifier: Apache-2.0 */
/* admin/probe.c - the port: accepts, keeps the number of connections, hands them to the protocol that they speak. */
#include "admin/probe.h"

#include "admin/probe_int.h"
#include "base/err.h"
#include "base/xalloc.h"
#include "loop/loop.h"
#include "net/addr.h"
#include "net/listener.h"
#include "net/replay.h"
#include "net/transport.h"

enum {
    PROBE_PAGES_BURST = 20,
    PROBE_PAGES_PER_S = 10,
    PROBE_ENDS_BURST = 64,
    PROBE_ENDS_PER_S = 128,
};

void
probe_lost(struct probe *p)
{
    p->conns--;
    stat_add(p->stats, STAT_PROBE_OPEN, -1);
}

void
probe_take_h2(struct probe *p, struct transport *t, const void *bytes, size_t n)
{
    grpc_server_take(p->grpc, replay_new(p->loop, t, bytes, n));
}

/* Of the protocol that has more than its half, so that neither can crowd the other out. */
static bool
probe_make_room(struct probe *p)
{
    if (p->conns - p->http_conns < PROBE_CONNS_MAX / 2 && probe_conn_shed(p))
        return true;
    return bucket_take(&p->ends, 1, loop_now_us(p->loop)) &&
           grpc_server_close_oldest(p->grpc);
}

void
probe_take(struct probe *p, struct transport *t)
{
    if (p->closed) {
        transport_close(t);
        return;
    }
    if (p->conns >= PROBE_CONNS_MAX) {
        stat_inc(p->stats, STAT_PROBE_CLOSED_FULL);
        if (!probe_make_room(p)) {
            transport_close(t);
            return;
        }
    }
    p->conns++;
    stat_add(p->stats, STAT_PROBE_OPEN, 1);
    probe_conn_open(p, t);
}

static void
probe_on_accept(void *arg, int fd, const struct addr *peer)
{
    struct probe *p = arg;

    (void)peer;
    probe_take(p, transport_from_fd(p->loop, fd));
}

/* A client may be anybody who reaches the port: each bound is as small as probes allow. */
static void
probe_limits(struct h2_limits *l)
{
    h2_limits_default(l);
    l->max_concurrent_streams = PROBE_STREAMS_MAX;
    l->max_header_bytes = 8 * 1024;
    l->max_header_count = 64;
    l->max_continuations = 4;
    l->stream_window = 16 * 1024;
    l->max_stream_window = 16 * 1024;
    l->connection_window = 64 * 1024;
    l->max_connection_buffer = 64 * 1024;
    l->write_buffer = 64 * 1024;
    l->max_queued_frames = 200;
    l->max_streams_per_turn = 16;
    l->max_frames_per_turn = 64;
    l->reset_burst = 200;
    l->reset_rate = 20;
    l->glitch_burst = 200;
    l->glitch_rate = 20;
    l->handshake_timeout_us = PROBE_HEAD_US;
    l->header_timeout_us = PROBE_HEAD_US;
    l->idle_timeout_us = PROBE_IDLE_US;
    l->write_stall_us = PROBE_WRITE_US;
    /* Someone who watches says nothing for days; someone who is gone neither. */
    l->keepalive = (struct h2_keepalive){ .time_us = 60 * 1000000,
                                          .timeout_us = 20 * 1000000,
                                          .min_client_interval_us = 5 * 1000000,
                                          .permit_without_calls = true };
}

struct probe *
probe_new(struct h2_worker *h2, const struct probe_ops *ops, void *arg)
{
    struct probe *p = xcalloc(1, sizeof(*p));

    p->loop = h2_worker_loop(h2);
    p->h2 = h2;
    p->stats = h2_worker_stats(h2);
    p->ops = ops;
    p->arg = arg;
    list_init(&p->http);
    bucket_init(&p->pace, PROBE_PAGES_BURST, PROBE_PAGES_PER_S, loop_now_us(p->loop));
    bucket_init(&p->ends, PROBE_ENDS_BURST, PROBE_ENDS_PER_S, loop_now_us(p->loop));
    probe_limits(&p->limits);
    probe_health_open(p);
    return p;
}

int
probe_open(struct h2_worker *h2, const struct addr *at, int fd, bool owns_file,
           const struct probe_ops *ops, void *arg, struct probe **ret,
           const char **ret_why)
{
    struct probe *p = probe_new(h2, ops, arg);
    int rv = fd >= 0
                 ? listener_adopt(p->loop, fd, owns_file, probe_on_accept, p,
                                  &p->listener, ret_why)
                 : listener_open(p->loop, at, probe_on_accept, p, &p->listener, ret_why);

    if (rv != ERR_OK) {
        probe_close(p);
        probe_free(p);
        return rv;
    }
    *ret = p;
    return ERR_OK;
}

void
probe_start(struct probe *p)
{
    listener_start(p->listener);
}

const struct addr *
probe_addr(const struct probe *p)
{
    return listener_addr(p->listener);
}

int
probe_fd(const struct probe *p, bool *ret_owns_file)
{
    if (!p->listener)
        return -1;
    *ret_owns_file = listener_owns_file(p->listener);
    return listener_fd(p->listener);
}

void
probe_tell(struct probe *p)
{
    if (p && !p->closed)
        health_service_tell(&p->health);
}

void
probe_close(struct probe *p)
{
    if (!p || p->closed)
        return;
    p->closed = true;
    listener_close(p->listener);
    p->listener = NULL;
    probe_conn_close_all(p);
    probe_health_close(p);
}

void
probe_leave(struct probe *p)
{
    if (!p)
        return;
    if (p->listener)
        listener_leave(p->listener);
    probe_close(p);
}

void
probe_free(struct probe *p)
{
    if (!p)
        return;
    grpc_server_free(p->grpc);
    xfree(p);
}
