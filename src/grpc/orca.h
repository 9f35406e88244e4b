/* SPDX-License-Identifier: Apache-2.0 */
/* grpc/orca.h - load reports of backends: xds.data.orca.v3.OrcaLoadReport, in the trailer of a call (gRFC A51) or from the service
 * xds.service.orca.v3.OpenRcaService. What a backend writes is checked: numbers that are negative, not finite or out of range count as absent.
 * Pure functions; any thread. */
#ifndef OUTRIGGER_GRPC_ORCA_H
#define OUTRIGGER_GRPC_ORCA_H

#include <stddef.h>
#include <stdint.h>

#include "base/compat.h"
#include "base/slice.h"

struct strbuf;

#define ORCA_TRAILER_BIN  "endpoint-load-metrics-bin"
#define ORCA_TRAILER_TEXT "endpoint-load-metrics" /* Envoy's */
/* Where StreamCoreMetrics is called: request once, then a stream of reports. */
#define ORCA_PATH "/xds.service.orca.v3.OpenRcaService/StreamCoreMetrics"

enum { ORCA_REPORT_MAX = 16384 }; /* bytes of a report; a longer one is refused */

/* Which metrics are the utilization (gRFC A114): "application_utilization", "cpu_utilization", "mem_utilization", "named_metrics.<key>",
 * "utilization.<key>". The largest that is there counts; without any: application_utilization, else cpu_utilization. */
struct orca_names {
    const char *const *v;
    size_t n;
};

struct orca_load { /* 0: not reported */
    double qps, eps;
    double utilization;
};

/* A serialized OrcaLoadReport. ERR_SYNTAX: it is none; *ret is as before. */
int orca_read_message(struct slice message, const struct orca_names *names,
                      struct orca_load *ret) MUST_CHECK;
/* The value of ORCA_TRAILER_BIN: base64, with or without padding. ERR_SYNTAX as above. */
int orca_read_base64(struct slice value, const struct orca_names *names,
                     struct orca_load *ret) MUST_CHECK;
/* The value of ORCA_TRAILER_TEXT: "TEXT cpu_utilization=0.5,rps_fractional=100" or "BIN <base64>". ERR_SYNTAX as above, also for its "JSON {...}"
 * form, which is not read. */
int orca_read_text(struct slice value, const struct orca_names *names,
                   struct orca_load *ret) MUST_CHECK;
/* Appends an OrcaLoadReportRequest (a message without prefix) for a report each interval_ms. */
void orca_request_encode(int64_t interval_ms, struct strbuf *out);

#endif
