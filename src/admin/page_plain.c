/* SPDX-License-Identifier: Apache-2.0 */
/* admin/page_plain.c - a list of tables, each a list of columns: where in the JSON, and in which words. Names come from configs and peers, so every text is escaped. */
#include "admin/page_plain.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/compat.h"
#include "base/strbuf.h"
#include "conf/json.h"

/* How a value is written. */
enum plain_as { AS_TEXT, AS_NUMBER, AS_SHARE, AS_AGE_MS, AS_MIB, AS_YES };

struct plain_column {
    const char *key, *title;
    enum plain_as as;
};

struct plain_table {
    const char *key, *title, *empty;
    const char *inside; /* rows are the lists of this key in each item, not the items */
    const struct plain_column *columns;
    size_t count;
};

#define COLUMNS(list) .columns = (list), .count = ARRAY_LEN(list)

static const struct plain_column process_columns[] = {
    { "state", "State", AS_TEXT },     { "stateWhy", "Why", AS_TEXT },
    { "version", "Version", AS_TEXT }, { "node", "Node", AS_TEXT },
    { "service", "Service", AS_TEXT }, { "uptimeMs", "Up for", AS_AGE_MS },
    { "pid", "Process", AS_NUMBER },   { "workers", "Workers", AS_NUMBER },
};
static const struct plain_column config_columns[] = {
    { "hash", "Config", AS_TEXT },
    { "source", "From", AS_TEXT },
    { "ageMs", "Age", AS_AGE_MS },
};
static const struct plain_column reload_columns[] = {
    { "ok", "Last reload was good", AS_YES },
    { "error", "Error", AS_TEXT },
    { "ageMs", "Age", AS_AGE_MS },
};
static const struct plain_column drain_columns[] = {
    { "phase", "Drain", AS_TEXT },
    { "leftMs", "Time left", AS_AGE_MS },
    { "connections", "Connections", AS_NUMBER },
    { "calls", "Calls", AS_NUMBER },
};
static const struct plain_column now_columns[] = {
    { "callsPerS", "Calls/s", AS_NUMBER },
    { "okShare", "Succeeded", AS_SHARE },
    { "p50Ms", "p50 ms", AS_NUMBER },
    { "p95Ms", "p95 ms", AS_NUMBER },
    { "p99Ms", "p99 ms", AS_NUMBER },
    { "inFlight", "In flight", AS_NUMBER },
    { "connectionsIn", "Connections in", AS_NUMBER },
    { "connectionsOut", "Connections out", AS_NUMBER },
    { "retriesPerS", "Retried/s", AS_NUMBER },
    { "limitedPerS", "Limited/s", AS_NUMBER },
    { "deniedPerS", "Denied/s", AS_NUMBER },
    { "cpuShare", "CPU", AS_SHARE },
    { "rssBytes", "Memory", AS_MIB },
    { "loopLagMs", "Loop delay ms", AS_NUMBER },
};
static const struct plain_column pool_columns[] = {
    { "name", "Pool", AS_TEXT },
    { "policy", "Policy", AS_TEXT },
    { "state", "State", AS_TEXT },
    { "usable", "Usable", AS_NUMBER },
    { "total", "Of", AS_NUMBER },
    { "ejected", "Ejected", AS_NUMBER },
    { "callsPerS", "Calls/s", AS_NUMBER },
    { "okShare", "Succeeded", AS_SHARE },
    { "p50Ms", "p50 ms", AS_NUMBER },
    { "p95Ms", "p95 ms", AS_NUMBER },
    { "p99Ms", "p99 ms", AS_NUMBER },
    { "inFlight", "In flight", AS_NUMBER },
    { "inFlightLimit", "Limit", AS_NUMBER },
    { "pending", "Waiting", AS_NUMBER },
    { "retriesPerS", "Retries/s", AS_NUMBER },
};
static const struct plain_column endpoint_columns[] = {
    { "address", "Endpoint", AS_TEXT },
    { "state", "State", AS_TEXT },
    { "why", "Why", AS_TEXT },
    { "sinceMs", "For", AS_AGE_MS },
    { "target", "From", AS_TEXT },
    { "connections", "Connections", AS_NUMBER },
    { "inFlight", "In flight", AS_NUMBER },
    { "callsPerS", "Calls/s", AS_NUMBER },
    { "failuresPerS", "Failures/s", AS_NUMBER },
};
static const struct plain_column route_columns[] = {
    { "listener", "Listener", AS_TEXT },      { "name", "Route", AS_TEXT },
    { "match", "Calls that match", AS_TEXT }, { "hitsPerS", "Calls/s", AS_NUMBER },
    { "hits", "Calls so far", AS_NUMBER },
};
static const struct plain_column share_columns[] = {
    { "pool", "Pool", AS_TEXT },
    { "subset", "Subset", AS_TEXT },
    { "setShare", "Set share", AS_SHARE },
    { "realShare", "Real share", AS_SHARE },
};
static const struct plain_column failed_columns[] = {
    { "time", "Time", AS_TEXT },         { "method", "Method", AS_TEXT },
    { "code", "Code", AS_TEXT },         { "reason", "Reason", AS_TEXT },
    { "why", "In words", AS_TEXT },      { "pool", "Pool", AS_TEXT },
    { "endpoint", "Endpoint", AS_TEXT }, { "ms", "ms", AS_NUMBER },
    { "traceId", "Trace", AS_TEXT },     { "count", "Times", AS_NUMBER },
};
static const struct plain_column code_columns[] = {
    { "code", "Code", AS_TEXT },
    { "lastMinute", "Last minute", AS_NUMBER },
    { "last5Minutes", "Last 5 minutes", AS_NUMBER },
};
static const struct plain_column method_columns[] = {
    { "method", "Method", AS_TEXT },      { "callsPerS", "Calls/s", AS_NUMBER },
    { "okShare", "Succeeded", AS_SHARE }, { "p50Ms", "p50 ms", AS_NUMBER },
    { "p99Ms", "p99 ms", AS_NUMBER },
};
static const struct plain_column listener_columns[] = {
    { "name", "Listener", AS_TEXT },       { "address", "Address", AS_TEXT },
    { "direction", "Direction", AS_TEXT }, { "connections", "Connections", AS_NUMBER },
    { "ready", "Ready", AS_YES },
};
static const struct plain_column cert_columns[] = {
    { "name", "Certificate", AS_TEXT },
    { "file", "File", AS_TEXT },
    { "notAfter", "Good until", AS_TEXT },
    { "daysLeft", "Days left", AS_NUMBER },
};

/* From top to bottom, as on the live page. */
static const struct plain_table plain_tables[] = {
    { .key = "pools",
      .title = "Pools",
      .empty = "No pools are configured.",
      COLUMNS(pool_columns) },
    { .key = "pools",
      .inside = "endpoints",
      .title = "Endpoints",
      .empty = "No endpoints are known.",
      COLUMNS(endpoint_columns) },
    { .key = "routes",
      .title = "Routes",
      .empty = "No routes are configured.",
      COLUMNS(route_columns) },
    { .key = "routes",
      .inside = "to",
      .title = "Where routes send calls",
      .empty = "No route sends calls to a pool.",
      COLUMNS(share_columns) },
    { .key = "failed",
      .title = "Last failed calls",
      .empty = "No call has failed.",
      COLUMNS(failed_columns) },
    { .key = "codes",
      .title = "Calls by code",
      .empty = "No call has ended yet.",
      COLUMNS(code_columns) },
    { .key = "methods",
      .title = "Busiest methods",
      .empty = "No method has been called yet.",
      COLUMNS(method_columns) },
    { .key = "listeners",
      .title = "Listeners",
      .empty = "Nothing listens.",
      COLUMNS(listener_columns) },
    { .key = "certificates",
      .title = "Certificates",
      .empty = "No certificates: nothing here uses TLS.",
      COLUMNS(cert_columns) },
};

/* --- values -------------------------------------------------------------------------- */

static void
put_escaped(struct strbuf *out, const char *s)
{
    for (; *s; s++) {
        switch (*s) {
        case '<':
            strbuf_puts(out, "&lt;");
            break;
        case '>':
            strbuf_puts(out, "&gt;");
            break;
        case '&':
            strbuf_puts(out, "&amp;");
            break;
        case '"':
            strbuf_puts(out, "&quot;");
            break;
        default:
            strbuf_add(out, s, 1);
        }
    }
}

static void
put_age(struct strbuf *out, double ms)
{
    long long s = (long long)(ms / 1000);

    if (s < 120)
        strbuf_printf(out, "%lld s", s);
    else if (s < 7200)
        strbuf_printf(out, "%lld min", s / 60);
    else if (s < 172800)
        strbuf_printf(out, "%lld h", s / 3600);
    else
        strbuf_printf(out, "%lld d", s / 86400);
}

/* %g would write 1e+06. Four decimals are enough, and zeros at the end say nothing. */
static void
put_decimal(struct strbuf *out, double v, const char *unit)
{
    char text[400];
    int n = snprintf(text, sizeof(text), "%.4f", v);

    while (n > 1 && text[n - 1] == '0')
        n--;
    if (text[n - 1] == '.')
        n--;
    strbuf_printf(out, "%.*s%s", n, text, unit);
}

static void
put_number(struct strbuf *out, double v, enum plain_as as)
{
    switch (as) {
    case AS_SHARE:
        put_decimal(out, v * 100, " %");
        break;
    case AS_MIB:
        put_decimal(out, v / 1048576, " MiB");
        break;
    case AS_AGE_MS:
        put_age(out, v);
        break;
    default:
        put_decimal(out, v, "");
    }
}

static void
put_value(struct strbuf *out, const struct json_t *v, enum plain_as as)
{
    const char *text = jtree_string(v);
    double number;

    if (text && text[0])
        put_escaped(out, text);
    else if (jtree_number(v, &number))
        put_number(out, number, as);
    else if (as == AS_YES && v)
        strbuf_puts(out, jtree_bool(v, false) ? "yes" : "no");
    else
        strbuf_puts(out, "&ndash;");
}

/* --- tables -------------------------------------------------------------------------- */

static bool
column_is_right(const struct plain_column *c)
{
    return c->as != AS_TEXT && c->as != AS_YES;
}

static void
put_head(struct strbuf *out, const struct plain_table *t)
{
    /* It scrolls sideways where there is no room, so keys must get to it. */
    strbuf_printf(
        out,
        "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"%s\">"
        "<table><thead><tr>",
        t->title);
    if (t->inside)
        strbuf_puts(out, "<th scope=\"col\">Of</th>");
    for (size_t i = 0; i < t->count; i++)
        strbuf_printf(out, "<th scope=\"col\"%s>%s</th>",
                      column_is_right(&t->columns[i]) ? " class=\"n\"" : "",
                      t->columns[i].title);
    strbuf_puts(out, "</tr></thead><tbody>\n");
}

static void
put_row(struct strbuf *out, const struct plain_table *t, const struct json_t *of,
        const struct json_t *item)
{
    strbuf_puts(out, "<tr>");
    if (of) {
        strbuf_puts(out, "<td>");
        put_value(out, jtree_get(of, "name"), AS_TEXT);
        strbuf_puts(out, "</td>");
    }
    for (size_t i = 0; i < t->count; i++) {
        const struct plain_column *c = &t->columns[i];

        strbuf_puts(out, column_is_right(c) ? "<td class=\"n\">" : "<td>");
        put_value(out, jtree_get(item, c->key), c->as);
        strbuf_puts(out, "</td>");
    }
    strbuf_puts(out, "</tr>\n");
}

/* Adds the rows, with the head before the first. Returns how many. */
static size_t
put_rows(struct strbuf *out, const struct plain_table *t, const struct json_t *of,
         const struct json_t *list, size_t before)
{
    size_t n = jtree_is_list(list) ? jtree_count(list) : 0;

    for (size_t i = 0; i < n; i++) {
        if (before + i == 0)
            put_head(out, t);
        put_row(out, t, of, jtree_item(list, i));
    }
    return n;
}

static void
put_table(struct strbuf *out, const struct plain_table *t, const struct json_t *root)
{
    const struct json_t *list = jtree_get(root, t->key);
    size_t rows = 0;

    strbuf_printf(out, "<h2>%s</h2>\n", t->title);
    if (!t->inside)
        rows = put_rows(out, t, NULL, list, 0);
    for (size_t i = 0; t->inside && jtree_is_list(list) && i < jtree_count(list); i++) {
        const struct json_t *of = jtree_item(list, i);

        rows += put_rows(out, t, of, jtree_get(of, t->inside), rows);
    }
    if (rows > 0)
        strbuf_puts(out, "</tbody></table></div>\n");
    else
        strbuf_printf(out, "<p>%s</p>\n", t->empty);
}

/* A table of one row for one object; nothing when there is none. */
static void
put_object(struct strbuf *out, const struct json_t *v, const struct plain_column *columns,
           size_t count)
{
    struct plain_table t = { .title = columns[0].title,
                             .columns = columns,
                             .count = count };

    if (!v)
        return;
    put_head(out, &t);
    put_row(out, &t, NULL, v);
    strbuf_puts(out, "</tbody></table></div>\n");
}

static void
put_body(struct strbuf *out, const struct json_t *root)
{
    const struct json_t *process = jtree_get(root, "process");

    strbuf_puts(out, "<p>As of ");
    put_value(out, jtree_get(root, "time"), AS_TEXT);
    strbuf_puts(out,
                ". Load it again for newer figures; rates are of the last 10 seconds. "
                "<a href=\"/\">The live page</a></p>\n<h2>This process</h2>\n");
    put_object(out, process, process_columns, ARRAY_LEN(process_columns));
    put_object(out, jtree_get(process, "config"), config_columns,
               ARRAY_LEN(config_columns));
    put_object(out, jtree_get(process, "reload"), reload_columns,
               ARRAY_LEN(reload_columns));
    put_object(out, jtree_get(process, "drain"), drain_columns, ARRAY_LEN(drain_columns));
    strbuf_puts(out, "<h2>Right now</h2>\n");
    put_object(out, jtree_get(root, "now"), now_columns, ARRAY_LEN(now_columns));
    for (size_t i = 0; i < ARRAY_LEN(plain_tables); i++)
        put_table(out, &plain_tables[i], root);
}

void
plain_print(const char *json, size_t n, const char *css, size_t css_n, struct strbuf *out)
{
    struct jtree_fault fault;
    struct json_t *root = json ? jtree_read(json, n, &fault) : NULL;

    strbuf_puts(out, "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
                     "<meta name=\"viewport\" content=\"width=device-width, "
                     "initial-scale=1\">\n<title>outrigger</title>\n"
                     "<link rel=\"icon\" href=\"data:,\">\n<style>");
    strbuf_add(out, css, css_n);
    strbuf_puts(out, "</style></head>\n<body><main class=\"plain\"><h1>outrigger</h1>\n");
    if (root)
        put_body(out, root);
    else if (!json)
        strbuf_puts(out,
                    "<p>There are too many pools and endpoints for one page of tables. "
                    "Ask <a href=\"/pools\">/pools</a>, <a href=\"/routes\">/routes</a> "
                    "and <a href=\"/why\">/why</a>.</p>\n");
    else
        strbuf_puts(out, "<p>There are no figures yet; load the page again.</p>\n");
    strbuf_puts(out, "</main></body></html>\n");
    jtree_free(root);
}
