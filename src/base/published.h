/* SPDX-License-Identifier: Apache-2.0 */
/* base/published.h - one object that its owner replaces while other threads read it: keys of a file, a policy. Readers take no lock and write only to a cache line of
 * their own (a hazard pointer each); the owner frees the old object when no reader is in it.
 * A reader is in the object from published_enter to published_leave: some microseconds, without any wait and without logging, because the owner waits for it.
 * new, set and free: the owner's thread. enter and leave: each reader's own thread, which has one number. */
#ifndef OUTRIGGER_BASE_PUBLISHED_H
#define OUTRIGGER_BASE_PUBLISHED_H

struct published;

/* readers: their numbers are 0 .. readers - 1. on_free: gets each object that was set and replaced, never NULL. */
struct published *published_new(unsigned readers, void (*on_free)(void *object));
/* No reader may be in it. Frees the object, too. NULL is fine. */
void published_free(struct published *p);

/* Takes over the object (NULL: none) and frees the one before. */
void published_set(struct published *p, void *object);
/* The newest object; NULL: none was set. It stays until published_leave. Not nested. */
const void *published_enter(struct published *p, unsigned reader);
void published_leave(struct published *p, unsigned reader);

#endif
