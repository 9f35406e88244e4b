/* SPDX-License-Identifier: Apache-2.0 */
/* conf/mask.h - a config as somebody wrote it, with stars in the place of its secrets, for the message that refuses it. JSON or YAML that need not be well-formed, so this
 * goes by what things look like: the value of a key with a secret's name (redact.h), also when it goes on in the lines below; what stands in "keys" but the names of clients; user,
 * password, query and fragment of a URL; user and password before a host; a set of keys of tokens that stands in a string. It hides too much rather than too little. Pure. */
#ifndef OUTRIGGER_CONF_MASK_H
#define OUTRIGGER_CONF_MASK_H

#include <stdbool.h>
#include <stddef.h>

struct strbuf;

/* Sets hide[i] for each of the n bytes of text that is part of a secret; the others stay as they are. One pass. */
void conf_mask_text(const char *text, size_t n, bool *hide);
/* Adds text with a star for each such byte: a value in a message. A text that begins with { is hidden as a whole. */
void conf_put_masked(const char *text, struct strbuf *out);

#endif
