/* SPDX-License-Identifier: Apache-2.0 */
/* Close now, free after the turn. */
#include "unit.h"

#include "base/compat.h"
#include "loop/reap.h"

struct thing {
    struct ref ref;
    struct reaper *reaper;
    struct thing *child; /* dropped when this one is freed */
    int freed;
};

static void
thing_free(struct ref *r)
{
    struct thing *t = CONTAINER_OF(r, struct thing, ref);

    t->freed++;
    if (t->child)
        ref_drop(&t->child->ref, t->reaper);
}

static void
the_last_drop_queues_and_the_run_frees(void **state)
{
    struct reaper reaper = { 0 };
    struct thing t = { .reaper = &reaper };

    (void)state;
    ref_init(&t.ref, thing_free);
    ref_hold(&t.ref);
    ref_drop(&t.ref, &reaper);
    reap_run(&reaper);
    assert_int_equal(t.freed, 0);
    ref_drop(&t.ref, &reaper);
    assert_int_equal(t.freed, 0);
    reap_run(&reaper);
    assert_int_equal(t.freed, 1);
    reap_run(&reaper);
    assert_int_equal(t.freed, 1);
}

static void
what_a_free_drops_is_freed_in_the_same_run(void **state)
{
    struct reaper reaper = { 0 };
    struct thing t[3] = { 0 };

    (void)state;
    for (int i = 0; i < 3; i++) {
        ref_init(&t[i].ref, thing_free);
        t[i].reaper = &reaper;
        t[i].child = i < 2 ? &t[i + 1] : NULL;
    }
    ref_drop(&t[0].ref, &reaper);
    reap_run(&reaper);
    for (int i = 0; i < 3; i++)
        assert_int_equal(t[i].freed, 1);
    assert_null(reaper.first);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_last_drop_queues_and_the_run_frees),
        cmocka_unit_test(what_a_free_drops_is_freed_in_the_same_run),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
