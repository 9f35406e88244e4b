/* SPDX-License-Identifier: Apache-2.0 */
/* proxy/shared.h - the little that worker threads share: process-wide levels and limits, all atomic. Made before the workers, freed after them. */
#ifndef OUTRIGGER_PROXY_SHARED_H
#define OUTRIGGER_PROXY_SHARED_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

struct clock_source;
struct loop;
struct stats;

struct shared {
    struct loop *
        main_loop; /* tables that a worker has done with are posted there; NULL: it drops them itself */
    _Atomic unsigned connections; /* down connections of all workers */
    struct stats *
        main_stats; /* of the main thread, which accepts when there are several workers */
    const struct clock_source *clock; /* of the workers; NULL: the real one */
    unsigned max_connections;         /* 0: no limit */
    unsigned workers;
    size_t max_buffered_bytes,
        max_replay_bytes; /* per process; each worker gets its part */
};

#endif
