/* SPDX-License-Identifier: Apache-2.0 */
/* h2/headers.h - one received header block: names and values by reference into the library's counted strings, no copy.
 * The room that forwards a block hands the same fields to the other side's connection (same thread), which sends them by reference too.
 * A block is filled while frames are read and belongs to its stream. */
#ifndef OUTRIGGER_H2_HEADERS_H
#define OUTRIGGER_H2_HEADERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

struct slab;

/* Names that the proxy looks at, found once while receiving. */
enum h2_token {
    H2_TOKEN_OTHER,
    H2_TOKEN_METHOD,
    H2_TOKEN_SCHEME,
    H2_TOKEN_PATH,
    H2_TOKEN_AUTHORITY,
    H2_TOKEN_STATUS,
    H2_TOKEN_TE,
    H2_TOKEN_HOST,
    H2_TOKEN_CONTENT_TYPE,
    H2_TOKEN_CONTENT_LENGTH,
    H2_TOKEN_GRPC_TIMEOUT,
    H2_TOKEN_GRPC_STATUS,
    H2_TOKEN_GRPC_MESSAGE,
    H2_TOKEN_ONE_OFF, /* a value that is new in every call: not worth a place in the HPACK table */
    H2_TOKEN_COUNT
};

enum {
    H2_FIELD_NO_INDEX = 1, /* HPACK "never indexed": secrets, and one-off values */
    H2_FIELD_STATIC = 6,   /* name and value stay valid until the stream ends: sent by reference */
};

/* The first five members are laid out as nghttp2_nv (asserted in headers.c). */
struct h2_field {
    uint8_t *name, *value;
    size_t namelen, valuelen;
    uint8_t flags;
};

struct h2_entry {
    struct h2_field f;
    uint8_t token;
    void *name_ref, *value_ref; /* counted strings of the library; NULL: memory of the owner */
};

struct h2_headers {
    struct h2_entry *v;
    uint16_t n, cap;
    uint32_t bytes;  /* RFC 9113 6.5.2 accounting: name + value + 32 for each field */
    bool complete;   /* the block ended */
    bool over;       /* over the limit: the rest of the block was not kept */
    bool invalid;    /* the library dropped an illegal field: the block must not be used */
    uint16_t twice;  /* bit per token: seen more than once */
    uint8_t first[H2_TOKEN_COUNT]; /* index + 1 of the first field with this token; 0: none (fields over 254 are not indexed) */
};

/* The value of the first field with this token; p is NULL when there is none. */
static inline struct slice
h2_headers_get(const struct h2_headers *h, enum h2_token token)
{
    unsigned i = h->first[token];

    if (i == 0)
        return (struct slice){ 0 };
    return (struct slice){ h->v[i - 1].f.value, h->v[i - 1].f.valuelen };
}

static inline bool
h2_headers_has_twice(const struct h2_headers *h, enum h2_token token)
{
    return (h->twice >> token) & 1;
}

/* Drops all references and memory; the block is empty. Never inside a library callback's iteration over it. */
void h2_headers_done(struct h2_headers *h, struct slab *slab);
enum h2_token h2_token_find(const uint8_t *name, size_t n);

/* A field made from strings that outlive the stream (literals, call arena). */
#define H2_FIELD(n, v)                                                                   \
    ((struct h2_field){ .name = (uint8_t *)(n), .value = (uint8_t *)(v),                 \
                        .namelen = sizeof(n) - 1, .valuelen = sizeof(v) - 1,             \
                        .flags = H2_FIELD_STATIC })

#endif
