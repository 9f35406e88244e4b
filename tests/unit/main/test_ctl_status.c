/* SPDX-License-Identifier: Apache-2.0 */
/* outriggerctl status: what counts as well, and in which words the rest is told. */
#include "main/ctl_status.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "conf/json.h"
#include "ctlstats.h"
#include "main/ctl_words.h"

static void
the_screen(void **state)
{
    struct json_t *stats = ctlstats_tree(NULL, NULL);
    struct strbuf out;

    (void)state;
    strbuf_init(&out, 65536);
    assert_true(ctl_status_text(stats, &out));
    assert_string_equal(
        out.s,
        "outrigger 0.1.0 on orders-7c9f: ready, up 3d 4h, 2 workers, pid 7\n"
        "config    5f2a91c0 from /etc/outrigger.json, in force for 12m; last reload: "
        "taken\n"
        "calls     2140 per s, 99.93% OK, p50 1.1 ms, p95 3.8 ms, p99 9.2 ms\n"
        "          37 in flight, 0.4 retries, 0 limited and 0 denied per s\n"
        "load      41 connections in, 12 out; CPU 7.10%, memory 18 MiB, loop delay 0.3 "
        "ms\n"
        "pools     2; not all endpoints get calls:\n"
        "          stock: 1 of 2 endpoints are usable\n"
        "            10.2.0.14:50051  unhealthy for 42s: connection refused (3 of 3)\n"
        "WELL\n");
    strbuf_done(&out);
    jtree_free(stats);
}

static void
what_is_not_well(void **state)
{
    static const struct {
        const char *from, *to, *sentence;
    } rows[] = {
        { "\"state\": \"ready\", \"stateWhy\": \"\"",
          "\"state\": \"draining\", \"stateWhy\": \"outriggerctl drain\"",
          "the process is draining: outriggerctl drain" },
        { "\"state\": \"ready\"", "\"state\": \"starting\"", "the process is starting" },
        { "\"stateWhy\": \"\"",
          "\"stateWhy\": \"calls are served, but /readyz says no: x\"",
          "new clients are kept away: calls are served, but /readyz says no: x" },
        { "\"ok\": true, \"error\": \"\"",
          "\"ok\": false, \"error\": \"f:1:2: error: x\"",
          "the last reload was refused, the config before it stays: f:1:2: error: x" },
        { "\"usable\": 1, \"total\": 1", "\"usable\": 0, \"total\": 1",
          "pool app: all 1 endpoints are usable" },
        { "\"panic\": false", "\"panic\": true", "pool app: all 1 endpoints are usable" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct json_t *stats = ctlstats_tree(rows[i].from, rows[i].to), *told;
        struct jtree_fault fault;
        struct strbuf text, json;

        strbuf_init(&text, 65536);
        strbuf_init(&json, 65536);
        assert_false(ctl_status_text(stats, &text));
        if (!strstr(text.s, rows[i].sentence) || !strstr(text.s, "\nNOT WELL  "))
            fail_msg("%s", text.s);
        assert_false(ctl_status_json(stats, &json));
        told = jtree_read(json.s, json.len, &fault);
        assert_non_null(told);
        assert_false(jtree_bool(jtree_get(told, "well"), true));
        assert_int_equal(jtree_count(jtree_get(told, "problems")), 1);
        assert_string_equal(jtree_string(jtree_item(jtree_get(told, "problems"), 0)),
                            rows[i].sentence);
        jtree_free(told);
        strbuf_done(&text);
        strbuf_done(&json);
        jtree_free(stats);
    }
}

/* The cap of one sentence is nothing to the next. */
static void
a_long_reason_hides_no_other(void **state)
{
    enum { LONG = 100000 };
    struct json_t *stats, *told;
    struct jtree_fault fault;
    struct strbuf to, text, json;

    (void)state;
    strbuf_init(&to, 2 * LONG);
    strbuf_puts(&to,
                "{ \"process\": { \"state\": \"ready\", \"reload\": { \"ok\": false, "
                "\"error\": \"");
    for (size_t i = 0; i < LONG; i++)
        strbuf_puts(&to, "x");
    strbuf_puts(&to, "\" } }, \"pools\": [ { \"name\": \"a\", \"usable\": 0, \"state\": "
                     "\"A\" }, { \"name\": \"b\", \"usable\": 0, \"state\": \"B\" } ] }");
    stats = jtree_read(to.s, to.len, &fault);
    assert_non_null(stats);
    strbuf_init(&text, 4 * LONG);
    strbuf_init(&json, 4 * LONG);
    assert_false(ctl_status_text(stats, &text));
    assert_non_null(strstr(text.s, "xx\n          pool a: A\n          pool b: B\n"));
    assert_false(ctl_status_json(stats, &json));
    told = jtree_read(json.s, json.len, &fault);
    assert_non_null(told);
    assert_int_equal(jtree_count(jtree_get(told, "problems")), 3);
    assert_string_equal(jtree_string(jtree_item(jtree_get(told, "problems"), 2)),
                        "pool b: B");
    jtree_free(told);
    jtree_free(stats);
    strbuf_done(&json);
    strbuf_done(&text);
    strbuf_done(&to);
}

static void
spans_and_sizes_are_short(void **state)
{
    static const struct {
        double ms;
        const char *want;
    } spans[] = { { 0, "0s" },           { 999, "0s" },         { 42000, "42s" },
                  { 60000, "1m" },       { 754000, "12m" },     { 3600000, "1h" },
                  { 5400000, "1h 30m" }, { 90000000, "1d 1h" }, { -5, "0s" },
                  { 86400000, "1d" } };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(spans); i++)
        assert_string_equal(ctl_word_span(spans[i].ms).s, spans[i].want);
}

static void
only_all_is_a_hundred_per_cent(void **state)
{
    struct jtree_fault fault;
    static const char text[] =
        "{\"a\": 1, \"b\": 0.99999, \"c\": 0, \"d\": null, \"e\": 0.07}";
    struct json_t *o = jtree_read(text, sizeof text - 1, &fault);

    (void)state;
    assert_string_equal(ctl_word_percent(o, "a").s, "100");
    assert_string_equal(ctl_word_percent(o, "b").s, "99.99");
    assert_string_equal(ctl_word_percent(o, "c").s, "0.00");
    assert_string_equal(ctl_word_percent(o, "d").s, "-");
    assert_string_equal(ctl_word_percent(o, "e").s, "7.00");
    jtree_free(o);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_screen),
        cmocka_unit_test(what_is_not_well),
        cmocka_unit_test(a_long_reason_hides_no_other),
        cmocka_unit_test(spans_and_sizes_are_short),
        cmocka_unit_test(only_all_is_a_hundred_per_cent),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
