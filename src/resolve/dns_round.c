/* SPDX-License-Identifier: Apache-2.0 */
/* resolve/dns_round.c - one round of questions: the records of a service, then its hosts, some
 * of them side by side. */
#include <string.h>

#include "base/log.h"
#include "base/xalloc.h"
#include "resolve/dns_file.h"
#include "resolve/dns_int.h"

enum {
    PEERS_AT_ONCE = 16,
    /* What is there is told when the rest takes longer: one family of a name, some hosts of a
     * service (longer, since a part of a service can be its spare part only). */
    PARTIAL_DNS_US = 200 * 1000,
    PARTIAL_SRV_US = 1000 * 1000,
    HOSTS_FILE_MAX = 64, /* addresses of one name */
};

static bool round_go_on(struct dns_resolver *r);

/* --- peers ------------------------------------------------------------------------- */

static void
peer_merge(struct dns_peer *p)
{
    struct dns_resolver *r = p->owner;
    struct dns_answer *answer[DNS_FAMILIES];
    uint32_t ttl;

    dns_lookup_answers(&p->lookup, answer);
    p->verdict =
        dns_host_merge(&p->host, answer, dns_now_ms(r), r->args.conf->dns.stale_ms, &ttl);
    if (p->verdict == DNS_V_GOOD && ttl < r->ttl_s)
        r->ttl_s = ttl;
    for (int i = 0; i < DNS_FAMILIES; i++)
        if (p->verdict == DNS_V_FAILED && answer[i] && answer[i]->outcome == DNS_FAILED)
            r->soft = answer[i]->why;
}

static void
peer_on_answer(struct dns_lookup *l)
{
    struct dns_peer *p = CONTAINER_OF(l, struct dns_peer, lookup);
    struct dns_resolver *r = p->owner;

    if (l->done) {
        peer_merge(p);
        p->settled = true;
    }
    if (round_go_on(r) && !r->told && !timer_running(&r->partial) &&
        (dns_lookup_is_partial(l) || (p->settled && p->verdict == DNS_V_GOOD)))
        timer_start(r->args.loop, &r->partial,
                    r->target.srv ? PARTIAL_SRV_US : PARTIAL_DNS_US);
}

static void
peer_init(struct dns_resolver *r, struct dns_peer *p, const char *name)
{
    p->owner = r;
    if (name) {
        p->target = (struct dns_target){ .absolute = true };
        memcpy(p->target.host, name, strlen(name) + 1);
    } else {
        p->target = r->target;
    }
    dns_lookup_init(&p->lookup, r->ch, &r->args.conf->dns, &p->target, peer_on_answer);
}

/* The hosts file wins over DNS. True: the name stands there. */
static bool
peer_from_hosts_file(struct dns_peer *p)
{
    struct dns_resolver *r = p->owner;
    struct ip v[HOSTS_FILE_MAX];
    static const unsigned family_of[] = {
        [RESOLVE_ALL] = 0, [RESOLVE_V4] = 4, [RESOLVE_V6] = 6
    };
    size_t n;

    if (r->target.srv || !dns_channel_is_system(r->ch))
        return false;
    n = dns_hosts_read(p->target.host, family_of[r->args.conf->dns.family], v,
                       HOSTS_FILE_MAX);
    if (n == 0)
        return false;
    dns_host_done(&p->host);
    for (size_t i = 0; i < n; i++) {
        struct dns_known *k = &p->host.known[v[i].family == 4 ? DNS_V4 : DNS_V6];

        if (!k->ips)
            k->ips = xcalloc(n, sizeof(*k->ips));
        k->ips[k->n++] = v[i];
        k->good_ms = dns_now_ms(r);
    }
    p->started = p->settled = true;
    p->verdict = DNS_V_GOOD;
    return true;
}

void
dns_peers_done(struct dns_resolver *r)
{
    for (size_t i = 0; i < r->n_peers; i++) {
        dns_lookup_stop(&r->peers[i].lookup);
        dns_host_done(&r->peers[i].host);
    }
    xfree(r->peers);
    r->peers = NULL;
    r->n_peers = 0;
    for (size_t i = 0; i < r->n_records; i++)
        xfree(r->records[i].target);
    xfree(r->records);
    r->records = NULL;
    r->n_records = 0;
}

/* --- the end of a round ---------------------------------------------------------------- */

/* A host that is gone or failed for too long is dropped, but only when others are good. */
static void
drop_old_hosts(struct dns_resolver *r)
{
    for (size_t i = 0; i < r->n_peers; i++) {
        struct dns_peer *p = &r->peers[i];

        for (int f = 0; f < DNS_FAMILIES; f++) {
            struct dns_known *k = &p->host.known[f];

            if (p->verdict == DNS_V_NONE ||
                (p->verdict == DNS_V_FAILED && k->n > 0 &&
                 dns_now_ms(r) - k->good_ms >= r->args.conf->dns.stale_ms)) {
                xfree(k->ips);
                *k = (struct dns_known){ 0 };
            }
        }
    }
}

static const char *
none_words(struct dns_resolver *r)
{
    struct dns_answer *answer[DNS_FAMILIES];

    if (r->target.srv)
        return "none of its hosts has an address";
    dns_lookup_answers(&r->peers[0].lookup, answer);
    for (int i = 0; i < DNS_FAMILIES; i++)
        if (answer[i] && answer[i]->outcome == DNS_NXDOMAIN)
            return "NXDOMAIN";
    return "no address (NODATA)";
}

static void
round_finish(struct dns_resolver *r)
{
    bool good = false, failed = false;
    const char *why;

    for (size_t i = 0; i < r->n_peers; i++) {
        good |= r->peers[i].verdict == DNS_V_GOOD;
        failed |= r->peers[i].verdict == DNS_V_FAILED;
    }
    why = failed ? r->soft : none_words(r);
    dns_round_stop(r);
    if (good) {
        drop_old_hosts(r);
        if (dns_publish(r, &why))
            dns_end_good(r);
        else
            dns_end_failed(r, why, true);
    } else if (failed) {
        dns_end_failed(r, why, false);
    } else {
        dns_end_none(r, why);
    }
}

/* Starts hosts that wait, or ends the round. True: it still runs. */
static bool
round_go_on(struct dns_resolver *r)
{
    size_t asking = 0, open = 0;

    for (size_t i = 0; i < r->n_peers; i++) {
        open += !r->peers[i].settled;
        asking += r->peers[i].started && !r->peers[i].settled;
    }
    for (size_t i = 0; i < r->n_peers && asking < PEERS_AT_ONCE; i++) {
        struct dns_peer *p = &r->peers[i];

        if (p->started)
            continue;
        p->started = true;
        asking++;
        dns_lookup_start(&p->lookup);
    }
    if (open > 0)
        return true;
    round_finish(r);
    return false;
}

void
dns_round_on_partial(struct timer *t)
{
    struct dns_resolver *r = CONTAINER_OF(t, struct dns_resolver, partial);
    const char *why;

    for (size_t i = 0; i < r->n_peers; i++)
        if (r->peers[i].started && !r->peers[i].settled &&
            dns_lookup_is_partial(&r->peers[i].lookup))
            peer_merge(&r->peers[i]);
    r->told = dns_publish(r, &why);
}

/* --- records ------------------------------------------------------------------------- */

static void
warn_hosts(struct dns_resolver *r)
{
    if (r->cut_warned)
        return;
    r->cut_warned = true;
    log_at(NULL, LOG_WARN,
           "an SRV answer names more hosts than one target may have; the "
           "others are not used",
           LS("target", r->args.target), LI("used", DNS_TARGETS_MAX));
}

/* What is known of hosts that were there before moves to the new ones. */
static void
peers_replace(struct dns_resolver *r, struct dns_srv *records, size_t n)
{
    struct dns_peer *peers =
        xcalloc(n < DNS_TARGETS_MAX ? n : DNS_TARGETS_MAX, sizeof(*peers));
    size_t n_peers = 0;

    for (size_t i = 0; i < n; i++) {
        size_t j = 0;

        while (j < n_peers && strcmp(peers[j].target.host, records[i].target) != 0)
            j++;
        if (j < n_peers)
            continue;
        if (n_peers == DNS_TARGETS_MAX) {
            warn_hosts(r);
            break;
        }
        peer_init(r, &peers[n_peers], records[i].target);
        for (size_t k = 0; k < r->n_peers; k++) {
            if (strcmp(r->peers[k].target.host, records[i].target) != 0)
                continue;
            peers[n_peers].host = r->peers[k].host;
            r->peers[k].host = (struct dns_host){ 0 };
        }
        n_peers++;
    }
    dns_peers_done(r);
    r->records = records;
    r->n_records = n;
    r->peers = peers;
    r->n_peers = n_peers;
}

static void
records_on_answer(struct dns_lookup *l)
{
    struct dns_resolver *r = CONTAINER_OF(l, struct dns_resolver, records_lookup);
    struct dns_answer *a = &l->slot[0].answer;
    enum dns_outcome outcome = a->outcome;
    const char *why = a->why;

    if (!l->done)
        return;
    if (outcome == DNS_GOOD) {
        r->ttl_s = a->ttl_s;
        peers_replace(r, a->srvs, a->n_srvs);
        a->srvs = NULL;
        a->n_srvs = 0;
        round_go_on(r);
        return;
    }
    if (outcome != DNS_FAILED)
        why = a->no_service ? "the service is not offered (its SRV record is \".\")"
              : a->skipped  ? "no SRV record that can be used"
              : outcome == DNS_NXDOMAIN ? "NXDOMAIN"
                                        : "no SRV record (NODATA)";
    dns_round_stop(r); /* the answer goes with it */
    if (outcome == DNS_FAILED)
        dns_end_failed(r, why, false);
    else
        dns_end_none(r, why);
}

void
dns_round_start(struct dns_resolver *r)
{
    r->running = true;
    r->told = false;
    r->ttl_s = UINT32_MAX;
    r->soft = NULL;
    dns_channel_refresh(r->ch);
    if (r->target.srv) {
        if (!r->records_lookup.ch)
            dns_lookup_init(&r->records_lookup, r->ch, &r->args.conf->dns, &r->target,
                            records_on_answer);
        dns_lookup_start(&r->records_lookup);
        return;
    }
    if (!r->peers) {
        r->peers = xcalloc(1, sizeof(*r->peers));
        r->n_peers = 1;
        peer_init(r, &r->peers[0], NULL);
    }
    r->peers[0].started = r->peers[0].settled = false;
    peer_from_hosts_file(&r->peers[0]);
    round_go_on(r);
}

void
dns_round_stop(struct dns_resolver *r)
{
    r->running = false;
    timer_stop(r->args.loop, &r->partial);
    if (r->target.srv)
        dns_lookup_stop(&r->records_lookup);
    for (size_t i = 0; i < r->n_peers; i++)
        dns_lookup_stop(&r->peers[i].lookup);
}
