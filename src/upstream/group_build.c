/* SPDX-License-Identifier: Apache-2.0 */
/* upstream/group_build.c - from the pool's list to the lists of its policies: labels, priorities, zones, random subsetting (gRFC A68). */
#include <stdio.h>
#include <string.h>

#include "base/strbuf.h"
#include "base/xalloc.h"
#include "lb/lb_conf.h"
#include "lb/select.h"
#include "upstream/group.h"

enum { WHY_MAX = 300, WHY_VALUES = 8 };

/* --- labels ---------------------------------------------------------------------------- */

static bool
row_matches(const struct backend_row *r, const struct conf_map *selector)
{
    for (size_t i = 0; selector && i < selector->n; i++) {
        const char *have = backend_row_label(r, selector->items[i].key);

        if (!have || strcmp(have, selector->items[i].value) != 0)
            return false;
    }
    return true;
}

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
    const char *zone; /* our own; NULL: zones do not matter */
    uint32_t keys[GROUP_LEVELS_MAX];
    size_t key_count;
    size_t *rows; /* that match */
    uint8_t *level;
    size_t n;
};

static uint32_t
build_key(const struct build *b, const struct backend_row *r)
{
    uint32_t priority = r->priority < UINT32_MAX / 4 ? r->priority : UINT32_MAX / 4;

    return 2 * priority + (b->zone && strcmp(b->zone, r->zone) != 0);
}

static void
build_add_key(struct build *b, uint32_t key)
{
    size_t at = b->key_count;

    for (size_t i = 0; i < b->key_count; i++) {
        if (b->keys[i] == key)
            return;
    }
    if (b->key_count == GROUP_LEVELS_MAX) {
        if (key >= b->keys[--at])
            return; /* joins the last level, see build_level */
    } else {
        b->key_count++;
    }
    for (; at > 0 && b->keys[at - 1] > key; at--)
        b->keys[at] = b->keys[at - 1];
    b->keys[at] = key;
}

static uint8_t
build_level(const struct build *b, uint32_t key)
{
    size_t i = 0;

    while (i + 1 < b->key_count && b->keys[i] < key)
        i++;
    return (uint8_t)i;
}

static void
build_rows(struct build *b, const struct conf_map *selector)
{
    const struct backend_list *l = b->p->list;
    uint32_t last = UINT32_MAX;

    b->n = 0;
    for (size_t i = 0; i < l->n; i++) {
        uint32_t key;

        if (!row_matches(&l->rows[i], selector))
            continue;
        key = build_key(b, &l->rows[i]);
        if (key != last)
            build_add_key(b, key);
        last = key;
        b->rows[b->n++] = i;
    }
    for (size_t i = 0; i < b->n; i++)
        b->level[i] =
            b->key_count == 1 ? 0 : build_level(b, build_key(b, &l->rows[b->rows[i]]));
}

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

/* 100 / 1.4 percent of a level must be healthy before it gives traffic away; of our own zone it is the user's figure. */
static uint32_t
build_enough(const struct build *b, size_t level)
{
    bool own_zone = b->zone && b->keys[level] % 2 == 0 && level + 1 < b->key_count &&
                    b->keys[level + 1] == b->keys[level] + 1;
    double percent =
        own_zone ? b->p->conf->balance.zone_aware.min_healthy_percent : 71.42;

    return percent < 1 ? 100 : (uint32_t)(percent * 100);
}

void
subset_build(struct pool *p, struct subset *s)
{
    struct build b = { .p = p, .zone = p->conf->balance.zone_aware.zone };
    size_t n = p->list ? p->list->n : 0;
    size_t old = s->n;

    /* Whoever picks before the policies saw the new list must find nothing. */
    xfree(s->why);
    s->why = NULL;
    s->built = true;
    b.rows = xcalloc(n ? n : 1, sizeof(*b.rows));
    b.level = xcalloc(n ? n : 1, sizeof(*b.level));
    if (n)
        build_rows(&b, s->selector);
    s->empty = b.n == 0;
    if (s->empty && n && p->conf->subset_fallback == SUBSET_FALLBACK_ANY) {
        build_rows(&b, NULL);
        s->empty = false;
    }
    s->n = b.key_count;
    for (size_t i = 0; i < s->n; i++) {
        struct group *g = group_at(p, s, i);

        g->key = b.keys[i];
        g->enough = build_enough(&b, i);
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
