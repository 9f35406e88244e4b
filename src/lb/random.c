/* SPDX-License-Identifier: Apache-2.0 */
/* lb/random.c - a READY endpoint by chance, by weight when weights differ. */
#include "base/xalloc.h"
#include "lb/policies.h"
#include "lb/ready.h"

enum { RANDOM_TRIES = 4 };

struct by_chance {
    struct lb_ready ready;
    struct rng *rng;
    uint64_t *
        upto; /* sums of the weights up to and with each position; only when they differ */
    size_t size;
};

static void
random_start(void *state, const struct balance_conf *conf, struct rng *rng)
{
    struct by_chance *s = state;

    (void)conf;
    s->rng = rng;
}

static void
random_stop(void *state)
{
    struct by_chance *s = state;

    ready_free(&s->ready);
    xfree(s->upto);
    s->upto = NULL;
    s->size = 0;
}

static int64_t
random_update(void *state, const struct lb_list *l, int64_t now_us)
{
    struct by_chance *s = state;
    uint64_t sum = 0;

    (void)now_us;
    ready_build(&s->ready, l);
    if (s->ready.even)
        return -1;
    if (s->size < s->ready.size) {
        xfree(s->upto);
        s->upto = xcalloc(s->ready.size, sizeof(*s->upto));
        s->size = s->ready.size;
    }
    for (size_t i = 0; i < s->ready.n; i++)
        s->upto[i] = sum += l->v[s->ready.v[i]]->weight;
    return -1;
}

/* A position in the index. */
static size_t
random_draw(struct by_chance *s)
{
    size_t low = 0, high = s->ready.n - 1;
    uint64_t at;

    if (s->ready.even)
        return ready_draw(s->rng, s->ready.n);
    at = rng_below(s->rng, s->upto[high]);
    while (low < high) {
        size_t middle = (low + high) / 2;

        if (s->upto[middle] <= at)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static int
random_pick(void *state, const struct lb_list *l, struct lb_pick *how)
{
    struct by_chance *s = state;
    size_t at = 0;

    for (int k = 0; k < RANDOM_TRIES && s->ready.n; k++) {
        at = random_draw(s);
        if (ready_suits(l, s->ready.v[at], how))
            return (int)s->ready.v[at];
    }
    return ready_from(&s->ready, l, at, how, NULL);
}

const struct lb_policy lb_random = {
    .name = "random",
    .state_size = sizeof(struct by_chance),
    .start = random_start,
    .stop = random_stop,
    .update = random_update,
    .pick = random_pick,
};
