/* SPDX-License-Identifier: Apache-2.0 */
/* main/reload.h - the config is loaded again: on SIGHUP, by POST /reload, when the file changed ("watch"). All is read, checked and built before anything
 * changes; what is refused leaves everything as it is, and says why in the log, the counters and /config/status. Main thread only. */
#ifndef OUTRIGGER_MAIN_RELOAD_H
#define OUTRIGGER_MAIN_RELOAD_H

#include "base/compat.h"

struct config_source;
struct process;
struct reload;
struct strbuf;

enum reload_result {
    RELOAD_OK,
    RELOAD_SAME,    /* the config says what it said before */
    RELOAD_REFUSED, /* the old config goes on */
    RELOAD_BUSY, /* workers still apply the last one; this one was put off until they have */
};

/* After the start; p->conf came from this source. */
struct reload *reload_open(struct process *p, const struct config_source *source);
/* Instead, when there is no source (--demo): pages that say so. */
void reload_none_open(struct process *p);
/* Loads now, or as soon as a reload that is under way has ended (of several that wait the last counts: each reads the file afresh). cause: "SIGHUP", for the
 * log. Adds to out what a person should know: one line of what changed, or all problems. */
enum reload_result reload_now(struct reload *r, const char *cause, struct strbuf *out);
void reload_close(struct reload *r); /* before the admin port closes. NULL is fine */

#endif
