/* SPDX-License-Identifier: Apache-2.0 */
/* main/notify.h - tells a service manager how far this process is: the one-datagram protocol of sd_notify(3), written here so that no
 * library is needed. Without NOTIFY_SOCKET in the environment every call does nothing. Main thread. */
#ifndef OUTRIGGER_MAIN_NOTIFY_H
#define OUTRIGGER_MAIN_NOTIFY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compat.h"

struct addr;
struct loop;
struct notify;
struct worker;

enum { NOTIFY_TEXT_MAX = 512 };

/* The address in NOTIFY_SOCKET: "/path", or "@name" in the abstract name space. ERR_SYNTAX with *ret_why (static text). Pure. */
int notify_addr(const char *text, struct addr *ret, const char **ret_why) MUST_CHECK;
/* Microseconds between two pings that WATCHDOG_USEC and WATCHDOG_PID (NULL: not set) ask for: half of the limit, at least 1 ms. 0: no
 * watchdog, or that of another process. Pure. */
int64_t notify_ping_us(const char *usec, const char *pid, long self);
/* One message: lines, the status last. status: NULL for none; line ends in it become blanks. Returns the length. Pure. */
size_t notify_format(char out[NOTIFY_TEXT_MAX], const char *lines, const char *status);

/* Reads the environment and unsets NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID. */
struct notify *notify_open(struct loop *loop);
/* READY=1. with_pid: also MAINPID=, since another process was the main one until now. */
void notify_ready(struct notify *n, bool with_pid, const char *status);
/* RELOADING=1 with MONOTONIC_USEC; notify_ready follows when the reload is over, also when it failed. */
void notify_reloading(struct notify *n);
void notify_stopping(struct notify *n, const char *status);
void notify_status(struct notify *n, const char *status);
/* Pings the watchdog, if there is one, as long as this loop turns and every worker has answered since the last ping: a worker that hangs
 * gets the process restarted. workers: array of n, outlives the notify_stop. */
void notify_watch(struct notify *n, struct worker *const *workers, size_t count);
/* No more pings; before the workers end. Messages still go out. */
void notify_stop(struct notify *n);
/* Another process speaks for the service from now on. */
void notify_mute(struct notify *n);
/* After the workers ended, which may hold its questions. NULL is fine. */
void notify_close(struct notify *n);

#endif
