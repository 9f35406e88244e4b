/* SPDX-License-Identifier: Apache-2.0 */
/* base/jsontext.c - JSON strings. */
#include "base/jsontext.h"

#include "base/strbuf.h"

void
json_text_add(struct strbuf *out, const char *text)
{
    strbuf_add(out, "\"", 1);
    for (const unsigned char *p = (const unsigned char *)text; *p; p++) {
        if (*p == '"' || *p == '\\')
            strbuf_printf(out, "\\%c", *p);
        else if (*p < 0x20 || *p > 0x7e)
            strbuf_printf(out, "\\u%04x", *p);
        else
            strbuf_add(out, (const char *)p, 1);
    }
    strbuf_add(out, "\"", 1);
}
