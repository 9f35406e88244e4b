/* SPDX-License-Identifier: Apache-2.0 */
/* resolve/unique.c - a table of indexes, open addressing, at most half full. */
#include "resolve/unique.h"

#include <stdint.h>

#include "base/xalloc.h"

size_t
resolved_unique(struct resolved *v, size_t n)
{
    size_t room = 16, kept = 0;
    uint32_t *table; /* index + 1; 0: free */

    while (room < 2 * n)
        room *= 2;
    table = xcalloc(room, sizeof(*table));
    for (size_t i = 0; i < n; i++) {
        size_t at = addr_hash(&v[i].addr, 0) & (room - 1);

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
