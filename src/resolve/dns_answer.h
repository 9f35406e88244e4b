/* SPDX-License-Identifier: Apache-2.0 */
/* resolve/dns_answer.h - reads one DNS answer (RFC 1035, RFC 2782, RFC 3596) strictly. c-ares
 * 1.18 hides TTLs of SRV records and mixes those of a CNAME chain, so the bytes are read here.
 * Whatever is not exactly right is refused as a whole; the bytes come from strangers.
 * Pure; any thread. */
#ifndef OUTRIGGER_RESOLVE_DNS_ANSWER_H
#define OUTRIGGER_RESOLVE_DNS_ANSWER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "net/cidr.h"

enum {
    DNS_TYPE_A = 1,
    DNS_TYPE_CNAME = 5,
    DNS_TYPE_AAAA = 28,
    DNS_TYPE_SRV = 33,
    /* A name as text with its NUL; bytes that no host name has are \DDD. */
    DNS_NAME_ROOM = 4 * 255 + 1,
    DNS_CHAIN_MAX = 16, /* CNAMEs that are followed */
    DNS_SRV_MAX =
        1024, /* SRV records that are kept; further ones are counted as skipped */
};

enum dns_outcome {
    DNS_GOOD,     /* at least one record */
    DNS_NODATA,   /* the name exists, such a record does not */
    DNS_NXDOMAIN, /* the name does not exist */
    DNS_FAILED,   /* nothing was learned */
};

struct dns_srv {
    uint16_t priority, weight, port;
    char *target; /* lower case, no dot at the end */
};

struct dns_answer {
    enum dns_outcome outcome;
    const char *why; /* DNS_FAILED: static words such as "SERVFAIL"; else NULL */
    uint32_t ttl_s;  /* DNS_GOOD: the smallest of the CNAME chain and the records */
    struct ip *ips;
    size_t n_ips;
    struct dns_srv *srvs;
    size_t n_srvs;
    size_t skipped; /* SRV records that nobody can use: port 0, strange names, too many */
    bool no_service; /* an SRV record said "." : decidedly not here (RFC 2782) */
};

/* Fills ret whatever the bytes are; dns_answer_done frees it. name: what was asked, as
 * dns_name_copy writes it. type: DNS_TYPE_A, _AAAA or _SRV. */
void dns_answer_parse(const uint8_t *p, size_t n, const char *name, unsigned type,
                      struct dns_answer *ret);
void dns_answer_done(struct dns_answer *a);
/* An answer that never came. */
void dns_answer_fail(struct dns_answer *a, const char *why);

/* Is this a name that can be asked for? Letters, digits, '-' and '_' in labels of 1 to 63
 * bytes, 253 in all, one dot at the end allowed. Returns NULL or a plain sentence. */
const char *dns_name_why_bad(const char *name, size_t n);
/* Copies n bytes in lower case without the last dot; out has room for n + 1. */
void dns_name_copy(char *out, const char *name, size_t n);

#endif
