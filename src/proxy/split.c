/* SPDX-License-Identifier: Apache-2.0 */
/* proxy/split.c - weighted choice of a target. */
#include "proxy/split.h"

#include <math.h>
#include <string.h>

#include "base/rand.h"
#include "base/xalloc.h"
#include "lb/hash.h"
#include "proxy/route_conf.h"

struct split_item {
    uint64_t id; /* hash of what the target is */
    uint32_t weight;
};

struct split {
    uint32_t sum;
    unsigned n;
    struct split_item items[];
};

static uint64_t
hash_text(uint64_t so_far, const char *text)
{
    return lb_hash_seeded(text, strlen(text), so_far);
}

/* The same in all proxies, and with another order of the list. The map is sorted. */
static uint64_t
target_id(const struct to_conf *to)
{
    uint64_t id = hash_text(0, to->pool ? to->pool : "");

    for (size_t i = 0; i < to->subset.n; i++) {
        id = hash_text(id, to->subset.items[i].key);
        id = hash_text(id, to->subset.items[i].value);
    }
    return id;
}

struct split *
split_new(const struct to_conf *to, size_t n)
{
    struct split *s = xcalloc(1, sizeof(*s) + n * sizeof(s->items[0]));

    s->n = (unsigned)n;
    for (size_t i = 0; i < n; i++) {
        struct split_item *item = &s->items[i];
        uint64_t twin = 0;

        *item = (struct split_item){ .id = target_id(&to[i]), .weight = to[i].weight };
        /* Listed twice, it counts twice: as two targets. */
        for (size_t k = 0; k < i; k++)
            twin += s->items[k].id == item->id;
        if (twin)
            item->id = lb_hash_seeded(&twin, sizeof(twin), item->id);
        s->sum += item->weight;
    }
    return s;
}

void
split_free(struct split *s)
{
    xfree(s);
}

unsigned
split_random(const struct split *s, struct rng *rng)
{
    uint64_t at = rng_below(rng, s->sum);
    unsigned i = 0;

    while (at >= s->items[i].weight)
        at -= s->items[i++].weight;
    return i;
}

/* Above 0 and below 1, from the upper 52 bits. */
static double
unit_interval(uint64_t hash)
{
    return ((double)(hash >> 12) + 0.5) / 4503599627370496.0;
}

unsigned
split_sticky(const struct split *s, struct slice value)
{
    double best = -1;
    unsigned winner = 0;

    for (unsigned i = 0; i < s->n; i++) {
        double score;

        if (s->items[i].weight == 0)
            continue;
        /* The winner has item i with the probability weight / sum: the smallest of exponential waiting times, turned upside down. */
        score = s->items[i].weight /
                -log(unit_interval(lb_hash_seeded(value.p, value.n, s->items[i].id)));
        if (score > best) {
            best = score;
            winner = i;
        }
    }
    return winner;
}
