/* SPDX-License-Identifier: Apache-2.0 */
/* lb/pick_first.c - the first endpoint of the list that works (gRFC A62). A pass tries the addresses in their order, each some time after the one
 * before it or as soon as that failed (Happy Eyeballs, RFC 8305), and keeps the first that is READY. When all failed once, calls fail at once and every
 * address is tried again after its own backoff, until one is READY. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/rand.h"
#include "base/xalloc.h"
#include "lb/lb_conf.h"
#include "lb/policies.h"
#include "lb/ready.h"

struct pick_first_try {
    uint32_t index; /* into the list */
    bool failed;    /* in this pass */
    bool barred;    /* failed because it must not be used: it had no try */
    double key;     /* for the shuffle */
};

struct pick_first {
    struct rng *rng;
    bool shuffle;
    int64_t delay_us;
    const struct lb_endpoint **seen; /* the list, to know a new one; never looked into */
    struct pick_first_try *order;
    size_t n, size;
    size_t started;  /* of order, in this pass */
    int64_t last_us; /* when the last of these began to connect; 0: not yet */
    size_t current;  /* index of the READY one; n: none */
    const struct lb_endpoint
        *chosen; /* the same, to find it in a new list; never looked into */
    bool failed; /* sticky: all failed once, and none was READY since */
};

static void
pick_first_start(void *state, const struct balance_conf *conf, struct rng *rng)
{
    struct pick_first *s = state;

    s->rng = rng;
    s->shuffle = conf->shuffle;
    s->delay_us = conf->happy_eyeballs_ms * 1000;
}

static void
pick_first_stop(void *state)
{
    struct pick_first *s = state;

    xfree(s->seen);
    xfree(s->order);
    s->seen = NULL;
    s->order = NULL;
    s->n = s->size = 0;
}

static int
pick_first_by_key(const void *a, const void *b)
{
    const struct pick_first_try *x = a, *y = b;

    if (x->key < y->key || x->key > y->key)
        return x->key > y->key ? -1 : 1;
    return x->index < y->index ? -1 : 1;
}

/* gRFC A113: u ^ (1 / weight), largest first; its logarithm has the same order and does not round to 1 for heavy ones. */
static void
pick_first_shuffle(struct pick_first *s, const struct lb_list *l)
{
    for (size_t i = 0; i < s->n; i++)
        s->order[i].key = log(1 - ready_chance(s->rng)) / l->v[i]->weight;
    qsort(s->order, s->n, sizeof(*s->order), pick_first_by_key);
}

static bool
is_ipv6(const struct lb_endpoint *e)
{
    return e->key[0] == '[';
}

/* RFC 8305 section 4: families in turn, that of the first address first; the order within each stays. */
static void
pick_first_interleave(struct pick_first *s, const struct lb_list *l)
{
    struct pick_first_try *from = xcalloc(s->n + 1, sizeof(*from));
    bool turn = s->n && is_ipv6(l->v[s->order[0].index]);
    size_t at[2] = { 0, 0 };

    memcpy(from, s->order, s->n * sizeof(*from));
    for (size_t k = 0; k < s->n; k++, turn = !turn) {
        while (at[turn] < s->n && is_ipv6(l->v[from[at[turn]].index]) != turn)
            at[turn]++;
        if (at[turn] == s->n) { /* no more of this family */
            turn = !turn;
            while (is_ipv6(l->v[from[at[turn]].index]) != turn)
                at[turn]++;
        }
        s->order[k] = from[at[turn]++];
    }
    xfree(from);
}

static void
pick_first_begin_pass(struct pick_first *s)
{
    s->started = 0;
    for (size_t k = 0; k < s->n; k++)
        s->order[k].failed = s->order[k].barred = false;
}

static void
pick_first_take_list(struct pick_first *s, const struct lb_list *l)
{
    if (s->n == l->n && (l->n == 0 || memcmp(s->seen, l->v, l->n * sizeof(*l->v)) == 0))
        return;
    for (size_t k = 0; k < s->n; k++) {
        if (s->order[k].barred)
            s->failed = false;
    }
    if (s->size < l->n) {
        xfree(s->seen);
        xfree(s->order);
        s->seen = xcalloc(l->n, sizeof(*s->seen));
        s->order = xcalloc(l->n, sizeof(*s->order));
        s->size = l->n;
    }
    s->n = l->n;
    for (size_t i = 0; i < l->n; i++) {
        s->seen[i] = l->v[i];
        s->order[i] = (struct pick_first_try){ .index = (uint32_t)i };
    }
    if (s->shuffle)
        pick_first_shuffle(s, l);
    pick_first_interleave(s, l);
    pick_first_begin_pass(s);
}

/* Keeps the chosen one while it is READY; else the first READY one in order. */
static size_t
pick_first_current(const struct pick_first *s, const struct lb_list *l)
{
    size_t first = s->n;

    for (size_t k = s->n; k-- > 0;) {
        size_t i = s->order[k].index;

        if (lb_state(l, i) != LB_READY)
            continue;
        if (l->v[i] == s->chosen)
            return i;
        first = i;
    }
    return first;
}

/* Health says nothing of connections: an endpoint that may be used again gets its try, and calls wait for that. */
static void
pick_first_judge(struct pick_first *s, const struct lb_list *l, size_t k)
{
    struct pick_first_try *t = &s->order[k];
    bool fails = lb_state(l, t->index) == LB_FAILED;

    if (t->barred && !fails)
        t->failed = s->failed = false;
    t->failed |= fails;
    t->barred = fails && l->v[t->index]->state != LB_FAILED;
}

/* Starts what is due. Returns after how long the next one is due, -1: not by time. */
static int64_t
pick_first_go_on(struct pick_first *s, const struct lb_list *l, int64_t now_us)
{
    for (;;) {
        const struct pick_first_try *last = s->started ? &s->order[s->started - 1] : NULL;

        if (s->started == s->n)
            return -1;
        if (last && !last->failed) {
            /* The delay counts from when the pool really began to connect. */
            if (lb_state(l, last->index) != LB_CONNECTING)
                return -1;
            if (s->last_us == 0)
                s->last_us = now_us;
            if (now_us - s->last_us < s->delay_us)
                return s->last_us + s->delay_us - now_us;
        }
        s->last_us = 0;
        pick_first_judge(s, l, s->started++);
    }
}

static int64_t
pick_first_pass(struct pick_first *s, const struct lb_list *l, int64_t now_us)
{
    size_t failed = 0;
    int64_t again;

    for (size_t k = 0; k < s->started; k++)
        pick_first_judge(s, l, k);
    again = pick_first_go_on(s, l, now_us);
    for (size_t k = 0; k < s->started; k++)
        failed += s->order[k].failed;
    if (failed == s->n && s->n)
        s->failed = true;
    for (size_t k = 0; k < s->started; k++)
        l->v[s->order[k].index]->wanted = !s->order[k].failed || failed == s->n;
    return again;
}

static int64_t
pick_first_update(void *state, const struct lb_list *l, int64_t now_us)
{
    struct pick_first *s = state;

    pick_first_take_list(s, l);
    for (size_t i = 0; i < l->n; i++)
        l->v[i]->wanted = false;
    s->current = pick_first_current(s, l);
    if (s->current == s->n) {
        s->chosen = NULL;
        return pick_first_pass(s, l, now_us);
    }
    s->chosen = l->v[s->current];
    l->v[s->current]->wanted = true;
    s->failed = false;
    pick_first_begin_pass(s);
    return -1;
}

static int
pick_first_pick(void *state, const struct lb_list *l, struct lb_pick *how)
{
    const struct pick_first *s = state;

    (void)how; /* only one is connected: there is no other to avoid it for */
    if (s->current < s->n)
        return lb_room(l, s->current) ? (int)s->current : LB_WAIT;
    return s->failed || s->n == 0 ? LB_NONE : LB_WAIT;
}

const struct lb_policy lb_pick_first = {
    .name = "pick_first",
    .state_size = sizeof(struct pick_first),
    .start = pick_first_start,
    .stop = pick_first_stop,
    .update = pick_first_update,
    .pick = pick_first_pick,
};
