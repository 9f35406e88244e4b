/* SPDX-License-Identifier: Apache-2.0 */
/* The table of counters: complete, without doubles, and legal Prometheus text. */
#include "unit.h"

#include <stdbool.h>
#include <string.h>

#include "obs/stats.h"

static bool
name_ok(const char *s)
{
    if (!*s || !strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_:", *s))
        return false;
    return s[strspn(
               s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_:0123456789")] ==
           '\0';
}

static void
every_counter_has_exactly_one_row(void **state)
{
    unsigned seen[STAT_COUNT] = { 0 };

    (void)state;
    for (size_t i = 0; stat_row_at(i); i++) {
        assert_in_range(stat_row_at(i)->id, 0, STAT_COUNT - 1);
        seen[stat_row_at(i)->id]++;
    }
    for (int i = 0; i < STAT_COUNT; i++) {
        if (seen[i] != 1)
            fail_msg("counter %d has %u rows", i, seen[i]);
    }
    assert_null(stat_row_at(STAT_COUNT));
    assert_null(stat_row_at(SIZE_MAX));
}

static void
names_are_legal_and_tell_what_they_are(void **state)
{
    (void)state;
    for (size_t i = 0; stat_row_at(i); i++) {
        const struct stat_row *r = stat_row_at(i);
        size_t n = strlen(r->metric);
        bool total = n > 6 && strcmp(r->metric + n - 6, "_total") == 0;

        assert_true(name_ok(r->metric));
        assert_memory_equal(r->metric, "outrigger_", 10);
        if (total == r->level)
            fail_msg("%s: a counter ends in _total, a level does not", r->metric);
        assert_true(strlen(r->help) > 8);
        assert_null(strchr(r->help, '\n'));
        assert_null(strchr(r->help, '\\'));
        assert_int_equal(r->help[strlen(r->help) - 1], '.');
    }
}

static void
labels_are_names_and_quoted_values(void **state)
{
    (void)state;
    for (size_t i = 0; stat_row_at(i); i++) {
        const char *l = stat_row_at(i)->labels;

        while (l && *l) {
            const char *eq = strchr(l, '='), *end;
            char name[64];

            assert_non_null(eq);
            snprintf(name, sizeof(name), "%.*s", (int)(eq - l), l);
            assert_true(name_ok(name));
            assert_int_equal(eq[1], '"');
            end = strchr(eq + 2, '"'); /* no quote inside */
            assert_non_null(end);
            assert_true(end[1] == '\0' || (end[1] == ',' && end[2] != '\0'));
            l = end[1] ? end + 2 : NULL;
        }
    }
}

/* OpenMetrics names the family of x_total x, so no other metric may be x. */
static void
no_gauge_has_the_name_of_a_counters_family(void **state)
{
    (void)state;
    for (size_t i = 0; stat_row_at(i); i++) {
        for (size_t k = 0; stat_row_at(k); k++) {
            const char *a = stat_row_at(i)->metric, *b = stat_row_at(k)->metric;
            size_t n = strlen(a);

            if (strncmp(a, b, n) == 0 && strcmp(b + n, "_total") == 0)
                fail_msg("%s and %s are the same family in OpenMetrics", a, b);
        }
    }
}

/* The text format wants all series of a metric together, and two series may not be the same. */
static void
rows_of_one_metric_stand_together_and_differ(void **state)
{
    (void)state;
    for (size_t i = 0; stat_row_at(i); i++) {
        const struct stat_row *a = stat_row_at(i);
        bool gap = false;

        for (size_t k = i + 1; stat_row_at(k); k++) {
            const struct stat_row *b = stat_row_at(k);

            if (strcmp(a->metric, b->metric) != 0) {
                gap = true;
                continue;
            }
            assert_false(gap);
            assert_non_null(a->labels);
            assert_non_null(b->labels);
            assert_string_not_equal(a->labels, b->labels);
            assert_string_equal(a->help, b->help);
            assert_int_equal(a->level, b->level);
        }
    }
}

static void
levels_go_up_and_down(void **state)
{
    struct stats s = { 0 };

    (void)state;
    stat_inc(&s, STAT_PENDING);
    stat_add(&s, STAT_PENDING, 5);
    stat_add(&s, STAT_PENDING, -6);
    assert_int_equal(stat_get(&s, STAT_PENDING), 0);
    stat_add(&s, STAT_BYTES_TO_DOWN, INT64_C(1) << 40);
    assert_true(stat_get(&s, STAT_BYTES_TO_DOWN) == INT64_C(1) << 40);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_counter_has_exactly_one_row),
        cmocka_unit_test(names_are_legal_and_tell_what_they_are),
        cmocka_unit_test(labels_are_names_and_quoted_values),
        cmocka_unit_test(no_gauge_has_the_name_of_a_counters_family),
        cmocka_unit_test(rows_of_one_metric_stand_together_and_differ),
        cmocka_unit_test(levels_go_up_and_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
