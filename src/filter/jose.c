/* SPDX-License-Identifier: Apache-2.0 */
/* filter/jose.c */
#include "filter/jose.h"

#include "base/base64.h"
#include "conf/json.h"

/* What the header must not ask for, and who signed. */
static enum jwt_result
header_use(const struct json_t *header, unsigned algs, struct jose *j)
{
    const struct json_t *b64 = jtree_get_raw(header, "b64");
    const struct json_t *kid = jtree_get_raw(header, "kid");
    const char *alg = jtree_get_string(header, "alg", NULL);
    struct slice name;
    int found;

    if (!jtree_is_object(header) || !alg)
        return JWT_MALFORMED;
    found = sig_alg_find(slice_of(alg));
    if (found < 0 || !(algs & SIG_BIT(found)))
        return JWT_ALGORITHM;
    /* RFC 7515 4.1.11 and RFC 7797: we know no extension, and only signed payloads in base64. */
    if (jtree_get_raw(header, "crit") || (b64 && !jtree_bool(b64, false)))
        return JWT_EXTENSION;
    j->alg = (enum sig_alg)found;
    j->has_kid = kid != NULL;
    if (!kid)
        return JWT_OK;
    name = slice_of(jtree_string(kid));
    if (!name.p || name.n > JOSE_KID_MAX)
        return JWT_MALFORMED;
    memcpy(j->kid, name.p, name.n);
    j->kid_n = (uint16_t)name.n;
    return JWT_OK;
}

static enum jwt_result
header_parse(struct slice text, unsigned algs, struct jose *j)
{
    struct jtree_fault fault;
    long n = base64url_decode(text, j->room); /* its place is used again */
    struct json_t *header;
    enum jwt_result r;

    if (n < 0)
        return JWT_MALFORMED;
    header = jtree_read((const char *)j->room, (size_t)n, &fault);
    if (!header)
        return JWT_MALFORMED;
    r = header_use(header, algs, j);
    jtree_free(header);
    return r;
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
