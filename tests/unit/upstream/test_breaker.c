/* SPDX-License-Identifier: Apache-2.0 */
/* One breaker on time that the test makes: its window, its waits. */
#include "unit.h"

#include <string.h>

#include "upstream/breaker.h"
#include "upstream/outlier_conf.h"

static const int64_t SECOND = 1000 * 1000;

static struct breaker_conf
conf_make(void)
{
    return (struct breaker_conf){ .on = true,
                                  .consecutive_failures = 7,
                                  .success_rate = 80,
                                  .window_ms = 10000,
                                  .minimum_calls = 5,
                                  .min_wait_ms = 1000,
                                  .max_wait_ms = 60000,
                                  .jitter_percent = 50 };
}

static void
the_window_slides(void **state)
{
    struct breaker_conf c = conf_make();
    struct breaker b = { 0 };
    int64_t now = 5000 * SECOND;

    (void)state;
    breaker_count(&b, &c, 0, 4, now);
    assert_false(breaker_rate_is_low(&b, &c)); /* four calls say nothing */
    breaker_count(&b, &c, 1, 0, now);
    assert_true(breaker_rate_is_low(&b, &c));
    breaker_count(&b, &c, 15, 0, now += 5 * SECOND);
    assert_false(breaker_rate_is_low(&b, &c)); /* 16 of 20 are not below 80 % */
    breaker_count(&b, &c, 0, 1, now);
    assert_true(breaker_rate_is_low(&b, &c));
    breaker_count(&b, &c, 0, 0, now += 6 * SECOND); /* the first five left the window */
    assert_false(breaker_rate_is_low(&b, &c));
    breaker_count(&b, &c, 0, 9, now);
    assert_true(breaker_rate_is_low(&b, &c));
    breaker_count(&b, &c, 0, 0, now += 1000 * SECOND);
    assert_false(breaker_rate_is_low(&b, &c));
    breaker_count(&b, &c, 0, 9, now - 900 * SECOND); /* time does not run backwards */
    assert_true(breaker_rate_is_low(&b, &c));
    c.success_rate = 0;
    assert_false(breaker_rate_is_low(&b, &c));
}

static void
waits_double_up_to_the_cap_and_start_afresh(void **state)
{
    struct breaker_conf c = conf_make();
    struct breaker b = { 0 };
    struct rng rng;
    bool jitter = false;

    (void)state;
    unit_seed(&rng);
    for (int round = 0; round < 2; round++) {
        int64_t want = SECOND;

        for (int i = 0; i < 40; i++) {
            int64_t wait;

            breaker_trip(&b, &c, 7 * SECOND, &rng);
            assert_int_equal(b.state, BREAKER_WAITING);
            wait = b.wait_until_us - 7 * SECOND;
            assert_in_range(wait, want, want * 3 / 2);
            jitter = jitter || wait > want * 5 / 4;
            breaker_probe(&b);
            assert_int_equal(b.state, BREAKER_PROBING);
            want = want * 2 > 60 * SECOND ? 60 * SECOND : want * 2;
        }
        breaker_count(&b, &c, 0, 9, 8 * SECOND);
        breaker_close(&b);
        assert_int_equal(b.state, BREAKER_CLOSED);
        assert_false(breaker_rate_is_low(&b, &c));
    }
    assert_true(jitter);
    c.jitter_percent = 0;
    breaker_trip(&b, &c, 0, &rng);
    assert_int_equal(b.wait_until_us, SECOND);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_window_slides),
        cmocka_unit_test(waits_double_up_to_the_cap_and_start_afresh),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
