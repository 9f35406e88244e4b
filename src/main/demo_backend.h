/* SPDX-License-Identifier: Apache-2.0 */
/* main/demo_backend.h - three gRPC servers of the demo on one thread, each on a loopback
 * port of its own. Main thread. */
#ifndef OUTRIGGER_MAIN_DEMO_BACKEND_H
#define OUTRIGGER_MAIN_DEMO_BACKEND_H

#include "base/compat.h"
#include "net/addr.h"

enum {
    DEMO_BACKENDS = 3,
    DEMO_FAIL_ONE_IN = 33, /* calls of the last backend: about 1 % of all */
};

struct demo_backends;

/* Binds and serves. ERR_SYS with *ret_why: a plain sentence (static text). */
int demo_backends_start(struct demo_backends **ret, const char **ret_why) MUST_CHECK;
const struct addr *demo_backend_addr(const struct demo_backends *b, unsigned i);
const char *demo_backend_name(const struct demo_backends *b, unsigned i);
/* Ends calls and connections, waits for the thread, frees all. NULL is fine. */
void demo_backends_stop(struct demo_backends *b);

#endif
