/* SPDX-License-Identifier: Apache-2.0 */
/* main/ctl_top_list.c - rows of pools, endpoints or methods: collect, filter, sort, then make
 * cells of those that are on the screen only. */
#include "main/ctl_top_int.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/compat.h"
#include "base/xalloc.h"
#include "conf/json.h"
#include "main/ctl_top.h"
#include "main/ctl_words.h"

enum { ROWS_MAX = 100 * 1000, NOTE_MAX = 512, SPARK_MAX = 60, SPARK_STEPS = 8 };

struct row {
    const struct json_t *o;    /* the pool, endpoint or method */
    const struct json_t *pool; /* of an endpoint */
    double key;                /* the smallest comes first */
    size_t place;              /* in the answer, for rows with the same key */
};

struct rows {
    struct row *list;
    size_t n, room, all; /* all: also those that the filter left out */
};

/* How a page is shown. */
struct page {
    const char *name; /* the key of a row that is its name */
    const char
        *worst; /* the key by which "worst" sorts; down: the smallest is the worst */
    bool worst_down;
    const struct grid_column *columns;
    size_t n_columns;
    /* cells of one row, then its notes */
    void (*put)(const struct top_view *view, const struct row *row, struct grid *g);
};

/* --- cells ---------------------------------------------------------------------- */

/* A small chart: one mark per 60 / width seconds, the highest is the most of this row. */
static void
put_spark(struct strbuf *out, const struct json_t *line, size_t width, bool plain)
{
    static const char *const blocks[] = { "\u2581", "\u2582", "\u2583", "\u2584",
                                          "\u2585", "\u2586", "\u2587", "\u2588" };
    static const char ascii[] = "_.-=+*%#";
    size_t n = jtree_count(line);
    size_t each = (SPARK_MAX + width - 1) / width;
    double marks[SPARK_MAX] = { 0 }, most = 0;
    size_t n_marks = 0;

    n = n > SPARK_MAX ? SPARK_MAX : n;
    /* From the newest back, so that a mark keeps its seconds until it moves as a whole. */
    for (size_t i = 0; i < n; i += each, n_marks++) {
        double sum = 0;
        size_t in = 0;

        for (; in < each && i + in < n; in++) {
            double v = 0;

            if (jtree_number(jtree_item(line, n - 1 - i - in), &v))
                sum += v;
        }
        marks[n_marks] = sum / (double)in;
        most = fmax(most, marks[n_marks]);
    }
    for (size_t i = n_marks; i > 0; i--) {
        double part = most > 0 ? marks[i - 1] / most : 0;
        int step = (int)ceil(part * SPARK_STEPS) - 1;

        step = step < 0 ? 0 : step;
        if (plain)
            strbuf_add(out, ascii + step, 1);
        else
            strbuf_puts(out, blocks[step]);
    }
}

static const struct grid_column pool_columns[] = {
    { .title = "POOL" },
    { .title = "UP", .drop = 0 },
    { .title = "CALLS/S", .right = true },
    { .title = "OK%", .right = true },
    { .title = "P50", .right = true, .drop = 4 },
    { .title = "P95", .right = true, .drop = 6 },
    { .title = "P99", .right = true, .drop = 1 },
    { .title = "INFLIGHT", .right = true, .drop = 3 },
    { .title = "PEND", .right = true, .drop = 7 },
    { .title = "RETRY/S", .right = true, .drop = 5 },
    { .title = "60s", .drop = 2 },
};

/* "10.2.0.14:50051 v2  unhealthy 42s: connection refused" */
static void
note_endpoint(const struct json_t *e, struct grid *g)
{
    const char *version = jtree_get_string(jtree_get(e, "labels"), "version", "");
    const char *why = jtree_get_string(e, "why", "");
    struct strbuf note;

    strbuf_init(&note, NOTE_MAX);
    strbuf_printf(&note, "  %s%s%s  %s", jtree_get_string(e, "address", "?"),
                  version[0] ? " " : "", version, jtree_get_string(e, "state", "?"));
    if (jtree_get(e, "sinceMs"))
        strbuf_printf(&note, " %s", ctl_word_span_of(e, "sinceMs").s);
    strbuf_printf(&note, "%s%s", why[0] ? ": " : "", why);
    grid_note(g, note.s);
    strbuf_done(&note);
}

static void
put_pool(const struct top_view *view, const struct row *row, struct grid *g)
{
    const struct json_t *o = row->o, *endpoints = jtree_get(o, "endpoints");
    struct strbuf text;
    char cell[3 * CTL_WORD_MAX];

    grid_cell(g, jtree_get_string(o, "name", "?"));
    snprintf(cell, sizeof cell, "%s/%s%s", ctl_word_count(o, "usable").s,
             ctl_word_count(o, "total").s,
             jtree_bool(jtree_get(o, "panic"), false) ? " panic" : "");
    grid_cell(g, cell);
    grid_cell(g, ctl_word_rate(o, "callsPerS").s);
    grid_cell(g, ctl_word_percent(o, "okShare").s);
    grid_cell(g, ctl_word_ms(o, "p50Ms").s);
    grid_cell(g, ctl_word_ms(o, "p95Ms").s);
    grid_cell(g, ctl_word_ms(o, "p99Ms").s);
    snprintf(cell, sizeof cell, "%s%s%s", ctl_word_count(o, "inFlight").s,
             jtree_get(o, "inFlightLimit") ? "/" : "",
             jtree_get(o, "inFlightLimit") ? ctl_word_count(o, "inFlightLimit").s : "");
    grid_cell(g, cell);
    grid_cell(g, ctl_word_count(o, "pending").s);
    grid_cell(g, ctl_word_rate(o, "retriesPerS").s);
    strbuf_init(&text, NOTE_MAX);
    put_spark(&text, jtree_get(o, "line"), view->style.width >= 120 ? 30 : 12,
              view->style.plain);
    grid_cell(g, text.s ? text.s : "");
    strbuf_done(&text);
    for (size_t i = 0; i < jtree_count(endpoints); i++) {
        if (!jtree_bool(jtree_get(jtree_item(endpoints, i), "usable"), true))
            note_endpoint(jtree_item(endpoints, i), g);
    }
}

static const struct grid_column endpoint_columns[] = {
    { .title = "ENDPOINT" },
    { .title = "POOL", .drop = 3 },
    { .title = "STATE" },
    { .title = "CALLS/S", .right = true },
    { .title = "FAIL/S", .right = true },
    { .title = "INFLIGHT", .right = true, .drop = 2 },
    { .title = "CONN", .right = true, .drop = 4 },
    { .title = "WEIGHT", .right = true, .drop = 6 },
    { .title = "ZONE", .drop = 5 },
};

static void
put_endpoint(const struct top_view *view, const struct row *row, struct grid *g)
{
    const struct json_t *o = row->o;
    const char *why = jtree_get_string(o, "why", "");
    char cell[128];

    (void)view;
    grid_cell(g, jtree_get_string(o, "address", "?"));
    grid_cell(g, jtree_get_string(row->pool, "name", "?"));
    snprintf(cell, sizeof cell, "%.80s%s%s", jtree_get_string(o, "state", "?"),
             jtree_get(o, "sinceMs") ? " " : "",
             jtree_get(o, "sinceMs") ? ctl_word_span_of(o, "sinceMs").s : "");
    grid_cell(g, cell);
    grid_cell(g, ctl_word_rate(o, "callsPerS").s);
    grid_cell(g, ctl_word_rate(o, "failuresPerS").s);
    grid_cell(g, ctl_word_count(o, "inFlight").s);
    grid_cell(g, ctl_word_count(o, "connections").s);
    grid_cell(g, ctl_word_count(o, "weight").s);
    grid_cell(g, jtree_get_string(o, "zone", ""));
    if (why[0] && !jtree_bool(jtree_get(o, "usable"), true)) {
        struct strbuf note;

        strbuf_init(&note, NOTE_MAX);
        strbuf_printf(&note, "  %s", why);
        grid_note(g, note.s);
        strbuf_done(&note);
    }
}

static const struct grid_column method_columns[] = {
    { .title = "METHOD" },
    { .title = "CALLS/S", .right = true },
    { .title = "OK%", .right = true },
    { .title = "P50", .right = true, .drop = 1 },
    { .title = "P99", .right = true },
};

static void
put_method(const struct top_view *view, const struct row *row, struct grid *g)
{
    const struct json_t *o = row->o;

    (void)view;
    grid_cell(g, jtree_get_string(o, "method", "?"));
    grid_cell(g, ctl_word_rate(o, "callsPerS").s);
    grid_cell(g, ctl_word_percent(o, "okShare").s);
    grid_cell(g, ctl_word_ms(o, "p50Ms").s);
    grid_cell(g, ctl_word_ms(o, "p99Ms").s);
}

static const struct page pages[] = {
    [TOP_POOLS] = { .name = "name",
                    .worst = "okShare",
                    .worst_down = true,
                    .columns = pool_columns,
                    .n_columns = ARRAY_LEN(pool_columns),
                    .put = put_pool },
    [TOP_ENDPOINTS] = { .name = "address",
                        .worst = "failuresPerS",
                        .columns = endpoint_columns,
                        .n_columns = ARRAY_LEN(endpoint_columns),
                        .put = put_endpoint },
    [TOP_METHODS] = { .name = "method",
                      .worst = "okShare",
                      .worst_down = true,
                      .columns = method_columns,
                      .n_columns = ARRAY_LEN(method_columns),
                      .put = put_method },
};

/* --- rows ------------------------------------------------------------------------ */

static double
row_key(const struct top_view *view, const struct page *page, const struct json_t *o)
{
    switch (view->sort) {
    case TOP_CALLS:
        return -ctl_number(o, "callsPerS", -1);
    case TOP_WORST:
        return page->worst_down ? ctl_number(o, page->worst, 2)
                                : -ctl_number(o, page->worst, -1);
    case TOP_SLOWEST: /* endpoints have no times: the order of the pools */
        return -ctl_number(o, "p99Ms", -1);
    case TOP_AS_GIVEN:
    case TOP_N_SORTS:
        break;
    }
    return 0;
}

static void
rows_add(struct rows *rows, const struct top_view *view, const struct json_t *pool,
         const struct json_t *o)
{
    const struct page *page = &pages[view->page];
    const char *name = jtree_get_string(o, page->name, "");
    const char *other = pool ? jtree_get_string(pool, "name", "") : "";

    rows->all++;
    if (view->filter[0] && !strcasestr(name, view->filter) &&
        !strcasestr(other, view->filter))
        return;
    if (rows->n == rows->room) {
        if (rows->room >= ROWS_MAX)
            return;
        rows->room = rows->room ? 2 * rows->room : 64;
        rows->list = xrealloc(rows->list, rows->room * sizeof *rows->list);
    }
    rows->list[rows->n] = (struct row){
        .o = o, .pool = pool, .key = row_key(view, page, o), .place = rows->n
    };
    rows->n++;
}

static int
row_compare(const void *a, const void *b)
{
    const struct row *x = a, *y = b;

    if (x->key < y->key || x->key > y->key)
        return x->key < y->key ? -1 : 1;
    return x->place < y->place ? -1 : x->place > y->place;
}

static void
rows_collect(struct rows *rows, const struct top_view *view, const struct json_t *stats)
{
    const struct json_t *list =
        jtree_get(stats, view->page == TOP_METHODS ? "methods" : "pools");

    for (size_t i = 0; i < jtree_count(list); i++) {
        const struct json_t *o = jtree_item(list, i), *inner;

        if (view->page != TOP_ENDPOINTS) {
            rows_add(rows, view, NULL, o);
            continue;
        }
        inner = jtree_get(o, "endpoints");
        for (size_t j = 0; j < jtree_count(inner); j++)
            rows_add(rows, view, o, jtree_item(inner, j));
    }
    if (rows->n > 1)
        qsort(rows->list, rows->n, sizeof *rows->list, row_compare);
}

size_t
top_list(struct top_view *view, const struct json_t *stats, size_t lines, size_t *ret_all,
         struct strbuf *out)
{
    const struct page *page = &pages[view->page];
    struct rows rows = { 0 };
    struct grid g;
    size_t from = out->len, n;

    rows_collect(&rows, view, stats);
    *ret_all = rows.all;
    n = rows.n;
    if (view->first >= rows.n)
        view->first = rows.n ? rows.n - 1 : 0;
    grid_init(&g, page->columns, page->n_columns);
    for (size_t i = view->first; i < rows.n && (lines == 0 || i < view->first + lines);
         i++)
        page->put(view, &rows.list[i], &g);
    grid_draw(&g, &view->style, out);
    if (lines > 0)
        top_keep(out, from, lines);
    grid_done(&g);
    xfree(rows.list);
    return n;
}
