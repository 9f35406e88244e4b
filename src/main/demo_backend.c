/* SPDX-License-Identifier: Apache-2.0 */
/* main/demo_backend.c - three listeners, three servers, one thread. */
#include "main/demo_backend.h"

#include <stdio.h>

#include "base/err.h"
#include "base/xalloc.h"
#include "grpc/descriptors.h"
#include "grpc/reflection.h"
#include "grpc/server.h"
#include "loop/loop.h"
#include "main/demo_service.h"
#include "main/demo_thread.h"
#include "net/listener.h"
#include "net/transport.h"

/* Time for the last messages to leave before the connections close. */
static const int64_t DEMO_GOODBYE_US = 20 * 1000;

struct demo_backend {
    struct demo_service service;
    struct grpc_server_conf conf;
    struct grpc_server *server;
    struct listener *listener;
    struct addr addr;
    struct demo_backends *all;
};

struct demo_backends {
    struct demo_thread thread;
    struct reflection *reflection;
    struct timer goodbye;
    struct demo_backend each[DEMO_BACKENDS];
};

static void
backend_on_accept(void *arg, int fd, const struct addr *peer)
{
    struct demo_backend *b = arg;

    (void)peer;
    grpc_server_take(b->server, transport_from_fd(b->all->thread.loop, fd));
}

static int
backend_open(struct demo_backends *all, unsigned i, const char **ret_why)
{
    struct demo_backend *b = &all->each[i];
    struct addr at;
    int err;

    b->all = all;
    demo_service_init(&b->service, i + 1, all->reflection);
    if (i == DEMO_BACKENDS - 1)
        b->service.fail_one_in = DEMO_FAIL_ONE_IN;
    b->conf = (struct grpc_server_conf){
        .methods = demo_methods,
        .n_methods = demo_method_count,
        .state_size = sizeof(struct demo_call),
        .backend_name = b->service.name,
        .limits = &all->thread.limits,
        .arg = &b->service,
    };
    b->server = grpc_server_new(all->thread.h2, &b->conf);
    err = addr_parse("127.0.0.1:0", true, &at, ret_why);
    if (err == 0)
        err = listener_open(all->thread.loop, &at, backend_on_accept, b, &b->listener,
                            ret_why);
    if (err == 0)
        b->addr = *listener_addr(b->listener);
    return err;
}

static void
backends_free(struct demo_backends *b)
{
    for (unsigned i = 0; i < DEMO_BACKENDS; i++)
        listener_close(b->each[i].listener);
    demo_thread_done(&b->thread);
    for (unsigned i = 0; i < DEMO_BACKENDS; i++)
        grpc_server_free(b->each[i].server);
    reflection_free(b->reflection);
    xfree(b);
}

static void
backends_on_goodbye(struct timer *t)
{
    struct demo_backends *b = CONTAINER_OF(t, struct demo_backends, goodbye);

    for (unsigned i = 0; i < DEMO_BACKENDS; i++)
        grpc_server_close(b->each[i].server);
    loop_stop(b->thread.loop);
}

/* On the backends' thread: no new connections, the watchers are told, a moment later
 * everything closes. */
static void
backends_begin_stop(void *arg)
{
    struct demo_backends *b = arg;

    for (unsigned i = 0; i < DEMO_BACKENDS; i++) {
        listener_pause(b->each[i].listener);
        demo_service_stop(&b->each[i].service);
    }
    timer_start(b->thread.loop, &b->goodbye, DEMO_GOODBYE_US);
}

int
demo_backends_start(struct demo_backends **ret, const char **ret_why)
{
    struct demo_backends *b = xcalloc(1, sizeof(*b));
    int err;

    demo_thread_init(&b->thread);
    timer_init(&b->goodbye, backends_on_goodbye);
    *ret_why = "the embedded descriptors are broken: build outrigger again";
    err = reflection_new(descriptors_get(), &b->reflection);
    for (unsigned i = 0; i < DEMO_BACKENDS && err == 0; i++)
        err = backend_open(b, i, ret_why);
    if (err != 0) {
        backends_free(b);
        return err;
    }
    for (unsigned i = 0; i < DEMO_BACKENDS; i++)
        listener_start(b->each[i].listener);
    demo_thread_start(&b->thread);
    *ret = b;
    return 0;
}

const struct addr *
demo_backend_addr(const struct demo_backends *b, unsigned i)
{
    return &b->each[i].addr;
}

const char *
demo_backend_name(const struct demo_backends *b, unsigned i)
{
    return b->each[i].service.name;
}

void
demo_backends_stop(struct demo_backends *b)
{
    if (!b)
        return;
    loop_post(b->thread.loop, backends_begin_stop, b);
    demo_thread_join(&b->thread);
    backends_free(b);
}
