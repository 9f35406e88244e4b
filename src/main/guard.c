/* SPDX-License-Identifier: Apache-2.0 */
/* main/guard.c - the arithmetic of a guarded reload. */
#include "main/guard.h"

#include "base/strbuf.h"

void
guard_init(struct guard *g, int64_t window_us)
{
    *g = (struct guard){ .window_us = window_us };
}

int64_t
guard_step_us(const struct guard *g)
{
    int64_t step = g->window_us / GUARD_STEPS;

    return step > 0 ? step : 1;
}

static struct guard_count
count_since(struct guard_count now, struct guard_count then)
{
    return (struct guard_count){ now.calls - then.calls, now.failed - then.failed };
}

/* Samples that are older than the window are only kept as its far edge. */
void
guard_note(struct guard *g, int64_t now_us, struct guard_count now)
{
    const size_t room = sizeof(g->past) / sizeof(g->past[0]);
    size_t at = (g->first + g->n) % room;

    if (g->n == room)
        g->first = (g->first + 1) % room;
    else
        g->n++;
    g->past[at].at_us = now_us;
    g->past[at].count = now;
    while (g->n > 1 && now_us - g->past[(g->first + 1) % room].at_us >= g->window_us) {
        g->first = (g->first + 1) % room;
        g->n--;
    }
}

void
guard_begin(struct guard *g, int64_t now_us, struct guard_count now)
{
    struct guard_count edge = { 0 }; /* nothing noted: all since the start */

    if (g->n)
        edge = g->past[g->first].count;
    g->before = count_since(now, edge);
    g->base = now;
    g->since_us = now_us;
    g->on = true;
}

static double
share_of(struct guard_count c)
{
    return c.calls > 0 ? 100.0 * (double)c.failed / (double)c.calls : 0;
}

enum guard_verdict
guard_look(struct guard *g, int64_t now_us, struct guard_count now)
{
    struct guard_count after = count_since(now, g->base);
    double share = share_of(after);

    if (!g->on)
        return GUARD_GOOD;
    if (after.calls >= GUARD_CALLS && after.failed >= GUARD_FAILURES &&
        share > GUARD_SHARE && share > 2 * share_of(g->before)) {
        g->on = false;
        return GUARD_BAD;
    }
    if (now_us - g->since_us < g->window_us)
        return GUARD_WAIT;
    g->on = false;
    return GUARD_GOOD;
}

void
guard_print(const struct guard *g, struct guard_count now, struct strbuf *out)
{
    struct guard_count after = count_since(now, g->base);

    strbuf_printf(out,
                  "%lld of %lld calls failed (%.1f %%), in the time before %lld of %lld "
                  "(%.1f %%)",
                  (long long)after.failed, (long long)after.calls, share_of(after),
                  (long long)g->before.failed, (long long)g->before.calls,
                  share_of(g->before));
}
