/* SPDX-License-Identifier: Apache-2.0 */
/* The slab: malloc's contract for every size, and memory that goes back. */
#include "unit.h"

#include <stdbool.h>
#include <string.h>

#include "base/slab.h"

#ifdef OUT_SANITIZED
static const bool pooled = false;
#else
static const bool pooled = true;
#endif

enum { PAGE = 65536 };

static void
every_size_is_aligned_and_holds_its_bytes(void **state)
{
    struct slab *s = slab_new();
    enum { MOST = 5000 };
    static unsigned char *p[MOST];
    size_t asked = 0;

    (void)state;
    for (size_t n = 0; n < MOST; n++) {
        p[n] = slab_malloc(s, n);
        assert_non_null(p[n]);
        assert_int_equal((uintptr_t)p[n] % 16, 0);
        memset(p[n], (int)(n % 251), n);
        asked += n;
    }
    assert_true(slab_bytes_live(s) >= asked);
    assert_true(slab_bytes_held(s) >= slab_bytes_live(s));
    for (size_t n = 0; n < MOST; n++) {
        for (size_t i = 0; i < n; i++)
            assert_int_equal(p[n][i], n % 251);
        slab_give(s, p[n]);
    }
    assert_int_equal(slab_bytes_live(s), 0);
    slab_free(s);
}

static void
classes_waste_at_most_a_quarter_above_64_bytes(void **state)
{
    struct slab *s = slab_new();

    (void)state;
    for (size_t n = 64; n <= 4096; n++) {
        void *p = slab_malloc(s, n);

        assert_in_range(slab_bytes_live(s), n, n + n / 4 + 32);
        slab_give(s, p);
    }
    slab_free(s);
}

static void
the_object_given_back_last_is_taken_next(void **state)
{
    struct slab *s = slab_new();
    void *a = slab_malloc(s, 224), *b = slab_malloc(s, 224);
    uintptr_t last = (uintptr_t)a;

    (void)state;
    slab_give(s, b);
    slab_give(s, a);
    a = slab_malloc(s, 220);
    if (pooled)
        assert_int_equal((uintptr_t)a, last);
    slab_give(s, a);
    slab_give(s, NULL);
    slab_free(s);
}

static void
calloc_clears_memory_that_was_used(void **state)
{
    const size_t sizes[] = { 1, 40, 500, 3000, 20000 };
    struct slab *s = slab_new();

    (void)state;
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        for (int round = 0; round < 3; round++) {
            unsigned char *p = slab_calloc(s, sizes[i], 1);

            for (size_t k = 0; k < sizes[i]; k++)
                assert_int_equal(p[k], 0);
            memset(p, 0xff, sizes[i]);
            slab_give(s, p);
        }
    }
    slab_free(s);
}

static void
sizes_that_wrap_around_get_nothing(void **state)
{
    struct slab *s = slab_new();
    void *p = slab_malloc(s, 10);

    (void)state;
    assert_null(slab_calloc(s, SIZE_MAX / 2, 3));
    assert_null(slab_malloc(s, SIZE_MAX));
    assert_null(slab_malloc(s, SIZE_MAX - 8));
    assert_null(slab_realloc(s, p, SIZE_MAX));
    memset(p, 1, 10); /* still ours */
    slab_give(s, p);
    assert_int_equal(slab_bytes_live(s), 0);
    slab_free(s);
}

static void
realloc_keeps_the_bytes_between_all_sizes(void **state)
{
    const size_t sizes[] = { 1, 8, 9, 100, 520, 521, 4096, 4097, 70000, 300, 5000, 2 };
    struct slab *s = slab_new();
    unsigned char *p = slab_realloc(s, NULL, 1);
    size_t known = 1;

    (void)state;
    p[0] = 0;
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        size_t n = sizes[i];

        p = slab_realloc(s, p, n);
        assert_int_equal((uintptr_t)p % 16, 0);
        for (size_t k = 0; k < n && k < known; k++)
            assert_int_equal(p[k], k % 253);
        for (size_t k = 0; k < n; k++)
            p[k] = (unsigned char)(k % 253);
        known = n;
    }
    slab_give(s, p);
    assert_int_equal(slab_bytes_live(s), 0);
    slab_free(s);
}

static void
trim_gives_wholly_free_pages_back_and_no_others(void **state)
{
    struct slab *s = slab_new();
    enum { MANY = 2000 };
    static void *p[MANY];

    (void)state;
    for (int i = 0; i < MANY; i++)
        p[i] = slab_malloc(s, 200);

    size_t most = slab_bytes_held(s);

    slab_trim(s);
    assert_int_equal(slab_bytes_held(s), most);
    for (int i = 1; i < MANY; i++)
        slab_give(s, p[i]);
    if (pooled)
        assert_int_equal(slab_bytes_held(s), most);
    slab_trim(s);
    if (pooled)
        assert_int_equal(slab_bytes_held(s), PAGE);
    memset(p[0], 1, 200);
    slab_give(s, p[0]);
    slab_trim(s);
    assert_int_equal(slab_bytes_held(s), 0);
    slab_free(s);
}

static void
large_objects_go_back_to_the_system_at_once(void **state)
{
    struct slab *s = slab_new();
    void *p = slab_malloc(s, 100000);

    (void)state;
    assert_int_equal(slab_bytes_live(s), 100000);
    assert_int_equal(slab_bytes_held(s), 100000);
    p = slab_realloc(s, p, 200000);
    assert_int_equal(slab_bytes_live(s), 200000);
    slab_give(s, p);
    assert_int_equal(slab_bytes_held(s), 0);
    slab_free(s);
}

enum { MODEL = 500 };

struct piece {
    unsigned char *p;
    size_t n;
    unsigned char mark;
};

static void
piece_check(const struct piece *o)
{
    for (size_t k = 0; k < o->n; k++)
        assert_int_equal(o->p[k], o->mark);
}

static size_t
random_size(struct rng *r)
{
    switch (rng_below(r, 4)) {
    case 0:
        return rng_below(r, 64);
    case 1:
        return rng_below(r, 600);
    case 2:
        return rng_below(r, 5000);
    default:
        return rng_below(r, 2) ? 152 : 224;
    }
}

static void
no_object_ever_touches_another(void **state)
{
    static struct piece pieces[MODEL];
    struct slab *s = slab_new();
    struct rng r;

    (void)state;
    unit_seed(&r);
    for (int step = 0; step < 30000; step++) {
        struct piece *o = &pieces[rng_below(&r, MODEL)];

        piece_check(o);
        if (o->p && rng_below(&r, 2)) {
            slab_give(s, o->p);
            *o = (struct piece){ 0 };
        } else {
            size_t n = random_size(&r), kept = n < o->n ? n : o->n;

            o->p = o->p ? slab_realloc(s, o->p, n) : slab_malloc(s, n);
            o->n = kept;
            piece_check(o);
            o->n = n;
            o->mark = (unsigned char)rng_next(&r);
            memset(o->p, o->mark, n);
        }
        if (step % 5000 == 0)
            slab_trim(s);
    }
    for (size_t i = 0; i < MODEL; i++) {
        piece_check(&pieces[i]);
        slab_give(s, pieces[i].p);
    }
    assert_int_equal(slab_bytes_live(s), 0);
    slab_trim(s);
    assert_int_equal(slab_bytes_held(s), 0);
    slab_free(s);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_size_is_aligned_and_holds_its_bytes),
        cmocka_unit_test(classes_waste_at_most_a_quarter_above_64_bytes),
        cmocka_unit_test(the_object_given_back_last_is_taken_next),
        cmocka_unit_test(calloc_clears_memory_that_was_used),
        cmocka_unit_test(sizes_that_wrap_around_get_nothing),
        cmocka_unit_test(realloc_keeps_the_bytes_between_all_sizes),
        cmocka_unit_test(trim_gives_wholly_free_pages_back_and_no_others),
        cmocka_unit_test(large_objects_go_back_to_the_system_at_once),
        cmocka_unit_test(no_object_ever_touches_another),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
