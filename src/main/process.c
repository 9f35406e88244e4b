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
#include "base/buf.h"
#include "base/err.h"
#include "base/log.h"
#include "base/rand.h"
#include "base/slab.h"
#include "base/xalloc.h"
#include "h2/conn.h"
#include "loop/loop.h"
#include "loop/signal.h"
#include "loop/timer.h"
#include "main/config.h"
#include "main/cpus.h"
#include "main/process_int.h"
#include "net/tls_store.h"
#include "proxy/listener_conf.h"
#include "proxy/server.h"
#include "proxy/shared.h"
#include "proxy/worker.h"
#include "upstream/hub.h"
#include "upstream/pool_conf.h"

enum { CONTROL_BUF_KEEP = 64 * 1024 };

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
}

static void
process_workers(struct process *p)
{
    p->worker_count = p->conf->workers ? p->conf->workers : cpus_allowed();
    process_limits(p);
    p->workers = xcalloc(p->worker_count, sizeof(struct worker *));
    p->stats = xcalloc(p->worker_count + 1, sizeof(struct stats *));
    for (size_t i = 0; i < p->worker_count; i++) {
        p->workers[i] =
            worker_new((int)i, &p->shared, p->conf->pools.items, p->conf->pools.n);
        p->stats[i] = &p->workers[i]->stats;
    }
    p->stats[p->worker_count] = &p->main_stats;
}

/* One hub per pool follows its targets; each worker's pool follows the hub. */
static void
process_hubs(struct process *p)
{
    const struct pool_conf *pools = p->conf->pools.items;

    p->slab = slab_new();
    p->bufs = buf_pool_new(CONTROL_BUF_KEEP);
    p->h2 = h2_worker_new(p->loop, p->slab, p->bufs, &p->main_stats);
    rng_seed_system(&p->rng);
    p->hubs = xcalloc(p->conf->pools.n, sizeof(struct hub *));
    for (size_t i = 0; i < p->conf->pools.n; i++) {
        p->hubs[i] = hub_new(p->loop, p->h2, &p->rng, p->tls, &pools[i], p->worker_count);
        p->hub_count++;
        for (size_t k = 0; k < p->worker_count; k++)
            hub_attach(p->hubs[i], k, p->workers[k]->pools[i]);
    }
}

static void
process_free_hubs(struct process *p)
{
    for (size_t i = 0; i < p->hub_count; i++)
        hub_free(p->hubs[i]);
    h2_worker_free(p->h2);
    xfree(p->hubs);
}

static bool
process_servers(struct process *p)
{
    const struct listener_conf *l = p->conf->listeners.items;
    struct loop *loop = p->worker_count == 1 ? p->workers[0]->loop : p->loop;
    const char *why = "";

    p->servers = xcalloc(p->conf->listeners.n, sizeof(struct server *));
    for (size_t i = 0; i < p->conf->listeners.n; i++) {
        if (server_open(loop, &l[i], p->conf->pools.items, p->conf->pools.n, &p->shared,
                        p->workers, p->worker_count, &p->servers[i], &why) != ERR_OK) {
            log_at(NULL, LOG_ERROR, "cannot listen", LS("listener", l[i].name),
                   LS("address", l[i].listen), LS("why", why));
            return false;
        }
        p->server_count++;
    }
    return true;
}

static bool
process_admin(struct process *p, bool required)
{
    const char *listen = p->conf->admin.listen, *why = "";
    struct addr at;

    if (strcmp(listen, "off") == 0)
        return true;
    if (addr_parse(listen, true, &at, &why) == ERR_OK &&
        admin_open(p->loop, &at, p->stats, p->worker_count + 1, &p->admin, &why) ==
            ERR_OK) {
        admin_set_pools(p->admin, p->hubs, p->hub_count);
        admin_set_tls(p->admin, p->tls);
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

static void
process_free(struct process *p)
{
    timer_stop(p->loop, &p->timer);
    admin_close(p->admin);
    /* Workers first: their connections count down in the servers. But a server that accepts on a worker's loop lets go of it before. */
    for (size_t i = 0; i < p->server_count && p->phase == PHASE_SERVING; i++)
        server_stop(p->servers[i]);
    for (size_t i = 0; i < p->worker_count; i++)
        worker_join(p->workers[i]);
    process_free_hubs(p); /* after the workers, which ask them */
    for (size_t i = 0; i < p->server_count; i++)
        server_free(p->servers[i]);
    tls_store_free(p->tls);
    /* Last: with its watch gone a further signal would turn a clean exit into an unclean one. */
    for (size_t i = 0; i < ARRAY_LEN(p->signals); i++)
        signal_watch_close(p->signals[i]);
    loop_free(p->loop);
    buf_pool_free(p->bufs);
    slab_free(p->slab);
    xfree(p->servers);
    xfree(p->workers);
    xfree(p->stats);
    xfree(p);
}

struct process *
process_start(const struct config *conf, bool admin_required)
{
    struct process *p = xcalloc(1, sizeof(*p));

    p->conf = conf;
    p->loop = loop_new(NULL);
    p->tls = tls_store_new(p->loop, &p->main_stats);
    timer_init(&p->timer, process_drain_on_timer);
    process_signals(p);
    process_workers(p);
    process_hubs(p);
    if (!process_servers(p) || !process_admin(p, admin_required)) {
        process_free(p);
        return NULL;
    }
    for (size_t i = 0; i < p->server_count; i++)
        server_start(p->servers[i]);
    for (size_t i = 0; i < p->worker_count; i++)
        worker_start(p->workers[i]);
    for (size_t i = 0; i < p->server_count; i++) {
        char text[ADDR_TEXT_MAX];

        log_at(NULL, LOG_INFO, "listening", LS("listener", p->servers[i]->conf_name),
               LS("address", addr_print(&p->servers[i]->addr, text)));
    }
    log_at(NULL, LOG_INFO, "ready", LI("workers", p->worker_count));
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
