/* SPDX-License-Identifier: Apache-2.0 */
/* obs/exemplar.h - an example of a call for each bucket of a histogram: the id of its trace, how long it took, and when that was. One thread writes, any thread reads
 * meanwhile, without a lock (a sequence number that is odd during a change). The newest example stays. */
#ifndef OUTRIGGER_OBS_EXEMPLAR_H
#define OUTRIGGER_OBS_EXEMPLAR_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"

enum { EXEMPLAR_TRACE = 32 /* hex digits of a trace id */ };

struct exemplar_slot { /* zeroed: none */
    _Atomic uint32_t changes;
    _Atomic int64_t us, wall_us;
    _Atomic uint64_t trace[EXEMPLAR_TRACE / 8];
};

struct exemplar {
    char trace[EXEMPLAR_TRACE];
    int64_t us, wall_us; /* wall_us: since 1970 */
};

/* The writer. A trace id of another length is not taken. */
void
exemplar_put(struct exemplar_slot *s, struct slice trace, int64_t us, int64_t wall_us);
/* Any thread. False: there is none, or it changed again and again. */
bool exemplar_get(const struct exemplar_slot *s, struct exemplar *ret);

#endif
