/* SPDX-License-Identifier: Apache-2.0 */
/* lb/select.c - slow start, random subsetting, zones. */
#include "lb/select.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"
#include "lb/hash.h"

uint32_t
lb_slow_start_weight(uint32_t weight, int64_t age_us, int64_t window_us,
                     double aggression, double min_percent)
{
    double part, scaled;

    if (window_us <= 0 || age_us >= window_us)
        return weight;
    part = age_us > 0 ? (double)age_us / (double)window_us : 0;
    if (aggression > 0 && part > 0 && (aggression < 1 || aggression > 1))
        part = pow(part, 1 / aggression);
    if (part < min_percent / 100)
        part = min_percent / 100;
    scaled = weight * (part < 1 ? part : 1);
    return scaled > 1 ? (uint32_t)scaled : 1;
}

struct subset_entry {
    uint64_t hash;
    uint32_t index;
};

static int
subset_by_hash(const void *a, const void *b)
{
    const struct subset_entry *x = a, *y = b;

    if (x->hash != y->hash)
        return x->hash < y->hash ? -1 : 1;
    return x->index < y->index ? -1 : 1;
}

static int
subset_by_index(const void *a, const void *b)
{
    const struct subset_entry *x = a, *y = b;

    return x->index < y->index ? -1 : 1;
}

size_t
lb_subset(uint64_t seed, const char *const *keys, size_t n, size_t size, uint32_t *out)
{
    struct subset_entry *all;

    if (size == 0 || size >= n) {
        for (size_t i = 0; i < n; i++)
            out[i] = (uint32_t)i;
        return n;
    }
    all = xcalloc(n, sizeof(*all));
    for (size_t i = 0; i < n; i++)
        all[i] =
            (struct subset_entry){ .hash = lb_hash_seeded(keys[i], strlen(keys[i]), seed),
                                   .index = (uint32_t)i };
    qsort(all, n, sizeof(*all), subset_by_hash);
    qsort(all, size, sizeof(*all), subset_by_index);
    for (size_t i = 0; i < size; i++)
        out[i] = all[i].index;
    xfree(all);
    return size;
}

bool
lb_zone_local(size_t local, size_t usable, double min_healthy_percent)
{
    return usable > 0 && (double)usable * 100 >= (double)local * min_healthy_percent;
}
