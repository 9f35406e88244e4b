/* SPDX-License-Identifier: Apache-2.0 */
/* base/idtab.c - slots with a generation that moves on at each removal, so that an old
 * id never finds a new object. */
#include "base/idtab.h"

#include <assert.h>
#include <stdlib.h>

#include "base/compat.h"
#include "base/xalloc.h"

#define IDTAB_NONE UINT32_MAX

struct idtab_slot {
    void *obj;    /* NULL: free */
    uint32_t gen; /* never 0, so no id is 0 */
    uint32_t next_free;
};

void
idtab_init(struct idtab *t)
{
    *t = (struct idtab){ .free_head = IDTAB_NONE };
}

void
idtab_done(struct idtab *t)
{
    free(t->slots);
    idtab_init(t);
}

static void
idtab_grow(struct idtab *t)
{
    uint32_t size = t->size ? t->size * 2 : 16;

    assert(size > t->size && size <= UINT32_MAX / 2);
    t->slots = xrealloc(t->slots, (size_t)size * sizeof(*t->slots));
    /* Backwards, so that low slots are used first. */
    for (uint32_t i = size; i-- > t->size;) {
        t->slots[i] = (struct idtab_slot){ .gen = 1, .next_free = t->free_head };
        t->free_head = i;
    }
    t->size = size;
}

uint64_t
idtab_add(struct idtab *t, void *obj)
{
    assert(obj);
    if (UNLIKELY(t->free_head == IDTAB_NONE))
        idtab_grow(t);

    uint32_t i = t->free_head;
    struct idtab_slot *slot = &t->slots[i];

    t->free_head = slot->next_free;
    slot->obj = obj;
    t->used++;
    return (uint64_t)slot->gen << 32 | i;
}

static struct idtab_slot *
idtab_find_slot(const struct idtab *t, uint64_t id)
{
    uint32_t i = (uint32_t)id;

    if (UNLIKELY(i >= t->size || t->slots[i].gen != (uint32_t)(id >> 32)))
        return NULL;
    return &t->slots[i];
}

void *
idtab_find(const struct idtab *t, uint64_t id)
{
    const struct idtab_slot *slot = idtab_find_slot(t, id);

    return slot ? slot->obj : NULL;
}

void
idtab_remove(struct idtab *t, uint64_t id)
{
    struct idtab_slot *slot = idtab_find_slot(t, id);

    if (!slot || !slot->obj)
        return;
    slot->obj = NULL;
    slot->gen = slot->gen == UINT32_MAX ? 1 : slot->gen + 1;
    slot->next_free = t->free_head;
    t->free_head = (uint32_t)id;
    t->used--;
}

uint32_t
idtab_count(const struct idtab *t)
{
    return t->used;
}

void
idtab_each(struct idtab *t, void (*fn)(void *obj, void *arg), void *arg)
{
    /* By index: fn may add, which moves the slots. */
    for (uint32_t i = 0; i < t->size; i++) {
        void *obj = t->slots[i].obj;

        if (obj)
            fn(obj, arg);
    }
}
