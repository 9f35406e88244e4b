/* SPDX-License-Identifier: Apache-2.0 */
/* h2/plain_field.c - header fields that leave no trace in the decoder. */
#include "h2/plain_field.h"

#include <string.h>

#include "base/compat.h"

/* The Huffman code is canonical: among codes of one length the characters stand in their order, and all shorter codes stand before. */
void
huff_init(struct huff *t)
{
    static const char *const by_bits[] = {
        [5] = "012aceiost",
        [6] = " %-./3456789=A_bdfghlmnpru",
        [7] = ":BCDEFGHIJKLMNOPQRSTUVWYjkqvwxyz",
        [8] = "&*,;XZ",
    };
    unsigned at = 0;

    *t = (struct huff){ 0 };
    for (unsigned bits = 5; bits < ARRAY_LEN(by_bits); bits++) {
        for (const char *s = by_bits[bits]; *s; s++) {
            for (unsigned i = 0; i < 1u << (8 - bits); i++, at++) {
                t->symbol[at] = (uint8_t)*s;
                t->bits[at] = (uint8_t)bits;
            }
        }
    }
}

/* The last bits, less than 8: characters, then padding that is all ones (RFC 7541 5.2). Returns the new end; NULL: not valid. */
static uint8_t *
huff_tail(const struct huff *t, uint64_t bits, unsigned have, uint8_t *to)
{
    while (have) {
        uint8_t next = (uint8_t)(bits << (8 - have) | 0xffu >> have);

        if (t->bits[next] == 0 || t->bits[next] > have)
            break;
        *to++ = t->symbol[next];
        have -= t->bits[next];
    }
    return (~bits & ((1u << have) - 1)) == 0 ? to : NULL;
}

ssize_t
huff_decode(const struct huff *t, const uint8_t *p, size_t n, uint8_t *to)
{
    uint8_t *at = to;
    uint64_t bits = 0; /* the lowest `have` of them are not decoded yet */
    unsigned have = 0;

    for (size_t i = 0; i < n; i++) {
        bits = bits << 8 | p[i];
        have += 8;
        while (have >= 8) {
            uint8_t next = (uint8_t)(bits >> (have - 8));

            if (t->bits[next] == 0)
                return -1;
            *at++ = t->symbol[next];
            have -= t->bits[next];
        }
    }
    at = huff_tail(t, bits, have, at);
    return at ? at - to : -1;
}

static size_t
plain_indexed(nghttp2_hd_inflater *inflater, size_t index, struct plain_field *ret)
{
    const nghttp2_nv *entry = nghttp2_hd_inflate_get_table_entry(inflater, index);

    if (!entry)
        return 0;
    ret->nv = *entry;
    ret->stored = true;
    return 1;
}

/* The name by its index, below 128 + 15; the value's length below 127; all of it here. */
static size_t
plain_literal(const struct huff *t, nghttp2_hd_inflater *inflater, const uint8_t *p,
              size_t n, struct plain_field *ret)
{
    size_t index = p[0] & 0x0f, at = 1, len;
    const nghttp2_nv *entry;
    bool huffman;

    if (index == 0x0f && n > 1 && p[1] < 0x80)
        index += p[at++];
    else if (index == 0x0f || index == 0)
        return 0;
    if (at >= n || (p[at] & 0x7f) > HUFF_IN_MAX || n - at - 1 < (p[at] & 0x7fu))
        return 0;
    huffman = p[at] & 0x80;
    len = p[at++] & 0x7f;
    entry = nghttp2_hd_inflate_get_table_entry(inflater, index);
    if (!entry)
        return 0;
    ret->nv = (nghttp2_nv){ .name = entry->name,
                            .namelen = entry->namelen,
                            .value = (uint8_t *)(uintptr_t)(p + at), /* only read */
                            .valuelen = len,
                            .flags = p[0] & 0x10 ? NGHTTP2_NV_FLAG_NO_INDEX : 0 };
    ret->stored = false;
    if (huffman) {
        ssize_t k = huff_decode(t, p + at, len, ret->text);

        if (k < 0)
            return 0;
        ret->nv.value = ret->text;
        ret->nv.valuelen = (size_t)k;
    }
    return at + len;
}

size_t
plain_field_read(const struct huff *t, nghttp2_hd_inflater *inflater, const uint8_t *p,
                 size_t n, struct plain_field *ret)
{
    if (n == 0)
        return 0;
    if (p[0] > 0x80 && p[0] < 0xff)
        return plain_indexed(inflater, p[0] & 0x7f, ret);
    return p[0] < 0x20 ? plain_literal(t, inflater, p, n, ret) : 0;
}
