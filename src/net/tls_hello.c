/* SPDX-License-Identifier: Apache-2.0 */
/* net/tls_hello.c - see tls_hello.h */
#include "net/tls_hello.h"

#include <string.h>

enum { OTHERS_ROOM = 80, NAME_HEAD = 5 };

static size_t
u16(const uint8_t *p)
{
    return (size_t)p[0] << 8 | p[1];
}

bool
hello_sni(const uint8_t *p, size_t n, char ret[TLS_NAME_MAX + 1])
{
    size_t len;

    /* u16 of the list, u8 kind 0 (host name), u16 of the name; there is never a second one */
    if (n <= NAME_HEAD || u16(p) != n - 2 || p[2] != 0)
        return false;
    len = u16(p + 3);
    if (len != n - NAME_HEAD)
        return false;
    p += NAME_HEAD;
    if (p[len - 1] == '.')
        len--;
    if (len == 0 || len > TLS_NAME_MAX)
        return false;
    for (size_t i = 0; i < len; i++) {
        if (p[i] <= ' ' || p[i] >= 0x7f || p[i] == '*')
            return false;
        ret[i] = (char)(p[i] >= 'A' && p[i] <= 'Z' ? p[i] + 32 : p[i]);
    }
    ret[len] = '\0';
    return true;
}

static void
others_add(char *others, size_t *used, const uint8_t *p, size_t n)
{
    if (*used + n + 3 > OTHERS_ROOM)
        return;
    if (*used > 0) {
        others[(*used)++] = ',';
        others[(*used)++] = ' ';
    }
    for (size_t i = 0; i < n; i++)
        others[(*used)++] = (char)(p[i] > ' ' && p[i] < 0x7f ? p[i] : '?');
    others[*used] = '\0';
}

enum hello_alpn
hello_alpn(const uint8_t *p, size_t n, char others[80])
{
    size_t used = 0;
    bool h2 = false;

    others[0] = '\0';
    if (n < 4 || u16(p) != n - 2)
        return HELLO_ALPN_BAD;
    for (size_t i = 2; i < n; i += 1 + (size_t)p[i]) {
        size_t len = p[i];

        if (len == 0 || len > n - i - 1)
            return HELLO_ALPN_BAD;
        h2 |= len == 2 && memcmp(p + i + 1, "h2", 2) == 0;
        others_add(others, &used, p + i + 1, len);
    }
    return h2 ? HELLO_ALPN_H2 : HELLO_ALPN_OTHERS;
}
