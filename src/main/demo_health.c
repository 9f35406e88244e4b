/* SPDX-License-Identifier: Apache-2.0 */
/* main/demo_health.c - grpc.health.v1.Health of a demo backend. Rules: grpc/grpc
 * doc/health-checking.md. */
#include "grpc/health.h"

#include "base/err.h"
#include "main/demo_service.h"

/* "" is the whole server. */
static const char *const health_services[] = { "", "helloworld.Greeter",
                                               "outrigger.demo.Echo" };

static enum health_status
health_now(const struct demo_service *s)
{
    return s->serving ? HEALTH_SERVING : HEALTH_NOT_SERVING;
}

/* The service that a request asks for; false: the call was ended. */
static bool
health_read(struct grpc_call *call, struct slice message, bool *ret_known)
{
    struct strbuf name;
    bool known = false;

    strbuf_init(&name, GRPC_SERVER_MESSAGE_MAX);
    if (health_request_decode(message, &name) != 0) {
        demo_call_bad_message(call);
        strbuf_done(&name);
        return false;
    }
    for (size_t i = 0; i < ARRAY_LEN(health_services); i++)
        known |= slice_eq_str(slice_make(name.s, name.len), health_services[i]);
    strbuf_done(&name);
    *ret_known = known;
    return true;
}

static void
health_send(struct grpc_call *call, enum health_status status)
{
    struct strbuf message;

    strbuf_init(&message, 64);
    health_response_encode(status, &message);
    demo_call_send(call, &message);
}

void
demo_health_check(struct grpc_call *call, struct slice message)
{
    bool known;

    if (!health_read(call, message, &known))
        return;
    if (known)
        health_send(call, health_now(grpc_call_arg(call)));
    else
        grpc_call_finish(call, GRPC_NOT_FOUND, "unknown service");
}

void
demo_health_list(struct grpc_call *call, struct slice message)
{
    struct health_entry entries[ARRAY_LEN(health_services)];
    struct strbuf answer;

    (void)message; /* HealthListRequest is empty */
    for (size_t i = 0; i < ARRAY_LEN(health_services); i++)
        entries[i] =
            (struct health_entry){ health_services[i], health_now(grpc_call_arg(call)) };
    strbuf_init(&answer, 4096);
    health_list_encode(entries, ARRAY_LEN(entries), &answer);
    demo_call_send(call, &answer);
}

/* The status now, and each change as long as the client listens. */
void
demo_health_watch(struct grpc_call *call, struct slice message)
{
    struct demo_service *s = grpc_call_arg(call);
    struct demo_call *c = demo_call_get(call);
    bool known;

    if (!health_read(call, message, &known))
        return;
    health_send(call, known ? health_now(s) : HEALTH_SERVICE_UNKNOWN);
    if (known)
        list_append(&s->watchers, &c->watch);
}

void
demo_service_stop(struct demo_service *s)
{
    struct list *n;

    s->serving = false;
    while ((n = list_pop(&s->watchers))) {
        struct demo_call *c = CONTAINER_OF(n, struct demo_call, watch);

        health_send(c->call, HEALTH_NOT_SERVING);
        grpc_call_finish(c->call, GRPC_UNAVAILABLE, "this backend stops");
    }
}
