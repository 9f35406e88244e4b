/* SPDX-License-Identifier: Apache-2.0 */
/* h2/hpack.h - HPACK encoder (RFC 7541); the decoder, which reads what strangers send, stays the library's. Room h2 only.
 *
 * A field that repeats becomes one or two bytes. A field earns its place in the table when it comes for the second time, so values that are
 * new in every call never push out the useful ones. Strings are sent as they are, without Huffman coding: almost all that repeats is an index
 * anyway. Secrets (H2_FIELD_NO_INDEX, authorization, short cookies) are never put in a table (RFC 7541 7.1.3).
 * One thread. Strings are copied; memory comes from the slab, and none is held before the first block. */
#ifndef OUTRIGGER_H2_HPACK_H
#define OUTRIGGER_H2_HPACK_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/compat.h"

struct h2_field;
struct hpack_table;
struct slab;

struct hpack {
    struct hpack_table *table; /* NULL before the first block */
    uint32_t limit;            /* size of the table that the peer and we agreed on */
    uint32_t low,
        told; /* smallest limit since the last block; the last one that the peer heard of */
};

void hpack_init(struct hpack *h); /* with a table of HPACK_TABLE bytes */
void hpack_done(struct hpack *h, struct slab *slab);
/* The peer's SETTINGS_HEADER_TABLE_SIZE; of more than HPACK_TABLE only that is used. */
void hpack_resize(struct hpack *h, struct slab *slab, uint32_t size);
/* Encodes one block to `to`. Returns its length; ERR_LIMIT when `room` may not be enough, ERR_NOMEM: then nothing has changed, and no block
 * was begun. What was encoded must be sent, in this order. */
ssize_t hpack_encode(struct hpack *h, struct slab *slab, const struct h2_field *fields,
                     size_t n, uint8_t *to, size_t room) MUST_CHECK;

#endif
