/* SPDX-License-Identifier: Apache-2.0 */
/* main/cpus.h - how many CPUs this process may really use. Any thread. */
#ifndef OUTRIGGER_MAIN_CPUS_H
#define OUTRIGGER_MAIN_CPUS_H

/* The smaller of the CPU affinity and the cgroup's CPU quota rounded up (cgroup v2 cpu.max, v1 cpu.cfs_quota_us), at least 1. */
unsigned cpus_allowed(void);

#endif
