/* SPDX-License-Identifier: Apache-2.0 */
/* Texts with variables, and header edits over a block of fields. */
#include "unit.h"

#include <string.h>

#include "base/arena.h"
#include "base/compat.h"
#include "base/err.h"
#include "base/slab.h"
#include "filter/edit.h"
#include "filter/edit_conf.h"
#include "filter/template.h"
#include "h2/headers.h"

enum { ARENA_CAP = 64 * 1024, FIELDS = 256 };

static struct slab *slab;
static struct arena arena;
static struct h2_entry entries[8];
static struct h2_headers headers;
static struct template_values values;

static int
setup(void **state)
{
    (void)state;
    slab = slab_new();
    arena_init(&arena, slab, NULL, 0, ARENA_CAP);
    memset(&values, 0, sizeof(values));
    headers = (struct h2_headers){ .v = entries };
    values.headers = &headers;
    values.v[TEMPLATE_PEER] = slice_of("10.0.0.1:4711");
    values.v[TEMPLATE_POOL] = slice_of("app");
    values.v[TEMPLATE_SERVICE] = slice_of("a.B");
    return 0;
}

static int
teardown(void **state)
{
    (void)state;
    arena_reset(&arena);
    slab_free(slab); /* asserts that all came back */
    return 0;
}

static struct h2_field
field(const char *name, const char *value)
{
    return (struct h2_field){ .name = (uint8_t *)name,
                              .value = (uint8_t *)value,
                              .namelen = strlen(name),
                              .valuelen = strlen(value) };
}

static void
client_sends(const char *name, const char *value)
{
    entries[headers.n++].f = field(name, value);
}

/* ---- templates ---- */

static void
want_text(const char *text, const char *want)
{
    char why[TEMPLATE_WHY_MAX];
    struct template *t;
    struct slice got;

    assert_int_equal(template_check(text, why), ERR_OK);
    t = template_new(text);
    assert_int_equal(template_write(t, &values, &arena, 1000, &got), ERR_OK);
    if (!slice_eq_str(got, want))
        fail_msg("%s: got \"%.*s\", not \"%s\"", text, (int)got.n, (const char *)got.p,
                 want);
    template_free(t);
}

static void
variables_are_put_in(void **state)
{
    (void)state;
    client_sends("x-user", "ann");
    client_sends("x-list", "1");
    client_sends("x-list", "2");
    want_text("", "");
    want_text("plain", "plain");
    want_text("100% of %d", "100% of %d");
    want_text("%{peer}", "10.0.0.1:4711");
    want_text("<%{peer}|%{pool}>", "<10.0.0.1:4711|app>");
    want_text("%{header:x-user} at %{service}", "ann at a.B");
    want_text("%{header:x-list}", "1,2");
    want_text("a%{header:x-none}b%{san}c", "abc");
    values.v[TEMPLATE_CLIENT] = slice_of("mobile");
    values.v[TEMPLATE_REQUEST_ID] = slice_of("id-1");
    want_text("%{client} %{requestId} %{claim:https://a.b/c}", "mobile id-1");
    want_text("%%{peer}", "%{peer}");
    want_text("%%%{peer}", "%%{peer}");
    want_text("%%{", "%{");
    want_text("  %{header:x-none} ", "");
    want_text(" a ", "a");
}

static void
what_peers_send_is_made_safe(void **state)
{
    (void)state;
    client_sends("x-a", "two\r\nx-evil: 1");
    client_sends("x-b", "gr\xc3\xbc\x7f%41");
    client_sends("x-c", "\tspaces  ");
    want_text("%{header:x-a}", "two%0D%0Ax-evil: 1");
    want_text("%{header:x-b}", "gr%C3%BC%7F%41");
    want_text("%{header:x-c}", "%09spaces");
}

static void
unknown_variables_are_refused(void **state)
{
    static const char *const bad[] = { "%{",           "%{peer",      "%{address}",
                                       "%{header}",    "%{header:}",  "%{header:X-User}",
                                       "%{header: a}", "a %{Peer} b", "%{}",
                                       "%{claim:}",    "%{claim}" };
    char why[TEMPLATE_WHY_MAX], many[17 * 8 + 1];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        assert_int_equal(template_check(bad[i], why), ERR_SYNTAX);
        assert_non_null(strstr(why, "%{header:NAME}"));
    }
    for (size_t i = 0; i < 17; i++)
        memcpy(many + i * 8, "a%{peer}", 9);
    assert_int_equal(template_check(many, why), ERR_SYNTAX);
    assert_non_null(strstr(why, "more than 32"));
}

static void
texts_are_bounded(void **state)
{
    struct template *t = template_new("12345%{peer}");
    struct slice got;

    (void)state;
    assert_int_equal(template_write(t, &values, &arena, 17, &got), ERR_LIMIT);
    assert_int_equal(template_write(t, &values, &arena, 18, &got), ERR_OK);
    template_free(t);
    t = template_new("12345");
    assert_int_equal(template_write(t, &values, &arena, 4, &got), ERR_LIMIT);
    assert_int_equal(arena.used > 0, 1);
    template_free(t);
}

/* ---- edits ---- */

#define MAP(...)                                                                    \
    {                                                                               \
        .items = (struct conf_pair[]){ __VA_ARGS__ },                               \
        .n = sizeof((struct conf_pair[]){ __VA_ARGS__ }) / sizeof(struct conf_pair) \
    }
#define NAMES(...)                                              \
    {                                                           \
        .items = (struct edit_name_conf[]){ __VA_ARGS__ },      \
        .n = sizeof((struct edit_name_conf[]){ __VA_ARGS__ }) / \
             sizeof(struct edit_name_conf)                      \
    }

static void
want_fields(const struct edit_conf *conf, const char *want)
{
    struct h2_field f[FIELDS] = { field(":path", "/a.B/C"), field("x-a", "1"),
                                  field("x-b", "2"),        field("x-a", "3"),
                                  field("x-long", "4"),     field("x-c", "5") };
    struct edit *e = edit_new(conf);
    const struct slice *v;
    char got[1024] = "";
    size_t n;

    assert_int_equal(edit_values(e, &values, &arena, &v), ERR_OK);
    n = edit_apply(e, v, f, 6);
    assert_true(n <= 6 + edit_adds(e));
    for (size_t i = 0; i < n; i++)
        snprintf(got + strlen(got), sizeof(got) - strlen(got), "%.*s=%.*s ",
                 (int)f[i].namelen, (char *)f[i].name, (int)f[i].valuelen,
                 (char *)f[i].value);
    assert_string_equal(got, want);
    edit_free(e);
}

static void
edits_happen_in_the_order_remove_set_add(void **state)
{
    const struct edit_conf nothing = { 0 };
    const struct edit_conf remove = { .remove = NAMES({ "x-a" }, { "x-none" }) };
    const struct edit_conf set = { .set = MAP({ "x-b", "%{pool}" }, { "x-new", "n" }) };
    const struct edit_conf add = { .add = MAP({ "x-a", "4" }) };
    const struct edit_conf all = { .remove = NAMES({ "x-a" }, { "x-c" }),
                                   .set = MAP({ "x-a", "s" }, { "x-b", "t" }),
                                   .add = MAP({ "x-a", "u" }, { "x-c", "v" }) };

    (void)state;
    assert_null(edit_new(&nothing));
    want_fields(&remove, ":path=/a.B/C x-b=2 x-long=4 x-c=5 ");
    want_fields(&set, ":path=/a.B/C x-a=1 x-a=3 x-long=4 x-c=5 x-b=app x-new=n ");
    want_fields(&add, ":path=/a.B/C x-a=1 x-b=2 x-a=3 x-long=4 x-c=5 x-a=4 ");
    want_fields(&all, ":path=/a.B/C x-long=4 x-a=s x-b=t x-a=u x-c=v ");
}

static void
values_that_became_empty_are_left_out(void **state)
{
    const struct edit_conf c = { .set = MAP({ "x-a", "%{san}" }, { "x-b", "" }) };

    (void)state;
    want_fields(&c, ":path=/a.B/C x-long=4 x-c=5 x-b= ");
}

static void
values_together_are_bounded(void **state)
{
    static char long_value[EDIT_BYTES_MAX / 2];
    const struct edit_conf c = { .set = MAP({ "a", "%{header:x}" },
                                            { "b", "%{header:x}" }, { "c", "%{peer}" }) };
    struct edit *e = edit_new(&c);
    const struct slice *v;

    (void)state;
    memset(long_value, 'v', sizeof(long_value) - 1);
    client_sends("x", long_value);
    assert_int_equal(edit_values(e, &values, &arena, &v), ERR_LIMIT);
    long_value[sizeof(long_value) - 10] = '\0';
    headers.n = 0;
    client_sends("x", long_value);
    assert_int_equal(edit_values(e, &values, &arena, &v), ERR_OK);
    edit_free(e);
}

static void
a_full_arena_is_an_error(void **state)
{
    const struct edit_conf c = { .set = MAP({ "a", "%{peer}" }) };
    struct edit *e = edit_new(&c);
    const struct slice *v;
    int rv = ERR_OK;

    (void)state;
    for (int i = 0; i < ARENA_CAP && rv == ERR_OK; i++)
        rv = edit_values(e, &values, &arena, &v);
    assert_int_equal(rv, ERR_NOMEM);
    edit_free(e);
}

static void
what_is_asked_for_is_known_beforehand(void **state)
{
    const struct edit_conf c = { .set = MAP({ "a", "%{peer}%%{san}" }),
                                 .add = MAP({ "b", "%{header:x}" }) };
    struct edit *e = edit_new(&c);
    struct template *t = template_new("%{header:x-key-bin}");

    (void)state;
    assert_int_equal(edit_wants(e), 1u << TEMPLATE_PEER | 1u << TEMPLATE_HEADER);
    assert_int_equal(edit_adds(e), 2);
    assert_int_equal(edit_wants(NULL), 0);
    assert_true(slice_eq_str(template_only_header(t), "x-key-bin"));
    edit_free(e);
    template_free(t);
}

#define EDIT_TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        EDIT_TEST(variables_are_put_in),
        EDIT_TEST(what_peers_send_is_made_safe),
        EDIT_TEST(unknown_variables_are_refused),
        EDIT_TEST(texts_are_bounded),
        EDIT_TEST(edits_happen_in_the_order_remove_set_add),
        EDIT_TEST(values_that_became_empty_are_left_out),
        EDIT_TEST(values_together_are_bounded),
        EDIT_TEST(a_full_arena_is_an_error),
        EDIT_TEST(what_is_asked_for_is_known_beforehand),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
