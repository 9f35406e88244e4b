/* SPDX-License-Identifier: Apache-2.0 */
/* upstream/backend_table.c - a hash table of addresses that grows, and is made anew when it is swept. */
#include "upstream/backend_table.h"

#include "base/xalloc.h"
#include "upstream/backend.h"

enum { TABLE_FIRST = 16 };

static size_t
table_place(const struct backend_table *t, const struct addr *a)
{
    return (size_t)addr_hash(a, t->seed) & (t->size - 1);
}

void
backend_table_init(struct backend_table *t, uint64_t seed)
{
    *t = (struct backend_table){ .seed = seed };
}

void
backend_table_done(struct backend_table *t)
{
    for (size_t i = 0; i < t->size; i++)
        backend_drop(t->slots[i]);
    xfree(t->slots);
    *t = (struct backend_table){ 0 };
}

static struct backend **
table_slot(const struct backend_table *t, const struct addr *a)
{
    size_t at = table_place(t, a);

    while (t->slots[at] && !addr_equal(&t->slots[at]->addr, a))
        at = (at + 1) & (t->size - 1);
    return &t->slots[at];
}

/* Into a new array of the right size for what is kept. */
static void
table_rebuild(struct backend_table *t, size_t room)
{
    struct backend **old = t->slots;
    size_t size = t->size;

    t->size = TABLE_FIRST;
    while (t->size < 2 * room)
        t->size *= 2;
    t->slots = xcalloc(t->size, sizeof(struct backend *));
    for (size_t i = 0; i < size; i++) {
        if (old[i])
            *table_slot(t, &old[i]->addr) = old[i];
    }
    xfree(old);
}

struct backend *
backend_table_get(struct backend_table *t, const struct addr *a, size_t workers,
                  int *ret_new)
{
    struct backend **slot;
    int made = 0;

    if (t->size < 2 * (t->used + 1))
        table_rebuild(t, 2 * (t->used + 1));
    slot = table_slot(t, a);
    if (!*slot) {
        *slot = backend_new(a, workers);
        t->used++;
        made = 1;
    }
    if (ret_new)
        *ret_new = made;
    return *slot;
}

void
backend_table_sweep(struct backend_table *t)
{
    size_t gone = 0;

    for (size_t i = 0; i < t->size; i++) {
        struct backend *b = t->slots[i];

        /* Holds are only taken by who has one, or by us: a count of 1 stays. */
        if (b && atomic_load_explicit(&b->refs, memory_order_acquire) == 1 &&
            !backend_disabled(b)) {
            backend_drop(b);
            t->slots[i] = NULL;
            gone++;
        }
    }
    if (gone) {
        t->used -= gone;
        table_rebuild(t, t->used); /* chains have holes now */
    }
}
