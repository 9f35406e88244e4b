/* SPDX-License-Identifier: Apache-2.0 */
/* resolve/dns_plan.h - the decisions of the resolvers dns and srv, without sockets: when to ask
 * again, what an answer does to what was known, and the order of the list.
 * Times in milliseconds of the loop's clock. One thread per object. */
#ifndef OUTRIGGER_RESOLVE_DNS_PLAN_H
#define OUTRIGGER_RESOLVE_DNS_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "resolve/dns_answer.h"
#include "resolve/dns_conf.h"

struct rng;

enum {
    DNS_AGAIN_MS = 1000,    /* a name is asked at most so often, whoever wants it */
    DNS_LIST_MAX = 1024,    /* endpoints of one target; reliability.md F6 */
    DNS_GATHER_MAX = 16384, /* addresses that are looked at to make that list */
    DNS_TARGETS_MAX = 128,  /* different hosts of one SRV answer that are asked for */
    DNS_REBUILD_AFTER = 3,  /* failures in a row until the c-ares channel is made anew */
};

/* --- when ------------------------------------------------------------------------- */

struct dns_pace {
    unsigned failures; /* in a row: drives the backoff */
    unsigned nones;    /* answers "no such name" since the last good one */
    bool has_list;
};

/* Each returns how long to wait before the next question.
 * ttl_ms -1: the source had none. 10 % more by chance, never less. */
int64_t dns_pace_good(struct dns_pace *p, const struct dns_conf *conf, struct rng *rng,
                      int64_t ttl_ms);
/* The name server works but knows no such name or address. *ret_tell: it is the second time in
 * a row, so the owner hears of it. The wait grows up to `refresh` only: a service that comes
 * back should be seen soon, and the server is well. */
int64_t dns_pace_none(struct dns_pace *p, const struct dns_conf *conf, struct rng *rng,
                      bool *ret_tell);
/* Nobody answered. Base 1 s, 1.6 times as long each, up to 10 times `refresh`, or `refresh`
 * while there is no list at all; up to 20 % more by chance. */
int64_t dns_pace_failed(struct dns_pace *p, const struct dns_conf *conf, struct rng *rng);
/* How long a wish to ask again must wait. started_ms: of the last question; -1: never. */
int64_t dns_pace_again(int64_t started_ms, int64_t now_ms);

/* --- what is known of one host -------------------------------------------------------- */

struct dns_known {
    struct ip *ips;
    size_t n;
    int64_t good_ms;
};

enum { DNS_V4, DNS_V6, DNS_FAMILIES };

struct dns_host {
    struct dns_known known[DNS_FAMILIES];
};

enum dns_verdict { DNS_V_GOOD, DNS_V_NONE, DNS_V_FAILED };

/* Takes the answers in; a family that is NULL was not asked (its addresses go), one that
 * failed keeps its addresses until they are stale_ms old as long as the other one is good.
 * Nothing is removed unless some family is good. The answers lose their addresses to the
 * host. *ret_ttl_s is set with DNS_V_GOOD. */
enum dns_verdict
dns_host_merge(struct dns_host *h, struct dns_answer *answer[DNS_FAMILIES],
               int64_t now_ms, int64_t stale_ms, uint32_t *ret_ttl_s);
void dns_host_done(struct dns_host *h);

/* --- the list ------------------------------------------------------------------------- */

struct dns_entry {
    struct ip ip;
    uint16_t port, priority;
    uint32_t weight;
    uint32_t rank; /* for dns_list_order */
    const char
        *host; /* not looked at here; of the records, so only while a list is made */
};

/* Makes the list of what was gathered: duplicates (address and port) go, the one with the
 * lowest priority stays; priorities become levels 0, 1, 2 ...; within a level entries that were
 * in prev keep their order there and new ones follow in the order of v. So the list is the
 * same as before when only the order of the answer changed, and what is above cap is always
 * the same part. Returns how many are left; *ret_cut: how many fell to the cap. */
size_t dns_list_order(struct dns_entry *v, size_t n, const struct dns_entry *prev,
                      size_t n_prev, size_t cap, size_t *ret_cut);
bool
dns_list_same(const struct dns_entry *a, size_t n, const struct dns_entry *b, size_t m);

#endif
