/* SPDX-License-Identifier: Apache-2.0 */
/* grpc/health_service.h - the service grpc.health.v1.Health on a grpc_server: Check, Watch and List (grpc/grpc doc/health-checking.md, gRFC A90). Its owner says which names
 * there are and how they are; the methods of its table call in here. A watcher that does not take its answers is not sent more of them: it gets the newest
 * status when it has. Everything belongs to the loop's thread of the server. */
#ifndef OUTRIGGER_GRPC_HEALTH_SERVICE_H
#define OUTRIGGER_GRPC_HEALTH_SERVICE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/list.h"
#include "base/slice.h"
#include "grpc/health.h"

struct grpc_call;

enum { HEALTH_NAME_MAX = 192 }; /* bytes of a service's name; longer ones are unknown */

struct health_service_ops {
    /* HEALTH_SERVICE_UNKNOWN: there is none of this name. Called often: cheap. */
    enum health_status (*status)(void *arg, const char *service);
    /* Writes the i-th name of a List answer to out. False: there are no more. */
    bool (*name)(void *arg, size_t i, char out[HEALTH_NAME_MAX + 1]);
};

struct health_service {
    const struct health_service_ops *ops;
    void *arg;
    size_t max_watchers; /* one more is RESOURCE_EXHAUSTED; 0: no limit */
    size_t watcher_count;
    struct list watchers;
};

struct health_watch { /* state of a call of Watch; zeroed is fine */
    struct list link;
    struct health_service *service; /* NULL: it does not watch (yet) */
    struct grpc_call *call;
    enum health_status told;
    bool
        impossible; /* nobody can have the name; the call stays open, as for other unknown ones */
    char name[HEALTH_NAME_MAX + 1];
};

void health_service_init(struct health_service *s, const struct health_service_ops *ops,
                         void *arg, size_t max_watchers);
/* The one message of a request of each method. */
void health_service_check(struct health_service *s, struct grpc_call *call,
                          struct slice message);
void health_service_list(struct health_service *s, struct grpc_call *call);
void health_service_watch(struct health_service *s, struct health_watch *w,
                          struct grpc_call *call, struct slice message);
/* The call of a Watch is over. */
void health_watch_done(struct health_watch *w);
/* Statuses may have changed: tells who has not heard. */
void health_service_tell(struct health_service *s);
/* Tells, and ends every Watch with UNAVAILABLE and this text. */
void health_service_end(struct health_service *s, const char *text);

#endif
