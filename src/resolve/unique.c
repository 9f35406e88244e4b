/* SPDX-License-Identifier: Apache-2.0 */
/* resolve/unique.c - a table of indexes, open addressing, at most half full. */
#include "resolve/unique.h"

#include <netinet/in.h>
#include <stdint.h>
#include <string.h>

#include "base/xalloc.h"

static uint32_t
hash_bytes(uint32_t h, const void *p, size_t n)
{
    const uint8_t *b = p;

    for (size_t i = 0; i < n; i++)
        h = (h ^ b[i]) * 16777619u; /* FNV-1a */
    return h;
}

/* Only what addr_equal looks at. */
static uint32_t
hash_addr(const struct addr *a)
{
    const struct sockaddr_in *in = (const struct sockaddr_in *)(const void *)&a->sa;
    const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)(const void *)&a->sa;
    const struct sockaddr_un *un = (const struct sockaddr_un *)(const void *)&a->sa;
    uint32_t h = 2166136261u;

    if (a->sa.ss_family == AF_INET) {
        h = hash_bytes(h, &in->sin_port, sizeof(in->sin_port));
        h = hash_bytes(h, &in->sin_addr, sizeof(in->sin_addr));
    } else if (a->sa.ss_family == AF_INET6) {
        h = hash_bytes(h, &in6->sin6_port, sizeof(in6->sin6_port));
        h = hash_bytes(h, &in6->sin6_addr, sizeof(in6->sin6_addr));
    } else {
        h = hash_bytes(h, un->sun_path + 1, strnlen(un->sun_path + 1, 106));
    }
    return h ^ (h >> 15);
}

size_t
resolved_unique(struct resolved *v, size_t n)
{
    size_t room = 16, kept = 0;
    uint32_t *table; /* index + 1; 0: free */

    while (room < 2 * n)
        room *= 2;
    table = xcalloc(room, sizeof(*table));
    for (size_t i = 0; i < n; i++) {
        size_t at = hash_addr(&v[i].addr) & (room - 1);

        while (table[at] && !addr_equal(&v[table[at] - 1].addr, &v[i].addr))
            at = (at + 1) & (room - 1);
        if (table[at])
            continue;
        v[kept] = v[i];
        table[at] = (uint32_t)++kept;
    }
    xfree(table);
    return kept;
}
