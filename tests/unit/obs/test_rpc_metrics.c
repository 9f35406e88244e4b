/* SPDX-License-Identifier: Apache-2.0 */
/* Counts of calls: what is counted is what is printed, also over several workers, and nobody can make more series than there may be (reliability.md E5). */
#include <pthread.h>
#include <string.h>

#include "base/strbuf.h"
#include "obs/histogram.h"
#include "obs/names.h"
#include "obs/prom.h"
#include "obs/rpc_metrics.h"
#include "unit.h"

static const char *
label(int code)
{
    static const char *const words[RPC_CODES] = { "OK", "Canceled", "Unknown" };

    return words[code] ? words[code] : "Other";
}

static char *
print_as(const struct rpc_metrics *m, bool openmetrics)
{
    struct strbuf out;
    struct prom p = prom_make(&out, openmetrics);

    strbuf_init(&out, 64 << 20);
    strbuf_puts(&out, "");
    rpc_metrics_print(m, label, &p);
    assert_false(out.cut);
    return strbuf_steal(&out);
}

static char *
print(const struct rpc_metrics *m)
{
    return print_as(m, false);
}

/* strstr of a page of megabytes; the one of a sanitizer measures the rest of the page each time. */
static const char *
find(const char *p, const char *what)
{
    size_t n = strlen(what);

    while (*p && (*p != *what || strncmp(p, what, n) != 0))
        p++;
    return *p ? p : NULL;
}

static size_t
count(const char *text, const char *what)
{
    size_t n = 0;

    for (const char *p = text; (p = find(p, what)); p += strlen(what))
        n++;
    return n;
}

#define HAS(text, line) assert_non_null(strstr((text), (line)))

/* --- buckets ------------------------------------------------------------------------ */

static void
a_time_is_in_the_first_bucket_that_is_not_below_it(void **state)
{
    static const enum histogram_kind kinds[] = { HISTOGRAM_FINE, HISTOGRAM_COARSE };

    (void)state;
    for (size_t k = 0; k < 2; k++) {
        const struct histogram_bounds *b = histogram_bounds_get(kinds[k]);
        struct rng rng;

        for (size_t i = 0; i < b->n; i++) {
            assert_int_equal(histogram_find(b, b->us[i]), i);
            assert_int_equal(histogram_find(b, b->us[i] + 1), i + 1);
            assert_true(i == 0 || b->us[i] > b->us[i - 1]);
            assert_true((int64_t)(strtod(b->text[i], NULL) * 1e6 + 0.5) == b->us[i]);
        }
        assert_int_equal(histogram_find(b, INT64_MAX), b->n);
        assert_int_equal(histogram_find(b, INT64_MIN), 0);
        unit_seed(&rng);
        for (int i = 0; i < 200000; i++) {
            int64_t us = (int64_t)(rng_next(&rng) >> (20 + rng_below(&rng, 44)));
            size_t at = 0;

            while (at < b->n && us > b->us[at])
                at++;
            assert_int_equal(histogram_find(b, us), at);
        }
    }
    assert_int_equal(histogram_find(histogram_bounds_get(HISTOGRAM_NONE), 5), 0);
}

/* --- names -------------------------------------------------------------------------- */

static struct slice
numbered(char room[64], unsigned i)
{
    return slice_make(room, (size_t)snprintf(room, 64, "/pkg.Service%u/Method", i));
}

static void
a_name_keeps_its_number_for_all_threads_and_the_bound_holds(void **state)
{
    struct names *n = names_new(100);
    struct name_index a, b;
    char room[64];

    (void)state;
    name_index_init(&a, n);
    name_index_init(&b, n);
    assert_int_equal(name_index_find(&a, slice_of("/a/b")), NAME_OTHER);
    for (unsigned i = 1; i <= 60; i++)
        assert_int_equal(name_index_learn(&a, numbered(room, i)), i);
    assert_int_equal(name_index_find(&b, numbered(room, 7)), NAME_OTHER);
    assert_int_equal(name_index_learn(&b, numbered(room, 7)), 7);
    for (unsigned i = 61; i <= 100; i++)
        assert_int_equal(name_index_learn(&b, numbered(room, i)), i);
    /* full: nothing new, but all that is known, whoever learned it */
    for (unsigned i = 101; i <= 100000; i++)
        assert_int_equal(name_index_learn(i & 1 ? &a : &b, numbered(room, i)),
                         NAME_OTHER);
    assert_int_equal(names_count(n), 100);
    for (unsigned i = 1; i <= 100; i++) {
        assert_int_equal(name_index_find(&a, numbered(room, i)), i);
        assert_int_equal(name_index_find(&b, numbered(room, i)), i);
        assert_true(slice_eq(names_get(n, i), numbered(room, i)));
    }
    name_index_done(&a);
    name_index_done(&b);
    names_free(n);
}

static void
a_name_that_is_too_long_is_no_name(void **state)
{
    struct names *n = names_new(10);
    struct name_index x;
    char big[NAME_BYTES_MAX + 1];

    (void)state;
    memset(big, 'x', sizeof(big));
    name_index_init(&x, n);
    assert_int_equal(name_index_learn(&x, slice_make(big, sizeof(big))), NAME_OTHER);
    assert_int_equal(name_index_learn(&x, slice_make(big, sizeof(big) - 1)), 1);
    assert_int_equal(name_index_learn(&x, slice_make(big, 0)), NAME_OTHER);
    name_index_done(&x);
    names_free(n);
}

/* --- counts ------------------------------------------------------------------------- */

static struct rpc_counts *
server(struct rpc_table *t, const char *path)
{
    unsigned id = rpc_table_learn(t, slice_of(path));

    return rpc_table_server(t, id);
}

static void
sums_of_all_workers_are_printed(void **state)
{
    struct rpc_metrics *m = rpc_metrics_new(2, 10, HISTOGRAM_COARSE);
    struct rpc_table *a = rpc_metrics_table(m, 0), *b = rpc_metrics_table(m, 1);
    struct rpc_counts *c;
    char *text;

    (void)state;
    text = print(m);
    assert_string_equal(text, "");
    free(text);
    c = server(b, "/shop.v1.Stock/Get");
    rpc_add(c, RPC_STARTED, 3);
    rpc_add(c, RPC_RECEIVED, 5);
    rpc_add(c, RPC_SENT, 7);
    rpc_handled(b, c, 0, 4000);
    rpc_handled(b, c, 0, 1500000);
    c = server(a, "/shop.v1.Stock/Get");
    rpc_add(c, RPC_STARTED, 1);
    rpc_handled(a, c, 1, 11000000);
    rpc_handled(a, c, 99, 5000);
    c = rpc_table_client(a, slice_of("app"),
                         rpc_table_method(a, slice_of("/shop.v1.Stock/Get")));
    rpc_add(c, RPC_STARTED, 2);
    rpc_handled(a, c, 2, 1);
    c = rpc_table_server(a, NAME_OTHER);
    rpc_add(c, RPC_STARTED, 9);
    text = print(m);
#define STOCK "grpc_type=\"unknown\",grpc_service=\"shop.v1.Stock\",grpc_method=\"Get\""
    HAS(text, "# TYPE grpc_server_started_total counter\n");
    HAS(text, "\ngrpc_server_started_total{" STOCK "} 4\n");
    HAS(text, "\ngrpc_server_started_total{grpc_type=\"unknown\",grpc_service=\"_OTHER\","
              "grpc_method=\"_OTHER\"} 9\n");
    HAS(text, "\ngrpc_server_msg_received_total{" STOCK "} 5\n");
    HAS(text, "\ngrpc_server_msg_sent_total{" STOCK "} 7\n");
    HAS(text, "\ngrpc_server_handled_total{" STOCK ",grpc_code=\"OK\"} 2\n");
    HAS(text, "\ngrpc_server_handled_total{" STOCK ",grpc_code=\"Canceled\"} 1\n");
    HAS(text, "\ngrpc_server_handled_total{" STOCK ",grpc_code=\"Unknown\"} 1\n");
    HAS(text, "\ngrpc_server_handling_seconds_bucket{" STOCK ",le=\"0.005\"} 2\n");
    HAS(text, "\ngrpc_server_handling_seconds_bucket{" STOCK ",le=\"1\"} 2\n");
    HAS(text, "\ngrpc_server_handling_seconds_bucket{" STOCK ",le=\"2.5\"} 3\n");
    HAS(text, "\ngrpc_server_handling_seconds_bucket{" STOCK ",le=\"10\"} 3\n");
    HAS(text, "\ngrpc_server_handling_seconds_bucket{" STOCK ",le=\"+Inf\"} 4\n");
    HAS(text, "\ngrpc_server_handling_seconds_sum{" STOCK "} 12.509000\n");
    HAS(text, "\ngrpc_server_handling_seconds_count{" STOCK "} 4\n");
    HAS(text, "\ngrpc_client_started_total{" STOCK ",pool=\"app\"} 2\n");
    HAS(text,
        "\ngrpc_client_handled_total{" STOCK ",pool=\"app\",grpc_code=\"Unknown\"} 1\n");
    assert_int_equal(count(text, "# TYPE grpc_"), 10);
    free(text);
    rpc_metrics_free(m);
}

#define TRACE(c) c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c

static void
a_traced_call_is_the_example_of_its_bucket(void **state)
{
    struct rpc_metrics *m = rpc_metrics_new(2, 10, HISTOGRAM_COARSE);
    struct rpc_table *a = rpc_metrics_table(m, 0), *b = rpc_metrics_table(m, 1);
    struct rpc_counts *c = server(a, "/s.S/M");
    size_t before;
    char *text;

    (void)state;
    rpc_handled(a, c, 0, 3000);
    before = rpc_metrics_bytes(m);
    rpc_example(a, c, 3000, slice_of(TRACE("a")));
    assert_true(rpc_metrics_bytes(m) > before);
    rpc_example(a, c, 700000, slice_of(TRACE("b")));
    rpc_example(a, c, 99000000, slice_of(TRACE("c")));
    rpc_example(a, c, 20000, slice_of("not a trace id"));
    rpc_example(b, server(b, "/s.S/M"), 800000, slice_of(TRACE("d"))); /* newer */
    text = print_as(m, false);
    assert_null(strstr(text, "trace_id"));
    free(text);
    text = print_as(m, true);
#define EXAMPLE(le, n, trace, value) \
    "le=\"" le "\"} " n " # {trace_id=\"" trace "\"} " value " "
    HAS(text, EXAMPLE("0.005", "1", TRACE("a"), "0.003000"));
    HAS(text, EXAMPLE("1.0", "1", TRACE("d"), "0.800000"));
    HAS(text, EXAMPLE("+Inf", "1", TRACE("c"), "99.000000"));
    assert_int_equal(count(text, "trace_id"), 3);
    free(text);
    rpc_metrics_free(m);
}

static void
a_million_names_make_no_more_series_than_the_bound(void **state)
{
    struct rpc_metrics *m = rpc_metrics_new(2, 50, HISTOGRAM_NONE);
    char room[64], pool[16], *text;

    (void)state;
    for (unsigned i = 0; i < 1000000; i++) {
        struct rpc_table *t = rpc_metrics_table(m, i & 1);
        unsigned id = rpc_table_learn(t, numbered(room, i));
        struct slice p =
            slice_make(pool, (size_t)snprintf(pool, sizeof(pool), "p%u", i % 5000));

        rpc_add(rpc_table_server(t, id), RPC_STARTED, 1);
        rpc_add(rpc_table_client(t, p, id), RPC_STARTED, 1);
    }
    text = print(m);
    assert_int_equal(count(text, "\ngrpc_server_started_total{"), 51);
    assert_true(count(text, "\ngrpc_client_started_total{") <= 2 * 101);
    assert_int_equal(count(text, "seconds"), 0);
    HAS(text, "\ngrpc_server_started_total{grpc_type=\"unknown\",grpc_service=\"_OTHER\","
              "grpc_method=\"_OTHER\"} 999950\n");
    free(text);
    rpc_metrics_free(m);
}

/* --- a reader beside the writer ------------------------------------------------------ */

static void *
counting(void *arg)
{
    struct rpc_table *t = arg;
    char room[64];

    for (unsigned i = 0; i < 100000; i++) {
        unsigned id = rpc_table_learn(t, numbered(room, i % 300));
        struct rpc_counts *c = rpc_table_server(t, id);

        rpc_add(c, RPC_STARTED, 1);
        rpc_handled(t, c, 0, (int64_t)i);
        rpc_example(t, c, (int64_t)i, slice_of(i & 1 ? TRACE("0") : TRACE("f")));
        rpc_add(rpc_table_client(t, slice_of("app"), id), RPC_STARTED, 1);
    }
    return NULL;
}

static void
the_tables_may_be_read_while_they_are_written(void **state)
{
    struct rpc_metrics *m = rpc_metrics_new(2, 200, HISTOGRAM_FINE);
    pthread_t threads[2];
    unsigned long long sum = 0;
    char *text;

    (void)state;
    for (unsigned i = 0; i < 2; i++)
        assert_int_equal(
            pthread_create(&threads[i], NULL, counting, rpc_metrics_table(m, i)), 0);
    for (int i = 0; i < 20; i++) {
        text = print_as(m, true);
        for (const char *p = text; (p = find(p, "trace_id=\"")); p++) /* none is torn */
            assert_true(strncmp(p + 10, TRACE("0") "\"", 33) == 0 ||
                        strncmp(p + 10, TRACE("f") "\"", 33) == 0);
        free(text);
    }
    for (unsigned i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    text = print(m);
    for (const char *p = text; (p = find(p, "\ngrpc_server_started_total{")); p++)
        sum += strtoull(strchr(p, '}') + 1, NULL, 10);
    assert_int_equal(sum, 200000);
    assert_int_equal(count(text, "\ngrpc_server_started_total{"), 201);
    free(text);
    rpc_metrics_free(m);
}

/* --- what is remembered ------------------------------------------------------------- */

/* More than there are places, many with the same end and the same length: whatever is remembered, the answer is the one of the names. */
static void
methods_are_found_whatever_was_asked_before(void **state)
{
    enum { METHODS = 300 };
    struct rpc_metrics *m = rpc_metrics_new(1, 2 * METHODS, HISTOGRAM_NONE);
    struct rpc_table *t = rpc_metrics_table(m, 0);
    struct rng rng;
    unsigned known = 0;

    (void)state;
    unit_seed(&rng);
    for (int i = 0; i < 20000; i++) {
        static const char *const shapes[][2] = { { "/s", "/M" },
                                                 { "/a/", "" },
                                                 { "/pkg.Service/Method", "" },
                                                 { "/pkg.Service", "/TheSameMethod" } };
        size_t shape = rng_below(&rng, ARRAY_LEN(shapes));
        unsigned number = (unsigned)rng_below(&rng, METHODS / 2), id;
        char path[64], copy[64];
        struct slice name, kept = { 0 };
        struct rpc_counts *c;

        snprintf(path, sizeof(path), "%s%u%s", shapes[shape][0], number,
                 shapes[shape][1]);
        memcpy(copy, path, sizeof(copy));
        name = slice_of(copy);
        id = rpc_table_method(t, slice_of(path));
        c = rpc_table_known(t, name, &kept);
        memset(copy, 'x', sizeof(copy)); /* what is kept is not the caller's */
        if (id == NAME_OTHER) {
            assert_null(c);
            assert_null(kept.p);
            rpc_table_learn(t, slice_of(path));
            continue;
        }
        known++;
        assert_ptr_equal(c, rpc_table_server(t, id));
        assert_true(slice_eq(kept, slice_of(path)));
    }
    assert_true(known > 10000);
    rpc_metrics_free(m);
}

static void
pools_are_found_by_their_numbers(void **state)
{
    struct rpc_metrics *m = rpc_metrics_new(1, 4, HISTOGRAM_NONE);
    struct rpc_table *t = rpc_metrics_table(m, 0);
    unsigned a = rpc_table_learn(t, slice_of("/s/A")),
             b = rpc_table_learn(t, slice_of("/s/B"));
    struct rpc_counts *app_a = rpc_table_client(t, slice_of("app"), a),
                      *app_b = rpc_table_client(t, slice_of("app"), b),
                      *old_a = rpc_table_client(t, slice_of("old"), a);

    (void)state;
    for (int i = 0; i < 3; i++) {
        assert_ptr_equal(rpc_table_attempt(t, "app", 1, a), app_a);
        assert_ptr_equal(rpc_table_attempt(t, "app", 1, b), app_b);
        assert_ptr_equal(rpc_table_attempt(t, "old", 2, a), old_a);
        assert_ptr_equal(rpc_table_attempt(t, "app", 3, a), app_a); /* after a reload */
        assert_ptr_equal(rpc_table_attempt(t, "old", 0, a), old_a); /* has no number */
        assert_ptr_equal(rpc_table_attempt(t, "app", 0, a), app_a);
        assert_ptr_equal(rpc_table_client(t, slice_of("old"), a), old_a);
    }
    rpc_metrics_free(m);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_time_is_in_the_first_bucket_that_is_not_below_it),
        cmocka_unit_test(a_name_keeps_its_number_for_all_threads_and_the_bound_holds),
        cmocka_unit_test(a_name_that_is_too_long_is_no_name),
        cmocka_unit_test(sums_of_all_workers_are_printed),
        cmocka_unit_test(a_traced_call_is_the_example_of_its_bucket),
        cmocka_unit_test(a_million_names_make_no_more_series_than_the_bound),
        cmocka_unit_test(methods_are_found_whatever_was_asked_before),
        cmocka_unit_test(pools_are_found_by_their_numbers),
        cmocka_unit_test(the_tables_may_be_read_while_they_are_written),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
