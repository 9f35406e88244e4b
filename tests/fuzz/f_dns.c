/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzz target: DNS answers through our parser and on into hosts and lists. The first byte says
 * what the rest is: 0 A, 1 AAAA, 2 SRV (one answer, to the question that stands in it), 3 A and
 * AAAA answers with the length of the first in front, 4 a hosts file, 5 a target, 6 a range. */
#include <string.h>

#include "base/xalloc.h"
#include "fuzz.h"
#include "net/cidr.h"
#include "resolve/dns_file.h"
#include "resolve/dns_plan.h"
#include "resolve/dns_target.h"

enum { CAP = 8 };

/* The name in the question, else one of our own. */
static void
question_of(const uint8_t *p, size_t n, char out[DNS_NAME_ROOM])
{
    char name[256];
    size_t at = 12, len = 0;

    memcpy(out, "app.test", 9);
    while (at < n && p[at] > 0 && p[at] < 64 && at + 1 + p[at] <= n &&
           len + p[at] + 1 < sizeof(name)) {
        if (len > 0)
            name[len++] = '.';
        memcpy(name + len, p + at + 1, p[at]);
        len += p[at];
        at += p[at] + 1u;
    }
    if (!dns_name_why_bad(name, len))
        dns_name_copy(out, name, len);
}

static void
parse(const uint8_t *p, size_t n, unsigned type, struct dns_answer *a)
{
    /* A block of its own: ASan sees each byte that is read behind it. */
    uint8_t *copy = xmalloc(n + 1);
    char name[DNS_NAME_ROOM];

    question_of(p, n, name);
    memcpy(copy + 1, p, n);
    dns_answer_parse(copy + 1, n, name, type, a);
    xfree(copy);
    FUZZ_CHECK((a->outcome == DNS_GOOD) == (a->n_ips + a->n_srvs > 0));
    FUZZ_CHECK((a->outcome == DNS_FAILED) == (a->why != NULL));
    FUZZ_CHECK(a->outcome != DNS_GOOD || a->ttl_s <= INT32_MAX);
    FUZZ_CHECK(a->n_ips * 11 <= n && a->n_srvs <= DNS_SRV_MAX);
    for (size_t i = 0; i < a->n_ips; i++)
        FUZZ_CHECK(a->ips[i].family == (type == DNS_TYPE_A ? 4 : 6));
    for (size_t i = 0; i < a->n_srvs; i++)
        FUZZ_CHECK(a->srvs[i].port > 0 &&
                   !dns_name_why_bad(a->srvs[i].target, strlen(a->srvs[i].target)));
}

static void
check_list(struct dns_entry *v, size_t n)
{
    struct dns_entry *same = xcalloc(n + 1, sizeof(*same));
    size_t cut, m, kept;

    memcpy(same, v, n * sizeof(*v));
    kept = dns_list_order(v, n, NULL, 0, CAP, &cut);
    FUZZ_CHECK(kept <= CAP && kept + cut <= n && (n == 0) == (kept == 0));
    for (size_t i = 0; i < kept; i++) {
        FUZZ_CHECK(v[i].priority == (i ? v[i - 1].priority : 0) ||
                   v[i].priority == v[i - 1].priority + 1);
        for (size_t j = 0; j < i; j++)
            FUZZ_CHECK(v[i].port != v[j].port || memcmp(&v[i].ip, &v[j].ip, 17) != 0);
    }
    m = dns_list_order(same, n, v, kept, CAP, &cut);
    FUZZ_CHECK(dns_list_same(v, kept, same, m));
    xfree(same);
}

static void
fuzz_families(const uint8_t *p, size_t n)
{
    size_t first = n > 2 ? ((size_t)p[0] << 8 | p[1]) % (n - 1) : 0, count = 0;
    struct dns_answer a4, a6, *both[DNS_FAMILIES] = { &a4, &a6 };
    struct dns_entry *v;
    struct dns_host h = { 0 };
    uint32_t ttl;

    if (n <= 2)
        return;
    parse(p + 2, first, DNS_TYPE_A, &a4);
    parse(p + 2 + first, n - 2 - first, DNS_TYPE_AAAA, &a6);
    count = a4.n_ips + a6.n_ips;
    FUZZ_CHECK((dns_host_merge(&h, both, 0, 1000, &ttl) == DNS_V_GOOD) == (count > 0));
    FUZZ_CHECK(h.known[DNS_V4].n + h.known[DNS_V6].n == count);
    v = xcalloc(count + 1, sizeof(*v));
    count = 0;
    for (int f = 0; f < DNS_FAMILIES; f++)
        for (size_t i = 0; i < h.known[f].n; i++, count++)
            v[count] = (struct dns_entry){ .ip = h.known[f].ips[i],
                                           .port = (uint16_t)(1 + count % 2),
                                           .priority = h.known[f].ips[i].b[3],
                                           .weight = 1 };
    check_list(v, count);
    xfree(v);
    dns_host_done(&h);
    dns_answer_done(&a4);
    dns_answer_done(&a6);
}

static void
fuzz_text(unsigned kind, const uint8_t *p, size_t n)
{
    char *text = xstrndup((const char *)p, n);
    struct dns_target t;
    struct cidr c;
    struct ip v[4];
    const char *why = NULL;

    if (kind == 4)
        FUZZ_CHECK(dns_hosts_find((const char *)p, n, "app", 0, v, 4) <= 4);
    if (kind == 5 && dns_target_parse(text, &t, &why) == 0)
        FUZZ_CHECK(t.literal.len > 0 ||
                   (t.port > 0 && !dns_name_why_bad(t.host, strlen(t.host))));
    if (kind == 5 && srv_target_parse(text, &t, &why) == 0)
        FUZZ_CHECK(t.host[0] == '_' && t.port == 0);
    if (kind == 6 && cidr_parse(text, &c, &why) == 0)
        FUZZ_CHECK(cidr_has(&c, &c.ip));
    xfree(text);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    static const unsigned types[] = { DNS_TYPE_A, DNS_TYPE_AAAA, DNS_TYPE_SRV };
    struct dns_answer a;
    unsigned kind;

    if (n == 0)
        return 0;
    kind = bytes[0] % 7;
    if (kind < 3) {
        parse(bytes + 1, n - 1, types[kind], &a);
        dns_answer_done(&a);
    } else if (kind == 3) {
        fuzz_families(bytes + 1, n - 1);
    } else {
        fuzz_text(kind, bytes + 1, n - 1);
    }
    return 0;
}
