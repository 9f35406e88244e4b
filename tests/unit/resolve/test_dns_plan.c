/* SPDX-License-Identifier: Apache-2.0 */
/* When to ask again, what answers do to what was known, and the order of the list. */
#include "resolve/dns_plan.h"

#include <string.h>

#include "unit.h"

static struct dns_conf conf = {
    .min_ttl_ms = 1000,
    .max_ttl_ms = 30000,
    .refresh_ms = 5000,
    .stale_ms = 600000,
    .respect_ttl = true,
};

#define WITHIN(value, low, high) assert_in_range((uint64_t)(value), (low), (high))

static void
ttl_has_a_floor_a_cap_and_jitter_upwards(void **state)
{
    struct rng rng;
    int64_t low = INT64_MAX, high = 0;

    (void)state;
    unit_seed(&rng);
    for (int i = 0; i < 1000; i++) {
        struct dns_pace p = { .failures = 9, .nones = 9 };

        WITHIN(dns_pace_good(&p, &conf, &rng, 0), 1000, 1100);
        WITHIN(dns_pace_good(&p, &conf, &rng, 86400000), 30000, 33000);
        WITHIN(dns_pace_good(&p, &conf, &rng, -1), 5000, 5500);
        int64_t wait = dns_pace_good(&p, &conf, &rng, 20000);
        low = wait < low ? wait : low;
        high = wait > high ? wait : high;
        assert_true(p.has_list && p.failures == 0 && p.nones == 0);
    }
    WITHIN(low, 20000, 20200);
    WITHIN(high, 21800, 22000);
    conf.respect_ttl = false;
    struct dns_pace p = { 0 };
    WITHIN(dns_pace_good(&p, &conf, &rng, 20000), 5000, 5500);
    conf.respect_ttl = true;
}

static void
failures_back_off(void **state)
{
    static const int64_t steps[] = { 1000, 1600, 2560, 4096, 6553 };
    struct dns_pace p = { .has_list = true };
    struct rng rng;

    (void)state;
    unit_seed(&rng);
    for (size_t i = 0; i < 5; i++)
        WITHIN(dns_pace_failed(&p, &conf, &rng), steps[i], steps[i] * 12 / 10 + 1);
    for (int i = 0; i < 100; i++)
        dns_pace_failed(&p, &conf, &rng);
    WITHIN(dns_pace_failed(&p, &conf, &rng), 50000, 60000);
    p.has_list = false; /* a pool without a single endpoint waits for less */
    WITHIN(dns_pace_failed(&p, &conf, &rng), 5000, 6000);
    dns_pace_good(&p, &conf, &rng, 0);
    WITHIN(dns_pace_failed(&p, &conf, &rng), 1000, 1200);
}

static void
a_name_is_gone_when_said_twice(void **state)
{
    struct dns_pace p = { .has_list = true };
    struct rng rng;
    bool is_told;

    (void)state;
    unit_seed(&rng);
    WITHIN(dns_pace_none(&p, &conf, &rng, &is_told), 1000, 1200);
    assert_false(is_told);
    dns_pace_good(&p, &conf, &rng, 0);
    dns_pace_none(&p, &conf, &rng, &is_told);
    assert_false(is_told);
    dns_pace_failed(&p, &conf, &rng); /* says nothing about the name */
    dns_pace_none(&p, &conf, &rng, &is_told);
    assert_true(is_told);
    for (int i = 0; i < 50; i++)
        dns_pace_none(&p, &conf, &rng, &is_told);
    WITHIN(dns_pace_none(&p, &conf, &rng, &is_told), 5000, 6000);
}

static void
again_is_once_a_second(void **state)
{
    (void)state;
    assert_int_equal(dns_pace_again(-1, 0), 0);
    assert_int_equal(dns_pace_again(5000, 5000), 1000);
    assert_int_equal(dns_pace_again(5000, 5999), 1);
    assert_int_equal(dns_pace_again(5000, 6000), 0);
    assert_int_equal(dns_pace_again(5000, 99999), 0);
}

/* --- families --------------------------------------------------------------------- */

/* An answer with one address that ends in `last`; G good, D no data, X no name, F failed. */
static struct dns_answer
answer(char kind, unsigned family, unsigned last, uint32_t ttl)
{
    struct dns_answer a = { .ttl_s = ttl };

    a.outcome = kind == 'G'   ? DNS_GOOD
                : kind == 'D' ? DNS_NODATA
                : kind == 'X' ? DNS_NXDOMAIN
                              : DNS_FAILED;
    if (kind == 'G') {
        a.ips = calloc(1, sizeof(*a.ips));
        a.ips[0] = (struct ip){ .family = (uint8_t)family, .b = { (uint8_t)last } };
        a.n_ips = 1;
    }
    return a;
}

static enum dns_verdict
merge(struct dns_host *h, char v4, char v6, unsigned last, int64_t now, uint32_t *ttl)
{
    struct dns_answer a4 = answer(v4, 4, last, 60), a6 = answer(v6, 6, last, 20);
    struct dns_answer *both[DNS_FAMILIES] = { v4 == '-' ? NULL : &a4,
                                              v6 == '-' ? NULL : &a6 };
    enum dns_verdict v = dns_host_merge(h, both, now, 600000, ttl);

    free(a4.ips);
    free(a6.ips);
    return v;
}

static void
all_pairs_of_answers(void **state)
{
    /* What a host that had both addresses (1) has after an answer (2): per family '1' kept,
     * '2' new, '-' gone; then the verdict. */
    static const char *const cases[] = {
        "GG 22 G", "GD 2- G", "GX 2- G", "GF 21 G", "DG -2 G", "XG -2 G", "FG 12 G",
        "DD 11 N", "DX 11 N", "XD 11 N", "XX 11 N", "XF 11 N", "FX 11 N", "DF 11 F",
        "FD 11 F", "FF 11 F", "G- 2- G", "-G -2 G", "F- 11 F", "-X 11 N",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct dns_host h = { 0 };
        uint32_t ttl = 0;
        enum dns_verdict v;
        const char *c = cases[i];

        assert_int_equal(merge(&h, 'G', 'G', 1, 0, &ttl), DNS_V_GOOD);
        assert_int_equal(ttl, 20);
        v = merge(&h, c[0], c[1], 2, 1000, &ttl);
        if ("GNF"[v] != c[6])
            fail_msg("%s: verdict %c", c, "GNF"[v]);
        for (int f = 0; f < DNS_FAMILIES; f++) {
            char has = h.known[f].n ? (char)('0' + h.known[f].ips[0].b[0]) : '-';

            if (has != c[3 + f])
                fail_msg("%s: family %d has %c", c, f, has);
        }
        dns_host_done(&h);
    }
}

static void
a_silent_family_is_dropped_when_old(void **state)
{
    struct dns_host h = { 0 };
    uint32_t ttl;

    (void)state;
    merge(&h, 'G', 'G', 1, 0, &ttl);
    merge(&h, 'G', 'F', 2, 599999, &ttl);
    assert_int_equal(ttl, 60);
    assert_int_equal(h.known[DNS_V6].n, 1);
    merge(&h, 'F', 'F', 3, 2000000, &ttl); /* never the whole host */
    assert_int_equal(h.known[DNS_V6].n, 1);
    merge(&h, 'G', 'F', 3, 2000001, &ttl);
    assert_int_equal(h.known[DNS_V6].n, 0);
    assert_int_equal(h.known[DNS_V4].n, 1);
    dns_host_done(&h);
}

static void
an_answer_counts_once_but_does_not_clear(void **state)
{
    struct dns_host h = { 0 };
    struct dns_answer a4 = answer('G', 4, 7, 60), a6 = answer('F', 6, 0, 0);
    struct dns_answer *both[DNS_FAMILIES] = { &a4, &a6 };
    uint32_t ttl;

    (void)state;
    assert_int_equal(dns_host_merge(&h, both, 0, 600000, &ttl), DNS_V_GOOD);
    assert_int_equal(dns_host_merge(&h, both, 1, 600000, &ttl), DNS_V_GOOD);
    assert_int_equal(h.known[DNS_V4].n, 1);
    assert_int_equal(h.known[DNS_V4].ips[0].b[0], 7);
    dns_host_done(&h);
}

/* --- the list ------------------------------------------------------------------------- */

static struct dns_entry
entry(unsigned last, unsigned port, unsigned priority)
{
    return (struct dns_entry){
        .ip = { .family = 4, .b = { 10, 0, (uint8_t)(last >> 8), (uint8_t)last } },
        .port = (uint16_t)port,
        .priority = (uint16_t)priority,
        .weight = 1
    };
}

static void
duplicates_go_and_priorities_become_levels(void **state)
{
    struct dns_entry v[] = { entry(1, 80, 30), entry(2, 80, 10), entry(1, 80, 10),
                             entry(1, 81, 30), entry(2, 80, 30), entry(3, 80, 20) };
    size_t cut;

    (void)state;
    assert_int_equal(dns_list_order(v, 6, NULL, 0, 1024, &cut), 4);
    assert_int_equal(cut, 0);
    assert_int_equal(v[0].ip.b[3], 2);
    assert_int_equal(v[0].priority, 0);
    assert_int_equal(v[1].ip.b[3], 1);
    assert_int_equal(v[1].priority, 0);
    assert_int_equal(v[2].ip.b[3], 3);
    assert_int_equal(v[2].priority, 1);
    assert_int_equal(v[3].port, 81);
    assert_int_equal(v[3].priority, 2);
    assert_int_equal(dns_list_order(v, 0, NULL, 0, 1024, &cut), 0);
}

static void
the_order_of_the_answer_does_not_matter(void **state)
{
    struct dns_entry first[4] = { entry(3, 80, 0), entry(1, 80, 0), entry(2, 80, 0) };
    struct dns_entry turned[4] = { entry(2, 80, 0), entry(9, 80, 0), entry(1, 80, 0),
                                   entry(3, 80, 0) };
    size_t cut;

    (void)state;
    assert_int_equal(dns_list_order(first, 3, NULL, 0, 1024, &cut), 3);
    assert_int_equal(first[0].ip.b[3], 3); /* as the server said, the first time */
    assert_int_equal(dns_list_order(turned, 4, first, 3, 1024, &cut), 4);
    assert_true(dns_list_same(turned, 3, first, 3));
    assert_int_equal(turned[3].ip.b[3], 9);
    assert_false(dns_list_same(turned, 4, first, 3));
}

static void
the_part_below_the_cap_is_always_the_same(void **state)
{
    enum { MANY = 4000 };
    struct dns_entry *v = calloc(MANY, sizeof(*v)), *w = calloc(MANY, sizeof(*w));
    struct rng rng;
    size_t cut;

    (void)state;
    unit_seed(&rng);
    for (unsigned i = 0; i < MANY; i++)
        v[i] = w[i] = entry(i, 80, 0);
    assert_int_equal(dns_list_order(v, MANY, NULL, 0, DNS_LIST_MAX, &cut), DNS_LIST_MAX);
    assert_int_equal(cut, MANY - DNS_LIST_MAX);
    for (size_t i = 0; i < MANY; i++) {
        size_t j = rng_below(&rng, MANY);
        struct dns_entry t = w[i];

        w[i] = w[j];
        w[j] = t;
    }
    assert_int_equal(dns_list_order(w, MANY, v, DNS_LIST_MAX, DNS_LIST_MAX, &cut),
                     DNS_LIST_MAX);
    assert_true(dns_list_same(v, DNS_LIST_MAX, w, DNS_LIST_MAX));
    free(v);
    free(w);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ttl_has_a_floor_a_cap_and_jitter_upwards),
        cmocka_unit_test(failures_back_off),
        cmocka_unit_test(a_name_is_gone_when_said_twice),
        cmocka_unit_test(again_is_once_a_second),
        cmocka_unit_test(all_pairs_of_answers),
        cmocka_unit_test(a_silent_family_is_dropped_when_old),
        cmocka_unit_test(an_answer_counts_once_but_does_not_clear),
        cmocka_unit_test(duplicates_go_and_priorities_become_levels),
        cmocka_unit_test(the_order_of_the_answer_does_not_matter),
        cmocka_unit_test(the_part_below_the_cap_is_always_the_same),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
