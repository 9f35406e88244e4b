/* SPDX-License-Identifier: Apache-2.0 */
/* The list of problems: what is kept, what is only counted, and how it is printed. */
#include "conf/problem.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/strbuf.h"
#include "conf/json.h"

static const char json[] = "{ \"a\": [ 1,\n 2,\n { \"b\": 3 } ] }";

struct fixture {
    struct problems ps;
    struct conf_place root;
    struct strbuf out;
};

static void
start(struct fixture *f)
{
    problems_init(&f->ps, "f", json, strlen(json));
    f->ps.json = json;
    f->ps.json_n = strlen(json);
    f->root = (struct conf_place){ .out = &f->ps };
    strbuf_init(&f->out, 1 << 20);
}

static const char *
print(struct fixture *f)
{
    problems_print(&f->ps, &f->out);
    return f->out.s ? f->out.s : "";
}

static void
stop(struct fixture *f)
{
    problems_done(&f->ps);
    strbuf_done(&f->out);
}

static void
nothing_is_printed_without_problems(void **state)
{
    struct fixture f;

    (void)state;
    start(&f);
    assert_string_equal(print(&f), "");
    stop(&f);
}

static void
errors_take_the_places_of_warnings(void **state)
{
    struct fixture f;

    (void)state;
    start(&f);
    for (int i = 0; i < PROBLEMS_KEPT + 50; i++)
        conf_warning(&f.root, "a", "W0001", "warning %d", i);
    assert_false(problems_full(&f.ps));
    assert_false(conf_place_full(&f.root));
    for (int i = 0; i < 3; i++)
        conf_problem_item(&f.root, "a", 2, "b", "E0001", "error %d", i);
    print(&f);
    for (int i = 0; i < 3; i++) {
        char want[64];

        snprintf(want, sizeof want, "f:3:9: error: error %d [E0001]\n", i);
        assert_non_null(strstr(f.out.s, want));
    }
    assert_non_null(
        strstr(f.out.s, "3 errors, 150 warnings in f (the first 3 are shown)"));
    stop(&f);
}

static void
a_full_list_of_errors_only_counts(void **state)
{
    struct fixture f;

    (void)state;
    start(&f);
    conf_warning(&f.root, NULL, "W0001", "first");
    for (int i = 0; i < PROBLEMS_KEPT; i++)
        conf_problem(&f.root, NULL, "E0001", "error %d", i);
    assert_true(problems_full(&f.ps));
    assert_true(conf_place_full(&f.root));
    conf_problem(&f.root, NULL, "E0001", "one more");
    conf_warning(&f.root, NULL, "W0001", "one more");
    assert_int_equal(f.ps.n_kept, PROBLEMS_KEPT);
    assert_int_equal(f.ps.errors, PROBLEMS_KEPT + 1);
    assert_int_equal(f.ps.warnings, 2);
    assert_null(strstr(print(&f), "one more"));
    stop(&f);
}

static void
paths_lead_to_places(void **state)
{
    struct fixture f;
    struct conf_place list = { .out = &f.ps, .up = &f.root, .step = { .key = "a" } };
    struct conf_place item = { .out = &f.ps, .up = &list, .step = { .index = 2 } };

    (void)state;
    start(&f);
    conf_problem(&item, "b", "E0001", "by place");
    conf_problem(&f.root, "a[2].b", "E0001", "by path");
    conf_problem_item(&f.root, "a", 1, NULL, "E0001", "item");
    conf_problem_item(&f.root, "a", 2, NULL, "E0001", "object");
    conf_problem(&f.root, "nope", "E0001", "not there");
    problems_add(&f.ps, "E0001", "the file");
    print(&f);
    assert_non_null(strstr(f.out.s, "f:3:9: error: by place"));
    assert_non_null(strstr(f.out.s, "f:3:9: error: by path"));
    assert_non_null(strstr(f.out.s, "f:2:2: error: item"));
    assert_non_null(strstr(f.out.s, "f:3:2: error: object"));
    assert_non_null(strstr(f.out.s, "f:1:1: error: not there"));
    assert_non_null(strstr(f.out.s, "f: error: the file [E0001]\n"));
    stop(&f);
}

static void
an_object_knows_its_keys(void **state)
{
    static const char text[] = "{ \"b\": null }";
    struct jtree_fault fault;
    struct conf_place place = { .object = NULL };
    struct json_t *tree = jtree_read(text, sizeof(text) - 1, &fault);

    (void)state;
    assert_non_null(tree);
    assert_false(place_has_key(&place, "b")); /* written in short: no object */
    place.object = tree;
    assert_true(place_has_key(&place, "b"));
    assert_false(place_has_key(&place, "c"));
    jtree_free(tree);
}

static void
long_messages_are_cut(void **state)
{
    struct fixture f;

    (void)state;
    start(&f);
    problems_add(&f.ps, "E0001", "%05000d", 0);
    assert_true(strlen(print(&f)) < 1200);
    assert_non_null(strstr(f.out.s, "000... [E0001]\n"));
    stop(&f);
}

static void
problems_are_json_for_programs(void **state)
{
    static const char want[] =
        "{\n  \"file\": \"f\",\n  \"good\": false,\n  \"errors\": 3,\n"
        "  \"warnings\": 1,\n  \"problems\": [\n"
        "    { \"file\": \"f\", \"severity\": \"error\", \"code\": \"E0001\", "
        "\"message\": \"the file\" },\n"
        "    { \"file\": \"f\", \"line\": 1, \"column\": 3, \"endLine\": 1, "
        "\"endColumn\": 6, \"severity\": \"error\", \"code\": \"E0107\", "
        "\"message\": \"unknown key \\\"x\\\"; in outrigger this is \\\"a.b\\\"\", "
        "\"suggestion\": \"a.b\" },\n"
        "    { \"file\": \"f\", \"line\": 2, \"column\": 2, \"endLine\": 2, "
        "\"endColumn\": 3, \"severity\": \"warning\", \"code\": \"W0001\", "
        "\"message\": \"a ? b?\" },\n"
        "    { \"file\": \"f\", \"line\": 3, \"column\": 9, \"endLine\": 3, "
        "\"endColumn\": 10, \"severity\": \"error\", \"code\": \"E0111\", "
        "\"message\": \"b needs a unit; did you mean \\\"3s\\\"?\", "
        "\"suggestion\": \"3s\" }\n  ]\n}\n";
    struct fixture f;

    (void)state;
    start(&f);
    conf_problem(&f.root, "a[2].b", "E0111", "b needs a unit; did you mean \"3s\"?");
    conf_warning(&f.root, "a[1]", "W0001", "a \x1b b\xff");
    problems_add(&f.ps, "E0001", "the file");
    problems_add_key(&f.root, "a", SPOT_KEY, "E0107",
                     "unknown key \"x\"; in outrigger this is \"a.b\"");
    problems_print_json(&f.ps, false, &f.out);
    assert_string_equal(f.out.s, want);
    stop(&f);
    start(&f);
    problems_print_json(&f.ps, true, &f.out);
    assert_string_equal(f.out.s, "{\n  \"file\": \"f\",\n  \"good\": true,\n  "
                                 "\"errors\": 0,\n  \"warnings\": 0,\n  "
                                 "\"problems\": []\n}\n");
    stop(&f);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_printed_without_problems),
        cmocka_unit_test(problems_are_json_for_programs),
        cmocka_unit_test(errors_take_the_places_of_warnings),
        cmocka_unit_test(a_full_list_of_errors_only_counts),
        cmocka_unit_test(paths_lead_to_places),
        cmocka_unit_test(an_object_knows_its_keys),
        cmocka_unit_test(long_messages_are_cut),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
