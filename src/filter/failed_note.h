/* SPDX-License-Identifier: Apache-2.0 */
/* filter/failed_note.h - from a call that failed to its record for /why (obs/failed_log.h). Called by the filter "metrics", and by proxy/filters.c for calls that do not come to it.
 * Worker's thread. */
#ifndef OUTRIGGER_FILTER_FAILED_NOTE_H
#define OUTRIGGER_FILTER_FAILED_NOTE_H

#include "base/slice.h"

struct failed_log;
struct filter_call;
struct filter_result;

/* path: what the client asked for; empty when it is not known any more. r->code is not OK. */
void failed_note(struct failed_log *log, const struct filter_call *fc, struct slice path,
                 const struct filter_result *r);

#endif
