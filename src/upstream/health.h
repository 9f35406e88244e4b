/* SPDX-License-Identifier: Apache-2.0 */
/* upstream/health.h - the active checks of one pool: one probe per backend for all
 * workers, on the main loop. Verdicts go out by hub_mark. Main thread only. */
#ifndef OUTRIGGER_UPSTREAM_HEALTH_H
#define OUTRIGGER_UPSTREAM_HEALTH_H

struct backend;
struct hub;
struct strbuf;

/* Checks the backends of this hub for as long as it lives, if its config says so. Called
 * by hub_new, before the first list. */
void health_attach(struct hub *hub);
/* Adds the members of a JSON object about the last check of b ("type", "text", "ageMs",
 * ...) with its braces, or null when it is not checked. */
void health_print(const struct hub *hub, const struct backend *b, struct strbuf *out);
/* "SERVING by Watch, 2 s ago"; nothing when it is not checked or was not yet. */
void health_text(const struct hub *hub, const struct backend *b, struct strbuf *out);

#endif
