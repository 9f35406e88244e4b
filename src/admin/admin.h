/* SPDX-License-Identifier: Apache-2.0 */
/* admin/admin.h - the admin port: GET /metrics (admin/metrics_page.h), GET /stats.json, GET /pools.json, GET /certs.json,
 * and GET /pools and /certs (the same for a terminal) over HTTP/1.1 (libevent's evhttp), and what admin/actions.h adds. gRPC on the same socket: admin/rpc.h. Loopback or unix socket only. It runs on the main thread and only sums the workers' counters: its load never touches a call. Main thread. */
#ifndef OUTRIGGER_ADMIN_ADMIN_H
#define OUTRIGGER_ADMIN_ADMIN_H

#include <stdbool.h>
#include <stddef.h>

#include "base/compat.h"

struct addr;
struct admin;
struct hub;
struct loop;
struct metrics_page;
struct stats;
struct tls_store;

/* fd: a socket that listens there already and is the admin port's from now on, also on failure (owns_file: it removes the file of a unix socket at the end); -1: none.
 * stats: array of n blocks; array and blocks stay valid until admin_close. ERR_SYS with *ret_why: a plain sentence (static text). */
int admin_open(struct loop *loop, const struct addr *at, int fd, bool owns_file,
               const struct stats *const *stats, size_t n, struct admin **ret,
               const char **ret_why) MUST_CHECK;
/* The pools of /pools.json: array and hubs stay valid until admin_close. */
void admin_set_pools(struct admin *a, struct hub *const *hubs, size_t n);
/* What /metrics is made of: valid until admin_close. Without it there is no such page. */
void admin_set_metrics(struct admin *a, const struct metrics_page *metrics);
/* The certificates of /certs.json: valid until admin_close. */
void admin_set_tls(struct admin *a, struct tls_store *tls);
/* Where this port counts what it refuses: the main thread's block. */
void admin_set_counters(struct admin *a, struct stats *main);
/* What another process needs to listen here too; -1: nothing. */
int admin_fd(const struct admin *a, bool *ret_owns_file);
/* Another process answers here from now on: accepts no more and leaves the file alone. NULL is fine. */
void admin_leave(struct admin *a);
void admin_close(struct admin *a); /* NULL is fine */

#endif
