/* SPDX-License-Identifier: Apache-2.0 */
/* loop/signal.h - process signals as loop callbacks (main thread only). */
#ifndef OUTRIGGER_LOOP_SIGNAL_H
#define OUTRIGGER_LOOP_SIGNAL_H

struct loop;
struct signal_watch;
struct signal_watch *signal_watch_open(struct loop *l, int signum,
                                       void (*fn)(void *arg, int signum), void *arg);
void signal_watch_close(struct signal_watch *w); /* NULL is fine */

#endif
