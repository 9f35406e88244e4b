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

struct token_row {
    const char *name;
    uint8_t n, token;
};

#define ROW(name, token) { name, sizeof(name) - 1, token }
static const struct token_row token_rows[] = {
    ROW("te", H2_TOKEN_TE),
    ROW("host", H2_TOKEN_HOST),
    ROW("date", H2_TOKEN_ONE_OFF),
    ROW(":path", H2_TOKEN_PATH),
    ROW("b3", H2_TOKEN_ONE_OFF),
    ROW(":method", H2_TOKEN_METHOD),
    ROW(":scheme", H2_TOKEN_SCHEME),
    ROW(":status", H2_TOKEN_STATUS),
    ROW(":authority", H2_TOKEN_AUTHORITY),
    ROW("tracestate", H2_TOKEN_ONE_OFF),
    ROW("grpc-status", H2_TOKEN_GRPC_STATUS),
    ROW("traceparent", H2_TOKEN_ONE_OFF),
    ROW("x-b3-spanid", H2_TOKEN_ONE_OFF),
    ROW("content-type", H2_TOKEN_CONTENT_TYPE),
    ROW("grpc-timeout", H2_TOKEN_GRPC_TIMEOUT),
    ROW("grpc-message", H2_TOKEN_GRPC_MESSAGE),
    ROW("x-request-id", H2_TOKEN_ONE_OFF),
    ROW("x-b3-traceid", H2_TOKEN_ONE_OFF),
    ROW("content-length", H2_TOKEN_CONTENT_LENGTH),
    ROW("grpc-trace-bin", H2_TOKEN_ONE_OFF),
    ROW("grpc-status-details-bin", H2_TOKEN_ONE_OFF),
};
#undef ROW

enum h2_token
h2_token_find(const uint8_t *name, size_t n)
{
    /* Most custom names have a length of their own; the switch rejects them without a compare. */
    switch (n) {
    case 2: case 4: case 5: case 7: case 10: case 11: case 12: case 14: case 23:
        break;
    default:
        return H2_TOKEN_OTHER;
    }
    for (size_t i = 0; i < sizeof(token_rows) / sizeof(token_rows[0]); i++) {
        const struct token_row *r = &token_rows[i];

        if (r->n == n && r->name[n - 1] == (char)name[n - 1] && memcmp(r->name, name, n) == 0)
            return (enum h2_token)r->token;
    }
    return H2_TOKEN_OTHER;
}

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
