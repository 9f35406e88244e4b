/* SPDX-License-Identifier: Apache-2.0 */
/* h2/headers.h - one received header block. Its strings live in pieces of slab memory of its own, well-known names are literals.
 * The room that forwards a block hands the same fields to the other side's connection, which encodes them at once.
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
    H2_TOKEN_HOP,    /* connection, keep-alive and their kin: malformed in HTTP/2 */
    H2_TOKEN_OF_HOP, /* http2-settings: legal, but never passed on (RFC 7540 3.2.1) */
    H2_TOKEN_ONE_OFF, /* a value that is new in every call: not worth a place in the HPACK table */
    H2_TOKEN_B3_HINT, /* x-b3-sampled, x-b3-flags: speak of a trace without naming it */
    H2_TOKEN_COUNT
};

enum {
    H2_FIELD_NO_INDEX = 1, /* HPACK "never indexed": secrets, and one-off values */
    H2_FIELD_STATIC =
        6,              /* name and value are the caller's; the encoder only reads them */
    H2_FIELD_READY = 8, /* see H2_READY */
};

/* A field that we make ourselves in each call lies in memory as a peer gets it, so that it is sent by one copy: these bytes (RFC 7541 6.2.3, a literal that is never
 * indexed), the value right behind them. name: a literal; value_n: a literal of one byte, the length of the value, as name_n is of the name; both are below
 * 127. The field's flags have H2_FIELD_NO_INDEX too. */
#define H2_READY(name_n, name, value_n) "\x10" name_n name value_n
enum { H2_READY_BEFORE = 2 }; /* bytes in front of the name */

/* Laid out as nghttp2_nv (asserted in headers.c). */
struct h2_field {
    uint8_t *name, *value;
    size_t namelen, valuelen;
    uint8_t flags;
};

struct h2_entry {
    struct h2_field f;
    uint8_t token;
};

struct h2_text; /* a piece of memory for the strings of a block */

struct h2_headers {
    struct h2_entry *v;
    struct h2_text *text;
    uint16_t n, cap;
    uint32_t bytes; /* RFC 9113 6.5.2 accounting: name + value + 32 for each field */
    bool complete;  /* the block ended */
    bool over;      /* over the limit: the rest of the block was not kept */
    bool invalid;   /* a field had an illegal name or value: the block must not be used */
    bool malformed; /* the block breaks RFC 9113 section 8 */
    bool regular;   /* a field without a colon was seen: pseudo fields may not follow */
    uint32_t twice; /* bit per token: seen more than once */
    uint16_t
        first[H2_TOKEN_COUNT]; /* index + 1 of the first field with this token; 0: none */
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

/* Drops all memory; the block is empty. */
void h2_headers_done(struct h2_headers *h, struct slab *slab);
enum h2_token h2_token_find(const uint8_t *name, size_t n);

/* A field made from strings that outlive the stream (literals, call arena). */
#define H2_FIELD(n, v)                             \
    ((struct h2_field){ .name = (uint8_t *)(n),    \
                        .value = (uint8_t *)(v),   \
                        .namelen = sizeof(n) - 1,  \
                        .valuelen = sizeof(v) - 1, \
                        .flags = H2_FIELD_STATIC })

#endif
