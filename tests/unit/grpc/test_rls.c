/* SPDX-License-Identifier: Apache-2.0 */
/* RateLimitRequest and RateLimitResponse: the public field numbers, which limit is told, and what is no answer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/compat.h"
#include "base/err.h"
#include "base/slab.h"
#include "base/strbuf.h"
#include "grpc/rls.h"
#include "pbtest.h"

static struct slab *slab;
static struct arena arena;

static int
setup(void **state)
{
    (void)state;
    pb_reset();
    slab = slab_new();
    arena_init(&arena, slab, NULL, 0, 64 * 1024);
    return 0;
}

static int
teardown(void **state)
{
    (void)state;
    arena_reset(&arena);
    slab_free(slab);
    return 0;
}

#define RLS_TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

static void
request_has_the_public_field_numbers(void **state)
{
    const struct rls_pair first[] = { { slice_of("generic_key"), slice_of("all") },
                                      { slice_of("tenant"), slice_of("a\xff") } };
    const struct rls_pair second[] = { { slice_of("remote_address"),
                                         slice_of("10.0.0.1") } };
    const struct rls_descriptor v[] = { { first, 2 }, { second, 1 } };
    struct slice want =
        JOIN(TEXT(1, "edge"),
             M(2, M(1, TEXT(1, "generic_key"), TEXT(2, "all")),
               M(1, TEXT(1, "tenant"), TEXT(2, "a!"))),
             M(2, M(1, TEXT(1, "remote_address"), TEXT(2, "10.0.0.1"))), NUMBER(3, 2));
    struct strbuf out;

    (void)state;
    strbuf_init(&out, 4096);
    assert_int_equal(rls_request_encode(slice_of("edge"), v, 2, 2, &arena, &out), ERR_OK);
    assert_int_equal(out.len, want.n);
    assert_memory_equal(out.s, want.p, want.n);
    strbuf_done(&out);
    strbuf_init(&out, 16);
    assert_int_equal(rls_request_encode(slice_of("edge"), v, 2, 2, &arena, &out),
                     ERR_LIMIT);
    strbuf_done(&out);
    arena_reset(&arena);
    arena.cap = 16;
    strbuf_init(&out, 4096);
    assert_int_equal(rls_request_encode(slice_of("edge"), v, 2, 2, &arena, &out),
                     ERR_NOMEM);
    strbuf_done(&out);
}

static struct rls_answer
decoded(struct slice message)
{
    struct rls_answer a = { 0 };

    assert_int_equal(rls_answer_decode(message, &arena, &a), ERR_OK);
    return a;
}

/* code, limit { requests, unit, name }, remaining, reset */
static struct slice
status(unsigned code, unsigned requests, unsigned unit, const char *name, unsigned left,
       unsigned seconds, unsigned nanos)
{
    return M(2, NUMBER(1, code),
             M(2, NUMBER(1, requests), NUMBER(2, unit), TEXT(3, name)), NUMBER(3, left),
             M(4, NUMBER(1, seconds), NUMBER(2, nanos)));
}

static void
ok_tells_of_the_limit_with_the_least_left(void **state)
{
    struct rls_answer a = decoded(
        JOIN(NUMBER(1, 1), status(1, 100, 2, "minute", 50, 30, 0),
             status(1, 10, 1, "second", 3, 0, 500000001), M(2, NUMBER(1, 1)),
             M(3, TEXT(1, "X-R"), TEXT(2, "1")), M(4, TEXT(1, "x-q"), TEXT(3, "2"))));

    (void)state;
    assert_false(a.over);
    assert_true(a.limit.known);
    assert_int_equal(a.limit.requests, 10);
    assert_int_equal(a.limit.unit_s, 1);
    assert_int_equal(a.limit.remaining, 3);
    assert_true(slice_eq_str(a.limit.name, "second"));
    assert_true(a.limit.reset_known);
    assert_int_equal(a.limit.reset_ms, 501); /* rounded up: not a moment too early */
    assert_int_equal(a.response_count, 1);
    assert_true(slice_eq_str(a.response[0].name, "x-r"));
    assert_true(slice_eq_str(a.response[0].name, "x-r"));
    assert_int_equal(a.request_count, 1);
    assert_true(slice_eq_str(a.request[0].value, "2"));
    assert_false(decoded(NUMBER(1, 1)).limit.known);
}

static void
over_tells_of_the_limit_that_lasts_longest(void **state)
{
    struct rls_answer a = decoded(JOIN(NUMBER(1, 2), status(2, 10, 1, "second", 0, 1, 0),
                                       status(2, 100, 2, "minute", 0, 42, 0),
                                       status(1, 1, 4, "day", 0, 9999, 0)));

    (void)state;
    assert_true(a.over);
    assert_true(slice_eq_str(a.limit.name, "minute"));
    assert_int_equal(a.limit.unit_s, 60);
    assert_int_equal(a.limit.reset_ms, 42000);
}

static void
odd_times_count_as_unknown(void **state)
{
    static const struct {
        uint64_t seconds, nanos;
    } rows[] = { { UINT64_MAX, 0 },   /* -1 */
                 { 0, (uint64_t)-1 }, /* -1 */
                 { 0, 1000000000 },
                 { INT64_C(1) << 62, 0 } };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct rls_answer a = decoded(JOIN(
            NUMBER(1, 2), M(2, NUMBER(1, 2),
                            M(4, NUMBER(1, rows[i].seconds), NUMBER(2, rows[i].nanos)))));

        assert_true(a.over);
        assert_false(a.limit.known);
        assert_false(a.limit.reset_known);
        assert_int_equal(a.limit.reset_ms, 0);
    }
    assert_int_equal(decoded(JOIN(NUMBER(1, 1), M(2, M(2, NUMBER(2, 77))))).limit.unit_s,
                     0);
}

static void
what_is_no_answer_is_refused(void **state)
{
    static const struct {
        const char *bytes;
        size_t n;
    } rows[] = {
        { "", 0 }, /* overall_code UNKNOWN */
        { "\x08\x00", 2 }, { "\x08\x03", 2 },
        { "\x08", 1 },     { "\x08\x01\x12\x05\x08", 5 },
        { "garbage", 7 },
    };
    struct slice one = M(3, TEXT(1, "a"), TEXT(2, "b")), all = NUMBER(1, 1);
    struct rls_answer a = { .over = true };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        assert_int_equal(
            rls_answer_decode(slice_make(rows[i].bytes, rows[i].n), &arena, &a),
            ERR_SYNTAX);
        assert_true(a.over);
    }
    for (int i = 0; i <= RLS_HEADERS_MAX; i++)
        all = JOIN(all, one);
    assert_int_equal(rls_answer_decode(all, &arena, &a), ERR_LIMIT);
    arena_reset(&arena);
    arena.cap = 16;
    assert_int_equal(rls_answer_decode(JOIN(NUMBER(1, 1), one), &arena, &a), ERR_NOMEM);
    assert_true(a.over);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        RLS_TEST(request_has_the_public_field_numbers),
        RLS_TEST(ok_tells_of_the_limit_with_the_least_left),
        RLS_TEST(over_tells_of_the_limit_that_lasts_longest),
        RLS_TEST(odd_times_count_as_unknown),
        RLS_TEST(what_is_no_answer_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
