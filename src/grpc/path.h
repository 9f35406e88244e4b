/* SPDX-License-Identifier: Apache-2.0 */
/* grpc/path.h - what makes a request a gRPC request: its :path and its content-type. Pure
 * functions; any thread. */
#ifndef OUTRIGGER_GRPC_PATH_H
#define OUTRIGGER_GRPC_PATH_H

#include <stdbool.h>

#include "base/compat.h"
#include "base/slice.h"

/* Splits "/package.Service/Method".  Both parts are non-empty and hold only A-Z a-z 0-9 _
 * . - ; they point into `path`. ERR_SYNTAX for anything else (one slash, three slashes, a
 * query, an escape, an empty part). */
int path_split(struct slice path, struct slice *ret_service,
               struct slice *ret_method) MUST_CHECK;

/* "application/grpc" alone or followed by '+' or ';'.  So application/grpc-web is not
 * gRPC.  Upper case counts as lower case (RFC 9110 8.3.1). */
bool content_type_is_grpc(struct slice value);

#endif
