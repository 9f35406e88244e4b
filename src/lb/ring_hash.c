/* SPDX-License-Identifier: Apache-2.0 */
/* lb/ring_hash.c - equal keys go to the same endpoint, also through many proxies (gRFC A42, A61, A76). Endpoints are connected when a call needs them.
 * From the key's place on the ring the walk goes on over endpoints that failed, and over those that are full or, with hashBalanceFactor, loaded. */
#include <math.h>
#include <string.h>

#include "base/rand.h"
#include "base/xalloc.h"
#include "lb/hash.h"
#include "lb/lb_conf.h"
#include "lb/policies.h"
#include "lb/ring.h"

enum { LOAD_SHARE = 16 }; /* endpoints that a pick looks at for the sum, on average */

struct ring_member_mark {
    uint64_t key; /* hash of the endpoint's key: has the list changed? */
    uint32_t weight;
    bool asked; /* a call wants this idle endpoint */
};

struct ring_hash {
    struct ring ring;
    struct rng *rng;
    struct ring_size places;
    uint32_t factor;
    struct ring_member_mark *marks; /* by index of the list */
    size_t n, size;
    size_t failed, connecting, ready;
    /* Bounded load: calls under way in all of the list. Counted again now and then, because that takes O(n). */
    uint64_t load;
    size_t load_age;
};

static void
ring_hash_start(void *state, const struct balance_conf *conf, struct rng *rng)
{
    struct ring_hash *s = state;

    s->rng = rng;
    s->places = (struct ring_size){ .least = conf->min_ring_size,
                                    .most = conf->max_ring_size,
                                    .each = conf->places_per_endpoint };
    s->factor = conf->hash_balance_factor;
}

static void
ring_hash_stop(void *state)
{
    struct ring_hash *s = state;

    ring_free(&s->ring);
    xfree(s->marks);
    s->marks = NULL;
    s->n = s->size = 0;
}

/* True when keys or weights are not those of the ring; then the marks are of the new list. */
static bool
ring_hash_changed(struct ring_hash *s, const struct lb_list *l)
{
    bool changed = s->n != l->n;

    if (s->size < l->n) {
        s->marks = xrealloc(s->marks, l->n * sizeof(*s->marks));
        memset(s->marks + s->size, 0, (l->n - s->size) * sizeof(*s->marks));
        s->size = l->n;
    }
    s->n = l->n;
    for (size_t i = 0; i < l->n; i++) {
        const struct lb_endpoint *e = l->v[i];
        uint64_t key = lb_hash(e->key, strlen(e->key));

        if (s->marks[i].key == key && s->marks[i].weight == e->weight)
            continue;
        if (s->marks[i].key != key)
            s->marks[i].asked = false;
        s->marks[i].key = key;
        s->marks[i].weight = e->weight;
        changed = true;
    }
    return changed;
}

static void
ring_hash_count_load(struct ring_hash *s, const struct lb_list *l)
{
    s->load = 0;
    s->load_age = 0;
    for (size_t i = 0; i < l->n; i++)
        s->load += l->v[i]->active;
}

/* No call makes a failed ring connect: while none is READY and none on its way, one idle endpoint is tried (gRFC A61). */
static void
ring_hash_recover(struct ring_hash *s, const struct lb_list *l)
{
    bool in_trouble = s->failed >= 2 || (s->failed == 1 && l->n > 1);

    if (s->ready || s->connecting || !in_trouble)
        return;
    for (size_t i = 0; i < l->n; i++) {
        if (lb_state(l, i) == LB_IDLE) {
            s->marks[i].asked = l->v[i]->wanted = true;
            return;
        }
    }
}

static int64_t
ring_hash_update(void *state, const struct lb_list *l, int64_t now_us)
{
    struct ring_hash *s = state;

    (void)now_us;
    if (ring_hash_changed(s, l))
        ring_build(&s->ring, l, &s->places);
    s->failed = s->connecting = s->ready = 0;
    for (size_t i = 0; i < l->n; i++) {
        enum lb_state now = lb_state(l, i);

        s->failed += now == LB_FAILED;
        s->ready += now == LB_READY;
        s->marks[i].asked &= l->v[i]->state == LB_IDLE;
        s->connecting += now == LB_CONNECTING || s->marks[i].asked;
        /* What was connected once is kept or tried again; what is idle waits for a call. */
        l->v[i]->wanted = l->v[i]->state != LB_IDLE || s->marks[i].asked;
    }
    ring_hash_recover(s, l);
    if (s->factor)
        ring_hash_count_load(s, l);
    return -1;
}

static void
ring_hash_connect(struct ring_hash *s, const struct lb_list *l, size_t i,
                  struct lb_pick *how)
{
    if (!s->marks[i].asked)
        s->connecting++;
    s->marks[i].asked = true;
    l->v[i]->wanted = true;
    how->connect = true;
}

/* Most calls that an endpoint may have under way and still take one more. UINT32_MAX: no bound. */
static uint32_t
ring_hash_bound(struct ring_hash *s, const struct lb_list *l)
{
    double bound;

    if (!s->factor || !s->ready)
        return UINT32_MAX;
    if (++s->load_age > l->n / LOAD_SHARE)
        ring_hash_count_load(s, l);
    /* The share of each when this call is counted in, rounded up: some endpoint is always below. */
    bound = ceil((double)(s->load + 1) / (double)s->ready * s->factor / 100);
    return bound < UINT32_MAX ? (uint32_t)bound - 1 : UINT32_MAX;
}

/* One walk round the ring, to the first READY endpoint that has room, is not avoided and within the bound. *spare gets one that only has room.
 * LB_WAIT: the call waits for an endpoint that it came by. */
static int
ring_hash_walk(struct ring_hash *s, const struct lb_list *l, struct lb_pick *how,
               int *spare)
{
    const struct ring *r = &s->ring;
    uint32_t bound = ring_hash_bound(s, l);
    size_t at = ring_find(r, how->hashed ? how->hash : rng_next(s->rng));
    bool wait = false, passed = false;

    for (size_t k = 0; k < r->n; k++, at++) {
        uint32_t i = r->v[at < r->n ? at : at - r->n].index;
        enum lb_state state = lb_state(l, i);

        if (state == LB_FAILED)
            continue;
        if (state == LB_READY) {
            if (lb_room(l, i)) {
                if (l->v[i] != how->avoid && l->v[i]->active <= bound)
                    return (int)i;
                /* One that is over its bound comes before the one to avoid. */
                if (*spare < 0 || l->v[*spare] == how->avoid)
                    *spare = (int)i;
            }
            wait = passed = true;
            continue;
        }
        /* At most one per call, and for a call without a key only when none is on its way. */
        if (state == LB_IDLE && !how->connect && (how->hashed || !s->connecting))
            ring_hash_connect(s, l, i, how);
        wait = true;
        /* A key's own endpoint is waited for; one that only stands in for it is not. */
        if (how->hashed && !passed)
            break;
    }
    return wait ? LB_WAIT : LB_NONE;
}

static int
ring_hash_pick(void *state, const struct lb_list *l, struct lb_pick *how)
{
    struct ring_hash *s = state;
    int spare = LB_NONE, i;

    if (s->ring.n == 0 || s->failed == l->n)
        return LB_NONE;
    i = ring_hash_walk(s, l, how, &spare);
    if (i < 0 && spare >= 0)
        i = spare;
    if (i >= 0)
        s->load++;
    return i;
}

const struct lb_policy lb_ring_hash = {
    .name = "ring_hash",
    .state_size = sizeof(struct ring_hash),
    .start = ring_hash_start,
    .stop = ring_hash_stop,
    .update = ring_hash_update,
    .pick = ring_hash_pick,
};
