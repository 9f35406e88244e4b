/* SPDX-License-Identifier: Apache-2.0 */
/* grpc/path.c - one table look-up per byte of the path. */
#include "grpc/path.h"

#include <string.h>

#include "base/err.h"

/* Bytes that service and method names may have. */
static const bool path_legal[256] = {
    ['A' ... 'Z'] = true, ['a' ... 'z'] = true, ['0' ... '9'] = true,
    ['_'] = true,         ['.'] = true,         ['-'] = true,
};

/* Length of the run of legal bytes at p. */
static size_t
path_word_len(const uint8_t *p, const uint8_t *end)
{
    const uint8_t *at = p;

    while (at < end && path_legal[*at])
        at++;
    return (size_t)(at - p);
}

int
path_split(struct slice path, struct slice *ret_service, struct slice *ret_method)
{
    const uint8_t *end = path.p + path.n, *service = path.p + 1, *method;
    size_t service_n, method_n;

    if (path.n < 4 || path.p[0] != '/')
        return ERR_SYNTAX;
    service_n = path_word_len(service, end);
    if (service_n == 0 || service + service_n == end || service[service_n] != '/')
        return ERR_SYNTAX;
    method = service + service_n + 1;
    method_n = path_word_len(method, end);
    if (method_n == 0 || method + method_n != end)
        return ERR_SYNTAX;
    *ret_service = slice_make(service, service_n);
    *ret_method = slice_make(method, method_n);
    return 0;
}

bool
content_type_is_grpc(struct slice value)
{
    static const char want[] = "application/grpc";
    const size_t n = sizeof(want) - 1;

    if (value.n < n)
        return false;
    if (memcmp(value.p, want, n) == 0) /* what every client sends */
        return value.n == n || value.p[n] == '+' || value.p[n] == ';';
    for (size_t i = 0; i < n; i++) {
        uint8_t c = value.p[i];

        if (c >= 'A' && c <= 'Z')
            c |= 0x20;
        if (c != (uint8_t)want[i])
            return false;
    }
    return value.n == n || value.p[n] == '+' || value.p[n] == ';';
}
