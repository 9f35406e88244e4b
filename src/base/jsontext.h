/* SPDX-License-Identifier: Apache-2.0 */
/* base/jsontext.h - text as a JSON string, for output that we write ourselves. Any thread. */
#ifndef OUTRIGGER_BASE_JSONTEXT_H
#define OUTRIGGER_BASE_JSONTEXT_H

struct strbuf;

/* Adds text between quotes. Quotes, backslashes and control characters are escaped; bytes
 * that are not ASCII become U+00xx by their value, so that the result is always valid JSON
 * whatever a peer sent. */
void json_text_add(struct strbuf *out, const char *text);

#endif
