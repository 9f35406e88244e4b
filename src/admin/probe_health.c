/* SPDX-License-Identifier: Apache-2.0 */
/* admin/probe_health.c - grpc.health.v1 of the probe port: the names that there are, and when those who watch hear of changes. */
#include <stdio.h>
#include <string.h>

#include "admin/probe_int.h"
#include "base/strbuf.h"
#include "loop/loop.h"

#define POOL_PREFIX "pool/"

enum { REQUEST_MAX = 1024, REASONS_MAX = 4096 };

static const struct {
    const char *name;
    enum probe_what what;
} services[] = {
    { "", PROBE_READY },
    { "liveness", PROBE_LIVE },
    { "readiness", PROBE_READY },
    { "startup", PROBE_STARTUP },
};

static enum health_status
status_of_pool(const struct probe *p, const char *name)
{
    switch (p->ops->pool(p->arg, name)) {
    case PROBE_POOL_UP:
        return HEALTH_SERVING;
    case PROBE_POOL_DOWN:
        return HEALTH_NOT_SERVING;
    default:
        return HEALTH_SERVICE_UNKNOWN;
    }
}

static enum health_status
probe_status(void *arg, const char *service)
{
    const struct probe *p = arg;
    struct strbuf why;
    bool good;

    if (strncmp(service, POOL_PREFIX, strlen(POOL_PREFIX)) == 0)
        return status_of_pool(p, service + strlen(POOL_PREFIX));
    for (size_t i = 0; i < ARRAY_LEN(services); i++) {
        if (strcmp(service, services[i].name) != 0)
            continue;
        strbuf_init(&why, REASONS_MAX);
        good = p->ops->good(p->arg, services[i].what, &why);
        strbuf_done(&why);
        return good ? HEALTH_SERVING : HEALTH_NOT_SERVING;
    }
    return HEALTH_SERVICE_UNKNOWN;
}

static bool
probe_service_name(void *arg, size_t i, char out[HEALTH_NAME_MAX + 1])
{
    const struct probe *p = arg;
    const char *pool;

    if (i < ARRAY_LEN(services)) {
        snprintf(out, HEALTH_NAME_MAX + 1, "%s", services[i].name);
        return true;
    }
    pool = p->ops->pool_name(p->arg, i - ARRAY_LEN(services));
    if (pool)
        snprintf(out, HEALTH_NAME_MAX + 1, POOL_PREFIX "%s", pool);
    return pool != NULL;
}

static struct health_service *
call_health(const struct grpc_call *call)
{
    return &((struct probe *)grpc_call_arg(call))->health;
}

static void
on_check(struct grpc_call *call, struct slice message)
{
    health_service_check(call_health(call), call, message);
}

static void
on_list(struct grpc_call *call, struct slice message)
{
    (void)message; /* HealthListRequest is empty */
    health_service_list(call_health(call), call);
}

static void
on_watch(struct grpc_call *call, struct slice message)
{
    struct probe *p = grpc_call_arg(call);

    health_service_watch(&p->health, grpc_call_state(call), call, message);
    if (!timer_running(&p->tell))
        timer_start(p->loop, &p->tell, PROBE_TELL_US);
}

static void
on_watch_gone(struct grpc_call *call)
{
    health_watch_done(grpc_call_state(call));
}

static void
finish_ok(struct grpc_call *call)
{
    grpc_call_finish(call, GRPC_OK, "");
}

static const struct grpc_method methods[] = {
    { .path = "/grpc.health.v1.Health/Check",
      .on_message = on_check,
      .on_half_close = finish_ok },
    { .path = "/grpc.health.v1.Health/List",
      .on_message = on_list,
      .on_half_close = finish_ok },
    { .path = "/grpc.health.v1.Health/Watch",
      .on_message = on_watch,
      .on_gone = on_watch_gone },
};

/* Runs only while somebody watches: a probe that nobody asks costs nothing. */
static void
probe_on_tell(struct timer *t)
{
    struct probe *p = CONTAINER_OF(t, struct probe, tell);

    health_service_tell(&p->health);
    if (p->health.watcher_count > 0)
        timer_start(p->loop, t, PROBE_TELL_US);
}

static void
probe_on_conn_closed(void *arg)
{
    probe_lost(arg);
}

void
probe_health_open(struct probe *p)
{
    static const struct health_service_ops ops = { .status = probe_status,
                                                   .name = probe_service_name };

    timer_init(&p->tell, probe_on_tell);
    health_service_init(&p->health, &ops, p, PROBE_WATCHERS_MAX);
    p->conf = (struct grpc_server_conf){
        .methods = methods,
        .n_methods = ARRAY_LEN(methods),
        .state_size = sizeof(struct health_watch),
        .limits = &p->limits,
        .max_message = REQUEST_MAX,
        .on_conn_closed = probe_on_conn_closed,
        .arg = p,
    };
    p->grpc = grpc_server_new(p->h2, &p->conf);
}

void
probe_health_close(struct probe *p)
{
    timer_stop(p->loop, &p->tell);
    health_service_end(&p->health, "this process goes away");
    grpc_server_close(p->grpc);
}
