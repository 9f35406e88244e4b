/* SPDX-License-Identifier: Apache-2.0 */
/* filter/metrics_names.h - what OpenTelemetry calls the series of calls, for metrics that are pushed: the names of our spans (filter/trace_span.h), so that a dashboard finds
 * both by one attribute. All other families keep their names. Pure; any thread.
 *
 *     grpc_server_handling_seconds{grpc_service="a.B",grpc_method="C"}
 *     rpc.server.call.duration{rpc.system.name="grpc",rpc.method="a.B/C"}
 *
 * Source: opentelemetry semantic-conventions docs/rpc/rpc-metrics.md (release candidate). */
#ifndef OUTRIGGER_FILTER_METRICS_NAMES_H
#define OUTRIGGER_FILTER_METRICS_NAMES_H

#include <stdbool.h>

#include "base/slice.h"

/* The family is about calls: grpc_server_, grpc_client_. */
bool metrics_name_is_rpc(struct slice family);
/* What the family is called; itself when nothing else is known. */
struct slice metrics_name_family(struct slice family);
/* The key of the attribute that a label of such a family becomes; NULL: none (the service is a part of rpc.method). */
const char *metrics_name_key(struct slice label);
/* "NotFound", as grpc-go spells it, to "NOT_FOUND". */
struct slice metrics_name_code(struct slice label_value);

#endif
