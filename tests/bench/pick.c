/* SPDX-License-Identifier: Apache-2.0 */
/* What the choice of an endpoint costs: nanoseconds per pick of each policy, and milliseconds per update of its list.
 * Usage: bench_pick [ENDPOINTS] [PICKS]. Each figure is the median of several runs; the machine should be quiet. */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/rand.h"
#include "base/xalloc.h"
#include "lb/lb.h"
#include "lb/lb_conf.h"

enum { RUNS = 9, UPDATE_ENDPOINTS = 10000, KEY_MAX = 32, FLYING = 512 };

/* The pool keeps more than this beside each endpoint: they shall not lie closer here. */
struct bench_endpoint {
    struct lb_endpoint lb;
    char other[256];
};

struct bench {
    const struct lb_policy *policy;
    void *own;
    struct balance_conf conf;
    struct rng rng;
    struct bench_endpoint *eps;
    struct lb_endpoint **v;
    char (*keys)[KEY_MAX];
    struct lb_list list;
};

static void
bench_open(struct bench *b, const struct lb_policy *policy, size_t n, bool weights)
{
    memset(b, 0, sizeof(*b));
    b->policy = policy;
    b->own = xcalloc(1, policy->state_size);
    field_defaults(&balance_conf_struct, &b->conf);
    rng_seed(&b->rng, 1);
    b->eps = xcalloc(n, sizeof(*b->eps));
    b->v = xcalloc(n, sizeof(struct lb_endpoint *));
    b->keys = xcalloc(n, KEY_MAX);
    for (size_t i = 0; i < n; i++) {
        snprintf(b->keys[i], KEY_MAX, "10.%u.%u.%u:50051", (unsigned)(i >> 16),
                 (unsigned)(i >> 8) & 255, (unsigned)i & 255);
        b->v[i] = &b->eps[i].lb;
        b->eps[i].lb = (struct lb_endpoint){
            .state = LB_READY,
            .usable = true,
            .room = true,
            .weight = weights ? 500 + (uint32_t)rng_below(&b->rng, 2000) : LB_WEIGHT_ONE,
            .key = b->keys[i],
        };
    }
    b->list = (struct lb_list){ .v = b->v, .n = n };
    policy->start(b->own, &b->conf, &b->rng);
}

static void
bench_close(struct bench *b)
{
    if (b->policy->stop)
        b->policy->stop(b->own);
    xfree(b->own);
    xfree(b->eps);
    xfree(b->v);
    xfree(b->keys);
}

static int
compare(const void *a, const void *b)
{
    const double *x = a, *y = b;

    return (*x > *y) - (*x < *y);
}

static double
median(double *v)
{
    qsort(v, RUNS, sizeof(*v), compare);
    return v[RUNS / 2];
}

/* Calls come and go: FLYING of them are under way. */
static double
bench_picks(struct bench *b, size_t picks)
{
    static int flying[FLYING];
    const struct lb_result ended = { .duration_us = 700 };
    struct lb_pick how = { .hashed = true, .now_us = 1000 };
    int64_t start = clock_real.now_us(NULL);

    memset(flying, -1, sizeof(flying));
    for (size_t k = 0; k < picks; k++) {
        int *slot = &flying[k % FLYING], i;

        if (*slot >= 0) {
            b->v[*slot]->active--;
            if (b->policy->ended)
                b->policy->ended(b->own, b->v[*slot], &ended, how.now_us);
        }
        how.hash = rng_next(&b->rng);
        how.now_us++;
        i = b->policy->pick(b->own, &b->list, &how);
        if (i < 0)
            abort();
        b->v[i]->active++;
        *slot = i;
    }
    for (size_t k = 0; k < FLYING; k++) {
        if (flying[k] >= 0)
            b->v[flying[k]]->active--;
    }
    return (double)(clock_real.now_us(NULL) - start) * 1000 / (double)picks;
}

/* One more endpoint each time, so that nothing can be kept. */
static double
bench_update(struct bench *b)
{
    int64_t start = clock_real.now_us(NULL);

    b->list.n--;
    b->policy->update(b->own, &b->list, start);
    return (double)(clock_real.now_us(NULL) - start) / 1000;
}

static void
bench_policy(const struct lb_policy *policy, size_t n, size_t picks, bool weights)
{
    double pick[RUNS], update[RUNS];
    struct bench b;

    bench_open(&b, policy, n, weights);
    policy->update(b.own, &b.list, 1000);
    for (size_t i = 0; i < RUNS; i++)
        pick[i] = bench_picks(&b, picks);
    bench_close(&b);
    bench_open(&b, policy, UPDATE_ENDPOINTS, weights);
    policy->update(b.own, &b.list, 1000);
    for (size_t i = 0; i < RUNS; i++)
        update[i] = bench_update(&b);
    bench_close(&b);
    printf("%-22s %-10s %8.1f ns %8.3f ms\n", policy->name,
           weights ? "by weight" : "equal", median(pick), median(update));
}

int
main(int argc, char **argv)
{
    size_t n = argc > 1 ? strtoul(argv[1], NULL, 10) : 1000;
    size_t picks = argc > 2 ? strtoul(argv[2], NULL, 10) : 300000;

    if (n < 1 || n > 1000000 || picks < 1 || picks > 1000000000) {
        fprintf(stderr, "usage: bench_pick [ENDPOINTS] [PICKS]\n");
        return 2;
    }
    printf("%-22s %-10s %11s %11s\n", "policy", "weights", "pick", "update");
    for (size_t i = 0; lb_policy_at(i); i++) {
        bench_policy(lb_policy_at(i), n, picks, false);
        bench_policy(lb_policy_at(i), n, picks, true);
    }
    printf("pick: %zu endpoints; update: %d endpoints\n", n, (int)UPDATE_ENDPOINTS);
    return 0;
}
