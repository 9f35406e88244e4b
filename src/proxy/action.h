/* SPDX-License-Identifier: Apache-2.0 */
/* proxy/action.h - what a route does with a call beside passing it on: an answer of its own, a limit of calls, header edits, message sizes. Only called for
 * calls whose `acts` say so. Response edits apply to answers of backends and to our own answers that are made after the route was chosen.
 * Worker's thread only; room proxy only. */
#ifndef OUTRIGGER_PROXY_ACTION_H
#define OUTRIGGER_PROXY_ACTION_H

#include <stdbool.h>
#include <stddef.h>

#include "base/compat.h"

struct call;
struct h2_field;

/* Before the first attempt. False: the call has ended with an answer. */
bool action_begin(struct call *c) MUST_CHECK;
/* The call ends: gives back what action_begin took. */
void action_end(struct call *c);
/* Request edits on a block with room for all that the route adds (edit_adds). Returns the new number. action_begin was there before. */
size_t action_edit_request(struct call *c, struct h2_field *fields, size_t n);

enum action_block { ACTION_HEADERS = 1, ACTION_TRAILERS = 2 }; /* Trailers-Only: both */
/* Most fields that action_edit_response adds to such a block (a set of enum action_block). */
size_t action_adds(const struct call *c, unsigned block);
/* Response edits on a block with this room. False: the values are too long; counted, and the fields are as they were. */
bool action_edit_response(struct call *c, unsigned block, struct h2_field *fields,
                          size_t *n) MUST_CHECK;
/* The same; when it fails the call is ended with INTERNAL. */
bool action_edit_answer(struct call *c, unsigned block, struct h2_field *fields,
                        size_t *n) MUST_CHECK;

/* Looks at down.in before it is counted and passed on. False: a message is over the limit, and the call has ended with RESOURCE_EXHAUSTED. */
bool action_measure_request(struct call *c) MUST_CHECK;
/* Takes the place of frame_feed over up.in. False: nothing is left to be passed on. Either a message is over the limit and the call has ended, or the
 * beginning of a prefix waits in up.in for the rest. What comes before was passed on. */
bool action_measure_response(struct call *c) MUST_CHECK;

#endif
