/* SPDX-License-Identifier: Apache-2.0 */
/* The page of metrics: which format an asker gets, that gzip is gzip, and that the counters of all threads are on it. */
#include "unit.h"

#include <string.h>
#include <zlib.h>

#include "admin/accept.h"
#include "admin/gzip.h"
#include "admin/metrics_page.h"
#include "base/err.h"
#include "base/xalloc.h"
#include "obs/stats.h"

#define OPEN  "application/openmetrics-text"
#define PROM2 /* what Prometheus 2.42 sends */                                     \
    OPEN ";version=1.0.0," OPEN ";version=0.0.1;q=0.75,text/plain;version=0.0.4;q" \
         "=0.5,*/*;q=0.1"

static void
who_names_openmetrics_gets_it(void **state)
{
    static const char *const yes[] = {
        PROM2,
        OPEN,
        " Application/OpenMetrics-Text ; Version=\"1.0.0\" ; q=1.000",
        OPEN ";q=0.5",
        OPEN ";q=0.5,text/plain;q=0.5",
        OPEN ";q=0.3, */*;q=0.1",
        OPEN ";q=0.9, text/plain;q=0.1, text/*;q=1",
        "text/plain;q=0," OPEN ";q=0.001",
        ",,;, " OPEN,
        OPEN ";escaping=\"a,b;q=0\";q=1",
    };
    static const char *const no[] = {
        "",
        "*/*",
        "text/plain",
        "application/*",
        "application/json",
        OPEN ";q=0",
        OPEN ";q=2",
        OPEN ";q=1.5",
        OPEN ";q=abc",
        OPEN ";q=0.1234",
        OPEN ";q=",
        OPEN ";version=0.0.1",
        OPEN ";version=2.0.0",
        OPEN "x",
        OPEN ";q=0.2,*/*;q=0.3",
        OPEN ";q=0.4,text/*",
        "\"" OPEN "\"",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(yes) / sizeof(yes[0]); i++) {
        if (!accept_openmetrics(slice_of(yes[i])))
            fail_msg("refused: %s", yes[i]);
    }
    for (size_t i = 0; i < sizeof(no) / sizeof(no[0]); i++) {
        if (accept_openmetrics(slice_of(no[i])))
            fail_msg("taken: %s", no[i]);
    }
    assert_false(accept_openmetrics((struct slice){ 0 }));
}

static void
gzip_is_for_who_takes_it(void **state)
{
    static const char *const yes[] = { "gzip", "GZIP;q=0.5",      "br, gzip;q=0.1",
                                       "*",    "deflate,*;q=0.1", "x-gzip" };
    static const char *const no[] = {
        "", "br", "identity", "gzip;q=0", "gzip;q=0,*", "identity,gzip;q=0.5", "*;q=0",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(yes) / sizeof(yes[0]); i++)
        assert_true(accept_gzip(slice_of(yes[i])));
    for (size_t i = 0; i < sizeof(no) / sizeof(no[0]); i++)
        assert_false(accept_gzip(slice_of(no[i])));
}

/* What zlib itself makes of it. */
static void
unpack(const char *packed, size_t n, char *out, size_t room, size_t *ret_n)
{
    z_stream z = { .next_in = (Bytef *)(uintptr_t)packed, .avail_in = (uInt)n };

    assert_int_equal(inflateInit2(&z, 15 + 16), Z_OK);
    z.next_out = (Bytef *)out;
    z.avail_out = (uInt)room;
    assert_int_equal(inflate(&z, Z_FINISH), Z_STREAM_END);
    assert_int_equal(z.avail_in, 0);
    *ret_n = z.total_out;
    inflateEnd(&z);
}

static void
what_is_packed_comes_out_again(void **state)
{
    static const size_t sizes[] = { 0, 1, 1000, 100000, 3000000 };
    struct rng rng;

    (void)state;
    unit_seed(&rng);
    for (size_t i = 0; i < 2 * sizeof(sizes) / sizeof(sizes[0]); i++) {
        size_t n = sizes[i / 2], packed_n, back_n;
        char *text = xmalloc(n + 1), *back = xmalloc(n + 1), *packed;

        /* noise does not get smaller, and still has room */
        for (size_t k = 0; k < n; k++)
            text[k] = i & 1 ? (char)rng_next(&rng) : "grpc_server"[k % 11];
        assert_int_equal(gzip_pack(text, n, &packed, &packed_n), ERR_OK);
        unpack(packed, packed_n, back, n + 1, &back_n);
        assert_int_equal(back_n, n);
        assert_memory_equal(back, text, n);
        xfree(text);
        xfree(back);
        xfree(packed);
    }
}

static void
more(void *arg, struct prom *p)
{
    prom_one(p, "more_seconds", PROM_GAUGE, "More.", *(int *)arg);
}

static void
the_page_has_the_sums_of_all_threads_and_what_others_add(void **state)
{
    static struct stats a, b;
    const struct stats *blocks[] = { &a, &b };
    struct metrics_page *m = metrics_page_new(blocks, 2);
    struct metrics_body text, open, packed;
    int value = 9;
    char *back;
    size_t n;

    (void)state;
    metrics_page_add(m, more, &value);
    stat_add(&a, STAT_CALLS_STARTED, 40);
    stat_add(&b, STAT_CALLS_STARTED, 2);
    stat_add(&b, STAT_DOOMED_SAVED_MS, 1250);
    metrics_page_make(m, slice_of(""), slice_of(""), &text);
    assert_string_equal(text.type, "text/plain; version=0.0.4; charset=utf-8");
    assert_int_equal(text.n, strlen(text.text));
    assert_non_null(strstr(text.text, "# TYPE outrigger_calls_started_total counter\n"
                                      "outrigger_calls_started_total 42\n"));
    assert_non_null(
        strstr(text.text, "\noutrigger_doomed_calls_saved_seconds_total 1.250000\n"));
    assert_non_null(strstr(text.text, "\nmore_seconds 9\n"));
    assert_null(strstr(text.text, "# EOF"));
    metrics_page_make(m, slice_of(PROM2), slice_of(""), &open);
    assert_string_equal(open.type,
                        "application/openmetrics-text; version=1.0.0; charset=utf-8");
    assert_non_null(strstr(open.text, "# TYPE outrigger_calls_started counter\n"
                                      "outrigger_calls_started_total 42\n"));
    assert_string_equal(open.text + open.n - 6, "# EOF\n");
    metrics_page_make(m, slice_of(PROM2), slice_of("gzip"), &packed);
    assert_true(packed.gzip && !open.gzip && packed.n < open.n / 4);
    back = xmalloc(open.n + 1);
    unpack(packed.text, packed.n, back, open.n + 1, &n);
    assert_int_equal(n, open.n);
    assert_memory_equal(back, open.text, n);
    xfree(back);
    xfree(text.text);
    xfree(open.text);
    xfree(packed.text);
    metrics_page_free(m);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_names_openmetrics_gets_it),
        cmocka_unit_test(gzip_is_for_who_takes_it),
        cmocka_unit_test(what_is_packed_comes_out_again),
        cmocka_unit_test(the_page_has_the_sums_of_all_threads_and_what_others_add),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
