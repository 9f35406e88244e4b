/* SPDX-License-Identifier: Apache-2.0 */
/* proxy/matcher_header.c - the value of a header in a call, and whether it fits one rule. */

#include <stdlib.h>
#include <string.h>

#include "base/base64.h"
#include "base/err.h"
#include "h2/headers.h"
#include "proxy/matcher_int.h"

static bool
field_has_name(const struct h2_field *f, struct slice name)
{
    return f->namelen == name.n && memcmp(f->name, name.p, name.n) == 0;
}

static enum header_seen
header_search(const struct h2_headers *h, struct slice name, struct slice *ret)
{
    enum header_seen seen = HEADER_MISSING;

    for (unsigned i = 0; h && i < h->n; i++) {
        const struct h2_field *f = &h->v[i].f;

        if (!field_has_name(f, name))
            continue;
        if (seen == HEADER_ONE)
            return HEADER_SEVERAL;
        *ret = slice_make(f->value, f->valuelen);
        seen = HEADER_ONE;
    }
    return seen;
}

enum header_seen
header_see(struct match_search *s, struct slice name, uint8_t number, struct slice *ret)
{
    enum header_seen seen;

    if (number >= MATCH_NAMES_MAX)
        return header_search(s->in->headers, name, ret);
    if (s->seen[number] == HEADER_UNKNOWN) {
        seen = header_search(s->in->headers, name, &s->values[number]);
        s->seen[number] = (uint8_t)seen;
    }
    if (s->seen[number] == HEADER_ONE)
        *ret = s->values[number];
    return (enum header_seen)s->seen[number];
}

/* Adds one base64 text, decoded. */
static int
join_decoded(struct slice text, uint8_t *room, size_t *n)
{
    long got;

    if (text.n / 4 * 3 + 3 > REGEX_TEXT_MAX - *n)
        return ERR_LIMIT;
    got = base64_decode(text, room + *n);
    if (got < 0)
        return ERR_SYNTAX;
    *n += (size_t)got;
    return ERR_OK;
}

/* gRPC lets several binary values stand in one header with commas between them (grpc-spec
 * 1.4): each is decoded alone. */
static int
join_binary(struct slice value, uint8_t *room, size_t *n)
{
    for (;;) {
        const uint8_t *comma = value.n ? memchr(value.p, ',', value.n) : NULL;
        size_t len = comma ? (size_t)(comma - value.p) : value.n;
        int rc = join_decoded(slice_make(value.p, len), room, n);

        if (rc != ERR_OK || !comma)
            return rc;
        if (*n == REGEX_TEXT_MAX)
            return ERR_LIMIT;
        room[(*n)++] = ',';
        value = slice_make(comma + 1, value.n - len - 1);
    }
}

int
header_join(const struct h2_headers *h, struct slice name, bool bin, uint8_t *room,
            struct slice *ret)
{
    size_t n = 0;
    bool any = false;

    for (unsigned i = 0; i < h->n; i++) {
        const struct h2_field *f = &h->v[i].f;

        if (!field_has_name(f, name))
            continue;
        if (any && n == REGEX_TEXT_MAX)
            return ERR_LIMIT;
        if (any)
            room[n++] = ',';
        any = true;
        if (bin) {
            int rc = join_binary(slice_make(f->value, f->valuelen), room, &n);

            if (rc != ERR_OK)
                return rc;
            continue;
        }
        if (f->valuelen > REGEX_TEXT_MAX - n)
            return ERR_LIMIT;
        memcpy(room + n, f->value, f->valuelen);
        n += f->valuelen;
    }
    *ret = slice_make(room, n);
    return ERR_OK;
}

/* "-12": digits with an optional minus, within int64_t. */
static bool
number_read(struct slice v, int64_t *ret)
{
    bool negative = v.n && v.p[0] == '-';
    uint64_t limit = (uint64_t)INT64_MAX + negative, n = 0;
    size_t i = negative;

    if (i == v.n)
        return false;
    for (; i < v.n; i++) {
        uint64_t digit = (uint64_t)v.p[i] - '0';

        if (v.p[i] < '0' || v.p[i] > '9' || n > (limit - digit) / 10)
            return false;
        n = n * 10 + digit;
    }
    *ret = (int64_t)(negative ? 0 - n : n);
    return true;
}

static bool
value_fits(const struct header_rule *r, struct slice v)
{
    int64_t number;

    switch ((enum header_kind)r->kind) {
    case HEADER_EXACT:
        return slice_eq(v, r->text);
    case HEADER_PREFIX:
        return slice_begins(v, r->text);
    case HEADER_SUFFIX:
        return slice_ends(v, r->text);
    case HEADER_CONTAINS:
        return v.n >= r->text.n && memmem(v.p, v.n, r->text.p, r->text.n);
    case HEADER_ONE_OF:
        return bsearch(&v, r->one_of, r->one_of_count, sizeof v, slice_compare);
    case HEADER_RANGE:
        return number_read(v, &number) && number >= r->from && number < r->to;
    case HEADER_PRESENT:
    case HEADER_REGEX:
        break;
    }
    return false;
}

/* As header_fits; room: REGEX_TEXT_MAX bytes, for values that must be put together. */
static bool
header_fits_in(struct match_search *s, const struct header_rule *r, struct slice v,
               bool join, uint8_t *room)
{
    enum regex_result result;
    int rc = join ? header_join(s->in->headers, r->name, r->bin, room, &v) : ERR_OK;

    if (rc == ERR_OK && r->fold && v.n > REGEX_TEXT_MAX)
        rc = ERR_LIMIT;
    s->in->gave_up += rc == ERR_LIMIT;
    if (rc != ERR_OK)
        return false;
    if (r->fold) {
        for (size_t i = 0; i < v.n; i++)
            room[i] = v.p[i] >= 'A' && v.p[i] <= 'Z' ? v.p[i] | 0x20 : v.p[i];
        v.p = room;
    }
    if (r->kind != HEADER_REGEX)
        return value_fits(r, v) == r->want;
    if (!r->regex || s->in->gave_up >= MATCH_GIVE_UPS_MAX)
        return false;
    result = regex_match(r->regex, v);
    s->in->gave_up += result == REGEX_GAVE_UP;
    return result != REGEX_GAVE_UP && (result == REGEX_YES) == r->want;
}

bool
header_fits(struct match_search *s, const struct header_rule *r)
{
    struct slice v = { 0 };
    enum header_seen seen = header_see(s, r->name, r->number, &v);
    bool join = seen == HEADER_SEVERAL || (r->bin && seen == HEADER_ONE);

    if (r->kind == HEADER_PRESENT)
        return (seen != HEADER_MISSING) == r->want;
    if (seen == HEADER_MISSING && !r->empty)
        return false;
    if (join || r->fold || r->kind == HEADER_REGEX) {
        uint8_t room[REGEX_TEXT_MAX] UNINITIALIZED;

        return header_fits_in(s, r, v, join, room);
    }
    return value_fits(r, v) == r->want;
}
