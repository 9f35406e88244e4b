/* SPDX-License-Identifier: Apache-2.0 */
/* main/ctl_top.h - outriggerctl top: what happens now, on one screen that renews itself each
 * second. This is the layout: an object of /stats.json and a view in, text out. Pure; the
 * terminal is ctl_term.h, keys and time are ctl_top_run.c. */
#ifndef OUTRIGGER_MAIN_CTL_TOP_H
#define OUTRIGGER_MAIN_CTL_TOP_H

#include <stdbool.h>
#include <stddef.h>

#include "main/ctl_grid.h"

struct ctl_args;
struct json_t;

enum top_page { TOP_POOLS, TOP_ENDPOINTS, TOP_METHODS };
enum top_sort { TOP_AS_GIVEN, TOP_CALLS, TOP_WORST, TOP_SLOWEST, TOP_N_SORTS };
enum { TOP_FILTER_MAX = 48 };

struct top_view {
    struct grid_style style;
    size_t height; /* lines of the screen; 0: all rows, and no line of keys (--once) */
    enum top_page page;
    enum top_sort sort;
    char filter[TOP_FILTER_MAX + 1]; /* rows whose name has this in it; "": all */
    bool filter_open;                /* it is being typed */
    bool paused;
    size_t first;     /* rows that are scrolled past */
    const char *note; /* in place of the keys: why there is nothing newer; NULL: none */
};

/* Adds the screen, at most view->height lines, each ends with \n. first is lowered when the
 * list has become shorter. */
void top_draw(struct top_view *view, const struct json_t *stats, struct strbuf *out);

/* What a key means; keys that mean nothing are ignored. */
enum top_do { TOP_DRAW, TOP_QUIT };
enum top_do top_key(struct top_view *view, int key);
enum { TOP_KEY_UP = 256, TOP_KEY_DOWN, TOP_KEY_ESCAPE };

/* outriggerctl top. Returns the exit code. */
int ctl_top(const struct ctl_args *a);

#endif
