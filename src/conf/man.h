/* SPDX-License-Identifier: Apache-2.0 */
/* conf/man.h - the part of the man page that lists all keys, in mdoc, from the rows.
 * Pure functions; any thread. */
#ifndef OUTRIGGER_CONF_MAN_H
#define OUTRIGGER_CONF_MAN_H

struct conf_struct;
struct strbuf;

/* Adds one .Ss section per object. */
void conf_print_man(const struct conf_struct *root, struct strbuf *out);
/* Adds text so that mdoc shows it as it is. */
void man_put_text(struct strbuf *out, const char *text);

#endif
