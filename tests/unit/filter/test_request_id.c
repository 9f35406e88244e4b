/* SPDX-License-Identifier: Apache-2.0 */
/* The filter "requestId": whose id a call has, and who hears of it. */
#include <string.h>

#include "filter/kinds.h"
#include "filterrig.h"
#include "h2/edit.h"

enum { UUID_LEN = 36 };

static void
assert_is_uuid(const char *id)
{
    assert_non_null(id);
    assert_int_equal(strlen(id), UUID_LEN);
    for (size_t i = 0; i < UUID_LEN; i++) {
        bool dash = i == 8 || i == 13 || i == 18 || i == 23;

        assert_true(dash ? id[i] == '-' : strchr("0123456789abcdef", id[i]) != NULL);
    }
    assert_int_equal(id[14], '4');
    assert_true(strchr("89ab", id[19]) != NULL);
}

static void
each_call_gets_an_id_of_its_own(void **state)
{
    char first[UUID_LEN + 1];
    struct rigcall *c;

    (void)state;
    rig_only(&filter_request_id, "{}");
    c = rig_call("pkg.Service/Method");
    assert_int_equal(rig_request(c), FILTER_NEXT);
    assert_is_uuid(rig_request_header(c, "x-request-id"));
    memcpy(first, rig_request_header(c, "x-request-id"), sizeof(first));
    assert_string_equal(rig_answer_header(c, "x-request-id"), first);
    assert_true(slice_eq_str(c->fc.request_id, first));
    rig_end(c, GRPC_OK);
    c = rig_call("pkg.Service/Method");
    assert_int_equal(rig_request(c), FILTER_NEXT);
    assert_is_uuid(rig_request_header(c, "x-request-id"));
    assert_string_not_equal(rig_request_header(c, "x-request-id"), first);
    rig_end(c, GRPC_OK);
}

static void
a_client_is_not_believed_unless_it_is_trusted(void **state)
{
    struct rigcall *c;
    unsigned at = 0;

    (void)state;
    rig_only(&filter_request_id, "{}");
    c = rig_call("pkg.Service/Method");
    rig_header(c, "x-request-id", "mine");
    rig_header(c, "x-request-id", "mine too");
    assert_int_equal(rig_request(c), FILTER_NEXT);
    assert_is_uuid(rig_request_header(c, "x-request-id"));
    /* None of the client's is left beside it. */
    assert_non_null(h2_headers_find(&c->request, slice_of("x-request-id"), &at));
    assert_null(h2_headers_find(&c->request, slice_of("x-request-id"), &at));
    rig_end(c, GRPC_OK);
}

static void
a_trusted_client_keeps_a_good_id(void **state)
{
    static const char longest[] = "012345678901234567890123456789012345678901234567890123"
                                  "4567890123456789012345678901"
                                  "2345678901234567890123456789012345678901234567";
    static const char *const good[] = { "a", "A-b_c.d:e/f+g=h@i", "0", longest };
    static const char *const bad[] = {
        "", "a b", "a,b", "\"a\"", "a;b", "%41", "\xc3\xa4"
    };
    char too_long[sizeof(longest) + 1];

    (void)state;
    assert_int_equal(strlen(longest), 128);
    rig_only(&filter_request_id, "{ \"trustClient\": true }");
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        struct rigcall *c = rig_call("pkg.Service/Method");

        rig_header(c, "x-request-id", good[i]);
        assert_int_equal(rig_request(c), FILTER_NEXT);
        assert_string_equal(rig_request_header(c, "x-request-id"), good[i]);
        assert_string_equal(rig_answer_header(c, "x-request-id"), good[i]);
        assert_true(slice_eq_str(c->fc.request_id, good[i]));
        rig_end(c, GRPC_OK);
    }
    memset(too_long, 'a', sizeof(too_long) - 1);
    too_long[sizeof(too_long) - 1] = '\0';
    for (size_t i = 0; i <= ARRAY_LEN(bad); i++) {
        struct rigcall *c = rig_call("pkg.Service/Method");

        rig_header(c, "x-request-id", i < ARRAY_LEN(bad) ? bad[i] : too_long);
        assert_int_equal(rig_request(c), FILTER_NEXT);
        assert_is_uuid(rig_request_header(c, "x-request-id"));
        rig_end(c, GRPC_OK);
    }
}

/* Which of the two would a backend take? */
static void
two_ids_are_none(void **state)
{
    struct rigcall *c;

    (void)state;
    rig_only(&filter_request_id, "{ \"trustClient\": true }");
    c = rig_call("pkg.Service/Method");
    rig_header(c, "x-request-id", "one");
    rig_header(c, "x-request-id", "two");
    assert_int_equal(rig_request(c), FILTER_NEXT);
    assert_is_uuid(rig_request_header(c, "x-request-id"));
    rig_end(c, GRPC_OK);
}

static void
the_header_has_another_name_and_no_echo(void **state)
{
    struct rigcall *c;

    (void)state;
    rig_only(&filter_request_id, "{ \"header\": \"x-correlation-id\", \"echo\": false, "
                                 "\"trustClient\": true }");
    c = rig_call("pkg.Service/Method");
    rig_header(c, "x-request-id", "not looked at");
    rig_header(c, "x-correlation-id", "c-1");
    assert_int_equal(rig_request(c), FILTER_NEXT);
    assert_string_equal(rig_request_header(c, "x-request-id"), "not looked at");
    assert_string_equal(rig_request_header(c, "x-correlation-id"), "c-1");
    assert_null(rig_answer_header(c, "x-correlation-id"));
    assert_true(slice_eq_str(c->fc.request_id, "c-1"));
    rig_end(c, GRPC_OK);
}

static void
names_that_no_id_can_have_are_refused(void **state)
{
    static const char *const bad[] = {
        "X-Request-Id", ":path", "grpc-timeout", "te", "a b", "x-id-bin", ""
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        char json[128];

        snprintf(json, sizeof(json), "{ \"header\": \"%s\" }", bad[i]);
        if (!strstr(rig_problems(&filter_request_id, json), "[E0280]"))
            fail_msg("%s: %s", bad[i], rig_problems(&filter_request_id, json));
    }
    assert_string_equal(rig_problems(&filter_request_id, "{ \"header\": \"x-id\" }"), "");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        FILTER_TEST(each_call_gets_an_id_of_its_own),
        FILTER_TEST(a_client_is_not_believed_unless_it_is_trusted),
        FILTER_TEST(a_trusted_client_keeps_a_good_id),
        FILTER_TEST(two_ids_are_none),
        FILTER_TEST(the_header_has_another_name_and_no_echo),
        FILTER_TEST(names_that_no_id_can_have_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
