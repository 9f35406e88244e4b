/* SPDX-License-Identifier: Apache-2.0 */
/* main/ctl_known.h - names that somebody gave, beside those that the proxy has: a filter by a
 * misspelt name would show nothing, and tail would wait for ever. Main thread. */
#ifndef OUTRIGGER_MAIN_CTL_KNOWN_H
#define OUTRIGGER_MAIN_CTL_KNOWN_H

struct ctl_args;
struct json_t;
struct strbuf;

/* A line on stderr for the pool and the listener that were given and that the proxy does not
 * have now. Nothing when it cannot be asked; what is asked next tells that. */
void ctl_known_note(const struct ctl_args *a);
/* The line for one name, from an answer of /stats.json; nothing is added when it is there.
 * kind: "pool" or "listener". Pure. */
void ctl_known_line(const struct json_t *stats, const char *kind, const char *name,
                    struct strbuf *out);

#endif
