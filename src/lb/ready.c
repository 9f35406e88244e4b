/* SPDX-License-Identifier: Apache-2.0 */
/* lb/ready.c - the index of READY endpoints. */
#include "lb/ready.h"

#include "base/xalloc.h"

void
ready_build(struct lb_ready *r, const struct lb_list *l)
{
    if (r->size < l->n) {
        xfree(r->v);
        r->v = xcalloc(l->n, sizeof(*r->v));
        r->size = l->n;
    }
    r->n = 0;
    r->hope = false;
    r->even = true;
    for (size_t i = 0; i < l->n; i++) {
        enum lb_state state = lb_state(l, i);

        l->v[i]->wanted = true;
        if (state == LB_READY) {
            r->v[r->n++] = (uint32_t)i;
            r->even &= l->v[i]->weight == l->v[r->v[0]]->weight;
        }
        r->hope |= state != LB_FAILED;
    }
}

void
ready_free(struct lb_ready *r)
{
    xfree(r->v);
    *r = (struct lb_ready){ 0 };
}

int
ready_from(const struct lb_ready *r, const struct lb_list *l, size_t at,
           const struct lb_pick *how, size_t *ret_at)
{
    int avoided = -1;
    size_t avoided_at = 0;

    for (size_t tried = 0; tried < r->n; tried++, at++) {
        if (at >= r->n)
            at = 0;

        uint32_t i = r->v[at];

        if (!lb_room(l, i))
            continue;
        if (l->v[i] != how->avoid) {
            if (ret_at)
                *ret_at = at;
            return (int)i;
        }
        avoided = (int)i;
        avoided_at = at;
    }
    if (avoided >= 0) {
        if (ret_at)
            *ret_at = avoided_at;
        return avoided;
    }
    return r->hope ? LB_WAIT : LB_NONE;
}
