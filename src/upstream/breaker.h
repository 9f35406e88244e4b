/* SPDX-License-Identifier: Apache-2.0 */
/* upstream/breaker.h - the breaker of one endpoint, as linkerd's failure accrual has it:
 * closed until failures trip it, then it waits, then one real call is let through; its
 * end decides. Pure values on the caller's time; the main thread's sweep feeds it. */
#ifndef OUTRIGGER_UPSTREAM_BREAKER_H
#define OUTRIGGER_UPSTREAM_BREAKER_H

#include <stdbool.h>
#include <stdint.h>

struct breaker_conf;
struct rng;

enum { BREAKER_SLOTS = 10 }; /* of the window of successRate */

enum breaker_state {
    BREAKER_CLOSED,  /* calls flow */
    BREAKER_WAITING, /* tripped: no calls until wait_until_us */
    BREAKER_PROBING, /* one call may go, or is on its way */
};

struct breaker {
    enum breaker_state state;
    uint32_t trips; /* in a row, for the wait */
    int64_t wait_until_us;
    uint64_t good[BREAKER_SLOTS], bad[BREAKER_SLOTS];
    int64_t slot; /* number of the newest, counted from time 0 */
};

/* Adds what ended since the last time. */
void breaker_count(struct breaker *b, const struct breaker_conf *c, uint64_t good,
                   uint64_t bad, int64_t now_us);
/* Does the window say that it should trip? */
bool breaker_rate_is_low(const struct breaker *b, const struct breaker_conf *c);
/* Closed or probing -> waiting. The wait doubles with each trip in a row. */
void breaker_trip(struct breaker *b, const struct breaker_conf *c, int64_t now_us,
                  struct rng *rng);
/* The wait is over: waiting -> probing. */
void breaker_probe(struct breaker *b);
/* The probe call was good: closed, with an empty window. */
void breaker_close(struct breaker *b);

#endif
