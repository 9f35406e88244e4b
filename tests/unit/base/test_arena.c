/* SPDX-License-Identifier: Apache-2.0 */
/* The arena of a call: aligned pieces, a cap, and everything back at once. */
#include "unit.h"

#include <stdalign.h>
#include <string.h>

#include "base/arena.h"
#include "base/slab.h"

struct fixture {
    struct slab *slab;
    struct arena arena;
    alignas(16) char first[256];
};

static int
setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    f->slab = slab_new();
    arena_init(&f->arena, f->slab, f->first, sizeof(f->first), 16384);
    *state = f;
    return 0;
}

static int
teardown(void **state)
{
    struct fixture *f = *state;

    arena_reset(&f->arena);
    assert_int_equal(slab_bytes_live(f->slab), 0);
    slab_free(f->slab);
    free(f);
    return 0;
}

static void
uses_the_owners_memory_before_the_slab(void **state)
{
    struct fixture *f = *state;
    char *p = arena_alloc(&f->arena, 100), *q = arena_alloc(&f->arena, 100);

    assert_ptr_equal(p, f->first);
    assert_ptr_equal(q, f->first + 112);
    assert_int_equal(slab_bytes_live(f->slab), 0);
    assert_non_null(arena_alloc(&f->arena, 100));
    assert_true(slab_bytes_live(f->slab) > 0);
}

static void
gives_aligned_pieces_that_do_not_overlap(void **state)
{
    struct fixture *f = *state;
    unsigned char *pieces[60];

    for (size_t i = 0; i < 60; i++) {
        pieces[i] = arena_alloc(&f->arena, i * 3);
        assert_non_null(pieces[i]);
        assert_int_equal((uintptr_t)pieces[i] % 16, 0);
        memset(pieces[i], (int)i, i * 3);
    }
    for (size_t i = 0; i < 60; i++) {
        for (size_t k = 0; k < i * 3; k++)
            assert_int_equal(pieces[i][k], i);
    }
}

static void
stops_at_its_cap_and_works_on_below_it(void **state)
{
    struct fixture *f = *state;

    assert_null(arena_alloc(&f->arena, 16384));
    assert_non_null(arena_alloc(&f->arena, 16000));
    assert_null(arena_alloc(&f->arena, 1000));
    assert_non_null(arena_alloc(&f->arena, 16));
    assert_true(f->arena.used <= f->arena.cap);
}

static void
takes_only_what_is_needed_close_to_the_cap(void **state)
{
    struct fixture *f = *state;

    assert_non_null(arena_alloc(&f->arena, 15000));
    assert_non_null(arena_alloc(&f->arena, 240)); /* the owner's memory is used up */
    assert_non_null(arena_alloc(&f->arena, 500)); /* no place for a usual block */
    assert_true(f->arena.used <= f->arena.cap);
}

static void
a_big_piece_leaves_the_current_block_in_use(void **state)
{
    struct fixture *f = *state;
    char *before = arena_alloc(&f->arena, 16);

    assert_non_null(arena_alloc(&f->arena, 5000));
    assert_ptr_equal(arena_alloc(&f->arena, 16), before + 16);
}

static void
refuses_a_size_that_would_wrap_around(void **state)
{
    struct fixture *f = *state;

    assert_null(arena_alloc(&f->arena, SIZE_MAX));
    assert_null(arena_alloc(&f->arena, SIZE_MAX - 16));
}

static void
reset_gives_blocks_back_and_starts_over(void **state)
{
    struct fixture *f = *state;

    for (int round = 0; round < 3; round++) {
        assert_ptr_equal(arena_alloc(&f->arena, 16), f->first);
        for (int i = 0; i < 10; i++)
            assert_non_null(arena_alloc(&f->arena, 1000));
        arena_reset(&f->arena);
        assert_int_equal(slab_bytes_live(f->slab), 0);
        assert_int_equal(f->arena.used, 0);
    }
}

static void
works_without_memory_of_its_owner(void **state)
{
    struct fixture *f = *state;
    struct arena bare;
    char *copy;

    arena_init(&bare, f->slab, NULL, 0, 8192);
    copy = arena_copy(&bare, "hello", 6);
    assert_string_equal(copy, "hello");
    assert_non_null(arena_copy(&bare, NULL, 0));
    arena_reset(&bare);
    assert_non_null(arena_alloc(&bare, 1));
    arena_reset(&bare);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(uses_the_owners_memory_before_the_slab, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(gives_aligned_pieces_that_do_not_overlap, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(stops_at_its_cap_and_works_on_below_it, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(takes_only_what_is_needed_close_to_the_cap, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_big_piece_leaves_the_current_block_in_use,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(refuses_a_size_that_would_wrap_around, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(reset_gives_blocks_back_and_starts_over, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(works_without_memory_of_its_owner, setup,
                                        teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
