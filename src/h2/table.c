/* SPDX-License-Identifier: Apache-2.0 */
/* h2/table.c - stream ids to streams. */
#include "h2/table.h"

#include "base/slab.h"
#include "h2/conn.h"

enum { TABLE_FIRST = 16 };

static uint32_t
stream_table_home(const struct stream_table *t, int32_t id)
{
    return ((uint32_t)id >> 1) & (t->size - 1);
}

static void
stream_table_put(struct stream_table *t, struct h2_stream *s)
{
    uint32_t i = stream_table_home(t, s->id);

    while (t->slots[i])
        i = (i + 1) & (t->size - 1);
    t->slots[i] = s;
    t->used++;
}

static bool
stream_table_grow(struct stream_table *t, struct slab *slab)
{
    struct stream_table big = { .size = t->size ? t->size * 2 : TABLE_FIRST };

    big.slots = slab_calloc(slab, big.size, sizeof(*big.slots));
    if (!big.slots)
        return false;
    for (uint32_t i = 0; i < t->size; i++) {
        if (t->slots[i])
            stream_table_put(&big, t->slots[i]);
    }
    slab_give(slab, t->slots);
    *t = big;
    return true;
}

bool
stream_table_add(struct stream_table *t, struct slab *slab, struct h2_stream *s)
{
    if ((t->used + 1) * 2 > t->size && !stream_table_grow(t, slab))
        return false;
    stream_table_put(t, s);
    return true;
}

struct h2_stream *
stream_table_find(const struct stream_table *t, int32_t id)
{
    if (t->used == 0)
        return NULL;
    for (uint32_t i = stream_table_home(t, id); t->slots[i]; i = (i + 1) & (t->size - 1)) {
        if (t->slots[i]->id == id)
            return t->slots[i];
    }
    return NULL;
}

void
stream_table_remove(struct stream_table *t, int32_t id)
{
    uint32_t hole, i;

    if (!stream_table_find(t, id))
        return;
    for (hole = stream_table_home(t, id); t->slots[hole]->id != id;)
        hole = (hole + 1) & (t->size - 1);
    /* What probed past the hole moves back into it. */
    for (i = (hole + 1) & (t->size - 1); t->slots[i]; i = (i + 1) & (t->size - 1)) {
        uint32_t home = stream_table_home(t, t->slots[i]->id);

        if (((i - home) & (t->size - 1)) >= ((i - hole) & (t->size - 1))) {
            t->slots[hole] = t->slots[i];
            hole = i;
        }
    }
    t->slots[hole] = NULL;
    t->used--;
}

void
stream_table_done(struct stream_table *t, struct slab *slab)
{
    slab_give(slab, t->slots);
    *t = (struct stream_table){ 0 };
}
