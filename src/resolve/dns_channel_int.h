/* SPDX-License-Identifier: Apache-2.0 */
/* resolve/dns_channel_int.h - what the two files share that know c-ares: dns_ares.c, which keeps the library running, and dns_channel.c, which decides when it starts afresh and
 * asks it. Main thread only. */
#ifndef OUTRIGGER_RESOLVE_DNS_CHANNEL_INT_H
#define OUTRIGGER_RESOLVE_DNS_CHANNEL_INT_H

/* Newer releases mark what 1.18 has as deprecated; both must build. */
#define CARES_NO_DEPRECATED
#include <ares.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/list.h"
#include "loop/reap.h"
#include "loop/timer.h"
#include "net/addr.h"
#include "resolve/dns_channel.h"
#include "resolve/dns_file.h"

enum { DNS_SERVERS_MAX = 8 };

struct dns_ares {
    struct ref ref;
    struct list link; /* on the channel's list of retired ones */
    struct loop *loop;
    ares_channel lib;
    struct list socks;
    struct timer timeout;
    unsigned asking; /* questions without an answer */
    bool retired;    /* takes no new questions: another one is in its place */
    bool closed;
};

struct dns_channel {
    struct ref ref;
    struct list link;
    struct loop *loop;
    unsigned users;
    struct addr servers[DNS_SERVERS_MAX];
    size_t n_servers; /* 0: those of resolv.conf */
    int timeout_ms;
    const char *resolv_conf; /* NULL: the system's */
    struct dns_file file;    /* what resolv.conf was when `ares` was made */
    struct dns_ares *ares;
    struct list retired; /* of struct dns_ares: questions are still on their way */
    struct dns_search search;
    unsigned failures;
    struct list done; /* queries that are answered, not told yet */
    struct timer tell;
};

static inline const char *
dns_channel_resolv_conf(const struct dns_channel *ch)
{
    return ch->resolv_conf ? ch->resolv_conf : DNS_RESOLV_CONF;
}

/* ch->ares becomes a new one, as the channel's settings and resolv.conf say now; what was there is the caller's. */
void dns_ares_make(struct dns_channel *ch);
/* After each question: when c-ares wants to be looked after. */
void dns_ares_arm(struct dns_ares *a);
/* Ends what it does; the memory goes between two turns, so no callback of c-ares is on the stack. Twice is fine. */
void dns_ares_close(struct dns_ares *a);
/* Closes a retired one without questions. */
void dns_ares_settle(struct dns_ares *a);

#endif
