/* SPDX-License-Identifier: Apache-2.0 */
/* main/generation.c - makes a config the current one. */
#include "main/generation.h"

#include <assert.h>
#include <string.h>

#include "base/err.h"
#include "base/log.h"
#include "base/strbuf.h"
#include "base/xalloc.h"
#include "conf/copy.h"
#include "loop/loop.h"
#include "main/leave.h"
#include "main/mirror.h"
#include "main/pools.h"
#include "main/process_int.h"
#include "main/swap.h"
#include "net/tls_store.h"
#include "proxy/front.h"
#include "proxy/listener_conf.h"
#include "proxy/server.h"
#include "proxy/table.h"

/* What becomes of one listener of the new config. */
struct plan {
    const struct listener_conf *conf;
    struct server *server;
    bool opened; /* by this plan */
};

/* --- listeners --------------------------------------------------------------------- */

static const struct listener_conf *
server_conf(const struct server *s)
{
    return s->front->conf;
}

static bool
listens_same(const char *a_text, const char *b_text)
{
    struct addr a, b;
    const char *why;

    if (strcmp(a_text, b_text) == 0)
        return true; /* also "fd:NAME" */
    return addr_parse(a_text, true, &a, &why) == ERR_OK &&
           addr_parse(b_text, true, &b, &why) == ERR_OK && addr_equal(&a, &b);
}

/* Takes a listener of this address out of `old`. Of several (port 0) the one with the name. */
static struct server *
server_take(struct server **old, size_t n, const struct listener_conf *conf)
{
    struct server *s;
    size_t best = n;

    for (size_t i = 0; i < n; i++) {
        if (!old[i] || !listens_same(server_conf(old[i])->listen, conf->listen))
            continue;
        if (best == n || strcmp(server_conf(old[i])->name, conf->name) == 0)
            best = i;
    }
    if (best == n)
        return NULL;
    s = old[best];
    old[best] = NULL;
    return s;
}

static struct loop *
accept_loop(const struct process *p)
{
    return p->worker_count == 1 ? p->workers[0]->loop : p->loop;
}

/* A socket that this very reload gives up is open until all workers have the new config, and it may have to stay open if the reload is refused: so an address
 * that overlaps it cannot be had in the same step. The listener of `left` that is in the way; NULL: none. */
static const struct listener_conf *
plan_in_the_way(const struct plan *plan, struct server *const *left, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (left[i] &&
            config_listens_clash(server_conf(left[i])->listen, plan->conf->listen))
            return server_conf(left[i]);
    }
    return NULL;
}

static bool
plan_open(struct process *p, struct plan *plan, struct server *const *left,
          struct strbuf *problems)
{
    const struct listener_conf *holder;
    const char *why = "";
    bool owns = true;
    int fd = process_take_socket(p, plan->conf->listen, &owns);

    if (server_open(accept_loop(p), plan->conf->listen, fd, owns, &p->shared, p->workers,
                    p->worker_count, &plan->server, &why) == ERR_OK) {
        plan->opened = true;
        return true;
    }
    holder = plan_in_the_way(plan, left, p->server_count);
    if (holder)
        strbuf_printf(problems,
                      "listener %s cannot listen on %s: listener %s holds %s until this "
                      "reload is done; do it in two steps: reload without both, then "
                      "with the new one\n",
                      plan->conf->name, plan->conf->listen, holder->name, holder->listen);
    else
        strbuf_printf(problems, "listener %s cannot listen on %s: %s\n", plan->conf->name,
                      plan->conf->listen, why);
    return false;
}

/* The reload is refused: what was bound is closed again, on the loop that would accept. */
static void
plans_undo(struct process *p, struct plan *plans, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (plans[i].opened)
            leave_unstarted(p, plans[i].server);
    }
}

static bool
plans_make(struct process *p, const struct config *conf, struct plan *plans,
           struct server **old, struct strbuf *problems)
{
    const struct listener_conf *l = conf->listeners.items;
    bool good = true;

    for (size_t i = 0; i < conf->listeners.n; i++) {
        plans[i].conf = &l[i];
        plans[i].server = server_take(old, p->server_count, &l[i]);
    }
    for (size_t i = 0; i < conf->listeners.n; i++) {
        if (!plans[i].server)
            good &= plan_open(p, &plans[i], old, problems);
    }
    if (!good)
        plans_undo(p, plans, conf->listeners.n);
    return good;
}

static struct table *
process_table(struct process *p, const struct listener_conf *conf, uint64_t version)
{
    struct table *t = table_new(conf, version, &p->filters, pools_slot, p);

    pools_table_made(p, t);
    return t;
}

/* NULL: plain text. */
static struct tls_keyring *
process_keyring(struct process *p, const struct listener_conf *conf)
{
    return conf->tls.on ? tls_store_server(p->tls, &conf->tls, conf->name) : NULL;
}

static void
plan_apply(struct process *p, const struct plan *plan, uint64_t version, struct swap *s,
           struct generation_news *news)
{
    struct server *server = plan->server;
    bool fresh = plan->opened;
    bool same_front = !fresh && front_is_same(server->front, plan->conf);
    bool same_table =
        !fresh && table_is_same(server->table, plan->conf, &p->filters, pools_slot, p);
    struct change_server change = { .server = server };

    if (same_front && same_table)
        return;
    news->listeners_new += fresh;
    news->listeners_changed += !fresh && !same_front;
    news->routes_changed += !fresh && !same_table;
    if (!same_front)
        change.front = front_new(plan->conf, addr_is_local(&server->addr), version,
                                 process_keyring(p, plan->conf));
    if (!same_table)
        change.table = process_table(p, plan->conf, version);
    server_set(server, change.front ? change.front : front_hold(server->front),
               change.table ? change.table : table_hold(server->table));
    change.start = fresh && p->started && p->worker_count == 1;
    swap_add_server(s, &change);
}

/* With several workers the main thread accepts; their messages are on the way before the first connection is. */
static void
plans_start(struct process *p, const struct plan *plans, size_t n)
{
    char text[ADDR_TEXT_MAX];

    for (size_t i = 0; i < n && p->started; i++) {
        if (!plans[i].opened)
            continue;
        if (p->worker_count > 1)
            server_start(plans[i].server);
        log_at(NULL, LOG_INFO, "listening", LS("listener", plans[i].conf->name),
               LS("address", addr_print(&plans[i].server->addr, text)));
    }
}

/* --- all --------------------------------------------------------------------------- */

static void
process_keep_servers(struct process *p, const struct plan *plans, size_t n)
{
    xfree(p->servers);
    p->servers = xcalloc(n + 1, sizeof(struct server *));
    p->server_count = n;
    for (size_t i = 0; i < n; i++)
        p->servers[i] = plans[i].server;
}

static void
generation_switch(struct process *p, const struct config *conf, uint64_t version,
                  const struct plan *plans, struct server **old,
                  void (*done)(struct swap *s), struct generation_news *news)
{
    struct swap *s = swap_new(p);

    process_watch_configure(p, conf);
    pools_apply(p, conf, s, news);
    for (size_t i = 0; i < conf->listeners.n; i++)
        plan_apply(p, &plans[i], version, s, news);
    for (size_t i = 0; i < p->server_count; i++) {
        if (old[i]) {
            news->listeners_gone++;
            leave_begin(p, old[i]);
        }
    }
    process_keep_servers(p, plans, conf->listeners.n);
    if (p->started)
        swap_post(s, done, NULL);
    else
        swap_apply_here(s);
    plans_start(p, plans, conf->listeners.n);
    mirror_begin(p);
    process_drain_again(p);
}

int
generation_apply(struct process *p, const struct config *conf, uint64_t version,
                 void (*done)(struct swap *s), struct generation_news *ret_news,
                 struct strbuf *problems)
{
    struct plan *plans = xcalloc(conf->listeners.n + 1, sizeof(*plans));
    struct server **old = xcalloc(p->server_count + 1, sizeof(struct server *));
    bool good;

    *ret_news = (struct generation_news){ 0 };
    for (size_t i = 0; i < p->server_count; i++)
        old[i] = p->servers[i];
    good = plans_make(p, conf, plans, old, problems);
    if (good)
        generation_switch(p, conf, version, plans, old, done, ret_news);
    xfree(plans);
    xfree(old);
    return good ? ERR_OK : ERR_SYS;
}

void
generation_print(const struct generation_news *n, struct strbuf *out)
{
    strbuf_printf(out,
                  "pools +%zu -%zu ~%zu, listeners +%zu -%zu ~%zu, routes of %zu "
                  "listener%s",
                  n->pools_new, n->pools_gone, n->pools_changed, n->listeners_new,
                  n->listeners_gone, n->listeners_changed, n->routes_changed,
                  n->routes_changed == 1 ? "" : "s");
}

void
generation_free(struct process *p)
{
    leave_free(p);
    for (size_t i = 0; i < p->server_count; i++)
        server_free(p->servers[i]);
    xfree(p->servers);
    pools_free(p);
}
