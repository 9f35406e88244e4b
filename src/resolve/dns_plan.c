/* SPDX-License-Identifier: Apache-2.0 */
/* resolve/dns_plan.c - numbers in, numbers out. */
#include "resolve/dns_plan.h"

#include <stdlib.h>
#include <string.h>

#include "base/rand.h"
#include "base/xalloc.h"

enum { BACKOFF_BASE_MS = 1000, BACKOFF_REFRESHES = 10 };

/* --- when ------------------------------------------------------------------------- */

static int64_t
longer(struct rng *rng, int64_t ms, int percent)
{
    return ms + (int64_t)rng_below(rng, (uint64_t)(ms * percent / 100 + 1));
}

static int64_t
between(int64_t v, int64_t low, int64_t high)
{
    return v < low ? low : v > high ? high : v;
}

int64_t
dns_pace_good(struct dns_pace *p, const struct dns_conf *conf, struct rng *rng,
              int64_t ttl_ms)
{
    int64_t wait = conf->refresh_ms;

    *p = (struct dns_pace){ .has_list = true };
    if (conf->respect_ttl && ttl_ms >= 0)
        wait = between(ttl_ms, conf->min_ttl_ms, conf->max_ttl_ms);
    return longer(rng, wait < DNS_AGAIN_MS ? DNS_AGAIN_MS : wait, 10);
}

static int64_t
backoff(unsigned failures, int64_t cap, struct rng *rng)
{
    int64_t wait = BACKOFF_BASE_MS;

    for (unsigned i = 1; i < failures && wait < cap; i++)
        wait = wait * 8 / 5;
    return longer(rng, wait > cap ? cap : wait, 20);
}

int64_t
dns_pace_none(struct dns_pace *p, const struct dns_conf *conf, struct rng *rng,
              bool *ret_tell)
{
    p->failures++;
    p->nones++;
    *ret_tell = p->nones >= 2;
    return backoff(p->failures, conf->refresh_ms, rng);
}

int64_t
dns_pace_failed(struct dns_pace *p, const struct dns_conf *conf, struct rng *rng)
{
    p->failures++;
    return backoff(p->failures, conf->refresh_ms * (p->has_list ? BACKOFF_REFRESHES : 1),
                   rng);
}

int64_t
dns_pace_again(int64_t started_ms, int64_t now_ms)
{
    if (started_ms < 0 || now_ms - started_ms >= DNS_AGAIN_MS)
        return 0;
    return started_ms + DNS_AGAIN_MS - now_ms;
}

/* --- what is known of one host -------------------------------------------------------- */

static void
known_clear(struct dns_known *k)
{
    xfree(k->ips);
    *k = (struct dns_known){ 0 };
}

static void
known_take(struct dns_known *k, struct dns_answer *a, int64_t now_ms)
{
    known_clear(k);
    *k = (struct dns_known){ .ips = a->ips, .n = a->n_ips, .good_ms = now_ms };
    a->ips = NULL;
    a->n_ips = 0;
}

static enum dns_verdict
verdict_of(struct dns_answer *answer[DNS_FAMILIES], uint32_t *ret_ttl_s)
{
    bool good = false, failed = false, no_name = false;
    uint32_t ttl = UINT32_MAX;

    for (int i = 0; i < DNS_FAMILIES; i++) {
        const struct dns_answer *a = answer[i];

        if (!a)
            continue;
        good |= a->outcome == DNS_GOOD;
        failed |= a->outcome == DNS_FAILED;
        no_name |= a->outcome == DNS_NXDOMAIN;
        if (a->outcome == DNS_GOOD && a->ttl_s < ttl)
            ttl = a->ttl_s;
    }
    if (good)
        *ret_ttl_s = ttl;
    /* A name that does not exist has no address of either family, so the other family's
     * failure hides nothing. */
    return good ? DNS_V_GOOD : failed && !no_name ? DNS_V_FAILED : DNS_V_NONE;
}

enum dns_verdict
dns_host_merge(struct dns_host *h, struct dns_answer *answer[DNS_FAMILIES],
               int64_t now_ms, int64_t stale_ms, uint32_t *ret_ttl_s)
{
    enum dns_verdict verdict = verdict_of(answer, ret_ttl_s);

    for (int i = 0; verdict == DNS_V_GOOD && i < DNS_FAMILIES; i++) {
        struct dns_answer *a = answer[i];
        struct dns_known *k = &h->known[i];

        if (a && a->outcome == DNS_GOOD) {
            if (a->ips) /* else they were taken before, in the middle of the round */
                known_take(k, a, now_ms);
        } else if (!a || a->outcome != DNS_FAILED ||
                   (k->n > 0 && now_ms - k->good_ms >= stale_ms)) {
            known_clear(k);
        }
    }
    return verdict;
}

void
dns_host_done(struct dns_host *h)
{
    for (int i = 0; i < DNS_FAMILIES; i++)
        known_clear(&h->known[i]);
}

/* --- the list ------------------------------------------------------------------------- */

static int
compare(uint32_t a, uint32_t b)
{
    return (a > b) - (a < b);
}

static int
by_place(const struct dns_entry *x, const struct dns_entry *y)
{
    int c = memcmp(&x->ip, &y->ip, sizeof(x->ip));

    return c ? c : compare(x->port, y->port);
}

static int
by_place_then_priority(const void *a, const void *b)
{
    const struct dns_entry *x = a, *y = b;
    int c = by_place(x, y);

    if (c == 0)
        c = compare(x->priority, y->priority);
    return c ? c : compare(x->rank, y->rank);
}

static int
by_priority_then_rank(const void *a, const void *b)
{
    const struct dns_entry *x = a, *y = b;
    int c = compare(x->priority, y->priority);

    return c ? c : compare(x->rank, y->rank);
}

static struct dns_entry *
copy_ranked(const struct dns_entry *v, size_t n)
{
    struct dns_entry *copy = xcalloc(n + 1, sizeof(*copy));

    for (size_t i = 0; i < n; i++) {
        copy[i] = v[i];
        copy[i].rank = (uint32_t)i;
        copy[i].priority = 0;
    }
    qsort(copy, n, sizeof(*copy), by_place_then_priority);
    return copy;
}

/* Both are sorted by place; rank becomes the place in prev, or comes after all of those. */
static void
rank_by(struct dns_entry *v, size_t n, const struct dns_entry *prev, size_t n_prev)
{
    size_t j = 0;

    for (size_t i = 0; i < n; i++) {
        while (j < n_prev && by_place(&prev[j], &v[i]) < 0)
            j++;
        if (j < n_prev && by_place(&prev[j], &v[i]) == 0)
            v[i].rank = prev[j].rank;
        else
            v[i].rank += (uint32_t)n_prev;
    }
}

static void
level_priorities(struct dns_entry *v, size_t n)
{
    uint16_t level = 0, last = n ? v[0].priority : 0;

    for (size_t i = 0; i < n; i++) {
        if (v[i].priority != last)
            level++;
        last = v[i].priority;
        v[i].priority = level;
    }
}

size_t
dns_list_order(struct dns_entry *v, size_t n, const struct dns_entry *prev, size_t n_prev,
               size_t cap, size_t *ret_cut)
{
    struct dns_entry *old = copy_ranked(prev, n_prev);
    size_t kept = 0;

    for (size_t i = 0; i < n; i++)
        v[i].rank = (uint32_t)i;
    qsort(v, n, sizeof(*v), by_place_then_priority);
    for (size_t i = 0; i < n; i++)
        if (kept == 0 || by_place(&v[kept - 1], &v[i]) != 0)
            v[kept++] = v[i];
    rank_by(v, kept, old, n_prev);
    xfree(old);
    qsort(v, kept, sizeof(*v), by_priority_then_rank);
    *ret_cut = kept > cap ? kept - cap : 0;
    kept -= *ret_cut;
    level_priorities(v, kept);
    return kept;
}

bool
dns_list_same(const struct dns_entry *a, size_t n, const struct dns_entry *b, size_t m)
{
    if (n != m)
        return false;
    for (size_t i = 0; i < n; i++)
        if (by_place(&a[i], &b[i]) != 0 || a[i].priority != b[i].priority ||
            a[i].weight != b[i].weight)
            return false;
    return true;
}
