/* SPDX-License-Identifier: Apache-2.0 */
/* The query of /explain-call: what is taken, and that nothing else is. */
#include "unit.h"

#include <string.h>

#include "base/compat.h"
#include "main/explain_page.h"
#include "net/tls_conf.h"

static struct explain_query q;
static const char *why;

static void
all_words_arrive_decoded(void **state)
{
    const struct h2_field *f;

    (void)state;
    assert_true(explain_query_read(&q,
                                   "method=%2Fa.B%2FC&listener=in+1&authority=h:8&"
                                   "header=X-User%3Danna%26bob%3d&header=b=2&"
                                   "san=spiffe%3A%2F%2Fx%2Fy&format=json",
                                   &why));
    assert_true(slice_eq_str(q.call.in.path, "/a.B/C"));
    assert_true(slice_eq_str(q.call.in.service, "a.B"));
    assert_true(slice_eq_str(q.call.in.authority, "h:8"));
    assert_string_equal(q.listener, "in 1");
    assert_true(q.json);
    assert_int_equal(q.call.headers.n, 4);
    f = &q.call.headers.v[2].f;
    assert_true(slice_eq_str(slice_make(f->name, f->namelen), "x-user"));
    assert_true(slice_eq_str(slice_make(f->value, f->valuelen), "anna&bob="));
    assert_int_equal(q.call.peer.n_sans, 1);
    assert_int_equal(q.call.sans[0].kind, TLS_SAN_URI);
}

static void
what_is_wrong_is_refused_with_a_sentence(void **state)
{
    static const char *const queries[] = {
        "",
        "method",
        "method=",
        "listener=in",
        "method=/a.B/C&method=/a.B/C",
        "method=/a.B/C&what=1",
        "method=/a.B/C&format=xml",
        "method=/a.B/C&header=a",
        "method=/a.B/C&&",
        "method=%2",
        "method=%",
        "method=%zz",
        "method=/a.B/C%00",
        "method=/a.B/C&header=a%3d%0a",
        "=",
        "method=/a.B/C&san=",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(queries); i++) {
        why = "";
        if (explain_query_read(&q, queries[i], &why))
            fail_msg("taken: %s", queries[i]);
        assert_true(strlen(why) > 10);
    }
}

static void
a_query_has_an_end(void **state)
{
    static char text[QUERY_MAX + 2];

    (void)state;
    memset(text, 'a', sizeof(text) - 1);
    memcpy(text, "method=/a.B/", 12);
    assert_false(explain_query_read(&q, text, &why));
    text[QUERY_MAX] = '\0';
    assert_true(explain_query_read(&q, text, &why));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_words_arrive_decoded),
        cmocka_unit_test(what_is_wrong_is_refused_with_a_sentence),
        cmocka_unit_test(a_query_has_an_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
