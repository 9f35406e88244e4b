/* SPDX-License-Identifier: Apache-2.0 */
/* main/generation.h - from one config to the next: what stays, what changes, what goes. A pool that says the same keeps its hub, connections and health;
 * one that has only other endpoints keeps them too; any other change makes a new pool beside the old one, which ends with its calls. A listener is found
 * again by its address and keeps its socket. Main thread only. */
#ifndef OUTRIGGER_MAIN_GENERATION_H
#define OUTRIGGER_MAIN_GENERATION_H

#include <stddef.h>
#include <stdint.h>

#include "base/compat.h"

struct config;
struct process;
struct strbuf;
struct swap;

struct generation_news { /* what a config changed, against the one before */
    size_t pools_new, pools_gone, pools_changed;
    size_t listeners_new, listeners_gone, listeners_changed;
    size_t routes_changed; /* listeners whose routes changed */
};

/* Makes conf the current one of the process (p->conf is still the old one). All that can fail is done first: new listeners bind. ERR_SYS: nothing changed,
 * problems has a line for each that cannot. Before the workers run everything is applied on return, and listeners are not started; later done (may be NULL)
 * is called when all workers have applied it. */
int generation_apply(struct process *p, const struct config *conf, uint64_t version,
                     void (*done)(struct swap *s), struct generation_news *ret_news,
                     struct strbuf *problems) MUST_CHECK;
/* "pools +1 -0 ~1, listeners +0 -0 ~0, routes ~1" */
void generation_print(const struct generation_news *n, struct strbuf *out);
/* After the workers ended. */
void generation_free(struct process *p);

#endif
