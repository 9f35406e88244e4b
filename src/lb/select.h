/* SPDX-License-Identifier: Apache-2.0 */
/* lb/select.h - what the pool asks while it makes a list: weights that grow slowly, a subset by chance, the own zone.
 * Pure functions; any thread. */
#ifndef OUTRIGGER_LB_SELECT_H
#define OUTRIGGER_LB_SELECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The weight of an endpoint that is usable since age_us: weight x max(min_percent %, (age / window) ^ (1 / aggression)), at least 1 (Envoy's slow start).
 * weight itself when window_us is 0 or over. aggression > 0. */
uint32_t lb_slow_start_weight(uint32_t weight, int64_t age_us, int64_t window_us,
                              double aggression, double min_percent);
/* Random subsetting (gRFC A68): of n keys (first addresses) the `size` ones with the smallest XXH64(key, seed). The same seed gives a subset that
 * changes little when the keys change. Writes their indexes in ascending order to out (room for n) and returns their number; size 0: all. */
size_t
lb_subset(uint64_t seed, const char *const *keys, size_t n, size_t size, uint32_t *out);
/* Do the calls stay in our own zone, which has `local` endpoints of which `usable` are usable? */
bool lb_zone_local(size_t local, size_t usable, double min_healthy_percent);

#endif
