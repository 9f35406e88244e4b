/* SPDX-License-Identifier: Apache-2.0 */
/* Counts of rate limits: one line per scope and key, which outlives the filter that asked for it, and never more lines than the bound. */
#include <stdio.h>
#include <string.h>

#include "base/strbuf.h"
#include "base/xalloc.h"
#include "obs/limit_counts.h"
#include "obs/prom.h"
#include "unit.h"

static char *
page(const struct limit_counts *l)
{
    struct strbuf out;
    struct prom p = prom_make(&out, false);

    strbuf_init(&out, 1 << 20);
    limit_counts_print(l, &p);
    assert_false(out.cut);
    return strbuf_steal(&out);
}

static void
the_same_limit_goes_on_counting(void **state)
{
    struct limit_counts *l = limit_counts_new();
    struct limit_count *a = limit_counts_get(l, "listener in", "header:x-tenant");
    char *text;

    (void)state;
    limit_count_refused(a);
    limit_count_passed(limit_counts_get(l, "listener in", "all"));
    /* as after a reload */
    assert_ptr_equal(limit_counts_get(l, "listener in", "header:x-tenant"), a);
    limit_count_refused(limit_counts_get(l, "listener in", "header:x-tenant"));
    limit_count_refused(NULL);
    assert_int_equal(limit_counts_used(l), 2);
    text = page(l);
    assert_non_null(strstr(text, "outrigger_ratelimited_total{scope=\"listener in\",key="
                                 "\"header:x-tenant\",result=\"refused\"} 2\n"));
    assert_non_null(strstr(text, "outrigger_ratelimited_total{scope=\"listener in\",key="
                                 "\"all\",result=\"passed\"} 1\n"));
    assert_null(strstr(text, "_OTHER"));
    xfree(text);
    limit_counts_free(l);
}

static void
the_number_of_lines_is_bounded(void **state)
{
    struct limit_counts *l = limit_counts_new();
    struct limit_count *last = NULL;
    char *text, name[32];

    (void)state;
    for (int i = 0; i < 2 * LIMIT_COUNTS_MAX; i++) {
        snprintf(name, sizeof(name), "route r%d", i);
        last = limit_counts_get(l, name, "all");
        limit_count_refused(last);
    }
    assert_int_equal(limit_counts_used(l), LIMIT_COUNTS_MAX);
    text = page(l);
    snprintf(name, sizeof(name), "\"refused\"} %d\n", LIMIT_COUNTS_MAX);
    assert_non_null(strstr(text, "{scope=\"_OTHER\",key=\"_OTHER\",result=\"refused\"}"));
    assert_non_null(strstr(text, name));
    xfree(text);
    limit_counts_free(l);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_limit_goes_on_counting),
        cmocka_unit_test(the_number_of_lines_is_bounded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
