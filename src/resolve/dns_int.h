/* SPDX-License-Identifier: Apache-2.0 */
/* resolve/dns_int.h - the object behind the kinds dns and srv, for dns.c, dns_round.c and
 * dns_publish.c only.
 * A name (dns) is one host and one record that we make up; a service (srv) is first asked for
 * its records, then for their hosts. From there both go the same way. */
#ifndef OUTRIGGER_RESOLVE_DNS_INT_H
#define OUTRIGGER_RESOLVE_DNS_INT_H

#include "loop/loop.h"
#include "loop/timer.h"
#include "net/cidr.h"
#include "resolve/dns_channel.h"
#include "resolve/dns_lookup.h"
#include "resolve/dns_plan.h"
#include "resolve/dns_target.h"
#include "resolve/resolve_conf.h"
#include "resolve/resolver.h"

enum { DNS_WHY_ROOM = 400 };

struct dns_resolver;

struct dns_peer { /* one host that is asked for */
    struct dns_resolver *owner;
    struct dns_host host;
    struct dns_target target;
    struct dns_lookup lookup;
    bool started, settled; /* in this round */
    enum dns_verdict verdict;
};

struct dns_resolver {
    struct resolver base; /* first: resolver.h */
    struct ref ref;
    struct resolver_args args;
    struct dns_target target;
    struct dns_channel *ch; /* NULL: a literal address, nothing to ask */
    struct cidr *cidrs;
    size_t n_cidrs;
    struct timer next;    /* starts a round */
    struct timer partial; /* tells what is there when others take long */
    int64_t next_ms, started_ms, good_ms;
    struct dns_pace pace;
    bool stopped, running, told; /* told: a part of this round */
    bool old_warned, cut_warned;
    /* of the target srv */
    struct dns_lookup records_lookup;
    struct dns_srv *records;
    size_t n_records;
    struct dns_peer *peers;
    size_t n_peers;
    uint32_t ttl_s;         /* smallest of this round */
    const char *soft;       /* why some host failed in this round; static words */
    struct dns_entry *list; /* as told the last time */
    size_t n_list;
};

/* dns.c: the round is over; all is said, and the next one is planned. why: printed as
 * "why for name". */
void dns_end_good(struct dns_resolver *r);
void dns_end_none(struct dns_resolver *r, const char *why);
/* answered: a name server said something, though nothing that helps. */
void dns_end_failed(struct dns_resolver *r, const char *why, bool answered);
int64_t dns_now_ms(const struct dns_resolver *r);

/* dns_round.c */
void dns_round_start(struct dns_resolver *r);
void dns_round_stop(
    struct dns_resolver *r); /* idempotent; no callback of the round afterwards */
void dns_round_on_partial(struct timer *t);
void dns_peers_done(struct dns_resolver *r);

/* dns_publish.c: makes the list of what the hosts have and tells it. False, with nothing told:
 * it would be empty; *ret_why are static words. The resolver may be stopped afterwards. */
bool dns_publish(struct dns_resolver *r, const char **ret_why);

#endif
