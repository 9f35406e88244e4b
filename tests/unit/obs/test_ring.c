/* SPDX-License-Identifier: Apache-2.0 */
/* The queue of bytes between two threads: nothing is lost or torn, what does not fit is refused whole, and a quiet ring stays at its beginning. */
#include <pthread.h>
#include <string.h>

#include "obs/ring.h"
#include "unit.h"

static void
take_all(struct ring *r, char *out, size_t *ret_n)
{
    struct slice s;

    *ret_n = 0;
    while ((s = ring_peek(r)).n > 0) {
        memcpy(out + *ret_n, s.p, s.n);
        *ret_n += s.n;
        ring_take(r, s.n);
    }
}

static void
bytes_come_out_in_order_also_around_the_end(void **state)
{
    static struct ring r; /* stacks of AddressSanitizer are aligned to 32 */
    char out[64];
    size_t n;

    (void)state;
    ring_init(&r, 16);
    assert_true(ring_put(&r, "0123456789", 10));
    assert_true(ring_put(&r, "abcd", 4));
    ring_take(&r, 10);
    assert_true(ring_put(&r, "ABCDEFGH", 8)); /* 2 at the end, 6 at the beginning */
    assert_int_equal(ring_used(&r), 12);
    assert_int_equal(ring_peek(&r).n, 6);
    take_all(&r, out, &n);
    assert_int_equal(n, 12);
    assert_memory_equal(out, "abcdABCDEFGH", 12);
    assert_int_equal(ring_used(&r), 0);
    ring_done(&r);
}

static void
what_does_not_fit_is_refused_whole_and_harms_nothing(void **state)
{
    static struct ring r;
    char out[64];
    size_t n;

    (void)state;
    ring_init(&r, 16);
    assert_false(ring_put(&r, "0123456789abcdefg", 17));
    assert_true(ring_put(&r, "0123456789", 10));
    assert_false(ring_put(&r, "abcdefg", 7));
    assert_true(ring_put(&r, "abcdef", 6)); /* exactly full */
    assert_false(ring_put(&r, "x", 1));
    take_all(&r, out, &n);
    assert_memory_equal(out, "0123456789abcdef", 16);
    assert_true(ring_put(&r, "0123", 4));
    ring_take(&r, 4);
    /* empty in the middle: too long a record must not disturb what comes */
    assert_false(ring_put(&r, "0123456789abcdefg", 17));
    assert_true(ring_put(&r, "again", 5));
    take_all(&r, out, &n);
    assert_int_equal(n, 5);
    assert_memory_equal(out, "again", 5);
    ring_done(&r);
}

static void
a_ring_that_is_read_in_time_uses_its_first_bytes_only(void **state)
{
    static struct ring r;

    (void)state;
    ring_init(&r, 1 << 20);
    memset(r.bytes, '.', 1 << 20);
    for (int i = 0; i < 100000; i++) {
        struct slice s;

        assert_true(ring_put(&r, "a line of some length", 21));
        assert_true(ring_put(&r, "and another", 11));
        s = ring_peek(&r);
        assert_int_equal(s.n, 32);
        ring_take(&r, 32);
    }
    for (size_t i = 32; i < 1 << 20; i++)
        assert_true(r.bytes[i] == '.');
    ring_done(&r);
}

/* --- two threads -------------------------------------------------------------------- */

enum { RECORDS = 200000 };

static void *
writer(void *arg)
{
    struct ring *r = arg;
    unsigned char record[64];

    for (unsigned i = 0; i < RECORDS;) {
        size_t n = 5 + i % 50;

        record[0] = (unsigned char)n;
        memcpy(record + 1, &i, sizeof(i));
        memset(record + 5, (int)(i & 0xff), n - 5);
        if (ring_put(r, record, n))
            i++;
    }
    return NULL;
}

/* Takes odd pieces, as a slow pipe does. */
static void
nothing_is_torn_between_two_threads(void **state)
{
    static struct ring r;
    pthread_t thread;
    unsigned char record[64];
    size_t have = 0, step = 1;

    (void)state;
    ring_init(&r, 512);
    assert_int_equal(pthread_create(&thread, NULL, writer, &r), 0);
    for (unsigned i = 0; i < RECORDS;) {
        struct slice s = ring_peek(&r);
        size_t n = s.n < step ? s.n : step, used = 0;

        step = step % 61 + 1;
        while (used < n) {
            record[have++] = s.p[used++];
            if (have == record[0]) {
                unsigned number;

                memcpy(&number, record + 1, sizeof(number));
                assert_int_equal(number, i);
                assert_int_equal(have, 5 + i % 50);
                for (size_t k = 5; k < have; k++)
                    assert_int_equal(record[k], i & 0xff);
                have = 0;
                i++;
            }
        }
        ring_take(&r, n);
    }
    pthread_join(thread, NULL);
    assert_int_equal(ring_used(&r), 0);
    ring_done(&r);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_come_out_in_order_also_around_the_end),
        cmocka_unit_test(what_does_not_fit_is_refused_whole_and_harms_nothing),
        cmocka_unit_test(a_ring_that_is_read_in_time_uses_its_first_bytes_only),
        cmocka_unit_test(nothing_is_torn_between_two_threads),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
