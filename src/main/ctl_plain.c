/* SPDX-License-Identifier: Apache-2.0 */
/* main/ctl_plain.c - characters are told apart by their code points. */
#include "main/ctl_plain.h"

#include <stdbool.h>

#include "base/strbuf.h"
#include "base/utf8.h"

/* Of a sequence that is well-formed. */
static uint32_t
code_point(const uint8_t *p, size_t n)
{
    static const uint8_t first[] = { 0, 0x7f, 0x1f, 0x0f, 0x07 };
    uint32_t c = p[0] & first[n];

    for (size_t i = 1; i < n; i++)
        c = c << 6 | (p[i] & 0x3f);
    return c;
}

static bool
is_harmless(uint32_t c)
{
    if (c < 0x20)
        return c == '\n' || c == '\t';
    if (c >= 0x7f && c < 0xa0)
        return false;
    /* Marks, embeddings, overrides and isolates of Unicode's bidirectional text; lines and paragraphs. */
    return !(c == 0x200e || c == 0x200f || c == 0x61c || (c >= 0x2028 && c <= 0x202e) ||
             (c >= 0x2066 && c <= 0x2069));
}

void
ctl_plain_add(struct strbuf *out, const char *text, size_t n)
{
    const uint8_t *p = (const uint8_t *)text;
    size_t i = 0, len;
    char last = '\0';

    for (; i < n; i += len ? len : 1) {
        len = utf8_len(p + i, n - i);
        if (i + (len ? len : 1) > CTL_PLAIN_MAX)
            break;
        if (len > 0 && is_harmless(code_point(p + i, len)))
            strbuf_add(out, text + i, len);
        else
            strbuf_puts(out, "?");
        last = text[i];
    }
    if (last != '\n')
        strbuf_puts(out, "\n");
    if (i < n)
        strbuf_puts(out, "... and more, which is left out\n");
}
