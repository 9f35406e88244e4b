/* SPDX-License-Identifier: Apache-2.0 */
/* main/ctl_status.c - what is wrong is found once (status_wrong) and told twice. */
#include "main/ctl_status.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/jsontext.h"
#include "base/strbuf.h"
#include "conf/json.h"
#include "main/ctl_args.h"
#include "main/ctl_ask.h"
#include "main/ctl_words.h"

enum { POOLS_MAX = 20, ENDPOINTS_MAX = 5 };

/* What is done with each sentence. */
typedef void wrong_fn(struct strbuf *out, size_t i, const char *sentence);

struct wrong {
    wrong_fn *tell;
    struct strbuf *out;
    size_t n;
};

/* One more thing: a sentence of its own, however long, so that none hides those behind. */
static void PRINTF_LIKE(2, 3) wrong_add(struct wrong *w, const char *fmt, ...)
{
    struct strbuf sentence;
    va_list ap;

    strbuf_init(&sentence, CTL_TEXT_MAX);
    va_start(ap, fmt);
    strbuf_vprintf(&sentence, fmt, ap);
    va_end(ap);
    w->tell(w->out, w->n++, sentence.s ? sentence.s : "");
    strbuf_done(&sentence);
}

/* The pool cannot do its work, not only a part of it. */
static bool
pool_is_bad(const struct json_t *pool)
{
    return ctl_number(pool, "usable", 0) < 1 ||
           jtree_bool(jtree_get(pool, "panic"), false);
}

/* A part of its endpoints gets no calls. */
static bool
pool_is_whole(const struct json_t *pool)
{
    return !pool_is_bad(pool) &&
           ctl_number(pool, "usable", 0) >= ctl_number(pool, "total", 0);
}

/* Tells each thing that makes it not well. Returns how many. */
static size_t
status_wrong(const struct json_t *stats, wrong_fn *tell, struct strbuf *out)
{
    const struct json_t *process = jtree_get(stats, "process");
    const struct json_t *reload = jtree_get(process, "reload");
    const struct json_t *pools = jtree_get(stats, "pools");
    const char *state = jtree_get_string(process, "state", "unknown");
    const char *why = jtree_get_string(process, "stateWhy", "");
    struct wrong w = { .tell = tell, .out = out };

    /* It can be ready and say at the same time why probes think that it is not. */
    if (strcmp(state, "ready") != 0)
        wrong_add(&w, "the process is %s%s%s", state, why[0] ? ": " : "", why);
    else if (why[0])
        wrong_add(&w, "new clients are kept away: %s", why);
    if (!jtree_bool(jtree_get(reload, "ok"), true))
        wrong_add(&w, "the last reload was refused, the config before it stays: %s",
                  jtree_get_string(reload, "error", ""));
    for (size_t i = 0; i < jtree_count(pools); i++) {
        const struct json_t *pool = jtree_item(pools, i);

        if (pool_is_bad(pool))
            wrong_add(&w, "pool %s: %s", jtree_get_string(pool, "name", ""),
                      jtree_get_string(pool, "state", ""));
    }
    return w.n;
}

static void
tell_text(struct strbuf *out, size_t i, const char *sentence)
{
    strbuf_puts(out, i ? "\n          " : "NOT WELL  ");
    ctl_put_clean(out, sentence);
}

static void
tell_json(struct strbuf *out, size_t i, const char *sentence)
{
    strbuf_puts(out, i ? "," : "");
    json_text_add(out, sentence);
}

/* --- text --------------------------------------------------------------------- */

static void
put_process(struct strbuf *out, const struct json_t *process)
{
    const struct json_t *config = jtree_get(process, "config");
    const struct json_t *reload = jtree_get(process, "reload");
    const struct json_t *drain = jtree_get(process, "drain");
    const char *service = jtree_get_string(process, "service", "");

    strbuf_puts(out, "outrigger ");
    ctl_put_clean(out, jtree_get_string(process, "version", "?"));
    strbuf_puts(out, " on ");
    ctl_put_clean(out, jtree_get_string(process, "node", "?"));
    strbuf_puts(out, service[0] ? " for " : "");
    ctl_put_clean(out, service);
    strbuf_printf(out, ": %s, up %s, %s worker%s, pid %s\n",
                  jtree_get_string(process, "state", "?"),
                  ctl_word_span_of(process, "uptimeMs").s,
                  ctl_word_count(process, "workers").s,
                  ctl_number(process, "workers", 0) == 1 ? "" : "s",
                  ctl_word_count(process, "pid").s);
    strbuf_puts(out, "config    ");
    ctl_put_clean(out, jtree_get_string(config, "hash", "?"));
    strbuf_puts(out, " from ");
    ctl_put_clean(out, jtree_get_string(config, "source", "?"));
    strbuf_printf(out, ", in force for %s; last reload: %s\n",
                  ctl_word_span_of(config, "ageMs").s,
                  !jtree_get(reload, "ageMs")                 ? "none"
                  : jtree_bool(jtree_get(reload, "ok"), true) ? "taken"
                                                              : "refused");
    if (drain)
        strbuf_printf(
            out, "drain     %s, %s left, %s connections and %s calls open\n",
            jtree_get_string(drain, "phase", "?"), ctl_word_span_of(drain, "leftMs").s,
            ctl_word_count(drain, "connections").s, ctl_word_count(drain, "calls").s);
}

static void
put_now(struct strbuf *out, const struct json_t *now)
{
    if (jtree_get(now, "okShare"))
        strbuf_printf(out,
                      "calls     %s per s, %s%% OK, p50 %s ms, p95 %s ms, p99 %s ms\n",
                      ctl_word_rate(now, "callsPerS").s,
                      ctl_word_percent(now, "okShare").s, ctl_word_ms(now, "p50Ms").s,
                      ctl_word_ms(now, "p95Ms").s, ctl_word_ms(now, "p99Ms").s);
    else
        strbuf_puts(out, "calls     none ended in the last 10 s\n");
    strbuf_printf(
        out, "          %s in flight, %s retries, %s limited and %s denied per s\n",
        ctl_word_count(now, "inFlight").s, ctl_word_rate(now, "retriesPerS").s,
        ctl_word_rate(now, "limitedPerS").s, ctl_word_rate(now, "deniedPerS").s);
    strbuf_printf(out,
                  "load      %s connections in, %s out; CPU %s%%, memory %s, loop delay "
                  "%s ms\n",
                  ctl_word_count(now, "connectionsIn").s,
                  ctl_word_count(now, "connectionsOut").s,
                  ctl_word_percent(now, "cpuShare").s, ctl_word_size(now, "rssBytes").s,
                  ctl_word_ms(now, "loopLagMs").s);
}

static void
put_endpoints(struct strbuf *out, const struct json_t *endpoints)
{
    size_t bad = 0;

    for (size_t i = 0; i < jtree_count(endpoints); i++) {
        const struct json_t *e = jtree_item(endpoints, i);
        const char *why = jtree_get_string(e, "why", "");

        if (jtree_bool(jtree_get(e, "usable"), true) || ++bad > ENDPOINTS_MAX)
            continue;
        strbuf_puts(out, "            ");
        ctl_put_clean(out, jtree_get_string(e, "address", "?"));
        strbuf_puts(out, "  ");
        ctl_put_clean(out, jtree_get_string(e, "state", "?"));
        if (jtree_get(e, "sinceMs"))
            strbuf_printf(out, " for %s", ctl_word_span_of(e, "sinceMs").s);
        strbuf_puts(out, why[0] ? ": " : "");
        ctl_put_clean(out, why);
        strbuf_puts(out, "\n");
    }
    if (bad > ENDPOINTS_MAX)
        strbuf_printf(out, "            and %zu more\n", bad - ENDPOINTS_MAX);
}

static void
put_pools(struct strbuf *out, const struct json_t *pools)
{
    size_t n = jtree_count(pools), whole = 0, shown = 0;

    for (size_t i = 0; i < n; i++)
        whole += pool_is_whole(jtree_item(pools, i));
    strbuf_printf(out, "pools     %zu; %s\n", n,
                  whole == n ? "all of their endpoints get calls"
                             : "not all endpoints get calls:");
    for (size_t i = 0; i < n; i++) {
        const struct json_t *pool = jtree_item(pools, i);

        if (pool_is_whole(pool) || shown++ >= POOLS_MAX)
            continue;
        strbuf_puts(out, "          ");
        ctl_put_clean(out, jtree_get_string(pool, "name", "?"));
        strbuf_puts(out, ": ");
        ctl_put_clean(out, jtree_get_string(pool, "state", "?"));
        strbuf_puts(out, "\n");
        put_endpoints(out, jtree_get(pool, "endpoints"));
    }
    if (shown > POOLS_MAX)
        strbuf_printf(out, "          and %zu more; outriggerctl pools has all\n",
                      shown - POOLS_MAX);
}

bool
ctl_status_text(const struct json_t *stats, struct strbuf *out)
{
    size_t wrong;

    put_process(out, jtree_get(stats, "process"));
    put_now(out, jtree_get(stats, "now"));
    put_pools(out, jtree_get(stats, "pools"));
    wrong = status_wrong(stats, tell_text, out);
    strbuf_puts(out, wrong ? "\n" : "WELL\n");
    return wrong == 0;
}

/* --- JSON --------------------------------------------------------------------- */

static void
put_string(struct strbuf *out, const char *before, const struct json_t *o,
           const char *key)
{
    strbuf_puts(out, before);
    json_text_add(out, jtree_get_string(o, key, ""));
}

bool
ctl_status_json(const struct json_t *stats, struct strbuf *out)
{
    const struct json_t *process = jtree_get(stats, "process");
    const struct json_t *pools = jtree_get(stats, "pools");
    struct strbuf problems;
    size_t wrong;

    strbuf_init(&problems, CTL_TEXT_MAX);
    wrong = status_wrong(stats, tell_json, &problems);
    strbuf_printf(out, "{\"version\":1,\"well\":%s,\"problems\":[%s]",
                  wrong ? "false" : "true", problems.s ? problems.s : "");
    strbuf_done(&problems);
    put_string(out, ",\"state\":", process, "state");
    put_string(out, ",\"stateWhy\":", process, "stateWhy");
    strbuf_printf(out, ",\"uptimeMs\":%.0f", ctl_number(process, "uptimeMs", 0));
    put_string(out, ",\"configHash\":", jtree_get(process, "config"), "hash");
    strbuf_printf(out, ",\"reloadOk\":%s",
                  jtree_bool(jtree_get(jtree_get(process, "reload"), "ok"), true)
                      ? "true"
                      : "false");
    put_string(out, ",\"reloadError\":", jtree_get(process, "reload"), "error");
    strbuf_puts(out, ",\"pools\":[");
    for (size_t i = 0; i < jtree_count(pools); i++) {
        const struct json_t *pool = jtree_item(pools, i);

        put_string(out, i ? ",{\"name\":" : "{\"name\":", pool, "name");
        put_string(out, ",\"state\":", pool, "state");
        strbuf_printf(out, ",\"usable\":%.0f,\"total\":%.0f,\"whole\":%s}",
                      ctl_number(pool, "usable", 0), ctl_number(pool, "total", 0),
                      pool_is_whole(pool) ? "true" : "false");
    }
    strbuf_puts(out, "]}\n");
    return wrong == 0;
}

int
ctl_status(const struct ctl_args *a)
{
    struct strbuf text;
    struct json_t *stats;
    bool well;
    int rv;

    rv = ctl_ask_stats(a, &stats);
    if (rv != EXIT_SUCCESS)
        return rv;
    strbuf_init(&text, CTL_TEXT_MAX);
    well = ctl_has(a, "json") ? ctl_status_json(stats, &text)
                              : ctl_status_text(stats, &text);
    rv = ctl_ask_print(&text, stdout);
    strbuf_done(&text);
    jtree_free(stats);
    return rv != EXIT_SUCCESS || well ? rv : CTL_NOT_WELL;
}
