/* SPDX-License-Identifier: Apache-2.0 */
/* main/demo.h - `outrigger --demo`: backends, proxy and load in one process, on loopback
 * only. Main thread. */
#ifndef OUTRIGGER_MAIN_DEMO_H
#define OUTRIGGER_MAIN_DEMO_H

#include <stdint.h>

struct demo_options {
    const char *listen; /* where the proxy listens; NULL: 127.0.0.1:8080 or the next free
                           port */
    const char *admin;  /* NULL: 127.0.0.1:9901 or the next free port; "off" */
    uint32_t workers;   /* 0: as many as the cgroup allows CPUs */
    int64_t for_ms;     /* ends by itself after this time; 0: runs until TERM or INT */
};

/* Runs it all and tells on stdout what runs where. Returns the exit code of the process:
 * 0 after a clean end, 1 when something could not start, 2 for an option that makes no
 * sense; what is wrong is on stderr. */
int demo_run(const struct demo_options *o);

#endif
