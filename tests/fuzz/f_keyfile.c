/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzz target: any bytes as a file of API keys. A file that is taken is read here once more in a plainer way, and must say the same. */
#include <string.h>

#include "base/err.h"
#include "base/strbuf.h"
#include "filter/key_set.h"
#include "fuzz.h"

enum { HEX = 2 * SHA256_LEN };

static int
is_space(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

/* 1: a key that the set has; 0: nothing stands there. */
static size_t
check_line(const struct key_set *s, const uint8_t *p, size_t n)
{
    uint8_t hash[SHA256_LEN];
    struct slice client;
    size_t i = 0;

    while (i < n && is_space(p[i]))
        i++;
    while (n > i && is_space(p[n - 1]))
        n--;
    if (i == n || p[i] == '#')
        return 0;
    FUZZ_CHECK(n - i > HEX + 1);
    FUZZ_CHECK(key_hash_read(slice_make(p + i, HEX), hash));
    client = key_set_find(s, hash);
    FUZZ_CHECK(client.p && client.n >= 1 && client.n <= KEY_CLIENT_MAX);
    FUZZ_CHECK(!key_client_refuse(client));
    FUZZ_CHECK(client.n < n - i && memcmp(p + n - client.n, client.p, client.n) == 0);
    FUZZ_CHECK(is_space(p[n - client.n - 1]));
    return 1;
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    struct key_set *s = key_set_new();
    struct strbuf why;
    size_t keys = 0;
    int rv;

    strbuf_init(&why, 1024);
    rv = key_set_read(s, (const char *)bytes, n, &why);
    FUZZ_CHECK((rv == ERR_OK) == (why.len == 0));
    FUZZ_CHECK(rv == ERR_OK || strncmp(why.s, "line ", 5) == 0);
    for (size_t at = 0; rv == ERR_OK && at < n;) {
        const uint8_t *stop = memchr(bytes + at, '\n', n - at);
        size_t len = stop ? (size_t)(stop - (bytes + at)) : n - at;

        keys += check_line(s, bytes + at, len);
        at += len + 1;
    }
    FUZZ_CHECK(rv != ERR_OK || keys == key_set_count(s));
    strbuf_done(&why);
    key_set_free(s);
    return 0;
}
