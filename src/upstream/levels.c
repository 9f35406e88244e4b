/* SPDX-License-Identifier: Apache-2.0 */
/* upstream/levels.c - labels, priorities and zones. The rule is Envoy's: a level gets min(100, 140 x healthy %) percent of the traffic and leaves the rest
 * to the next one. Zones are levels too: our own zone comes first and leaves calls to the others only when less than 70 % of it are healthy. */
#include "upstream/levels.h"

#include <string.h>

#include "conf/field.h"
#include "upstream/backend.h"

bool
levels_row_fits(const struct backend_row *r, const struct conf_map *selector)
{
    for (size_t i = 0; selector && i < selector->n; i++) {
        const char *have = backend_row_label(r, selector->items[i].key);

        if (!have || strcmp(have, selector->items[i].value) != 0)
            return false;
    }
    return true;
}

static uint32_t
row_key(const struct levels *l, const struct backend_row *r)
{
    uint32_t priority = r->priority < UINT32_MAX / 4 ? r->priority : UINT32_MAX / 4;

    return 2 * priority + (l->zone && strcmp(l->zone, r->zone) != 0);
}

static void
levels_add_key(struct levels *l, uint32_t key)
{
    size_t at = l->n;

    for (size_t i = 0; i < l->n; i++) {
        if (l->keys[i] == key)
            return;
    }
    if (l->n == LEVELS_MAX) {
        if (key >= l->keys[--at])
            return; /* joins the last level, see level_of */
    } else {
        l->n++;
    }
    for (; at > 0 && l->keys[at - 1] > key; at--)
        l->keys[at] = l->keys[at - 1];
    l->keys[at] = key;
}

static uint8_t
level_of(const struct levels *l, uint32_t key)
{
    size_t i = 0;

    while (i + 1 < l->n && l->keys[i] < key)
        i++;
    return (uint8_t)i;
}

size_t
levels_build(struct levels *l, const struct backend_list *list,
             const struct conf_map *selector, size_t *rows, uint8_t *level)
{
    uint32_t last = UINT32_MAX;
    size_t n = 0;

    l->n = 0;
    for (size_t i = 0; i < list->n; i++) {
        uint32_t key;

        if (!levels_row_fits(&list->rows[i], selector))
            continue;
        key = row_key(l, &list->rows[i]);
        if (key != last)
            levels_add_key(l, key);
        last = key;
        rows[n++] = i;
    }
    for (size_t i = 0; i < n; i++)
        level[i] = l->n == 1 ? 0 : level_of(l, row_key(l, &list->rows[rows[i]]));
    return n;
}

uint32_t
levels_enough(const struct levels *l, size_t level, double zone_min_percent)
{
    bool own_zone = l->zone && l->keys[level] % 2 == 0 && level + 1 < l->n &&
                    l->keys[level + 1] == l->keys[level] + 1;
    double percent = own_zone ? zone_min_percent : 71.42;

    return percent < 1 ? 100 : (uint32_t)(percent * 100);
}

unsigned
level_can_take(const struct level_count *c)
{
    size_t percent;

    if (c->n == 0)
        return 0;
    percent = c->healthy * 1000000 / (c->n * c->enough);
    return percent > 100 ? 100 : (unsigned)percent;
}

unsigned
level_share(const struct level_count *c, bool first, unsigned total, unsigned given)
{
    unsigned load = level_can_take(c);

    if (total > 0 && total < 100)
        load = (load * 100 + total - 1) / total; /* together they take it all */
    if (total == 0)
        load = first ? 100 : 0;
    return load < 100 - given ? load : 100 - given;
}

bool
level_panics(const struct level_count *c, unsigned total, double panic_percent)
{
    size_t known = c->n - c->unchecked; /* the others have no health to ignore */

    return known && (double)c->usable * 100 < panic_percent * (double)known &&
           total < 100;
}
