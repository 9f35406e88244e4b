/* SPDX-License-Identifier: Apache-2.0 */
/* The HPACK encoder against the library's decoder: what comes out is what went in, however the table is resized in between. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <nghttp2/nghttp2.h>

#include "base/err.h"
#include "base/rand.h"
#include "base/slab.h"
#include "h2/frame.h"
#include "h2/headers.h"
#include "h2/hpack.h"

static struct slab *slab;
static struct hpack encoder;
static nghttp2_hd_inflater *decoder;
static uint8_t block[64 * 1024];

static int
setup(void **state)
{
    (void)state;
    slab = slab_new();
    hpack_init(&encoder);
    return nghttp2_hd_inflate_new(&decoder);
}

static int
teardown(void **state)
{
    (void)state;
    nghttp2_hd_inflate_del(decoder);
    hpack_done(&encoder, slab);
    slab_free(slab); /* asserts that nothing is left */
    return 0;
}

static struct h2_field
field(const char *name, const char *value)
{
    return (struct h2_field){ .name = (uint8_t *)(uintptr_t)name,
                              .value = (uint8_t *)(uintptr_t)value,
                              .namelen = strlen(name),
                              .valuelen = strlen(value),
                              .flags = H2_FIELD_STATIC };
}

/* Decodes `len` bytes of `block`, which must be exactly these fields. Returns how many of them were marked "never indexed". */
static unsigned
assert_decodes(const struct h2_field *f, size_t n, size_t len)
{
    const uint8_t *p = block;
    unsigned never = 0;

    for (size_t i = 0;;) {
        nghttp2_nv nv;
        int flags = 0;
        ssize_t k = nghttp2_hd_inflate_hd2(decoder, &nv, &flags, p, len, 1);

        assert_true(k >= 0);
        p += k;
        len -= (size_t)k;
        if (flags & NGHTTP2_HD_INFLATE_EMIT) {
            assert_true(i < n);
            assert_int_equal(nv.namelen, f[i].namelen);
            assert_memory_equal(nv.name, f[i].name, nv.namelen);
            assert_int_equal(nv.valuelen, f[i].valuelen);
            assert_memory_equal(nv.value, f[i].value, nv.valuelen);
            never += (nv.flags & NGHTTP2_NV_FLAG_NO_INDEX) != 0;
            i++;
        }
        if (flags & NGHTTP2_HD_INFLATE_FINAL) {
            assert_int_equal(i, n);
            nghttp2_hd_inflate_end_headers(decoder);
            return never;
        }
    }
}

/* Encodes and decodes one block; returns its length. */
static size_t
round_trip(const struct h2_field *f, size_t n)
{
    ssize_t len = hpack_encode(&encoder, slab, f, n, block, sizeof(block));

    assert_true(len >= 0);
    assert_decodes(f, n, (size_t)len);
    return (size_t)len;
}

static void
what_repeats_becomes_one_byte(void **state)
{
    struct h2_field f[] = {
        field(":method", "POST"),    field(":scheme", "http"),
        field(":path", "/a.B/Call"), field(":authority", "backend:50051"),
        field("te", "trailers"),     field("user-agent", "grpc-c/1.51"),
        field(":status", "200"),     field("content-type", "application/grpc"),
    };
    size_t first = round_trip(f, 8);

    (void)state;
    assert_true(first > 50);
    round_trip(f, 8); /* the second time they enter the table */
    assert_int_equal(round_trip(f, 8), 8);
    assert_int_equal(round_trip(f + 2, 3), 3);
}

/* Which ones share a place in what the encoder remembers is a matter of luck: nobody may have bad luck in each call. */
static void
any_two_fields_get_into_the_table(void **state)
{
    char name[32];

    (void)state;
    for (int i = 0; i < 400; i++) {
        struct h2_field f[] = { field("te", "trailers"), field(name, "value") };

        snprintf(name, sizeof(name), "x-name-%d", i);
        f[1].namelen = strlen(name);
        for (int j = 0; j < 3; j++)
            round_trip(f, 2);
        assert_int_equal(round_trip(f, 2), 2);
        hpack_resize(&encoder, slab, 0); /* both begin as strangers again */
        hpack_resize(&encoder, slab, HPACK_TABLE);
        round_trip(f, 0);
    }
}

/* Values that are new in every call stay out, so what repeats stays in. */
static void
what_comes_once_pushes_nothing_out(void **state)
{
    struct h2_field f = field("x-tenant", "blue");
    char value[64];

    (void)state;
    round_trip(&f, 1);
    round_trip(&f, 1);
    for (int i = 0; i < 1000; i++) {
        struct h2_field once = field("x-request", value);

        snprintf(value, sizeof(value), "%d-0123456789012345678901234567890123456789", i);
        once.valuelen = strlen(value);
        round_trip(&once, 1);
        assert_int_equal(nghttp2_hd_inflate_get_dynamic_table_size(decoder), 32 + 12);
    }
    assert_int_equal(round_trip(&f, 1), 1);
}

static void
secrets_never_enter_a_table(void **state)
{
    struct h2_field f[] = {
        field("authorization", "Bearer x"),
        field("proxy-authorization", "Basic x"),
        field("cookie", "id=1"),
        field("x-key", "k"),
        field("x-open", "v"),
    };
    ssize_t len;

    (void)state;
    f[3].flags |= H2_FIELD_NO_INDEX;
    for (int i = 0; i < 5; i++) {
        len = hpack_encode(&encoder, slab, f, 5, block, sizeof(block));
        assert_true(len > 0);
        assert_int_equal(assert_decodes(f, 5, (size_t)len), 4);
    }
    assert_int_equal(nghttp2_hd_inflate_get_num_table_entries(decoder), 61 + 1);
}

/* One copy, and the same bytes as if it had been written piece by piece. */
static void
a_ready_field_is_a_secret_in_one_piece(void **state)
{
    static const char ready[] = H2_READY("\x08", "x-tenant", "\x04") "blue";
    struct h2_field f = { .name = (uint8_t *)(uintptr_t)(ready + H2_READY_BEFORE),
                          .value = (uint8_t *)(uintptr_t)(ready + sizeof(ready) - 5),
                          .namelen = 8,
                          .valuelen = 4,
                          .flags = H2_FIELD_STATIC | H2_FIELD_NO_INDEX | H2_FIELD_READY };
    uint8_t other[64];
    ssize_t n = hpack_encode(&encoder, slab, &f, 1, block, sizeof(block)), m;

    (void)state;
    assert_int_equal(assert_decodes(&f, 1, (size_t)n), 1);
    f.flags = H2_FIELD_STATIC | H2_FIELD_NO_INDEX;
    m = hpack_encode(&encoder, slab, &f, 1, other, sizeof(other));
    assert_int_equal(n, m);
    assert_memory_equal(block, other, (size_t)n);
    assert_int_equal(nghttp2_hd_inflate_get_dynamic_table_size(decoder), 0);
}

static void
a_table_of_size_zero_is_kept_empty(void **state)
{
    struct h2_field f = field("x-tenant", "blue");

    (void)state;
    hpack_resize(&encoder, slab, 0);
    for (int i = 0; i < 4; i++) {
        round_trip(&f, 1);
        assert_int_equal(block[0], i == 0 ? 0x20 : 0); /* told once, at the front */
        assert_int_equal(nghttp2_hd_inflate_get_dynamic_table_size(decoder), 0);
    }
}

/* Shrunk and grown between two blocks: the peer's table must lose what ours lost. */
static void
a_dip_of_the_size_empties_both_tables(void **state)
{
    struct h2_field f = field("x-tenant", "blue");

    (void)state;
    round_trip(&f, 1);
    round_trip(&f, 1);
    assert_int_equal(round_trip(&f, 1), 1);
    hpack_resize(&encoder, slab, 0);
    hpack_resize(&encoder, slab, 1 << 20); /* more than we use */
    assert_true(round_trip(&f, 1) > 1);
    assert_int_equal(nghttp2_hd_inflate_get_max_dynamic_table_size(decoder), HPACK_TABLE);
    assert_int_equal(round_trip(&f, 1), 1);
}

static void
a_block_without_room_changes_nothing(void **state)
{
    struct h2_field f = field("x-tenant", "blue");

    (void)state;
    for (int i = 0; i < 3; i++)
        assert_int_equal(hpack_encode(&encoder, slab, &f, 1, block, 20), ERR_LIMIT);
    round_trip(&f, 1);
    round_trip(&f, 1);
    assert_int_equal(round_trip(&f, 1), 1);
}

/* Names and values of a small alphabet meet again and again, some are large, the table is full most of the time, and its size moves. */
static void
random_blocks_come_out_as_they_went_in(void **state)
{
    static char text[3000];
    struct rng rng;
    char names[12][32];

    (void)state;
    rng_seed(&rng, 20261122);
    memset(text, 'v', sizeof(text));
    for (int i = 0; i < 12; i++)
        snprintf(names[i], sizeof(names[i]), "x-%.*s%d", i, "abcdefghijkl", i);
    for (int round = 0; round < 20000; round++) {
        struct h2_field f[16];
        char values[16][16];
        size_t n = rng_below(&rng, 16) + 1;

        for (size_t i = 0; i < n; i++) {
            snprintf(values[i], sizeof(values[i]), "%u", (unsigned)rng_below(&rng, 20));
            f[i] = field(names[rng_below(&rng, 12)], values[i]);
            if (rng_below(&rng, 50) == 0) {
                f[i].value = (uint8_t *)text;
                f[i].valuelen = rng_below(&rng, sizeof(text));
            }
            if (rng_below(&rng, 30) == 0)
                f[i].flags |= H2_FIELD_NO_INDEX;
        }
        if (rng_below(&rng, 40) == 0) {
            uint32_t size = (uint32_t)rng_below(&rng, 6000);

            hpack_resize(&encoder, slab, size);
        }
        round_trip(f, n);
    }
}

#define HPACK_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        HPACK_TEST(what_repeats_becomes_one_byte),
        HPACK_TEST(any_two_fields_get_into_the_table),
        HPACK_TEST(what_comes_once_pushes_nothing_out),
        HPACK_TEST(secrets_never_enter_a_table),
        HPACK_TEST(a_ready_field_is_a_secret_in_one_piece),
        HPACK_TEST(a_table_of_size_zero_is_kept_empty),
        HPACK_TEST(a_dip_of_the_size_empties_both_tables),
        HPACK_TEST(a_block_without_room_changes_nothing),
        HPACK_TEST(random_blocks_come_out_as_they_went_in),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
