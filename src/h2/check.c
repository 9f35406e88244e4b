/* SPDX-License-Identifier: Apache-2.0 */
/* h2/check.c - what a header block must be (RFC 9113 8.1-8.3): these rules stop request smuggling, so they have no switch. */
#include <string.h>

#include "h2/conn_int.h"

/* Bytes of a field name: the token characters of RFC 9110 5.6.2 without capitals. */
static const bool name_legal[256] = {
    ['a' ... 'z'] = true, ['0' ... '9'] = true, ['!'] = true,  ['#'] = true, ['$'] = true,
    ['%'] = true,         ['&'] = true,         ['\''] = true, ['*'] = true, ['+'] = true,
    ['-'] = true,         ['.'] = true,         ['^'] = true,  ['_'] = true, ['`'] = true,
    ['|'] = true,         ['~'] = true,
};

enum header_fault
check_name(const uint8_t *p, size_t n)
{
    if (n == 0)
        return HEADER_ILLEGAL;
    for (size_t i = 0; i < n; i++) {
        if (!name_legal[p[i]])
            return p[i] >= 'A' && p[i] <= 'Z' ? HEADER_MALFORMED : HEADER_ILLEGAL;
    }
    return HEADER_GOOD;
}

/* True when one of the 8 bytes is below `low` (at most 0x80) or is 0x7f. */
static bool
check_word_bad(uint64_t x, uint64_t low)
{
    const uint64_t ones = 0x0101010101010101u, tops = 0x8080808080808080u;
    uint64_t del = x ^ (ones * 0x7f);

    return ((((x - ones * low) & ~x) | ((del - ones) & ~del)) & tops) != 0;
}

/* The same for n bytes, 8 at a time; the last word may overlap the one before. */
static bool
check_bytes_bad(const uint8_t *p, size_t n, uint64_t low)
{
    uint64_t x = 0;

    if (n < 8) {
        for (size_t i = 0; i < n; i++) {
            if (p[i] < low || p[i] == 0x7f)
                return true;
        }
        return false;
    }
    for (size_t i = 0; i + 8 <= n; i += 8) {
        memcpy(&x, p + i, 8);
        if (check_word_bad(x, low))
            return true;
    }
    memcpy(&x, p + n - 8, 8);
    return check_word_bad(x, low);
}

/* Visible characters, inner spaces and tabs, and bytes from 0x80 on. */
bool
check_value(const uint8_t *p, size_t n)
{
    if (n == 0)
        return true;
    if (p[0] == ' ' || p[0] == '\t' || p[n - 1] == ' ' || p[n - 1] == '\t')
        return false;
    if (!check_bytes_bad(p, n, 0x20))
        return true;
    for (size_t i = 0; i < n; i++) { /* a tab, or illegal */
        if ((p[i] < 0x20 && p[i] != '\t') || p[i] == 0x7f)
            return false;
    }
    return true;
}

static bool
check_pseudo_allowed(enum h2_side side, enum h2_token token)
{
    if (side == H2_UP)
        return token == H2_TOKEN_STATUS;
    return token == H2_TOKEN_METHOD || token == H2_TOKEN_SCHEME ||
           token == H2_TOKEN_PATH || token == H2_TOKEN_AUTHORITY;
}

enum header_fault
check_field(const struct h2_headers *h, enum h2_side side, bool trailers,
            const nghttp2_nv *nv, enum h2_token token, bool legal)
{
    if (nv->namelen > 0 && nv->name[0] == ':') {
        if (trailers || h->regular || h->first[token] ||
            !check_pseudo_allowed(side, token) ||
            (!legal && check_bytes_bad(nv->value, nv->valuelen, 0x21)))
            return HEADER_MALFORMED;
        return HEADER_GOOD;
    } else {
        enum header_fault fault = token == H2_TOKEN_OTHER && !legal
                                      ? check_name(nv->name, nv->namelen)
                                      : HEADER_GOOD;

        if (fault != HEADER_GOOD)
            return fault;
        if (token == H2_TOKEN_HOP)
            return HEADER_MALFORMED;
        if (token == H2_TOKEN_TE &&
            (nv->valuelen != 8 || memcmp(nv->value, "trailers", 8) != 0))
            return HEADER_MALFORMED;
    }
    return legal || check_value(nv->value, nv->valuelen) ? HEADER_GOOD : HEADER_ILLEGAL;
}

static bool
check_status(struct slice v)
{
    return v.n == 3 && v.p[0] >= '1' && v.p[0] <= '9' && v.p[1] >= '0' && v.p[1] <= '9' &&
           v.p[2] >= '0' && v.p[2] <= '9' && memcmp(v.p, "101", 3) != 0;
}

bool
check_block(const struct h2_headers *h, enum h2_side side)
{
    if (h->malformed)
        return false;
    if (h->over || h->invalid)
        return true; /* not all fields are there; the owner refuses it with better words */
    if (side == H2_UP)
        return check_status(h2_headers_get(h, H2_TOKEN_STATUS));
    return h2_headers_get(h, H2_TOKEN_METHOD).n && h2_headers_get(h, H2_TOKEN_SCHEME).n &&
           h2_headers_get(h, H2_TOKEN_PATH).n;
}

bool
check_length(const struct h2_headers *h, int64_t *ret_length)
{
    struct slice v = h2_headers_get(h, H2_TOKEN_CONTENT_LENGTH);
    int64_t n = 0;

    *ret_length = -1;
    if (!v.p)
        return true;
    if (v.n == 0 || v.n > 18 || h2_headers_has_twice(h, H2_TOKEN_CONTENT_LENGTH))
        return false;
    for (size_t i = 0; i < v.n; i++) {
        if (v.p[i] < '0' || v.p[i] > '9')
            return false;
        n = n * 10 + (v.p[i] - '0');
    }
    *ret_length = n;
    return true;
}
