/* SPDX-License-Identifier: Apache-2.0 */
/* lb/pick_first.c - the first endpoint of the list that works; the next one only when those before it failed (gRFC A62). */
#include "lb/policies.h"

/* The endpoint in use: the first that is READY, else the first that did not fail. n: all failed. */
static size_t
pick_first_current(const struct lb_endpoint *eps, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (eps[i].state == LB_READY)
            return i;
    }
    for (size_t i = 0; i < n; i++) {
        if (eps[i].state != LB_FAILED)
            return i;
    }
    return n;
}

static int
pick_first_pick(void *state, const struct lb_endpoint *eps, size_t n)
{
    size_t i = pick_first_current(eps, n);

    (void)state;
    if (i == n)
        return LB_NONE;
    return eps[i].room ? (int)i : LB_WAIT;
}

static bool
pick_first_wants(const void *state, const struct lb_endpoint *eps, size_t n, size_t i)
{
    size_t current = pick_first_current(eps, n);

    (void)state;
    return current == n ||
           current == i; /* all failed: every one is tried again after its backoff */
}

const struct lb_policy lb_pick_first = {
    .name = "pick_first",
    .pick = pick_first_pick,
    .wants = pick_first_wants,
};
