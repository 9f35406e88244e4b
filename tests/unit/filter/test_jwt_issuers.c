/* SPDX-License-Identifier: Apache-2.0 */
/* The filter jwt with several issuers: whose token it is, and how many a call needs. */
#include "jwtrig.h"

#include "base/xalloc.h"
#include "filter/claims.h"

static const char *
two(const char *more_a, const char *more_b, const char *more)
{
    return printed(
        "{ \"providers\": [{ \"issuer\": \"a\", \"audiences\": \"orders\", \"jwks\": "
        "\"file:%s/a.json\"%s }, { \"issuer\": \"b\", \"audiences\": \"orders\", "
        "\"jwks\": \"file:%s/b.json\"%s }]%s }",
        dir, more_a, dir, more_b, more);
}

static void
the_issuer_says_whose_token_it_is(void **state)
{
    (void)state;
    rig_only(&filter_jwt, two("", "", ""));
    expect(bearer(token(key_a, "a", "orders", "")), NULL);
    expect(bearer(token(key_b, "b", "orders", "")), NULL);
    expect(bearer(token(key_a, "b", "orders", "")),
           "JWT_UNKNOWN_KEY"); /* a signs for b */
    expect(bearer(token(key_b, "a", "orders", "")), "JWT_UNKNOWN_KEY");
    expect(bearer(token(key_a, "c", "orders", "")), "JWT_UNKNOWN_ISSUER");
    assert_int_equal(counted(JWT_OK), 2);
}

/* The other one's key under the name of the own one. */
static void
keys_of_one_issuer_are_not_those_of_another(void **state)
{
    struct jwtkey *liar = jwtkey_new(SIG_EDDSA, "b", 0);
    struct jwtkey *set[] = { liar };
    char *json = jwtkeys_set(set, 1);

    (void)state;
    put("a.json", json); /* a publishes a key that is called as b's */
    rig_only(&filter_jwt, two("", "", ""));
    expect(bearer(token(liar, "a", "orders", "")), NULL);
    expect(bearer(token(liar, "b", "orders", "")), "JWT_BAD_SIGNATURE");
    put("a.json", set_a);
    xfree(json);
    jwtkey_free(liar);
}

static void
providers_of_one_issuer_may_differ_in_the_audience(void **state)
{
    (void)state;
    rig_only(
        &filter_jwt,
        printed("{ \"providers\": [{ \"issuer\": \"a\", \"audiences\": \"x\", \"jwks\": "
                "\"file:%s/a.json\", \"claimToHeaders\": { \"x-x\": \"sub\" } }, { "
                "\"issuer\": \"a\", \"audiences\": \"y\", \"jwks\": \"file:%s/a.json\", "
                "\"claimToHeaders\": { \"x-y\": \"sub\" } }] }",
                dir, dir));
    for (unsigned i = 0; i < 2; i++) {
        struct rigcall *c =
            call_with("authorization",
                      bearer(token(key_a, "a", i ? "x" : "y", ",\"sub\":\"joe\"")));

        assert_int_equal(rig_request(c), FILTER_NEXT);
        assert_int_equal(rig_request_header(c, "x-x") != NULL, i == 1);
        assert_int_equal(rig_request_header(c, "x-y") != NULL, i == 0);
        rig_end(c, GRPC_OK);
    }
    expect(bearer(token(key_a, "a", "z", "")), "JWT_WRONG_AUDIENCE");
}

static void
each_token_that_is_sent_must_be_good(void **state)
{
    const char *ta = token(key_a, "a", "orders", ""),
               *tb = token(key_b, "b", "orders", "");
    const struct {
        const char *auth, *own, *reason;
    } rows[] = {
        { ta, NULL, NULL },
        { NULL, tb, NULL },
        { ta, tb, NULL },
        { ta, "x", "JWT_MALFORMED" },
        { "x", tb, "JWT_MALFORMED" },
        { NULL, ta, "JWT_UNKNOWN_ISSUER" }, /* a's tokens do not come there */
        { tb, NULL, "JWT_UNKNOWN_ISSUER" },
        { NULL, NULL, "JWT_MISSING" },
    };

    (void)state;
    rig_only(&filter_jwt, two("", ", \"fromHeaders\": \"x-b\"", ""));
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct rigcall *c = rig_call("shop.Stock/Get");

        if (rows[i].auth)
            rig_header(c, "authorization", bearer(rows[i].auth));
        if (rows[i].own)
            rig_header(c, "x-b", rows[i].own);
        assert_int_equal(rig_request(c), rows[i].reason ? FILTER_DONE : FILTER_NEXT);
        if (rows[i].reason)
            assert_string_equal(c->fc.refusal.reason, rows[i].reason);
        rig_end(c, GRPC_OK);
    }
}

static void
all_needs_one_of_each(void **state)
{
    const char *ta = token(key_a, "a", "orders", ",\"sub\":\"a\""),
               *tb = token(key_b, "b", "orders", ",\"sub\":\"b\"");
    const struct {
        const char *auth, *own, *reason;
    } rows[] = {
        { ta, tb, NULL },
        { ta, NULL, "JWT_MISSING" },
        { NULL, tb, "JWT_MISSING" },
        { NULL, NULL, "JWT_MISSING" },
        { tb, ta, "JWT_UNKNOWN_ISSUER" },
        { ta, ta, "JWT_UNKNOWN_ISSUER" },
    };

    (void)state;
    rig_only(&filter_jwt, two("", ", \"fromHeaders\": \"x-b\", \"forward\": true",
                              ", \"require\": \"all\""));
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct rigcall *c = rig_call("shop.Stock/Get");
        size_t at = 0;

        if (rows[i].auth)
            rig_header(c, "authorization", bearer(rows[i].auth));
        if (rows[i].own)
            rig_header(c, "x-b", rows[i].own);
        assert_int_equal(rig_request(c), rows[i].reason ? FILTER_DONE : FILTER_NEXT);
        if (rows[i].reason) {
            assert_string_equal(c->fc.refusal.reason, rows[i].reason);
        } else {
            /* The claims are those of the first provider. */
            assert_true(slice_eq_str(
                claims_find(c->fc.claims, slice_of("sub"), &at)->value, "a"));
            assert_null(rig_request_header(c, "authorization"));
            assert_non_null(rig_request_header(c, "x-b"));
        }
        rig_end(c, GRPC_OK);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        JWT_TEST(the_issuer_says_whose_token_it_is),
        JWT_TEST(keys_of_one_issuer_are_not_those_of_another),
        JWT_TEST(providers_of_one_issuer_may_differ_in_the_audience),
        JWT_TEST(each_token_that_is_sent_must_be_good),
        JWT_TEST(all_needs_one_of_each),
    };

    return cmocka_run_group_tests(tests, jwt_begin, jwt_end);
}
