/* SPDX-License-Identifier: Apache-2.0 */
/* base/jsontext.c - JSON strings. */
#include "base/jsontext.h"

#include "base/strbuf.h"

void
json_text_add(struct strbuf *out, const char *text)
{
    const char *plain = text; /* what need not be escaped goes in one piece */

    strbuf_add(out, "\"", 1);
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;

        if (c >= 0x20 && c <= 0x7e && c != '"' && c != '\\')
            continue;
        strbuf_add(out, plain, (size_t)(text - plain));
        plain = text + 1;
        if (c == '"' || c == '\\')
            strbuf_printf(out, "\\%c", c);
        else
            strbuf_printf(out, "\\u%04x", c);
    }
    strbuf_add(out, plain, (size_t)(text - plain));
    strbuf_add(out, "\"", 1);
}
