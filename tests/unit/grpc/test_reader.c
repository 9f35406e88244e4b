/* SPDX-License-Identifier: Apache-2.0 */
/* Whole messages come out of bytes that are cut anywhere, and memory follows what
 * arrived. */
#include "grpc/reader.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/compat.h"
#include "base/err.h"
#include "base/rand.h"
#include "base/slab.h"
#include "grpc/frame.h"

enum { MAX = 70000 };

struct world {
    struct slab *slab;
    struct buf_pool *bufs;
    struct buf in;
    struct reader reader;
};

static void
world_start(struct world *w)
{
    w->slab = slab_new();
    w->bufs = buf_pool_new(0);
    buf_init(&w->in);
    reader_init(&w->reader, w->slab, MAX);
}

/* slab_free and buf_pool_free assert that nothing leaked. */
static void
world_stop(struct world *w)
{
    reader_done(&w->reader);
    buf_done(&w->in, w->bufs);
    buf_pool_free(w->bufs);
    slab_free(w->slab);
}

static void
arrive(struct world *w, const void *bytes, size_t n)
{
    assert_int_equal(buf_append(&w->in, w->bufs, bytes, n, SIZE_MAX), 0);
}

static void
any_cut_gives_the_same_messages(void **state)
{
    static uint8_t stream[1 << 20];
    struct rng rng;

    (void)state;
    rng_seed(&rng, 2718);
    for (int round = 0; round < 60; round++) {
        size_t lens[40], count = 1 + rng_below(&rng, 40), n = 0, at = 0, next = 0,
                         taken_all = 0;
        size_t start = 0, most = 1 + rng_below(&rng, round % 3 ? 200 : 30000);
        struct world w;

        for (size_t i = 0; i < count; i++) {
            lens[i] = rng_below(&rng, 4) ? rng_below(&rng, 30) : rng_below(&rng, 20000);
            frame_prefix_write(stream + n, false, (uint32_t)lens[i]);
            n += FRAME_PREFIX;
            for (size_t k = 0; k < lens[i]; k++)
                stream[n++] = (uint8_t)rng_next(&rng);
        }
        world_start(&w);
        while (next < count || at < n) {
            size_t piece = 1 + rng_below(&rng, most), taken;
            struct slice m;
            int err;

            piece = piece > n - at ? n - at : piece;
            arrive(&w, stream + at, piece);
            at += piece;
            while ((err = reader_take(&w.reader, &w.in, w.bufs, &m, &taken)) == 0) {
                taken_all += taken;
                assert_true(next < count);
                assert_true(
                    slice_eq(m, slice_make(stream + start + FRAME_PREFIX, lens[next])));
                start += FRAME_PREFIX + lens[next++];
            }
            taken_all += taken;
            assert_int_equal(err, ERR_AGAIN);
            assert_int_equal(reader_at_border(&w.reader, &w.in), at == start);
        }
        assert_int_equal(next, count);
        assert_int_equal(taken_all, n); /* all flow-control credit came back */
        world_stop(&w);
    }
}

static void
illegal_prefixes_end_the_call(void **state)
{
    static const struct {
        uint8_t prefix[5];
        int err;
    } rows[] = {
        { { 2, 0, 0, 0, 0 }, ERR_SYNTAX },
        { { 0xff, 0, 0, 0, 0 }, ERR_SYNTAX },
        { { 1, 0, 0, 0, 0 }, ERR_PROTOCOL },
        { { 0, 0xff, 0xff, 0xff, 0xff }, ERR_LIMIT },
        { { 0, 0, 1, 0x11, 0x71 }, ERR_LIMIT }, /* MAX + 1 */
        { { 0, 0, 1, 0x11, 0x70 }, ERR_AGAIN }, /* MAX */
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct slice m = slice_of("old");
        struct world w;
        size_t taken;

        world_start(&w);
        arrive(&w, rows[i].prefix, 5);
        assert_int_equal(reader_take(&w.reader, &w.in, w.bufs, &m, &taken), rows[i].err);
        assert_int_equal(taken, 5);
        assert_true(slice_eq_str(m, "old"));
        world_stop(&w);
    }
}

static void
a_promise_takes_no_memory(void **state)
{
    static const uint8_t promise[] = { 0, 0, 1, 0x11, 0x70, 'x' };
    struct world w;
    struct slice m;
    size_t taken, before;

    (void)state;
    world_start(&w);
    before = slab_bytes_live(w.slab);
    arrive(&w, promise, sizeof(promise));
    assert_int_equal(reader_take(&w.reader, &w.in, w.bufs, &m, &taken), ERR_AGAIN);
    assert_true(slab_bytes_live(w.slab) - before <= 8192);
    assert_false(reader_at_border(&w.reader, &w.in));
    world_stop(&w);
}

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_cut_gives_the_same_messages),
        cmocka_unit_test(illegal_prefixes_end_the_call),
        cmocka_unit_test(a_promise_takes_no_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
