/* SPDX-License-Identifier: Apache-2.0 */
/* The filter jwt while keys come and go: calls that wait for them, old ones, and what was verified before. */
#include "jwtrig.h"

static void
other_keys_end_what_was_verified_with_the_old_ones(void **state)
{
    const char *t = bearer(good());

    (void)state;
    rig_only(&filter_jwt, one_by_url(""));
    answer(NULL, set_ab);
    expect(t, NULL);
    expect(t, NULL);
    assert_int_equal(counted(JWT_CACHED), 1);
    for (unsigned i = 0; i < 700 && !net.open; i++)
        rig_advance_ms(1000);
    answer(NULL, set_b); /* a is gone */
    expect(bearer(token(key_b, "me", "orders", "")), NULL);
    assert_int_equal(counted(JWT_CACHED), 1);
    struct rigcall *c = call_with("authorization", t);

    assert_int_equal(rig_request(c), FILTER_WAIT); /* perhaps it comes back */
    rig_advance_ms(1);
    answer(NULL, set_b);
    rig_advance_ms(20);
    assert_int_equal(c->verdict, FILTER_DONE);
    assert_string_equal(c->fc.refusal.reason, "JWT_UNKNOWN_KEY");
    rig_end(c, GRPC_UNAUTHENTICATED);
    expect(t, "JWT_UNKNOWN_KEY"); /* at once */
}

static void
calls_wait_for_the_first_keys(void **state)
{
    struct rigcall *c[3], *gone;

    (void)state;
    rig_only(&filter_jwt, one_by_url(""));
    for (unsigned i = 0; i < 3; i++)
        c[i] = call_with("authorization", bearer(i == 1 ? "x.y.z" : good()));
    assert_int_equal(rig_request(c[0]), FILTER_WAIT);
    assert_int_equal(rig_request(c[1]), FILTER_DONE); /* nothing helps that */
    assert_int_equal(rig_request(c[2]), FILTER_WAIT);
    gone = call_with("authorization", bearer(good()));
    assert_int_equal(rig_request(gone), FILTER_WAIT);
    rig_advance_ms(1000);
    assert_int_equal(c[0]->resumed, 0);
    rig_end(gone, GRPC_CANCELLED);
    answer(NULL, set_a);
    rig_advance_ms(11);
    assert_int_equal(c[0]->resumed, 1);
    assert_int_equal(c[0]->verdict, FILTER_NEXT);
    assert_int_equal(c[2]->verdict, FILTER_NEXT);
    assert_null(rig_request_header(c[0], "authorization"));
    for (unsigned i = 0; i < 3; i++)
        rig_end(c[i], GRPC_OK);
    assert_int_equal(rig_counted(STAT_JWT_WAITED), 3);
    rig_advance_ms(1000);
}

static void
without_keys_nobody_passes(void **state)
{
    struct rigcall *c;

    (void)state;
    rig_only(&filter_jwt, one_by_url(", \"require\": \"optional\""));
    c = call_with("authorization", bearer(good()));
    assert_int_equal(rig_request(c), FILTER_WAIT);
    answer("connection refused", NULL);
    rig_advance_ms(11);
    assert_int_equal(c->verdict, FILTER_DONE);
    assert_string_equal(c->fc.refusal.reason, "JWT_NO_KEYS");
    assert_int_equal(c->fc.refusal.code, GRPC_UNAUTHENTICATED);
    rig_end(c, GRPC_UNAUTHENTICATED);
    expect(bearer(good()), "JWT_NO_KEYS"); /* at once now */
    rig_advance_ms(1200);
    assert_true(net.open);
    expect(bearer(good()), "JWT_NO_KEYS");
}

static void
keys_that_are_too_old_let_nobody_pass(void **state)
{
    const char *t = bearer(good());

    (void)state;
    rig_only(
        &filter_jwt,
        printed(
            "{ \"issuer\": \"me\", \"audiences\": [\"orders\"], \"jwks\": { \"from\": "
            "\"" URL "\", \"refresh\": \"10s\", \"maxStale\": \"20s\" } }"));
    answer(NULL, set_a);
    expect(t, NULL);
    for (unsigned i = 0; i < 19; i++) {
        rig_advance_ms(1000);
        if (net.open)
            answer("no", NULL);
        expect(t, NULL); /* from the cache */
    }
    rig_advance_ms(1000);
    expect(t, "JWT_OLD_KEYS");
    expect(bearer(token(key_a, "me", "orders", ",\"n\":2")), "JWT_OLD_KEYS");
    for (unsigned i = 0; i < 40 && !net.open; i++)
        rig_advance_ms(1000);
    answer(NULL, set_a);
    expect(t, NULL);
}

static void
a_new_key_is_waited_for(void **state)
{
    struct rigcall *c[2];

    (void)state;
    rig_only(&filter_jwt, one_by_url(""));
    answer(NULL, set_a);
    for (unsigned i = 0; i < 2; i++) {
        c[i] = call_with("authorization", bearer(token(key_b, "me", "orders", "")));
        assert_int_equal(rig_request(c[i]), FILTER_WAIT);
    }
    rig_advance_ms(1);
    assert_int_equal(net.started, 2);
    answer(NULL, set_ab);
    rig_advance_ms(11);
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(c[i]->verdict, FILTER_NEXT);
        rig_end(c[i], GRPC_OK);
    }
}

static void
waiting_calls_are_bounded(void **state)
{
    enum { CALLS = 1001 };
    static struct rigcall *c[CALLS];
    const char *t;
    unsigned waiting = 0;

    (void)state;
    rig_only(&filter_jwt, one_by_url(""));
    t = bearer(good());
    for (unsigned i = 0; i < CALLS; i++) {
        c[i] = call_with("authorization", t);
        waiting += rig_request(c[i]) == FILTER_WAIT;
    }
    assert_int_equal(waiting, 1000);
    assert_string_equal(c[1000]->fc.refusal.reason, "JWT_NO_KEYS");
    answer(NULL, set_a);
    rig_advance_ms(11);
    for (unsigned i = 0; i < CALLS; i++) {
        assert_int_equal(c[i]->verdict, i < 1000 ? FILTER_NEXT : FILTER_DONE);
        rig_end(c[i], GRPC_OK);
    }
    assert_int_equal(counted(JWT_OK), 1);
    assert_int_equal(counted(JWT_CACHED), 999);
}

static void
the_cache_can_be_off(void **state)
{
    const char *t = bearer(good());

    (void)state;
    rig_only(&filter_jwt, one(", \"cacheTokens\": 0"));
    expect(t, NULL);
    expect(t, NULL);
    assert_int_equal(counted(JWT_OK), 2);
}

static void
evictions_are_counted(void **state)
{
    (void)state;
    rig_only(&filter_jwt, one(", \"cacheTokens\": 2"));
    for (unsigned i = 0; i < 5; i++)
        expect(bearer(token(key_a, "me", "orders", printed(",\"n\":%u", i))), NULL);
    assert_int_equal(rig_counted(STAT_JWT_EVICTED), 3);
}

static void
bytes_of_the_cache_are_counted(void **state)
{
    const char *t = bearer(good());
    int64_t first, second;

    (void)state;
    rig_only(&filter_jwt, one(", \"cacheTokens\": 2"));
    assert_int_equal(rig_counted(STAT_JWT_CACHE_BYTES), 0);
    expect(t, NULL);
    first = rig_counted(STAT_JWT_CACHE_BYTES);
    assert_true(first > (int64_t)strlen(t));
    expect(t, NULL);
    assert_int_equal(rig_counted(STAT_JWT_CACHE_BYTES), first);
    for (unsigned i = 0; i < 5; i++)
        expect(bearer(token(key_a, "me", "orders", printed(",\"n\":%u", i))), NULL);
    second = rig_counted(STAT_JWT_CACHE_BYTES);
    assert_true(second > first && second < 3 * first);
    rig_only(&filter_jwt, one("")); /* the other filter ends */
    assert_int_equal(rig_counted(STAT_JWT_CACHE_BYTES), 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        JWT_TEST(other_keys_end_what_was_verified_with_the_old_ones),
        JWT_TEST(calls_wait_for_the_first_keys),
        JWT_TEST(without_keys_nobody_passes),
        JWT_TEST(keys_that_are_too_old_let_nobody_pass),
        JWT_TEST(a_new_key_is_waited_for),
        JWT_TEST(waiting_calls_are_bounded),
        JWT_TEST(the_cache_can_be_off),
        JWT_TEST(evictions_are_counted),
        JWT_TEST(bytes_of_the_cache_are_counted),
    };

    return cmocka_run_group_tests(tests, jwt_begin, jwt_end);
}
