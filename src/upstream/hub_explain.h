/* SPDX-License-Identifier: Apache-2.0 */
/* upstream/hub_explain.h - which endpoints of a pool may get a call, and why the others may not: what the workers' groups decide, worked out again from
 * what the main thread knows (health, labels, levels, random subsets, failed connects). Main thread. */
#ifndef OUTRIGGER_UPSTREAM_HUB_EXPLAIN_H
#define OUTRIGGER_UPSTREAM_HUB_EXPLAIN_H

struct conf_map;
struct hub;
struct strbuf;

/* Lines for a terminal; at most some hundred endpoints. selector: labels that the endpoint must have; NULL: any. */
void
hub_explain(const struct hub *hub, const struct conf_map *selector, struct strbuf *out);
/* One JSON object, with all endpoints. */
void hub_explain_json(const struct hub *hub, const struct conf_map *selector,
                      struct strbuf *out);

#endif
