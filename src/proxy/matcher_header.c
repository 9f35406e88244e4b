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

static uint8_t
lower(uint8_t c)
{
    return c >= 'A' && c <= 'Z' ? c | 0x20 : c;
}

/* b is in lower case when fold. */
static bool
bytes_same(const uint8_t *a, const uint8_t *b, size_t n, bool fold)
{
    if (!fold)
        return n == 0 || memcmp(a, b, n) == 0;
    for (size_t i = 0; i < n; i++) {
        if (lower(a[i]) != b[i])
            return false;
    }
    return true;
}

/* Looks for a text that may stand anywhere, or for one of several: then the value itself is put
 * into lower case. room: REGEX_TEXT_MAX bytes. */
static bool
value_is_found(const struct header_rule *r, struct slice v, uint8_t *room)
{
    if (r->fold) {
        for (size_t i = 0; i < v.n; i++)
            room[i] = lower(v.p[i]);
        v.p = room;
    }
    if (r->kind == HEADER_ONE_OF)
        return bsearch(&v, r->one_of, r->one_of_count, sizeof v, slice_compare);
    return v.n >= r->text.n && memmem(v.p, v.n, r->text.p, r->text.n);
}

/* For the kinds that cost little. */
static bool
value_fits(const struct header_rule *r, struct slice v)
{
    int64_t number;

    switch ((enum header_kind)r->kind) {
    case HEADER_EXACT:
        return v.n == r->text.n && bytes_same(v.p, r->text.p, v.n, r->fold);
    case HEADER_PREFIX:
        return v.n >= r->text.n && bytes_same(v.p, r->text.p, r->text.n, r->fold);
    case HEADER_SUFFIX:
        return v.n >= r->text.n &&
               bytes_same(v.p + v.n - r->text.n, r->text.p, r->text.n, r->fold);
    case HEADER_RANGE:
        return number_read(v, &number) && number >= r->from && number < r->to;
    case HEADER_CONTAINS:
    case HEADER_ONE_OF:
        return value_is_found(r, v, NULL);
    case HEADER_PRESENT:
    case HEADER_REGEX:
        break;
    }
    return false;
}

/* The values of several fields put together or decoded; the last name's are remembered, since
 * many matches may ask for the same one. */
static int
value_join(struct match_search *s, const struct header_rule *r, struct slice *ret)
{
    int rc;

    if (!s->joined_name.p || !slice_eq(s->joined_name, r->name)) {
        s->joined_name = r->name;
        s->joined_rc =
            header_join(s->in->headers, r->name, r->bin, s->joined_room, &s->joined);
    }
    rc = s->joined_rc;
    s->in->gave_up += rc == ERR_LIMIT;
    *ret = s->joined;
    return rc;
}

static bool
value_fits_regex(struct match_search *s, const struct header_rule *r, struct slice v)
{
    enum regex_result result;

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

    if (r->kind == HEADER_PRESENT)
        return (seen != HEADER_MISSING) == r->want;
    if (seen == HEADER_MISSING && !r->empty)
        return false;
    if ((seen == HEADER_SEVERAL || (r->bin && seen == HEADER_ONE)) &&
        value_join(s, r, &v) != ERR_OK)
        return false;
    if (r->kind == HEADER_REGEX)
        return value_fits_regex(s, r, v);
    if (r->fold && (r->kind == HEADER_CONTAINS || r->kind == HEADER_ONE_OF)) {
        uint8_t room[REGEX_TEXT_MAX] UNINITIALIZED;

        s->in->gave_up += v.n > sizeof(room);
        return v.n <= sizeof(room) && value_is_found(r, v, room) == r->want;
    }
    return value_fits(r, v) == r->want;
}
