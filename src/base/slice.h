/* SPDX-License-Identifier: Apache-2.0 */
/* base/slice.h - bytes that somebody else owns: a pointer and a length, no NUL at the
 * end. Whatever comes from the wire is a slice, never a C string.  Pure values; any
 * thread. */
#ifndef OUTRIGGER_BASE_SLICE_H
#define OUTRIGGER_BASE_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct slice {
    const uint8_t *p;
    size_t n;
};

/* A slice over a C string (without its NUL). NULL gives the empty slice. */
static inline struct slice
slice_of(const char *s)
{
    return (struct slice){ .p = (const uint8_t *)s, .n = s ? strlen(s) : 0 };
}

static inline struct slice
slice_make(const void *p, size_t n)
{
    return (struct slice){ .p = p, .n = n };
}

static inline bool
slice_eq(struct slice a, struct slice b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

static inline bool
slice_eq_str(struct slice a, const char *s)
{
    return slice_eq(a, slice_of(s));
}

static inline bool
slice_starts(struct slice a, const char *prefix)
{
    size_t n = strlen(prefix);

    return a.n >= n && memcmp(a.p, prefix, n) == 0;
}

#endif
