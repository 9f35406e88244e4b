/* SPDX-License-Identifier: Apache-2.0 */
/* main/live_print.c - the object of /stats.json, as docs/stats-json.md describes it. */
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "admin/why.h"
#include "base/clock.h"
#include "base/jsontext.h"
#include "base/strbuf.h"
#include "filter/services.h"
#include "grpc/status.h"
#include "loop/loop.h"
#include "main/live_int.h"
#include "net/tls_store.h"
#include "obs/histogram.h"
#include "proxy/front.h"
#include "proxy/listener_conf.h"
#include "proxy/server.h"
#include "proxy/worker.h"

enum { US_PER_S = 1000000, MINUTE_S = 60 };

/* --- parts --------------------------------------------------------------------------- */

void
live_put_rate(struct strbuf *out, const char *key, double per_s)
{
    strbuf_printf(out, ",\"%s\":%.2f", key, per_s);
}

void
live_put_share(struct strbuf *out, const char *key, double part, double all)
{
    if (all > 0)
        strbuf_printf(out, ",\"%s\":%.5f", key, part < all ? part / all : 1);
    else
        strbuf_printf(out, ",\"%s\":null", key);
}

void
live_put_line(const struct live *l, struct strbuf *out, const struct slots *s,
              unsigned series)
{
    unsigned n = slots_clock_past(&l->clock, SLOTS_LINE_S);

    strbuf_puts(out, ",\"line\":[");
    for (unsigned i = n; i-- > 0;)
        strbuf_printf(out, "%" PRIu32 "%s", slots_at(s, &l->clock, series, i),
                      i ? "," : "");
    strbuf_puts(out, "]");
}

void
live_put_quantile(const struct live *l, struct strbuf *out, const char *key,
                  const struct slots *s, unsigned first, double share)
{
    uint64_t counts[HISTOGRAM_BOUNDS_MAX + 1];
    double us;

    for (unsigned i = 0; l->bounds->n && i <= l->bounds->n; i++)
        counts[i] = slots_sum(s, &l->clock, first + i, SLOTS_WINDOW_S);
    us = slots_quantile_us(l->bounds, counts, share);
    if (us >= 0)
        strbuf_printf(out, ",\"%s\":%.3f", key, us / 1000);
    else
        strbuf_printf(out, ",\"%s\":null", key);
}

/* --- now ----------------------------------------------------------------------------- */

static double
rate(const struct live *l, enum live_total id)
{
    return slots_rate(&l->totals, &l->clock, id, SLOTS_WINDOW_S);
}

/* Of memory that is there; -1: unknown. */
static int64_t
rss_bytes(void)
{
    FILE *f = fopen("/proc/self/statm", "re");
    long long size, rss = -1;

    if (!f)
        return -1;
    if (fscanf(f, "%lld %lld", &size, &rss) != 2)
        rss = -1;
    fclose(f);
    return rss < 0 ? -1 : rss * sysconf(_SC_PAGESIZE);
}

/* Of the thread that lags most. */
static double
lag_ms(const struct live *l)
{
    const struct process *p = l->process;
    struct loop_load load;
    int64_t most;

    loop_load_read(p->loop, &load);
    most = load.worst_us;
    for (size_t i = 0; i < p->worker_count; i++) {
        loop_load_read(p->workers[i]->loop, &load);
        most = load.worst_us > most ? load.worst_us : most;
    }
    return (double)most / 1000;
}

static void
put_system(const struct live *l, struct strbuf *out)
{
    int64_t rss = rss_bytes();

    live_put_share(out, "cpuShare", rate(l, LIVE_CPU_US), (double)l->cpus * US_PER_S);
    if (rss >= 0)
        strbuf_printf(out, ",\"rssBytes\":%" PRId64, rss);
    else
        strbuf_puts(out, ",\"rssBytes\":null");
    strbuf_printf(out, ",\"loopLagMs\":%.3f", lag_ms(l));
}

static void
put_now(const struct live *l, struct strbuf *out)
{
    strbuf_printf(out, "\"now\":{\"callsPerS\":%.2f", rate(l, LIVE_CALLS));
    live_put_share(out, "okShare", rate(l, LIVE_OK), rate(l, LIVE_CALLS));
    live_put_quantile(l, out, "p50Ms", &l->times, 0, 0.5);
    live_put_quantile(l, out, "p95Ms", &l->times, 0, 0.95);
    live_put_quantile(l, out, "p99Ms", &l->times, 0, 0.99);
    strbuf_printf(out,
                  ",\"inFlight\":%" PRId64 ",\"connectionsIn\":%" PRId64
                  ",\"connectionsOut\":%" PRId64,
                  live_stat(l, STAT_CALLS_FLYING), live_stat(l, STAT_DOWN_OPEN),
                  live_stat(l, STAT_UP_OPEN));
    live_put_rate(out, "retriesPerS", rate(l, LIVE_RETRIES));
    live_put_rate(out, "limitedPerS", rate(l, LIVE_LIMITED));
    live_put_rate(out, "deniedPerS", rate(l, LIVE_DENIED));
    put_system(l, out);
    live_put_line(l, out, &l->totals, LIVE_CALLS);
    strbuf_puts(out, "}");
}

/* --- lists --------------------------------------------------------------------------- */

static void
put_listeners(const struct live *l, struct strbuf *out)
{
    const struct process *p = l->process;
    char address[ADDR_TEXT_MAX];

    strbuf_puts(out, "[");
    for (size_t i = 0; i < p->server_count; i++) {
        const struct server *s = p->servers[i];
        const struct listener_conf *c = s->front->conf;

        strbuf_puts(out, i ? ",{\"name\":" : "{\"name\":");
        json_text_add(out, c->name);
        strbuf_puts(out, ",\"address\":");
        json_text_add(out, addr_print(&s->addr, address));
        strbuf_printf(out, ",\"direction\":\"%s\",\"connections\":%u,\"ready\":%s}",
                      c->direction == LISTENER_OUTBOUND ? "outbound" : "inbound",
                      atomic_load(&s->connections),
                      process_server_ready(p, s) ? "true" : "false");
    }
    strbuf_puts(out, "]");
}

/* A code that occurred once stays in the list. */
static void
put_codes(const struct live *l, struct strbuf *out)
{
    const char *comma = "";

    strbuf_puts(out, "[");
    for (unsigned i = 0; i < RPC_CODES; i++) {
        if (l->codes.last[i] == 0)
            continue;
        strbuf_printf(
            out,
            "%s{\"code\":\"%s\",\"lastMinute\":%" PRIu64 ",\"last5Minutes\":%" PRIu64 "}",
            comma, grpc_code_label((int)i), slots_sum(&l->codes, &l->clock, i, MINUTE_S),
            slots_sum(&l->codes, &l->clock, i, LIVE_CODES_S));
        comma = ",";
    }
    strbuf_puts(out, "]");
}

static void
put_time(struct strbuf *out)
{
    int64_t us = clock_wall_us();
    time_t s = (time_t)(us / US_PER_S);
    char text[32];
    struct tm tm;

    gmtime_r(&s, &tm);
    strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm);
    strbuf_printf(out, "\"time\":\"%s.%03dZ\"", text, (int)(us % US_PER_S / 1000));
}

void
live_print(void *arg, struct strbuf *out)
{
    const struct live *l = arg;

    strbuf_puts(out, "{\"version\":1,");
    put_time(out);
    strbuf_puts(out, ",\n");
    live_state_print(l, out);
    strbuf_puts(out, ",\n");
    put_now(l, out);
    strbuf_puts(out, ",\n\"pools\":");
    live_pools_print(l, out);
    strbuf_puts(out, ",\n\"routes\":");
    live_routes_print(l, out);
    strbuf_puts(out, ",\n\"listeners\":");
    put_listeners(l, out);
    strbuf_puts(out, ",\n\"codes\":");
    put_codes(l, out);
    strbuf_puts(out, ",\n\"methods\":");
    live_methods_print(l, out);
    strbuf_puts(out, ",\n\"failed\":");
    why_print_failed(l->process->filters.env.services->failed, out);
    strbuf_puts(out, ",\n\"certificates\":");
    tls_store_json_rows(l->process->tls, out);
}
