/* SPDX-License-Identifier: Apache-2.0 */
/* main/process.c - wires the proxy together and takes it apart again. */
#include "main/process.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "admin/admin.h"
#include "admin/rpc.h"
#include "admin/tail_page.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/log.h"
#include "base/rand.h"
#include "base/slab.h"
#include "base/strbuf.h"
#include "base/xalloc.h"
#include "conf/snapshot.h"
#include "h2/conn.h"
#include "loop/loop.h"
#include "loop/signal.h"
#include "loop/timer.h"
#include "main/config.h"
#include "main/control_pages.h"
#include "main/cpus.h"
#include "main/endpoint_action.h"
#include "main/explain_page.h"
#include "main/generation.h"
#include "main/handover.h"
#include "main/leave.h"
#include "main/live.h"
#include "main/notify.h"
#include "main/pools.h"
#include "main/process_channelz.h"
#include "main/process_descriptors.h"
#include "main/process_int.h"
#include "main/reload.h"
#include "main/swap.h"
#include "main/takeover.h"
#include "net/sockets.h"
#include "net/tls_store.h"
#include "proxy/front.h"
#include "proxy/listener_conf.h"
#include "proxy/server.h"
#include "proxy/shared.h"
#include "proxy/worker.h"

enum { CONTROL_BUF_KEEP = 64 * 1024, PROBLEMS_MAX = 64 * 1024 };

static void
process_on_signal(void *arg, int signum)
{
    (void)signum;
    process_drain(arg);
}

/* --- start ----------------------------------------------------------------------------- */

static void
process_limits(struct process *p)
{
    const struct process_limits_conf *l = &p->conf->limits;
    struct rlimit files;

    p->shared.max_connections = l->max_connections;
    if (l->max_connections == 0 && getrlimit(RLIMIT_NOFILE, &files) == 0 &&
        files.rlim_cur != RLIM_INFINITY)
        p->shared.max_connections = (unsigned)(files.rlim_cur / 2);
    p->shared.max_buffered_bytes = l->max_buffered_bytes;
    p->shared.max_replay_bytes = l->max_replay_bytes;
    p->shared.workers = (unsigned)p->worker_count;
    p->shared.main_stats = &p->main_stats;
    p->shared.main_loop = p->loop;
}

/* Blocks of counters: of the workers, of the main thread, and of the one that writes access logs. */
static size_t
process_stats(const struct process *p)
{
    return p->worker_count + 2;
}

static void
process_workers(struct process *p)
{
    p->worker_count = p->conf->workers ? p->conf->workers : cpus_allowed();
    process_limits(p);
    p->workers = xcalloc(p->worker_count, sizeof(struct worker *));
    p->stats = xcalloc(process_stats(p), sizeof(struct stats *));
    for (size_t i = 0; i < p->worker_count; i++) {
        p->workers[i] = worker_new((int)i, &p->shared);
        p->stats[i] = &p->workers[i]->stats;
    }
    p->stats[p->worker_count] = &p->main_stats;
    filter_store_init(&p->filters, p->loop, &p->main_stats, (unsigned)p->worker_count);
    process_watch_open(p);
    process_metrics_open(p, process_stats(p));
}

/* What the control plane needs to speak HTTP/2 itself: checks, Kubernetes. */
static void
process_control(struct process *p)
{
    p->slab = slab_new();
    p->bufs = buf_pool_new(CONTROL_BUF_KEEP);
    p->h2 = h2_worker_new(p->loop, p->slab, p->bufs, &p->main_stats);
    rng_seed_system(&p->rng);
    list_init(&p->swaps);
    list_init(&p->leaving);
    list_init(&p->dead_pools);
    timer_init(&p->leave_timer, leave_on_timer);
    timer_init(&p->dead_timer, pools_on_dead_timer);
}

/* Each line of the text is a problem: a line of the log. */
static void
process_log_problems(char *text)
{
    char *rest = NULL;

    for (char *line = text ? strtok_r(text, "\n", &rest) : NULL; line;
         line = strtok_r(NULL, "\n", &rest))
        log_at(NULL, LOG_ERROR, "cannot listen", LS("why", line));
}

static bool
process_first_generation(struct process *p)
{
    struct generation_news news;
    struct strbuf problems;
    int rv;

    strbuf_init(&problems, PROBLEMS_MAX);
    rv = generation_apply(p, p->conf, p->version, NULL, &news, &problems);
    if (rv != ERR_OK)
        process_log_problems(problems.s);
    strbuf_done(&problems);
    return rv == ERR_OK;
}

static bool
process_admin(struct process *p, bool required)
{
    const char *listen = p->conf->admin.listen, *why = "";
    struct addr at;
    bool owns = true;
    int fd;

    if (strcmp(listen, "off") == 0)
        return true;
    fd = process_take_socket(p, listen, &owns);
    if (addr_parse(listen, true, &at, &why) == ERR_OK &&
        admin_open(p->loop, &at, fd, owns, p->stats, process_stats(p), &p->admin, &why) ==
            ERR_OK) {
        admin_set_pools(p->admin, p->hubs, p->hub_count);
        admin_set_metrics(p->admin, p->metrics);
        admin_set_tls(p->admin, p->tls);
        admin_set_counters(p->admin, &p->main_stats);
        p->admin_rpc = admin_rpc_open(p->admin, p->h2);
        process_descriptors_read(p);
        process_drain_pages(p);
        process_watch_pages(p);
        explain_page_open(p);
        endpoint_action_open(p);
        p->control = control_open(p);
        p->live = live_open(p);
        p->channelz = process_channelz_open(p);
        return true;
    }
    log_at(NULL, required ? LOG_ERROR : LOG_WARN,
           required ? "cannot open the admin port"
                    : "no admin port: the default address is taken; set admin.listen",
           LS("address", listen), LS("why", why));
    return !required;
}

static void
process_signals(struct process *p)
{
    static const int ends[] = { SIGTERM, SIGINT, SIGQUIT };

    signal(SIGPIPE, SIG_IGN);
    for (size_t i = 0; i < ARRAY_LEN(ends); i++)
        p->signals[i] = signal_watch_open(p->loop, ends[i], process_on_signal, p);
}

/* The workers are gone: what they and the pools posted here is run or thrown away. */
static void
process_free_generation(struct process *p)
{
    timer_stop(p->loop, &p->leave_timer);
    loop_turn(p->loop, false);
    swap_free_all(p);
    generation_free(p);
    timer_stop(p->loop, &p->dead_timer);
    loop_turn(p->loop, false);
    process_watch_close(p);
    h2_worker_free(p->h2);
    pools_on_dead_timer(&p->dead_timer);
}

static void
process_free(struct process *p)
{
    process_watch_last(p);
    drain_stop(&p->drain);
    timer_stop(p->loop, &p->mirror);
    notify_stop(p->notify);
    if (p->takeover) /* the start failed: the admin port's file stays with its owner */
        admin_leave(p->admin);
    takeover_drop(p->takeover);
    handover_close(p->handover);
    reload_close(p->reload);
    control_close(p->control);
    tail_page_close(p->tail);
    process_channelz_close(p->channelz);
    live_close(p->live);
    admin_close(p->admin);
    process_probe_close(p);
    process_metrics_close(p);
    /* Workers first: their connections count down in the servers. But a server that accepts on a worker's loop lets go of it before. */
    for (size_t i = 0; i < p->server_count && p->drain.phase == DRAIN_SERVING; i++)
        server_stop(p->servers[i]);
    pools_leave(p); /* their loops go, and the main loop turns once more */
    p->ending =
        true; /* a worker may drop the last hold of a table: nothing can be posted to those that are gone */
    for (size_t i = 0; i < p->worker_count; i++)
        worker_join(p->workers[i]);
    notify_close(p->notify);
    sockets_free(p->inherited);
    process_free_generation(p);
    process_probe_free(p);
    admin_rpc_free(p->admin_rpc);
    process_channelz_free(p->channelz);
    filter_store_done(&p->filters);
    tls_store_free(p->tls);
    /* Last: with its watch gone a further signal would turn a clean exit into an unclean one. */
    for (size_t i = 0; i < ARRAY_LEN(p->signals); i++)
        signal_watch_close(p->signals[i]);
    signal_watch_close(p->usr1);
    loop_free(p->loop);
    buf_pool_free(p->bufs);
    slab_free(p->slab);
    conf_drop(p->snapshot);
    xfree(p->workers);
    xfree(p->stats);
    xfree(p);
}

static void
process_begin(struct process *p)
{
    for (size_t i = 0; i < p->server_count; i++)
        server_start(p->servers[i]);
    for (size_t i = 0; i < p->worker_count; i++)
        worker_start(p->workers[i]);
    p->started = true;
    for (size_t i = 0; i < p->server_count; i++) {
        char text[ADDR_TEXT_MAX];

        log_at(NULL, LOG_INFO, "listening",
               LS("listener", p->servers[i]->front->conf->name),
               LS("address", addr_print(&p->servers[i]->addr, text)));
    }
    process_probe_start(p);
    log_at(NULL, LOG_INFO, "ready", LI("workers", p->worker_count));
    process_upgrade_ready(p);
}

struct process *
process_start(struct conf_snapshot *snapshot, const struct config_source *source,
              bool admin_required)
{
    struct process *p = xcalloc(1, sizeof(*p));

    p->snapshot = conf_hold(snapshot);
    p->conf = conf_root(snapshot);
    p->version = 1;
    p->loop = loop_new(NULL);
#ifdef OUT_SANITIZED
    /* ThreadSanitizer makes room for a thread's signals inside its first call that may
     * block, and loses a signal that comes right then. So let that be now, when nobody
     * knows us yet, not behind "ready". */
    loop_turn(p->loop, false);
#endif
    p->tls = tls_store_new(p->loop, &p->main_stats);
    p->notify = notify_open(p->loop);
    process_drain_init(p);
    process_signals(p);
    process_control(p);
    process_workers(p);
    if (!process_inherit(p) || !process_first_generation(p) ||
        !process_admin(p, admin_required) || !process_probe_open(p) ||
        !process_upgrade_open(p)) {
        process_free(p);
        return NULL;
    }
    if (source)
        p->reload = reload_open(p, source);
    else
        reload_none_open(p);
    process_begin(p);
    return p;
}

int
process_run(struct process *p)
{
    loop_run(p->loop);
    process_free(p);
    log_at(NULL, LOG_INFO, "stopped");
    return EXIT_SUCCESS;
}

struct loop *
process_loop(struct process *p)
{
    return p->loop;
}

const struct addr *
process_listen_addr(const struct process *p, size_t i)
{
    return &p->servers[i]->addr;
}
