/* SPDX-License-Identifier: Apache-2.0 */
/* Headers of traces: what is exactly right is read, everything else counts as absent (the cases of the W3C's own test suite, and of B3). */
#include <string.h>

#include "base/err.h"
#include "obs/trace_context.h"
#include "unit.h"

#define TRACE "4bf92f3577b34da6a3ce929d0e0e4736"
#define SPAN  "00f067aa0ba902b7"

static int
parse(const char *text, struct trace_context *c)
{
    return traceparent_parse(slice_of(text), c);
}

static void
a_good_traceparent_is_read_and_written(void **state)
{
    struct trace_context c;
    char out[TRACEPARENT_BYTES];

    (void)state;
    assert_int_equal(parse("00-" TRACE "-" SPAN "-01", &c), ERR_OK);
    assert_int_equal(c.trace[0], 0x4b);
    assert_int_equal(c.span[7], 0xb7);
    assert_int_equal(c.flags, TRACE_SAMPLED);
    traceparent_write(&c, out);
    assert_memory_equal(out, "00-" TRACE "-" SPAN "-01", TRACEPARENT_BYTES);
    /* unknown flags are not passed on, unknown versions become ours */
    assert_int_equal(parse("00-" TRACE "-" SPAN "-ff", &c), ERR_OK);
    assert_int_equal(c.flags, TRACE_SAMPLED | TRACE_RANDOM);
    assert_int_equal(parse("cc-" TRACE "-" SPAN "-00", &c), ERR_OK);
    assert_int_equal(parse("cc-" TRACE "-" SPAN "-00-what comes later", &c), ERR_OK);
    assert_int_equal(parse("01-" TRACE "-" SPAN "-02-", &c), ERR_OK);
    traceparent_write(&c, out);
    assert_memory_equal(out, "00-" TRACE "-" SPAN "-02", TRACEPARENT_BYTES);
}

static void
anything_else_is_none(void **state)
{
    static const char *const bad[] = {
        "",
        "00",
        "00-" TRACE "-" SPAN "-0",
        "00-" TRACE "-" SPAN "-011",
        "00-" TRACE "-" SPAN "-01-",
        "00-" TRACE "-" SPAN "-01-x",
        "ff-" TRACE "-" SPAN "-01",
        "0-" TRACE "-" SPAN "-01",
        "000-" TRACE "-" SPAN "-01",
        ".0-" TRACE "-" SPAN "-01",
        "00-4BF92F3577B34DA6A3CE929D0E0E4736-" SPAN "-01",
        "00-" TRACE "-00F067AA0BA902B7-01",
        "00-" TRACE "-" SPAN "-0A",
        "00-00000000000000000000000000000000-" SPAN "-01",
        "00-" TRACE "-0000000000000000-01",
        "00-" TRACE "_" SPAN "-01",
        "00-" TRACE "-" SPAN "_01",
        "00 " TRACE "-" SPAN "-01",
        "00-" TRACE "0-" SPAN "-01",
        "00-4bf92f3577b34da6a3ce929d0e0e473-" SPAN "-01",
        "00-" TRACE "-00f067aa0ba902b-01",
        "00-.bf92f3577b34da6a3ce929d0e0e4736-" SPAN "-01",
        "cc-" TRACE "-" SPAN "-00x",
        " 00-" TRACE "-" SPAN "-01",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct trace_context c = { .flags = 77 };

        if (parse(bad[i], &c) != ERR_SYNTAX || c.flags != 77)
            fail_msg("taken: %s", bad[i]);
    }
}

/* --- grpc-trace-bin --------------------------------------------------------------------- */

static void
the_binary_form_is_read_and_written(void **state)
{
    static const char text[] = "AAAK92UZFs1D3YRI6yEcgDGcAbeta3FpIDMxAgE";
    static const char *const wrong[] = {
        "",
        "AAAK92UZFs1D3YRI6yEcgDGcAbeta3FpIDMxAg",   /* too short */
        "AAAK92UZFs1D3YRI6yEcgDGcAbeta3FpIDMxAgEA", /* too long */
        "AQAK92UZFs1D3YRI6yEcgDGcAbeta3FpIDMxAgE",  /* a later version */
        "AAAK92UZFs1D3YRI6yEcgDGcAreta3FpIDMxAgE",  /* another field */
        "AAAK92UZFs1D3YRI6yEcgDGcAbeta3FpIDMx*gE",  /* no base64 */
        "AAAAAAAAAAAAAAAAAAAAAAAAAbeta3FpIDMxAgE",  /* no trace */
        "AAAK92UZFs1D3YRI6yEcgDGcAQAAAAAAAAAAAgE",  /* no span */
    };
    struct trace_context c;
    char out[TRACE_BIN_TEXT], hex[32];

    (void)state;
    assert_int_equal(trace_bin_parse(slice_make(text, 39), &c), ERR_OK);
    trace_hex_write(c.trace, 16, hex);
    assert_memory_equal(hex, "0af7651916cd43dd8448eb211c80319c", 32);
    trace_hex_write(c.span, 8, hex);
    assert_memory_equal(hex, "b7ad6b7169203331", 16);
    assert_int_equal(c.flags, TRACE_SAMPLED);
    c.flags |= TRACE_RANDOM;
    trace_bin_write(&c, out);
    assert_memory_equal(out, text, 39);
    assert_int_equal(
        trace_bin_parse(slice_of("AAAK92UZFs1D3YRI6yEcgDGcAbeta3FpIDMxAgE="), &c),
        ERR_OK);
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        if (trace_bin_parse(slice_of(wrong[i]), &c) != ERR_SYNTAX)
            fail_msg("wrong: %s", wrong[i]);
    }
}

/* --- B3 ----------------------------------------------------------------------------- */

static void
b3_is_read_in_both_forms(void **state)
{
    static const struct {
        const char *text;
        bool ids;
        enum trace_decision decision;
    } singles[] = {
        { TRACE "-" SPAN "-1", true, TRACE_RECORD },
        { TRACE "-" SPAN "-0", true, TRACE_DROP },
        { TRACE "-" SPAN "-d-05e3ac9a4f6e3b90", true, TRACE_RECORD },
        { TRACE "-" SPAN, true, TRACE_UNDECIDED },
        { "a3ce929d0e0e4736-" SPAN "-1", true, TRACE_RECORD },
        { "0", false, TRACE_DROP },
        { "1", false, TRACE_RECORD },
        { "d", false, TRACE_RECORD },
        { "", false, TRACE_UNDECIDED },
        { TRACE, false, TRACE_UNDECIDED },
        { TRACE "-" SPAN "-1-short", false, TRACE_UNDECIDED },
        { TRACE "-" SPAN "-1-05e3ac9a4f6e3b90-more", false, TRACE_UNDECIDED },
        { "00000000000000000000000000000000-" SPAN "-1", false, TRACE_UNDECIDED },
        { "4BF92F3577B34DA6A3CE929D0E0E4736-" SPAN "-1", false, TRACE_UNDECIDED },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(singles); i++) {
        struct b3_headers h = { .single = slice_of(singles[i].text) };
        enum trace_decision d = TRACE_DROP;
        struct trace_context c;

        if (b3_parse(&h, &c, &d) != singles[i].ids || d != singles[i].decision)
            fail_msg("wrong: %s", singles[i].text);
    }
}

static void
several_b3_headers_are_read(void **state)
{
    struct b3_headers h = { .trace = slice_of("a3ce929d0e0e4736"),
                            .span = slice_of(SPAN),
                            .sampled = slice_of("1") };
    enum trace_decision d;
    struct trace_context c;

    (void)state;
    assert_true(b3_parse(&h, &c, &d));
    assert_int_equal(d, TRACE_RECORD);
    assert_int_equal(c.trace[0], 0);
    assert_int_equal(c.trace[8], 0xa3);
    h.sampled = slice_of("false");
    assert_true(b3_parse(&h, &c, &d));
    assert_int_equal(d, TRACE_DROP);
    h.flags = slice_of("1");
    assert_true(b3_parse(&h, &c, &d));
    assert_int_equal(d, TRACE_RECORD);
    h.span = (struct slice){ 0 };
    assert_false(b3_parse(&h, &c, &d));
    assert_int_equal(d, TRACE_RECORD);
    /* the single one wins, also when it is wrong */
    h.single = slice_of("nonsense");
    assert_false(b3_parse(&h, &c, &d));
    assert_int_equal(d, TRACE_UNDECIDED);
}

/* --- sampling ------------------------------------------------------------------------ */

static void
the_ratio_holds_and_all_who_know_it_agree(void **state)
{
    static const double ratios[] = { 0, 0.01, 0.5, 1 };
    struct rng rng;

    (void)state;
    unit_seed(&rng);
    for (size_t i = 0; i < ARRAY_LEN(ratios); i++) {
        uint64_t threshold = trace_threshold(ratios[i]);
        unsigned n = 0, all = 200000;

        for (unsigned k = 0; k < all; k++) {
            struct trace_context c;

            trace_context_new(&c, &rng);
            assert_int_equal(c.flags, TRACE_RANDOM);
            n += trace_sampled(&c, threshold);
        }
        assert_true(n >= ratios[i] * all * 0.85 && n <= ratios[i] * all * 1.15);
    }
    struct trace_context c = { .trace = { [9] = 0x80 } };
    assert_true(trace_sampled(&c, trace_threshold(0.5)));
    c.trace[9] = 0x7f;
    assert_false(trace_sampled(&c, trace_threshold(0.5)));
}

/* --- tracestate ---------------------------------------------------------------------- */

static struct tracestate
state_of(const char *const *lines, size_t n, bool *ret_good)
{
    struct tracestate t = { 0 };

    *ret_good = true;
    for (size_t i = 0; i < n && *ret_good; i++)
        *ret_good = tracestate_add(&t, slice_of(lines[i]));
    return t;
}

static void
check_state(const char *const *lines, size_t n, const char *want, bool changed)
{
    char out[TRACESTATE_MAX + 1];
    bool good;
    struct tracestate t = state_of(lines, n, &good);

    assert_true(good);
    tracestate_trim(&t);
    out[tracestate_write(&t, out)] = '\0';
    assert_string_equal(out, want);
    assert_int_equal(t.bytes, strlen(want));
    assert_int_equal(t.changed, changed);
}

static void
members_are_joined_in_order_and_empty_ones_go(void **state)
{
    (void)state;
    check_state((const char *[]){ "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE" }, 1,
                "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE", false);
    check_state((const char *[]){ "a=1", "b=2,c=3" }, 2, "a=1,b=2,c=3", true);
    check_state((const char *[]){ "a=1 ,\t b=2,,", "" }, 2, "a=1,b=2", true);
    check_state((const char *[]){ "" }, 1, "", false);
    check_state((const char *[]){ "t@v=x y,1a=~" }, 1, "t@v=x y,1a=~", false);
}

static void
a_bad_member_spoils_all(void **state)
{
    static const char *const bad[] = { "a",     "=1",    "a=",        "A=1",
                                       "a=1=2", "a b=1", "a=\x7f",    "a=1,b",
                                       "@a=1",  "-a=1",  "a=\xc3\xa4" };
    bool good;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        state_of(&bad[i], 1, &good);
        if (good)
            fail_msg("taken: %s", bad[i]);
    }
}

static void
too_much_is_cut_by_whole_members_the_long_ones_first(void **state)
{
    char line[4096], out[TRACESTATE_MAX + 1], long_one[200];
    const char *lines[] = { line };
    struct tracestate t;
    bool good;
    size_t n = 0;

    (void)state;
    memset(long_one, 'x', 190);
    long_one[190] = '\0';
    /* 0: 200 bytes, 1 to 20: 20 bytes each */
    n += (size_t)snprintf(line, sizeof(line), "longest=%s", long_one);
    for (int i = 1; i <= 20; i++)
        n += (size_t)snprintf(line + n, sizeof(line) - n, ",key%02d=12345678901234", i);
    t = state_of(lines, 1, &good);
    assert_true(good);
    assert_int_equal(t.n, 21);
    tracestate_trim(&t);
    assert_int_equal(t.n, 20); /* 20 x 20 + 19 commas */
    out[tracestate_write(&t, out)] = '\0';
    assert_true(strncmp(out, "key01=", 6) == 0);
    assert_true(t.changed);
    /* 32 short ones are too many bytes: the right-most go */
    n = 0;
    for (int i = 1; i <= 40; i++)
        n += (size_t)snprintf(line + n, sizeof(line) - n, "%skey%02d=12345678901234",
                              i > 1 ? "," : "", i);
    t = state_of(lines, 1, &good);
    assert_true(good && t.changed);
    assert_int_equal(t.n, TRACESTATE_MEMBERS);
    tracestate_trim(&t);
    assert_true(t.bytes <= TRACESTATE_MAX);
    out[tracestate_write(&t, out)] = '\0';
    assert_int_equal(strlen(out), 24 * 20 + 23);
    assert_non_null(strstr(out, "key24"));
    assert_null(strstr(out, "key25"));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_good_traceparent_is_read_and_written),
        cmocka_unit_test(anything_else_is_none),
        cmocka_unit_test(the_binary_form_is_read_and_written),
        cmocka_unit_test(b3_is_read_in_both_forms),
        cmocka_unit_test(several_b3_headers_are_read),
        cmocka_unit_test(the_ratio_holds_and_all_who_know_it_agree),
        cmocka_unit_test(members_are_joined_in_order_and_empty_ones_go),
        cmocka_unit_test(a_bad_member_spoils_all),
        cmocka_unit_test(too_much_is_cut_by_whole_members_the_long_ones_first),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
