/* SPDX-License-Identifier: Apache-2.0 */
/* base/err.h - one list of everything that can go wrong at run time. Functions return
 * 0 (ERR_OK) or a negative value of this enum; results go to `ret_` arguments that
 * stay untouched on failure.  The texts are for logs and for grpc-message.
 * grpc/status.c alone maps them to gRPC codes. */
#ifndef OUTRIGGER_BASE_ERR_H
#define OUTRIGGER_BASE_ERR_H

#include <stdbool.h>

enum err {
    ERR_OK = 0,
    ERR_AGAIN = -1,   /* not now: try when the event says so */
    ERR_EOF = -2,     /* the peer ended its side cleanly */
    ERR_NOMEM = -3,   /* no memory */
    ERR_LIMIT = -4,   /* a cap of ours was reached */
    ERR_SYNTAX = -5,  /* the text cannot be read */
    ERR_SYS = -6,     /* a system call failed; errno says why */
    ERR_CONNECT = -7, /* connecting failed */
    ERR_CONNECT_TIMEOUT = -8,
    ERR_CONN_LOST = -9,  /* the connection broke (RST, EPIPE, EOF in the middle) */
    ERR_NOT_HTTP2 = -10, /* the peer does not speak HTTP/2 */
    ERR_PROTOCOL = -11,  /* the peer broke HTTP/2 rules */
    ERR_FLOOD = -12,     /* the peer used up its glitch or reset allowance */
    ERR_RESET = -13,     /* the peer reset the stream */
    ERR_REFUSED = -14,   /* the peer refused the stream: not processed */
    ERR_GOAWAY = -15,    /* the peer is going away: not processed */
    ERR_DEADLINE = -16,
    ERR_CANCELLED = -17,
    ERR_NO_ENDPOINT = -18, /* nothing usable in the pool */
    ERR_QUEUE_FULL = -19,
    ERR_QUEUE_TIMEOUT = -20,
    ERR_DRAIN = -21, /* we are shutting down */
    ERR_IDLE = -22,  /* closed by us: idle for too long */
    ERR_STALL = -23, /* closed by us: the peer takes no data */
    ERR_HANDSHAKE_TIMEOUT = -24,
    ERR_CLOSED = -25,    /* closed by us on purpose */
    ERR_KEEPALIVE = -26, /* closed by us: no answer to a keepalive PING */
    ERR_PINGS = -27,     /* closed by us: the client sends too many PINGs */
    ERR_AGE = -28,       /* closed by us: maxConnectionAge or maxRequestsPerConnection */
    ERR_POOL_LIMIT = -29, /* a limit of the pool: pool_explain says which */
    ERR_REMOVED = -30,    /* the endpoint left its pool and its time to end calls is over */
};

const char *err_name(int e); /* "CONN_LOST"; "UNKNOWN" for values not in the list */
const char *err_text(int e); /* one plain sentence without a full stop */
/* true: proof that no backend processed the request, a replay is safe */
bool err_not_sent(int e);

#endif
