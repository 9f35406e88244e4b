/* SPDX-License-Identifier: Apache-2.0 */
/* obs/self.h - what the process itself takes from the system: processor time, memory, descriptors. Read from /proc and the clocks when asked, some 50 us; what cannot
 * be read is -1. Any thread. */
#ifndef OUTRIGGER_OBS_SELF_H
#define OUTRIGGER_OBS_SELF_H

#include <stdint.h>

struct prom;

struct self_usage {
    int64_t cpu_us; /* of all threads, since the start */
    int64_t resident_bytes, virtual_bytes;
    int64_t open_fds, max_fds; /* max_fds: -1 also when there is no limit */
    int64_t threads;
    int64_t start_us; /* since 1970 */
};

void self_usage_read(struct self_usage *ret);
/* The process_* families of Prometheus' own clients. A prom_fn; arg is not used. */
void self_metrics(void *arg, struct prom *p);

#endif
