/* SPDX-License-Identifier: Apache-2.0 */
/* main/ctl_grid.c - measure while cells come, then choose columns and write. */
#include "main/ctl_grid.h"

#include <assert.h>
#include <string.h>

#include "base/compat.h"
#include "main/ctl_words.h"

enum { CELLS_MAX = 1 << 20, GAP = 2, FIRST_MIN = 8 };

#define NOTE      '\1'
#define BOLD      "\033[1m"
#define YELLOW    "\033[33m"
#define PLAIN_END "\033[0m"

void
grid_init(struct grid *g, const struct grid_column *columns, size_t n)
{
    assert(n > 0 && n <= GRID_COLUMNS_MAX);
    *g = (struct grid){ .columns = columns, .n = n };
    strbuf_init(&g->cells, CELLS_MAX);
    for (size_t i = 0; i < n; i++)
        g->widths[i] = ctl_columns(columns[i].title);
}

void
grid_done(struct grid *g)
{
    strbuf_done(&g->cells);
}

void
grid_cell(struct grid *g, const char *text)
{
    size_t at = g->cells.len, column = g->n_cells % g->n, width;

    ctl_put_clean(&g->cells, text);
    strbuf_add(&g->cells, "", 1);
    width = ctl_columns(g->cells.s + at);
    if (width > g->widths[column])
        g->widths[column] = width;
    g->n_cells++;
}

void
grid_note(struct grid *g, const char *text)
{
    assert(g->n_cells % g->n == 0);
    strbuf_add(&g->cells, (const char[]){ NOTE }, 1);
    ctl_put_clean(&g->cells, text);
    strbuf_add(&g->cells, "", 1);
}

size_t
grid_put_cut(struct strbuf *out, const char *text, size_t width, bool plain)
{
    struct strbuf clean;
    size_t n;

    strbuf_init(&clean, CELLS_MAX);
    ctl_put_clean(&clean, text);
    if (!clean.len || width == 0) {
        strbuf_done(&clean);
        return 0;
    }
    n = ctl_columns(clean.s);
    if (n <= width) {
        strbuf_puts(out, clean.s);
    } else {
        clean.s[ctl_columns_cut(clean.s, width - 1)] = '\0';
        n = ctl_columns(clean.s) + 1; /* less than width when half a character was left */
        strbuf_puts(out, clean.s);
        strbuf_puts(out, plain ? "~" : "\u2026");
    }
    strbuf_done(&clean);
    return n;
}

static size_t
widths_sum(const struct grid *g, const bool *shown, const size_t *widths)
{
    size_t sum = 0;

    for (size_t i = 0; i < g->n; i++)
        sum += shown[i] ? widths[i] + GAP : 0;
    return sum ? sum - GAP : 0;
}

/* False: only the first column is left. */
static bool
drop_last(const struct grid *g, bool *shown)
{
    for (size_t i = g->n; i-- > 1;) {
        if (shown[i]) {
            shown[i] = false;
            return true;
        }
    }
    return false;
}

/* Leaves out columns, and cuts the first one, until the rest fits. */
static void
grid_fit(const struct grid *g, size_t width, bool *shown, size_t *widths)
{
    size_t sum;

    for (size_t i = 0; i < g->n; i++) {
        shown[i] = true;
        widths[i] = g->widths[i];
    }
    while ((sum = widths_sum(g, shown, widths)) > width) {
        size_t worst = g->n;

        for (size_t i = 0; i < g->n; i++) {
            if (shown[i] && g->columns[i].drop > 0 &&
                (worst == g->n || g->columns[i].drop > g->columns[worst].drop))
                worst = i;
        }
        /* A long name gives way before figures do, down to a length that still tells. */
        if (widths[0] > 3 * FIRST_MIN || worst == g->n) {
            size_t least = worst == g->n ? FIRST_MIN : 3 * FIRST_MIN;
            size_t over = sum - width;

            if (widths[0] <= least) { /* a screen of a few columns */
                if (!drop_last(g, shown)) {
                    widths[0] = width;
                    return;
                }
                continue;
            }
            widths[0] =
                widths[0] - over > least && over < widths[0] ? widths[0] - over : least;
            continue;
        }
        shown[worst] = false;
    }
}

static void
put_spaces(struct strbuf *out, size_t n)
{
    for (; n > 0; n--)
        strbuf_puts(out, " ");
}

static void
put_cell(struct strbuf *out, const char *text, size_t width, bool right, bool last,
         bool plain)
{
    size_t n = ctl_columns(text);

    n = n < width ? n : width;
    if (right)
        put_spaces(out, width - n);
    n = grid_put_cut(out, text, width, plain);
    if (!right && !last)
        put_spaces(out, width - n);
    if (!last)
        put_spaces(out, GAP);
}

size_t
grid_draw(const struct grid *g, const struct grid_style *style, struct strbuf *out)
{
    bool shown[GRID_COLUMNS_MAX];
    size_t widths[GRID_COLUMNS_MAX], last = 0, column = 0, lines = 1;
    const char *end = g->cells.s + g->cells.len;

    grid_fit(g, style->width, shown, widths);
    for (size_t i = 0; i < g->n; i++)
        last = shown[i] ? i : last;
    strbuf_puts(out, style->colour ? BOLD : "");
    for (size_t i = 0; i < g->n; i++) {
        if (shown[i])
            put_cell(out, g->columns[i].title, widths[i], g->columns[i].right, i == last,
                     style->plain);
    }
    strbuf_puts(out, style->colour ? PLAIN_END "\n" : "\n");
    for (const char *at = g->cells.s; at && at < end; at += strlen(at) + 1) {
        if (*at == NOTE) {
            strbuf_puts(out, style->colour ? YELLOW : "");
            grid_put_cut(out, at + 1, style->width, style->plain);
            strbuf_puts(out, style->colour ? PLAIN_END "\n" : "\n");
            lines++;
            continue;
        }
        if (shown[column])
            put_cell(out, at, widths[column], g->columns[column].right, column == last,
                     style->plain);
        if (++column == g->n) {
            strbuf_puts(out, "\n");
            column = 0;
            lines++;
        }
    }
    return lines;
}
