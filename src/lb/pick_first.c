/* SPDX-License-Identifier: Apache-2.0 */
/* lb/pick_first.c - the first endpoint of the list that works; the next one only when those before it failed (gRFC A62). */
#include "lb/policies.h"

struct pick_first {
    size_t current; /* the endpoint in use; n: all failed */
};

/* The first that is READY, else the first that did not fail. n: all failed. */
static size_t
pick_first_current(const struct lb_list *l)
{
    for (size_t i = 0; i < l->n; i++) {
        if (lb_state(l, i) == LB_READY)
            return i;
    }
    for (size_t i = 0; i < l->n; i++) {
        if (lb_state(l, i) != LB_FAILED)
            return i;
    }
    return l->n;
}

static int64_t
pick_first_update(void *state, const struct lb_list *l, int64_t now_us)
{
    struct pick_first *pf = state;

    (void)now_us;
    pf->current = pick_first_current(l);
    /* All failed: every one is tried again after its backoff. */
    for (size_t i = 0; i < l->n; i++)
        l->v[i]->wanted = pf->current == l->n || pf->current == i;
    return -1;
}

static int
pick_first_pick(void *state, const struct lb_list *l, struct lb_pick *how)
{
    const struct pick_first *pf = state;

    (void)how;
    if (pf->current >= l->n)
        return LB_NONE;
    return lb_room(l, pf->current) ? (int)pf->current : LB_WAIT;
}

const struct lb_policy lb_pick_first = {
    .name = "pick_first",
    .state_size = sizeof(struct pick_first),
    .update = pick_first_update,
    .pick = pick_first_pick,
};
