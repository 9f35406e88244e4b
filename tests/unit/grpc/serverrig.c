/* SPDX-License-Identifier: Apache-2.0 */
#include "serverrig.h"

#include <string.h>

#include "base/compat.h"
#include "net/transport.h"

struct world world;

static int64_t
world_now(void *arg)
{
    return *(int64_t *)arg;
}

/* ---- a service ---- */

static void
echo_on_message(struct grpc_call *call, struct slice message)
{
    grpc_call_send(call, message);
}

void
rig_finish_ok(struct grpc_call *call)
{
    grpc_call_finish(call, GRPC_OK, "");
}

static void
note_gone(struct grpc_call *call)
{
    (void)call;
    world.gone++;
}

static void
fail_on_message(struct grpc_call *call, struct slice message)
{
    (void)message;
    grpc_call_finish(call, GRPC_ABORTED, "100% \xc3\xa9");
}

static void
hang_on_message(struct grpc_call *call, struct slice message)
{
    (void)call, (void)message;
}

/* Sends 1 KiB messages for as long as the client takes them. */
static void
flood_more(struct grpc_call *call)
{
    static const char piece[1024];
    struct echo_state *s = grpc_call_state(call);

    while (s->left > 0 && grpc_call_queued(call) < GRPC_SERVER_QUEUE_HIGH) {
        grpc_call_send(call, slice_make(piece, sizeof(piece)));
        s->left--;
    }
    if (s->left == 0)
        grpc_call_finish(call, GRPC_OK, "");
}

static void
flood_on_message(struct grpc_call *call, struct slice message)
{
    struct echo_state *s = grpc_call_state(call);

    (void)message;
    s->left = 2000;
    flood_more(call);
}

const struct grpc_method rig_methods[RIG_METHODS] = {
    { .path = "/t.T/Unary",
      .on_message = echo_on_message,
      .on_half_close = rig_finish_ok,
      .on_gone = note_gone },
    { .path = "/t.T/Bidi",
      .client_streams = true,
      .on_message = echo_on_message,
      .on_half_close = rig_finish_ok,
      .on_gone = note_gone },
    { .path = "/t.T/Fail", .on_message = fail_on_message, .on_gone = note_gone },
    { .path = "/t.T/Hang", .on_message = hang_on_message, .on_gone = note_gone },
    { .path = "/t.T/Flood",
      .on_message = flood_on_message,
      .on_room = flood_more,
      .on_gone = note_gone },
};

static const struct grpc_server_conf server_conf = {
    .methods = rig_methods,
    .n_methods = ARRAY_LEN(rig_methods),
    .state_size = sizeof(struct echo_state),
    .backend_name = "unit",
    .limits = &world.limits,
};

static const struct grpc_client_conf client_conf = {
    .authority = "unit.test",
    .limits = &world.limits,
};

/* ---- the world around ---- */

void
turns(unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        loop_turn(world.loop, false);
}

/* step: most bytes per read and write. */
void
world_start_with(const struct grpc_server_conf *conf, size_t step)
{
    struct transport *a, *b;

    memset(&world, 0, sizeof(world));
    world.now_us = 1000000;
    world.clock = (struct clock_source){ .now_us = world_now, .arg = &world.now_us };
    world.loop = loop_new(&world.clock);
    world.slab = slab_new();
    world.bufs = buf_pool_new(0);
    world.h2 = h2_worker_new(world.loop, world.slab, world.bufs, &world.stats);
    h2_limits_default(&world.limits);
    world.server = grpc_server_new(world.h2, conf);
    world.client = grpc_client_new(world.h2, &client_conf);
    mempair_new(world.loop, world.loop, 1 << 16, step, &a, &b);
    grpc_server_take(world.server, a);
    grpc_client_take(world.client, b);
    turns(20);
}

void
world_start(size_t step)
{
    world_start_with(&server_conf, step);
}

void
world_stop(void)
{
    grpc_client_close(world.client);
    grpc_server_close(world.server);
    turns(20);
    h2_worker_free(world.h2);
    grpc_client_free(world.client);
    grpc_server_free(world.server);
    buf_pool_free(world.bufs);
    loop_free(world.loop);
    slab_free(world.slab);
}

static void
heard_on_message(struct grpc_client_call *call, void *arg, struct slice message)
{
    struct heard *h = arg;
    struct slice backend = grpc_client_metadata(call, "x-backend");

    h->messages++;
    h->bytes += message.n;
    snprintf(h->last, sizeof(h->last), "%.*s", (int)message.n, (const char *)message.p);
    snprintf(h->backend, sizeof(h->backend), "%.*s", (int)backend.n,
             (const char *)backend.p);
}

static void
heard_on_end(struct grpc_client_call *call, void *arg, enum grpc_code code,
             struct slice text)
{
    struct heard *h = arg;

    (void)call;
    h->ends++;
    h->code = code;
    snprintf(h->text, sizeof(h->text), "%.*s", (int)text.n, (const char *)text.p);
}

const struct grpc_client_ops heard_ops = { .on_message = heard_on_message,
                                           .on_end = heard_on_end };

struct grpc_client_call *
start(const char *path, int64_t timeout_us, struct heard *h)
{
    struct grpc_client_call *call = NULL;

    memset(h, 0, sizeof(*h));
    assert_int_equal(
        grpc_client_start(world.client, path, timeout_us, &heard_ops, h, &call), 0);
    return call;
}

/* One message up and half-close, then `n` turns. */
void
call_once(const char *path, struct slice message, unsigned n, struct heard *h)
{
    struct grpc_client_call *call = start(path, 0, h);

    grpc_client_send(call, message);
    grpc_client_half_close(call);
    turns(n);
}
