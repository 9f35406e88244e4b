/* SPDX-License-Identifier: Apache-2.0 */
/* Ends of calls against what they say about the backend, and the one call that tries a
 * tripped one. */
#include "unit.h"

#include <string.h>

#include "grpc/status.h"
#include "upstream/backend.h"
#include "upstream/judge.h"
#include "upstream/outlier_conf.h"

static struct outlier_conf
conf_make(void)
{
    return (struct outlier_conf){ .on = true,
                                  .consecutive_errors = 5,
                                  .consecutive_local_errors = 3 };
}

static struct backend *
backend_make(void)
{
    struct addr at;
    const char *why;

    assert_int_equal(addr_parse("127.0.0.1:50051", false, &at, &why), 0);
    return backend_new(&at, 1);
}

static bool
status(const struct judge *j, struct backend *b, int code)
{
    bool failed;

    return judge_status(j, b, &b->tally[0], code, &failed);
}

static void
errors_in_a_row_are_told_at_each_limit(void **state)
{
    struct outlier_conf c = conf_make();
    struct backend *b = backend_make();
    struct judge j;

    (void)state;
    judge_init(&j, &c);
    for (int i = 1; i <= 20; i++)
        assert_true(status(&j, b, GRPC_UNAVAILABLE) == (i % 5 == 0));
    assert_int_equal(atomic_load(&b->tally[0].failures), 20);
    for (int i = 0; i < 10; i++) { /* a success ends the row */
        for (int k = 0; k < 4; k++)
            assert_false(status(&j, b, i % 2 ? GRPC_INTERNAL : GRPC_UNKNOWN));
        assert_false(status(&j, b, GRPC_OK));
    }
    assert_int_equal(atomic_load(&b->consecutive_errors), 0);
    assert_int_equal(atomic_load(&b->tally[0].successes), 10);
    backend_drop(b);
}

/* What the caller did wrong is no failure of the backend. */
static void
codes_are_sorted_by_the_list(void **state)
{
    static const int failures[] = { GRPC_UNKNOWN,     GRPC_DEADLINE_EXCEEDED,
                                    GRPC_INTERNAL,    GRPC_RESOURCE_EXHAUSTED,
                                    GRPC_UNAVAILABLE, GRPC_DATA_LOSS };
    struct outlier_conf c = conf_make();
    struct backend *b = backend_make();
    struct judge j;

    (void)state;
    judge_init(&j, &c);
    for (int code = -1; code <= GRPC_CODE_COUNT; code++) {
        bool want = code < 0 || code == GRPC_CODE_COUNT, failed;

        for (size_t i = 0; i < ARRAY_LEN(failures); i++)
            want = want || failures[i] == code;
        judge_status(&j, b, &b->tally[0], code, &failed);
        if (failed != want)
            fail_msg("code %d", code);
    }
    backend_drop(b);
}

static void
busy_counts_for_shares_only(void **state)
{
    struct outlier_conf c = conf_make();
    struct backend *b = backend_make();
    struct judge j;

    (void)state;
    judge_init(&j, &c);
    for (int i = 0; i < 100; i++)
        assert_false(status(&j, b, GRPC_RESOURCE_EXHAUSTED));
    assert_int_equal(atomic_load(&b->tally[0].failures), 100);
    assert_int_equal(atomic_load(&b->consecutive_errors), 0);
    backend_drop(b);
}

static void
local_failures_can_be_kept_apart(void **state)
{
    struct outlier_conf c = conf_make();
    struct judge j;

    (void)state;
    for (int split = 0; split < 2; split++) {
        struct backend *b = backend_make();

        c.split_local_errors = split;
        judge_init(&j, &c);
        for (int i = 1; i <= 2; i++)
            assert_false(judge_lost(&j, b, &b->tally[0]));
        assert_true(judge_lost(&j, b, &b->tally[0]) == (split == 1));
        assert_int_equal(atomic_load(&b->consecutive_errors), split ? 0 : 3);
        assert_int_equal(atomic_load(&b->tally[0].local_failures), 3);
        /* An answer, even a bad one, says that the way there works. */
        assert_false(status(&j, b, GRPC_UNAVAILABLE));
        assert_int_equal(atomic_load(&b->consecutive_local_errors), 0);
        backend_drop(b);
    }
}

static void
the_breaker_wants_to_hear_sooner(void **state)
{
    struct outlier_conf c = conf_make();
    struct judge j;

    (void)state;
    c.breaker.on = true;
    c.breaker.consecutive_failures = 2;
    judge_init(&j, &c);
    assert_int_equal(j.consecutive, 2);
    c.consecutive_errors = 0;
    c.breaker.consecutive_failures = 7;
    judge_init(&j, &c);
    assert_int_equal(j.consecutive, 7);
    c.on = false;
    judge_init(&j, &c);
    assert_false(j.on);
    assert_int_equal(j.consecutive, 0);
}

static void
a_tripped_backend_gets_one_call(void **state)
{
    struct backend *b = backend_make();
    bool probe;

    (void)state;
    assert_true(backend_admit(b, &probe));
    assert_false(probe);
    atomic_store(&b->down, BACKEND_TRIPPED);
    assert_false(backend_usable(b));
    assert_false(backend_admit(b, &probe));
    atomic_store(&b->probe, BACKEND_PROBE_OPEN);
    assert_true(backend_usable(b));
    assert_true(backend_admit(b, &probe));
    assert_true(probe);
    assert_false(backend_usable(b));
    assert_false(backend_admit(b, &probe));
    assert_false(probe);
    backend_probe_end(b, BACKEND_PROBE_GOOD);
    assert_int_equal(atomic_load(&b->probe), BACKEND_PROBE_GOOD);
    backend_probe_end(b, BACKEND_PROBE_BAD); /* only the one that was taken can end */
    assert_int_equal(atomic_load(&b->probe), BACKEND_PROBE_GOOD);
    /* Another reason stays a reason. */
    atomic_store(&b->probe, BACKEND_PROBE_OPEN);
    atomic_fetch_or(&b->down, BACKEND_UNHEALTHY);
    assert_false(backend_usable(b));
    backend_drop(b);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(errors_in_a_row_are_told_at_each_limit),
        cmocka_unit_test(codes_are_sorted_by_the_list),
        cmocka_unit_test(busy_counts_for_shares_only),
        cmocka_unit_test(local_failures_can_be_kept_apart),
        cmocka_unit_test(the_breaker_wants_to_hear_sooner),
        cmocka_unit_test(a_tripped_backend_gets_one_call),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
