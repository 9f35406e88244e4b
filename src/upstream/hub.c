/* SPDX-License-Identifier: Apache-2.0 */
/* upstream/hub.c - the control side of a pool: sources in, lists and marks out. */
#include "upstream/hub.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/rand.h"
#include "base/xalloc.h"
#include "loop/loop.h"
#include "net/tls_store.h"
#include "upstream/health.h"
#include "upstream/hub_int.h"
#include "upstream/outlier.h"
#include "upstream/pool_int.h"

/* hub->ask: asked for and not yet passed on; passed on less than a second ago; and asked for once more since. */
enum { ASK_NOTHING, ASK_POSTED, ASK_RECENT, ASK_AGAIN };

static const int64_t ASK_INTERVAL_US = 1000 * 1000;

/* --- lists --------------------------------------------------------------------------- */

bool
hub_leaving(const struct hub *hub)
{
    const struct backend_list *list = hub->list;

    for (size_t i = 0; list && i < list->n; i++) {
        if (!backend_leaving(list->rows[i].backend))
            return false;
    }
    return list && list->n > 0;
}

bool
hub_answered(const struct hub *hub)
{
    return hub->list || !hub_source_silent(hub);
}

/* Calls that wait for a first list need not wait for one that will not come soon. */
static void
hub_tell_why(struct hub *hub)
{
    char text[HUB_REASON_MAX];
    const char *why = hub_source_why(hub, text);

    if (why && hub_answered(hub))
        hub_mail_why(hub, why);
}

/* After new targets came: the backends that serve go only when there are others, or nobody says of any. */
static bool
hub_keeps_list(struct hub *hub)
{
    bool any = false;

    if (!hub->settling)
        return false;
    if (hub_source_silent(hub))
        return true;
    for (size_t i = 0; i < hub->source_count; i++)
        any |= hub->sources[i]->n > 0;
    hub->settling = !any;
    return !any;
}

static void
hub_refresh(struct hub *hub)
{
    struct backend_list *now = hub_keeps_list(hub) ? NULL : hub_merge(hub);
    struct backend_list *before = hub->list;

    if (!now) {
        hub_tell_why(hub);
        return;
    }
    if (before && backend_list_equal(before, now)) {
        backend_list_drop(now);
        return;
    }
    hub->list = now;
    for (size_t i = 0; i < hub->watch_count; i++) {
        if (hub->watches[i].ops->on_list)
            hub->watches[i].ops->on_list(hub->watches[i].arg, before, now);
    }
    hub_mail_list(hub, now);
    log_at(NULL, LOG_INFO, "endpoints of a pool", LS("pool", hub->conf->name),
           LI("endpoints", now->n), LI("before", before ? before->n : 0),
           LI("version", now->version));
    backend_list_drop(before);
    backend_table_sweep(&hub->table);
}

static void
hub_on_merge(struct timer *t)
{
    hub_refresh(CONTAINER_OF(t, struct hub, merge));
}

const struct backend_list *
hub_list(const struct hub *hub)
{
    return hub->list;
}

const char *
hub_name(const struct hub *hub)
{
    return hub->conf->name;
}

/* --- asking again -------------------------------------------------------------------- */

static void
hub_ask_now(struct hub *hub)
{
    for (size_t i = 0; i < hub->source_count; i++)
        resolver_again(hub->sources[i]->resolver);
    atomic_store_explicit(&hub->ask, ASK_RECENT, memory_order_relaxed);
    timer_start(hub->loop, &hub->ask_timer, ASK_INTERVAL_US);
}

static void
hub_on_ask(void *arg)
{
    hub_ask_now(arg);
}

static void
hub_on_ask_timer(struct timer *t)
{
    struct hub *hub = CONTAINER_OF(t, struct hub, ask_timer);
    unsigned recent = ASK_RECENT;

    if (!atomic_compare_exchange_strong(&hub->ask, &recent, ASK_NOTHING))
        hub_ask_now(hub);
}

void
hub_ask_again(struct hub *hub)
{
    unsigned now = ASK_NOTHING;

    if (!atomic_load_explicit(&hub->can_ask, memory_order_relaxed))
        return;
    if (atomic_compare_exchange_strong(&hub->ask, &now, ASK_POSTED)) {
        loop_post(hub->loop, hub_on_ask, hub);
    } else if (now == ASK_RECENT) {
        /* Failing to set it means that the timer was faster: then the second is over and the next failure asks. */
        atomic_compare_exchange_strong(&hub->ask, &now, ASK_AGAIN);
    }
}

/* --- suspects and marks -------------------------------------------------------------- */

/* Out of the queue before it is looked at: what a worker tells from then on is looked at once more. */
static struct backend *
suspects_pop(struct hub *hub, struct list *from)
{
    struct list *at;

    pthread_mutex_lock(&hub->suspect_lock);
    at = list_pop(from);
    pthread_mutex_unlock(&hub->suspect_lock);
    return at ? CONTAINER_OF(at, struct backend, suspect) : NULL;
}

static void
hub_on_suspects(void *arg)
{
    struct hub *hub = arg;
    struct backend *b;
    struct list now;

    list_init(&now);
    pthread_mutex_lock(&hub->suspect_lock);
    list_splice(&now, &hub->suspects);
    pthread_mutex_unlock(&hub->suspect_lock);
    while ((b = suspects_pop(hub, &now)) != NULL) {
        for (size_t k = 0; k < hub->watch_count; k++) {
            if (hub->watches[k].ops->on_suspect)
                hub->watches[k].ops->on_suspect(hub->watches[k].arg, b);
        }
        backend_drop(b);
    }
}

void
hub_suspect(struct hub *hub, struct backend *b)
{
    bool first = false;

    pthread_mutex_lock(&hub->suspect_lock);
    if (!list_linked(&b->suspect)) {
        first = list_empty(&hub->suspects);
        backend_hold(b);
        list_append(&hub->suspects, &b->suspect);
    }
    pthread_mutex_unlock(&hub->suspect_lock);
    if (first)
        loop_post(hub->loop, hub_on_suspects, hub);
}

void
hub_mark(struct hub *hub, struct backend *b, unsigned bit, bool on, const char *why)
{
    int64_t now = loop_now_us(hub->loop);
    unsigned before =
        on ? atomic_fetch_or(&b->down, bit) : atomic_fetch_and(&b->down, ~bit);
    unsigned after = on ? before | bit : before & ~bit;

    if (after == before)
        return;
    if (after == 0)
        atomic_store_explicit(&b->usable_since_us, now, memory_order_relaxed);
    backend_note(b, bit, on, why, now);
    if ((after == 0) != (before == 0))
        log_at(NULL, after ? LOG_WARN : LOG_INFO,
               after ? "endpoint gets no new calls" : "endpoint gets calls",
               LS("pool", hub->conf->name), LS("endpoint", b->name), LS("why", why));
    hub_mail_mark(hub, b);
}

/* --- life ---------------------------------------------------------------------------- */

void
hub_watch(struct hub *hub, const struct hub_watch_ops *ops, void *arg)
{
    assert(hub->watch_count < HUB_WATCHES_MAX);
    hub->watches[hub->watch_count].ops = ops;
    hub->watches[hub->watch_count++].arg = arg;
    if (hub->list && ops->on_list)
        ops->on_list(arg, NULL, hub->list);
}

static void
hub_init_levels(struct hub *hub)
{
    const struct pool_conf *c = hub->conf;
    size_t size =
        sizeof(*hub->levels) + hub->worker_count * sizeof(hub->levels->loads[0]);

    hub->levels = xcalloc_aligned(_Alignof(struct pool_levels), size);
    retry_guard_init(&hub->levels->retry_guard, c->retry_throttling.max_tokens,
                     c->retry_throttling.token_ratio, c->limits.retry_budget,
                     c->limits.min_retry_concurrency, hub->levels->loads,
                     hub->worker_count);
}

struct hub *
hub_new(struct loop *loop, struct h2_worker *h2, struct rng *rng, struct tls_store *tls,
        const struct pool_conf *conf, size_t workers)
{
    static uint64_t hubs;
    struct hub *hub = xcalloc(1, sizeof(*hub));
    const struct endpoint_conf *e = conf->endpoints.items;

    hub->number = ++hubs;
    hub->made_us = loop_now_us(loop);
    hub->loop = loop;
    hub->h2 = h2;
    hub->rng = rng;
    hub->conf = conf;
    if (conf->tls.on)
        hub->tls = tls_store_client(tls, &conf->tls, conf->name);
    hub->worker_count = workers;
    hub->workers = xcalloc(workers, sizeof(*hub->workers));
    hub_init_levels(hub);
    pthread_mutex_init(&hub->suspect_lock, NULL);
    list_init(&hub->suspects);
    timer_init(&hub->merge, hub_on_merge);
    timer_init(&hub->ask_timer, hub_on_ask_timer);
    backend_table_init(&hub->table, rng_next(rng));
    hub->subset_seed = rng_next(rng);
    hub->source_count = conf->endpoints.n;
    hub->sources = xcalloc(hub->source_count, sizeof(struct hub_source *));
    hub->starting = true;
    for (size_t i = 0; i < hub->source_count; i++)
        hub->sources[i] = hub_source_new(hub, &e[i]);
    hub->starting = false;
    hub->by_target = hub_sources_sort(hub->sources, hub->source_count);
    /* Who watches (hub_watch) comes before the first list. */
    outlier_attach(hub);
    health_attach(hub);
    hub_refresh(hub);
    return hub;
}

/* The source of this target, taken out of the old ones; NULL: there was none. */
static struct hub_source *
sources_take(struct hub_source *const *by_target, size_t n, const char *target)
{
    for (size_t i = hub_sources_find(by_target, n, target); i < n; i++) {
        struct hub_source *s = by_target[i];

        if (strcmp(s->target, target) != 0)
            break;
        if (s->taken)
            continue;
        s->taken = true;
        return s;
    }
    return NULL;
}

void
hub_reconfigure(struct hub *hub, const struct conf_list *endpoints)
{
    struct hub_source **old = hub->sources, **by_target = hub->by_target;
    size_t old_count = hub->source_count;
    const struct endpoint_conf *e = endpoints->items;

    hub->sources = xcalloc(endpoints->n, sizeof(struct hub_source *));
    hub->source_count = 0;
    hub->starting = true;
    for (size_t i = 0; i < endpoints->n; i++) {
        struct hub_source *s = sources_take(by_target, old_count, e[i].target);

        if (s)
            s->conf = &e[i];
        hub->sources[i] = s ? s : hub_source_new(hub, &e[i]);
    }
    hub->source_count = endpoints->n;
    hub->starting = false;
    for (size_t i = 0; i < old_count; i++) {
        if (old[i]->taken)
            old[i]->taken = false;
        else
            hub_source_free(old[i]);
    }
    xfree(by_target);
    xfree(old);
    hub->by_target = hub_sources_sort(hub->sources, hub->source_count);
    hub->settling = hub->list && hub->list->n > 0;
    if (!hub->list)
        hub_mail_why(hub, ""); /* the old targets' reason is none of the new ones */
    hub_refresh(hub);
}

void
hub_inherit(struct hub *hub, const struct hub *old)
{
    bool any = false;

    for (size_t i = 0; i < hub->source_count; i++) {
        struct hub_source *s = hub->sources[i];

        size_t k = hub_sources_find(old->by_target, old->source_count, s->target);

        for (; k < old->source_count && !s->rows; k++) {
            const struct hub_source *from = old->by_target[k];

            if (strcmp(from->target, s->target) != 0)
                break;
            if (from->n == 0)
                continue;
            hub_source_seed(s, from);
            any = true;
        }
    }
    if (any)
        hub_refresh(hub);
    hub_disable_as(hub, old);
}

void
hub_expect(struct hub *hub, size_t worker, struct loop *loop)
{
    struct hub_worker *w = &hub->workers[worker];

    w->hub = hub;
    w->loop = loop;
    atomic_store(&w->posted, true); /* hub_join takes what comes before it */
    if (hub->list) {
        backend_list_hold(hub->list);
        atomic_store(&w->list, hub->list);
    } else {
        hub_tell_why(hub);
    }
}

void
hub_join(struct hub *hub, size_t worker, struct pool *p)
{
    struct hub_worker *w = &hub->workers[worker];

    w->pool = p;
    pool_attach(p, hub, worker, hub->levels, hub->subset_seed);
    hub_mail_take(w);
}

void
hub_attach(struct hub *hub, size_t worker, struct pool *p)
{
    hub_expect(hub, worker, p->loop);
    hub_join(hub, worker, p);
}

void
hub_leave(struct hub *hub, size_t worker)
{
    hub->workers[worker].loop = NULL;
}

void
hub_free(struct hub *hub)
{
    struct backend *b;

    if (!hub)
        return;
    for (size_t i = 0; i < hub->watch_count; i++) {
        if (hub->watches[i].ops->on_stop)
            hub->watches[i].ops->on_stop(hub->watches[i].arg);
    }
    timer_stop(hub->loop, &hub->merge);
    timer_stop(hub->loop, &hub->ask_timer);
    for (size_t i = 0; i < hub->source_count; i++)
        hub_source_free(hub->sources[i]);
    for (size_t i = 0; i < hub->worker_count; i++)
        hub_mail_done(&hub->workers[i]);
    while ((b = suspects_pop(hub, &hub->suspects)) != NULL)
        backend_drop(b);
    backend_list_drop(hub->list);
    backend_table_done(&hub->table);
    pthread_mutex_destroy(&hub->suspect_lock);
    tls_keyring_drop(hub->tls);
    xfree(hub->workers);
    xfree(hub->sources);
    xfree(hub->by_target);
    xfree(hub->levels);
    xfree(hub);
}
