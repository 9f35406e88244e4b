/* SPDX-License-Identifier: Apache-2.0 */
/* healthCheck and outlierDetection as a file has them: what is off, what is on, and that the
 * printed config says the same as the file that it was made from. */
#include "unit.h"

#include <string.h>

#include "base/compat.h"
#include "base/strbuf.h"
#include "conf/print.h"
#include "conf/snapshot.h"
#include "upstream/health_conf.h"
#include "upstream/outlier_conf.h"

struct both {
    struct outlier_conf outlier;
    struct health_conf health;
};

static const struct conf_field both_fields[] = {
    { .key = "outlierDetection",
      .type = CONF_OBJECT,
      .at = offsetof(struct both, outlier),
      .sub = &outlier_conf_struct,
      .example = "{}",
      .help = "x" },
    { .key = "healthCheck",
      .type = CONF_OBJECT,
      .at = offsetof(struct both, health),
      .sub = &health_conf_struct,
      .example = "{}",
      .help = "x" },
    { .key = NULL },
};

static const struct conf_struct both_struct = { .name = "both",
                                                .size = sizeof(struct both),
                                                .fields = both_fields };

/* NULL: refused, and the problems have this text. */
static struct conf_snapshot *
load(const char *text, const char *problem)
{
    struct conf_snapshot *s = NULL;
    struct strbuf problems;
    int rv;

    strbuf_init(&problems, 100000);
    rv = conf_load_text(&both_struct, "t", text, strlen(text), &problems, &s);
    if (!problem && rv != 0)
        fail_msg("%s\n%s", problems.s, text);
    if (problem && (rv == 0 || !strstr(problems.s, problem)))
        fail_msg("\"%s\" is not in: %s", problem, problems.s ? problems.s : "");
    strbuf_done(&problems);
    return rv == 0 ? s : NULL;
}

static void
what_is_not_in_the_file_is_off(void **state)
{
    static const struct {
        const char *text;
        bool on, rate, share, breaker;
    } rows[] = {
        { "{}", false, false, false, false },
        { "{ \"outlierDetection\": {} }", true, false, false, false },
        { "{ \"outlierDetection\": { \"successRate\": {} } }", true, true, false, false },
        { "{ \"outlierDetection\": { \"failurePercentage\": { \"threshold\": \"50%\" } } "
          "}",
          true, false, true, false },
        { "{ \"outlierDetection\": { \"breaker\": {}, \"statuses\": [\"INTERNAL\"] } }",
          true, false, false, true },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct conf_snapshot *s = load(rows[i].text, NULL);
        struct strbuf out;

        strbuf_init(&out, 100000);
        for (int round = 0; round < 2; round++) {
            const struct both *b = conf_root(s);

            assert_true(b->outlier.on == rows[i].on);
            assert_true(b->outlier.success_rate.on == rows[i].rate);
            assert_true(b->outlier.failure_percentage.on == rows[i].share);
            assert_true(b->outlier.breaker.on == rows[i].breaker);
            assert_int_equal(b->health.type, HEALTH_OFF);
            if (round == 0) {
                conf_print(&both_struct, b, &out);
                conf_drop(s);
                s = load(out.s, NULL);
            }
        }
        conf_drop(s);
        strbuf_done(&out);
    }
}

static void
defaults_are_those_of_the_proposals(void **state)
{
    struct conf_snapshot *s = load("{ \"outlierDetection\": { \"successRate\": {}, "
                                   "\"failurePercentage\": {}, \"breaker\": {} }, "
                                   "\"healthCheck\": \"grpc\" }",
                                   NULL);
    const struct both *b = conf_root(s);
    const struct outlier_conf *o = &b->outlier;

    (void)state;
    assert_int_equal(o->interval_ms, 10000);
    assert_int_equal(o->base_ejection_ms, 30000);
    assert_int_equal(o->max_ejection_ms, 300000);
    assert_true(o->max_ejected == 10);
    assert_true(outlier_stdev_factor(&o->success_rate) == 1.9);
    assert_int_equal(o->success_rate.request_volume, 100);
    assert_true(o->failure_percentage.threshold == 85);
    assert_int_equal(o->failure_percentage.request_volume, 50);
    assert_int_equal(o->breaker.consecutive_failures, 7);
    assert_true(o->breaker.success_rate == 80);
    assert_int_equal(b->health.type, HEALTH_GRPC);
    assert_int_equal(b->health.interval_ms, 10000);
    assert_int_equal(b->health.healthy_after, 2);
    assert_int_equal(b->health.unhealthy_after, 3);
    assert_true(b->health.wait_for_first);
    assert_true(b->health.panic_threshold == 50);
    conf_drop(s);
}

static void
mistakes_are_told(void **state)
{
    static const char *const rows[][2] = {
        { "{ \"outlierDetection\": { \"statuses\": [\"OK\"] } }", "OK is no failure" },
        { "{ \"outlierDetection\": { \"statuses\": [\"BUSY\"] } }",
          "is no gRPC status code" },
        { "{ \"outlierDetection\": { \"maxEjectionTime\": \"1s\" } }",
          "maxEjectionTime" },
        { "{ \"outlierDetection\": { \"breaker\": { \"maxWait\": \"1ms\" } } }",
          "maxWait" },
        { "{ \"healthCheck\": { \"metadata\": { \"X-A\": \"1\" } } }", "lower-case" },
        { "{ \"healthCheck\": { \"metadata\": { \"te\": \"1\" } } }", "leave it out" },
        { "{ \"healthCheck\": { \"metadata\": { \"grpc-timeout\": \"1\" } } }",
          "leave it out" },
        { "{ \"healthCheck\": { \"metadata\": { \"x-a\": \" 1\" } } }", "printable" },
        { "{ \"healthCheck\": { \"type\": \"http\" } }",
          "in outrigger this is \"grpc\"" },
        { "{ \"healthCheck\": { \"type\": \"exec\" } }", "grpc-check" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        assert_null(load(rows[i][0], rows[i][1]));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_not_in_the_file_is_off),
        cmocka_unit_test(defaults_are_those_of_the_proposals),
        cmocka_unit_test(mistakes_are_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
