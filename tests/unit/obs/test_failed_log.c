/* SPDX-License-Identifier: Apache-2.0 */
/* The last failed calls: newest first over all workers, ours and the backends' apart, whole records only while they are written, and counts by reason. What is one entry: test_failed_lane.c. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "base/strbuf.h"
#include "obs/failed_log.h"
#include "obs/prom.h"
#include "unit.h"

/* Calls of one method are of one kind. */
static void
add_method(struct failed_log *l, unsigned worker, int64_t wall_us, const char *reason,
           int64_t method)
{
    struct failed_call c = {
        .wall_us = wall_us, .reason = reason, .code = 14, .local = reason[0] != '\0'
    };

    snprintf(c.text, sizeof(c.text), "call %lld", (long long)wall_us);
    snprintf(c.method, sizeof(c.method), "/m/%lld", (long long)method);
    failed_log_add(l, worker, &c);
}

static void
add(struct failed_log *l, unsigned worker, int64_t wall_us, const char *reason)
{
    add_method(l, worker, wall_us, reason, wall_us);
}

struct seen {
    size_t n, most;
    int64_t wall_us[4 * FAILED_KEPT], first_us[4 * FAILED_KEPT];
    uint64_t count[4 * FAILED_KEPT];
};

static bool
see(void *arg, const struct failed_entry *e)
{
    const struct failed_call *c = &e->call;
    struct seen *s = arg;
    char text[FAILED_TEXT_MAX];

    snprintf(text, sizeof(text), "call %lld", (long long)c->wall_us);
    assert_string_equal(c->text, text);
    s->wall_us[s->n] = c->wall_us;
    s->count[s->n] = e->count;
    s->first_us[s->n++] = e->first_us;
    return s->n < s->most;
}

static struct seen
walk(const struct failed_log *l, size_t most)
{
    struct seen s = { .most = most };

    failed_log_walk(l, see, &s);
    return s;
}

static void
all_workers_come_newest_first(void **state)
{
    struct failed_log *l = failed_log_new(2);
    struct seen s;

    (void)state;
    assert_int_equal(walk(l, 99).n, 0);
    add(l, 0, 10, "A");
    add(l, 1, 30, "A");
    add(l, 0, 20, "");
    add(l, 1, 40, "");
    s = walk(l, 99);
    assert_int_equal(s.n, 4);
    for (size_t i = 0; i < s.n; i++) {
        assert_int_equal(s.wall_us[i], 40 - 10 * (int64_t)i);
        assert_int_equal(s.count[i], 1);
        assert_int_equal(s.first_us[i], s.wall_us[i]);
    }
    assert_int_equal(walk(l, 2).n, 2);
    failed_log_free(l);
}

/* The gaps between calls of one kind are those of all workers together. */
static void
what_workers_have_of_one_kind_is_one_entry(void **state)
{
    const int64_t gap = FAILED_FOLD_US;
    struct failed_log *l = failed_log_new(3);
    struct seen s;

    (void)state;
    add_method(l, 0, 10, "A", 1);
    add_method(l, 1, 9 + gap, "A",
               1); /* between two of worker 0 that are further apart */
    add_method(l, 0, 8 + 2 * gap, "A", 1);
    add_method(l, 2, 20, "A", 2);
    add_method(l, 2, 30, "A", 2);
    add_method(l, 1, 8 + 3 * gap, "A", 1); /* a new one */
    s = walk(l, 99);
    assert_int_equal(s.n, 3);
    assert_int_equal(s.wall_us[0], 8 + 3 * gap);
    assert_int_equal(s.count[0], 1);
    assert_int_equal(s.wall_us[1], 8 + 2 * gap);
    assert_int_equal(s.count[1], 3);
    assert_int_equal(s.first_us[1], 10);
    assert_int_equal(s.wall_us[2], 30);
    assert_int_equal(s.count[2], 2);
    failed_log_free(l);
}

/* A backend that says NOT_FOUND to everybody leaves our own failures where they are. */
static void
only_the_last_ones_of_each_kind_are_kept(void **state)
{
    struct failed_log *l = failed_log_new(1);
    struct seen s;

    (void)state;
    add(l, 0, 1, "NO_ROUTE");
    for (int i = 0; i < 10 * FAILED_KEPT; i++)
        add(l, 0, 100 + i, "");
    s = walk(l, 999);
    assert_int_equal(s.n, FAILED_KEPT + 1);
    assert_int_equal(s.wall_us[0], 100 + 10 * FAILED_KEPT - 1);
    assert_int_equal(s.wall_us[FAILED_KEPT], 1);
    failed_log_free(l);
}

static void
reasons_are_counted_by_their_words_and_bounded(void **state)
{
    static char words[2 * FAILED_REASONS_MAX][16];
    const char again[] = "NO_ROUTE";
    struct failed_log *l = failed_log_new(2);
    struct strbuf out;
    struct prom prom;

    (void)state;
    add(l, 0, 1, "NO_ROUTE");
    add(l, 1, 2, again); /* the same word elsewhere */
    add(l, 1, 3, "");
    assert_int_equal(failed_log_count(l, "NO_ROUTE"), 2);
    assert_int_equal(failed_log_count(l, FAILED_BY_BACKEND), 1);
    strbuf_init(&out, 1 << 16);
    prom = prom_make(&out, false);
    failed_log_print(l, &prom);
    assert_non_null(strstr(out.s,
                           "\noutrigger_failed_calls_total{reason=\"NO_ROUTE\"} 2\n"
                           "outrigger_failed_calls_total{"
                           "reason=\"BACKEND_STATUS\"} 1\n"));
    strbuf_done(&out);
    for (int i = 0; i < 2 * FAILED_REASONS_MAX; i++) {
        snprintf(words[i], sizeof(words[i]), "R%d", i);
        add(l, 0, 10 + i, words[i]);
    }
    assert_int_equal(failed_log_count(l, "R0"), 1);
    assert_int_equal(failed_log_count(l, FAILED_OTHER), FAILED_REASONS_MAX + 2);
    failed_log_free(l);
}

static void
texts_are_cut_to_their_room(void **state)
{
    char room[4] = "xxx";

    (void)state;
    failed_text(room, sizeof(room), slice_of("abcdef"));
    assert_string_equal(room, "abc");
    failed_text(room, sizeof(room), (struct slice){ 0 });
    assert_string_equal(room, "");
}

struct race {
    struct failed_log *log;
    _Atomic bool stop;
    int64_t written;
};

static void *
write_on(void *arg)
{
    struct race *r = arg;

    while (!atomic_load(&r->stop)) {
        r->written++;
        add_method(r->log, 0, r->written, r->written % 2 ? "A" : "",
                   r->written % (3 * FAILED_KEPT));
    }
    return NULL;
}

/* see() compares two parts of each record: a torn one would not fit together. Some are counted up, some make room for others. */
static void
a_reader_never_sees_half_a_record(void **state)
{
    struct race r = { .log = failed_log_new(1) };
    size_t seen = 0;
    pthread_t id;

    (void)state;
    assert_int_equal(pthread_create(&id, NULL, write_on, &r), 0);
    for (int i = 0; i < 2000 || seen == 0; i++) /* it may take a while to begin */
        seen += walk(r.log, 999).n;
    atomic_store(&r.stop, true);
    pthread_join(id, NULL);
    assert_true(seen > 0);
    assert_int_equal(failed_log_count(r.log, "A") +
                         failed_log_count(r.log, FAILED_BY_BACKEND),
                     r.written);
    assert_int_equal(walk(r.log, 1).wall_us[0], r.written);
    failed_log_free(r.log);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_workers_come_newest_first),
        cmocka_unit_test(what_workers_have_of_one_kind_is_one_entry),
        cmocka_unit_test(only_the_last_ones_of_each_kind_are_kept),
        cmocka_unit_test(reasons_are_counted_by_their_words_and_bounded),
        cmocka_unit_test(texts_are_cut_to_their_room),
        cmocka_unit_test(a_reader_never_sees_half_a_record),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
