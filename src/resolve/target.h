/* SPDX-License-Identifier: Apache-2.0 */
/* resolve/target.h - targets that are literal addresses: "127.0.0.1:50051", "localhost:50051", "unix:/run/a.sock", and static:///a,b lists of them. Pure;
 * any thread. */
#ifndef OUTRIGGER_RESOLVE_TARGET_H
#define OUTRIGGER_RESOLVE_TARGET_H

#include <stddef.h>

#include "base/compat.h"
#include "net/addr.h"

/* Called for each address in order. host: "localhost" when it was written so, else NULL. */
typedef void target_fn(void *arg, const struct addr *addr, const char *host);

/* ERR_SYNTAX with *ret_why: a plain sentence (static text). Nothing is called unless the whole target is good. fn may be NULL: only check. */
int target_parse(const char *target, target_fn *fn, void *arg,
                 const char **ret_why) MUST_CHECK;

#endif
