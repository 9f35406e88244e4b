/* SPDX-License-Identifier: Apache-2.0 */
/* conf/env.h - ${NAME} and ${NAME:-default} inside strings of the config file.
 * Done after parsing, so that the value of a variable can never add keys. Loading
 * thread. */
#ifndef OUTRIGGER_CONF_ENV_H
#define OUTRIGGER_CONF_ENV_H

#include "base/compat.h"

struct strbuf;

/* Adds `text` with its variables put in; `$${` stands for a plain `${`. A value is not
 * looked at again. The default is used when the variable is unset or empty, as in a
 * shell. ERR_SYNTAX: *why gets a plain sentence. */
int env_expand(const char *text, struct strbuf *out, struct strbuf *why) MUST_CHECK;
/* Adds `text` so that env_expand gives it back unchanged. */
void env_escape(const char *text, struct strbuf *out);

#endif
