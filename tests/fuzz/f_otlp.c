/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzz target: what a collector answers; and, from the same bytes, a page of metrics to OTLP, whose parts must fit into requests and be read by whoever gets them. */
#include <string.h>

#include "base/err.h"
#include "filter/metrics_part.h"
#include "filter/otlp_sender.h"
#include "fuzz.h"
#include "grpc/otlp.h"
#include "grpc/proto/otlp_part.pb-c.h"

static void
answer_check(struct slice in)
{
    struct otlp_answer a;
    int rv = otlp_answer_read(in, &a);

    FUZZ_CHECK(rv == ERR_OK || rv == ERR_SYNTAX);
    if (rv == ERR_OK)
        FUZZ_CHECK(memchr(a.why, '\0', sizeof(a.why)) != NULL);
}

static void
part_check(const struct metrics_part *m)
{
    size_t n, bytes = 0;
    const struct slice *list = metrics_part_metrics(m, &n);

    FUZZ_CHECK(n > 0 && metrics_part_points(m) > 0);
    for (size_t i = 0; i < n; i++) {
        Outrigger__OtlpPart__Metric *metric =
            outrigger__otlp_part__metric__unpack(NULL, list[i].n, list[i].p);

        FUZZ_CHECK(metric != NULL);
        outrigger__otlp_part__metric__free_unpacked(metric, NULL);
        bytes += list[i].n;
    }
    FUZZ_CHECK(bytes < OTLP_REQUEST_MAX - 4096);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    struct metrics_page_reader r = metrics_page_begin(slice_make(bytes, n), 1, 2);
    struct metrics_part *m;

    answer_check(slice_make(bytes, n));
    r.otel = n & 1;
    while ((m = metrics_part_read(&r))) {
        part_check(m);
        metrics_part_free(m);
    }
    return 0;
}
