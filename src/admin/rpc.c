/* SPDX-License-Identifier: Apache-2.0 */
/* admin/rpc.c - one gRPC server for the services of the admin port. */
#include "admin/rpc.h"

#include <assert.h>
#include <string.h>
#include <unistd.h>

#include "admin/actions.h"
#include "admin/admin_int.h"
#include "admin/descriptors.h"
#include "admin/rpc_reflection.h"
#include "base/xalloc.h"
#include "grpc/server.h"
#include "h2/conn.h"
#include "net/addr.h"
#include "net/transport.h"
#include "obs/stats.h"

enum {
    RPC_WAIT_US = 10 * 1000000, /* for what must come, or be taken: as with HTTP/1 */
    RPC_IDLE_US = 120 * 1000000,
};

struct admin_rpc {
    struct loop *loop;
    struct stats *stats;
    struct addr at;      /* of the port */
    struct crowd *crowd; /* NULL: closed */
    struct grpc_server *server;
    struct grpc_server_conf conf;
    struct h2_limits limits;
    const struct grpc_service *services[RPC_SERVICES_MAX];
    struct rpc_reflection *reflection;
    unsigned conns;
    bool closed;
};

static bool
rpc_may_call(void *arg, struct slice authority, const char **ret_why)
{
    const struct admin_rpc *r = arg;
    char host[ADDR_TEXT_MAX + 1];

    *ret_why = "the authority of the call is not the address of this admin port";
    if (authority.n == 0 || addr_is_unix(&r->at))
        return true;
    if (authority.n >= sizeof(host))
        return false;
    memcpy(host, authority.p, authority.n);
    host[authority.n] = '\0';
    return admin_host_ok(&r->at, host);
}

/* What takes long counts as pages of HTTP do, and is refused when they are. */
static bool
rpc_message_begin(void *arg, const struct grpc_method *method, int64_t *ret_note,
                  const char **ret_why)
{
    const struct admin_rpc *r = arg;

    *ret_why = "the admin port is asked for too much; ask again in a second";
    return !r->crowd || crowd_begin_message(r->crowd, method->path, ret_note);
}

static void
rpc_message_end(void *arg, const struct grpc_method *method, int64_t note)
{
    const struct admin_rpc *r = arg;

    if (r->crowd)
        crowd_end_message(r->crowd, method->path, note);
}

static void
rpc_on_conn_closed(void *arg)
{
    struct admin_rpc *r = arg;

    r->conns--;
    stat_add(r->stats, STAT_ADMIN_RPC_OPEN, -1);
}

/* By its methods: "/package.Service/Method". */
static bool
rpc_mounted(void *arg, const char *service)
{
    const struct admin_rpc *r = arg;
    size_t n = strlen(service);

    for (size_t i = 0; i < r->conf.n_services; i++) {
        for (size_t k = 0; k < r->services[i]->n_methods; k++) {
            const char *path = r->services[i]->methods[k].path + 1;

            if (strncmp(path, service, n) == 0 && path[n] == '/')
                return true;
        }
    }
    return false;
}

/* Only this host can come, and few tools do; yet none shall hold what others need. */
static void
rpc_limits(struct h2_limits *l)
{
    h2_limits_default(l);
    l->max_concurrent_streams = RPC_STREAMS_MAX;
    l->max_header_bytes = 8 * 1024;
    l->max_header_count = 64;
    l->max_continuations = 4;
    l->stream_window = 2 * RPC_MESSAGE_MAX;
    l->max_stream_window = 2 * RPC_MESSAGE_MAX;
    l->connection_window = 64 * 1024;
    l->max_connection_buffer = 64 * 1024;
    l->write_buffer = 64 * 1024;
    l->max_queued_frames = 200;
    l->max_streams_per_turn = 8;
    l->max_frames_per_turn = 64;
    l->reset_burst = 200;
    l->reset_rate = 20;
    l->glitch_burst = 200;
    l->glitch_rate = 20;
    l->handshake_timeout_us = RPC_WAIT_US;
    l->header_timeout_us = RPC_WAIT_US;
    l->idle_timeout_us = RPC_IDLE_US;
    l->write_stall_us = RPC_WAIT_US;
    l->keepalive = (struct h2_keepalive){ .time_us = 60 * 1000000,
                                          .timeout_us = 20 * 1000000,
                                          .min_client_interval_us = 5 * 1000000,
                                          .permit_without_calls = true };
}

void
admin_rpc_take(struct admin_rpc *r, int fd)
{
    if (!r || r->closed) {
        close(fd);
        return;
    }
    if (r->conns >= RPC_CONNS_MAX && grpc_server_close_oldest(r->server))
        stat_inc(r->stats, STAT_ADMIN_EVICTED);
    r->conns++;
    stat_add(r->stats, STAT_ADMIN_RPC_OPEN, 1);
    grpc_server_take(r->server, transport_from_fd(r->loop, fd));
}

struct admin_rpc *
admin_rpc_open(struct admin *a, struct h2_worker *h2)
{
    struct admin_rpc *r = xcalloc(1, sizeof(*r));

    r->loop = h2_worker_loop(h2);
    r->stats = h2_worker_stats(h2);
    r->at = a->at;
    r->crowd = &a->crowd;
    rpc_limits(&r->limits);
    r->conf = (struct grpc_server_conf){
        .services = r->services,
        .limits = &r->limits,
        .max_message = RPC_MESSAGE_MAX,
        .unknown_text = "the admin port does not serve this method; services of a "
                        "descriptor file are called at a listener",
        .may_call = rpc_may_call,
        .message_begin = rpc_message_begin,
        .message_end = rpc_message_end,
        .on_conn_closed = rpc_on_conn_closed,
        .arg = r,
    };
    r->server = grpc_server_new(h2, &r->conf);
    a->rpc = r;
    r->reflection = rpc_reflection_new(rpc_mounted, r);
    admin_set_service(a, rpc_reflection_service(r->reflection));
    return r;
}

void
admin_set_service(struct admin *a, const struct grpc_service *service)
{
    struct admin_rpc *r = a ? a->rpc : NULL;

    if (!r)
        return;
    assert(r->conf.n_services < RPC_SERVICES_MAX);
    r->services[r->conf.n_services++] = service;
    if (r->conf.state_size < service->state_size)
        r->conf.state_size = service->state_size;
}

void
admin_set_descriptors(struct admin *a, struct descriptors *d)
{
    if (a && a->rpc)
        rpc_reflection_set(a->rpc->reflection, d);
    else
        descriptors_free(d);
}

void
admin_rpc_close(struct admin_rpc *r)
{
    if (!r || r->closed)
        return;
    r->closed = true;
    r->crowd = NULL; /* it goes with the port, we with our connections */
    grpc_server_close(r->server);
}

void
admin_rpc_free(struct admin_rpc *r)
{
    if (!r)
        return;
    grpc_server_free(r->server);
    rpc_reflection_free(r->reflection);
    xfree(r);
}
