/* SPDX-License-Identifier: Apache-2.0 */
/* proxy/balance.c - the value to hash, the method, the backend's load report. */
#include "proxy/balance.h"

#include <string.h>

#include "h2/headers.h"
#include "lb/hash.h"
#include "upstream/pool.h"

enum { HASH_VALUE_MAX = 1024 };

static bool
entry_named(const struct h2_entry *e, const char *name, size_t n)
{
    return e->f.namelen == n && memcmp(e->f.name, name, n) == 0;
}

bool
balance_header_text(const struct h2_headers *h, struct slice name, char *out, size_t room,
                    size_t *ret_n)
{
    size_t len = 0;
    bool found = false;

    for (unsigned i = 0; i < h->n; i++) {
        const struct h2_field *f = &h->v[i].f;
        size_t take;

        if (!entry_named(&h->v[i], (const char *)name.p, name.n))
            continue;
        if (found && len < room)
            out[len++] = ',';
        found = true;
        take = f->valuelen < room - len ? f->valuelen : room - len;
        memcpy(out + len, f->value, take);
        len += take;
    }
    *ret_n = len;
    return found;
}

void
balance_request(struct pool *p, struct pool_wait *w, const struct h2_headers *h)
{
    unsigned wants = pool_wants(p);

    if (wants & POOL_WANTS_HASH) {
        UNINITIALIZED char text[HASH_VALUE_MAX];
        size_t n;

        w->hashed =
            balance_header_text(h, slice_of(pool_hash_header(p)), text, sizeof(text), &n);
        w->hash = w->hashed ? lb_hash(text, n) : 0;
    }
    if (wants & POOL_WANTS_METHOD) {
        struct slice path = h2_headers_get(h, H2_TOKEN_PATH);

        w->method = lb_hash(path.p, path.n) | 1; /* 0: unknown */
    }
}

void
balance_report(struct pool_wait *w, const struct h2_headers *trailers)
{
    struct slice bin = { 0 }, text = { 0 };

    for (unsigned i = 0; i < trailers->n; i++) {
        const struct h2_entry *e = &trailers->v[i];
        struct slice value = { e->f.value, e->f.valuelen };

        if (entry_named(e, "endpoint-load-metrics-bin", 25))
            bin = value;
        else if (entry_named(e, "endpoint-load-metrics", 21))
            text = value;
    }
    if (bin.p || text.p)
        pool_report(w, bin, text);
}
