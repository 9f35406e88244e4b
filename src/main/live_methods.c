/* SPDX-License-Identifier: Apache-2.0 */
/* main/live_methods.c - calls by method, and how long all calls took. From the counts of the filter "metrics" (obs/rpc_metrics.h); calls of routes that leave it out
 * are not among them. */
#include <stdlib.h>
#include <string.h>

#include "base/jsontext.h"
#include "base/strbuf.h"
#include "base/xalloc.h"
#include "main/live_int.h"
#include "obs/histogram.h"
#include "obs/rpc_metrics.h"

void
live_methods_init(struct live *l)
{
    unsigned max = names_max(rpc_metrics_methods(l->metrics));

    l->method_count = (max < LIVE_METHODS_MAX ? max : LIVE_METHODS_MAX) + 1;
    l->methods = xcalloc(l->method_count, sizeof(*l->methods));
    l->sum =
        xcalloc(rpc_metrics_places(l->metrics) + live_call_series(l), sizeof(*l->sum));
    if (l->bounds->n)
        slots_init(&l->times, (unsigned)l->bounds->n + 1, SLOTS_WINDOW_S);
}

void
live_methods_done(struct live *l)
{
    for (unsigned i = 0; i < l->method_count; i++)
        slots_done(&l->methods[i].calls);
    slots_done(&l->times);
    xfree(l->methods);
    xfree(l->sum);
}

/* False: nobody called this method. */
static bool
method_read(struct live *l, unsigned method, uint64_t *sum)
{
    size_t places = rpc_metrics_places(l->metrics);

    memset(l->sum, 0, places * sizeof(*l->sum));
    if (!rpc_metrics_add_server(l->metrics, method, l->sum))
        return false;
    live_call_add(l, l->sum, sum);
    return true;
}

/* Of number 0, with the methods that have no place of their own. */
static void
method_put(struct live *l, unsigned method, unsigned turned, uint64_t *times)
{
    unsigned names = names_count(rpc_metrics_methods(l->metrics));
    uint64_t *sum = l->sum + rpc_metrics_places(l->metrics);
    struct slots *calls = &l->methods[method].calls;
    unsigned series = live_call_series(l);
    bool any;

    memset(sum, 0, series * sizeof(*sum));
    any = method_read(l, method, sum);
    for (unsigned i = l->method_count; method == NAME_OTHER && i <= names; i++)
        any = method_read(l, i, sum) || any;
    if (!any)
        return;
    if (!calls->v)
        slots_init(calls, series, SLOTS_WINDOW_S);
    slots_put(calls, &l->clock, turned, sum);
    for (unsigned i = 0; i < series - LIVE_BUCKET_0; i++)
        times[i] += sum[LIVE_BUCKET_0 + i];
}

void
live_methods_put(struct live *l, unsigned turned)
{
    unsigned names = names_count(rpc_metrics_methods(l->metrics));
    uint64_t times[HISTOGRAM_BOUNDS_MAX + 1] = { 0 };

    for (unsigned i = 0; i < l->method_count && i <= names; i++)
        method_put(l, i, turned, times);
    if (l->times.v)
        slots_put(&l->times, &l->clock, turned, times);
}

/* --- printing ------------------------------------------------------------------------ */

struct busy {
    unsigned method;
    uint64_t calls;
};

static int
busy_compare(const void *a, const void *b)
{
    const struct busy *x = a, *y = b;

    if (x->calls != y->calls)
        return x->calls < y->calls ? 1 : -1;
    return x->method < y->method ? -1 : x->method > y->method;
}

static void
method_print(const struct live *l, unsigned method, struct strbuf *out)
{
    const struct slots *s = &l->methods[method].calls;
    struct slice name = slice_of("_OTHER");
    char text[NAME_BYTES_MAX + 1];

    if (method != NAME_OTHER)
        name = names_get(rpc_metrics_methods(l->metrics), method);
    memcpy(text, name.p, name.n);
    text[name.n] = '\0';
    strbuf_puts(out, "{\"method\":");
    json_text_add(out, text);
    live_put_rate(out, "callsPerS", slots_rate(s, &l->clock, LIVE_ENDED, SLOTS_WINDOW_S));
    live_put_share(out, "okShare",
                   (double)slots_sum(s, &l->clock, LIVE_ENDED_OK, SLOTS_WINDOW_S),
                   (double)slots_sum(s, &l->clock, LIVE_ENDED, SLOTS_WINDOW_S));
    live_put_quantile(l, out, "p50Ms", s, LIVE_BUCKET_0, 0.5);
    live_put_quantile(l, out, "p99Ms", s, LIVE_BUCKET_0, 0.99);
    strbuf_puts(out, "}");
}

void
live_methods_print(const struct live *l, struct strbuf *out)
{
    struct busy *busy = xcalloc(l->method_count, sizeof(*busy));
    size_t n = 0;

    for (unsigned i = 0; i < l->method_count; i++) {
        if (l->methods[i].calls.v)
            busy[n++] = (struct busy){ i, slots_sum(&l->methods[i].calls, &l->clock,
                                                    LIVE_ENDED, SLOTS_WINDOW_S) };
    }
    qsort(busy, n, sizeof(*busy), busy_compare);
    strbuf_puts(out, "[");
    for (size_t i = 0; i < n && i < LIVE_METHODS_SHOWN; i++) {
        strbuf_puts(out, i ? "," : "");
        method_print(l, busy[i].method, out);
    }
    strbuf_puts(out, "]");
    xfree(busy);
}
