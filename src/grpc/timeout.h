/* SPDX-License-Identifier: Apache-2.0 */
/* grpc/timeout.h - the grpc-timeout header: 1 to 8 digits and one unit of H M S m u n.
 * Pure functions; any thread.  Source: grpc/grpc doc/PROTOCOL-HTTP2.md. */
#ifndef OUTRIGGER_GRPC_TIMEOUT_H
#define OUTRIGGER_GRPC_TIMEOUT_H

#include <stddef.h>
#include <stdint.h>

#include "base/compat.h"
#include "base/slice.h"

enum { TIMEOUT_TEXT_MAX = 12 };

/* Nanoseconds >= 0; 0 means that the time is already over (real clients send "0n").  What
 * passes INT64_MAX ns saturates there. ERR_SYNTAX for anything outside the grammar: sign,
 * space, point, 9 digits, other letters. */
int timeout_parse(struct slice value, int64_t *ret_ns) MUST_CHECK;
/* Writes the smallest unit whose number has at most 8 digits, rounded down (a backend
 * never gets more time than the client has), NUL-terminated. Returns the length without
 * NUL; 0 when nothing is left (ns <= 0): the caller ends the call with DEADLINE_EXCEEDED.
 */
size_t timeout_format(int64_t ns, char out[TIMEOUT_TEXT_MAX]);

#endif
