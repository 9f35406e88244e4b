/* SPDX-License-Identifier: Apache-2.0 */
/* The byte queue: caps, keeping and rewinding, splicing; also against a flat array. */
#include "unit.h"

#include <stdbool.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"

enum { CAP = 1 << 20 };

static struct buf_pool *pool;
static uint8_t bytes[100000];

static int
setup(void **state)
{
    (void)state;
    pool = buf_pool_new(64 * 1024);
    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (uint8_t)(i * 31 + i / 256);
    return 0;
}

static int
teardown(void **state)
{
    (void)state;
    assert_int_equal(buf_pool_live(pool), 0);
    buf_pool_free(pool);
    return 0;
}

/* Walks all unread bytes without taking them. */
static void
assert_holds(const struct buf *b, const uint8_t *expect, size_t n)
{
    const uint8_t *p = NULL;
    size_t at = 0;

    assert_int_equal(b->len, n);
    for (const struct chunk *c = b->head; c; c = c->next) {
        assert_true(at + c->len - c->off <= n);
        assert_memory_equal(c->data + c->off, expect + at, c->len - c->off);
        at += c->len - c->off;
        assert_true(c->next || c == b->tail);
    }
    assert_int_equal(at, n);
    at = buf_peek(b, &p);
    assert_true(at <= n &&
                (at > 0 || n == 0)); /* never an empty piece in front of more */
    assert_memory_equal(at > 0 ? p : expect, expect, at);
}

static void
fill(struct buf *b, size_t from, size_t n)
{
    assert_int_equal(buf_append(b, pool, bytes + from, n, CAP), ERR_OK);
}

static void
comes_out_as_it_went_in(void **state)
{
    const size_t sizes[] = { 1, 479, 1, 480, 481, 4000, 4001, 16448, 16449, 30000 };
    struct buf b;
    size_t all = 0;

    (void)state;
    buf_init(&b);
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        fill(&b, all, sizes[i]);
        all += sizes[i];
        assert_holds(&b, bytes, all);
    }
    for (size_t at = 0; at < all;) {
        const uint8_t *p;
        size_t n = buf_peek(&b, &p), take = n > 1000 ? n - 7 : n;

        assert_true(n > 0);
        assert_memory_equal(p, bytes + at, n);
        buf_consume(&b, pool, take);
        at += take;
    }
    assert_int_equal(b.len, 0);
    assert_null(b.head);
}

static void
over_the_cap_nothing_is_appended(void **state)
{
    struct buf b;

    (void)state;
    buf_init(&b);
    assert_int_equal(buf_append(&b, pool, bytes, 10, 10), ERR_OK);
    assert_int_equal(buf_append(&b, pool, bytes, 1, 10), ERR_LIMIT);
    assert_int_equal(buf_append(&b, pool, bytes, SIZE_MAX, 10), ERR_LIMIT);
    assert_int_equal(buf_append(&b, pool, bytes, 5, 4), ERR_LIMIT);
    assert_int_equal(buf_append(&b, pool, NULL, 0, 0), ERR_OK);
    assert_holds(&b, bytes, 10);
    buf_consume(&b, pool, 1);
    assert_int_equal(buf_append(&b, pool, bytes + 10, 1, 10), ERR_OK);
    assert_holds(&b, bytes + 1, 10);
    buf_done(&b, pool);
}

static void
an_empty_queue_holds_no_memory(void **state)
{
    struct buf b;
    const uint8_t *p = bytes;

    (void)state;
    buf_init(&b);
    fill(&b, 0, 5000);
    assert_true(buf_pool_live(pool) >= 5000);
    buf_consume(&b, pool, 5000);
    assert_int_equal(buf_pool_live(pool), 0);
    assert_int_equal(buf_peek(&b, &p), 0);
    assert_null(buf_take_chunk(&b));
}

static void
small_appends_share_chunks(void **state)
{
    struct buf b;

    (void)state;
    buf_init(&b);
    for (size_t i = 0; i < 3000; i++)
        fill(&b, i * 10, 10);
    assert_holds(&b, bytes, 30000);
    assert_true(buf_pool_live(pool) < 60000);
    buf_done(&b, pool);
}

static void
splice_joins_small_messages_and_moves_large_ones(void **state)
{
    struct buf dst, src;
    const uint8_t *p;

    (void)state;
    buf_init(&dst);
    buf_init(&src);
    fill(&dst, 0, 100);
    fill(&src, 100, 200);
    buf_splice(&dst, pool, &src);
    assert_int_equal(buf_peek(&dst, &p), 300); /* one piece */
    fill(&src, 300, 9000);
    (void)buf_peek(&src, &p);
    buf_splice(&dst, pool, &src);
    assert_ptr_equal(dst.head->next->data, p); /* not copied */
    assert_holds(&dst, bytes, 9300);
    assert_int_equal(src.len, 0);
    buf_splice(&dst, pool, &src);
    buf_splice(&src, pool, &dst);
    assert_holds(&src, bytes, 9300);
    assert_int_equal(dst.len, 0);
    fill(&dst, 0, 10);
    assert_holds(&dst, bytes, 10);
    buf_done(&dst, pool);
    buf_done(&src, pool);
}

static void
a_chunk_can_be_taken_out_whole(void **state)
{
    struct buf b;
    struct chunk *c;

    (void)state;
    buf_init(&b);
    fill(&b, 0, 480);
    fill(&b, 480, 4000);
    buf_consume(&b, pool, 80);
    c = buf_take_chunk(&b);
    assert_int_equal(c->len - c->off, 400);
    assert_memory_equal(c->data + c->off, bytes + 80, 400);
    assert_holds(&b, bytes + 480, 4000);
    assert_true(buf_pool_live(pool) >= 4480);
    chunk_give(pool, c);
    chunk_give(pool, buf_take_chunk(&b));
    assert_null(b.head);
    fill(&b, 0, 3);
    assert_holds(&b, bytes, 3);
    buf_done(&b, pool);
}

static void
rewind_brings_back_all_that_was_read(void **state)
{
    struct buf b;

    (void)state;
    buf_init(&b);
    buf_keep_start(&b);
    for (size_t i = 0; i < 20; i++) {
        fill(&b, i * 1000, 1000);
        buf_consume(&b, pool, i % 3 ? 900 : 1000);
    }
    assert_null(buf_take_chunk(&b));
    assert_int_equal(b.kept_len, 20000 - b.len);
    buf_rewind(&b);
    assert_holds(&b, bytes, 20000);
    assert_int_equal(b.kept_len, 0);
    buf_consume(&b, pool, 20000);
    assert_int_equal(b.kept_len, 20000);
    fill(&b, 20000, 1);
    buf_rewind(&b);
    buf_rewind(&b);
    assert_holds(&b, bytes, 20001);
    buf_done(&b, pool);
}

static void
keeping_ends_with_only_the_unread_bytes(void **state)
{
    struct buf b;

    (void)state;
    buf_init(&b);
    buf_keep_start(&b);
    fill(&b, 0, 10000);
    buf_consume(&b, pool, 9990);
    buf_keep_stop(&b, pool);
    buf_keep_stop(&b, pool);
    buf_rewind(&b);
    assert_holds(&b, bytes + 9990, 10);
    buf_consume(&b, pool, 10);
    assert_int_equal(buf_pool_live(pool), 0);

    buf_keep_start(&b);
    fill(&b, 0, 10);
    buf_consume(&b, pool, 10);
    assert_true(buf_pool_live(pool) > 0);
    buf_keep_stop(&b, pool);
    assert_int_equal(buf_pool_live(pool), 0);
}

static void
small_kept_messages_share_a_chunk(void **state)
{
    struct buf b;

    (void)state;
    buf_init(&b);
    buf_keep_start(&b);
    for (size_t i = 0; i < 40; i++) {
        fill(&b, i * 12, 12);
        buf_consume(&b, pool, 12);
    }
    assert_int_equal(buf_pool_live(pool), 480);
    buf_rewind(&b);
    assert_holds(&b, bytes, 480);
    buf_done(&b, pool);
}

static void
bytes_read_before_a_splice_do_not_come_back(void **state)
{
    struct buf dst, src;

    (void)state;
    buf_init(&dst);
    buf_init(&src);
    buf_keep_start(&dst);
    fill(&src, 0, 3000);
    buf_consume(&src, pool, 1000);
    buf_splice(&dst, pool, &src);
    buf_consume(&dst, pool, 500);
    buf_rewind(&dst);
    assert_holds(&dst, bytes + 1000, 2000);
    buf_done(&dst, pool);
}

/* A chunk that somebody else filled, something in front of its bytes. */
static struct chunk *
filled_chunk(size_t at, uint32_t n, uint32_t front)
{
    struct chunk *c = chunk_take(pool, n + front);

    memset(c->data, 0xee, front);
    memcpy(c->data + front, bytes + at, n);
    c->off = front;
    c->len = front + n;
    return c;
}

static void
a_filled_chunk_is_taken_over_as_it_is(void **state)
{
    struct buf b;
    struct chunk *c = filled_chunk(100, 9000, 9);

    (void)state;
    buf_init(&b);
    fill(&b, 0, 100);
    buf_append_chunk(&b, pool, c);
    assert_ptr_equal(b.tail, c);
    fill(&b, 9100, 50); /* into its room */
    assert_ptr_equal(b.tail, c);
    assert_holds(&b, bytes, 9150);
    buf_consume(&b, pool, 9150);
    buf_append_chunk(&b, pool, filled_chunk(0, 480, 0));
    assert_holds(&b, bytes, 480);
    buf_done(&b, pool);
}

static void
what_lies_in_front_of_its_bytes_does_not_come_back(void **state)
{
    struct buf dst, src;

    (void)state;
    buf_init(&dst);
    buf_init(&src);
    buf_keep_start(&dst);
    buf_append_chunk(&src, pool, filled_chunk(0, 5000, 9));
    buf_append_chunk(&src, pool, filled_chunk(5000, 5000, 9));
    buf_splice(&dst, pool, &src);
    buf_append_chunk(&dst, pool, filled_chunk(10000, 5000, 17));
    buf_consume(&dst, pool, 12000);
    buf_rewind(&dst);
    assert_holds(&dst, bytes, 15000);
    buf_consume(&dst, pool, 15000);
    buf_rewind(&dst);
    assert_holds(&dst, bytes, 15000);
    buf_done(&dst, pool);
}

static void
the_pool_keeps_no_more_than_told(void **state)
{
    struct buf_pool *small = buf_pool_new(4000);
    struct chunk *a = chunk_take(small, 4000), *b = chunk_take(small, 481);
    struct chunk *big = chunk_take(small, SIZE_MAX);

    (void)state;
    assert_int_equal(a->size, 4000);
    assert_int_equal(b->size, 4000);
    assert_int_equal(big->size, 16384 + 64);
    assert_int_equal(buf_pool_live(small), 8000 + 16448);
    chunk_give(small, big);
    chunk_give(small, b);
    chunk_give(small, a);
    assert_int_equal(buf_pool_live(small), 0);
#ifndef OUT_SANITIZED
    a = chunk_take(small, 1000);
    assert_ptr_equal(a, b); /* the first one fitted, the second went back to the system */
    assert_int_equal(a->len + a->off, 0);
    chunk_give(small, a);
#endif
    buf_pool_trim(small);
    a = chunk_take(small, 0);
    assert_int_equal(a->size, 480);
    chunk_give(small, a);
    buf_pool_free(small);
}

/* --- the model: a flat array of kept and unread bytes ------------------------------- */

enum { FLAT = 400000 };

struct model {
    struct buf b;
    uint8_t flat[FLAT];
    size_t kept_from, from, to; /* [kept_from, from) kept, [from, to) unread */
    bool keep;
};

static struct model main_model, side_model;

static void
model_reset(struct model *m, bool keep)
{
    buf_done(&m->b, pool);
    m->kept_from = m->from = m->to = 0;
    m->keep = keep;
    if (keep)
        buf_keep_start(&m->b);
}

static void
model_append(struct model *m, struct rng *r)
{
    size_t n = rng_below(r, rng_below(r, 8) ? 700 : 40000);
    size_t cap = rng_below(r, 4) ? CAP : 20000;
    size_t unread = m->to - m->from;
    bool fits = unread + n <= cap || n == 0;

    if (m->to + n > FLAT)
        return;
    for (size_t i = 0; i < n; i++)
        m->flat[m->to + i] = (uint8_t)rng_next(r);
    assert_int_equal(buf_append(&m->b, pool, m->flat + m->to, n, cap),
                     fits ? ERR_OK : ERR_LIMIT);
    if (fits)
        m->to += n;
}

static void
model_consume(struct model *m, struct rng *r)
{
    size_t all = m->to - m->from, n = rng_below(r, 3) ? rng_below(r, all + 1) : all;

    buf_consume(&m->b, pool, n);
    m->from += n;
    if (!m->keep)
        m->kept_from = m->from;
}

static void
model_splice(struct model *m, struct model *src)
{
    size_t n = src->to - src->from;

    if (m->to + n > FLAT)
        return;
    memcpy(m->flat + m->to, src->flat + src->from, n);
    m->to += n;
    buf_splice(&m->b, pool, &src->b);
    model_reset(src, false);
}

static void
model_take_chunk(struct model *m)
{
    struct chunk *c = buf_take_chunk(&m->b);

    if (m->keep || m->from == m->to) {
        assert_null(c);
        return;
    }
    assert_memory_equal(c->data + c->off, m->flat + m->from, c->len - c->off);
    m->from += c->len - c->off;
    m->kept_from = m->from;
    chunk_give(pool, c);
}

static void
model_check(struct model *m)
{
    assert_holds(&m->b, m->flat + m->from, m->to - m->from);
    assert_int_equal(m->b.kept_len, m->from - m->kept_from);
}

static void
model_step(struct rng *r)
{
    struct model *m = &main_model, *side = &side_model;

    switch (rng_below(r, 16)) {
    case 0:
        buf_rewind(&m->b);
        m->from = m->kept_from;
        break;
    case 1:
        model_take_chunk(m);
        break;
    case 2:
    case 3:
        model_splice(m, side);
        break;
    case 4:
    case 5:
        model_append(side, r);
        break;
    case 6:
        model_consume(side, r);
        break;
    case 7:
        if (rng_below(r, 10))
            break;
        buf_keep_stop(&m->b, pool);
        m->keep = false;
        m->kept_from = m->from;
        break;
    case 8:
        if (rng_below(r, 5) == 0)
            model_reset(m, rng_below(r, 2));
        break;
    case 9:
    case 10:
    case 11:
    case 12:
        model_consume(m, r);
        break;
    default:
        model_append(m, r);
    }
}

static void
agrees_with_a_flat_array(void **state)
{
    struct rng r;

    (void)state;
    unit_seed(&r);
    buf_init(&main_model.b);
    buf_init(&side_model.b);
    model_reset(&main_model, true);
    model_reset(&side_model, false);
    for (int step = 0; step < 6000; step++) {
        model_step(&r);
        model_check(&main_model);
        model_check(&side_model);
    }
    buf_done(&main_model.b, pool);
    buf_done(&side_model.b, pool);
}

#define BUF_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        BUF_TEST(comes_out_as_it_went_in),
        BUF_TEST(over_the_cap_nothing_is_appended),
        BUF_TEST(an_empty_queue_holds_no_memory),
        BUF_TEST(small_appends_share_chunks),
        BUF_TEST(splice_joins_small_messages_and_moves_large_ones),
        BUF_TEST(a_chunk_can_be_taken_out_whole),
        BUF_TEST(rewind_brings_back_all_that_was_read),
        BUF_TEST(keeping_ends_with_only_the_unread_bytes),
        BUF_TEST(small_kept_messages_share_a_chunk),
        BUF_TEST(bytes_read_before_a_splice_do_not_come_back),
        BUF_TEST(a_filled_chunk_is_taken_over_as_it_is),
        BUF_TEST(what_lies_in_front_of_its_bytes_does_not_come_back),
        BUF_TEST(the_pool_keeps_no_more_than_told),
        BUF_TEST(agrees_with_a_flat_array),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
