/* SPDX-License-Identifier: Apache-2.0 */
/* admin/metrics_page.h - the page of all metrics, for whoever serves it (admin port, probe port): Prometheus text 0.0.4 or OpenMetrics 1.0, as the asker prefers, with gzip
 * when it takes that. It sums the counters of the workers, which go on meanwhile and notice nothing; series that are not in that table come from functions that others
 * add. Made anew for each asker and bounded by METRICS_PAGE_MAX. The process owns one; main thread. */
#ifndef OUTRIGGER_ADMIN_METRICS_PAGE_H
#define OUTRIGGER_ADMIN_METRICS_PAGE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/slice.h"
#include "obs/prom.h"

struct metrics_page;
struct stats;
struct strbuf;

enum {
    METRICS_PARTS_MAX = 16,
    METRICS_PAGE_MAX = 64 << 20, /* ten pools of 10,000 endpoints */
};

struct metrics_body {
    char *text; /* to be freed with xfree */
    size_t n;
    const char *type; /* Content-Type */
    bool gzip;        /* Content-Encoding: gzip */
};

/* stats: array of n blocks; array and blocks outlive the page. */
struct metrics_page *metrics_page_new(const struct stats *const *stats, size_t n);
void metrics_page_free(struct metrics_page *m); /* NULL is fine */
/* fn is called for each page, with arg, which outlives the page. METRICS_PARTS_MAX at most. */
void metrics_page_add(struct metrics_page *m, prom_fn *fn, void *arg);
/* Adds the page as text 0.0.4, as far as out's cap lets it. */
void metrics_page_text(const struct metrics_page *m, struct strbuf *out);
/* accept, accept_encoding: headers of the request; no bytes: absent. */
void metrics_page_make(const struct metrics_page *m, struct slice accept,
                       struct slice accept_encoding, struct metrics_body *ret);

#endif
