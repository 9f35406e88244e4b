/* SPDX-License-Identifier: Apache-2.0 */
/* The filter headers: edits of the request, of the answer whoever makes it, and of trailers. */
#include "filterrig.h"

#include <string.h>

#include "base/err.h"
#include "filter/claims.h"
#include "filter/kinds.h"
#include "h2/edit.h"

#define TEXT(s)                                       \
    {                                                 \
        .p = (const uint8_t *)(s), .n = sizeof(s) - 1 \
    }

static const struct claim claim_list[] = { { TEXT("sub"), TEXT("ann") },
                                           { TEXT("role"), TEXT("a") },
                                           { TEXT("role"), TEXT("b\xff") } };
static const struct claims token = { ARRAY_LEN(claim_list), claim_list };

static void
put(struct h2_headers *h, const char *name, const char *value)
{
    assert_int_equal(h2_headers_add(h, rig_slab, slice_of(name), slice_of(value), 0),
                     ERR_OK);
}

/* All values of a name, with spaces between. */
static const char *
values(const struct h2_headers *h, const char *name)
{
    static char text[512];
    const struct h2_entry *e;
    unsigned at = 0;
    size_t n = 0;

    text[0] = '\0';
    while ((e = h2_headers_find(h, slice_of(name), &at)) != NULL)
        n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%.*s", n ? " " : "",
                              (int)e->f.valuelen, (const char *)e->f.value);
    return text;
}

static void
a_request_is_edited_with_what_is_known_of_its_call(void **state)
{
    struct rigcall *c;

    (void)state;
    rig_only(&filter_headers,
             "{ \"request\": { \"remove\": [\"x-debug\"], \"set\": {"
             "\"x-who\": \"%{client}/%{san}/%{peer}\","
             "\"x-sub\": \"%{claim:sub}\", \"x-roles\": \"%{claim:role}\","
             "\"x-none\": \"%{claim:none}\", \"x-id\": \"%{requestId}\","
             "\"x-where\": \"%{listener}, %{route}: %{service} %{method}\","
             "\"x-old\": \"was %{header:x-old}\" }, \"add\": { \"x-more\": \"2\" } } }");
    c = rig_call("shop.Cart/Get");
    c->identity = "spiffe://a/b";
    c->fc.client = slice_of("mobile");
    c->fc.claims = &token;
    c->fc.request_id = slice_of("id-1");
    rig_header(c, "x-debug", "1");
    rig_header(c, "x-old", "1");
    rig_header(c, "x-none", "forged");
    rig_header(c, "x-more", "1");
    assert_int_equal(rig_request(c), FILTER_NEXT);
    assert_string_equal(values(&c->request, "x-who"),
                        "mobile/spiffe://a/b/192.0.2.7:4711");
    assert_string_equal(values(&c->request, "x-sub"), "ann");
    assert_string_equal(values(&c->request, "x-roles"), "a,b%FF");
    assert_string_equal(values(&c->request, "x-id"), "id-1");
    assert_string_equal(values(&c->request, "x-where"), "test, routes[0]: shop.Cart Get");
    assert_string_equal(values(&c->request, "x-old"), "was 1");
    assert_string_equal(values(&c->request, "x-more"), "1 2");
    assert_string_equal(values(&c->request, "x-debug"), "");
    /* Nothing to say is not the same as what the client says. */
    assert_null(rig_request_header(c, "x-none"));
    assert_false(c->fc.wants_match);
    rig_end(c, GRPC_OK);
}

static void
an_answer_of_a_backend_is_edited_in_place(void **state)
{
    struct rigcall *c;

    (void)state;
    rig_only(&filter_headers,
             "{ \"response\": { \"remove\": [\"server\"], \"set\": { \"x-via\": "
             "\"%{listener}\", \"x-echo\": \"%{header:x-a}\" }, \"add\": { \"x-n\": "
             "\"2\" } }, \"trailers\": { \"set\": { \"x-cost\": \"0\" } } }");
    c = rig_call("shop.Cart/Get");
    rig_header(c, "x-a", "1");
    assert_int_equal(rig_request(c), FILTER_NEXT);
    put(&c->response, "server", "x");
    put(&c->response, "x-via", "backend");
    put(&c->response, "x-n", "1");
    assert_int_equal(chain_response(&c->fc, &c->response, false), FILTER_NEXT);
    assert_string_equal(values(&c->response, "server"), "");
    assert_string_equal(values(&c->response, "x-via"), "test");
    assert_string_equal(values(&c->response, "x-echo"), "1");
    assert_string_equal(values(&c->response, "x-n"), "1 2");
    assert_null(c->fc.answer); /* else they would come twice */
    put(&c->trailers, "x-cost", "17");
    assert_int_equal(chain_trailers(&c->fc, &c->trailers), FILTER_NEXT);
    assert_string_equal(values(&c->trailers, "x-cost"), "0");
    rig_end(c, GRPC_OK);
}

static void
an_answer_of_our_own_has_the_headers_too(void **state)
{
    struct rigcall *c;

    (void)state;
    rig_only(&filter_headers, "{ \"response\": { \"set\": { \"x-via\": \"%{listener}\", "
                              "\"x-none\": \"%{client}\" } } }");
    c = rig_call("shop.Cart/Get");
    assert_int_equal(rig_request(c), FILTER_NEXT);
    assert_string_equal(rig_answer_header(c, "x-via"), "test");
    assert_null(rig_answer_header(c, "x-none"));
    rig_end(c, GRPC_UNAVAILABLE);
}

static void
of_two_filters_the_first_has_the_last_word(void **state)
{
    struct filter *f[2];
    struct rigcall *c;

    (void)state;
    f[0] = rig_filter(&filter_headers, "{ \"response\": { \"set\": { \"x\": \"1\" } } }");
    f[1] = rig_filter(&filter_headers, "{ \"response\": { \"set\": { \"x\": \"2\" } } }");
    rig_chain(f, 2);
    c = rig_call("shop.Cart/Get");
    assert_int_equal(rig_request(c), FILTER_NEXT);
    assert_string_equal(rig_answer_header(c, "x"), "1");
    assert_null(c->fc.answer->next);
    assert_int_equal(chain_response(&c->fc, &c->response, false), FILTER_NEXT);
    assert_string_equal(values(&c->response, "x"), "1");
    assert_null(c->fc.answer);
    rig_end(c, GRPC_OK);
}

static void
rematch_asks_for_another_route(void **state)
{
    struct rigcall *c;

    (void)state;
    rig_only(
        &filter_headers,
        "{ \"rematch\": true, \"request\": { \"set\": { \"x-user\": \"%{san}\" } } }");
    c = rig_call("shop.Cart/Get");
    assert_int_equal(rig_request(c), FILTER_NEXT);
    assert_true(c->fc.wants_match);
    rig_end(c, GRPC_OK);
}

static void
values_that_become_too_long_end_their_call_only(void **state)
{
    static char big[3000];
    struct rigcall *c;

    (void)state;
    memset(big, '\xff', sizeof(big) - 1); /* three bytes each, written as %FF */
    rig_only(&filter_headers,
             "{ \"request\": { \"set\": { \"x-a\": \"%{header:x-big}\" } } }");
    c = rig_call("shop.Cart/Get");
    rig_header(c, "x-big", big);
    assert_int_equal(rig_request(c), FILTER_DONE);
    assert_int_equal(c->fc.refusal.code, GRPC_INTERNAL);
    assert_string_equal(c->fc.refusal.reason, "FILTER_FAILED");
    assert_int_equal(rig_counted(STAT_FILTERS_FAILED), 1);
    rig_end(c, GRPC_INTERNAL);
    assert_int_equal(rig_pass("shop.Cart/Get"), GRPC_OK);
}

static void
settings_say_what_is_wrong(void **state)
{
    static const struct {
        const char *json, *part;
    } bad[] = {
        { "{ }", "it does nothing" },
        { "{ \"rematch\": true, \"trailers\": { \"remove\": [\"x\"] } }",
          "no other route can fit" },
        { "{ \"request\": { \"set\": { \"x\": \"%{pool}\" } } }", "pool is not chosen" },
        { "{ \"request\": { \"set\": { \"x\": \"%{nobody}\" } } }", "%{claim:NAME}" },
        { "{ \"request\": { \"set\": { \":path\": \"x\" } } }", "pseudo header" },
        { "{ \"trailers\": { \"set\": { \"grpc-status\": \"0\" } } }",
          "result of the call" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        const char *said = rig_problems(&filter_headers, bad[i].json);

        if (!strstr(said, bad[i].part))
            fail_msg("%s\n%s", bad[i].json, said);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        FILTER_TEST(a_request_is_edited_with_what_is_known_of_its_call),
        FILTER_TEST(an_answer_of_a_backend_is_edited_in_place),
        FILTER_TEST(an_answer_of_our_own_has_the_headers_too),
        FILTER_TEST(of_two_filters_the_first_has_the_last_word),
        FILTER_TEST(rematch_asks_for_another_route),
        FILTER_TEST(values_that_become_too_long_end_their_call_only),
        FILTER_TEST(settings_say_what_is_wrong),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
