/* SPDX-License-Identifier: Apache-2.0 */
/* main/ctl_term.h - the terminal of a program that draws whole screens: alternate screen, no
 * echo, keys at once; and the way back whatever ends the program. One at a time. */
#ifndef OUTRIGGER_MAIN_CTL_TERM_H
#define OUTRIGGER_MAIN_CTL_TERM_H

#include <stdbool.h>
#include <stddef.h>

#include "base/compat.h"

struct strbuf;

/* Standard input and output are terminals. */
bool term_is_there(void);
/* Its size; what the terminal does not say is taken from COLUMNS and LINES, else 80 and 24. */
void term_size(size_t *ret_columns, size_t *ret_lines);
/* The locale says UTF-8. */
bool term_has_utf8(void);
/* Colours are wanted: standard output is a terminal that is not dumb, and NO_COLOR is not
 * set (no-color.org). */
bool term_wants_colour(void);

/* Takes the terminal. ERR_SYS: it cannot be set. From then on also a crash gives it back. */
int term_enter(void) MUST_CHECK;
/* Gives it back as it was. Twice is fine. */
void term_leave(void);
/* Shows the text as the whole screen; lines end with \n. */
void term_draw(const struct strbuf *text);

#endif
