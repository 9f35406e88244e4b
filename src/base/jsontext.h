/* SPDX-License-Identifier: Apache-2.0 */
/* base/jsontext.h - text as a JSON string, for output that we write ourselves. Any thread. */
#ifndef OUTRIGGER_BASE_JSONTEXT_H
#define OUTRIGGER_BASE_JSONTEXT_H

struct strbuf;

/* Adds text between quotes. Quotes, backslashes and control characters are escaped, and all
 * that is not ASCII is written as \u escapes; bytes that are no UTF-8 become U+00xx by their
 * value. So the result is always valid JSON, and plain ASCII, whatever a peer sent. */
void json_text_add(struct strbuf *out, const char *text);

#endif
