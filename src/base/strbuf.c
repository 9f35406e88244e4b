/* SPDX-License-Identifier: Apache-2.0 */
/* base/strbuf.c - text that doubles its room up to a cap; after the first cut nothing
 * more is added, so that the result is always a true beginning of the full text. */
#include "base/strbuf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"

enum { STRBUF_FIRST_ROOM = 128 };

void
strbuf_init(struct strbuf *b, size_t cap)
{
    *b = (struct strbuf){ .cap = cap };
}

void
strbuf_done(struct strbuf *b)
{
    free(b->s);
    strbuf_init(b, b->cap);
}

/* Makes place for up to n more bytes and the NUL; returns how many of n fit. */
static size_t
strbuf_reserve(struct strbuf *b, size_t n)
{
    size_t fits = b->cap - b->len;

    if (b->cut)
        n = 0;
    else if (n > fits) {
        n = fits;
        b->cut = true;
    }
    if (!b->s || b->room - b->len - 1 < n) {
        size_t room = b->room ? b->room * 2 : STRBUF_FIRST_ROOM;

        if (room < b->len + n + 1)
            room = b->len + n + 1;
        b->s = xrealloc(b->s, room);
        b->room = room;
        b->s[b->len] = '\0';
    }
    return n;
}

void
strbuf_add(struct strbuf *b, const char *s, size_t n)
{
    n = strbuf_reserve(b, n);
    if (n == 0)
        return;
    memcpy(b->s + b->len, s, n);
    b->len += n;
    b->s[b->len] = '\0';
}

void
strbuf_puts(struct strbuf *b, const char *s)
{
    strbuf_add(b, s, strlen(s));
}

void
strbuf_vprintf(struct strbuf *b, const char *fmt, va_list ap)
{
    char small[256];
    va_list again;

    va_copy(again, ap);

    int n = vsnprintf(small, sizeof(small), fmt, ap);

    if (n < 0)
        b->cut = true; /* a broken format: told, not hidden */
    else if ((size_t)n < sizeof(small))
        strbuf_add(b, small, (size_t)n);
    else {
        size_t fits = strbuf_reserve(b, (size_t)n);

        if (fits > 0) {
            vsnprintf(b->s + b->len, fits + 1, fmt, again);
            b->len += fits;
        }
    }
    va_end(again);
}

void
strbuf_printf(struct strbuf *b, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    strbuf_vprintf(b, fmt, ap);
    va_end(ap);
}

char *
strbuf_steal(struct strbuf *b)
{
    char *s = b->s ? b->s : xstrdup("");

    strbuf_init(b, b->cap);
    return s;
}
