/* SPDX-License-Identifier: Apache-2.0 */
/* main/ctl_top_int.h - the list of outriggerctl top, for ctl_top.c alone. */
#ifndef OUTRIGGER_MAIN_CTL_TOP_INT_H
#define OUTRIGGER_MAIN_CTL_TOP_INT_H

#include <stddef.h>

struct json_t;
struct strbuf;
struct top_view;

/* Adds the rows of the view's page that pass its filter, in its order, in at most `lines`
 * lines (0: all). Returns how many rows are shown; *ret_all: that there are, with those that
 * the filter leaves out. */
size_t top_list(struct top_view *view, const struct json_t *stats, size_t lines,
                size_t *ret_all, struct strbuf *out);
/* Ends the text after that many lines behind `from`; it is not empty. */
void top_keep(struct strbuf *out, size_t from, size_t lines);

#endif
