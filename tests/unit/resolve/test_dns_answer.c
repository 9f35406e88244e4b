/* SPDX-License-Identifier: Apache-2.0 */
/* Answers byte by byte: what is read, which TTL counts, and what is refused. */
#include "resolve/dns_answer.h"

#include <string.h>

#include "unit.h"

struct packet {
    uint8_t b[70000];
    size_t n;
};

static void
put8(struct packet *p, unsigned v)
{
    p->b[p->n++] = (uint8_t)v;
}

static void
put16(struct packet *p, unsigned v)
{
    put8(p, v >> 8 & 0xff);
    put8(p, v & 0xff);
}

static void
put_name(struct packet *p, const char *name)
{
    while (*name) {
        size_t n = strcspn(name, ".");

        put8(p, (unsigned)n);
        memcpy(p->b + p->n, name, n);
        p->n += n;
        name += n + (name[n] == '.');
    }
    put8(p, 0);
}

/* Header and question. */
static void
begin(struct packet *p, const char *name, unsigned type, unsigned rcode, unsigned answers)
{
    p->n = 0;
    put16(p, 0x1234);
    put16(p, 0x8180 | rcode);
    put16(p, 1);
    put16(p, answers);
    put16(p, 0);
    put16(p, 0);
    put_name(p, name);
    put16(p, type);
    put16(p, 1);
}

static void
head(struct packet *p, const char *owner, unsigned type, uint32_t ttl)
{
    if (owner)
        put_name(p, owner);
    else
        put16(p, 0xc00c);
    put16(p, type);
    put16(p, 1);
    put16(p, ttl >> 16);
    put16(p, ttl & 0xffff);
}

static void
put_a(struct packet *p, const char *owner, uint32_t ttl, unsigned last)
{
    head(p, owner, DNS_TYPE_A, ttl);
    put16(p, 4);
    put8(p, 10);
    put16(p, 0);
    put8(p, last);
}

static void
put_cname(struct packet *p, const char *owner, uint32_t ttl, const char *target)
{
    head(p, owner, DNS_TYPE_CNAME, ttl);
    put16(p, (unsigned)strlen(target) + 2);
    put_name(p, target);
}

static void
put_srv(struct packet *p, uint32_t ttl, unsigned priority, unsigned weight, unsigned port,
        const char *target)
{
    head(p, NULL, DNS_TYPE_SRV, ttl);
    put16(p, 6 + (*target ? (unsigned)strlen(target) + 2 : 1));
    put16(p, priority);
    put16(p, weight);
    put16(p, port);
    put_name(p, target);
}

/* Reads n bytes from a block of exactly that size, so that ASan sees each byte too many. */
static void
parse_n(const struct packet *p, size_t n, const char *name, unsigned type,
        struct dns_answer *a)
{
    uint8_t *copy = malloc(n ? n : 1);

    memcpy(copy, p->b, n);
    dns_answer_parse(copy, n, name, type, a);
    free(copy);
}

static void
refused(const struct packet *p, const char *name, unsigned type, const char *why)
{
    struct dns_answer a;

    parse_n(p, p->n, name, type, &a);
    assert_int_equal(a.outcome, DNS_FAILED);
    assert_string_equal(a.why, why);
    assert_null(a.ips);
    dns_answer_done(&a);
}

static struct packet p;

static void
addresses_and_their_smallest_ttl(void **state)
{
    struct dns_answer a;

    (void)state;
    begin(&p, "App.Example", DNS_TYPE_A, 0, 3);
    put_a(&p, NULL, 300, 1);
    put_a(&p, "aPP.eXAMPLE", 20, 2);
    put_a(&p, NULL, 60, 1);
    parse_n(&p, p.n, "app.example", DNS_TYPE_A, &a);
    assert_int_equal(a.outcome, DNS_GOOD);
    assert_int_equal(a.n_ips, 3);
    assert_int_equal(a.ttl_s, 20);
    assert_int_equal(a.ips[0].family, 4);
    assert_memory_equal(a.ips[1].b, "\x0a\0\0\x02", 4);
    dns_answer_done(&a);
}

static void
a_chain_counts_with_its_ttl_in_any_order(void **state)
{
    struct dns_answer a;

    (void)state;
    begin(&p, "a.example", DNS_TYPE_A, 0, 4);
    put_a(&p, "c.example", 100, 7);
    put_cname(&p, "b.example", 5, "c.example");
    put_a(&p, "elsewhere.example", 1, 9); /* nobody asked */
    put_cname(&p, "a.example", 50, "b.example");
    parse_n(&p, p.n, "a.example", DNS_TYPE_A, &a);
    assert_int_equal(a.outcome, DNS_GOOD);
    assert_int_equal(a.n_ips, 1);
    assert_int_equal(a.ips[0].b[3], 7);
    assert_int_equal(a.ttl_s, 5);
    dns_answer_done(&a);

    begin(&p, "a.example", DNS_TYPE_A, 0, 1);
    put_cname(&p, "a.example", 50, "b.example");
    parse_n(&p, p.n, "a.example", DNS_TYPE_A, &a);
    assert_int_equal(a.outcome, DNS_NODATA);
    dns_answer_done(&a);
}

static void
a_circle_of_cnames_ends(void **state)
{
    char from[32], to[32];

    (void)state;
    begin(&p, "a.example", DNS_TYPE_A, 0, 2);
    put_cname(&p, "a.example", 50, "b.example");
    put_cname(&p, "b.example", 50, "a.example");
    refused(&p, "a.example", DNS_TYPE_A, "its CNAMEs go in a circle or are too many");

    begin(&p, "n0.example", DNS_TYPE_A, 0, 65);
    for (int i = 0; i < 65; i++) {
        snprintf(from, sizeof from, "n%d.example", i);
        snprintf(to, sizeof to, "n%d.example", i + 1);
        put_cname(&p, from, 50, to);
    }
    refused(&p, "n0.example", DNS_TYPE_A, "the answer has too many CNAMEs");
}

static void
services(void **state)
{
    struct dns_answer a;

    (void)state;
    begin(&p, "_grpc._tcp.x", DNS_TYPE_SRV, 0, 4);
    put_srv(&p, 60, 10, 5, 5001, "One.example");
    put_srv(&p, 30, 20, 0, 5002, "two.example");
    put_srv(&p, 90, 20, 0, 0, "zero.example");
    put_srv(&p, 90, 20, 0, 80, "sp ace.example");
    parse_n(&p, p.n, "_grpc._tcp.x", DNS_TYPE_SRV, &a);
    assert_int_equal(a.outcome, DNS_GOOD);
    assert_int_equal(a.n_srvs, 2);
    assert_int_equal(a.skipped, 2);
    assert_int_equal(a.ttl_s, 30);
    assert_string_equal(a.srvs[0].target, "one.example");
    assert_int_equal(a.srvs[0].priority, 10);
    assert_int_equal(a.srvs[0].weight, 5);
    assert_int_equal(a.srvs[1].port, 5002);
    dns_answer_done(&a);

    begin(&p, "_grpc._tcp.x", DNS_TYPE_SRV, 0, 1);
    put_srv(&p, 60, 0, 0, 0, "");
    parse_n(&p, p.n, "_grpc._tcp.x", DNS_TYPE_SRV, &a);
    assert_int_equal(a.outcome, DNS_NODATA);
    assert_true(a.no_service);
    dns_answer_done(&a);
}

static void
codes(void **state)
{
    struct dns_answer a;

    (void)state;
    begin(&p, "x", DNS_TYPE_A, 3, 0);
    parse_n(&p, p.n, "x", DNS_TYPE_A, &a);
    assert_int_equal(a.outcome, DNS_NXDOMAIN);
    begin(&p, "x", DNS_TYPE_A, 0, 0);
    parse_n(&p, p.n, "x", DNS_TYPE_A, &a);
    assert_int_equal(a.outcome, DNS_NODATA);
    dns_answer_done(&a);
    begin(&p, "x", DNS_TYPE_A, 2, 0);
    refused(&p, "x", DNS_TYPE_A, "SERVFAIL");
    begin(&p, "x", DNS_TYPE_A, 5, 0);
    refused(&p, "x", DNS_TYPE_A, "REFUSED");
    begin(&p, "x", DNS_TYPE_A, 11, 0);
    refused(&p, "x", DNS_TYPE_A, "an unknown error code");
}

static void
what_is_not_an_answer_to_the_question(void **state)
{
    (void)state;
    begin(&p, "other.example", DNS_TYPE_A, 0, 1);
    put_a(&p, NULL, 60, 1);
    refused(&p, "app.example", DNS_TYPE_A, "the answer is for another question");
    refused(&p, "other.example", DNS_TYPE_AAAA, "the answer is for another question");
    p.b[2] &= 0x7f; /* a question */
    refused(&p, "other.example", DNS_TYPE_A, "the answer is malformed");
    p.b[2] |= 0x82; /* TC */
    refused(&p, "other.example", DNS_TYPE_A, "the answer is cut short");
    begin(&p, "x", DNS_TYPE_A, 0, 1);
    head(&p, NULL, DNS_TYPE_A, 60);
    put16(&p, 3);
    put16(&p, 0x0a00);
    put8(&p, 1);
    refused(&p, "x", DNS_TYPE_A, "the answer is malformed");
}

static void
pointers_only_go_back(void **state)
{
    /* To itself, forward, into the header. */
    static const unsigned bad[] = { 0xc013, 0xc014, 0xc000 };

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        begin(&p, "x", DNS_TYPE_A, 0, 1);
        assert_int_equal(p.n, 0x13);
        put16(&p, bad[i]);
        put16(&p, DNS_TYPE_A);
        put16(&p, 1);
        put16(&p, 0);
        put16(&p, 60);
        put16(&p, 4);
        put16(&p, 0);
        put16(&p, 0);
        refused(&p, "x", DNS_TYPE_A, "the answer is malformed");
    }
}

static void
dots_in_labels_are_not_dots(void **state)
{
    struct dns_answer a;

    (void)state;
    begin(&p, "a.b", DNS_TYPE_A, 0, 1);
    put8(&p, 3);
    memcpy(p.b + p.n, "a.b", 3);
    p.n += 3;
    put8(&p, 0);
    put16(&p, DNS_TYPE_A);
    put16(&p, 1);
    put16(&p, 0);
    put16(&p, 60);
    put16(&p, 4);
    put16(&p, 0x0a00);
    put16(&p, 1);
    parse_n(&p, p.n, "a.b", DNS_TYPE_A, &a);
    assert_int_equal(a.outcome, DNS_NODATA);
    dns_answer_done(&a);
}

static void
every_cut_is_refused_or_harmless(void **state)
{
    struct dns_answer a;

    (void)state;
    begin(&p, "_g._tcp.example", DNS_TYPE_SRV, 0, 3);
    put_cname(&p, "_g._tcp.example", 5, "_h._tcp.example");
    head(&p, "_h._tcp.example", DNS_TYPE_SRV, 5);
    put16(&p, 6 + 13);
    put16(&p, 1);
    put16(&p, 1);
    put16(&p, 80);
    put_name(&p, "one.example");
    put_srv(&p, 60, 0, 0, 1, "x");
    for (size_t n = 0; n < p.n; n++) {
        parse_n(&p, n, "_g._tcp.example", DNS_TYPE_SRV, &a);
        assert_int_equal(a.outcome, DNS_FAILED);
        dns_answer_done(&a);
    }
    parse_n(&p, p.n, "_g._tcp.example", DNS_TYPE_SRV, &a);
    assert_int_equal(a.outcome, DNS_GOOD);
    assert_int_equal(a.n_srvs, 1);
    dns_answer_done(&a);
}

static void
bytes_turned_at_random_never_break_it(void **state)
{
    struct rng rng;
    struct packet *q = malloc(sizeof(*q));

    (void)state;
    unit_seed(&rng);
    begin(&p, "app.example", DNS_TYPE_A, 0, 4);
    put_cname(&p, "app.example", 5, "b.example");
    put_a(&p, "b.example", 5, 1);
    put_a(&p, "b.example", 5, 2);
    put_a(&p, "b.example", 5, 3);
    for (int round = 0; round < 20000; round++) {
        struct dns_answer a;

        memcpy(q, &p, sizeof(p.b[0]) * p.n);
        for (uint64_t i = 0; i <= rng_below(&rng, 6); i++)
            q->b[rng_below(&rng, p.n)] = (uint8_t)rng_next(&rng);
        parse_n(q, p.n, "app.example", DNS_TYPE_A, &a);
        assert_true(a.outcome != DNS_GOOD || (a.n_ips > 0 && a.ips));
        assert_true(a.outcome != DNS_FAILED || a.why);
        dns_answer_done(&a);
    }
    free(q);
}

static void
a_full_message_is_read(void **state)
{
    struct dns_answer a;
    unsigned n = 0;

    (void)state;
    begin(&p, "x", DNS_TYPE_A, 0, 4090);
    for (; n < 4090; n++)
        put_a(&p, NULL, 60, n & 0xff);
    assert_true(p.n < 65536);
    parse_n(&p, p.n, "x", DNS_TYPE_A, &a);
    assert_int_equal(a.n_ips, 4090);
    dns_answer_done(&a);
}

static void
names(void **state)
{
    char text[300];

    (void)state;
    assert_null(dns_name_why_bad("a", 1));
    assert_null(dns_name_why_bad("_grpc._tcp.App-1.example.", 25));
    assert_non_null(dns_name_why_bad("", 0));
    assert_non_null(dns_name_why_bad(".", 1));
    assert_non_null(dns_name_why_bad("a..b", 4));
    assert_non_null(dns_name_why_bad(".a", 2));
    assert_non_null(dns_name_why_bad("a b", 3));
    assert_non_null(dns_name_why_bad("caf\xc3\xa9", 5));
    memset(text, 'a', sizeof text);
    assert_null(dns_name_why_bad(text, 63));
    assert_non_null(dns_name_why_bad(text, 64));
    for (int i = 50; i < 300; i += 50)
        text[i] = '.';
    assert_null(dns_name_why_bad(text, 253));
    assert_non_null(dns_name_why_bad(text, 254));
    dns_name_copy(text, "A.b.", 4);
    assert_string_equal(text, "a.b");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_and_their_smallest_ttl),
        cmocka_unit_test(a_chain_counts_with_its_ttl_in_any_order),
        cmocka_unit_test(a_circle_of_cnames_ends),
        cmocka_unit_test(services),
        cmocka_unit_test(codes),
        cmocka_unit_test(what_is_not_an_answer_to_the_question),
        cmocka_unit_test(pointers_only_go_back),
        cmocka_unit_test(dots_in_labels_are_not_dots),
        cmocka_unit_test(every_cut_is_refused_or_harmless),
        cmocka_unit_test(bytes_turned_at_random_never_break_it),
        cmocka_unit_test(a_full_message_is_read),
        cmocka_unit_test(names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
