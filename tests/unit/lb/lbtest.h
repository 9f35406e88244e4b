/* SPDX-License-Identifier: Apache-2.0 */
/* A policy and a list of endpoints to try it on. A list is written as text, one letter per endpoint:
 * i idle, c connecting, f failed, R ready with room, F ready and full, u ready with room but not usable. */
#ifndef OUTRIGGER_TESTS_LBTEST_H
#define OUTRIGGER_TESTS_LBTEST_H

#include "unit.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/compat.h"
#include "base/rand.h"
#include "base/xalloc.h"
#include "lb/lb.h"
#include "lb/lb_conf.h"

enum { MOST = 1000 };

struct lbtest {
    const struct lb_policy *policy;
    void *own;
    struct balance_conf conf; /* defaults; what lbtest_start sees */
    struct rng rng;
    struct lb_endpoint eps[MOST];
    struct lb_endpoint *v[MOST];
    char keys[MOST][24];
    struct lb_list list;
    int64_t now;   /* virtual time, microseconds */
    int64_t again; /* what the last update returned */
    struct lb_pick how;
};

static inline void
lbtest_init(struct lbtest *t, const char *policy, uint64_t seed)
{
    memset(t, 0, sizeof(*t));
    t->policy = lb_policy_find(policy);
    assert_non_null(t->policy);
    t->own = xcalloc(1, t->policy->state_size);
    rng_seed(&t->rng, seed);
    for (size_t i = 0; i < MOST; i++) {
        t->v[i] = &t->eps[i];
        snprintf(t->keys[i], sizeof(t->keys[i]), "10.0.%u.%u:50051", (unsigned)i / 250,
                 (unsigned)i % 250 + 1);
        t->eps[i] = (struct lb_endpoint){ .usable = true,
                                          .weight = LB_WEIGHT_ONE,
                                          .key = t->keys[i] };
    }
    t->list.v = t->v;
    t->now = 1000000;
    field_defaults(&balance_conf_struct, &t->conf);
}

/* With conf as the test changed it. */
static inline void
lbtest_start(struct lbtest *t)
{
    if (t->policy->start)
        t->policy->start(t->own, &t->conf, &t->rng);
}

static inline void
lbtest_open(struct lbtest *t, const char *policy, uint64_t seed)
{
    lbtest_init(t, policy, seed);
    lbtest_start(t);
}

static inline void
lbtest_close(struct lbtest *t)
{
    if (t->policy->stop)
        t->policy->stop(t->own);
    xfree(t->own);
}

static inline void
lbtest_update(struct lbtest *t)
{
    for (size_t i = 0; i < t->list.n; i++)
        t->eps[i].wanted = false;
    t->again = t->policy->update(t->own, &t->list, t->now);
}

/* One endpoint's letter, without an update. */
static inline void
lbtest_state(struct lbtest *t, size_t i, char letter)
{
    struct lb_endpoint *e = &t->eps[i];
    enum lb_state before = e->state;

    e->usable = letter != 'u';
    e->room = letter == 'R' || letter == 'u';
    e->state = letter == 'i'   ? LB_IDLE
               : letter == 'c' ? LB_CONNECTING
               : letter == 'f' ? LB_FAILED
                               : LB_READY;
    if (e->state == LB_READY && before != LB_READY)
        e->ready_us = t->now;
}

static inline void
lbtest_set(struct lbtest *t, const char *text)
{
    t->list.n = strlen(text);
    assert_true(t->list.n <= MOST);
    for (size_t i = 0; i < t->list.n; i++)
        lbtest_state(t, i, text[i]);
    lbtest_update(t);
}

/* n endpoints, all ready with room. */
static inline void
lbtest_ready(struct lbtest *t, size_t n)
{
    t->list.n = n;
    for (size_t i = 0; i < n; i++)
        lbtest_state(t, i, 'R');
    lbtest_update(t);
}

static inline int
lbtest_pick(struct lbtest *t)
{
    t->how.now_us = t->now;
    t->how.connect = false;
    return t->policy->pick(t->own, &t->list, &t->how);
}

/* `times` picks, all of which must name an endpoint. */
static inline void
lbtest_count(struct lbtest *t, unsigned times, unsigned *count)
{
    memset(count, 0, t->list.n * sizeof(*count));
    for (unsigned k = 0; k < times; k++) {
        int i = lbtest_pick(t);

        assert_in_range(i, 0, t->list.n - 1);
        count[i]++;
    }
}

/* "yny": whom the policy wants connected. */
static inline void
lbtest_wanted(const struct lbtest *t, const char *text)
{
    char got[MOST + 1] = { 0 };

    for (size_t i = 0; i < t->list.n; i++)
        got[i] = t->eps[i].wanted ? 'y' : 'n';
    assert_string_equal(got, text);
}

#endif
