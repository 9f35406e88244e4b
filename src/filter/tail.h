/* SPDX-License-Identifier: Apache-2.0 */
/* filter/tail.h - lines of calls for those who look at them live (GET /tail), whatever the configured access log writes. Each viewer says which calls he wants; a worker looks at that
 * when a call ends, and only what somebody wants becomes a line, in a ring of the worker (TAIL_RING_BYTES) that the main thread empties. A full ring costs lines, which are counted, and
 * nothing else. While nobody looks a call pays one load of a flag that does not change.
 *
 * Lines are as access_record.h has them, without the fields that need the request (authority, headers). */
#ifndef OUTRIGGER_FILTER_TAIL_H
#define OUTRIGGER_FILTER_TAIL_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compat.h"
#include "base/slice.h"

struct filter_call;
struct filter_result;

enum {
    TAIL_VIEWERS_MAX = 4,
    TAIL_RING_BYTES = 256 * 1024,
    TAIL_WORD_MAX = 128,
    TAIL_ANY = -1,    /* code */
    TAIL_ERRORS = -2, /* any but OK */
};

/* Which calls: all that is set must fit. Texts "": any. */
struct tail_filter {
    char method[TAIL_WORD_MAX]; /* within the path */
    char pool[TAIL_WORD_MAX], endpoint[TAIL_WORD_MAX], listener[TAIL_WORD_MAX];
    char reason[TAIL_WORD_MAX];
    int code;        /* or TAIL_ANY, TAIL_ERRORS */
    int64_t slow_us; /* so long at least */
};

struct tail {
    _Atomic bool wanted; /* first: the workers' only look while nobody does */
    struct tail_rest *rest;
};

struct tail *tail_new(unsigned workers);
void tail_free(struct tail *t); /* after the workers; NULL is fine */

/* [main] The viewer's number, or -1: there are TAIL_VIEWERS_MAX already. */
int tail_add(struct tail *t, const struct tail_filter *f) MUST_CHECK;
void tail_remove(struct tail *t, int viewer);
/* [main] Takes the lines that wait, at most as many as the rings hold. mask: bit n, viewer n wants it. line: with its end, valid within fn. */
void tail_read(struct tail *t, void (*fn)(void *arg, unsigned mask, struct slice line),
               void *arg);
/* [main] Bytes of lines that wait. */
size_t tail_bytes(const struct tail *t);
/* [main] Lines that did not fit so far. */
uint64_t tail_dropped(const struct tail *t);

/* [worker] */
static inline bool
tail_wanted(const struct tail *t)
{
    return atomic_load_explicit(&t->wanted, memory_order_acquire);
}
/* [worker] A call ended. path: as the client sent it. */
void tail_put(struct tail *t, const struct filter_call *fc, struct slice path,
              const struct filter_result *r);

#endif
