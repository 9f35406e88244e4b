/* SPDX-License-Identifier: Apache-2.0 */
/* Answers that are kept: how long, how many, how large. */
#include "unit.h"

#include <string.h>

#include "filter/answer_cache.h"

enum { MS = 1000 };

static struct sip_hash
key(uint64_t n)
{
    return (struct sip_hash){ n % 8, n }; /* many share a slot */
}

static bool
has(struct answer_cache *c, uint64_t n, int64_t now_ms, const char *want)
{
    struct slice got;

    if (!answer_cache_find(c, key(n), now_ms * MS, &got))
        return false;
    assert_true(slice_eq_str(got, want));
    return true;
}

static void
put(struct answer_cache *c, uint64_t n, const char *text, int64_t until_ms)
{
    answer_cache_put(c, key(n), slice_of(text), until_ms * MS);
}

static void
answers_are_kept_for_their_time(void **state)
{
    struct answer_cache *c = answer_cache_new(4);

    (void)state;
    assert_false(has(c, 1, 0, ""));
    put(c, 1, "yes", 100);
    put(c, 9, "no", 50);
    put(c, 17, "", 100);
    assert_true(has(c, 1, 99, "yes"));
    assert_true(has(c, 9, 49, "no"));
    assert_true(has(c, 17, 49, ""));
    assert_false(has(c, 9, 50, "")); /* over: it goes */
    assert_int_equal(answer_cache_count(c), 2);
    assert_true(has(c, 1, 99, "yes"));
    put(c, 1, "other", 300);
    assert_int_equal(answer_cache_count(c), 2);
    assert_true(has(c, 1, 299, "other"));
    assert_in_range(answer_cache_bytes(c), 2 * 16 + 5, 2 * 128 + 5);
    answer_cache_free(c);
}

static void
least_recently_used_goes_first(void **state)
{
    struct answer_cache *c = answer_cache_new(3);

    (void)state;
    for (uint64_t i = 1; i <= 3; i++)
        put(c, i, "a", 100);
    assert_true(has(c, 1, 0, "a")); /* now 2 is the oldest */
    put(c, 4, "a", 100);
    assert_int_equal(answer_cache_count(c), 3);
    assert_false(has(c, 2, 0, ""));
    assert_true(has(c, 1, 0, "a"));
    assert_true(has(c, 3, 0, "a"));
    assert_true(has(c, 4, 0, "a"));
    for (uint64_t i = 0; i < 10000; i++)
        put(c, i, "a", 100);
    assert_int_equal(answer_cache_count(c), 3);
    answer_cache_free(c);
}

static void
bytes_are_bounded_too(void **state)
{
    static char big[ANSWER_CACHE_BYTES_MAX + 1];
    struct answer_cache *c = answer_cache_new(16); /* 8 KiB */
    struct slice got;

    (void)state;
    answer_cache_put(c, key(1), slice_make(big, ANSWER_CACHE_BYTES_MAX), 100);
    answer_cache_put(c, key(2), slice_make(big, ANSWER_CACHE_BYTES_MAX), 100);
    assert_int_equal(answer_cache_count(c), 2);
    put(c, 3, "a", 1);
    assert_int_equal(answer_cache_count(c), 2);
    assert_true(answer_cache_bytes(c) <= 16 * ANSWER_CACHE_MEAN);
    assert_false(answer_cache_find(c, key(1), 0, &got));
    /* too long: also what was there before is not the answer any more */
    answer_cache_put(c, key(2), slice_make(big, sizeof(big)), 100);
    assert_false(answer_cache_find(c, key(2), 0, &got));
    answer_cache_free(c);
    c = answer_cache_new(1);
    answer_cache_put(c, key(1), slice_make(big, ANSWER_CACHE_BYTES_MAX), 100);
    assert_int_equal(answer_cache_count(c), 1);
    answer_cache_free(c);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_are_kept_for_their_time),
        cmocka_unit_test(least_recently_used_goes_first),
        cmocka_unit_test(bytes_are_bounded_too),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
