/* SPDX-License-Identifier: Apache-2.0 */
/* resolve/k8s_slices.c - slices sorted by name, found by halves. */
#include "resolve/k8s_slices.h"

#include <string.h>

#include "base/strbuf.h"
#include "base/xalloc.h"

static void
slice_done(struct k8s_slice *s)
{
    xfree(s->name);
    xfree(s->v);
}

void
k8s_slices_clear(struct k8s_slices *t)
{
    for (size_t i = 0; i < t->n; i++)
        slice_done(&t->v[i]);
    xfree(t->v);
    *t = (struct k8s_slices){ 0 };
}

/* Index of the slice, or where it would stand. */
static size_t
slices_find(const struct k8s_slices *t, const char *name, bool *ret_found)
{
    size_t low = 0, high = t->n;

    *ret_found = false;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        int order = strcmp(t->v[mid].name, name);

        if (order == 0) {
            *ret_found = true;
            return mid;
        }
        if (order < 0)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

static bool
slice_same(const struct k8s_slice *a, const struct k8s_slice *b)
{
    if (a->n != b->n || a->has_port != b->has_port)
        return false;
    for (size_t i = 0; i < a->n; i++) {
        const struct k8s_endpoint *x = &a->v[i], *y = &b->v[i];

        if (x->ready != y->ready || x->draining != y->draining || x->zone != y->zone ||
            x->hint != y->hint || !addr_equal(&x->addr, &y->addr))
            return false;
    }
    return true;
}

enum k8s_result
k8s_slices_put(struct k8s_slices *t, struct k8s_slice *s, struct strbuf *why)
{
    bool found;
    size_t at = slices_find(t, s->name, &found);
    size_t old = found ? t->v[at].n : 0;

    if (found && slice_same(&t->v[at], s)) {
        slice_done(s);
        return K8S_SAME;
    }
    if (t->endpoints - old + s->n > K8S_STORED_MAX ||
        (!found && t->n == K8S_SLICES_MAX)) {
        strbuf_printf(why, "the service has more than %d endpoints or %d slices",
                      K8S_STORED_MAX, K8S_SLICES_MAX);
        slice_done(s);
        return K8S_BAD;
    }
    t->endpoints += s->n - old;
    if (found) {
        slice_done(&t->v[at]);
        t->v[at] = *s;
        return K8S_CHANGED;
    }
    if (t->n == t->room) {
        t->room = t->room ? 2 * t->room : 16;
        t->v = xrealloc(t->v, t->room * sizeof(*t->v));
    }
    memmove(&t->v[at + 1], &t->v[at], (t->n - at) * sizeof(*t->v));
    t->v[at] = *s;
    t->n++;
    return K8S_CHANGED;
}

enum k8s_result
k8s_slices_drop(struct k8s_slices *t, const char *name)
{
    bool found;
    size_t at = slices_find(t, name, &found);

    if (!found)
        return K8S_SAME;
    t->endpoints -= t->v[at].n;
    slice_done(&t->v[at]);
    t->n--;
    memmove(&t->v[at], &t->v[at + 1], (t->n - at) * sizeof(*t->v));
    return K8S_CHANGED;
}
