/* SPDX-License-Identifier: Apache-2.0 */
/* conf/redact.h - JSON text without its secrets, to be shown or sent to somebody: a config, or a page with parts of one. It goes by the names of keys, so it knows
 * headers that a config sets as well as keys of its own. Pure. */
#ifndef OUTRIGGER_CONF_REDACT_H
#define OUTRIGGER_CONF_REDACT_H

#include <stdbool.h>
#include <stddef.h>

struct strbuf;

#define CONF_REDACTED "(redacted)"

/* Adds json (well-formed, ours) with CONF_REDACTED in the place of each string whose key is secret, and of all strings within an object or a list of such a key. */
void conf_redact(const char *json, struct strbuf *out);
/* What others may see of a header that a config sends: value, or CONF_REDACTED. "%{san}" is a variable and nothing else, so nobody's secret. told: it goes to
 * clients, so only a header with a secret's name is hidden. */
const char *conf_header_shown(const char *name, const char *value, bool told);
/* Adds a URL as a JSON string without user, password, query and fragment; text that begins with { is hidden as a whole. */
void conf_redact_url(const char *url, struct strbuf *out);
/* The same as plain text, for a line of the log; query and fragment are left out. */
void conf_redact_url_text(const char *url, struct strbuf *out);
/* "password", "authorization", "x-api-key", "session-token" ... but not a file's name, as in "tokenFile". */
bool conf_key_is_secret(const char *key);

#endif
