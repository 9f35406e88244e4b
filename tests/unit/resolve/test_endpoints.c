/* SPDX-License-Identifier: Apache-2.0 */
/* The format of the endpoints file. */
#include "unit.h"

#include <string.h>
#include <time.h>

#include "base/compat.h"
#include "base/err.h"
#include "base/strbuf.h"
#include "resolve/endpoints.h"

static struct endpoints got;
static struct strbuf why;

static int
parse(const char *text)
{
    size_t n = strlen(text);
    char *copy = malloc(n + 1);
    int rv;

    memcpy(copy, text, n + 1);
    strbuf_done(&why);
    strbuf_init(&why, 1024);
    memset(&got, 0, sizeof(got));
    rv = endpoints_parse(copy, n, &got, &why);
    free(copy);
    return rv;
}

static const char *
address(size_t i)
{
    static char out[ADDR_TEXT_MAX];

    return addr_print(&got.v[i].addr, out);
}

static void
a_list_of_strings_is_enough(void **state)
{
    (void)state;
    assert_int_equal(parse("[\"127.0.0.1:1\", \"[::1]:2\", \"unix:/run/a\",]"), ERR_OK);
    assert_int_equal(got.n, 3);
    assert_string_equal(address(0), "127.0.0.1:1");
    assert_string_equal(address(1), "[::1]:2");
    assert_string_equal(address(2), "unix:/run/a");
    assert_int_equal(got.v[2].weight, 1);
    assert_int_equal(got.v[2].priority, 0);
    assert_string_equal(got.v[2].zone, "");
    assert_null(got.v[2].hash_key);
    assert_int_equal(got.v[2].label_count, 0);
    endpoints_done(&got);
}

static void
all_that_an_endpoint_can_have_is_kept(void **state)
{
    (void)state;
    assert_int_equal(
        parse("// made by a script\n"
              "{ \"$schema\": \"x\", \"x-note\": 1, \"endpoints\": [\n"
              "  { \"target\": \"10.0.0.1:50051\", \"weight\": 7, \"priority\": 2,\n"
              "    \"zone\": \"eu-1a\", \"hashKey\": \"node-7\", \"x-why\": [],\n"
              "    \"labels\": { \"version\": \"v2\", \"empty\": \"\" } }, /* and */\n"
              "  { \"address\": \"10.0.0.2:50051\", \"labels\": {} },\n"
              "  { \"address\": \"10.0.0.3:1\", \"labels\": { \"version\": \"v3\" } }\n"
              "] }\n"),
        ERR_OK);
    assert_int_equal(got.n, 3);
    assert_string_equal(address(0), "10.0.0.1:50051");
    assert_int_equal(got.v[0].weight, 7);
    assert_int_equal(got.v[0].priority, 2);
    assert_string_equal(got.v[0].zone, "eu-1a");
    assert_string_equal(got.v[0].hash_key, "node-7");
    assert_int_equal(got.v[0].label_count, 2);
    assert_string_equal(got.v[0].labels[0].key, "version");
    assert_string_equal(got.v[0].labels[0].value, "v2");
    assert_string_equal(got.v[0].labels[1].key, "empty");
    assert_string_equal(got.v[0].labels[1].value, "");
    assert_int_equal(got.v[1].label_count, 0);
    assert_string_equal(got.v[2].labels[0].value, "v3");
    endpoints_done(&got);
}

static void
of_two_with_one_address_the_first_counts(void **state)
{
    (void)state;
    assert_int_equal(parse("[{\"target\":\"127.0.0.1:1\",\"weight\":3}, \"127.0.0.1:2\","
                           "{\"target\":\"localhost:1\",\"weight\":4}]"),
                     ERR_OK);
    assert_int_equal(got.n, 2);
    assert_int_equal(got.v[0].weight, 3);
    assert_string_equal(address(1), "127.0.0.1:2");
    endpoints_done(&got);
}

static void
what_is_wrong_is_told_with_its_place(void **state)
{
    static const char *const rows[][2] = {
        { "", "there is nothing in it" },
        { " \n ", "there is nothing in it" },
        { "[", "line 1, column 1: this is not JSON" },
        { "[\"127.0.0.1:1\",\n \"127.0", "line 2, column " },
        { "[\"127.0.0.1:1\"] x", "line 1, column 17: this is not JSON" },
        { "/* x", "line 1, column 1: the comment that starts here" },
        { "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[", "nested too deeply" },
        { "[]", "line 1, column 1: the list of endpoints is empty" },
        { "{\n\"endpoints\": [] }", "line 2, column 14: the list of endpoints is empty" },
        { "{}", "line 1, column 1: a list is needed here" },
        { "{\"endpoints\": null}", "a list is needed here" },
        { "{\"endpoints\":\n{}}", "line 2, column 1: a list is needed here" },
        { "{\"pools\": []}", "line 1, column 2: unknown key \"pools\"" },
        { "{\"endpoints\": [\"127.0.0.1:1\"], \"endpoints\": []}", "duplicate" },
        { "[\"127.0.0.1:1\",\n  \"nonsense\"]", "line 2, column 3: \"nonsense\" cannot" },
        { "[\"app.example:80\"]", "names are not looked up" },
        { "[7]", "line 1, column 2: an endpoint is \"address:port\"" },
        { "[null]", "line 1, column 2: an endpoint is" },
        { "[{}]", "line 1, column 2: the endpoint needs the key \"target\"" },
        { "[{\"target\": 7}]", "line 1, column 13: an address is a string" },
        { "[{\"target\":\"127.0.0.1:1\",\"address\":\"127.0.0.1:1\"}]", "mean the same" },
        { "[{\"target\":\"127.0.0.1:1\",\"wieght\":1}]",
          "line 1, column 26: unknown key \"wieght\"; did you mean \"weight\"?" },
        { "[{\"target\":\"127.0.0.1:1\",\n\"weight\":0}]",
          "line 2, column 10: weight must be a whole number from 1 to 1000000" },
        { "[{\"target\":\"127.0.0.1:1\",\"weight\":1000001}]", "weight must be" },
        { "[{\"target\":\"127.0.0.1:1\",\"weight\":1.5}]", "weight must be" },
        { "[{\"target\":\"127.0.0.1:1\",\"weight\":\"1\"}]", "weight must be" },
        { "[{\"target\":\"127.0.0.1:1\",\"priority\":-1}]", "priority must be" },
        { "[{\"target\":\"127.0.0.1:1\",\"priority\":128}]", "priority must be" },
        { "[{\"target\":\"127.0.0.1:1\",\"zone\":\"\"}]", "zone must be a string" },
        { "[{\"target\":\"127.0.0.1:1\",\"hashKey\":1}]", "hashKey must be a string" },
        { "[{\"target\":\"127.0.0.1:1\",\"labels\":[]}]", "labels must be an object" },
        { "[{\"target\":\"127.0.0.1:1\",\"labels\":{\"a\":1}}]",
          "line 1, column 40: a label has a name" },
        { "[{\"target\":\"127.0.0.1:1\",\"labels\":{\"\":\"a\"}}]",
          "a label has a name" },
        { "[{\"target\":\"127.0.0.1:1\",\"labels\":{\"a\":\"\",\"b\":\"\",\"c\":\"\","
          "\"d\":\"\",\"e\":\"\",\"f\":\"\",\"g\":\"\",\"h\":\"\",\"i\":\"\",\"j\":\"\","
          "\"k\":\"\",\"l\":\"\",\"m\":\"\",\"n\":\"\",\"o\":\"\",\"p\":\"\",\"q\":\"\"}}"
          "]",
          "at most 16 labels" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (parse(rows[i][0]) != ERR_SYNTAX)
            fail_msg("%s was taken", rows[i][0]);
        if (!strstr(why.s, rows[i][1]))
            fail_msg("%s: \"%s\" has no \"%s\"", rows[i][0], why.s, rows[i][1]);
    }
}

static struct strbuf
big_file(unsigned n)
{
    struct strbuf text;

    strbuf_init(&text, ENDPOINTS_FILE_MAX);
    strbuf_puts(&text, "{ \"endpoints\": [\n");
    for (unsigned i = 0; i < n; i++)
        strbuf_printf(&text,
                      "  { \"target\": \"10.%u.%u.%u:50051\", \"weight\": %u, \"zone\": "
                      "\"z%u\", \"labels\": { \"version\": \"v%u\" } }, // one\n",
                      i >> 16, i >> 8 & 255, i & 255, i % 9 + 1, i % 3, i % 2);
    strbuf_puts(&text, "] }\n");
    assert_false(text.cut);
    return text;
}

#ifdef OUT_SANITIZED
enum { SECONDS = 5 };
#else
enum { SECONDS = 1 };
#endif

static void
ten_thousand_are_read_fast_and_one_more_is_refused(void **state)
{
    struct strbuf text = big_file(RESOLVE_ENDPOINTS_MAX);
    clock_t start = clock();

    (void)state;
    assert_int_equal(parse(text.s), ERR_OK);
    print_message("%d endpoints, %zu bytes: %.1f ms\n", RESOLVE_ENDPOINTS_MAX, text.len,
                  (double)(clock() - start) * 1000 / CLOCKS_PER_SEC);
    /* Ten times what it takes: this must not fail on a busy machine or with sanitizers,
     * but squares of ten thousand would be seen. */
    assert_true((clock() - start) / CLOCKS_PER_SEC < SECONDS);
    assert_int_equal(got.n, RESOLVE_ENDPOINTS_MAX);
    assert_string_equal(address(9999), "10.0.39.15:50051");
    endpoints_done(&got);
    strbuf_done(&text);

    text = big_file(RESOLVE_ENDPOINTS_MAX + 1);
    assert_int_equal(parse(text.s), ERR_SYNTAX);
    assert_non_null(strstr(why.s, "there are 10001 endpoints; the most is 10000"));
    strbuf_done(&text);
    strbuf_done(&why);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_list_of_strings_is_enough),
        cmocka_unit_test(all_that_an_endpoint_can_have_is_kept),
        cmocka_unit_test(of_two_with_one_address_the_first_counts),
        cmocka_unit_test(what_is_wrong_is_told_with_its_place),
        cmocka_unit_test(ten_thousand_are_read_fast_and_one_more_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
