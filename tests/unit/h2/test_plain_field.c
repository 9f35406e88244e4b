/* SPDX-License-Identifier: Apache-2.0 */
/* Fields read beside the library's decoder must be what the decoder makes of the same bytes, and nothing that it refuses may pass. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <nghttp2/nghttp2.h>

#include "base/compat.h"
#include "base/rand.h"
#include "h2/plain_field.h"

static struct huff huff;
static nghttp2_hd_inflater *ours, *theirs; /* fed with the same */
static unsigned plain_fields, huffman_fields;

static int
setup(void **state)
{
    (void)state;
    huff_init(&huff);
    plain_fields = huffman_fields = 0;
    return nghttp2_hd_inflate_new(&ours) || nghttp2_hd_inflate_new(&theirs);
}

static int
teardown(void **state)
{
    (void)state;
    nghttp2_hd_inflate_del(ours);
    nghttp2_hd_inflate_del(theirs);
    return 0;
}

static nghttp2_nv
nv(const char *name, const char *value)
{
    return (nghttp2_nv){ .name = (uint8_t *)(uintptr_t)name,
                         .value = (uint8_t *)(uintptr_t)value,
                         .namelen = strlen(name),
                         .valuelen = strlen(value) };
}

static void
assert_same(const nghttp2_nv *a, const nghttp2_nv *b)
{
    assert_int_equal(a->namelen, b->namelen);
    assert_memory_equal(a->name, b->name, a->namelen);
    assert_int_equal(a->valuelen, b->valuelen);
    assert_memory_equal(a->value, b->value, a->valuelen);
    assert_int_equal(a->flags & NGHTTP2_NV_FLAG_NO_INDEX,
                     b->flags & NGHTTP2_NV_FLAG_NO_INDEX);
}

/* One field of the decoder. Returns bytes used or its error; *ret_flags as it set them. */
static ssize_t
decode(nghttp2_hd_inflater *d, const uint8_t *p, size_t n, nghttp2_nv *ret,
       int *ret_flags)
{
    *ret_flags = 0;
    return nghttp2_hd_inflate_hd2(d, ret, ret_flags, p, n, 1);
}

/* Reads a block with both, field by field. False: both find it bad at the same place. */
static bool
blocks_agree(const uint8_t *p, size_t n)
{
    bool any = false;

    for (;;) {
        struct plain_field field;
        nghttp2_nv want, got;
        int want_flags, got_flags = NGHTTP2_HD_INFLATE_EMIT;
        ssize_t want_n = decode(theirs, p, n, &want, &want_flags);
        ssize_t got_n = (ssize_t)plain_field_read(&huff, ours, p, n, &field);

        if (got_n > 0) {
            got = field.nv;
            plain_fields++;
            any = true;
            huffman_fields += field.nv.value == field.text;
        } else if (any && n && (p[0] & 0xe0) == 0x20) {
            got_n = -1; /* a late table size: the decoder cannot know, block.c does */
        } else {
            got_n = decode(ours, p, n, &got, &got_flags);
        }
        assert_int_equal(got_n < 0, want_n < 0);
        if (got_n < 0)
            return false;
        assert_int_equal(got_n, want_n);
        assert_int_equal(got_flags, want_flags);
        if (got_flags & NGHTTP2_HD_INFLATE_EMIT)
            assert_same(&got, &want);
        if (got_flags & NGHTTP2_HD_INFLATE_FINAL) {
            assert_int_equal(nghttp2_hd_inflate_end_headers(ours), 0);
            assert_int_equal(nghttp2_hd_inflate_end_headers(theirs), 0);
            return true;
        }
        if (got_n == 0 && !(got_flags & NGHTTP2_HD_INFLATE_EMIT))
            return false; /* both wait for more */
        p += got_n;
        n -= (size_t)got_n;
    }
}

static void
random_text(struct rng *r, char *to, size_t room)
{
    static const char usual[] = "abcdefghijklmnopqrstuvwxyz0123456789/.-_ABCZ=*&,;:%X";
    size_t n = rng_below(r, (uint32_t)room);

    for (size_t i = 0; i < n; i++)
        to[i] = rng_below(r, 40) ? usual[rng_below(r, sizeof(usual) - 1)]
                                 : (char)(33 + rng_below(r, 94));
    to[n] = '\0';
}

/* Real blocks of the library's encoder, which sends :path and content-length as literals that stay out of the table. */
static void
blocks_of_an_encoder_are_read_alike(void **state)
{
    static char path[140], length[12], own[60];
    nghttp2_hd_deflater *encoder;
    uint8_t block[2048];
    struct rng r;

    (void)state;
    rng_seed(&r, 7);
    assert_int_equal(nghttp2_hd_deflate_new(&encoder, 4096), 0);
    for (int i = 0; i < 20000; i++) {
        nghttp2_nv list[] = {
            nv(":method", "POST"), nv(":path", path), nv("content-length", length),
            nv("te", "trailers"),  nv("x-own", own),  nv("authorization", own)
        };
        ssize_t n;

        path[0] = '/';
        random_text(&r, path + 1, sizeof(path) - 1);
        snprintf(length, sizeof(length), "%u", (unsigned)rng_below(&r, 100000));
        random_text(&r, own, sizeof(own));
        list[1].valuelen = strlen(path);
        list[2].valuelen = strlen(length);
        list[4].valuelen = list[5].valuelen = strlen(own);
        n = nghttp2_hd_deflate_hd(encoder, block, sizeof(block), list, ARRAY_LEN(list));
        assert_true(n > 0);
        assert_true(blocks_agree(block, (size_t)n));
    }
    nghttp2_hd_deflate_del(encoder);
    assert_true(plain_fields > 60000);
    assert_true(huffman_fields > 20000);
}

/* Any bytes: what the library refuses is never taken, and what is taken means the same. */
static void
any_bytes_are_read_alike(void **state)
{
    struct rng r;

    (void)state;
    rng_seed(&r, 11);
    for (int i = 0; i < 300000; i++) {
        uint8_t b[48];
        size_t n = 1 + rng_below(&r, sizeof(b));

        for (size_t k = 0; k < n; k++)
            b[k] = (uint8_t)rng_below(&r, 256);
        b[0] = (uint8_t)(rng_below(&r, 2) ? b[0] : b[0] & 0x1f);
        if (n > 1)
            b[1] = (uint8_t)(rng_below(&r, 2) ? b[1] : 0x80 | (n - 2));
        if (n > 2 && rng_below(&r, 2))
            b[n - 1] |= 0x1f; /* padding that may be right */
        if (blocks_agree(b, n))
            continue;
        nghttp2_hd_inflate_del(ours); /* a decoder is of no use after an error */
        nghttp2_hd_inflate_del(theirs);
        assert_int_equal(nghttp2_hd_inflate_new(&ours), 0);
        assert_int_equal(nghttp2_hd_inflate_new(&theirs), 0);
    }
    assert_true(plain_fields > 10000);
    assert_true(huffman_fields > 1000);
}

/* The examples of RFC 7541 C.4.1 and C.6.1, and where the table of short codes ends. */
static void
huffman_knows_the_usual_characters(void **state)
{
    static const uint8_t www[] = { 0xf1, 0xe3, 0xc2, 0xe5, 0xf2, 0x3a,
                                   0x6b, 0xa0, 0xab, 0x90, 0xf4, 0xff };
    static const uint8_t url[] = { 0x9d, 0x29, 0xad, 0x17, 0x18, 0x63, 0xc7, 0x8f, 0x0b,
                                   0x97, 0xc8, 0xe9, 0xae, 0x82, 0xae, 0x43, 0xd3 };
    uint8_t to[HUFF_OUT_MAX];
    unsigned known = 0;

    (void)state;
    assert_int_equal(huff_decode(&huff, www, sizeof(www), to), 15);
    assert_memory_equal(to, "www.example.com", 15);
    assert_int_equal(huff_decode(&huff, url, sizeof(url), to), 23);
    assert_memory_equal(to, "https://www.example.com", 23);
    assert_int_equal(huff_decode(&huff, www, 0, to), 0);
    for (int i = 0; i < 256; i++)
        known += huff.bits[i] == 8;
    assert_int_equal(known, 6);
    assert_int_equal(huff.bits[0xfd], 8);
    assert_int_equal(huff.bits[0xfe], 0); /* here the longer codes begin */
}

/* RFC 7541 5.2: padding of 8 bits and more, and padding that is not all ones, are errors. The decoder then says so. */
static void
huffman_padding_is_checked(void **state)
{
    uint8_t to[HUFF_OUT_MAX];

    (void)state;
    assert_int_equal(huff_decode(&huff, (const uint8_t *)"\x1f", 1, to), 1); /* a + 111 */
    assert_int_equal(huff_decode(&huff, (const uint8_t *)"\x1e", 1, to), -1);
    assert_int_equal(huff_decode(&huff, (const uint8_t *)"\x1f\xff", 2, to), -1);
    assert_int_equal(huff_decode(&huff, (const uint8_t *)"\xff", 1, to), -1);
    assert_int_equal(huff_decode(&huff, (const uint8_t *)"\xff\xff\xff\xff", 4, to), -1);
}

static void
what_is_not_complete_is_left_alone(void **state)
{
    static const uint8_t field[] = {
        0x0f, 0x0d, 0x83, 0x08, 0x17, 0x1f
    }; /* content-length, no Huffman bits needed */
    struct plain_field f;

    (void)state;
    for (size_t n = 0; n < sizeof(field) - 1; n++)
        assert_int_equal(plain_field_read(&huff, ours, field, n, &f), 0);
    /* a name in letters, a field for the table, a table size, an index of nothing */
    assert_int_equal(plain_field_read(&huff, ours, (const uint8_t *)"\0\1a\1b", 5, &f),
                     0);
    assert_int_equal(plain_field_read(&huff, ours, (const uint8_t *)"\x44\1b", 3, &f), 0);
    assert_int_equal(plain_field_read(&huff, ours, (const uint8_t *)"\x20", 1, &f), 0);
    assert_int_equal(plain_field_read(&huff, ours, (const uint8_t *)"\x80", 1, &f), 0);
    assert_int_equal(plain_field_read(&huff, ours, (const uint8_t *)"\xbe", 1, &f), 0);
    assert_int_equal(plain_field_read(&huff, ours, (const uint8_t *)"\x0f\x2f\1b", 4, &f),
                     0);
    assert_int_equal(plain_field_read(&huff, ours, (const uint8_t *)"\x04\1b", 3, &f), 3);
    assert_false(f.stored);
    assert_int_equal(plain_field_read(&huff, ours, (const uint8_t *)"\x83", 1, &f), 1);
    assert_true(f.stored);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(blocks_of_an_encoder_are_read_alike, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(any_bytes_are_read_alike, setup, teardown),
        cmocka_unit_test_setup_teardown(huffman_knows_the_usual_characters, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(huffman_padding_is_checked, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_not_complete_is_left_alone, setup,
                                        teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
