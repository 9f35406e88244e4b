/* SPDX-License-Identifier: Apache-2.0 */
/* grpc/status.h - gRPC status codes, their names, every map into and out of them, and the
 * text of grpc-message. Pure functions on values and caller memory; any thread.
 * Sources: grpc/grpc doc/statuscodes.md, doc/http-grpc-status-mapping.md. */
#ifndef OUTRIGGER_GRPC_STATUS_H
#define OUTRIGGER_GRPC_STATUS_H

#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

enum grpc_code {
    GRPC_OK = 0,
    GRPC_CANCELLED = 1,
    GRPC_UNKNOWN = 2,
    GRPC_INVALID_ARGUMENT = 3,
    GRPC_DEADLINE_EXCEEDED = 4,
    GRPC_NOT_FOUND = 5,
    GRPC_ALREADY_EXISTS = 6,
    GRPC_PERMISSION_DENIED = 7,
    GRPC_RESOURCE_EXHAUSTED = 8,
    GRPC_FAILED_PRECONDITION = 9,
    GRPC_ABORTED = 10,
    GRPC_OUT_OF_RANGE = 11,
    GRPC_UNIMPLEMENTED = 12,
    GRPC_INTERNAL = 13,
    GRPC_UNAVAILABLE = 14,
    GRPC_DATA_LOSS = 15,
    GRPC_UNAUTHENTICATED = 16,
};

enum {
    GRPC_CODE_COUNT = 17,
    GRPC_MESSAGE_MAX = 1024, /* bytes of an encoded grpc-message that we make ourselves */
};

/* "DEADLINE_EXCEEDED": the spelling of the specification.  Numbers outside 0..16 are
 * "UNKNOWN". */
const char *grpc_code_name(int code);
/* "DeadlineExceeded": the spelling of grpc-go, which Prometheus dashboards expect.
 * Outside 0..16: "Unknown". */
const char *grpc_code_label(int code);
/* The number as decimal text, for the grpc-status header: "4". Outside 0..16: "2". */
const char *grpc_code_text(int code);
/* Reads the value of a grpc-status header: decimal digits, no leading zero.  Whatever is
 * not a known number is GRPC_UNKNOWN, as clients treat it; the header itself is forwarded
 * untouched. */
enum grpc_code grpc_code_parse(struct slice value);

/* For a response without grpc-status (if there is one, it always wins). */
enum grpc_code grpc_code_from_http(int http_status);
/* For RST_STREAM without trailers, from a backend.  CANCEL gives CANCELLED: whoever knows
 * that its own deadline has passed says DEADLINE_EXCEEDED instead. */
enum grpc_code grpc_code_from_h2(uint32_t h2_code);
/* The RST_STREAM code for a call that ends with `code` where no trailers can be sent any
 * more (in the middle of a message): CANCEL for CANCELLED and DEADLINE_EXCEEDED,
 * ENHANCE_YOUR_CALM for RESOURCE_EXHAUSTED, else INTERNAL_ERROR.  Never REFUSED_STREAM:
 * the backend may have seen the call. */
uint32_t grpc_code_to_h2(int code);
/* The only map from enum err (base/err.h).  ERR_OK gives GRPC_OK; unknown values
 * GRPC_INTERNAL. */
enum grpc_code grpc_code_from_err(int err);

/* Percent-encodes UTF-8 text for grpc-message: writes at most min(room, GRPC_MESSAGE_MAX)
 * bytes to out, no NUL, and returns how many. Text that does not fit is cut between two
 * characters, never inside an escape or a UTF-8 sequence.  Bytes that are not UTF-8
 * become U+FFFD, as in grpc-go. */
size_t grpc_message_encode(struct slice text, char *out, size_t room);
/* The other way: writes at most room bytes, no NUL, returns how many.  Never fails: a
 * broken escape stays as it is. Text that does not fit is cut, not inside a UTF-8
 * sequence.  The result may hold any byte: a peer chose it. */
size_t grpc_message_decode(struct slice value, char *out, size_t room);

#endif
