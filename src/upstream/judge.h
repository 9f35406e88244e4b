/* SPDX-License-Identifier: Apache-2.0 */
/* upstream/judge.h - what the end of one call says about its backend. Workers call it;
 * it only writes atomics of the backend and this worker's own tally. The main thread's
 * sweep (outlier.c) reads them. Any thread. */
#ifndef OUTRIGGER_UPSTREAM_JUDGE_H
#define OUTRIGGER_UPSTREAM_JUDGE_H

#include <stdbool.h>
#include <stdint.h>

struct backend;
struct backend_tally;
struct outlier_conf;

struct judge {
    bool on;           /* somebody wants to hear of consecutive errors */
    uint32_t statuses; /* bit per gRPC code that is a failure */
    uint32_t consecutive,
        consecutive_local; /* tell the main thread at so many; 0: never */
    bool split;            /* local failures are counted apart */
};

/* Without outlierDetection in the config nothing is ever told, but calls are tallied. */
void judge_init(struct judge *j, const struct outlier_conf *c);
/* The backend's own grpc-status, from headers or trailers. *ret_failed: it counts as a
 * failure. True: call hub_suspect. */
bool judge_status(const struct judge *j, struct backend *b, struct backend_tally *t,
                  int code, bool *ret_failed);
/* Only we saw it: no connection, reset, lost connection, our deadline before any answer.
 * True: call hub_suspect. */
bool judge_lost(const struct judge *j, struct backend *b, struct backend_tally *t);

#endif
