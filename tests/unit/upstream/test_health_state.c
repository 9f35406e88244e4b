/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of answers against the verdicts that must come of them, on time that the test makes. */
#include "unit.h"

#include <string.h>

#include "base/compat.h"
#include "upstream/health_state.h"

static const int64_t SECOND = 1000 * 1000;

static struct health_conf
conf_make(bool wait_for_first)
{
    return (struct health_conf){ .type = HEALTH_GRPC,
                                 .interval_ms = 10000,
                                 .timeout_ms = 1000,
                                 .healthy_after = 2,
                                 .unhealthy_after = 3,
                                 .interval_jitter_percent = 10,
                                 .wait_for_first = wait_for_first };
}

/* Probes: '+' good, '-' bad. Verdicts after each: 'y' or 'n'. */
static void
probes_move_the_verdict_by_thresholds(void **state)
{
    static const struct {
        bool wait;
        const char *probes, *verdicts;
    } rows[] = {
        { true, "+", "y" },
        { true, "-", "n" },
        { true, "-+", "ny" }, /* the first good one of all admits at once */
        { true, "---+", "nnny" },
        { true, "+--+", "yyyy" },
        { true, "+---", "yyyn" },
        { true, "+---+", "yyynn" },
        { true, "+---++", "yyynny" },
        { true, "+---+-++", "yyynnnny" },
        { true, "+--+--+---", "yyyyyyyyyn" },
        { false, "-", "y" },
        { false, "--+", "yyy" },
        { false, "---", "yyn" },
        { false, "---+", "yyny" },
        { false, "+---+-+-+", "yyynnnnnn" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct health_conf c = conf_make(rows[i].wait);
        struct health_state s;

        health_state_init(&s, &c);
        assert_true(s.healthy == !rows[i].wait);
        for (size_t k = 0; rows[i].probes[k]; k++) {
            bool before = s.healthy, known = s.answered;
            bool changed = health_state_probe(&s, rows[i].probes[k] == '+');

            if (s.healthy != (rows[i].verdicts[k] == 'y'))
                fail_msg("row %zu \"%s\": wrong after %zu", i, rows[i].probes, k + 1);
            if (before != s.healthy)
                assert_true(changed);
            else if (known)
                assert_false(changed);
            assert_true(s.answered);
        }
    }
}

static void
a_watch_is_believed_at_once(void **state)
{
    struct health_conf c = conf_make(true);
    struct health_state s;

    (void)state;
    health_state_init(&s, &c);
    assert_true(health_state_word(&s, true, 0));
    assert_true(s.healthy);
    assert_true(health_state_word(&s, false, SECOND));
    assert_false(s.healthy);
    assert_false(health_state_word(&s, false, SECOND));
    assert_true(health_state_word(&s, true, 2 * SECOND));
    assert_true(s.healthy);
    assert_int_equal(health_state_hold_us(&s, 2 * SECOND), -1);
}

/* 10 Hz for a minute: at most one change per three messages (reliability.md G22), and the
 * verdict is no while it goes on. */
static void
a_flapping_watch_is_held(void **state)
{
    struct health_conf c = conf_make(true);
    struct health_state s;
    unsigned changes = 0;
    int64_t now = 5 * SECOND;

    (void)state;
    health_state_init(&s, &c);
    for (int i = 0; i < 600; i++, now += SECOND / 10) {
        changes += health_state_word(&s, i % 2 == 0, now);
        changes += health_state_hold_us(&s, now) == 0 && health_state_release(&s, now);
    }
    assert_true(changes <= 600 / 3);
    assert_true(changes <=
                7 * 4 + 2); /* two rises and two falls per interval, and the first */
    assert_false(s.healthy);

    /* Then it stays SERVING: believed after one interval at most. */
    if (health_state_word(&s, true, now))
        assert_true(s.healthy);
    while (!s.healthy) {
        int64_t hold = health_state_hold_us(&s, now);

        assert_in_range(hold, 0, 10 * SECOND);
        assert_false(hold > 0 && health_state_release(&s, now));
        now += hold;
        assert_true(health_state_release(&s, now));
    }
    assert_int_equal(health_state_hold_us(&s, now), -1);
}

static void
a_held_word_is_forgotten_when_it_is_taken_back(void **state)
{
    struct health_conf c = conf_make(true);
    struct health_state s;

    (void)state;
    health_state_init(&s, &c);
    for (int i = 0; i < 6; i++)
        health_state_word(&s, i % 2 == 0, i);
    health_state_word(&s, true, 10);
    assert_true(s.held);
    assert_false(health_state_word(&s, false, 20));
    assert_int_equal(health_state_hold_us(&s, 20), -1);
    assert_false(health_state_release(&s, 100 * SECOND));
    assert_false(s.healthy);
    health_state_word(&s, true, 30);
    assert_true(s.held);
    assert_false(health_state_probe(&s, false));
    assert_false(s.held);
}

static void
intervals_follow_state_and_traffic(void **state)
{
    struct health_conf c = conf_make(true);
    struct health_state s;
    struct rng rng;
    bool low = false, high = false;

    (void)state;
    unit_seed(&rng);
    c.no_traffic_interval_ms = 60000;
    c.unhealthy_interval_ms = 2000;
    health_state_init(&s, &c);
    health_state_probe(&s, true);
    for (int i = 0; i < 2000; i++) {
        int64_t with = health_state_next_us(&s, true, &rng);

        assert_in_range(with, 9 * SECOND, 11 * SECOND);
        low = low || with < 9500 * 1000;
        high = high || with > 10500 * 1000;
        assert_in_range(health_state_next_us(&s, false, &rng), 54 * SECOND, 66 * SECOND);
    }
    assert_true(low && high);
    for (int i = 0; i < 3; i++)
        health_state_probe(&s, false);
    assert_in_range(health_state_next_us(&s, false, &rng), 1800 * 1000, 2200 * 1000);
    c.no_traffic_interval_ms = c.unhealthy_interval_ms = 0;
    assert_in_range(health_state_next_us(&s, false, &rng), 9 * SECOND, 11 * SECOND);
    c.interval_jitter_percent = 0;
    assert_int_equal(health_state_next_us(&s, false, &rng), 10 * SECOND);
}

/* Waits of the backoff: 1 s, 1.6 s ... 10 s, each 20 % more or less. */
static void
check_backoff(const int64_t *waits, size_t n)
{
    static const double want[] = { 1, 1.6, 2.56, 4.096, 6.5536, 10, 10, 10 };

    for (size_t i = 0; i < n; i++) {
        if (waits[i] < (int64_t)(want[i] * 0.8e6) - 1 ||
            waits[i] > (int64_t)(want[i] * 1.2e6) + 1)
            fail_msg("wait %zu is %lld us", i, (long long)waits[i]);
    }
}

static void
an_endpoint_that_was_never_good_is_asked_soon(void **state)
{
    struct health_conf c = conf_make(true);
    struct health_state s;
    struct rng rng;
    int64_t waits[8];

    (void)state;
    unit_seed(&rng);
    health_state_init(&s, &c);
    for (size_t i = 0; i < ARRAY_LEN(waits); i++) {
        health_state_probe(&s, false);
        waits[i] = health_state_next_us(&s, false, &rng);
    }
    check_backoff(waits, ARRAY_LEN(waits));
    for (int i = 0; i < 100; i++)
        assert_in_range(health_state_next_us(&s, false, &rng), 8 * SECOND, 12 * SECOND);
    c.interval_ms = 200;
    assert_in_range(health_state_next_us(&s, false, &rng), SECOND * 16 / 100,
                    SECOND * 24 / 100);
}

static void
a_watch_that_ends_is_opened_again_with_backoff(void **state)
{
    struct health_conf c = conf_make(true);
    struct health_state s;
    struct rng rng;
    int64_t waits[8];

    (void)state;
    unit_seed(&rng);
    health_state_init(&s, &c);
    for (int round = 0; round < 2; round++) {
        assert_int_equal(health_state_again_us(&s, true, &rng), 100 * 1000);
        for (size_t i = 0; i < ARRAY_LEN(waits); i++)
            waits[i] = health_state_again_us(&s, false, &rng);
        check_backoff(waits, ARRAY_LEN(waits));
    }
}

static void
first_checks_spread(void **state)
{
    struct health_conf c = conf_make(true);
    struct health_state s;
    struct rng rng;
    unsigned quarter[4] = { 0 };

    (void)state;
    unit_seed(&rng);
    health_state_init(&s, &c);
    assert_int_equal(health_state_first_us(&s, &rng), 0);
    c.initial_jitter_ms = 4000;
    for (int i = 0; i < 4000; i++) {
        int64_t at = health_state_first_us(&s, &rng);

        assert_in_range(at, 0, 4 * SECOND);
        quarter[at == 4 * SECOND ? 3 : at / SECOND]++;
    }
    for (int i = 0; i < 4; i++)
        assert_in_range(quarter[i], 800, 1200);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(probes_move_the_verdict_by_thresholds),
        cmocka_unit_test(a_watch_is_believed_at_once),
        cmocka_unit_test(a_flapping_watch_is_held),
        cmocka_unit_test(a_held_word_is_forgotten_when_it_is_taken_back),
        cmocka_unit_test(intervals_follow_state_and_traffic),
        cmocka_unit_test(an_endpoint_that_was_never_good_is_asked_soon),
        cmocka_unit_test(a_watch_that_ends_is_opened_again_with_backoff),
        cmocka_unit_test(first_checks_spread),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
