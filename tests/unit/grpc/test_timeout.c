/* SPDX-License-Identifier: Apache-2.0 */
/* grpc-timeout: the vectors of the specification, and a slow model on random text. */
#include "grpc/timeout.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/compat.h"
#include "base/err.h"
#include "base/rand.h"

static void
good_values_are_read(void **state)
{
    static const struct {
        const char *text;
        int64_t ns;
    } rows[] = {
        { "1S", 1000000000 },
        { "100m", 100000000 },
        { "99999999n", 99999999 },
        { "0n", 0 },
        { "0H", 0 },
        { "1u", 1000 },
        { "2M", INT64_C(120000000000) },
        { "1H", INT64_C(3600000000000) },
        { "00000001S", 1000000000 },
        { "99999999u", INT64_C(99999999000) },
        { "99999999m", INT64_C(99999999000000) },
        { "99999999S", INT64_C(99999999000000000) },
        { "99999999M", INT64_C(5999999940000000000) },
        { "2562047H", INT64_C(9223369200000000000) },
        { "2562048H", INT64_MAX },
        { "99999999H", INT64_MAX },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        int64_t ns = -1;

        assert_int_equal(timeout_parse(slice_of(rows[i].text), &ns), 0);
        assert_int_equal(ns, rows[i].ns);
    }
}

static void
malformed_values_are_refused_and_change_nothing(void **state)
{
    static const char *const bad[] = { "",           "1",    "S",         "1s",     "-1S",
                                       "123456789S", "1.5S", " 1S",       "1S ",    "1 S",
                                       "+1S",        "1SS",  "1h",        "1U",     "1N",
                                       "0x1S",       "1e3m", "123456789", "1\xffS", "S1",
                                       "1,2S" };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        int64_t ns = -77;

        assert_int_equal(timeout_parse(slice_of(bad[i]), &ns), ERR_SYNTAX);
        assert_int_equal(ns, -77);
    }
    {
        int64_t ns = -77;

        assert_int_equal(timeout_parse(slice_make("1S\0", 3), &ns), ERR_SYNTAX);
        assert_int_equal(timeout_parse(slice_make("1\0S", 3), &ns), ERR_SYNTAX);
        assert_int_equal(ns, -77);
    }
}

/* The grammar again, slow and plain: true and the value, or false. */
static bool
model_parse(const char *s, size_t n, int64_t *ret)
{
    static const char units[] = "HMSmun";
    static const int64_t ns_of[] = {
        INT64_C(3600000000000), INT64_C(60000000000), 1000000000, 1000000, 1000, 1
    };
    __int128 value = 0;
    const char *unit;

    if (n < 2 || n > 9)
        return false;
    for (size_t i = 0; i + 1 < n; i++) {
        if (!memchr("0123456789", s[i], 10))
            return false;
        value = value * 10 + (s[i] - '0');
    }
    unit = memchr(units, s[n - 1], 6);
    if (!unit)
        return false;
    value *= ns_of[unit - units];
    *ret = value > INT64_MAX ? INT64_MAX : (int64_t)value;
    return true;
}

static void
random_text_is_read_as_the_model_reads_it(void **state)
{
    static const char alphabet[] = "0123456789HMSmunhsU -+.:/";
    struct rng rng;
    int good = 0;

    (void)state;
    rng_seed(&rng, 4711);
    for (int round = 0; round < 200000; round++) {
        char text[12];
        size_t n = rng_below(&rng, 11);
        int64_t want = -77, got = -77;
        bool ok;

        /* Mostly digits with a unit at the end, so that both answers are common. */
        for (size_t i = 0; i < n; i++)
            text[i] = rng_below(&rng, 20) ? alphabet[rng_below(&rng, 10)]
                                          : alphabet[rng_below(&rng, sizeof(alphabet))];
        if (n > 0 && rng_below(&rng, 8))
            text[n - 1] = alphabet[10 + rng_below(&rng, 6)];
        ok = model_parse(text, n, &want);
        assert_int_equal(timeout_parse(slice_make(text, n), &got), ok ? 0 : ERR_SYNTAX);
        assert_int_equal(got, want);
        good += ok;
    }
    assert_true(good > 50000 && good < 190000);
}

static void
times_are_written_in_the_smallest_unit_that_fits(void **state)
{
    static const struct {
        int64_t ns;
        const char *text;
    } rows[] = {
        { 1, "1n" },
        { 99999999, "99999999n" },
        { 100000000, "100000u" },
        { 100000999, "100000u" },
        { INT64_C(99999999999), "99999999u" },
        { INT64_C(100000000000), "100000m" },
        { INT64_C(99999999999999), "99999999m" },
        { INT64_C(100000000000000), "100000S" },
        { INT64_C(99999999999999999), "99999999S" },
        { INT64_C(100000000000000000), "1666666M" },
        { INT64_C(5999999999999999999), "99999999M" },
        { INT64_C(6000000000000000000), "1666666H" },
        { INT64_MAX, "2562047H" },
    };
    char out[TIMEOUT_TEXT_MAX];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        assert_int_equal(timeout_format(rows[i].ns, out), strlen(rows[i].text));
        assert_string_equal(out, rows[i].text);
    }
}

static void
no_time_left_gives_no_text(void **state)
{
    char out[TIMEOUT_TEXT_MAX] = "x";

    (void)state;
    assert_int_equal(timeout_format(0, out), 0);
    assert_string_equal(out, "");
    assert_int_equal(timeout_format(-1, out), 0);
    assert_int_equal(timeout_format(INT64_MIN, out), 0);
}

static void
a_written_time_reads_back_never_longer_and_hardly_shorter(void **state)
{
    struct rng rng;

    (void)state;
    rng_seed(&rng, 99);
    for (int round = 0; round < 100000; round++) {
        int64_t ns = (int64_t)(rng_next(&rng) >> (1 + rng_below(&rng, 63))), back = -1;
        char out[TIMEOUT_TEXT_MAX];
        size_t n = timeout_format(ns, out);

        if (ns == 0) {
            assert_int_equal(n, 0);
            continue;
        }
        assert_true(n >= 2 && n <= 9);
        assert_int_equal(timeout_parse(slice_make(out, n), &back), 0);
        assert_true(back <= ns);
        /* Hours lose the most: up to one in 1.6 million. */
        assert_true(ns - back <= ns / 1000 / 99);
    }
}

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_values_are_read),
        cmocka_unit_test(malformed_values_are_refused_and_change_nothing),
        cmocka_unit_test(random_text_is_read_as_the_model_reads_it),
        cmocka_unit_test(times_are_written_in_the_smallest_unit_that_fits),
        cmocka_unit_test(no_time_left_gives_no_text),
        cmocka_unit_test(a_written_time_reads_back_never_longer_and_hardly_shorter),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
