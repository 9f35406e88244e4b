/* SPDX-License-Identifier: Apache-2.0 */
/* h2/headers.c - received header blocks and the names that the proxy knows. */
#include "h2/headers.h"

#include <nghttp2/nghttp2.h>
#include <string.h>

#include "base/slab.h"
#include "h2/conn_int.h"

/* h2_field is handed to the library as it is. */
_Static_assert(offsetof(struct h2_field, value) == offsetof(nghttp2_nv, value), "layout");
_Static_assert(offsetof(struct h2_field, namelen) == offsetof(nghttp2_nv, namelen),
               "layout");
_Static_assert(offsetof(struct h2_field, valuelen) == offsetof(nghttp2_nv, valuelen),
               "layout");
_Static_assert(offsetof(struct h2_field, flags) == offsetof(nghttp2_nv, flags), "layout");
_Static_assert(sizeof(struct h2_field) == sizeof(nghttp2_nv), "layout");
_Static_assert((int)H2_FIELD_NO_INDEX == (int)NGHTTP2_NV_FLAG_NO_INDEX, "flags");
_Static_assert((int)H2_FIELD_STATIC ==
                   (NGHTTP2_NV_FLAG_NO_COPY_NAME | NGHTTP2_NV_FLAG_NO_COPY_VALUE),
               "flags");

enum {
    FIRST_ENTRIES = 12,
    ENTRY_OVERHEAD = 32,
    FIRST_TEXT = 1024 - 16, /* with the first entries: one object of the slab */
    NEXT_TEXT = 4000,
};

struct h2_text {
    struct h2_text *next;
    uint32_t used, size;
    _Alignas(8) uint8_t bytes[];
};

_Static_assert(sizeof(struct h2_text) == 16, "FIRST_TEXT leaves room for the head");

/* Names that need no copy. Tokens that stand for several names are missing here. */
static const char *const token_names[H2_TOKEN_COUNT] = {
    [H2_TOKEN_METHOD] = ":method",
    [H2_TOKEN_SCHEME] = ":scheme",
    [H2_TOKEN_PATH] = ":path",
    [H2_TOKEN_AUTHORITY] = ":authority",
    [H2_TOKEN_STATUS] = ":status",
    [H2_TOKEN_TE] = "te",
    [H2_TOKEN_HOST] = "host",
    [H2_TOKEN_CONTENT_TYPE] = "content-type",
    [H2_TOKEN_CONTENT_LENGTH] = "content-length",
    [H2_TOKEN_GRPC_TIMEOUT] = "grpc-timeout",
    [H2_TOKEN_GRPC_STATUS] = "grpc-status",
    [H2_TOKEN_GRPC_MESSAGE] = "grpc-message",
};

#define IS(text, token)                            \
    if (memcmp(name, text, sizeof(text) - 1) == 0) \
    return token

/* By length, then by one compare or a few of constant size: most custom names are rejected by the switch alone. */
enum h2_token
h2_token_find(const uint8_t *name, size_t n)
{
    switch (n) {
    case 2:
        IS("te", H2_TOKEN_TE);
        IS("b3", H2_TOKEN_ONE_OFF);
        break;
    case 4:
        IS("host", H2_TOKEN_HOST);
        IS("date", H2_TOKEN_ONE_OFF);
        break;
    case 5:
        IS(":path", H2_TOKEN_PATH);
        break;
    case 7:
        IS("upgrade", H2_TOKEN_HOP);
        IS(":method", H2_TOKEN_METHOD);
        IS(":scheme", H2_TOKEN_SCHEME);
        IS(":status", H2_TOKEN_STATUS);
        break;
    case 10:
        IS("connection", H2_TOKEN_HOP);
        IS("keep-alive", H2_TOKEN_HOP);
        IS(":authority", H2_TOKEN_AUTHORITY);
        IS("tracestate", H2_TOKEN_ONE_OFF);
        IS("x-b3-flags", H2_TOKEN_B3_HINT);
        break;
    case 11:
        IS("grpc-status", H2_TOKEN_GRPC_STATUS);
        IS("traceparent", H2_TOKEN_ONE_OFF);
        IS("x-b3-spanid", H2_TOKEN_ONE_OFF);
        break;
    case 12:
        IS("content-type", H2_TOKEN_CONTENT_TYPE);
        IS("grpc-timeout", H2_TOKEN_GRPC_TIMEOUT);
        IS("grpc-message", H2_TOKEN_GRPC_MESSAGE);
        IS("x-request-id", H2_TOKEN_ONE_OFF);
        IS("x-b3-traceid", H2_TOKEN_ONE_OFF);
        IS("x-b3-sampled", H2_TOKEN_B3_HINT);
        break;
    case 14:
        IS("content-length", H2_TOKEN_CONTENT_LENGTH);
        IS("grpc-trace-bin", H2_TOKEN_ONE_OFF);
        IS("http2-settings", H2_TOKEN_OF_HOP);
        break;
    case 16:
        IS("proxy-connection", H2_TOKEN_HOP);
        break;
    case 17:
        IS("transfer-encoding", H2_TOKEN_HOP);
        break;
    case 23:
        IS("grpc-status-details-bin", H2_TOKEN_ONE_OFF);
        break;
    default:
        break;
    }
    return H2_TOKEN_OTHER;
}
#undef IS

bool
headers_grow(struct h2_headers *h, struct slab *slab)
{
    unsigned cap = (h->cap ? h->cap : FIRST_ENTRIES) * 2u;
    struct h2_entry *old = h->cap > FIRST_ENTRIES ? h->v : NULL;
    struct h2_entry *v = slab_realloc(slab, old, cap * sizeof(*v));

    if (!v)
        return false;
    if (!old && h->n)
        memcpy(v, h->v, h->n * sizeof(*v));
    h->v = v;
    h->cap = (uint16_t)cap;
    return true;
}

/* Room for n bytes that stay where they are until the block is done. n is bounded by max_header_bytes.
 * The first piece of memory also holds the first entries. */
static uint8_t *
headers_text(struct h2_headers *h, struct slab *slab, size_t n)
{
    struct h2_text *t = h->text;

    if (!t || t->size - t->used < n) {
        size_t size = t ? NEXT_TEXT : FIRST_TEXT;
        size_t before = t ? 0 : FIRST_ENTRIES * sizeof(*h->v);

        if (size < before + n)
            size = before + n;
        t = slab_malloc(slab, sizeof(*t) + size);
        if (!t)
            return NULL;
        *t = (struct h2_text){ .next = h->text, .size = (uint32_t)size };
        if (!h->text) {
            h->v = (struct h2_entry *)(void *)t->bytes;
            h->cap = FIRST_ENTRIES;
            t->used = (uint32_t)before;
        }
        h->text = t;
    }
    t->used += (uint32_t)n;
    return t->bytes + t->used - n;
}

int
headers_add(struct h2_headers *h, struct slab *slab, const struct h2_limits *lim,
            const nghttp2_nv *nv, enum h2_token token)
{
    const char *known = token_names[token];
    size_t name_n = known ? 0 : nv->namelen;
    struct h2_entry *e;
    uint8_t *text;

    h->bytes += (uint32_t)(nv->namelen + nv->valuelen + ENTRY_OVERHEAD);
    if (h->over)
        return ERR_LIMIT;
    if (h->bytes > lim->max_header_bytes || h->n >= lim->max_header_count) {
        h->over = true;
        return ERR_LIMIT;
    }
    text = headers_text(h, slab, name_n + nv->valuelen);
    if (!text || (h->n == h->cap && !headers_grow(h, slab))) {
        h->over = true;
        return ERR_NOMEM;
    }
    memcpy(text, nv->value, nv->valuelen);
    e = &h->v[h->n++];
    e->f.value = text;
    e->f.valuelen = nv->valuelen;
    e->f.namelen = nv->namelen;
    if (known) {
        e->f.name = (uint8_t *)(uintptr_t)known; /* never written through */
    } else {
        e->f.name = text + nv->valuelen;
        memcpy(e->f.name, nv->name, nv->namelen);
    }
    e->f.flags = (uint8_t)(H2_FIELD_STATIC | (nv->flags & NGHTTP2_NV_FLAG_NO_INDEX));
    e->token = (uint8_t)token;
    if (token == H2_TOKEN_OTHER)
        return ERR_OK;
    if (token == H2_TOKEN_ONE_OFF || token == H2_TOKEN_GRPC_MESSAGE)
        e->f.flags |= H2_FIELD_NO_INDEX;
    if (h->first[token])
        h->twice |= 1u << token;
    else
        h->first[token] = h->n;
    return ERR_OK;
}

void
h2_headers_done(struct h2_headers *h, struct slab *slab)
{
    if (h->cap > FIRST_ENTRIES)
        slab_give(slab, h->v);
    while (h->text) {
        struct h2_text *t = h->text;

        h->text = t->next;
        slab_give(slab, t);
    }
    *h = (struct h2_headers){ 0 };
}
