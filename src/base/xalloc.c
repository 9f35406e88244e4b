/* SPDX-License-Identifier: Apache-2.0 */
/* base/xalloc.c - allocations that abort: an error path that is never tested is worse
 * than an end. */
#include "base/xalloc.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/compat.h"

/* No log call here: logging wants memory too. */
static NORETURN void
xalloc_fail(void)
{
    static const char text[] = "outrigger: out of memory, stopping\n";
    ssize_t ignored = write(STDERR_FILENO, text, sizeof(text) - 1);

    (void)ignored;
    abort();
}

void *
xmalloc(size_t n)
{
    void *p = malloc(n ? n : 1);

    if (UNLIKELY(!p))
        xalloc_fail();
    return p;
}

void *
xcalloc(size_t n, size_t size)
{
    void *p = calloc(n ? n : 1, size ? size : 1);

    if (UNLIKELY(!p))
        xalloc_fail();
    return p;
}

void *
xcalloc_aligned(size_t align, size_t size)
{
    size_t n = (size + align - 1) / align * align;
    void *p = aligned_alloc(align, n ? n : align);

    if (UNLIKELY(!p))
        xalloc_fail();
    return memset(p, 0, n);
}

void *
xrealloc(void *old, size_t n)
{
    void *p = realloc(old, n ? n : 1);

    if (UNLIKELY(!p))
        xalloc_fail();
    return p;
}

char *
xstrdup(const char *s)
{
    size_t n = strlen(s) + 1;

    return memcpy(xmalloc(n), s, n);
}

char *
xstrndup(const char *s, size_t n)
{
    size_t len = strnlen(s, n);
    char *copy = xmalloc(len + 1);

    memcpy(copy, s, len);
    copy[len] = '\0';
    return copy;
}

void
xfree(void *p)
{
    free(p);
}
