/* SPDX-License-Identifier: Apache-2.0 */
/* main/demo_health.c - grpc.health.v1.Health of a demo backend: which services it has, and that they serve until the demo ends. */
#include <stdio.h>
#include <string.h>

#include "grpc/health_service.h"
#include "main/demo_service.h"

/* "" is the whole server. */
static const char *const health_services[] = { "", "helloworld.Greeter",
                                               "outrigger.demo.Echo" };

static bool
health_name(void *arg, size_t i, char out[HEALTH_NAME_MAX + 1])
{
    (void)arg;
    if (i >= ARRAY_LEN(health_services))
        return false;
    snprintf(out, HEALTH_NAME_MAX + 1, "%s", health_services[i]);
    return true;
}

static enum health_status
health_status_of(void *arg, const char *service)
{
    const struct demo_service *s = arg;

    for (size_t i = 0; i < ARRAY_LEN(health_services); i++) {
        if (strcmp(service, health_services[i]) == 0)
            return s->serving ? HEALTH_SERVING : HEALTH_NOT_SERVING;
    }
    return HEALTH_SERVICE_UNKNOWN;
}

const struct health_service_ops demo_health_ops = { .status = health_status_of,
                                                    .name = health_name };

static struct health_service *
call_service(struct grpc_call *call)
{
    return &((struct demo_service *)grpc_call_arg(call))->health;
}

void
demo_health_check(struct grpc_call *call, struct slice message)
{
    health_service_check(call_service(call), call, message);
}

void
demo_health_list(struct grpc_call *call, struct slice message)
{
    (void)message; /* HealthListRequest is empty */
    health_service_list(call_service(call), call);
}

void
demo_health_watch(struct grpc_call *call, struct slice message)
{
    health_service_watch(call_service(call), &demo_call_get(call)->watch, call, message);
}

void
demo_service_stop(struct demo_service *s)
{
    s->serving = false;
    health_service_end(&s->health, "this backend stops");
}
