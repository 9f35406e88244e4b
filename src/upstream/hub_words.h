/* SPDX-License-Identifier: Apache-2.0 */
/* upstream/hub_words.h - what the two prints of a pool share (hub_print.c, hub_table.c).
 * Main thread; room upstream only. */
#ifndef OUTRIGGER_UPSTREAM_HUB_WORDS_H
#define OUTRIGGER_UPSTREAM_HUB_WORDS_H

#include <stdint.h>

struct backend;
struct backend_row;
struct hub;
struct hub_source;
struct strbuf;

struct backend_totals { /* of one backend, all workers */
    uint64_t calls, successes, failures, local_failures;
    uint32_t flying, connections;
};

struct backend_totals backend_totals(const struct backend *b);
/* "ready", "idle" (no connection yet), "unhealthy", "ejected", ... */
const char *backend_state_word(const struct backend *b, const struct backend_totals *t);
/* Where a row came from. NULL: unknown. */
const struct hub_source *
hub_source_of(const struct hub *hub, const struct backend_row *r);
/* "2 of 3 endpoints are usable" */
void hub_state_sentence(const struct hub *hub, struct strbuf *out);

#endif
