/* SPDX-License-Identifier: Apache-2.0 */
/* Ids: a stale one finds nothing, whatever happened since; also against a plain list. */
#include "unit.h"

#include "base/idtab.h"

static void
finds_what_was_added_and_nothing_else(void **state)
{
    struct idtab t;
    int a, b;

    (void)state;
    idtab_init(&t);
    assert_null(idtab_find(&t, 0));
    assert_null(idtab_find(&t, 1));

    uint64_t ia = idtab_add(&t, &a), ib = idtab_add(&t, &b);

    assert_true(ia != 0 && ib != 0 && ia != ib);
    assert_ptr_equal(idtab_find(&t, ia), &a);
    assert_ptr_equal(idtab_find(&t, ib), &b);
    assert_null(idtab_find(&t, ia + (UINT64_C(1) << 32)));
    assert_null(idtab_find(&t, UINT64_MAX));
    assert_int_equal(idtab_count(&t), 2);
    idtab_done(&t);
}

static void
a_stale_id_does_not_find_the_next_user_of_its_slot(void **state)
{
    struct idtab t;
    int a, b;

    (void)state;
    idtab_init(&t);

    uint64_t old = idtab_add(&t, &a);

    idtab_remove(&t, old);

    uint64_t next = idtab_add(&t, &b);

    assert_int_equal((uint32_t)old, (uint32_t)next); /* the slot is the same one */
    assert_null(idtab_find(&t, old));
    idtab_remove(&t, old);
    assert_ptr_equal(idtab_find(&t, next), &b);
    assert_int_equal(idtab_count(&t), 1);
    idtab_done(&t);
}

struct walk {
    struct idtab t;
    uint64_t ids[100];
    int seen[100];
};

static struct walk walk;

static void
walk_remove_odd(void *obj, void *arg)
{
    size_t i = (size_t)((int *)obj - walk.seen);

    assert_ptr_equal(arg, &walk);
    walk.seen[i]++;
    if (i % 2)
        idtab_remove(&walk.t, walk.ids[i]);
}

static void
a_walk_sees_each_object_once_and_may_remove_it(void **state)
{
    (void)state;
    idtab_init(&walk.t);
    for (size_t i = 0; i < 100; i++)
        walk.ids[i] = idtab_add(&walk.t, &walk.seen[i]);
    idtab_each(&walk.t, walk_remove_odd, &walk);
    for (size_t i = 0; i < 100; i++)
        assert_int_equal(walk.seen[i], 1);
    assert_int_equal(idtab_count(&walk.t), 50);
    idtab_each(&walk.t, walk_remove_odd, &walk);
    for (size_t i = 0; i < 100; i++)
        assert_int_equal(walk.seen[i], i % 2 ? 1 : 2);
    idtab_done(&walk.t);
}

enum { MODEL = 400 };

static void
agrees_with_a_plain_list(void **state)
{
    static uint64_t ids[MODEL], dead[MODEL];
    static char objects[MODEL];
    struct idtab t;
    struct rng r;
    uint32_t live = 0;

    (void)state;
    unit_seed(&r);
    idtab_init(&t);
    for (int step = 0; step < 20000; step++) {
        size_t i = rng_below(&r, MODEL);

        if (ids[i] == 0) {
            ids[i] = idtab_add(&t, &objects[i]);
            live++;
        } else if (rng_below(&r, 2)) {
            dead[i] = ids[i];
            idtab_remove(&t, ids[i]);
            ids[i] = 0;
            live--;
        }
        i = rng_below(&r, MODEL);
        assert_ptr_equal(idtab_find(&t, ids[i]), ids[i] ? &objects[i] : NULL);
        assert_null(idtab_find(&t, dead[i]));
        assert_int_equal(idtab_count(&t), live);
    }
    idtab_done(&t);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_what_was_added_and_nothing_else),
        cmocka_unit_test(a_stale_id_does_not_find_the_next_user_of_its_slot),
        cmocka_unit_test(a_walk_sees_each_object_once_and_may_remove_it),
        cmocka_unit_test(agrees_with_a_plain_list),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
