/* SPDX-License-Identifier: Apache-2.0 */
/* main/demo_report.h - how the calls of the last second ended, as one line.  Load thread
 * only. */
#ifndef OUTRIGGER_MAIN_DEMO_REPORT_H
#define OUTRIGGER_MAIN_DEMO_REPORT_H

#include <stdint.h>

#include "base/slice.h"
#include "grpc/status.h"
#include "main/demo_backend.h"

struct strbuf;

enum { DEMO_LATENCIES_MAX = 4096 };

struct demo_report {
    unsigned calls;
    unsigned codes[GRPC_CODE_COUNT];
    unsigned wrong;                   /* ended OK, but the answer was not the right one */
    unsigned backends[DEMO_BACKENDS]; /* by x-backend */
    unsigned latencies;
    uint32_t latency_us[DEMO_LATENCIES_MAX];
};

void demo_report_clear(struct demo_report *r);
/* backend: value of x-backend ("demo-2"); empty when the call never reached one. */
void demo_report_add(struct demo_report *r, enum grpc_code code, bool right,
                     struct slice backend, int64_t latency_us);
/* Adds the counts of r, not its latencies. */
void demo_report_sum(struct demo_report *total, const struct demo_report *r);
/* "OK 99  UNAVAILABLE 1  |  demo-1 33 ..." */
void demo_report_print_endings(const struct demo_report *r, struct strbuf *out);
/* One line without its end; seconds: since the start. Sorts the latencies. */
void demo_report_print(struct demo_report *r, unsigned seconds, struct strbuf *out);

#endif
