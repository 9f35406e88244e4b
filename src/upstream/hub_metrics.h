/* SPDX-License-Identifier: Apache-2.0 */
/* upstream/hub_metrics.h - series of pools, of their targets and of their endpoints. Main thread: it sums what the workers count. */
#ifndef OUTRIGGER_UPSTREAM_HUB_METRICS_H
#define OUTRIGGER_UPSTREAM_HUB_METRICS_H

#include <stddef.h>

struct hub;
struct prom;

/* A pool with more endpoints has no series for each of them, only for the pool: so an autoscaler cannot fill the database of whoever scrapes. */
enum { HUB_ENDPOINT_SERIES_MAX = 200 };

/* Adds the families of n pools, whose names differ. */
void hub_metrics(struct hub *const *hubs, size_t n, struct prom *p);

#endif
