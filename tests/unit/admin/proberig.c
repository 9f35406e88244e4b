/* SPDX-License-Identifier: Apache-2.0 */
#include "proberig.h"

#include <string.h>

#include "admin/metrics_page.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/slab.h"
#include "base/strbuf.h"
#include "net/transport.h"

struct probe_world world;

static bool
world_good(void *arg, enum probe_what what, struct strbuf *why)
{
    (void)arg;
    if (!world.good[what])
        strbuf_puts(why, "the test says no\n");
    return world.good[what];
}

static enum probe_pool
world_pool(void *arg, const char *name)
{
    (void)arg;
    if (strcmp(name, "app") != 0)
        return PROBE_POOL_UNKNOWN;
    return world.pool_up ? PROBE_POOL_UP : PROBE_POOL_DOWN;
}

static const char *
world_pool_name(void *arg, size_t i)
{
    (void)arg;
    return i < world.pools ? "app" : NULL;
}

static const struct metrics_page *
world_metrics(void *arg)
{
    (void)arg;
    return world.page ? world.metrics : NULL;
}

/* More than a memory pair takes at once. */
static void
print_much(void *arg, struct prom *out)
{
    (void)arg;
    for (size_t i = 0; i < world.page; i++) {
        prom_family(out, "outrigger_test", PROM_GAUGE, "A series of the test.");
        prom_begin(out);
        prom_value(out, (int64_t)i);
    }
}

static const struct probe_ops ops = {
    .good = world_good,
    .pool = world_pool,
    .pool_name = world_pool_name,
    .metrics = world_metrics,
};

void
turns(unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        loop_turn(world.loop, false);
}

void
pass_ms(int64_t ms)
{
    for (; ms > 0; ms -= 50) {
        vclock_advance_ms(&world.clock, ms < 50 ? ms : 50);
        turns(3);
    }
}

static void
client_on(void *arg, int what)
{
    struct client *c = arg;
    ssize_t rv;

    if (!(what & TRANSPORT_READABLE))
        return;
    rv = transport_read(c->t, c->got + c->n, sizeof(c->got) - 1 - c->n);
    if (rv > 0)
        c->n += (size_t)rv;
    else if (rv != ERR_AGAIN)
        c->ended = true;
    transport_want(c->t, !c->ended && c->n < sizeof(c->got) - 1, false);
}

/* Client i connects. deaf: it reads nothing. */
struct client *
client_open(size_t i, bool deaf)
{
    struct client *c = &world.clients[i];
    struct transport *t;

    mempair_new(world.loop, world.loop, 8192, 0, &c->t, &t);
    transport_bind(c->t, client_on, c);
    if (!deaf)
        transport_want(c->t, true, false);
    probe_take(world.probe, t);
    turns(3);
    return c;
}

void
client_say(struct client *c, const char *text)
{
    const struct iovec v = { .iov_base = (void *)(uintptr_t)text,
                             .iov_len = strlen(text) };

    (void)transport_writev(c->t, &v, 1);
    turns(5);
}

int
world_start(void **state)
{
    (void)state;
    memset(&world, 0, sizeof(world));
    world.loop = loop_new(vclock_init(&world.clock));
    world.slab = slab_new();
    world.bufs = buf_pool_new(0);
    world.h2 = h2_worker_new(world.loop, world.slab, world.bufs, &world.stats);
    h2_limits_default(&world.limits);
    world.stats_list[0] = &world.stats;
    world.metrics = metrics_page_new(world.stats_list, 1);
    metrics_page_add(world.metrics, print_much, NULL);
    world.probe = probe_new(world.h2, &ops, NULL);
    world.pools = 1;
    memset(world.good, true, sizeof(world.good));
    return 0;
}

int
world_stop(void **state)
{
    (void)state;
    for (size_t i = 0; i < CLIENTS_MAX; i++)
        transport_close(world.clients[i].t);
    probe_close(world.probe);
    probe_close(world.probe);
    turns(20);
    h2_worker_free(world.h2);
    probe_free(world.probe);
    metrics_page_free(world.metrics);
    assert_int_equal(stat_get(&world.stats, STAT_PROBE_OPEN), 0);
    buf_pool_free(world.bufs);
    loop_free(world.loop);
    slab_free(world.slab);
    return 0;
}
