/* SPDX-License-Identifier: Apache-2.0 */
/* proxy/table.c - the routes of one listener, made from its config. */
#include "proxy/table.h"

#include <assert.h>
#include <stdatomic.h>
#include <string.h>

#include "base/xalloc.h"
#include "conf/copy.h"
#include "proxy/listener_conf.h"
#include "proxy/matcher.h"
#include "proxy/method_conf.h"
#include "proxy/route.h"
#include "proxy/table_int.h"
#include "proxy/worker.h"
#include "upstream/pool.h"

/* What does not change where calls go: the listener's front has it, but for the limit of messages. */
static const char *const front_keys[] = { "limits", "keepalive", "tls", "errorDetails",
                                          NULL };

static void
table_add_target(struct table *t, const struct to_conf *to, table_slot_fn *slot_of,
                 void *arg)
{
    t->targets[t->target_count++] = (struct table_target){
        .slot = slot_of(arg, to->pool),
        .selector = to->subset.n ? &to->subset : NULL,
    };
}

static void
table_add_targets(struct table *t, struct route *r, table_slot_fn *slot_of, void *arg)
{
    const struct to_conf *to = r->conf->to.items;

    r->target = (unsigned)t->target_count;
    r->target_count = (unsigned)r->conf->to.n;
    for (size_t i = 0; i < r->conf->to.n; i++)
        table_add_target(t, &to[i], slot_of, arg);
    if (r->acts & ACT_MIRROR)
        table_add_target(t, &r->conf->mirror.to, slot_of, arg);
}

static size_t
table_count_targets(const struct listener_conf *conf)
{
    const struct route_conf *r = conf->routes.items;
    size_t n = 0;

    for (size_t i = 0; i < conf->routes.n; i++)
        n += r[i].to.n + 1;
    return n;
}

static struct matcher *
table_matcher(const struct route_conf *r, size_t n)
{
    const struct match_conf **matches = xcalloc(n + 1, sizeof(*matches));
    struct matcher *m;

    for (size_t i = 0; i < n; i++)
        matches[i] = &r[i].match;
    m = matcher_new(matches, n);
    xfree(matches);
    return m;
}

struct table *
table_new(const struct listener_conf *conf, uint64_t version, struct filter_store *store,
          table_slot_fn *slot_of, void *arg)
{
    struct table *t = xcalloc(1, sizeof(*t));
    const struct route_conf *r;

    atomic_init(&t->holds, 1);
    t->copy = conf_copy_new(&listener_conf_struct, conf);
    t->conf = conf_copy_root(t->copy);
    t->version = version;
    t->route_count = t->conf->routes.n;
    t->routes = xcalloc(t->route_count + 1, sizeof(*t->routes));
    t->targets = xcalloc(table_count_targets(t->conf) + 1, sizeof(*t->targets));
    r = t->conf->routes.items;
    t->methods = method_table_new(&t->conf->method_config);
    t->matcher = table_matcher(r, t->route_count);
    for (size_t i = 0; i < t->route_count; i++) {
        route_init(&t->routes[i], &r[i], (unsigned)i, &t->conf->limits, t->methods);
        table_add_targets(t, &t->routes[i], slot_of, arg);
    }
    if (store)
        table_add_filters(t, store, slot_of, arg);
    return t;
}

struct table *
table_hold(struct table *t)
{
    atomic_fetch_add_explicit(&t->holds, 1, memory_order_relaxed);
    return t;
}

static void
table_free_hits(struct table *t)
{
    struct table_hits *next, *h = atomic_load(&t->hits);

    for (; h; h = next) {
        next = h->next;
        xfree(h);
    }
}

void
table_drop(struct table *t)
{
    if (!t || atomic_fetch_sub_explicit(&t->holds, 1, memory_order_acq_rel) != 1)
        return;
    if (t->gone)
        t->gone(t);
    for (size_t i = 0; i < t->route_count; i++)
        route_done(&t->routes[i]);
    table_drop_filters(t);
    table_free_hits(t);
    matcher_free(t->matcher);
    method_table_free(t->methods);
    conf_copy_drop(t->copy);
    xfree(t->routes);
    xfree(t->targets);
    xfree(t);
}

bool
table_is_same(const struct table *t, const struct listener_conf *conf,
              const struct filter_store *store, table_slot_fn *slot_of, void *arg)
{
    if (!conf_equal_but(&listener_conf_struct, t->conf, conf, front_keys) ||
        t->conf->limits.max_message_bytes != conf->limits.max_message_bytes ||
        (store && !table_has_same_filters(t, store, slot_of, arg)))
        return false;
    /* The same text, but a pool may be another one by now. */
    for (size_t i = 0; i < t->route_count; i++) {
        const struct route *r = &t->routes[i];
        const struct to_conf *to = r->conf->to.items;

        for (unsigned k = 0; k < r->target_count; k++) {
            if (t->targets[r->target + k].slot != slot_of(arg, to[k].pool))
                return false;
        }
        if (r->acts & ACT_MIRROR && t->targets[r->target + r->target_count].slot !=
                                        slot_of(arg, r->conf->mirror.to.pool))
            return false;
    }
    return true;
}

/* --- hits -------------------------------------------------------------------------- */

/* Other workers may add theirs meanwhile; this worker's own is there or not. */
static struct table_hits *
table_hits_of(struct table *t, unsigned worker)
{
    struct table_hits *head = atomic_load_explicit(&t->hits, memory_order_acquire), *h;

    for (h = head; h; h = h->next) {
        if (h->worker == worker)
            return h;
    }
    h = xcalloc_aligned(_Alignof(struct table_hits),
                        sizeof(*h) + table_hits_count(t) * sizeof(h->n[0]));
    h->worker = worker;
    do
        h->next = head;
    while (!atomic_compare_exchange_weak(&t->hits, &head, h));
    return h;
}

void
table_hits_get(const struct table *t, uint64_t *out)
{
    size_t n = table_hits_count(t);
    const struct table_hits *h;

    memset(out, 0, n * sizeof(*out));
    for (h = atomic_load_explicit(&t->hits, memory_order_acquire); h; h = h->next) {
        for (size_t i = 0; i < n; i++)
            out[i] += atomic_load_explicit(&h->n[i], memory_order_relaxed);
    }
}

/* --- use --------------------------------------------------------------------------- */

struct table_use *
table_use_new(struct table *t, struct worker *w)
{
    struct table_use *u =
        xcalloc(1, sizeof(*u) + t->target_count * sizeof(struct table_place));

    u->table = t;
    list_init(&u->link);
    for (size_t i = 0; i < t->target_count; i++) {
        struct pool *p = w->pools[t->targets[i].slot];

        u->targets[i].pool = p;
        u->targets[i].subset = pool_subset(p, t->targets[i].selector);
    }
    u->worker = (unsigned)w->index;
    u->hits = table_hits_of(t, u->worker);
    table_use_filters(t, w);
    return u;
}

struct table *
table_use_free(struct table_use *u)
{
    struct table *t = u->table;

    assert(u->calls == 0);
    table_unuse_filters(t, u->worker);
    for (size_t i = 0; i < t->target_count; i++)
        pool_subset_drop(u->targets[i].pool, u->targets[i].subset);
    list_remove(&u->link);
    xfree(u);
    return t;
}
