/* SPDX-License-Identifier: Apache-2.0 */
/* grpc/reason.c - from what went wrong to the word for it. */
#include "grpc/reason.h"

#include "base/err.h"

const char *
reason_from_err(int err)
{
    switch (err) {
    case ERR_NO_ENDPOINT:
        return REASON_NO_ENDPOINT;
    case ERR_POOL_LIMIT:
        return REASON_POOL_LIMIT;
    case ERR_QUEUE_FULL:
    case ERR_QUEUE_TIMEOUT:
        return REASON_QUEUE_FULL;
    case ERR_DRAIN:
        return REASON_DRAIN;
    case ERR_NOMEM:
        return REASON_NO_MEMORY;
    case ERR_CONNECT:
    case ERR_CONNECT_TIMEOUT:
    case ERR_HANDSHAKE_TIMEOUT:
    case ERR_NOT_HTTP2:
        return REASON_CONNECT_FAILED;
    case ERR_RESET:
        return REASON_UPSTREAM_RESET;
    case ERR_REFUSED:
    case ERR_GOAWAY:
        return REASON_UPSTREAM_REFUSED;
    case ERR_STALL:
        return REASON_CLIENT_STALLED;
    case ERR_PROTOCOL:
    case ERR_FLOOD:
        return REASON_BAD_RESPONSE;
    default:
        return REASON_UPSTREAM_LOST;
    }
}
