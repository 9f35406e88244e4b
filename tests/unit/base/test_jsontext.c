/* SPDX-License-Identifier: Apache-2.0 */
/* Texts against the JSON strings that they must become. */
#include "unit.h"

#include "base/compat.h"
#include "base/jsontext.h"
#include "base/strbuf.h"

static void
texts_become_strings(void **state)
{
    static const char *const rows[][2] = {
        { "", "\"\"" },
        { "plain /:-_{}", "\"plain /:-_{}\"" },
        { "a\"b\\c", "\"a\\\"b\\\\c\"" },
        { "\n\t\x01\x1f\x7f", "\"\\u000a\\u0009\\u0001\\u001f\\u007f\"" },
        { "\xc3\xa9\xff", "\"\\u00e9\\u00ff\"" },
        { "x\xe2\x82\xac\xf0\x9f\x98\x80y", "\"x\\u20ac\\ud83d\\ude00y\"" },
        { "cut \xe2\x82", "\"cut \\u00e2\\u0082\"" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct strbuf out;

        strbuf_init(&out, 1000);
        json_text_add(&out, rows[i][0]);
        assert_string_equal(out.s, rows[i][1]);
        strbuf_done(&out);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(texts_become_strings) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
