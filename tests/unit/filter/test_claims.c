/* SPDX-License-Identifier: Apache-2.0 */
/* Claims: from the payload of a token to flat text, and what is too much. */
#include "unit.h"

#include <string.h>

#include "base/compat.h"
#include "base/strbuf.h"
#include "base/xalloc.h"
#include "filter/claims.h"

static struct claims_read reading;

static bool
reads(const char *json)
{
    static char copy[16 * 1024];

    memcpy(copy, json, strlen(json));
    return claims_read(&reading, (uint8_t *)copy, strlen(json));
}

/* "name=value;" of all claims. */
static char *
flat(const char *json)
{
    static char out[4096];
    struct claim *room;
    struct claims c;
    char *text;
    size_t n = 0;

    assert_true(reads(json));
    room = xcalloc(reading.kept + 1, sizeof(*room));
    text = xmalloc(reading.bytes + 1);
    text[reading.bytes] = 'x'; /* nothing is written behind the end */
    c = claims_make(&reading, room, text);
    assert_int_equal(text[reading.bytes], 'x');
    out[0] = '\0';
    for (size_t i = 0; i < c.n; i++)
        n += (size_t)snprintf(out + n, sizeof(out) - n, "%.*s=%.*s;", (int)c.v[i].name.n,
                              c.v[i].name.p, (int)c.v[i].value.n, c.v[i].value.p);
    xfree(text);
    xfree(room);
    return out;
}

static void
claims_are_flat(void **state)
{
    (void)state;
    assert_string_equal(flat("{}"), "");
    assert_string_equal(
        flat("{\"sub\":\"joe\",\"n\":-7,\"t\":true,\"f\":false,\"z\":null}"),
        "sub=joe;n=-7;t=true;f=false;");
    assert_string_equal(flat("{\"r\":1.50,\"e\":1e3}"), "r=1.50;e=1e3;");
    assert_string_equal(flat("{\"aud\":[\"a\",\"b\",3,null,\"c\"],\"x\":\"y\"}"),
                        "aud=a;aud=b;aud=3;aud=c;x=y;");
    assert_string_equal(
        flat("{\"realm_access\":{\"roles\":[\"u\",\"v\"],\"n\":{\"deep\":1}},\"z\":2}"),
        "realm_access.roles=u;realm_access.roles=v;realm_access.n.deep=1;z=2;");
    assert_string_equal(flat("{\"l\":[[\"a\"],[],{\"k\":\"b\"},{\"k\":\"c\"},\"d\"]}"),
                        "l=a;l.k=b;l.k=c;l=d;");
    assert_string_equal(flat("{\"\":\"a\",\"x\":{\"\":{\"\":\"b\"}},\"e\":\"\"}"),
                        "=a;x..=b;e=;");
    assert_string_equal(flat("{\"http://x.y/z\":\"\\u00e4\\n\"}"),
                        "http://x.y/z=\xc3\xa4\n;");
    assert_string_equal(flat("{\"a\":{},\"b\":[],\"c\":[{}],\"d\":1}"), "d=1;");
}

static void
names_and_values_find_each_other(void **state)
{
    struct claim v[] = { { slice_of("a"), slice_of("1") },
                         { slice_of("b"), slice_of("2") },
                         { slice_of("a"), slice_of("3") } };
    struct claims c = { 3, v };
    size_t at = 0;

    (void)state;
    assert_ptr_equal(claims_find(&c, slice_of("a"), &at), &v[0]);
    assert_ptr_equal(claims_find(&c, slice_of("a"), &at), &v[2]);
    assert_null(claims_find(&c, slice_of("a"), &at));
    at = 0;
    assert_null(claims_find(&c, slice_of("A"), &at));
    at = 0;
    assert_null(claims_find(NULL, slice_of("a"), &at));
    assert_true(claims_has(&c, slice_of("a"), slice_of("3")));
    assert_false(claims_has(&c, slice_of("a"), slice_of("2")));
    assert_false(claims_has(NULL, slice_of("a"), slice_of("1")));
}

static void
members_of_the_payload_keep_their_kind(void **state)
{
    const struct claim_read *c;

    (void)state;
    assert_true(
        reads("{\"exp\":7,\"nbf\":1.5,\"iss\":\"me\",\"aud\":[\"a\"],\"o\":{\"exp\":"
              "9},\"z\":null,\"b\":true}"));
    c = claims_read_get(&reading, "exp");
    assert_true(c->kind == CLAIM_WHOLE && c->whole == 7 && c->depth == 1);
    c = claims_read_get(&reading, "nbf");
    assert_true(c->kind == CLAIM_REAL && c->real == 1.5);
    assert_int_equal(claims_read_get(&reading, "iss")->kind, CLAIM_TEXT);
    c = claims_read_get(&reading, "aud");
    assert_int_equal(c->kind, CLAIM_TREE);
    assert_true(c[1].kind == CLAIM_TEXT && c[1].depth == 2);
    assert_int_equal(claims_read_get(&reading, "o")->kind, CLAIM_TREE);
    assert_int_equal(claims_read_get(&reading, "z")->kind, CLAIM_NULL);
    assert_int_equal(claims_read_get(&reading, "b")->kind, CLAIM_BOOL);
    assert_null(claims_read_get(&reading, "ex"));
    /* A member of an object never has the name of one of the payload. */
    assert_int_equal(claims_read_get(&reading, "o.exp")->whole, 9);
    assert_true(reads("{\"x\":{\"exp\":7},\"l\":[{\"exp\":8}],\"\":{\"exp\":9}}"));
    assert_null(claims_read_get(&reading, "exp"));
}

static void
what_is_no_object_or_has_a_key_twice_is_refused(void **state)
{
    static const char *const bad[] = {
        "",
        "[]",
        "7",
        "\"x\"",
        "null",
        "{",
        "{}x",
        "{\"a\":1,\"a\":1}",
        "{\"a\":{\"b\":1,\"b\":2}}",
        "{\"l\":[{\"b\":1,\"b\":2}]}",
        "{\"exp\":1,\"\\u0065xp\":2}",
        "{\"a\":1e400}",
        "{\"a\":99999999999999999999}",
        "{\"a\":\"\\u0000\"}",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        if (reads(bad[i]))
            fail_msg("%s", bad[i]);
}

static void
depth_number_and_names_are_bounded(void **state)
{
    struct strbuf b;

    (void)state;
    assert_true(
        reads("{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":1}}}}}}}}"));
    assert_false(reads(
        "{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":1}}}}}}}}}"));
    assert_true(reads("{\"a\":[[[[[[[1]]]]]]]}"));
    assert_false(reads("{\"a\":[[[[[[[[1]]]]]]]]}"));
    strbuf_init(&b, 16 * 1024);
    strbuf_puts(&b, "{\"a\":[0");
    for (unsigned i = 2; i < CLAIMS_MAX; i++) /* the list itself is one */
        strbuf_puts(&b, ",0");
    strbuf_puts(&b, "]}");
    assert_true(reads(b.s));
    assert_int_equal(reading.kept, CLAIMS_MAX - 1);
    b.len -= 2;
    strbuf_puts(&b, ",0]}");
    assert_false(reads(b.s));
    strbuf_done(&b);
    /* A long name before many short ones. */
    strbuf_init(&b, 16 * 1024);
    strbuf_puts(&b, "{\"");
    for (unsigned i = 0; i < 1000; i++)
        strbuf_puts(&b, "n");
    strbuf_puts(&b, "\":{\"0\":0");
    for (unsigned i = 1; i < 20; i++)
        strbuf_printf(&b, ",\"%u\":0", i);
    strbuf_puts(&b, "}}");
    assert_false(reads(b.s));
    strbuf_done(&b);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(claims_are_flat),
        cmocka_unit_test(names_and_values_find_each_other),
        cmocka_unit_test(members_of_the_payload_keep_their_kind),
        cmocka_unit_test(what_is_no_object_or_has_a_key_twice_is_refused),
        cmocka_unit_test(depth_number_and_names_are_bounded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
