/* SPDX-License-Identifier: Apache-2.0 */
/* Load reports by the config's rules: which trailer counts, which metric is the utilization. */
#include "unit.h"

#include "base/err.h"
#include "lb/lb_conf.h"
#include "lb/report.h"

static void
binary_trailer_comes_first(void **state)
{
    struct balance_conf conf;
    struct lb_report r = { .qps = -1 };
    const struct slice none = { 0 };
    /* application 0.25, rps 200, eps 2 */
    const struct slice bin = slice_of("SQAAAAAAANA/MQAAAAAAAGlAOQAAAAAAAABA");
    const struct slice text = slice_of("TEXT cpu_utilization=0.5,rps_fractional=10");

    (void)state;
    field_defaults(&balance_conf_struct, &conf);
    assert_int_equal(report_read_trailers(&conf, none, none, &r), ERR_SYNTAX);
    assert_true(r.qps < 0);
    assert_int_equal(report_read_trailers(&conf, bin, text, &r), ERR_OK);
    assert_true(r.qps == 200 && r.eps == 2 && r.utilization == 0.25);
    assert_int_equal(report_read_trailers(&conf, slice_of("!"), text, &r), ERR_OK);
    assert_true(r.qps == 10 && r.eps == 0 && r.utilization == 0.5);
    assert_int_equal(report_read_trailers(&conf, slice_of("!"), none, &r), ERR_SYNTAX);
}

static void
named_metrics_of_the_config_count(void **state)
{
    struct metric_name_conf names[] = { { "named_metrics.queue" },
                                        { "mem_utilization" } };
    struct balance_conf conf;
    struct lb_report r;
    const struct slice none = { 0 };

    (void)state;
    field_defaults(&balance_conf_struct, &conf);
    conf.metric_names = (struct conf_list){ .items = names, .n = 2 };
    assert_int_equal(
        report_read_trailers(&conf, none,
                             slice_of("TEXT cpu_utilization=0.9,named_metrics.queue=0.3,"
                                      "mem_utilization=0.4"),
                             &r),
        ERR_OK);
    assert_true(r.utilization == 0.4);
    assert_int_equal(report_read_message(&conf, none, &r), ERR_OK);
    assert_true(r.qps == 0 && r.utilization == 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(binary_trailer_comes_first),
        cmocka_unit_test(named_metrics_of_the_config_count),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
