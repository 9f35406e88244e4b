/* SPDX-License-Identifier: Apache-2.0 */
/* main/ctl_status.h - outriggerctl status: one screen that says whether all is well, and
 * what is not. From /stats.json. */
#ifndef OUTRIGGER_MAIN_CTL_STATUS_H
#define OUTRIGGER_MAIN_CTL_STATUS_H

#include <stdbool.h>

struct ctl_args;
struct json_t;
struct strbuf;

enum { CTL_NOT_WELL = 3 }; /* exit code: it answers, and something is wrong */

/* Returns the exit code: 0 well, CTL_NOT_WELL, 1 no answer, 2 wrong use. */
int ctl_status(const struct ctl_args *a);

/* Adds the screen, or the same as one JSON object, for an object of /stats.json. Returns
 * whether all is well: the process is ready, its last reload was not refused, and every pool
 * has an endpoint that may get calls and is not in panic. Pure. */
bool ctl_status_text(const struct json_t *stats, struct strbuf *out);
bool ctl_status_json(const struct json_t *stats, struct strbuf *out);

#endif
