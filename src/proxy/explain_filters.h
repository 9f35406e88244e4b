/* SPDX-License-Identifier: Apache-2.0 */
/* proxy/explain_filters.h - the filters that calls of a route go through, in words: what the lists of listener and route say (filter/filter_conf.h), held against the
 * chain that was made of them. Pure; any thread that holds the table. */
#ifndef OUTRIGGER_PROXY_EXPLAIN_FILTERS_H
#define OUTRIGGER_PROXY_EXPLAIN_FILTERS_H

struct route;
struct strbuf;
struct table;

/* One line for each filter, in the order of requests; those that are off have their place, and say who switched them off. Nothing when there is none. */
void explain_filters(const struct table *t, const struct route *r, struct strbuf *out);
/* The same for scripts: a list with an object for each filter. r NULL: what a route has that says nothing of filters. */
void
explain_filters_json(const struct table *t, const struct route *r, struct strbuf *out);
/* One line for all that begins with `before`: the names in their order, what is off in brackets. r: as above. Nothing when there is none. */
void explain_filters_line(const struct table *t, const struct route *r,
                          const char *before, struct strbuf *out);

#endif
