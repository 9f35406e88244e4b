/* SPDX-License-Identifier: Apache-2.0 */
/* obs/names.h - names that become labels of metrics (methods, pools), as small numbers. A peer chooses names of methods, so their number is bounded: what comes
 * when the bound is reached is NAME_OTHER, for good (reliability.md E5). A name is never forgotten.
 *
 * struct names is the list of the process, which all threads share; a lock is taken only to add. struct name_index is one thread's own way from name to number: what
 * it finds costs a hash and a comparison, what it does not know a hash, and when the list is full it knows all of it. */
#ifndef OUTRIGGER_OBS_NAMES_H
#define OUTRIGGER_OBS_NAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

enum {
    NAME_OTHER = 0,
    NAMES_MAX = 10000,    /* that may be asked for */
    NAME_BYTES_MAX = 256, /* a longer one is NAME_OTHER */
};

struct names;

/* max: from 1 to NAMES_MAX. */
struct names *names_new(unsigned max);
void names_free(struct names *n); /* after all its indexes; NULL is fine */
/* Any thread: the highest number that has a name; numbers begin at 1. */
unsigned names_count(const struct names *n);
/* Any thread: of a number up to names_count, valid as long as names. */
struct slice names_get(const struct names *n, unsigned id);
unsigned names_max(const struct names *n);

struct name_slot {
    uint32_t hash;
    uint16_t id; /* NAME_OTHER: empty */
};

struct name_index { /* one thread's */
    struct names *names;
    struct name_slot *slots;
    unsigned mask, used;
    bool whole; /* has all names of a full list */
};

/* names outlives the index. Takes memory with the first name. */
void name_index_init(struct name_index *x, struct names *names);
void name_index_done(struct name_index *x);
/* NAME_OTHER: this thread has not learned it. */
unsigned name_index_find(const struct name_index *x, struct slice name);
/* The number from now on; NAME_OTHER when there is no room any more. */
unsigned name_index_learn(struct name_index *x, struct slice name);

#endif
