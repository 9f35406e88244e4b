/* SPDX-License-Identifier: Apache-2.0 */
/* What is shown of a config that was refused has stars for its secrets, and all else as it was written. */
#include <string.h>

#include "base/strbuf.h"
#include "conf/mask.h"
#include "unit.h"

static void
check(const char *text, const char *wanted)
{
    bool hide[400] = { false };
    char shown[400];
    size_t n = strlen(text);

    assert_true(n < sizeof(shown));
    conf_mask_text(text, n, hide);
    for (size_t i = 0; i <= n; i++)
        shown[i] = (char)(hide[i] ? '*' : text[i]);
    assert_string_equal(shown, wanted);
}

static void
lines_of_a_file_have_stars(void **state)
{
    (void)state;
    check("  \"password\": \"ab\\\"c\", \"user\": \"joe\"",
          "  \"password\": \"*****\", \"user\": \"joe\"");
    check("{ \"x-api-key\": { \"oneOf\": [\"a\", \"b\"] }, \"next\": \"c\" }",
          "{ \"x-api-key\": { \"oneOf\": [\"*\", \"*\"] }, \"next\": \"c\" }");
    check("\"authorization\" : \"Bearer ab", "\"authorization\" : \"*********");
    check("\"cookie\": [\"a\", \"b", "\"cookie\": [\"*\", \"*");
    check("  - password: a,b # c", "  - password: *******");
    check("{ password: 'it', user: joe }", "{ password: '**', user: joe }");
    check("\"tokenFile\": \"/run/t\"", "\"tokenFile\": \"/run/t\"");
    check("\"name\": \"password\"", "\"name\": \"password\"");
    check("\"otlp\": \"http://joe:pw@otel:4318/a@b\", \"x\": 1",
          "\"otlp\": \"http://******@otel:4318/a@b\", \"x\": 1");
    check("jwks: https://id/k?key=a#b # text", "jwks: https://id/k?******* # text");
    check("[\"dns:///a:1\", 'redis://:p@ss@h']", "[\"dns:///a:1\", 'redis://*****@h']");
    check("http://", "http://");
    check("://@", "://@");
    check("\"secret\":", "\"secret\":");
    check("\"secret\": \"", "\"secret\": \"");
    check("", "");
}

static void
a_value_in_the_lines_below_its_key_has_stars(void **state)
{
    (void)state;
    check("\"cookie\": {\n \"oneOf\": [ \"a\",\n \"b\" ] },\n\"next\": \"c\"",
          "\"cookie\": {\n \"oneOf\": [ \"*\",\n \"*\" ] },\n\"next\": \"c\"");
    check("{ \"password\":\n\"ab\", \"user\": \"joe\" }",
          "{ \"password\":\n\"**\", \"user\": \"joe\" }");
    check("{ \"cookie\": // it's\r\n[\r\n\"a\" // ] }\r\n, \"b\"],\r\n\"c\": \"d\" }",
          "{ \"cookie\": *******\r\n[\r\n\"*\" ******\r\n, \"*\"],\r\n\"c\": \"d\" }");
    check("\"token\": 5,\n  \"next\": \"a\"", "\"token\": **\n  \"next\": \"a\"");
    check("\"token\": 5\n}, \"a\"", "\"token\": *\n}, \"a\"");
}

static void
indentation_tells_where_a_value_ends(void **state)
{
    (void)state;
    check("a:\n  cookie:\n    oneOf:\n    - b/c\n    -  d: e\n\n  next: f",
          "a:\n  cookie:\n    oneOf:\n    - ***\n    -  d: *\n\n  next: f");
    check("a:\n- password: |\n    b c\n   # d\n  next: f\n- g",
          "a:\n- password: *\n    ***\n   ***\n  next: f\n- g");
    check("cookie:\n- a\n- b\nnext: c", "cookie:\n- *\n- *\nnext: c");
    check("password: \"a\n  b\"\nnext: c", "password: \"*\n  **\nnext: c");
    check("password: # a\n  'b'\nnext: c", "password: ***\n  '*'\nnext: c");
    check("cookie:\n  oneOf: [ a,\n   b/c ]\n  exact: d\nnext: e",
          "cookie:\n  oneOf: [ *,\n   *** ]\n  exact: *\nnext: e");
}

static void
of_a_list_of_keys_only_clients_are_shown(void **state)
{
    (void)state;
    check("\"keys\": [\"a\", { \"client\": \"joe\", \"sha256\": \"b\" }], \"c\": \"d\"",
          "\"keys\": [\"*\", { \"client\": \"joe\", \"sha256\": \"*\" }], \"c\": \"d\"");
    check("\"keys\": [{ \"client\": { \"a\": \"b\" } }], \"c\": \"d\"",
          "\"keys\": [{ \"client\": { \"*\": \"*\" } }], \"c\": \"d\"");
    check("\"keys\": {\n\"a\": \"joe\", \"client\":\n\"joe\" },\n\"c\": \"d\"",
          "\"keys\": {\n\"*\": \"***\", \"client\":\n\"joe\" },\n\"c\": \"d\"");
    check("keys:\n  - a\n  - client: joe\n    sha256: b\nnext: joe",
          "keys:\n  - *\n  - client: joe\n    sha256: *\nnext: joe");
    check("\"keys\": \"a\", \"key\": \"b\"", "\"keys\": \"*\", \"key\": \"b\"");
}

static void
a_set_of_keys_in_a_string_has_stars(void **state)
{
    (void)state;
    check("\"jwks\": \"{\\\"k\\\": 1}\", \"a\": \"b\"",
          "\"jwks\": \"**********\", \"a\": \"b\"");
    check("jwks: ' {\"k\": 1}'", "jwks: '*********'");
}

static void
a_password_before_a_host_has_stars(void **state)
{
    (void)state;
    check("\"dns:///joe:pw@app\", \"joe:pw@app:1\", \"joe@app:1\"",
          "\"dns:///******@app\", \"******@app:1\", \"joe@app:1\"");
    check("- dns:joe:pw@app:1", "- **********@app:1");
    check("unix:@app \"file:///etc/a:b@c\" a:@ :@ @",
          "unix:@app \"file:///etc/a:b@c\" a:@ :@ @");
}

static void
put(const char *text, const char *wanted)
{
    struct strbuf out;

    strbuf_init(&out, 4096);
    strbuf_puts(&out, "");
    conf_put_masked(text, &out);
    assert_string_equal(out.s, wanted);
    strbuf_done(&out);
}

static void
a_value_is_told_without_its_secrets(void **state)
{
    (void)state;
    put("", "");
    put("5s", "5s");
    put("dns:///joe:pw@app", "dns:///******@app");
    put(" {\"keys\": [] }", "(redacted)");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_of_a_file_have_stars),
        cmocka_unit_test(a_value_in_the_lines_below_its_key_has_stars),
        cmocka_unit_test(indentation_tells_where_a_value_ends),
        cmocka_unit_test(of_a_list_of_keys_only_clients_are_shown),
        cmocka_unit_test(a_set_of_keys_in_a_string_has_stars),
        cmocka_unit_test(a_password_before_a_host_has_stars),
        cmocka_unit_test(a_value_is_told_without_its_secrets),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
