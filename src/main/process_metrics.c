/* SPDX-License-Identifier: Apache-2.0 */
/* main/process_metrics.c - the page of metrics of the process: what is on it beside the counters of the workers. */
#include <stdatomic.h>
#include <stdio.h>

#include "admin/metrics_page.h"
#include "base/buf.h"
#include "base/slab.h"
#include "base/strbuf.h"
#include "base/xalloc.h"
#include "filter/bucket_table.h"
#include "filter/services.h"
#include "loop/loop.h"
#include "main/libraries.h"
#include "main/process_int.h"
#include "net/listener.h"
#include "net/tls_store.h"
#include "obs/rpc_metrics.h"
#include "obs/self.h"
#include "proxy/front.h"
#include "proxy/listener_conf.h"
#include "proxy/server.h"
#include "proxy/worker.h"
#include "upstream/hub_metrics.h"

static void
metrics_of_calls(void *arg, struct prom *out)
{
    const struct process *p = arg;

    services_print(p->filters.env.services, out);
}

static void
listener_begin(const struct process *p, size_t i, struct prom *out)
{
    prom_begin(out);
    prom_label_text(out, "listener", p->servers[i]->front->conf->name);
}

static void
metrics_of_listeners(void *arg, struct prom *out)
{
    const struct process *p = arg;

    prom_family(out, "outrigger_listener_ready", PROM_GAUGE,
                "New clients should be sent to this listener: the process does not drain "
                "and, with mirrorGoaway, the application does not go away.");
    for (size_t i = 0; i < p->server_count; i++) {
        listener_begin(p, i, out);
        prom_value(out, process_server_ready(p, p->servers[i]));
    }
    prom_family(out, "outrigger_listener_connections", PROM_GAUGE,
                "Open client connections of a listener.");
    for (size_t i = 0; i < p->server_count; i++) {
        listener_begin(p, i, out);
        prom_value(out, atomic_load(&p->servers[i]->connections));
    }
    prom_family(out, "outrigger_accept_failures_total", PROM_COUNTER,
                "Times that accepting failed because file descriptors or memory ran out, "
                "on all ports; each closes one of the clients that wait.");
    prom_begin(out);
    prom_value(out, listener_all_failures());
}

/* --- threads and memory --------------------------------------------------------------- */

/* Thread i: a worker, or behind the last one the main thread. */
static struct loop *
thread_loop(const struct process *p, size_t i)
{
    return i < p->worker_count ? p->workers[i]->loop : p->loop;
}

static void
thread_begin(const struct process *p, size_t i, struct prom *out)
{
    char number[32];

    snprintf(number, sizeof(number), "worker-%zu", i);
    prom_begin(out);
    prom_label_text(out, "thread", i < p->worker_count ? number : "main");
}

static void
metrics_of_threads(void *arg, struct prom *out)
{
    const struct process *p = arg;
    struct loop_load load;

    prom_family(out, "outrigger_loop_lag_seconds", PROM_GAUGE,
                "The longest turn of a thread's event loop in the last 10 to 20 seconds: "
                "so long had to wait what became ready meanwhile.");
    for (size_t i = 0; i <= p->worker_count; i++) {
        loop_load_read(thread_loop(p, i), &load);
        thread_begin(p, i, out);
        prom_seconds(out, load.worst_us);
    }
    prom_family(out, "outrigger_loop_busy_seconds_total", PROM_COUNTER,
                "Time that a thread's event loop spent working, and not waiting.");
    for (size_t i = 0; i <= p->worker_count; i++) {
        loop_load_read(thread_loop(p, i), &load);
        thread_begin(p, i, out);
        prom_seconds(out, load.busy_us);
    }
}

enum { OWNERS = 4 };

static void
memory_add(const struct slab *slab, const struct buf_pool *bufs, size_t of[OWNERS])
{
    size_t live = slab_bytes_live(slab), held = slab_bytes_held(slab);

    of[0] += buf_pool_live(bufs);
    of[1] += buf_pool_spare(bufs);
    of[2] += live;
    of[3] += held > live ? held - live : 0; /* read one after the other */
}

static void
memory_print(struct prom *out, const char *owner, size_t bytes)
{
    prom_begin(out);
    prom_label_text(out, "owner", owner);
    prom_value(out, (int64_t)bytes);
}

/* Parts of a level are read one after the other: for a moment the sum may be below 0. */
static size_t
level(const struct process *p, enum stat_id id)
{
    int64_t sum = 0;

    for (size_t i = 0; i < p->worker_count + 2; i++)
        sum += stat_get(p->stats[i], id);
    return sum > 0 ? (size_t)sum : 0;
}

static void
metrics_of_memory(void *arg, struct prom *out)
{
    static const char *const owners[OWNERS] = { "payload", "payload_spare", "objects",
                                                "objects_spare" };
    const struct process *p = arg;
    const struct filter_services *s = p->filters.env.services;
    const struct services_memory m = services_memory(s);
    size_t of[OWNERS] = { 0 };

    for (size_t i = 0; i < p->worker_count; i++)
        memory_add(p->workers[i]->slab, p->workers[i]->bufs, of);
    memory_add(p->slab, p->bufs, of);
    prom_family(
        out, "outrigger_memory_bytes", PROM_GAUGE,
        "Memory that grows with the load, by owner: payload that waits, objects "
        "(connections, calls, headers, HPACK tables), what both keep for later; "
        "counts of calls by method; what waits to be written or sent: lines of "
        "access logs and of /tail, spans, pushed metrics; records of failed "
        "calls; what filters keep: verified tokens, answers of extAuthz, buckets of "
        "rateLimit.");
    for (size_t i = 0; i < OWNERS; i++)
        memory_print(out, owners[i], of[i]);
    memory_print(out, "call_metrics", rpc_metrics_bytes(s->metrics));
    memory_print(out, "access_log", m.access_log);
    memory_print(out, "tail", m.tail);
    memory_print(out, "spans", m.spans);
    memory_print(out, "metrics_push", m.metrics_push);
    memory_print(out, "failed_calls", m.failed_calls);
    memory_print(out, "jwt_cache", level(p, STAT_JWT_CACHE_BYTES));
    memory_print(out, "ext_authz_cache", level(p, STAT_AUTHZ_CACHE_BYTES));
    memory_print(out, "rate_limit", level(p, STAT_RATE_KEYS) * BUCKET_KEY_BYTES);
}

static void
metrics_of_pools(void *arg, struct prom *out)
{
    const struct process *p = arg;

    hub_metrics(p->hubs, p->hub_count, out);
}

void
process_metrics_open(struct process *p, size_t blocks)
{
    p->metrics = metrics_page_new(p->stats, blocks);
    metrics_page_add(p->metrics, tls_store_metrics, p->tls);
    metrics_page_add(p->metrics, metrics_of_listeners, p);
    metrics_page_add(p->metrics, metrics_of_pools, p);
    metrics_page_add(p->metrics, metrics_of_threads, p);
    metrics_page_add(p->metrics, metrics_of_memory, p);
    metrics_page_add(p->metrics, metrics_of_calls, p);
    metrics_page_add(p->metrics, self_metrics, NULL);
    metrics_page_add(p->metrics, libraries_metrics, NULL);
}

void
process_metrics_text(void *process, struct strbuf *out)
{
    const struct process *p = process;

    metrics_page_text(p->metrics, out);
}

void
process_metrics_close(struct process *p)
{
    metrics_page_free(p->metrics);
    p->metrics = NULL;
}
