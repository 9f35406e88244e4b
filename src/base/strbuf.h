/* SPDX-License-Identifier: Apache-2.0 */
/* base/strbuf.h - growing text with a cap, always NUL-terminated, for output that we
 * make (config dump, metrics, errors). One thread. */
#ifndef OUTRIGGER_BASE_STRBUF_H
#define OUTRIGGER_BASE_STRBUF_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/compat.h"

struct strbuf {
    char *s; /* never NULL after the first add */
    size_t len, room, cap;
    bool cut; /* something did not fit below cap and was left out */
};

void strbuf_init(struct strbuf *b, size_t cap);
void strbuf_done(struct strbuf *b);
void strbuf_add(struct strbuf *b, const char *s, size_t n);
void strbuf_puts(struct strbuf *b, const char *s);
void strbuf_printf(struct strbuf *b, const char *fmt, ...) PRINTF_LIKE(2, 3);
void strbuf_vprintf(struct strbuf *b, const char *fmt, va_list ap) PRINTF_LIKE(2, 0);
/* the text, to be freed by the caller; b is empty again */
char *strbuf_steal(struct strbuf *b);

#endif
