/* SPDX-License-Identifier: Apache-2.0 */
/* upstream/outlier.h - passive health of one pool: the main thread's sweep over what the
 * workers tallied (judge.h). Ejection by gRFC A50 and by errors in a row, and the breaker
 * that lets one real call decide. Verdicts go out by hub_mark. Main thread only. */
#ifndef OUTRIGGER_UPSTREAM_OUTLIER_H
#define OUTRIGGER_UPSTREAM_OUTLIER_H

struct backend;
struct hub;
struct strbuf;

/* Watches the backends of this hub for as long as it lives, if its config says so. Called
 * by hub_new, before the first list. */
void outlier_attach(struct hub *hub);
/* An active check of b turned good: its ejection is over, if the config says so. */
void outlier_pardon(struct hub *hub, struct backend *b);
/* Adds a JSON object: how often it was ejected lately, for how long still, the breaker's
 * state; or null when nothing watches b. */
void outlier_print(const struct hub *hub, const struct backend *b, struct strbuf *out);

#endif
