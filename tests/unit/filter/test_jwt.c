/* SPDX-License-Identifier: Apache-2.0 */
/* The filter jwt on calls without a proxy: where tokens are, and what backends get. */
#include "jwtrig.h"

#include <string.h>

#include "filter/claims.h"

/* ---- where a token is ---- */

static void
a_call_needs_a_token(void **state)
{
    struct rigcall *c;

    (void)state;
    rig_only(&filter_jwt, one(""));
    c = call_with(NULL, NULL);
    assert_int_equal(rig_request(c), FILTER_DONE);
    assert_string_equal(c->fc.refusal.reason, "JWT_MISSING");
    assert_string_equal(c->fc.text, "this call needs a token; send it as the header "
                                    "\"authorization: Bearer TOKEN\"");
    rig_end(c, GRPC_UNAUTHENTICATED);
    assert_int_equal(counted(JWT_MISSING), 1);
}

static void
the_scheme_is_bearer_in_any_case(void **state)
{
    const char *t = good();

    (void)state;
    rig_only(&filter_jwt, one(""));
    expect(printed("Bearer %s", t), NULL);
    expect(printed("bearer %s", t), NULL);
    expect(printed("BEARER  %s", t), NULL);
    expect(printed("bEaReR    %s", t), NULL);
    expect(t, "JWT_MISSING"); /* no scheme, no token */
    expect(printed("Bearer%s", t), "JWT_MISSING");
    expect(printed("Bearer\t%s", t), "JWT_MISSING");
    expect(printed("Basic %s", t), "JWT_MISSING");
    expect(printed("Bearer: %s", t), "JWT_MISSING");
    expect(printed("Token %s", t), "JWT_MISSING");
    expect("Bearer", "JWT_MALFORMED"); /* with a blank at the end it is no legal header */
    expect("bearer", "JWT_MALFORMED");
    expect(printed("Bearer %s,%s", t, t), "JWT_MALFORMED");
    expect(printed("Bearer Bearer %s", t), "JWT_MALFORMED");
    expect(printed("Bearer \"%s\"", t), "JWT_MALFORMED");
}

static void
two_headers_are_refused_whatever_they_say(void **state)
{
    const char *values[] = { bearer(good()), "Bearer x", "Basic x", "" };

    (void)state;
    rig_only(&filter_jwt, one(", \"require\": \"optional\""));
    for (size_t i = 0; i < ARRAY_LEN(values); i++)
        for (size_t k = 0; k < ARRAY_LEN(values); k++) {
            struct rigcall *c = call_with("authorization", values[i]);

            rig_header(c, "x-between", "1");
            rig_header(c, "authorization", values[k]);
            assert_int_equal(rig_request(c), FILTER_DONE);
            assert_string_equal(c->fc.refusal.reason, "JWT_TWICE");
            rig_end(c, GRPC_UNAUTHENTICATED);
        }
}

static void
tokens_may_come_in_other_headers(void **state)
{
    const char *t = good();

    (void)state;
    rig_only(&filter_jwt, one(", \"fromHeaders\": [\"x-token\", { \"name\": \"x-auth\", "
                              "\"prefix\": \"JWT \" }]"));
    expect_header("x-token", t, NULL);
    expect_header("x-auth", printed("jwt %s", t), NULL);
    expect_header("x-token", printed("Bearer %s", t), "JWT_MALFORMED");
    expect_header("x-auth", t, "JWT_MISSING");
    expect(bearer(t), "JWT_MISSING");
    expect_header("x-token", "", "JWT_MALFORMED");
}

static void
long_tokens_are_refused(void **state)
{
    static char large[9000];

    (void)state;
    rig_only(&filter_jwt, one(""));
    memset(large, 'A', sizeof(large) - 1);
    memcpy(large, "Bearer ", 7);
    expect(large, "JWT_TOO_LARGE");
    large[7 + 8192] = '\0';
    expect(large, "JWT_MALFORMED");
}

/* ---- what backends get ---- */

static void
the_token_goes_and_its_claims_come(void **state)
{
    struct rigcall *c;

    (void)state;
    rig_only(&filter_jwt, one(", \"claimToHeaders\": { \"x-user\": \"sub\", \"x-roles\": "
                              "\"r.roles\", \"x-none\": \"none\" }, \"payloadHeader\": "
                              "\"x-payload\""));
    for (unsigned i = 0; i < 2; i++) { /* new, and from the cache */
        const char *t = i ? "" : good();
        static char kept[4096];
        size_t at = 0;

        if (i == 0)
            snprintf(kept, sizeof(kept), "%s", t);
        c = call_with("authorization", bearer(kept));
        rig_header(c, "x-user", "admin"); /* what clients send is not believed */
        rig_header(c, "x-user", "root");
        rig_header(c, "x-none", "admin");
        rig_header(c, "x-payload", "e30");
        rig_header(c, "x-other", "1");
        assert_int_equal(rig_request(c), FILTER_NEXT);
        assert_null(rig_request_header(c, "authorization"));
        assert_string_equal(rig_request_header(c, "x-user"), "joe");
        assert_string_equal(rig_request_header(c, "x-roles"), "x,y");
        assert_null(rig_request_header(c, "x-none"));
        assert_string_equal(rig_request_header(c, "x-other"), "1");
        assert_memory_equal(rig_request_header(c, "x-payload"), strchr(kept, '.') + 1,
                            strlen(rig_request_header(c, "x-payload")));
        assert_int_equal(c->request.n, 4 + 2 + 4);
        assert_non_null(c->fc.claims);
        assert_true(
            slice_eq_str(claims_find(c->fc.claims, slice_of("sub"), &at)->value, "joe"));
        rig_end(c, GRPC_OK);
    }
    assert_int_equal(counted(JWT_OK), 1);
    assert_int_equal(counted(JWT_CACHED), 1);
}

static void
a_token_is_forwarded_when_it_should(void **state)
{
    struct rigcall *c;

    (void)state;
    rig_only(&filter_jwt, one(", \"forward\": true"));
    c = call_with("authorization", bearer(good()));
    assert_int_equal(rig_request(c), FILTER_NEXT);
    assert_non_null(rig_request_header(c, "authorization"));
    rig_end(c, GRPC_OK);
}

static void
claims_that_no_header_can_hold_are_counted(void **state)
{
    struct rigcall *c;

    (void)state;
    rig_only(&filter_jwt, one(", \"claimToHeaders\": { \"x-user\": \"sub\" }"));
    c = call_with("authorization",
                  bearer(token(key_a, "me", "orders", ",\"sub\":\"a\\r\\nx-admin: 1\"")));
    rig_header(c, "x-user", "admin");
    assert_int_equal(rig_request(c), FILTER_NEXT);
    assert_null(rig_request_header(c, "x-user"));
    rig_end(c, GRPC_OK);
    assert_int_equal(rig_counted(STAT_JWT_VALUES_LOST), 1);
}

static void
methods_can_be_left_out(void **state)
{
    struct rigcall *c;

    (void)state;
    rig_only(&filter_jwt, one(", \"exceptMethods\": [\"grpc.health.v1.Health/*\", "
                              "\"shop.Stock/Ping\"], \"claimToHeaders\": { \"x-user\": "
                              "\"sub\" }"));
    assert_int_equal(rig_pass("grpc.health.v1.Health/Check"), GRPC_OK);
    assert_int_equal(rig_pass("shop.Stock/Ping"), GRPC_OK);
    assert_int_equal(rig_pass("shop.Stock/Pin"), GRPC_UNAUTHENTICATED);
    assert_int_equal(rig_pass("shop.Stock/PingX"), GRPC_UNAUTHENTICATED);
    assert_int_equal(rig_pass("grpc.health.v1.HealthX/Check"), GRPC_UNAUTHENTICATED);
    assert_int_equal(rig_pass("x.grpc.health.v1.Health/Check"), GRPC_UNAUTHENTICATED);
    assert_int_equal(counted(JWT_EXCEPTED), 2);
    c = rig_call("shop.Stock/Ping");
    rig_header(c, "authorization", "Bearer what ever");
    rig_header(c, "x-user", "admin");
    assert_int_equal(rig_request(c), FILTER_NEXT);
    assert_string_equal(rig_request_header(c, "authorization"), "Bearer what ever");
    assert_null(rig_request_header(c, "x-user")); /* still nobody's word but ours */
    assert_null(c->fc.claims);
    rig_end(c, GRPC_OK);
}

static void
optional_lets_no_token_pass_but_never_a_bad_one(void **state)
{
    struct rigcall *c;

    (void)state;
    rig_only(&filter_jwt, one(", \"require\": \"optional\", \"claimToHeaders\": { "
                              "\"x-user\": \"sub\" }"));
    c = call_with("x-user", "admin");
    assert_int_equal(rig_request(c), FILTER_NEXT);
    assert_null(rig_request_header(c, "x-user"));
    assert_null(c->fc.claims);
    rig_end(c, GRPC_OK);
    assert_int_equal(counted(JWT_NONE), 1);
    expect("Basic joe", NULL);
    expect(bearer(good()), NULL);
    expect("Bearer x.y.z", "JWT_MALFORMED");
    expect(bearer(token(key_b, "me", "orders", "")), "JWT_UNKNOWN_KEY");
    expect(bearer(token(key_a, "me", "else", "")), "JWT_WRONG_AUDIENCE");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        JWT_TEST(a_call_needs_a_token),
        JWT_TEST(the_scheme_is_bearer_in_any_case),
        JWT_TEST(two_headers_are_refused_whatever_they_say),
        JWT_TEST(tokens_may_come_in_other_headers),
        JWT_TEST(long_tokens_are_refused),
        JWT_TEST(the_token_goes_and_its_claims_come),
        JWT_TEST(a_token_is_forwarded_when_it_should),
        JWT_TEST(claims_that_no_header_can_hold_are_counted),
        JWT_TEST(methods_can_be_left_out),
        JWT_TEST(optional_lets_no_token_pass_but_never_a_bad_one),
    };

    return cmocka_run_group_tests(tests, jwt_begin, jwt_end);
}
