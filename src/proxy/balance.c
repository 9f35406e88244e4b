/* SPDX-License-Identifier: Apache-2.0 */
/* proxy/balance.c - what a pool wants to know of a call's headers and trailers: the value to hash, the method, the backend's load report. Only called for
 * pools that want some of it. */
#include <string.h>

#include "lb/hash.h"
#include "proxy/call.h"
#include "proxy/route.h"

enum { HASH_VALUE_MAX = 1024 };

static bool
entry_named(const struct h2_entry *e, const char *name, size_t n)
{
    return e->f.namelen == n && memcmp(e->f.name, name, n) == 0;
}

/* Several values of one name count as one text with commas between (gRFC A42). */
static void
balance_hash(struct call *c, const char *name)
{
    const struct h2_headers *h = &c->down.in_headers;
    char text[HASH_VALUE_MAX];
    size_t n = strlen(name), len = 0;
    bool found = false;

    for (unsigned i = 0; i < h->n; i++) {
        const struct h2_field *f = &h->v[i].f;
        size_t take;

        if (!entry_named(&h->v[i], name, n))
            continue;
        if (found && len < sizeof(text))
            text[len++] = ',';
        found = true;
        take = f->valuelen < sizeof(text) - len ? f->valuelen : sizeof(text) - len;
        memcpy(text + len, f->value, take);
        len += take;
    }
    c->wait.hashed = found;
    c->wait.hash = found ? lb_hash(text, len) : 0;
}

void
balance_request(struct call *c)
{
    unsigned wants = pool_wants(c->pool);

    if (wants & POOL_WANTS_HASH)
        balance_hash(c, pool_hash_header(c->pool));
    if (wants & POOL_WANTS_METHOD) {
        struct slice path = h2_headers_get(&c->down.in_headers, H2_TOKEN_PATH);

        c->wait.method = lb_hash(path.p, path.n) | 1; /* 0: unknown */
    }
}

void
balance_report(struct call *c, const struct h2_headers *trailers)
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
        pool_report(&c->wait, bin, text);
}
