/* SPDX-License-Identifier: Apache-2.0 */
/* Message counting: the count and the border are the same however the bytes are cut. */
#include "grpc/frame.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/compat.h"
#include "base/rand.h"

enum { STREAM_MAX = 64 * 1024 };

/* A random stream, and after each byte: how many messages ended, is it a border. */
struct stream {
    uint8_t bytes[STREAM_MAX];
    uint32_t ended[STREAM_MAX];
    bool border[STREAM_MAX];
    size_t n;
};

static void
stream_make(struct stream *s, struct rng *rng)
{
    uint32_t messages = 0;
    size_t room = 1 + rng_below(rng, STREAM_MAX / 8);

    s->n = 0;
    while (s->n < room) {
        /* Small and empty messages are common, some are a few KiB. */
        uint32_t len =
            (uint32_t)(rng_below(rng, 3) ? rng_below(rng, 12) : rng_below(rng, 5000));
        size_t end = s->n + FRAME_PREFIX + len;

        if (end > STREAM_MAX)
            break;
        frame_prefix_write(s->bytes + s->n, rng_below(rng, 2), len);
        for (size_t i = s->n + FRAME_PREFIX; i < end; i++)
            s->bytes[i] = (uint8_t)rng_next(rng); /* may look like a prefix */
        for (size_t i = s->n; i < end; i++) {
            s->ended[i] = messages + (i + 1 == end);
            s->border[i] = i + 1 == end;
        }
        messages++;
        s->n = end;
    }
}

static void
any_cut_gives_the_same_count_and_border(void **state)
{
    static struct stream s;
    struct rng rng;

    (void)state;
    rng_seed(&rng, 31415);
    for (int round = 0; round < 400; round++) {
        struct frame_parser p;
        size_t most = 1 + rng_below(&rng, round % 4 ? 20 : 9000), at = 0;

        stream_make(&s, &rng);
        frame_init(&p);
        assert_true(frame_at_border(&p));
        while (at < s.n) {
            size_t n = rng_below(&rng, most + 1); /* 0 too: an empty DATA frame */

            n = n > s.n - at ? s.n - at : n;
            frame_feed(&p, s.bytes + at, n);
            at += n;
            if (at == 0)
                continue;
            assert_int_equal(p.messages, s.ended[at - 1]);
            assert_int_equal(frame_at_border(&p), s.border[at - 1]);
        }
        assert_false(p.bad_flag);
    }
}

static void
every_single_cut_of_two_messages_works(void **state)
{
    static const uint8_t bytes[] = { 0, 0, 0, 0, 3, 'a', 'b', 'c', 1, 0, 0, 0, 0 };

    (void)state;
    for (size_t cut = 0; cut <= sizeof(bytes); cut++) {
        struct frame_parser p;

        frame_init(&p);
        frame_feed(&p, bytes, cut);
        assert_int_equal(frame_at_border(&p), cut == 0 || cut == 8 || cut == 13);
        assert_int_equal(p.messages, (cut >= 8) + (cut >= 13));
        frame_feed(&p, bytes + cut, sizeof(bytes) - cut);
        assert_true(frame_at_border(&p));
        assert_int_equal(p.messages, 2);
        assert_true(p.compressed);
        assert_false(p.bad_flag);
    }
}

/* Cut anywhere: the message is found at its prefix, and what comes before it was taken. */
static void
a_message_over_a_limit_is_found_at_its_prefix(void **state)
{
    static const uint8_t bytes[] = {
        0, 0, 0, 0, 3, 'a', 'b', 'c', 0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 9, 9, 9
    }; /* 3, 0 and 258 bytes */
    const size_t large = 13, known = 18;

    (void)state;
    for (size_t cut = 0; cut <= sizeof(bytes); cut++) {
        struct frame_parser p;
        size_t taken = 99, behind = 99;
        bool fits;

        frame_init(&p);
        fits = frame_feed_max(&p, bytes, cut, 257, &taken);
        assert_int_equal(fits, cut < known);
        assert_int_equal(taken, cut < known ? cut : large);
        if (fits) {
            fits = frame_feed_max(&p, bytes + cut, sizeof(bytes) - cut, 257, &behind);
            assert_int_equal(behind, cut < large ? large - cut : 0);
        }
        assert_false(fits);
        assert_int_equal(p.left, 258);
        assert_int_equal(p.messages, 2);
        frame_init(&p);
        assert_true(frame_feed_max(&p, bytes, sizeof(bytes), 258, &taken));
        assert_int_equal(taken, sizeof(bytes));
        assert_int_equal(p.left, 255);
    }
}

static void
the_longest_message_is_counted(void **state)
{
    static const uint8_t piece[1 << 20];
    uint8_t prefix[FRAME_PREFIX];
    struct frame_parser p;
    uint64_t left = UINT32_MAX;

    (void)state;
    frame_prefix_write(prefix, false, UINT32_MAX);
    frame_init(&p);
    frame_feed(&p, prefix, sizeof(prefix));
    while (left > 0) {
        size_t n = left < sizeof(piece) ? left : sizeof(piece);

        assert_int_equal(p.messages, 0);
        assert_false(frame_at_border(&p));
        frame_feed(&p, piece, n);
        left -= n;
    }
    assert_int_equal(p.messages, 1);
    assert_true(frame_at_border(&p));
}

static void
an_illegal_flag_is_noted_and_nothing_else_changes(void **state)
{
    static const uint8_t flags[] = { 2, 0x80, 0xff };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(flags); i++) {
        for (size_t cut = 1; cut < 6; cut++) {
            const uint8_t bytes[] = { flags[i], 0, 0, 0, 1, 'x' };
            struct frame_parser p;

            frame_init(&p);
            frame_feed(&p, bytes, cut);
            frame_feed(&p, bytes + cut, sizeof(bytes) - cut);
            assert_true(p.bad_flag);
            assert_false(p.compressed);
            assert_int_equal(p.messages, 1);
            assert_true(frame_at_border(&p));
        }
    }
}

static void
a_prefix_is_flag_and_big_endian_length(void **state)
{
    static const uint8_t want[] = { 1, 0x12, 0x34, 0x56, 0x78 };
    uint8_t out[FRAME_PREFIX];

    (void)state;
    frame_prefix_write(out, true, 0x12345678);
    assert_memory_equal(out, want, sizeof(want));
}

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_cut_gives_the_same_count_and_border),
        cmocka_unit_test(every_single_cut_of_two_messages_works),
        cmocka_unit_test(a_message_over_a_limit_is_found_at_its_prefix),
        cmocka_unit_test(the_longest_message_is_counted),
        cmocka_unit_test(an_illegal_flag_is_noted_and_nothing_else_changes),
        cmocka_unit_test(a_prefix_is_flag_and_big_endian_length),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
