/* SPDX-License-Identifier: Apache-2.0 */
/* lb/report.h - a backend's load report, with the utilization that the config asks for. Pure functions; any thread. */
#ifndef OUTRIGGER_LB_REPORT_H
#define OUTRIGGER_LB_REPORT_H

#include "base/compat.h"
#include "base/slice.h"
#include "lb/lb.h"

/* Reads the trailers endpoint-load-metrics-bin (`bin`) and endpoint-load-metrics (`text`); the other one is empty, or both are there and `bin` counts.
 * ERR_SYNTAX: neither is a report; *ret is as before. */
int report_read_trailers(const struct balance_conf *conf, struct slice bin,
                         struct slice text, struct lb_report *ret) MUST_CHECK;
/* Reads one message of OpenRcaService/StreamCoreMetrics, without its 5-byte prefix. ERR_SYNTAX as above. */
int report_read_message(const struct balance_conf *conf, struct slice message,
                        struct lb_report *ret) MUST_CHECK;

#endif
