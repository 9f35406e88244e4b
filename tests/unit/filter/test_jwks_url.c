/* SPDX-License-Identifier: Apache-2.0 */
/* Keys from a URL: when it is asked, what a failure changes, and names of keys that are not known. */
#include "jwksrig.h"

#include "base/compat.h"

static void
a_url_is_asked_at_once_and_then_from_time_to_time(void **state)
{
    struct jwks_source *s = open_from(URL);

    (void)state;
    assert_int_equal(net.started, 1);
    assert_string_equal(net.args.url, URL);
    assert_int_equal(net.args.timeout_ms, 5000);
    assert_int_equal(net.args.cap, JWKS_TEXT_MAX);
    assert_int_equal(look(s), JWKS_COMING);
    answer(NULL, set_a);
    assert_int_equal(look(s), JWKS_GOOD);
    assert_true(has("a"));
    pass_ms(539000); /* 10 minutes less 10 % */
    assert_int_equal(net.started, 1);
    pass_ms(122000);
    assert_int_equal(net.started, 2);
    assert_int_equal(look(s), JWKS_GOOD); /* meanwhile */
    answer(NULL, set_a);
    assert_int_equal(look(s), JWKS_GOOD);
    assert_int_equal(view.version, 1); /* the same: caches live on */
    pass_ms(661000);
    answer(NULL, set_b);
    assert_int_equal(look(s), JWKS_GOOD);
    assert_int_equal(view.version, 2);
    assert_true(has("b") && !has("a"));
    jwks_source_close(s);
}

static void
after_failures_it_is_asked_sooner_but_never_in_a_hurry(void **state)
{
    static const int waits_s[] = { 1, 2, 4, 8, 16, 30, 30, 30 };
    struct jwks_source *s = open_from(URL);

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(waits_s); i++) {
        unsigned before = net.started;

        answer("connection refused", NULL);
        assert_int_equal(look(s), JWKS_NONE);
        pass_ms(waits_s[i] * 900 - 5);
        assert_int_equal(net.started, before);
        pass_ms(waits_s[i] * 200 + 10);
        assert_int_equal(net.started, before + 1);
        assert_int_equal(look(s), JWKS_NONE); /* nobody waits for it again */
    }
    assert_int_equal(stat_get(&stats, STAT_JWKS_FAILED), ARRAY_LEN(waits_s));
    assert_int_equal(stat_get(&stats, STAT_JWKS_BAD), 1);
    answer(NULL, set_a);
    assert_int_equal(look(s), JWKS_GOOD);
    pass_ms(661000);
    answer("late", NULL); /* begins at 1 s again */
    pass_ms(1110);
    assert_true(net.open);
    answer(NULL, set_a);
    jwks_source_close(s);
}

static void
answers_that_are_no_good_change_nothing(void **state)
{
    static const char *const bad[] = { "", "<html>", "{}", "{\"keys\":[]}",
                                       "{\"keys\":[{\"kty\":\"oct\",\"k\":\"AAAA\"}]}" };
    struct jwks_source *s = open_from(URL);

    (void)state;
    answer(NULL, set_a);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        pass_ms(661000);
        answer(NULL, bad[i]);
        assert_int_equal(stat_get(&stats, STAT_JWKS_FAILED), 1);
        assert_int_equal(look(s), JWKS_GOOD);
        assert_true(has("a"));
        assert_int_equal(view.version, 1);
        stats.v[STAT_JWKS_FAILED] = 0;
        pass_ms(1110);
        answer(NULL, set_a);
    }
    jwks_source_close(s);
}

static void
keys_end_when_no_answer_was_good_for_too_long(void **state)
{
    struct jwks_source *s = open_from(URL);
    int64_t left_ms = 3600000;

    (void)state;
    answer(NULL, set_a);
    while (left_ms > 1000) {
        pass_ms(1000);
        left_ms -= 1000;
        if (net.open)
            answer("no", NULL);
        assert_int_equal(look(s), JWKS_GOOD);
    }
    pass_ms(1000);
    assert_int_equal(look(s), JWKS_OLD);
    if (!net.open)
        pass_ms(34000);
    assert_int_equal(look(s), JWKS_OLD);
    answer(NULL, set_a);
    assert_int_equal(look(s), JWKS_GOOD);
    assert_int_equal(view.version, 1);
    jwks_source_close(s);
}

static void
an_unknown_name_makes_one_fetch_in_30_s(void **state)
{
    struct jwks_source *s = open_from(URL);
    char kid[32];
    unsigned asked = 0;

    (void)state;
    assert_true(ask(s, "b")); /* the first one is under way */
    answer(NULL, set_a);
    assert_int_equal(look(s), JWKS_GOOD);
    for (unsigned second = 0; second < 300; second++) {
        for (unsigned i = 0; i < 50; i++) { /* each with a new name */
            snprintf(kid, sizeof(kid), "%u-%u", second, i);
            asked += ask(s, kid);
        }
        loop_turn(loop, false);
        if (net.open)
            answer(NULL, set_a);
        pass_ms(1000);
    }
    assert_int_equal(net.started, 1 + 10);
    assert_int_equal(asked, 10 * 50); /* those of the second in which it was under way */
    jwks_source_close(s);
}

static void
a_new_key_is_found_at_once(void **state)
{
    struct jwks_source *s = open_from(URL);

    (void)state;
    answer(NULL, set_a);
    pass_ms(1000);
    assert_true(ask(s, "b"));
    assert_true(jwks_source_busy(s));
    assert_true(ask(s, "b")); /* single flight */
    loop_turn(loop, false);
    assert_int_equal(net.started, 2);
    answer(NULL, set_ab);
    assert_false(jwks_source_busy(s));
    assert_int_equal(look(s), JWKS_GOOD);
    assert_true(has("b"));
    pass_ms(539000);
    assert_int_equal(net.started, 2); /* and its time began anew */
    jwks_source_close(s);
}

static void
a_name_that_was_not_there_is_not_asked_for_again(void **state)
{
    struct jwks_source *s = open_from(URL);

    (void)state;
    answer(NULL, set_a);
    assert_true(ask(s, "b"));
    loop_turn(loop, false);
    answer(NULL, set_a);
    pass_ms(31000);
    assert_false(ask(s, "b"));
    assert_int_equal(net.started, 2);
    assert_true(ask(s, "c")); /* others are */
    loop_turn(loop, false);
    answer(NULL, set_a);
    pass_ms(31000);
    assert_false(ask(s, "c"));
    assert_false(ask(s, "b"));
    pass_ms(59000); /* 121 s after b was asked for */
    assert_false(ask(s, "c"));
    assert_true(ask(s, "b"));
    loop_turn(loop, false);
    answer(NULL, set_a);
    /* New keys: everything may be. */
    pass_ms(661000);
    answer(NULL, set_b);
    assert_true(ask(s, "c"));
    loop_turn(loop, false);
    /* A fetch that failed says nothing about the name, the next one does. */
    answer("no", NULL);
    pass_ms(1110);
    answer(NULL, set_b);
    pass_ms(31000);
    assert_false(ask(s, "c"));
    jwks_source_close(s);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_url_is_asked_at_once_and_then_from_time_to_time),
        TEST(after_failures_it_is_asked_sooner_but_never_in_a_hurry),
        TEST(answers_that_are_no_good_change_nothing),
        TEST(keys_end_when_no_answer_was_good_for_too_long),
        TEST(an_unknown_name_makes_one_fetch_in_30_s),
        TEST(a_new_key_is_found_at_once),
        TEST(a_name_that_was_not_there_is_not_asked_for_again),
    };

    return cmocka_run_group_tests(tests, begin, end);
}
