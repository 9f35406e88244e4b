/* SPDX-License-Identifier: Apache-2.0 */
/* main/ctl_grid.h - a table for a terminal: columns as wide as their widest cell; when the
 * screen is too narrow, columns are left out in an order that the caller gives, and at last
 * the first one is cut. Below a row may stand notes over the whole width.
 * One thread; owned by the caller. */
#ifndef OUTRIGGER_MAIN_CTL_GRID_H
#define OUTRIGGER_MAIN_CTL_GRID_H

#include <stdbool.h>
#include <stddef.h>

#include "base/strbuf.h"

enum { GRID_COLUMNS_MAX = 16 };

struct grid_column {
    const char *title;
    bool right;    /* numbers */
    unsigned drop; /* the highest is left out first; 0: never */
};

struct grid {
    const struct grid_column *columns; /* n of them, which outlive the grid */
    size_t n;
    struct strbuf cells; /* one after another, each with a NUL; capped */
    size_t n_cells;      /* notes are a cell that begins with \1 (in the first column) */
    size_t widths[GRID_COLUMNS_MAX];
};

/* Where and how it is drawn. */
struct grid_style {
    size_t width; /* columns of the screen */
    bool colour;
    bool plain; /* ASCII only */
};

void grid_init(struct grid *g, const struct grid_column *columns, size_t n);
void grid_done(struct grid *g);
/* The next cell, row by row. Text that is no printable character is shown as "?". */
void grid_cell(struct grid *g, const char *text);
/* A line below the last row, which must be complete. */
void grid_note(struct grid *g, const char *text);
/* Adds the lines to out: titles, then rows and notes. Returns how many lines. */
size_t
grid_draw(const struct grid *g, const struct grid_style *style, struct strbuf *out);

/* Adds at most `width` columns of clean text; what was cut is marked. Returns how many. */
size_t grid_put_cut(struct strbuf *out, const char *text, size_t width, bool plain);

#endif
