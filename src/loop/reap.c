/* SPDX-License-Identifier: Apache-2.0 */
/* loop/reap.c - the queue of what is closed and waits for the end of the turn. */
#include "loop/reap.h"

#include <assert.h>
#include <stddef.h>

void
ref_init(struct ref *r, void (*free)(struct ref *))
{
    *r = (struct ref){ .count = 1, .free = free };
}

void
ref_hold(struct ref *r)
{
    assert(r->count > 0); /* from zero there is no way back */
    r->count++;
}

void
ref_drop(struct ref *r, struct reaper *rp)
{
    assert(r->count > 0);
    if (--r->count > 0)
        return;
    r->next = rp->first;
    rp->first = r;
}

void
reap_run(struct reaper *rp)
{
    struct ref *r;

    while ((r = rp->first) != NULL) {
        rp->first = r->next;
        r->free(r);
    }
}
