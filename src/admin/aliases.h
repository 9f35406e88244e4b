/* SPDX-License-Identifier: Apache-2.0 */
/* admin/aliases.h - Envoy's names of pages, for scripts that know them (ecosystem.md 1): /stats/prometheus is /metrics, POST /drain_listeners is POST /drain ... The answers are ours.
 * Pure. */
#ifndef OUTRIGGER_ADMIN_ALIASES_H
#define OUTRIGGER_ADMIN_ALIASES_H

#include <stdbool.h>
#include <stddef.h>

struct admin_alias {
    const char *path, *means;
    bool json; /* only with ?format=json */
};

/* NULL: behind the last. */
const struct admin_alias *admin_alias_at(size_t i);
/* The page that is meant: path itself when it is no alias. query: behind the "?"; NULL is none. path NULL stays NULL. */
const char *admin_alias(const char *path, const char *query);

#endif
