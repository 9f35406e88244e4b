/* SPDX-License-Identifier: Apache-2.0 */
/* filter/instance.h - the filters that are at work. They are found again by their scope, name and settings: a reload that says the same of a filter keeps it, with all
 * that it knows. Main thread, but for hold and drop of a filter, which belong to whoever holds a chain (its last drop is on the main thread, too). */
#ifndef OUTRIGGER_FILTER_INSTANCE_H
#define OUTRIGGER_FILTER_INSTANCE_H

#include "base/list.h"
#include "filter/filter.h"

struct filter_store {
    struct list all;
    struct filter_env env; /* scope is each filter's own */
    unsigned
        services; /* counted up when what env.services offers has changed: tables are made anew */
};

void filter_store_init(struct filter_store *s, struct loop *loop, struct stats *stats,
                       unsigned workers);
/* Every filter must have been dropped. */
void filter_store_done(struct filter_store *s);

/* One hold of the filter with these settings; opened when it is new. conf: of kind->conf, copied; the strings too. */
struct filter *filter_get(struct filter_store *s, const struct filter_kind *kind,
                          const char *scope, const char *name, const void *conf);
struct filter *filter_hold(struct filter *f);
void filter_drop(struct filter *f); /* the last drop closes and frees; NULL is fine */

/* A table of this worker begins to use the filter, or ends: kind->worker_open and worker_close at the first and the last of them. The worker's thread, while
 * the table holds the filter. */
void
filter_use(struct filter *f, unsigned worker, struct loop *loop, struct stats *stats);
void filter_unuse(struct filter *f, unsigned worker);

#endif
