/* SPDX-License-Identifier: Apache-2.0 */
/* filter/method_times.c - a histogram for each method, which forgets by halves. */
#include "filter/method_times.h"

#include "base/compat.h"
#include "base/xalloc.h"
#include "filter/latency.h"

enum { METHODS = 64, FULL = 2000 };

struct method_place {
    uint64_t method;
    struct latency *seen; /* NULL: the place was never used */
};

struct method_times {
    struct method_place places[METHODS];
};

struct method_times *
method_times_new(void)
{
    return xcalloc(1, sizeof(struct method_times));
}

void
method_times_free(struct method_times *t)
{
    for (unsigned i = 0; t && i < METHODS; i++)
        xfree(t->places[i].seen);
    xfree(t);
}

void
method_times_add(struct method_times *t, uint64_t method, int64_t us)
{
    struct method_place *p = &t->places[method % METHODS];

    if (UNLIKELY(!p->seen))
        p->seen = xcalloc(1, sizeof(*p->seen));
    else if (UNLIKELY(p->method != method))
        latency_clear(p->seen);
    p->method = method;
    if (latency_add(p->seen, us) >= FULL)
        latency_fade(p->seen);
}

int64_t
method_times_find(const struct method_times *t, uint64_t method, unsigned percent)
{
    const struct method_place *p = &t->places[method % METHODS];

    if (!p->seen || p->method != method || latency_count(p->seen) * (100 - percent) < 100)
        return -1;
    return latency_quantile(p->seen, percent);
}
