/* SPDX-License-Identifier: Apache-2.0 */
/* resolve/dns_lookup.h - everything that is asked for one name: both families side by side, or
 * SRV, through the search list, with further tries when nobody answers. Main thread only. */
#ifndef OUTRIGGER_RESOLVE_DNS_LOOKUP_H
#define OUTRIGGER_RESOLVE_DNS_LOOKUP_H

#include <stdbool.h>

#include "resolve/dns_channel.h"
#include "resolve/dns_plan.h"

struct dns_lookup;
/* Some answer came; see dns_lookup_done. May stop or free the lookup. */
typedef void dns_lookup_fn(struct dns_lookup *l);

struct dns_slot {
    struct dns_lookup *owner;
    unsigned type;           /* 0: not asked */
    struct dns_query *query; /* NULL: none on its way */
    struct dns_answer answer;
    unsigned tries;
    bool silent; /* no try had an answer */
};

/* Embedded in its owner. */
struct dns_lookup {
    struct dns_channel *ch;
    const struct dns_conf *conf;
    const struct dns_target *target;
    dns_lookup_fn *fn;
    size_t candidate;     /* of the search list */
    size_t best;          /* the candidate that was good the last time; SIZE_MAX: none */
    const char *soft_why; /* a candidate before this one failed; static words */
    bool no_data;         /* a candidate before this one exists, without such records */
    bool done;
    struct dns_slot slot[DNS_FAMILIES];
};

/* Once, before the first start. conf and target outlive it. */
void
dns_lookup_init(struct dns_lookup *l, struct dns_channel *ch, const struct dns_conf *conf,
                const struct dns_target *target, dns_lookup_fn *fn);
/* SRV when the target is of that kind, else the families of the config. Not while running. */
void dns_lookup_start(struct dns_lookup *l);
/* Forgets what is on its way; the answers so far go too. Idempotent. */
void dns_lookup_stop(struct dns_lookup *l);
/* The answers: NULL for what is not asked; what is still on its way counts as failed. */
void dns_lookup_answers(struct dns_lookup *l, struct dns_answer *ret[DNS_FAMILIES]);
/* Some family is good, and the round goes on only for the other one. */
bool dns_lookup_is_partial(const struct dns_lookup *l);

#endif
