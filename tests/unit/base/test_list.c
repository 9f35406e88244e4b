/* SPDX-License-Identifier: Apache-2.0 */
/* The intrusive list. */
#include "unit.h"

#include "base/list.h"

static void
keeps_order_at_both_ends(void **state)
{
    struct list head, n[4];

    (void)state;
    list_init(&head);
    assert_null(list_pop(&head));
    list_append(&head, &n[1]);
    list_append(&head, &n[2]);
    list_prepend(&head, &n[0]);
    for (int i = 0; i < 3; i++)
        assert_ptr_equal(list_pop(&head), &n[i]);
    assert_true(list_empty(&head));
}

static void
removing_twice_changes_nothing(void **state)
{
    struct list head, a, b;

    (void)state;
    list_init(&head);
    list_append(&head, &a);
    list_append(&head, &b);
    list_remove(&a);
    assert_false(list_linked(&a));
    list_remove(&a);
    assert_true(list_linked(&b));
    assert_ptr_equal(head.next, &b);
    assert_ptr_equal(head.prev, &b);
}

static void
splice_moves_all_to_the_end(void **state)
{
    struct list to, from, n[4];

    (void)state;
    list_init(&to);
    list_init(&from);
    list_splice(&to, &from);
    assert_true(list_empty(&to));
    list_append(&to, &n[0]);
    list_append(&to, &n[1]);
    list_append(&from, &n[2]);
    list_append(&from, &n[3]);
    list_splice(&to, &from);
    assert_true(list_empty(&from));
    for (int i = 0; i < 4; i++)
        assert_ptr_equal(list_pop(&to), &n[i]);
    assert_true(list_empty(&to));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeps_order_at_both_ends),
        cmocka_unit_test(removing_twice_changes_nothing),
        cmocka_unit_test(splice_moves_all_to_the_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
