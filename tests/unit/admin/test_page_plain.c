/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "unit.h"

#include "admin/page.h"
#include "admin/page_plain.h"
#include "base/slice.h"
#include "base/strbuf.h"

/* Longer than all of it but the style, which the tests leave out. */
enum { ROOM = 256 * 1024 };

static char *
plain(const char *json)
{
    struct strbuf out;

    strbuf_init(&out, ROOM);
    plain_print(json, strlen(json), "p{}", 3, &out);
    assert_false(out.cut);
    return strbuf_steal(&out);
}

static void
expect(char *html, const char *what)
{
    if (!strstr(html, what))
        fail_msg("no %s in %s", what, html);
}

static void
names_cannot_become_markup(void **state)
{
    char *html = plain("{\"pools\":[{\"name\":\"<script>alert('1')&\\\"\",\"endpoints\":"
                       "[{\"address\":\"<b>\",\"why\":\"a > b\"}]}]}");

    (void)state;
    expect(html, "<td>&lt;script&gt;alert('1')&amp;&quot;</td>");
    expect(html, "<td>&lt;b&gt;</td>");
    expect(html, "<td>a &gt; b</td>");
    assert_null(strstr(html, "<script"));
    free(html);
}

static void
figures_are_written_as_people_read_them(void **state)
{
    char *html = plain(
        "{\"now\":{\"callsPerS\":1234567.5,\"okShare\":0.99934,\"p50Ms\":0,"
        "\"p95Ms\":2.25,\"rssBytes\":18874368,\"cpuShare\":null},"
        "\"process\":{\"uptimeMs\":273600000,\"workers\":2,\"reload\":{\"ok\":false}},"
        "\"listeners\":[{\"name\":\"in\",\"ready\":true}]}");

    (void)state;
    expect(html, "<td class=\"n\">1234567.5</td>");
    expect(html, "<td class=\"n\">99.934 %</td>");
    expect(html, "<td class=\"n\">0</td>");
    expect(html, "<td class=\"n\">2.25</td>");
    expect(html, "<td class=\"n\">18 MiB</td>");
    expect(html, "<td class=\"n\">3 d</td>");
    expect(html, "<td class=\"n\">&ndash;</td>");
    expect(html, "<td>no</td>");
    expect(html, "<td>yes</td>");
    free(html);
}

static void
rows_of_a_row_name_it(void **state)
{
    char *html = plain("{\"pools\":[{\"name\":\"empty\",\"endpoints\":[]},"
                       "{\"name\":\"app\",\"endpoints\":[{\"address\":\"10.0.0.1:1\"},"
                       "{\"address\":\"10.0.0.2:1\"}]}]}");
    const char *at;
    int heads = 0;

    (void)state;
    expect(html, "<tr><td>app</td><td>10.0.0.1:1</td>");
    expect(html, "<tr><td>app</td><td>10.0.0.2:1</td>");
    for (at = html; (at = strstr(at, "<th scope=\"col\">Endpoint</th>")); at++)
        heads++;
    assert_int_equal(heads, 1);
    free(html);
}

static void
what_is_missing_is_said(void **state)
{
    static const char *const texts[] = { "{}", "{\"pools\":null,\"failed\":[]}",
                                         "{\"pools\":7,\"failed\":{\"a\":[1]},"
                                         "\"routes\":[3,null,\"x\"]}" };

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        char *html = plain(texts[i]);

        expect(html, "<p>No pools are configured.</p>");
        expect(html, "<p>No certificates: nothing here uses TLS.</p>");
        expect(html, "</html>");
        free(html);
    }
}

static void
what_is_no_json_gives_a_page_that_says_so(void **state)
{
    static const char *const texts[] = { "", "{", "\"text\"", "{\"a\":1}}" };

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        char *html = plain(texts[i]);

        expect(html, "There are no figures yet; load the page again.");
        expect(html, "<style>p{}</style>");
        expect(html, "</html>");
        free(html);
    }
}

static void
what_is_too_much_is_told_with_where_else_to_look(void **state)
{
    struct strbuf out;

    (void)state;
    strbuf_init(&out, ROOM);
    plain_print(NULL, 4 << 20, "p{}", 3, &out);
    expect(out.s, "too many pools and endpoints");
    expect(out.s, "href=\"/pools\"");
    expect(out.s, "</html>");
    strbuf_done(&out);
}

/* The browser's own word for what may run is a hash of exactly these bytes; the hashes themselves are compared by tests/integration/test_page.py. */
static void
the_style_is_what_stands_between_the_tags(void **state)
{
    const char *page = (const char *)page_html.p;

    (void)state;
    assert_true(page_style.p > page_html.p);
    assert_true(page_style.p + page_style.n < page_html.p + page_html.n);
    assert_memory_equal(page_style.p - 7, "<style>", 7);
    assert_memory_equal(page_style.p + page_style.n, "</style>", 8);
    assert_memory_equal(page, "<!doctype html>", 15);
    assert_memory_equal(page_style_hash, "sha256-", 7);
    assert_int_equal(strlen(page_style_hash), 7 + 44);
    assert_int_equal(strlen(page_script_hash), 7 + 44);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_cannot_become_markup),
        cmocka_unit_test(figures_are_written_as_people_read_them),
        cmocka_unit_test(rows_of_a_row_name_it),
        cmocka_unit_test(what_is_missing_is_said),
        cmocka_unit_test(what_is_no_json_gives_a_page_that_says_so),
        cmocka_unit_test(what_is_too_much_is_told_with_where_else_to_look),
        cmocka_unit_test(the_style_is_what_stands_between_the_tags),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
