/* SPDX-License-Identifier: Apache-2.0 */
/* loop/reap.h - close now, free after the turn. A closed object drops its last hold;
 * the reaper frees it only between two loop turns, when no callback is on the stack.
 * So a callback may close anything, itself included. One reaper per loop; one thread. */
#ifndef OUTRIGGER_LOOP_REAP_H
#define OUTRIGGER_LOOP_REAP_H

struct ref {
    unsigned count;
    void (*free)(struct ref *);
    struct ref *next;
};

struct reaper {
    struct ref *first;
};

void ref_init(struct ref *r, void (*free)(struct ref *)); /* count 1 */
void ref_hold(struct ref *r);
void ref_drop(struct ref *r, struct reaper *rp); /* at zero: queued, not freed */
/* frees all that is queued, also what a free queues. Loop only. */
void reap_run(struct reaper *rp);

#endif
