/* SPDX-License-Identifier: Apache-2.0 */
/* main/cpus.c - CPU affinity and cgroup quota. */
#include "main/cpus.h"

#include <sched.h>
#include <stdio.h>

static unsigned
cpus_affinity(void)
{
    cpu_set_t set;

    if (sched_getaffinity(0, sizeof(set), &set) != 0)
        return 1;
    return (unsigned)CPU_COUNT(&set);
}

/* Two numbers from one or two files; 0: no quota. */
static unsigned
cpus_quota(void)
{
    long long quota = -1, period = 0;
    FILE *f = fopen("/sys/fs/cgroup/cpu.max", "re");

    if (f) {
        if (fscanf(f, "%lld %lld", &quota, &period) != 2)
            quota = -1; /* "max": no quota */
        fclose(f);
    } else {
        f = fopen("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "re");
        if (f) {
            if (fscanf(f, "%lld", &quota) != 1)
                quota = -1;
            fclose(f);
        }
        f = fopen("/sys/fs/cgroup/cpu/cpu.cfs_period_us", "re");
        if (f) {
            if (fscanf(f, "%lld", &period) != 1)
                period = 0;
            fclose(f);
        }
    }
    if (quota <= 0 || period <= 0)
        return 0;
    return (unsigned)((quota + period - 1) / period);
}

unsigned
cpus_allowed(void)
{
    unsigned n = cpus_affinity(), quota = cpus_quota();

    if (quota && quota < n)
        n = quota;
    return n ? n : 1;
}
