/* SPDX-License-Identifier: Apache-2.0 */
/* admin/paths.h - which paths the admin port has, which methods each of them takes, and what is said to who asks for another one: 404 with the nearest path, 405 with Allow
 * (RFC 9110 15.5.5, 15.5.6). HEAD goes where GET goes, except for streams; OPTIONS tells the methods. Main thread. */
#ifndef OUTRIGGER_ADMIN_PATHS_H
#define OUTRIGGER_ADMIN_PATHS_H

#include <stdbool.h>

#include "base/compat.h"

struct admin;
struct evbuffer;
struct evhttp_request;

/* Whether the request may go on to its page; path: after admin_alias. False: *ret_status, and the answer is in the request's output buffer. */
bool paths_let(const struct admin *a, struct evhttp_request *req, const char *path,
               int *ret_status) MUST_CHECK;
/* The page /help: each path with a sentence, then other names of them. */
void paths_help(const struct admin *a, struct evbuffer *out);

#endif
