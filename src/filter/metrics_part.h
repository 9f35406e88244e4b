/* SPDX-License-Identifier: Apache-2.0 */
/* filter/metrics_part.h - a page of metrics (obs/exposition.h) to serialized OTLP metrics (grpc/otlp_metrics.h), as many at a time as one request takes. Counters become
 * sums, gauges gauges, and the lines of a histogram one point; names stay as they are, or, of calls, become those of filter/metrics_names.h. Pure; any thread. */
#ifndef OUTRIGGER_FILTER_METRICS_PART_H
#define OUTRIGGER_FILTER_METRICS_PART_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compat.h"
#include "base/slice.h"
#include "obs/exposition.h"

enum {
    METRICS_PART_BYTES = 160 * 1024
}; /* of points, in one part; a little more is possible */

/* Where in the page the next part begins. */
struct metrics_page_reader {
    struct exposition at;
    int64_t since_us, wall_us; /* of its sums, of the page; since 1970 */
    bool otel;                 /* OpenTelemetry's names for series of calls */
};

static inline struct metrics_page_reader
metrics_page_begin(struct slice page, int64_t since_us, int64_t wall_us)
{
    return (struct metrics_page_reader){ .at = exposition_begin(page),
                                         .since_us = since_us,
                                         .wall_us = wall_us };
}

struct metrics_part; /* serialized metrics */

/* NULL: the page is at its end. */
struct metrics_part *metrics_part_read(struct metrics_page_reader *page);
size_t metrics_part_points(const struct metrics_part *m);
/* The metrics, for otlp_request_encode. Valid until metrics_part_free. */
const struct slice *metrics_part_metrics(const struct metrics_part *m, size_t *ret_n);
void metrics_part_free(struct metrics_part *m);

#endif
