/* SPDX-License-Identifier: Apache-2.0 */
/* filter/fault_header.c */
#include "filter/fault_header.h"

#include "base/compat.h"
#include "base/slice.h"
#include "grpc/status.h"
#include "h2/edit.h"

enum { DELAY_MAX_MS = 24 * 3600 * 1000, HTTP_MIN = 200, HTTP_MAX = 599 };

enum wish {
    WISH_DELAY,
    WISH_DELAY_PERCENT,
    WISH_ABORT_GRPC,
    WISH_ABORT_HTTP,
    WISH_ABORT_PERCENT,
    WISHES
};

static const struct {
    const char *name; /* behind the prefix */
    int64_t min, max;
} wishes[WISHES] = {
    [WISH_DELAY] = { "delay-request", 0, DELAY_MAX_MS },
    [WISH_DELAY_PERCENT] = { "delay-request-percentage", 0, 100 },
    [WISH_ABORT_GRPC] = { "abort-grpc-request", 0, GRPC_CODE_COUNT - 1 },
    [WISH_ABORT_HTTP] = { "abort-request", HTTP_MIN, HTTP_MAX },
    [WISH_ABORT_PERCENT] = { "abort-request-percentage", 0, 100 },
};

static const char *const prefixes[] = { "x-outrigger-fault-", "x-envoy-fault-" };

/* The name behind one of the prefixes, by its number; -1: none. */
static int
prefix_find(const struct h2_entry *e, struct slice *ret_rest)
{
    struct slice name = slice_make(e->f.name, e->f.namelen);

    for (unsigned i = 0; i < ARRAY_LEN(prefixes); i++) {
        if (slice_starts(name, prefixes[i])) {
            *ret_rest =
                slice_make(name.p + strlen(prefixes[i]), name.n - strlen(prefixes[i]));
            return (int)i;
        }
    }
    return -1;
}

/* Decimal digits alone. -1: anything else. */
static int64_t
number_read(struct slice s, int64_t min, int64_t max)
{
    int64_t v = 0;

    if (s.n == 0 || s.n > 9)
        return -1;
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] < '0' || s.p[i] > '9')
            return -1;
        v = 10 * v + (s.p[i] - '0');
    }
    return v >= min && v <= max ? v : -1;
}

/* All that one prefix says. */
struct said {
    int64_t v[WISHES]; /* -1: nothing, or nothing that counts */
    bool seen[WISHES];
};

static void
said_add(struct said *s, struct slice name, const struct h2_entry *e)
{
    for (unsigned i = 0; i < WISHES; i++) {
        if (!slice_eq_str(name, wishes[i].name))
            continue;
        s->v[i] = s->seen[i] ? -1
                             : number_read(slice_make(e->f.value, e->f.valuelen),
                                           wishes[i].min, wishes[i].max);
        s->seen[i] = true;
    }
}

static int64_t
said_get(const struct said said[], enum wish w)
{
    return said[0].v[w] >= 0 ? said[0].v[w] : said[1].v[w];
}

static void
wish_make(const struct said said[], struct fault_wish *ret)
{
    int64_t http = said_get(said, WISH_ABORT_HTTP);

    ret->delay_ms = said_get(said, WISH_DELAY);
    ret->delay_percent = (int)said_get(said, WISH_DELAY_PERCENT);
    ret->abort_percent = (int)said_get(said, WISH_ABORT_PERCENT);
    ret->code = (int)said_get(said, WISH_ABORT_GRPC);
    if (ret->code < 0 && http >= 0)
        ret->code = (int)grpc_code_from_http((int)http);
}

/* Takes the fields out; their names begin with a prefix. */
static void
fields_remove(struct h2_headers *h)
{
    struct slice rest;

    for (unsigned i = 0; i < h->n;) {
        const struct h2_field *f = &h->v[i].f;

        if (prefix_find(&h->v[i], &rest) < 0)
            i++;
        else
            h2_headers_remove(h, slice_make(f->name, f->namelen));
    }
}

bool
fault_header_take(struct h2_headers *h, struct fault_wish *ret)
{
    static const struct said nothing = { .v = { -1, -1, -1, -1, -1 } };
    struct said said[] = { nothing, nothing };
    bool any = false;

    _Static_assert(WISHES == 5 && ARRAY_LEN(prefixes) == 2, "said begins with nothing");
    for (unsigned i = 0; i < h->n; i++) {
        struct slice rest;
        int p = prefix_find(&h->v[i], &rest);

        if (p < 0)
            continue;
        said_add(&said[p], rest, &h->v[i]);
        any = true;
    }
    wish_make(said, ret);
    if (any)
        fields_remove(h);
    return any;
}
