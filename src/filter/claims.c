/* SPDX-License-Identifier: Apache-2.0 */
/* filter/claims.c */
#include "filter/claims.h"

#include <assert.h>

/* ---- reading ---- */

struct level {           /* an object or a list that is open */
    struct slice prefix; /* its own name; p NULL: the payload */
    struct slice name;   /* of the value that comes next in it */
};

/* It has the name of the one before, which is a claim, too. */
static bool
read_shares(const struct claims_read *r, const struct claim_read *c)
{
    return c > r->v && c[-1].kind < CLAIM_NULL && c[-1].name.p == c->name.p;
}

static bool
read_add(struct claims_read *r, const struct jscan *s, struct slice name,
         enum claim_kind kind, unsigned depth)
{
    struct claim_read *c;

    if (r->n == CLAIMS_MAX)
        return false;
    c = &r->v[r->n];
    c->name = name;
    c->value = s->text;
    c->kind = kind;
    c->depth = (uint8_t)depth;
    c->whole = s->whole;
    c->real = s->real;
    if (kind < CLAIM_NULL) {
        r->kept++;
        r->bytes += c->value.n + (read_shares(r, c) ? 0 : name.n);
    }
    r->n++;
    return true;
}

/* "prefix.key"; p NULL: no room. */
static struct slice
read_join(struct claims_read *r, struct slice prefix, struct slice key)
{
    char *start = r->names + r->names_n;
    size_t n = prefix.n + 1 + key.n;

    if (n > CLAIMS_NAMES_MAX - r->names_n)
        return (struct slice){ 0 };
    memcpy(start, prefix.p, prefix.n);
    start[prefix.n] = '.';
    memcpy(start + prefix.n + 1, key.p, key.n);
    r->names_n += n;
    return slice_make(start, n);
}

static bool
read_open(struct claims_read *r, const struct jscan *s, struct level *levels, bool object)
{
    struct level *up = &levels[s->depth - 1], *here = &levels[s->depth];

    if (s->depth > CLAIMS_DEPTH_MAX)
        return false;
    here->prefix = here->name = up->name;
    if (object)
        jscan_keys_open(&r->keys, s);
    return s->depth != 2 || read_add(r, s, up->name, CLAIM_TREE, 1);
}

static bool
read_key(struct claims_read *r, const struct jscan *s, struct level *here)
{
    if (!jscan_keys_add(&r->keys, s))
        return false;
    here->name = s->depth == 1 ? s->text : read_join(r, here->prefix, s->text);
    return here->name.p != NULL;
}

/* True as long as it is good. */
static bool
read_step(struct claims_read *r, struct jscan *s, struct level *levels,
          enum jscan_step step)
{
    struct level *here = &levels[s->depth];

    switch (step) {
    case JSCAN_OBJECT:
    case JSCAN_LIST:
        return read_open(r, s, levels, step == JSCAN_OBJECT);
    case JSCAN_KEY:
        return read_key(r, s, here);
    case JSCAN_OBJECT_END:
        jscan_keys_close(&r->keys, s);
        return true;
    case JSCAN_LIST_END:
        return true;
    case JSCAN_STRING:
        return read_add(r, s, here->name, CLAIM_TEXT, s->depth);
    case JSCAN_WHOLE:
        return read_add(r, s, here->name, CLAIM_WHOLE, s->depth);
    case JSCAN_REAL:
        return read_add(r, s, here->name, CLAIM_REAL, s->depth);
    case JSCAN_TRUE:
    case JSCAN_FALSE:
        s->text = slice_of(step == JSCAN_TRUE ? "true" : "false");
        return read_add(r, s, here->name, CLAIM_BOOL, s->depth);
    case JSCAN_NULL:
        return read_add(r, s, here->name, CLAIM_NULL, s->depth);
    default:
        return false;
    }
}

bool
claims_read(struct claims_read *r, uint8_t *text, size_t n)
{
    struct level levels[CLAIMS_DEPTH_MAX + 2] = { 0 };
    enum jscan_step step;
    struct jscan s;

    r->n = r->kept = r->bytes = r->names_n = 0;
    jscan_keys_init(&r->keys);
    jscan_init(&s, text, n);
    if (jscan_next(&s) != JSCAN_OBJECT)
        return false;
    jscan_keys_open(&r->keys, &s);
    while ((step = jscan_next(&s)) != JSCAN_DONE)
        if (!read_step(r, &s, levels, step))
            return false;
    return true;
}

const struct claim_read *
claims_read_get(const struct claims_read *r, const char *name)
{
    struct slice want = slice_of(name);

    for (size_t i = 0; i < r->n; i++)
        if (slice_eq(r->v[i].name, want))
            return &r->v[i];
    return NULL;
}

/* ---- claims ---- */

static struct slice
text_put(char **at, struct slice s)
{
    char *start = *at;

    memcpy(start, s.p, s.n);
    *at += s.n;
    return slice_make(start, s.n);
}

struct claims
claims_make(const struct claims_read *r, struct claim *room, char *text)
{
    char *at = text;
    size_t n = 0;

    for (size_t i = 0; i < r->n; i++) {
        const struct claim_read *c = &r->v[i];

        if (c->kind >= CLAIM_NULL)
            continue;
        room[n].name = read_shares(r, c) ? room[n - 1].name : text_put(&at, c->name);
        room[n++].value = text_put(&at, c->value);
    }
    assert(n == r->kept && at == text + r->bytes);
    return (struct claims){ .n = n, .v = room };
}

const struct claim *
claims_find(const struct claims *c, struct slice name, size_t *at)
{
    while (c && *at < c->n) {
        const struct claim *one = &c->v[(*at)++];

        if (slice_eq(one->name, name))
            return one;
    }
    return NULL;
}

bool
claims_has(const struct claims *c, struct slice name, struct slice value)
{
    const struct claim *one;
    size_t at = 0;

    while ((one = claims_find(c, name, &at)))
        if (slice_eq(one->value, value))
            return true;
    return false;
}
