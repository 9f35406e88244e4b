/* SPDX-License-Identifier: Apache-2.0 */
/* main/demo_report.c - counting and one line of text. */
#include "main/demo_report.h"

#include <stdlib.h>

#include "base/compat.h"
#include "base/strbuf.h"

void
demo_report_clear(struct demo_report *r)
{
    *r = (struct demo_report){ 0 };
}

void
demo_report_add(struct demo_report *r, enum grpc_code code, bool right,
                struct slice backend, int64_t latency_us)
{
    r->calls++;
    r->codes[code]++;
    if (code == GRPC_OK && !right)
        r->wrong++;
    for (unsigned i = 0; i < DEMO_BACKENDS; i++) {
        if (backend.n == 6 && backend.p[5] == '1' + i)
            r->backends[i]++;
    }
    if (r->latencies < DEMO_LATENCIES_MAX)
        r->latency_us[r->latencies++] = (uint32_t)(latency_us < 0 ? 0 : latency_us);
}

static int
report_compare(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    return (x > y) - (x < y);
}

/* The latency that `percent` of the calls did not pass, in ms. The array is sorted. */
static double
report_percentile(const struct demo_report *r, unsigned percent)
{
    unsigned rank = (r->latencies * percent + 99) / 100;

    return r->latencies ? r->latency_us[rank ? rank - 1 : 0] / 1000.0 : 0.0;
}

void
demo_report_sum(struct demo_report *total, const struct demo_report *r)
{
    total->calls += r->calls;
    total->wrong += r->wrong;
    for (int code = 0; code < GRPC_CODE_COUNT; code++)
        total->codes[code] += r->codes[code];
    for (unsigned i = 0; i < DEMO_BACKENDS; i++)
        total->backends[i] += r->backends[i];
}

void
demo_report_print_endings(const struct demo_report *r, struct strbuf *out)
{
    for (int code = 0; code < GRPC_CODE_COUNT; code++) {
        if (r->codes[code] > 0)
            strbuf_printf(out, "  %s %u", grpc_code_name(code), r->codes[code]);
    }
    if (r->wrong > 0)
        strbuf_printf(out, "  WRONG ANSWERS %u", r->wrong);
    strbuf_puts(out, "  |");
    for (unsigned i = 0; i < DEMO_BACKENDS; i++)
        strbuf_printf(out, "  demo-%u %u", i + 1, r->backends[i]);
}

void
demo_report_print(struct demo_report *r, unsigned seconds, struct strbuf *out)
{
    strbuf_printf(out, "%4u s  %4u calls", seconds, r->calls);
    if (r->calls == 0) {
        strbuf_puts(out, "  (the load has no connection to the proxy)");
        return;
    }
    demo_report_print_endings(r, out);
    qsort(r->latency_us, r->latencies, sizeof(r->latency_us[0]), report_compare);
    strbuf_printf(out, "  |  p50 %.1f ms  p99 %.1f ms", report_percentile(r, 50),
                  report_percentile(r, 99));
}
