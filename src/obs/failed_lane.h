/* SPDX-License-Identifier: Apache-2.0 */
/* obs/failed_lane.h - the failed calls that one worker keeps, folded: calls of one kind with less than FAILED_FOLD_US between them are one entry, which counts them and shows the
 * newest. A client that is refused ten thousand times has one entry, and what else failed stays where it is.
 *
 * One kind: same reason, code, listener, pool, route, endpoint, method and cancel, and the same words but for digits in them. When all places are taken, the entry that goes is the oldest of
 * the group (reason, code, listener, pool) that has the most: what a peer can vary, its paths and texts, takes places of its own group alone, and of n groups each keeps
 * FAILED_KEPT / n entries, however loud the others are.
 *
 * One writer, the worker; the main thread reads while it is written: each place has a number that is odd while it changes, and who sees it change reads again. No lock. A put costs the same
 * however many there were: one or two hashes, a look at FAILED_KEPT of them, and a copy. Memory is used when calls fail. */
#ifndef OUTRIGGER_OBS_FAILED_LANE_H
#define OUTRIGGER_OBS_FAILED_LANE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/siphash.h"
#include "obs/failed_log.h"

struct failed_lane;

/* What it takes to put entries into order. */
struct failed_head {
    struct sip_hash kind;
    int64_t first_us, last_us; /* ends of its calls, us since 1970 */
    uint64_t count;
};

struct failed_lane *failed_lane_new(void);
void failed_lane_free(struct failed_lane *l); /* after its worker; NULL is fine */

/* [worker] Lanes with one secret agree on what is one kind. */
void failed_lane_put(struct failed_lane *l, const struct sip_secret *secret,
                     const struct failed_call *c);

/* [main] Entries, numbered from 0 in no order. */
size_t failed_lane_used(const struct failed_lane *l);
/* [main] False: it changes too fast. */
bool failed_lane_head(const struct failed_lane *l, size_t i, struct failed_head *ret);
/* [main] False as above, or: another kind has its place now. */
bool failed_lane_get(const struct failed_lane *l, size_t i, struct sip_hash kind,
                     struct failed_entry *ret);
/* [main] Bytes of the entries that there are. */
size_t failed_lane_bytes(const struct failed_lane *l);

#endif
