/* SPDX-License-Identifier: Apache-2.0 */
/* tests/unit/proxy/probefilter.h - a filter that does what the test wants and counts what it hears, alone in the chain of each route of callrig.h. */
#ifndef OUTRIGGER_TESTS_UNIT_PROXY_PROBEFILTER_H
#define OUTRIGGER_TESTS_UNIT_PROXY_PROBEFILTER_H

#include "callrig.h"

#include "filter/filter.h"

struct probe_plan {
    bool wait_request, wait_data, refuse_data, refuse_response, refuse_trailers;
    bool edit, match, answer;
    int64_t limit_ms; /* deadline, from the call's begin; 0: none */
};

struct probe_heard {
    unsigned requests, ends, attempts, attempt_ends, responses, trailers, data_ends;
    size_t in, out;
    bool again;
    int code, attempt_code;
    struct filter_result result;
    int64_t limit_us, took_us; /* from the begin */
    struct filter_call *fc;
};

/* Of this test; zeroed before it. */
extern struct probe_plan plan;
extern struct probe_heard heard;
/* How it refuses: ABORTED, with a word about when to come again. */
extern const struct filter_refusal probe_no;

/* After callrig_setup and callrig_teardown; each call that was begun has ended for the filter as well. */
int probe_setup(void **state);
int probe_teardown(void **state);
#define PROBE_TEST(fn) cmocka_unit_test_setup_teardown(fn, probe_setup, probe_teardown)

#endif
