/* SPDX-License-Identifier: Apache-2.0 */
/* filter/chain.h - the filters of one route in their order, and the way of a call through them. A chain is immutable and belongs to a table of routes; what a call
 * needs is in its filter_call. For each slot there is a list of the steps that have it, so a filter costs nothing where it has no slot.
 *
 * Recovery. Whatever a filter does wrong costs one call; neighbours and the process do not notice. A verdict that its slot does not allow, FILTER_DONE without
 * filter_refuse, a wait that is ended inside its slot, and filter_fail (no memory in the call's arena, a limit, input that it cannot read) end the call with INTERNAL
 * and the reason FILTER_FAILED, which names the filter; a second end of a wait is ignored as long as the call lives. Each is counted (outrigger_filters_failed_total) and logged, with a
 * limit. A call for which there is no memory at all never comes to its filters: RESOURCE_EXHAUSTED, NO_MEMORY. Of course nothing helps against a filter in C that
 * writes where it should not: its tests run under sanitizers.
 * Making: main thread. Running: the call's worker. */
#ifndef OUTRIGGER_FILTER_CHAIN_H
#define OUTRIGGER_FILTER_CHAIN_H

#include <stdbool.h>
#include <stddef.h>

#include "base/compat.h"
#include "filter/filter.h"

enum { CHAIN_STEPS_MAX = 64 };

enum filter_slot {
    SLOT_REQUEST,
    SLOT_REQUEST_DATA,
    SLOT_ATTEMPT,
    SLOT_ATTEMPT_END,
    SLOT_RESPONSE,
    SLOT_RESPONSE_DATA,
    SLOT_TRAILERS,
    SLOT_END,
    SLOT_COUNT
};

struct chain;

/* Takes over one hold of each filter. n at most CHAIN_STEPS_MAX. */
struct chain *chain_new(struct filter *const *filters, size_t n);
/* Drops the filters. NULL is fine. */
void chain_free(struct chain *c);
size_t chain_count(const struct chain *c);
struct filter *chain_filter(const struct chain *c, size_t i);
bool chain_has(const struct chain *c, enum filter_slot slot);
/* on_response and on_trailers are for all calls; else for those only whose filter has asked for it (filter_ask_answer). */
bool chain_wants_answer(const struct chain *c);
unsigned chain_flags(const struct chain *c); /* enum filter_flags of all */
/* Bytes of state that a call needs, for chain_begin; aligned to 16. */
size_t chain_state_size(const struct chain *c);

/* A worker begins to use the chain, or ends: see filter/instance.h. NULL is fine. */
void
chain_use(const struct chain *c, unsigned worker, struct loop *loop, struct stats *stats);
void chain_unuse(const struct chain *c, unsigned worker);

/* The proxy has set the first part of fc; state: chain_state_size bytes, aligned to 16. */
void chain_begin(struct filter_call *fc, const struct chain *c, void *state);
/* Each: NEXT, all agree; WAIT: host->resume follows; DONE: fc->refusal and fc->text say why. */
enum filter_verdict chain_request(struct filter_call *fc);
enum filter_verdict
chain_request_data(struct filter_call *fc, const struct buf *in, bool end);
enum filter_verdict
chain_response(struct filter_call *fc, struct h2_headers *h, bool end);
enum filter_verdict chain_response_data(struct filter_call *fc, const struct buf *in);
enum filter_verdict chain_trailers(struct filter_call *fc, struct h2_headers *h);
/* Behind the step that waited. in, end: with SLOT_REQUEST_DATA, as before. */
enum filter_verdict chain_go_on(struct filter_call *fc, const struct buf *in, bool end);
void chain_attempt(struct filter_call *fc, unsigned number);
void chain_attempt_end(struct filter_call *fc, const struct filter_attempt *a);
/* The call ended before chain_request: on_end is for those that watch (FILTER_ALWAYS). */
void chain_watch(struct filter_call *fc);
/* Exactly once, the last thing: on_end of each filter that was asked on_request. */
void chain_end(struct filter_call *fc, const struct filter_result *r);

#endif
