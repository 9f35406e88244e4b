/* SPDX-License-Identifier: Apache-2.0 */
/* main/demo_service.h - the services of a demo backend: helloworld.Greeter,
 * outrigger.demo.Echo, grpc.health.v1.Health and server reflection.  They are real ones:
 * nothing is remembered or faked, any gRPC client may call them.  Backend thread only. */
#ifndef OUTRIGGER_MAIN_DEMO_SERVICE_H
#define OUTRIGGER_MAIN_DEMO_SERVICE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/compat.h"
#include "base/rand.h"
#include "base/slice.h"
#include "base/strbuf.h"
#include "grpc/health_service.h"
#include "grpc/server.h"
#include "loop/timer.h"

struct reflection;

enum {
    DEMO_NAME_MAX = 16,
    DEMO_REPLIES_DEFAULT = 3,
    DEMO_REPLIES_MAX = 10000,
    DEMO_DELAY_MAX_MS = 60000,
};

struct demo_service { /* of one backend */
    char name[DEMO_NAME_MAX];
    unsigned fail_one_in; /* one call in so many ends UNAVAILABLE on purpose; 0: none */
    bool serving;
    struct rng rng;
    struct health_service health;
    const struct reflection *reflection; /* shared by all */
};

struct demo_call { /* state of one call */
    struct grpc_call *call;
    struct health_watch watch;
    struct timer timer; /* next reply of Echo */
    bool begun;         /* the first message was seen */
    struct strbuf text;
    uint32_t replies, sent, delay_ms;
    uint32_t messages; /* that came from the client */
};

/* All methods of all services. */
extern const struct grpc_method demo_methods[];
extern const size_t demo_method_count;

void
demo_service_init(struct demo_service *s, unsigned number, const struct reflection *r);
/* Tells everybody who watches that this backend stops serving, and ends those calls. */
void demo_service_stop(struct demo_service *s);

/* For the services: the state of a call, made ready by its first use. */
struct demo_call *demo_call_get(struct grpc_call *call);
/* Called for the first message of calls to Greeter and Echo: true when this call fails on
 * purpose (it is ended then). */
bool demo_call_fails(struct grpc_call *call);
void demo_call_gone(struct grpc_call *call);
/* Sends what an encoder wrote to `message` and frees it; text over the cap ends the call.
 */
void demo_call_send(struct grpc_call *call, struct strbuf *message);
void demo_call_bad_message(struct grpc_call *call);
void demo_finish_ok(struct grpc_call *call);

/* demo_echo.c */
void demo_echo_unary(struct grpc_call *call, struct slice message);
void demo_echo_server_stream(struct grpc_call *call, struct slice message);
void demo_echo_client_stream(struct grpc_call *call, struct slice message);
void demo_echo_client_stream_end(struct grpc_call *call);
void demo_echo_bidi(struct grpc_call *call, struct slice message);
void demo_echo_more(struct grpc_call *call);

/* demo_health.c */
extern const struct health_service_ops demo_health_ops;
void demo_health_check(struct grpc_call *call, struct slice message);
void demo_health_list(struct grpc_call *call, struct slice message);
void demo_health_watch(struct grpc_call *call, struct slice message);

#endif
