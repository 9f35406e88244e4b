/* SPDX-License-Identifier: Apache-2.0 */
/* h2/table.c - stream ids to streams. */
#include "h2/table.h"

#include "base/slab.h"
#include "h2/conn.h"

enum { TABLE_FIRST = 16 };

static struct h2_stream **
stream_table_head(const struct stream_table *t, int32_t id)
{
    return &t->heads[((uint32_t)id >> 1) & (t->size - 1)];
}

void
stream_table_add(struct stream_table *t, struct h2_stream *s)
{
    struct h2_stream **head = stream_table_head(t, s->id);

    s->table_next = *head;
    *head = s;
    t->used++;
}

static bool
stream_table_grow(struct stream_table *t, struct slab *slab)
{
    struct stream_table big = { .size = t->size ? t->size * 2 : TABLE_FIRST };

    big.heads = slab_calloc(slab, big.size, sizeof(*big.heads));
    if (!big.heads)
        return false;
    for (uint32_t i = 0; i < t->size; i++) {
        while (t->heads[i]) {
            struct h2_stream *s = t->heads[i];

            t->heads[i] = s->table_next;
            stream_table_add(&big, s);
        }
    }
    slab_give(slab, t->heads);
    *t = big;
    return true;
}

bool
stream_table_room(struct stream_table *t, struct slab *slab)
{
    return t->used < t->size || stream_table_grow(t, slab);
}

struct h2_stream *
stream_table_find(const struct stream_table *t, int32_t id)
{
    struct h2_stream *s = t->used ? *stream_table_head(t, id) : NULL;

    while (s && s->id != id)
        s = s->table_next;
    return s;
}

void
stream_table_remove(struct stream_table *t, int32_t id)
{
    struct h2_stream **at = t->used ? stream_table_head(t, id) : NULL;

    while (at && *at && (*at)->id != id)
        at = &(*at)->table_next;
    if (!at || !*at)
        return;
    *at = (*at)->table_next;
    t->used--;
}

void
stream_table_done(struct stream_table *t, struct slab *slab)
{
    slab_give(slab, t->heads);
    *t = (struct stream_table){ 0 };
}
