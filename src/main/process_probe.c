/* SPDX-License-Identifier: Apache-2.0 */
/* main/process_probe.c - what the probe port says of this process.
 *   alive    every worker's loop turned within probe.stallTimeout; the main thread's does, or it could not answer
 *   ready    alive, every listener is open and wants new clients (no drain, no application that goes away), the pools of readyWhen have usable endpoints
 *   started  it was alive, with open listeners and an answer from the sources of every pool, once. Whether endpoints are usable does not count: a sidecar must have started before its
 *            application is there */
#include <stdio.h>
#include <string.h>

#include "admin/probe.h"
#include "base/err.h"
#include "base/log.h"
#include "base/strbuf.h"
#include "base/xalloc.h"
#include "loop/loop.h"
#include "main/config.h"
#include "main/pools.h"
#include "main/process_int.h"
#include "main/pulse.h"
#include "net/addr.h"
#include "proxy/front.h"
#include "proxy/listener_conf.h"
#include "proxy/server.h"
#include "upstream/backend.h"
#include "upstream/hub.h"
#include "upstream/pool_conf.h"

enum { PULSE_US = 1000000, PULSE_MS = 1000, REASONS_MAX = 4096 };

struct probing {
    struct process *process;
    struct probe *probe;
    struct pulse *pulse; /* NULL: the workers do not run yet */
    struct timer timer;
    bool was_started;
    char listen[ADDR_TEXT_MAX + 1];
};

static bool
pool_is_up(const struct live_pool *pool)
{
    const struct backend_list *list = hub_list(pool->hub);

    for (size_t i = 0; list && i < list->n; i++) {
        if (backend_usable(list->rows[i].backend))
            return true;
    }
    return false;
}

/* --- what it asks ---------------------------------------------------------------------- */

static bool
process_alive(const struct process *p, struct strbuf *why)
{
    int64_t limit = p->conf->probe.stall_timeout_ms;
    const struct pulse *pulse = p->probing ? p->probing->pulse : NULL;
    int worker;

    if (!pulse || (int64_t)pulse_missed(pulse, &worker) * PULSE_MS < limit)
        return true;
    strbuf_printf(why, "worker %d hangs: its loop did not turn for %lld s\n", worker,
                  (long long)(limit / 1000));
    return false;
}

static bool
listeners_ready(const struct process *p, struct strbuf *why)
{
    bool good = true;

    if (p->drain.phase != DRAIN_SERVING) {
        strbuf_puts(why, p->drain.ending ? "the process drains and ends\n"
                                         : "the process drains, as an operator asked\n");
        return false;
    }
    for (size_t i = 0; i < p->server_count; i++) {
        if (process_server_ready(p, p->servers[i]))
            continue;
        good = false;
        strbuf_printf(why, "listener %s: the application behind it goes away\n",
                      p->servers[i]->front->conf->name);
    }
    return good;
}

static bool
pools_ready(const struct process *p, struct strbuf *why)
{
    const struct conf_list *list = &p->conf->probe.ready_when.pools;
    const struct probe_pool_conf *wanted = list->items;
    bool good = true;

    for (size_t i = 0; i < list->n; i++) {
        const struct live_pool *pool = pools_find(p, wanted[i].name);

        if (pool && pool_is_up(pool))
            continue;
        good = false;
        strbuf_printf(why, "pool %s has no usable endpoint\n", wanted[i].name);
    }
    return good;
}

/* The first list is there, or it was said why there is none. */
static bool
pools_answered(const struct process *p, struct strbuf *why)
{
    const struct pool_conf *pools = p->conf->pools.items;
    bool good = true;

    for (size_t i = 0; i < p->hub_count && i < p->conf->pools.n; i++) {
        if (hub_answered(p->hubs[i]))
            continue;
        good = false;
        strbuf_printf(why, "the endpoints of pool %s are not known yet\n", pools[i].name);
    }
    return good;
}

static bool
process_serves(const struct process *p, struct strbuf *why)
{
    bool good = p->started;

    if (!good)
        strbuf_puts(why, "the process starts\n");
    good &= process_alive(p, why);
    return good & listeners_ready(p, why);
}

static bool
probing_started(struct probing *g, struct strbuf *why)
{
    if (!g->was_started) {
        bool good = process_serves(g->process, why);

        g->was_started = good & pools_answered(g->process, why);
    }
    return g->was_started;
}

static bool
probing_good(void *arg, enum probe_what what, struct strbuf *why)
{
    struct probing *g = arg;
    bool good;

    if (what == PROBE_LIVE)
        return process_alive(g->process, why);
    if (what == PROBE_STARTUP)
        return probing_started(g, why);
    good = process_serves(g->process, why);
    return good & pools_ready(g->process, why);
}

bool
process_probe_good(struct process *p, enum probe_what what, struct strbuf *why)
{
    struct probing none = { .process = p };

    return probing_good(p->probing ? p->probing : &none, what, why);
}

bool
process_probe_ready(struct process *p, struct strbuf *why, bool *ret_started)
{
    struct probing *g = p->probing;

    *ret_started = g ? probing_started(g, why) : p->started;
    return *ret_started && (!g || probing_good(g, PROBE_READY, why));
}

static enum probe_pool
probing_pool(void *arg, const char *name)
{
    const struct probing *g = arg;
    const struct live_pool *pool = pools_find(g->process, name);

    if (!pool)
        return PROBE_POOL_UNKNOWN;
    return pool_is_up(pool) ? PROBE_POOL_UP : PROBE_POOL_DOWN;
}

static const char *
probing_pool_name(void *arg, size_t i)
{
    const struct process *p = ((const struct probing *)arg)->process;
    const struct pool_conf *pools = p->conf->pools.items;

    return i < p->conf->pools.n ? pools[i].name : NULL;
}

static const struct metrics_page *
probing_metrics(void *arg)
{
    const struct process *p = ((const struct probing *)arg)->process;

    return p->conf->probe.metrics ? p->metrics : NULL;
}

/* --- life ------------------------------------------------------------------------------ */

/* Each second, so that it counts as started although nobody asked in time. */
static void
probing_on_timer(struct timer *t)
{
    struct probing *g = CONTAINER_OF(t, struct probing, timer);
    struct strbuf why;

    (void)pulse_ask(g->pulse);
    strbuf_init(&why, REASONS_MAX);
    (void)probing_started(g, &why);
    strbuf_done(&why);
    timer_start(g->process->loop, t, PULSE_US);
}

bool
process_probe_open(struct process *p)
{
    static const struct probe_ops ops = {
        .good = probing_good,
        .pool = probing_pool,
        .pool_name = probing_pool_name,
        .metrics = probing_metrics,
    };
    const char *listen = p->conf->probe.listen, *why = "";
    struct probing *g;
    struct addr at;
    bool owns = true;
    int fd;

    if (strcmp(listen, "off") == 0)
        return true;
    g = xcalloc(1, sizeof(*g));
    g->process = p;
    timer_init(&g->timer, probing_on_timer);
    snprintf(g->listen, sizeof(g->listen), "%s", listen);
    fd = process_take_socket(p, listen, &owns);
    if (addr_parse(listen, true, &at, &why) != ERR_OK ||
        probe_open(p->h2, &at, fd, owns, &ops, g, &g->probe, &why) != ERR_OK) {
        log_at(NULL, LOG_ERROR, "cannot open the probe port", LS("probe.listen", listen),
               LS("why", why));
        xfree(g);
        return false;
    }
    p->probing = g;
    return true;
}

void
process_probe_start(struct process *p)
{
    struct probing *g = p->probing;
    char text[ADDR_TEXT_MAX];

    if (!g)
        return;
    g->pulse = pulse_new(p->workers, p->worker_count);
    probing_on_timer(&g->timer);
    probe_start(g->probe);
    log_at(NULL, LOG_INFO, "probes are answered",
           LS("address", addr_print(probe_addr(g->probe), text)));
}

void
process_probe_tell(struct process *p)
{
    if (p->probing)
        probe_tell(p->probing->probe);
}

const char *
process_probe_listen(const struct process *p)
{
    return p->probing ? p->probing->listen : "off";
}

int
process_probe_fd(const struct process *p, bool *ret_owns_file)
{
    return p->probing ? probe_fd(p->probing->probe, ret_owns_file) : -1;
}

void
process_probe_leave(struct process *p)
{
    if (p->probing)
        probe_leave(p->probing->probe);
}

void
process_probe_close(struct process *p)
{
    if (!p->probing)
        return;
    timer_stop(p->loop, &p->probing->timer);
    probe_close(p->probing->probe);
}

void
process_probe_free(struct process *p)
{
    if (!p->probing)
        return;
    probe_free(p->probing->probe);
    pulse_free(p->probing->pulse);
    xfree(p->probing);
    p->probing = NULL;
}
