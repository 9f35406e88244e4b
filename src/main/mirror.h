/* SPDX-License-Identifier: Apache-2.0 */
/* main/mirror.h - mirrorGoaway: an application that goes away takes the clients of its listener along. A sidecar hides the application's GOAWAY: the pool stops to use the
 * connection, but remote clients stay connected to the proxy and learn of the end only when calls fail (istio issue 57357). So when every endpoint behind an inbound
 * listener goes away by its own word (hub_leaving), the listener's clients get the two-step GOAWAY, over drain.spread, and it is not ready; when one is back,
 * it is ready and new connections stay. New connections are served all the time: a refused one would be an error for a client that
 * knows no other address yet.
 * It looks ten times a second while a listener of the config asks for it, and believes what it saw twice, so that a backend that only renews its connections
 * (max age) is not mistaken for one that leaves. Main thread. */
#ifndef OUTRIGGER_MAIN_MIRROR_H
#define OUTRIGGER_MAIN_MIRROR_H

struct process;
struct timer;

/* A config became the current one. */
void mirror_begin(struct process *p);
/* process->mirror */
void mirror_on_timer(struct timer *t);

#endif
