/* SPDX-License-Identifier: Apache-2.0 */
/* main/leave.h - listeners that the config does not have any more: the socket is closed, clients get the two-step GOAWAY and drain.timeout to end their
 * calls; when the last connection is gone, so is the listener. Main thread only. */
#ifndef OUTRIGGER_MAIN_LEAVE_H
#define OUTRIGGER_MAIN_LEAVE_H

struct live_server;
struct process;
struct server;
struct timer;

/* server was in the config before. Its workers hear of it before any swap that is posted later. */
void leave_begin(struct process *p, struct server *server);
/* A listener that was opened and never set or started is closed and freed. */
void leave_unstarted(struct process *p, struct server *server);
/* The listener; NULL: workers are told to forget it, so it is freed when they have, and nobody may ask them about it any more. */
struct server *leave_server(const struct live_server *l);
/* process->leave_timer */
void leave_on_timer(struct timer *t);
/* After the workers ended. */
void leave_free(struct process *p);

#endif
