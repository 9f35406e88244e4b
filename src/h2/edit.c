/* SPDX-License-Identifier: Apache-2.0 */
/* h2/edit.c - fields come and go; the index of well-known names follows. */
#include "h2/edit.h"

#include "base/compat.h"
#include "base/err.h"
#include "h2/conn_int.h"

static bool
edit_is(const struct h2_entry *e, struct slice name)
{
    return slice_eq(slice_make(e->f.name, e->f.namelen), name);
}

bool
h2_name_legal(struct slice name)
{
    return check_name(name.p, name.n) == HEADER_GOOD;
}

bool
h2_value_legal(struct slice value)
{
    return check_value(value.p, value.n);
}

const struct h2_entry *
h2_headers_find(const struct h2_headers *h, struct slice name, unsigned *at)
{
    while (*at < h->n) {
        const struct h2_entry *e = &h->v[(*at)++];

        if (edit_is(e, name))
            return e;
    }
    return NULL;
}

static void
edit_index(struct h2_headers *h, unsigned i)
{
    unsigned token = h->v[i].token;

    if (token == H2_TOKEN_OTHER)
        return;
    if (h->first[token])
        h->twice |= 1u << token;
    else
        h->first[token] = (uint16_t)(i + 1);
}

static void
edit_index_all(struct h2_headers *h)
{
    memset(h->first, 0, sizeof(h->first));
    h->twice = 0;
    for (unsigned i = 0; i < h->n; i++)
        edit_index(h, i);
}

/* There is room. */
static ALWAYS_INLINE void
edit_put(struct h2_headers *h, struct slice name, struct slice value, enum h2_token token,
         uint8_t flags)
{
    if (token == H2_TOKEN_ONE_OFF)
        flags |= H2_FIELD_NO_INDEX;
    h->v[h->n] = (struct h2_entry){
        .f = { .name = (uint8_t *)name.p,
               .value = (uint8_t *)value.p,
               .namelen = name.n,
               .valuelen = value.n,
               .flags = (uint8_t)(flags | H2_FIELD_STATIC) },
        .token = (uint8_t)token,
    };
    edit_index(h, h->n++);
}

static NOINLINE int
edit_add(struct h2_headers *h, struct slab *slab, struct slice name, struct slice value,
         enum h2_token token, uint8_t flags)
{
    if (h->n >= H2_EDIT_FIELDS_MAX)
        return ERR_LIMIT;
    if (h->n == h->cap && !headers_grow(h, slab))
        return ERR_NOMEM;
    edit_put(h, name, value, token, flags);
    return ERR_OK;
}

int
h2_headers_add(struct h2_headers *h, struct slab *slab, struct slice name,
               struct slice value, uint8_t flags)
{
    if (!h2_name_legal(name) || !h2_value_legal(value))
        return ERR_SYNTAX;
    return edit_add(h, slab, name, value, h2_token_find(name.p, name.n), flags);
}

int
h2_headers_add_ready(struct h2_headers *h, struct slab *slab, struct slice name,
                     struct slice value, enum h2_token token)
{
    uint8_t flags = H2_FIELD_NO_INDEX | H2_FIELD_READY;

    if (UNLIKELY(h->n == h->cap || h->n >= H2_EDIT_FIELDS_MAX))
        return edit_add(h, slab, name, value, token, flags);
    edit_put(h, name, value, token, flags);
    return ERR_OK;
}

/* All fields of this name but the one at `keep`. */
static unsigned
edit_remove(struct h2_headers *h, struct slice name, unsigned keep)
{
    unsigned kept = 0, n = h->n;

    for (unsigned i = 0; i < n; i++) {
        if (i == keep || h->v[i].f.name[0] == ':' || !edit_is(&h->v[i], name))
            h->v[kept++] = h->v[i];
    }
    h->n = (uint16_t)kept;
    if (kept < n)
        edit_index_all(h);
    return n - kept;
}

int
h2_headers_set(struct h2_headers *h, struct slab *slab, struct slice name,
               struct slice value, uint8_t flags)
{
    int rv = h2_headers_add(h, slab, name, value, flags);

    if (rv == ERR_OK)
        edit_remove(h, name, h->n - 1u);
    return rv;
}

unsigned
h2_headers_remove(struct h2_headers *h, struct slice name)
{
    return edit_remove(h, name, UINT32_MAX);
}
