/* SPDX-License-Identifier: Apache-2.0 */
/* base/published.c - a reader says what it is about to use, and looks again whether that is still the newest: if so, the owner, who replaces first and then looks what
 * readers said, must see it. Both sides need the total order of memory_order_seq_cst for that. */
#include "base/published.h"

#include <sched.h>
#include <stdatomic.h>
#include <stddef.h>

#include "base/xalloc.h"

enum { CACHE_LINE = 64 };

struct reader {
    _Atomic(void *) in;
    char pad[CACHE_LINE - sizeof(void *)];
};

struct published {
    void (*on_free)(void *object);
    _Atomic(void *) now;
    unsigned n;
    char pad[CACHE_LINE]; /* `now` is read by all, the rest is written by each */
    struct reader readers[];
};

struct published *
published_new(unsigned readers, void (*on_free)(void *object))
{
    struct published *p = xcalloc(1, sizeof(*p) + readers * sizeof(p->readers[0]));

    p->on_free = on_free;
    p->n = readers;
    return p;
}

void
published_set(struct published *p, void *object)
{
    void *old = atomic_exchange(&p->now, object);

    if (!old)
        return;
    for (unsigned i = 0; i < p->n; i++) {
        while (atomic_load(&p->readers[i].in) == old)
            sched_yield();
    }
    p->on_free(old);
}

void
published_free(struct published *p)
{
    if (!p)
        return;
    published_set(p, NULL);
    xfree(p);
}

const void *
published_enter(struct published *p, unsigned reader)
{
    struct reader *r = &p->readers[reader];
    void *object = atomic_load_explicit(&p->now, memory_order_relaxed), *again;

    for (;; object = again) {
        atomic_store(&r->in, object);
        again = atomic_load(&p->now);
        if (again == object)
            return object;
    }
}

void
published_leave(struct published *p, unsigned reader)
{
    atomic_store_explicit(&p->readers[reader].in, NULL, memory_order_release);
}
