/* SPDX-License-Identifier: Apache-2.0 */
/* base/jsontext.c - JSON strings. */
#include "base/jsontext.h"

#include <string.h>

#include "base/strbuf.h"
#include "base/utf8.h"

void
json_text_add(struct strbuf *out, const char *text)
{
    const char *plain = text; /* what need not be escaped goes in one piece */
    const char *end = text + strlen(text);

    strbuf_add(out, "\"", 1);
    while (text < end) {
        unsigned char c = (unsigned char)*text;
        char escaped[UTF8_ESCAPED_MAX];
        size_t taken = 1, n;

        if (c >= 0x20 && c <= 0x7e && c != '"' && c != '\\') {
            text++;
            continue;
        }
        strbuf_add(out, plain, (size_t)(text - plain));
        if (c == '"' || c == '\\') {
            strbuf_printf(out, "\\%c", c);
        } else {
            n = utf8_escape((const uint8_t *)text, (size_t)(end - text), escaped, &taken);
            strbuf_add(out, escaped, n);
        }
        text += taken;
        plain = text;
    }
    strbuf_add(out, plain, (size_t)(text - plain));
    strbuf_add(out, "\"", 1);
}
