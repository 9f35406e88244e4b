/* SPDX-License-Identifier: Apache-2.0 */
/* Chains: every filter that was asked hears of the end exactly once, some without having been asked; filters are shared, edit headers and work for
 * each worker. */
#include "scribe.h"

static void
filters_without_a_request_slot_hear_the_end_when_the_call_came_past_them(void **state)
{
    struct filter *f[2];
    struct rigcall *c;

    (void)state;
    for (int first = 0; first < 2; first++) {
        notes[0] = '\0';
        f[first] = rig_filter(&scribe, "{ \"act\": \"refuse\" }");
        f[1 - first] = rig_filter(&bystander, "{}");
        rig_chain(f, 2);
        c = rig_call("a.B/C");
        assert_int_equal(rig_request(c), FILTER_DONE);
        rig_end(c, GRPC_PERMISSION_DENIED);
        assert_string_equal(notes, first ? "a ae *e " : "a ae ");
    }
}

static void
watchers_hear_of_calls_that_never_came_to_the_filters(void **state)
{
    struct filter *f[2];
    struct rigcall *c;

    (void)state;
    notes[0] = '\0';
    f[0] = rig_filter(&scribe, "{}");
    f[1] = rig_filter(&bystander, "{}");
    rig_chain(f, 2);
    c = rig_call("a.B/C");
    chain_watch(&c->fc);
    rig_end(c, GRPC_UNIMPLEMENTED);
    assert_string_equal(notes, "*e ");
}

static void
same_settings_are_the_same_filter(void **state)
{
    struct filter *a, *b, *other;

    (void)state;
    opened = closed = 0;
    a = rig_filter(&scribe, "{ \"mark\": \"x\" }");
    b = rig_filter(&scribe, "{ \"mark\": \"x\" }");
    other = rig_filter(&scribe, "{ \"mark\": \"y\" }");
    assert_ptr_equal(a, b);
    assert_ptr_not_equal(a, other);
    assert_int_equal(opened, 2);
    filter_drop(a);
    filter_drop(other);
    assert_int_equal(closed, 1);
    filter_drop(b);
    assert_int_equal(closed, 2);
}

static void
edits_are_seen_by_the_next_filter_and_illegal_ones_change_nothing(void **state)
{
    struct rigcall *c;

    (void)state;
    three("", "", "");
    c = rig_call("a.B/C");
    rig_header(c, "x-a", "1");
    rig_header(c, "x-a", "2");
    assert_true(filter_set(&c->fc, c->fc.request, slice_of("x-a"), slice_of("3"), false));
    assert_string_equal(rig_request_header(c, "x-a"), "3");
    assert_int_equal(filter_remove(c->fc.request, slice_of("x-a")), 1);
    assert_null(rig_request_header(c, "x-a"));
    assert_false(filter_set(&c->fc, c->fc.request, slice_of("x-a"),
                            slice_of("line\r\nbreak"), false));
    assert_false(
        filter_add(&c->fc, c->fc.request, slice_of(":path"), slice_of("/x/Y"), false));
    assert_false(
        filter_add(&c->fc, c->fc.request, slice_of("X-A"), slice_of("v"), false));
    assert_int_equal(filter_remove(c->fc.request, slice_of(":path")), 0);
    assert_null(rig_request_header(c, "x-a"));
    assert_true(filter_set(&c->fc, c->fc.request, slice_of("te"), slice_of("x"), false));
    assert_true(slice_eq_str(h2_headers_get(&c->request, H2_TOKEN_CONTENT_TYPE),
                             "application/grpc"));
    for (int i = 0; i < 100; i++)
        assert_true(
            filter_add(&c->fc, c->fc.request, slice_of("x-many"), slice_of("v"), true));
    assert_string_equal(rig_request_header(c, ":path"), "/a.B/C");
    rig_end(c, GRPC_OK);
}

/* --- workers ------------------------------------------------------------------------ */

static unsigned at_work[3];

static void
settler_open(struct filter *f, unsigned worker, struct loop *loop, struct stats *stats)
{
    assert_non_null(f->conf);
    assert_ptr_equal(loop, rig_loop);
    assert_ptr_equal(stats, &rig_stats);
    at_work[worker]++;
}

static void
settler_close(struct filter *f, unsigned worker)
{
    assert_non_null(f->conf);
    at_work[worker]--;
}

static const struct filter_kind settler = {
    .name = "settler",
    .conf = &scribe_struct,
    .worker_open = settler_open,
    .worker_close = settler_close,
};

/* Tables come and go, and some share their filters: a worker begins with the first and ends with the last. */
static void
workers_begin_with_the_first_table_and_end_with_the_last(void **state)
{
    struct chain *chains[2];
    struct filter *both[2];

    (void)state;
    rig_store.env.workers = 3;
    for (int i = 0; i < 2; i++) {
        both[0] = rig_filter(&settler, "{ \"mark\": \"x\" }");
        both[1] = rig_filter(&scribe, "{}");
        chains[i] = chain_new(both, 2);
    }
    chain_use(NULL, 1, rig_loop, &rig_stats);
    chain_use(chains[0], 1, rig_loop, &rig_stats);
    chain_use(chains[1], 1, rig_loop, &rig_stats);
    chain_use(chains[1], 2, rig_loop, &rig_stats);
    assert_int_equal(at_work[0] + 10 * at_work[1] + 100 * at_work[2], 110);
    chain_unuse(chains[0], 1);
    assert_int_equal(at_work[1], 1);
    chain_unuse(chains[1], 1);
    assert_int_equal(at_work[1], 0);
    chain_use(chains[0], 1, rig_loop, &rig_stats);
    assert_int_equal(at_work[1], 1);
    chain_unuse(chains[0], 1);
    chain_unuse(chains[1], 2);
    chain_unuse(NULL, 1);
    assert_int_equal(at_work[0] + at_work[1] + at_work[2], 0);
    chain_free(chains[0]);
    chain_free(chains[1]);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        FILTER_TEST(
            filters_without_a_request_slot_hear_the_end_when_the_call_came_past_them),
        FILTER_TEST(watchers_hear_of_calls_that_never_came_to_the_filters),
        FILTER_TEST(same_settings_are_the_same_filter),
        FILTER_TEST(workers_begin_with_the_first_table_and_end_with_the_last),
        FILTER_TEST(edits_are_seen_by_the_next_filter_and_illegal_ones_change_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
