/* SPDX-License-Identifier: Apache-2.0 */
/* filter/jose.c */
#include "filter/jose.h"

#include "base/base64.h"
#include "base/jscan.h"

/* What the header says. */
struct header {
    bool has_alg, extended; /* something must be understood that we do not know */
    int alg;                /* below 0: none of ours */
};

/* The value of one member; false: the token is malformed. */
static bool
header_take(struct header *h, struct slice key, enum jscan_step step, struct slice text,
            struct jose *j)
{
    if (slice_eq_str(key, "alg")) {
        h->has_alg = step == JSCAN_STRING;
        h->alg = h->has_alg ? sig_alg_find(text) : -1;
        return h->has_alg;
    }
    if (slice_eq_str(key, "kid")) {
        if (step != JSCAN_STRING || text.n > JOSE_KID_MAX)
            return false;
        memcpy(j->kid, text.p, text.n);
        j->kid_n = (uint16_t)text.n;
        j->has_kid = true;
    }
    /* RFC 7515 4.1.11 and RFC 7797: we know no extension, and only payloads in base64. */
    if (slice_eq_str(key, "crit") || (slice_eq_str(key, "b64") && step != JSCAN_TRUE))
        h->extended = true;
    return true;
}

/* One object, in which no key stands twice. */
static bool
header_read(struct header *h, uint8_t *text, size_t n, struct jose *j)
{
    UNINITIALIZED struct jscan_keys keys;
    struct jscan s;
    enum jscan_step step;

    jscan_init(&s, text, n);
    if (jscan_next(&s) != JSCAN_OBJECT)
        return false;
    jscan_keys_init(&keys);
    jscan_keys_open(&keys, &s);
    while ((step = jscan_next(&s)) == JSCAN_KEY) {
        struct slice key = s.text;

        if (!jscan_keys_add(&keys, &s))
            return false;
        step = jscan_next(&s);
        if (step == JSCAN_BAD || !header_take(h, key, step, s.text, j))
            return false;
        if ((step == JSCAN_OBJECT || step == JSCAN_LIST) && !jscan_skip(&s, &keys))
            return false;
    }
    return step == JSCAN_OBJECT_END && jscan_next(&s) == JSCAN_DONE;
}

static enum jwt_result
header_parse(struct slice text, unsigned algs, struct jose *j)
{
    struct header h = { .alg = -1 };
    long n = base64url_decode(text, j->room); /* its place is used again */

    if (n < 0 || !header_read(&h, j->room, (size_t)n, j) || !h.has_alg)
        return JWT_MALFORMED;
    if (h.alg < 0 || !(algs & SIG_BIT(h.alg)))
        return JWT_ALGORITHM;
    if (h.extended)
        return JWT_EXTENSION;
    j->alg = (enum sig_alg)h.alg;
    return JWT_OK;
}

enum jwt_result
jose_parse(struct slice token, unsigned algs, struct jose *ret)
{
    const uint8_t *end = token.p + token.n;
    const uint8_t *first, *second;
    enum jwt_result r;
    long n, m;

    if (token.n > JOSE_TOKEN_MAX)
        return JWT_TOO_LARGE;
    first = token.n > 0 ? memchr(token.p, '.', token.n) : NULL;
    second = first ? memchr(first + 1, '.', (size_t)(end - first - 1)) : NULL;
    if (!second || memchr(second + 1, '.', (size_t)(end - second - 1)))
        return JWT_MALFORMED;
    ret->has_kid = false;
    ret->kid_n = 0;
    r = header_parse(slice_make(token.p, (size_t)(first - token.p)), algs, ret);
    if (r != JWT_OK)
        return r;
    ret->input = slice_make(token.p, (size_t)(second - token.p));
    ret->payload_text = slice_make(first + 1, (size_t)(second - first - 1));
    n = base64url_decode(ret->payload_text, ret->room);
    if (n <= 0)
        return JWT_MALFORMED;
    m = base64url_decode(slice_make(second + 1, (size_t)(end - second - 1)),
                         ret->room + n);
    if (m <= 0)
        return JWT_MALFORMED;
    ret->payload = slice_make(ret->room, (size_t)n);
    ret->signature = slice_make(ret->room + n, (size_t)m);
    return JWT_OK;
}
