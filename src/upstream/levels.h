/* SPDX-License-Identifier: Apache-2.0 */
/* upstream/levels.h - which level of preference an endpoint is on, and how much of the calls a level gets. Workers ask it for their lists
 * (group.c), the main thread to explain what they do (hub_explain.c). Pure; any thread; room upstream only. */
#ifndef OUTRIGGER_UPSTREAM_LEVELS_H
#define OUTRIGGER_UPSTREAM_LEVELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct backend_list;
struct backend_row;
struct conf_map;

enum { LEVELS_MAX = 32 };

struct levels {
    const char *zone; /* our own; NULL: zones do not matter */
    /* 2 x priority, + 1 for other zones; lower is preferred. Of each level, ascending. */
    uint32_t keys[LEVELS_MAX];
    size_t n;
};

/* The row has all these labels. selector NULL: any. */
bool levels_row_fits(const struct backend_row *r, const struct conf_map *selector);
/* Writes the indexes of the rows that fit to rows and the level of each to level (both have room for list->n); l gets the levels, l->zone is set
 * before. Returns how many fit. Levels over LEVELS_MAX join the last one. */
size_t levels_build(struct levels *l, const struct backend_list *list,
                    const struct conf_map *selector, size_t *rows, uint8_t *level);
/* Hundredths of a percent of a level that must be healthy so that it takes all calls: 100 / 1.4 percent, of our own zone the user's figure. */
uint32_t levels_enough(const struct levels *l, size_t level, double zone_min_percent);

struct level_count {
    size_t n, healthy, usable, unchecked; /* endpoints */
    uint32_t enough;                      /* of levels_enough */
};

/* Percent of all calls that this level can take by itself. */
unsigned level_can_take(const struct level_count *c);
/* Percent that it gets when the levels before it got `given` and all together can take `total`. */
unsigned
level_share(const struct level_count *c, bool first, unsigned total, unsigned given);
/* Calls go to endpoints that are not usable, too. Levels that can carry all calls together never panic. */
bool level_panics(const struct level_count *c, unsigned total, double panic_percent);

#endif
