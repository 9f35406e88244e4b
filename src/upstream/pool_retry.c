/* SPDX-License-Identifier: Apache-2.0 */
/* upstream/pool_retry.c - may a call of this pool be tried once more? The arithmetic is retry_guard.c's. */
#include <assert.h>

#include "upstream/group.h"

enum { LOOK_AT = 64 };

/* --- another endpoint first ------------------------------------------------------------- */

void
pool_tried_add(struct pool_tried *t, struct endpoint *e)
{
    for (unsigned i = 0; i < t->n; i++) {
        if (t->v[i] == e)
            return;
    }
    if (t->n == POOL_TRIED_MAX)
        return;
    ref_hold(&e->ref);
    t->v[t->n++] = e;
}

void
pool_tried_done(struct pool_tried *t)
{
    while (t->n) {
        struct endpoint *e = t->v[--t->n];

        ref_drop(&e->ref, e->reaper);
    }
}

/* For the policies an endpoint without room is not there, so none of them has to know of this. */
void
pool_tried_hide(struct pool_tried *t)
{
    for (unsigned i = 0; i < t->n; i++) {
        t->room[i] = t->v[i]->lb.room;
        t->v[i]->lb.room = false;
    }
}

void
pool_tried_show(struct pool_tried *t)
{
    for (unsigned i = 0; i < t->n; i++)
        t->v[i]->lb.room = t->room[i];
}

static bool
was_with(const struct pool_wait *w, const struct endpoint *e)
{
    for (unsigned i = 0; w->tried && i < w->tried->n; i++) {
        if (w->tried->v[i] == e)
            return true;
    }
    return e == w->avoid;
}

/* It is on its way and has not taken long: one that never answers costs a call that could go elsewhere no more than this. */
static bool
comes_soon(const struct pool *p, const struct lb_list *l, size_t i)
{
    enum lb_state state = lb_state(l, i);

    if (state == LB_IDLE)
        return l->v[i]->wanted && !p->no_connections;
    return state == LB_CONNECTING &&
           loop_now_us(p->loop) - endpoint_of(l->v[i])->attempt_us < CHOOSY_US;
}

bool
pool_better_comes(const struct pool *p, const struct pool_wait *w,
                  const struct endpoint *e)
{
    const struct subset *s = p->subsets[w->subset];
    size_t looked = 0;

    if (w->any || !was_with(w, e))
        return false;
    for (size_t k = 0; k < s->n; k++) {
        const struct group *g = s->groups[k];

        for (size_t i = 0; g->load && i < g->list.n; i++) {
            if (looked++ == LOOK_AT)
                return false;
            if (comes_soon(p, &g->list, i) && !was_with(w, endpoint_of(g->v[i])))
                return true;
        }
    }
    return false;
}

/* --- budget and throttle ------------------------------------------------------------------ */

enum pool_retry
pool_retry_take(struct pool *p, struct pool_wait *w)
{
    if (w->slot)
        return POOL_RETRY_OK;
    if (!retry_guard_take(&p->levels->retry_guard))
        return POOL_RETRY_BUDGET;
    w->pool = p;
    w->slot = true;
    if (pool_limit_retry(p, w))
        return POOL_RETRY_OK;
    pool_retry_give(w);
    stat_inc(p->stats, STAT_LIMIT_RETRIES);
    return POOL_RETRY_LIMIT;
}

void
pool_retry_give(struct pool_wait *w)
{
    if (!w->slot)
        return;
    assert(!list_linked(&w->link)); /* those that wait are counted without it */
    w->slot = false;
    retry_guard_give(&w->pool->levels->retry_guard);
    if (!w->open)
        pool_limit_retry_give(w->pool, w); /* else with the stream */
}

void
pool_retry_count(struct pool *p)
{
    TALLY_ADD(p->load->retries, 1);
}

void
pool_retry_result(struct pool *p, enum retry_result result, unsigned n)
{
    TALLY_ADD(p->load->results[result], n);
}

struct retry_guard *
pool_retry_guard(const struct pool *p)
{
    return &p->levels->retry_guard;
}
