/* SPDX-License-Identifier: Apache-2.0 */
/* An object that is replaced while others read it. */
#include "unit.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "base/compat.h"
#include "base/published.h"
#include "base/xalloc.h"

enum { READERS = 3, SETS = 3000, ALIVE = 0x600d, DEAD = 0xdead };

struct object {
    int state, number;
};

static unsigned freed;

static void
object_free(void *arg)
{
    struct object *o = arg;

    o->state =
        DEAD; /* a reader that still is in it sees that, also without a sanitizer */
    freed++;
    xfree(o);
}

static struct object *
object_new(int number)
{
    struct object *o = xcalloc(1, sizeof(*o));

    *o = (struct object){ ALIVE, number };
    return o;
}

static void
the_newest_is_seen_and_the_old_is_freed(void **state)
{
    struct published *p = published_new(2, object_free);

    (void)state;
    freed = 0;
    assert_null(published_enter(p, 0));
    published_leave(p, 0);
    published_set(p, object_new(1));
    assert_int_equal(((const struct object *)published_enter(p, 1))->number, 1);
    published_leave(p, 1);
    assert_int_equal(freed, 0);
    published_set(p, object_new(2));
    assert_int_equal(freed, 1);
    assert_int_equal(((const struct object *)published_enter(p, 0))->number, 2);
    published_leave(p, 0);
    published_set(p, NULL);
    assert_int_equal(freed, 2);
    assert_null(published_enter(p, 0));
    published_leave(p, 0);
    published_set(p, object_new(3));
    published_free(p);
    assert_int_equal(freed, 3);
    published_free(NULL);
}

struct race {
    struct published *p;
    unsigned reader;
    const _Atomic bool *stop;
    unsigned long bad, backwards, looks;
};

static void *
look(void *arg)
{
    struct race *r = arg;
    int last = 0;

    while (!atomic_load_explicit(r->stop, memory_order_relaxed)) {
        const struct object *o = published_enter(r->p, r->reader);

        r->bad += o->state != ALIVE;
        r->backwards += o->number < last;
        last = o->number;
        r->bad += o->state != ALIVE;
        published_leave(r->p, r->reader);
        r->looks++;
    }
    return NULL;
}

static void
readers_on_other_threads_never_see_a_freed_one(void **state)
{
    _Atomic bool stop = false;
    pthread_t threads[READERS];
    struct race races[READERS];
    struct published *p = published_new(READERS, object_free);

    (void)state;
    freed = 0;
    published_set(p, object_new(0));
    for (unsigned i = 0; i < READERS; i++) {
        races[i] = (struct race){ .p = p, .reader = i, .stop = &stop };
        assert_int_equal(pthread_create(&threads[i], NULL, look, &races[i]), 0);
    }
    for (int i = 1; i <= SETS; i++)
        published_set(p, object_new(i));
    atomic_store(&stop, true);
    for (unsigned i = 0; i < READERS; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(races[i].bad, 0);
        assert_int_equal(races[i].backwards, 0);
    }
    published_free(p);
    assert_int_equal(freed, SETS + 1);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_newest_is_seen_and_the_old_is_freed),
        cmocka_unit_test(readers_on_other_threads_never_see_a_freed_one),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
