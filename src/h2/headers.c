/* SPDX-License-Identifier: Apache-2.0 */
/* h2/headers.c - received header blocks by reference. */
#include "h2/headers.h"

#include <nghttp2/nghttp2.h>

#include "base/slab.h"
#include "h2/conn_int.h"

/* h2_field is handed to the library as it is. */
_Static_assert(offsetof(struct h2_field, value) == offsetof(nghttp2_nv, value), "layout");
_Static_assert(offsetof(struct h2_field, namelen) == offsetof(nghttp2_nv, namelen), "layout");
_Static_assert(offsetof(struct h2_field, valuelen) == offsetof(nghttp2_nv, valuelen), "layout");
_Static_assert(offsetof(struct h2_field, flags) == offsetof(nghttp2_nv, flags), "layout");
_Static_assert(sizeof(struct h2_field) == sizeof(nghttp2_nv), "layout");
_Static_assert((int)H2_FIELD_NO_INDEX == (int)NGHTTP2_NV_FLAG_NO_INDEX, "flags");
_Static_assert((int)H2_FIELD_STATIC == (NGHTTP2_NV_FLAG_NO_COPY_NAME | NGHTTP2_NV_FLAG_NO_COPY_VALUE),
               "flags");

enum { FIRST_ENTRIES = 12, ENTRY_OVERHEAD = 32 };

#define IS(text, token)                                                                  \
    if (memcmp(name, text, sizeof(text) - 1) == 0)                                       \
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
        IS(":method", H2_TOKEN_METHOD);
        IS(":scheme", H2_TOKEN_SCHEME);
        IS(":status", H2_TOKEN_STATUS);
        break;
    case 10:
        IS(":authority", H2_TOKEN_AUTHORITY);
        IS("tracestate", H2_TOKEN_ONE_OFF);
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
        break;
    case 14:
        IS("content-length", H2_TOKEN_CONTENT_LENGTH);
        IS("grpc-trace-bin", H2_TOKEN_ONE_OFF);
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

static bool
headers_grow(struct h2_headers *h, struct slab *slab)
{
    unsigned cap = h->cap ? h->cap * 2u : FIRST_ENTRIES;
    struct h2_entry *v = slab_realloc(slab, h->v, cap * sizeof(*v));

    if (!v)
        return false;
    h->v = v;
    h->cap = (uint16_t)cap;
    return true;
}

int
headers_add(struct h2_headers *h, struct slab *slab, const struct h2_limits *lim,
            nghttp2_rcbuf *name, nghttp2_rcbuf *value, uint8_t flags)
{
    nghttp2_vec nv = nghttp2_rcbuf_get_buf(name), vv = nghttp2_rcbuf_get_buf(value);
    struct h2_entry *e;

    h->bytes += (uint32_t)(nv.len + vv.len + ENTRY_OVERHEAD);
    if (h->over)
        return ERR_LIMIT;
    if (h->bytes > lim->max_header_bytes || h->n >= lim->max_header_count) {
        h->over = true;
        return ERR_LIMIT;
    }
    if (h->n == h->cap && !headers_grow(h, slab)) {
        h->over = true;
        return ERR_NOMEM;
    }
    e = &h->v[h->n++];
    nghttp2_rcbuf_incref(name);
    nghttp2_rcbuf_incref(value);
    *e = (struct h2_entry){
        .f = { .name = nv.base, .value = vv.base, .namelen = nv.len, .valuelen = vv.len,
               .flags = (uint8_t)(H2_FIELD_STATIC | (flags & NGHTTP2_NV_FLAG_NO_INDEX)) },
        .token = (uint8_t)h2_token_find(nv.base, nv.len),
        .name_ref = name,
        .value_ref = value,
    };
    if (e->token == H2_TOKEN_ONE_OFF || e->token == H2_TOKEN_GRPC_MESSAGE)
        e->f.flags |= H2_FIELD_NO_INDEX;
    if (e->token != H2_TOKEN_OTHER) {
        if (h->first[e->token])
            h->twice |= (uint16_t)(1u << e->token);
        else if (h->n < 255)
            h->first[e->token] = (uint8_t)h->n;
    }
    return ERR_OK;
}

void
h2_headers_done(struct h2_headers *h, struct slab *slab)
{
    for (unsigned i = 0; i < h->n; i++) {
        nghttp2_rcbuf_decref(h->v[i].name_ref);
        nghttp2_rcbuf_decref(h->v[i].value_ref);
    }
    slab_give(slab, h->v);
    *h = (struct h2_headers){ 0 };
}
