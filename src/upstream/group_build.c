/* SPDX-License-Identifier: Apache-2.0 */
/* upstream/group_build.c - from the pool's list to the lists of its policies: labels, priorities, zones, random subsetting (gRFC A68). */
#include <stdio.h>
#include <string.h>

#include "base/strbuf.h"
#include "base/xalloc.h"
#include "lb/lb_conf.h"
#include "lb/select.h"
#include "upstream/group.h"
#include "upstream/levels.h"

enum { WHY_MAX = 300, WHY_VALUES = 8 };

/* --- labels ---------------------------------------------------------------------------- */

bool
subset_same(const struct subset *s, const struct conf_map *selector)
{
    if (!s->selector || s->selector->n != selector->n)
        return false;
    for (size_t i = 0; i < selector->n; i++) { /* both are sorted */
        if (strcmp(s->selector->items[i].key, selector->items[i].key) != 0 ||
            strcmp(s->selector->items[i].value, selector->items[i].value) != 0)
            return false;
    }
    return true;
}

struct known { /* a value of a label, and how many endpoints have it */
    const char *value;
    size_t n;
};

static size_t
known_values(const struct backend_list *l, const char *key, struct known v[WHY_VALUES])
{
    size_t n = 0;

    for (size_t i = 0; i < l->n; i++) {
        const char *value = backend_row_label(&l->rows[i], key);
        size_t at = 0;

        if (!value)
            continue;
        while (at < n && strcmp(v[at].value, value) != 0)
            at++;
        if (at == WHY_VALUES)
            continue;
        if (at == n)
            v[n++] = (struct known){ .value = value };
        v[at].n++;
    }
    return n;
}

/* "no endpoint has version=v2; known: version=v1 (3)" */
const char *
subset_why_empty(struct pool *p, struct subset *s)
{
    struct strbuf out;
    bool any = false;

    if (s->why)
        return s->why;
    strbuf_init(&out, WHY_MAX);
    strbuf_puts(&out, "no endpoint has ");
    for (size_t i = 0; s->selector && i < s->selector->n; i++)
        strbuf_printf(&out, "%s%s=%s", i ? ", " : "", s->selector->items[i].key,
                      s->selector->items[i].value);
    strbuf_puts(&out, "; known: ");
    for (size_t i = 0; s->selector && p->list && i < s->selector->n; i++) {
        struct known v[WHY_VALUES];
        size_t n = known_values(p->list, s->selector->items[i].key, v);

        for (size_t k = 0; k < n; k++) {
            strbuf_printf(&out, "%s%s=%s (%zu)", any ? ", " : "",
                          s->selector->items[i].key, v[k].value, v[k].n);
            any = true;
        }
    }
    if (!any)
        strbuf_puts(&out, "no endpoint has such a label");
    s->why = strbuf_steal(&out);
    return s->why;
}

/* --- levels ---------------------------------------------------------------------------- */

struct build {
    struct pool *p;
    struct levels levels;
    size_t *rows; /* that match */
    uint8_t *level;
    size_t n;
};

static struct group *
group_at(struct pool *p, struct subset *s, size_t level)
{
    struct group *g = s->groups[level];

    if (g)
        return g;
    g = s->groups[level] = xcalloc(1, sizeof(*g));
    g->state = xcalloc(1, p->policy->state_size ? p->policy->state_size : 1);
    if (p->policy->start)
        p->policy->start(g->state, &p->conf->balance, p->rng);
    return g;
}

/* Random subsetting: the policy sees `size` of the level's endpoints, by the hash of their addresses. */
static void
group_cut(struct pool *p, struct group *g)
{
    size_t size = p->conf->balance.subset_size;
    const char **keys;
    uint32_t *picked;

    if (size == 0 || g->list.n <= size)
        return;
    keys = xcalloc(g->list.n, sizeof(*keys));
    picked = xcalloc(g->list.n, sizeof(*picked));
    for (size_t i = 0; i < g->list.n; i++)
        keys[i] = endpoint_of(g->v[i])->backend->name;
    g->list.n = lb_subset(p->subset_seed, keys, g->list.n, size, picked);
    for (size_t i = 0; i < g->list.n; i++)
        g->v[i] = g->v[picked[i]]; /* ascending: nothing is overwritten before it moved */
    xfree(keys);
    xfree(picked);
}

static void
group_fill(struct build *b, struct group *g, size_t level)
{
    g->list.n = 0;
    for (size_t i = 0; i < b->n; i++) {
        if (b->level[i] != level)
            continue;
        if (g->list.n == g->room) {
            g->room = g->room ? 2 * g->room : 8;
            g->v = xrealloc(g->v, g->room * sizeof(*g->v));
        }
        g->v[g->list.n++] = &b->p->endpoints[b->rows[i]]->lb;
    }
    group_cut(b->p, g);
    g->list.v = g->v;
}

void
subset_build(struct pool *p, struct subset *s)
{
    const struct zone_aware_conf *zones = &p->conf->balance.zone_aware;
    struct build b = { .p = p, .levels = { .zone = zones->zone } };
    size_t n = p->list ? p->list->n : 0;
    size_t old = s->n;

    /* Whoever picks before the policies saw the new list must find nothing. */
    xfree(s->why);
    s->why = NULL;
    s->built = true;
    b.rows = xcalloc(n ? n : 1, sizeof(*b.rows));
    b.level = xcalloc(n ? n : 1, sizeof(*b.level));
    if (n)
        b.n = levels_build(&b.levels, p->list, s->selector, b.rows, b.level);
    s->empty = b.n == 0;
    if (s->empty && n && p->conf->subset_fallback == SUBSET_FALLBACK_ANY) {
        b.n = levels_build(&b.levels, p->list, NULL, b.rows, b.level);
        s->empty = false;
    }
    s->n = b.levels.n;
    for (size_t i = 0; i < s->n; i++) {
        struct group *g = group_at(p, s, i);

        g->key = b.levels.keys[i];
        g->enough = levels_enough(&b.levels, i, zones->min_healthy_percent);
        g->fresh = false;
        group_fill(&b, g, i);
    }
    for (size_t i = s->n; i < old; i++) {
        s->groups[i]->list.n = 0;
        s->groups[i]->load = 0;
        s->groups[i]->fresh = false;
    }
    xfree(b.rows);
    xfree(b.level);
}
