/* SPDX-License-Identifier: Apache-2.0 */
/* h2/plain_field.h - header fields that leave no trace in the HPACK decoder (RFC 7541 6.1, 6.2.2, 6.2.3): indexed ones, and literals that do
 * not enter the table. Most of what repeats is one of these, so they are read here at a fraction of the cost of the library's decoder. What
 * is not plain and complete is left to it, and so is every judgement: nothing here reports an error. Any thread, for its own objects. */
#ifndef OUTRIGGER_H2_PLAIN_FIELD_H
#define OUTRIGGER_H2_PLAIN_FIELD_H

#include <nghttp2/nghttp2.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum {
    HUFF_IN_MAX = 126,                  /* a length of one byte */
    HUFF_OUT_MAX = HUFF_IN_MAX * 8 / 5, /* the shortest code has 5 bits */
};

/* What the next 8 bits begin with; bits is 0 for the codes that are longer (RFC 7541 appendix B). */
struct huff {
    uint8_t symbol[256], bits[256];
};

void huff_init(struct huff *t);
/* Decodes n <= HUFF_IN_MAX bytes. Returns the length; -1: not valid, or it has a character of a longer code. to: HUFF_OUT_MAX bytes. */
ssize_t huff_decode(const struct huff *t, const uint8_t *p, size_t n, uint8_t *to);

struct plain_field {
    nghttp2_nv nv; /* strings of the decoder's table, of the input, or of text */
    bool stored;   /* name and value are an entry of the table */
    uint8_t text[HUFF_OUT_MAX];
};

/* Reads one field from the front of n bytes, between two fields of a block. Returns the bytes used; 0: it is for the decoder. */
size_t plain_field_read(const struct huff *t, nghttp2_hd_inflater *inflater,
                        const uint8_t *p, size_t n, struct plain_field *ret);

#endif
