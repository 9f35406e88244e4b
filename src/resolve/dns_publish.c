/* SPDX-License-Identifier: Apache-2.0 */
/* resolve/dns_publish.c - from what is known of the hosts to the list that the owner gets. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#include "base/log.h"
#include "base/xalloc.h"
#include "resolve/dns_int.h"

struct gather {
    struct dns_entry *v;
    size_t n, bad, outside;
    struct ip bad_ip;
};

static bool
is_allowed(const struct dns_resolver *r, const struct ip *ip)
{
    for (size_t i = 0; i < r->n_cidrs; i++)
        if (cidr_has(&r->cidrs[i], ip))
            return true;
    return r->n_cidrs == 0;
}

static void
gather_host(const struct dns_resolver *r, struct gather *g, const struct dns_host *h,
            const struct dns_entry *like)
{
    /* IPv6 first, as RFC 6724 has it for most hosts. */
    for (int family = DNS_FAMILIES - 1; family >= 0; family--) {
        const struct dns_known *k = &h->known[family];

        for (size_t i = 0; i < k->n && g->n < DNS_GATHER_MAX; i++) {
            bool usable = ip_usable(&k->ips[i]);

            if (!usable || !is_allowed(r, &k->ips[i])) {
                g->bad += !usable;
                g->outside += usable;
                g->bad_ip = k->ips[i];
                continue;
            }
            g->v[g->n] = *like;
            g->v[g->n++].ip = k->ips[i];
        }
    }
}

static size_t
count_addresses(const struct dns_peer *p)
{
    return p->host.known[DNS_V4].n + p->host.known[DNS_V6].n;
}

static const struct dns_peer *
peer_of(const struct dns_resolver *r, const char *name)
{
    for (size_t i = 0; i < r->n_peers; i++)
        if (strcmp(r->peers[i].target.host, name) == 0)
            return &r->peers[i];
    return NULL;
}

static void
gather_all(const struct dns_resolver *r, struct gather *g)
{
    struct dns_entry like = { .port = r->target.port,
                              .weight = 1,
                              .host = r->target.host };
    size_t room = 0;

    for (size_t i = 0; i < r->n_records; i++) {
        const struct dns_peer *p = peer_of(r, r->records[i].target);

        room += p ? count_addresses(p) : 0;
    }
    if (!r->target.srv)
        room = count_addresses(&r->peers[0]);
    if (room > DNS_GATHER_MAX)
        room = DNS_GATHER_MAX;
    g->v = xcalloc(room + 1, sizeof(*g->v));
    if (!r->target.srv)
        gather_host(r, g, &r->peers[0].host, &like);
    for (size_t i = 0; i < r->n_records; i++) {
        const struct dns_srv *srv = &r->records[i];
        const struct dns_peer *p = peer_of(r, srv->target);

        like.host = srv->target;
        like.port = srv->port;
        like.priority = srv->priority;
        like.weight = srv->weight ? srv->weight : 1;
        if (p)
            gather_host(r, g, &p->host, &like);
    }
}

static void
warn_left_out(const struct dns_resolver *r, const struct gather *g)
{
    static struct log_limit limit;
    char text[INET6_ADDRSTRLEN];

    if (g->bad + g->outside == 0 || !log_limit_pass(&limit, 5))
        return;
    inet_ntop(g->bad_ip.family == 4 ? AF_INET : AF_INET6, g->bad_ip.b, text,
              sizeof(text));
    log_at(NULL, LOG_WARN,
           g->outside
               ? "DNS gave addresses outside allowedCidrs; they are left out"
               : "DNS gave addresses that nobody can connect to; they are left out",
           LS("target", r->args.target), LS("such as", text),
           LI("count", g->bad + g->outside));
}

static void
warn_cut(struct dns_resolver *r, size_t cut)
{
    if (cut == 0 || r->cut_warned)
        return;
    r->cut_warned = true;
    log_at(NULL, LOG_WARN,
           "DNS gave more addresses than one target may have; the others "
           "are not used",
           LS("target", r->args.target), LI("used", DNS_LIST_MAX), LI("left_out", cut));
}

static struct addr
addr_of(const struct dns_entry *e)
{
    struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons(e->port) };
    struct sockaddr_in6 in6 = { .sin6_family = AF_INET6, .sin6_port = htons(e->port) };
    struct addr a = { 0 };

    if (e->ip.family == 4) {
        memcpy(&in.sin_addr, e->ip.b, sizeof(in.sin_addr));
        memcpy(&a.sa, &in, sizeof(in));
        a.len = sizeof(in);
    } else {
        memcpy(&in6.sin6_addr, e->ip.b, sizeof(in6.sin6_addr));
        memcpy(&a.sa, &in6, sizeof(in6));
        a.len = sizeof(in6);
    }
    return a;
}

static void
tell(struct dns_resolver *r)
{
    struct resolved *v = xcalloc(r->n_list, sizeof(*v));
    /* Without a TTL in any answer of the round nobody said how long this holds. */
    int64_t valid_ms = r->ttl_s == UINT32_MAX ? -1 : (int64_t)r->ttl_s * 1000;

    for (size_t i = 0; i < r->n_list; i++)
        v[i] = (struct resolved){
            .addr = addr_of(&r->list[i]),
            .weight = r->list[i].weight,
            .priority = r->list[i].priority,
            .zone = "",
            .host = r->list[i].host,
        };
    for (size_t i = 0; i < r->n_list; i++)
        r->list[i].host = NULL; /* the records may go before the list does */
    r->args.ops->on_list(r->args.arg, v, r->n_list, valid_ms);
    xfree(v);
}

bool
dns_publish(struct dns_resolver *r, const char **ret_why)
{
    struct gather g = { 0 };
    size_t cut;

    gather_all(r, &g);
    warn_left_out(r, &g);
    g.n = dns_list_order(g.v, g.n, r->list, r->n_list, DNS_LIST_MAX, &cut);
    warn_cut(r, cut);
    if (g.n == 0) {
        xfree(g.v);
        *ret_why = g.outside ? "all addresses are outside allowedCidrs"
                   : g.bad   ? "nobody can connect to the addresses given"
                             : "no address";
        return false;
    }
    if (!dns_list_same(g.v, g.n, r->list, r->n_list))
        log_at(NULL, LOG_DEBUG, "DNS gave a new list", LS("target", r->args.target),
               LI("addresses", g.n), LI("before", r->n_list));
    xfree(r->list);
    r->list = g.v;
    r->n_list = g.n;
    tell(r);
    return true;
}
