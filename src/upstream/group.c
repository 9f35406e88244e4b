/* SPDX-License-Identifier: Apache-2.0 */
/* upstream/group.c - how the calls of a subset spread over its levels (levels.c has the rules), and the pick. */
#include "upstream/group.h"

#include "base/xalloc.h"

/* --- load and panic -------------------------------------------------------------------- */

/* Can be connected as far as we know: a level whose endpoints all refuse must lose its traffic even when nobody checks health. */
static void
group_count(struct group *g)
{
    g->usable = g->healthy = g->unchecked = g->off = 0;
    for (size_t i = 0; i < g->list.n; i++) {
        g->unchecked += endpoint_of(g->v[i])->unchecked;
        g->off += g->v[i]->off;
        g->usable += g->v[i]->usable;
        g->healthy += g->v[i]->usable && g->v[i]->state != LB_FAILED;
    }
}

static struct level_count
group_level(const struct group *g)
{
    return (struct level_count){ .n = g->list.n - g->off,
                                 .healthy = g->healthy,
                                 .usable = g->usable,
                                 .unchecked = g->unchecked,
                                 .enough = g->enough };
}

static void
group_set_panic(struct pool *p, const struct subset *s, struct group *g, bool on)
{
    uint32_t others;

    if (on == g->list.panic)
        return;
    g->list.panic = on;
    stat_add(p->stats, STAT_PANIC, on ? 1 : -1);
    if (on)
        stat_inc(p->stats, STAT_PANICS);
    /* All workers see the same health: the first in and the last out say it. */
    others = on ? atomic_fetch_add(&p->levels->panics, 1)
                : atomic_fetch_sub(&p->levels->panics, 1) - 1;
    if (others == 0)
        log_at(NULL, on ? LOG_WARN : LOG_INFO,
               on ? "panic: too few endpoints are healthy, calls go to all of them"
                  : "panic is over: calls go to healthy endpoints only",
               LS("pool", p->conf->name), LI("usable", g->usable),
               LI("endpoints", g->list.n), LI("priority", g->key / 2),
               LI("subset", s->selector != NULL));
}

static void
subset_panic(struct pool *p, struct subset *s, unsigned can_take)
{
    for (size_t i = 0; i < GROUP_LEVELS_MAX && s->groups[i]; i++) {
        struct level_count c = group_level(s->groups[i]);

        group_set_panic(p, s, s->groups[i], level_panics(&c, can_take, p->panic_percent));
    }
}

void
subset_weigh(struct pool *p, struct subset *s)
{
    unsigned total = 0, given = 0, most = 0, loaded = 0;

    for (size_t i = 0; i < s->n; i++) {
        struct level_count c;

        group_count(s->groups[i]);
        c = group_level(s->groups[i]);
        total += level_can_take(&c);
    }
    subset_panic(p, s, total);
    s->first = 0;
    for (size_t i = 0; i < s->n; i++) {
        struct group *g = s->groups[i];
        struct level_count c = group_level(g);
        unsigned load = level_share(&c, i == 0, total, given);

        given += load;
        g->load = load;
        loaded += load > 0;
        if (load > most) {
            most = load;
            s->first = (unsigned)i;
        }
    }
    s->spread = loaded > 1;
}

/* The pool lives longer than the config that asked for the subset. */
static void
subset_keep_selector(struct subset *s, const struct conf_map *selector)
{
    struct conf_pair *own = xcalloc(selector->n, sizeof(*own));

    for (size_t i = 0; i < selector->n; i++)
        own[i] = (struct conf_pair){ .key = xstrdup(selector->items[i].key),
                                     .value = xstrdup(selector->items[i].value) };
    s->own = (struct conf_map){ .items = own, .n = selector->n };
    s->selector = &s->own;
}

struct subset *
subset_new(struct pool *p, const struct conf_map *selector)
{
    struct subset *s = xcalloc(1, sizeof(*s));

    (void)p;
    s->holds = 1;
    if (selector && selector->n)
        subset_keep_selector(s, selector);
    list_init(&s->waiters);
    list_init(&s->patient);
    list_init(&s->choosy);
    return s;
}

void
subset_free(struct pool *p, struct subset *s)
{
    for (size_t i = 0; i < GROUP_LEVELS_MAX && s->groups[i]; i++) {
        struct group *g = s->groups[i];

        group_set_panic(p, s, g, false);
        if (p->policy->stop)
            p->policy->stop(g->state);
        xfree(g->state);
        xfree(g->v);
        xfree(g);
    }
    for (size_t i = 0; i < s->own.n; i++) {
        xfree((char *)s->own.items[i].key);
        xfree((char *)s->own.items[i].value);
    }
    xfree(s->own.items);
    xfree(s->why);
    xfree(s);
}

bool
subset_unchecked(const struct subset *s)
{
    for (size_t i = 0; i < s->n; i++) {
        if (s->groups[i]->unchecked)
            return true;
    }
    return false;
}

bool
subset_in_panic(const struct subset *s)
{
    for (size_t i = 0; i < s->n; i++) {
        if (s->groups[i]->list.panic)
            return true;
    }
    return false;
}

int64_t
subset_update(struct pool *p, struct subset *s, int64_t now_us)
{
    int64_t least = -1;

    for (size_t i = 0; i < s->n; i++) {
        struct group *g = s->groups[i];
        int64_t again;

        if (g->load == 0 || g->list.n == 0)
            continue;
        again = p->policy->update(g->state, &g->list, now_us);
        g->fresh = true;
        if (again >= 0 && (least < 0 || again < least))
            least = again;
    }
    return least;
}

/* --- pick -------------------------------------------------------------------------------- */

static inline int
group_pick(struct pool *p, struct group *g, struct pool_wait *w, struct lb_pick *how,
           struct endpoint **ret)
{
    int i = p->policy->pick(g->state, &g->list, how);

    if (how->connect)
        p->connect = true;
    if (i < 0)
        return i == LB_WAIT ? ERR_AGAIN : ERR_NO_ENDPOINT;
    *ret = endpoint_of(g->v[i]);
    w->group = g;
    return ERR_OK;
}

static size_t
subset_throw(struct pool *p, const struct subset *s)
{
    unsigned dice = (unsigned)rng_below(p->rng, 100);

    for (size_t i = 0; i < s->n; i++) {
        if (dice < s->groups[i]->load)
            return i;
        dice -= s->groups[i]->load;
    }
    return s->first;
}

/* The level that it fell to has no room now: the others may have. */
static int
subset_pick_other(struct pool *p, struct subset *s, size_t level, struct pool_wait *w,
                  struct lb_pick *how, struct endpoint **ret, int rv)
{
    for (size_t i = 0; rv != ERR_OK && i < s->n; i++) {
        int other;

        if (i == level || !s->groups[i]->fresh)
            continue;
        other = group_pick(p, s->groups[i], w, how, ret);
        if (other == ERR_OK || rv == ERR_NO_ENDPOINT)
            rv = other;
    }
    return rv;
}

int
subset_pick(struct pool *p, struct subset *s, struct pool_wait *w, struct endpoint **ret)
{
    const struct endpoint *before = w->avoid;
    struct lb_pick how = { .hash = w->hash,
                           .hashed = w->hashed,
                           .avoid = before ? &before->lb : NULL,
                           .now_us = loop_now_us(p->loop) };
    size_t level = s->spread ? subset_throw(p, s) : s->first;
    int rv = ERR_NO_ENDPOINT;

    if (LIKELY(level < s->n && s->groups[level]->fresh))
        rv = group_pick(p, s->groups[level], w, &how, ret);
    if (LIKELY(rv == ERR_OK || s->n == 1))
        return rv;
    return subset_pick_other(p, s, level, w, &how, ret, rv);
}
