/* SPDX-License-Identifier: Apache-2.0 */
/* base/idtab.h - ids for what may die first: slot number in the low 32 bits,
 * generation in the high 32. A room that must remember an object of another room holds
 * the id; a stale id finds nothing. One thread. Id 0 is never given out. */
#ifndef OUTRIGGER_BASE_IDTAB_H
#define OUTRIGGER_BASE_IDTAB_H

#include <stddef.h>
#include <stdint.h>

struct idtab {
    struct idtab_slot *slots;
    uint32_t size, used, free_head;
};

void idtab_init(struct idtab *t);
/* memory only; the objects are the caller's */
void idtab_done(struct idtab *t);
uint64_t idtab_add(struct idtab *t, void *obj);       /* obj not NULL; returns the id */
void *idtab_find(const struct idtab *t, uint64_t id); /* NULL when stale or 0 */
void idtab_remove(struct idtab *t, uint64_t id);      /* stale: nothing happens */
uint32_t idtab_count(const struct idtab *t);
/* Calls fn for every object; fn may remove the object it is given. */
void idtab_each(struct idtab *t, void (*fn)(void *obj, void *arg), void *arg);

#endif
