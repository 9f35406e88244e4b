/* SPDX-License-Identifier: Apache-2.0 */
/* upstream/group.h - which endpoints may serve a call: subsets by label, in each of them levels of preference (priority, then own zone before others),
 * on each level one state of the pool's policy. Worker's thread only; room upstream only. */
#ifndef OUTRIGGER_UPSTREAM_GROUP_H
#define OUTRIGGER_UPSTREAM_GROUP_H

#include "conf/field.h"
#include "upstream/levels.h"
#include "upstream/pool_int.h"

enum { GROUP_LEVELS_MAX = LEVELS_MAX };

/* One level of one subset. It stays where it is as long as the pool: calls point at it. */
struct group {
    void *state; /* of the policy */
    struct lb_endpoint **v;
    size_t room; /* of v */
    struct lb_list list;
    uint32_t key; /* of struct levels */
    uint32_t
        enough; /* hundredths of a percent that must be healthy for all of the traffic */
    size_t usable, healthy; /* health says yes; and it can be connected */
    size_t unchecked;       /* health says nothing yet */
    size_t off;             /* an operator took them out: as if they were not there */
    unsigned load;          /* percent of the subset's calls */
    bool fresh;             /* the policy has seen the list */
};

struct subset {
    const struct conf_map *selector; /* NULL: all endpoints */
    struct conf_map own;             /* what it points at, with its memory */
    unsigned holds;                  /* see pool_subset */
    struct group *groups[GROUP_LEVELS_MAX];
    size_t n;       /* levels in use now */
    unsigned first; /* the level that gets most, when there is no need to throw dice */
    bool spread;    /* more than one level has load */
    bool used;      /* some call asked for it */
    bool built;     /* it knows the current list */
    bool empty;     /* no endpoint has these labels */
    struct list waiters; /* calls in order of arrival */
    struct list
        patient; /* those of them that no endpoint can serve, see pool_wait.patient */
    struct list
        choosy; /* calls that could go at once, but only to where they were: they hold up nobody */
    char *why; /* of empty: what there is; NULL: not asked yet */
};

struct subset *subset_new(struct pool *p, const struct conf_map *selector);
void subset_free(struct pool *p, struct subset *s);
/* From the pool's list. The policies must be updated before the next pick. */
void subset_build(struct pool *p, struct subset *s);
/* How the load spreads over the levels, and who is in panic. O(n). */
void subset_weigh(struct pool *p, struct subset *s);
/* Shows the policies of levels with load their lists. Least time in microseconds until they want to see it again, or -1. */
int64_t subset_update(struct pool *p, struct subset *s, int64_t now_us);
/* ERR_OK: *ret is an endpoint with room, w->group its group. ERR_AGAIN: something is under way. ERR_NO_ENDPOINT. */
int
subset_pick(struct pool *p, struct subset *s, struct pool_wait *w, struct endpoint **ret);
/* In words why the subset is empty. */
const char *subset_why_empty(struct pool *p, struct subset *s);
bool subset_same(const struct subset *s, const struct conf_map *selector);
/* Some endpoint waits for its first check: who finds none usable may wait, too. */
bool subset_unchecked(const struct subset *s);
/* Some level of it ignores health. */
bool subset_in_panic(const struct subset *s);

#endif
