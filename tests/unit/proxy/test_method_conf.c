/* SPDX-License-Identifier: Apache-2.0 */
/* methodConfig: which entry counts for a method, and what is refused. */
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/compat.h"
#include "base/strbuf.h"
#include "conf/snapshot.h"
#include "filter/retry_policy.h"
#include "proxy/listener_conf.h"
#include "proxy/method_conf.h"

#define RETRY                                                                        \
    "\"retryPolicy\": { \"maxAttempts\": 4, \"initialBackoff\": \"0.02s\", "         \
    "\"maxBackoff\": \"0.2s\", \"backoffMultiplier\": 2, \"retryableStatusCodes\": " \
    "[\"unavailable\", 8] }"
#define HEAD "{ \"listen\": \":1\", \"routes\": [{ \"to\": \"a\" }], \"methodConfig\": "

/* What is printed about a listener with this list; *ret NULL when it is bad. */
static void
load(const char *list, struct conf_snapshot **ret, struct strbuf *problems)
{
    struct strbuf text;

    strbuf_init(&text, 1 << 20);
    strbuf_init(problems, 1 << 16);
    *ret = NULL;
    strbuf_printf(&text, HEAD "%s }", list);
    if (conf_load_text(&listener_conf_struct, "f", text.s, text.len, problems, ret) != 0)
        assert_true(problems->len > 0);
    strbuf_done(&text);
}

static struct conf_snapshot *
load_good(const char *list)
{
    struct conf_snapshot *s;
    struct strbuf problems;

    load(list, &s, &problems);
    if (!s || problems.len)
        fail_msg("%s: %s", list, problems.s);
    strbuf_done(&problems);
    return s;
}

static const char pasted[] =
    "[{ \"name\": [{ \"service\": \"pkg.Svc\", \"method\": \"Get\" }, { \"service\": "
    "\"pkg.Other\" }], \"timeout\": \"1.5s\", \"waitForReady\": false, "
    "\"maxRequestMessageBytes\": 4194304, \"maxResponseMessageBytes\": \"4MiB\" },"
    " { \"name\": [{ \"service\": \"pkg.Svc\", \"method\": \"\" }], \"timeout\": \"2s\" "
    "},"
    " { \"name\": [{}], \"timeout\": \"0.100s\" }]";

static void
a_pasted_service_config_is_read(void **state)
{
    struct conf_snapshot *s = load_good(pasted);
    const struct listener_conf *l = conf_root(s);
    const struct method_conf *m = l->method_config.items;

    (void)state;
    assert_int_equal(l->method_config.n, 3);
    assert_int_equal(m[0].names.n, 2);
    assert_int_equal(m[0].timeout_ms, 1500);
    assert_int_equal(m[0].max_request_bytes, 4194304);
    assert_int_equal(m[0].max_response_bytes, 4194304);
    assert_false(m[0].wait_for_ready);
    assert_int_equal(m[1].max_request_bytes, 0);
    assert_int_equal(m[2].timeout_ms, 100);
    conf_drop(s);
}

static void
policies_are_kept_by_entry(void **state)
{
    struct conf_snapshot *s = load_good(
        "[{ \"name\": [{ \"service\": \"a.B\" }], " RETRY
        " }, { \"name\": [{ \"service\": "
        "\"a.B\", \"method\": \"C\" }], \"waitForReady\": true }, { \"name\": [{}], "
        "\"hedgingPolicy\": { \"maxAttempts\": 2, \"hedgingDelay\": \"0.5s\" } }]");
    const struct listener_conf *l = conf_root(s);
    struct method_table *t = method_table_new(&l->method_config);
    const struct method_conf *m = method_conf_find(t, slice_of("a.B"), slice_of("Any"));
    const struct retry_policy *p = method_conf_policy(t, m);

    (void)state;
    assert_non_null(p);
    assert_false(p->hedging);
    assert_int_equal(p->max_attempts, 4);
    assert_int_equal(p->initial_us, 20000);
    assert_int_equal(p->codes, 1u << 14 | 1u << 8);
    m = method_conf_find(t, slice_of("a.B"), slice_of("C"));
    assert_null(method_conf_policy(t, m));
    assert_true(m->wait_for_ready);
    m = method_conf_find(t, slice_of("x.Y"), slice_of("C"));
    p = method_conf_policy(t, m);
    assert_true(p && p->hedging);
    assert_int_equal(p->delay_us, 500000);
    method_table_free(t);
    conf_drop(s);
}

static void
the_most_specific_name_counts(void **state)
{
    static const struct {
        const char *service, *method;
        int64_t timeout_ms;
    } rows[] = {
        { "pkg.Svc", "Get", 1500 },
        { "pkg.Svc", "Put", 2000 },
        { "pkg.Svc", "", 2000 },
        { "pkg.Other", "Get", 1500 },
        { "pkg.Other", "", 1500 },
        { "pkg.Sv", "Get", 100 },
        { "pkg.SvcG", "et", 100 },
        { "pkg.Svc/Get", "", 100 },
        { "", "", 100 },
        { "", "Get", 100 },
        { "PKG.SVC", "Get", 100 },
    };
    struct conf_snapshot *s = load_good(pasted);
    const struct listener_conf *l = conf_root(s);
    struct method_table *t = method_table_new(&l->method_config);

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct method_conf *m =
            method_conf_find(t, slice_of(rows[i].service), slice_of(rows[i].method));

        if (!m || m->timeout_ms != rows[i].timeout_ms)
            fail_msg("%s/%s: %lld", rows[i].service, rows[i].method,
                     m ? (long long)m->timeout_ms : -1);
    }
    method_table_free(t);
    conf_drop(s);
}

static void
without_a_default_other_methods_have_none(void **state)
{
    struct conf_snapshot *s =
        load_good("[{ \"name\": [{ \"service\": \"a.B\", \"method\": \"C\" }] }]");
    const struct listener_conf *l = conf_root(s);
    struct method_table *t = method_table_new(&l->method_config);

    (void)state;
    assert_non_null(method_conf_find(t, slice_of("a.B"), slice_of("C")));
    assert_null(method_conf_find(t, slice_of("a.B"), slice_of("D")));
    assert_null(method_conf_find(t, slice_of("a.C"), slice_of("C")));
    assert_null(method_conf_find(NULL, slice_of("a.B"), slice_of("C")));
    method_table_free(t);
    conf_drop(s);
    s = load_good("[]");
    l = conf_root(s);
    assert_null(method_table_new(&l->method_config));
    conf_drop(s);
}

/* Every name is found again in a table that is as full as it gets. */
static void
many_names_are_all_found(void **state)
{
    struct conf_snapshot *s;
    const struct listener_conf *l;
    struct method_table *t;
    struct strbuf text;

    (void)state;
    strbuf_init(&text, 1 << 20);
    for (int i = 0; i < 1000; i++)
        strbuf_printf(&text,
                      "%s{ \"name\": [{ \"service\": \"s%d\" }, { \"service\": \"s%d\", "
                      "\"method\": \"m\" }], \"timeout\": \"%ds\" }",
                      i ? ", " : "[", i, i + 1000, i + 1);
    strbuf_puts(&text, "]");
    s = load_good(text.s);
    l = conf_root(s);
    t = method_table_new(&l->method_config);
    for (int i = 0; i < 1000; i++) {
        const struct method_conf *one, *two;
        char name[2][16];

        snprintf(name[0], sizeof name[0], "s%d", i);
        snprintf(name[1], sizeof name[1], "s%d", i + 1000);
        one = method_conf_find(t, slice_of(name[0]), slice_of("any"));
        two = method_conf_find(t, slice_of(name[1]), slice_of("m"));
        assert_ptr_equal(one, two);
        assert_int_equal(one->timeout_ms, (i + 1) * 1000);
        assert_null(method_conf_find(t, slice_of(name[1]), slice_of("other")));
    }
    method_table_free(t);
    conf_drop(s);
    strbuf_done(&text);
}

static void
what_gRPC_refuses_is_refused(void **state)
{
    static const struct {
        const char *list, *want;
    } rows[] = {
        { "[{ \"name\": [{}, {}] }]", "methodConfig[0] has it already [E0291]" },
        { "[{ \"name\": [{ \"service\": \"a.B\" }] }, { \"name\": [{ \"service\": "
          "\"a.C\" "
          "}, { \"service\": \"a.B\", \"method\": \"\" }] }]",
          "f:1:132: error: the name a.B is used twice; methodConfig[0] has it already" },
        { "[{ \"name\": [{ \"method\": \"C\" }] }]", "[E0292]" },
        { "[{ \"name\": [] }]", "[E0116]" },
        { "[{ \"timeout\": \"1s\" }]", "needs the key \"name\"" },
        { "[{ \"name\": [{ \"service\": \"/a.B/C\" }] }]", "[E0209]" },
        { "[{ \"name\": [{}], \"waitForReady\": 1 }]", "[E01" },
        { "[{ \"name\": [{}], \"retryPolicy\": {} }]",
          "needs the key \"retryableStatusCodes\"" },
        { "[{ \"name\": [{}], \"hedgingPolicy\": { \"maxAttempts\": 2 }, " RETRY " }]",
          "[E0362]" },
        { "[{ \"name\": [{}], \"maxRequestMessageBytes\": -1 }]",
          "is -1; it must be from 0B to 4294967295B [E0110]" },
        { "[{ \"name\": [{}], \"maxRequestMessageBytes\": 4294967296 }]", "[E0110]" },
        { "[{ \"name\": [{}], \"maxRequestMessageBytes\": 1.5 }]", "[E0112]" },
        { "[{ \"name\": [{}], \"timeout\": 5 }]", "did you mean \"5s\"?" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct conf_snapshot *s;
        struct strbuf problems;

        load(rows[i].list, &s, &problems);
        if (s || !strstr(problems.s, rows[i].want))
            fail_msg("%s: %s", rows[i].list, problems.s);
        strbuf_done(&problems);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_pasted_service_config_is_read),
        cmocka_unit_test(policies_are_kept_by_entry),
        cmocka_unit_test(the_most_specific_name_counts),
        cmocka_unit_test(without_a_default_other_methods_have_none),
        cmocka_unit_test(many_names_are_all_found),
        cmocka_unit_test(what_gRPC_refuses_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
