/* SPDX-License-Identifier: Apache-2.0 */
/* base/err.c - one row per error: its name, its sentence, and whether a replay is
 * safe. */
#include "base/err.h"

#include <stddef.h>

#include "base/compat.h"

struct err_row {
    const char *name, *text;
    bool not_sent;
};

/* Index: the value without its sign. */
static const struct err_row err_rows[] = {
    [-ERR_OK] = { "OK", "no error", false },
    [-ERR_AGAIN] = { "AGAIN", "not ready yet", false },
    [-ERR_EOF] = { "EOF", "the peer ended the connection", false },
    [-ERR_NOMEM] = { "NOMEM", "no memory is left", false },
    [-ERR_LIMIT] = { "LIMIT", "a configured limit was reached", false },
    [-ERR_SYNTAX] = { "SYNTAX", "the text cannot be read", false },
    [-ERR_SYS] = { "SYS", "a system call failed", false },
    [-ERR_CONNECT] = { "CONNECT", "the backend could not be connected", true },
    [-ERR_CONNECT_TIMEOUT] = { "CONNECT_TIMEOUT",
                               "connecting to the backend took too long", true },
    [-ERR_CONN_LOST] = { "CONN_LOST", "the connection broke", false },
    [-ERR_NOT_HTTP2] = { "NOT_HTTP2", "the peer does not speak HTTP/2", false },
    [-ERR_PROTOCOL] = { "PROTOCOL", "the peer broke the HTTP/2 rules", false },
    [-ERR_FLOOD] = { "FLOOD", "the peer sent too many wasteful frames", false },
    [-ERR_RESET] = { "RESET", "the peer reset the stream", false },
    [-ERR_REFUSED] = { "REFUSED", "the backend refused the stream unprocessed", true },
    [-ERR_GOAWAY] = { "GOAWAY", "the backend went away before it took the call", true },
    [-ERR_DEADLINE] = { "DEADLINE", "the deadline of the call has passed", false },
    [-ERR_CANCELLED] = { "CANCELLED", "the client cancelled the call", false },
    [-ERR_NO_ENDPOINT] = { "NO_ENDPOINT", "the pool has no usable endpoint", true },
    [-ERR_QUEUE_FULL] = { "QUEUE_FULL", "too many calls wait for a connection", true },
    [-ERR_QUEUE_TIMEOUT] = { "QUEUE_TIMEOUT", "the call waited too long for a connection",
                             true },
    [-ERR_DRAIN] = { "DRAIN", "the proxy is shutting down", true },
    [-ERR_IDLE] = { "IDLE", "the connection was idle for too long", false },
    [-ERR_STALL] = { "STALL", "the peer took no data for too long", false },
    [-ERR_HANDSHAKE_TIMEOUT] = { "HANDSHAKE_TIMEOUT",
                                 "the peer did not finish its handshake in time", false },
    [-ERR_CLOSED] = { "CLOSED", "the connection was closed by the proxy", false },
    [-ERR_KEEPALIVE] = { "KEEPALIVE", "the peer did not answer a keepalive PING in time",
                         false },
    [-ERR_PINGS] = { "PINGS", "the peer sent too many PINGs", false },
    [-ERR_AGE] = { "AGE", "the connection was old enough to be closed", false },
    [-ERR_POOL_LIMIT] = { "POOL_LIMIT", "a limit of the pool was reached", true },
    [-ERR_REMOVED] = { "REMOVED",
                       "the endpoint was removed from the pool and the call took longer "
                       "than drainOnRemove",
                       false },
};

static const struct err_row *
err_find_row(int e)
{
    static const struct err_row unknown = { "UNKNOWN", "an unknown error", false };

    /* -INT_MIN has no int: compare before the sign is turned. */
    if (e > 0 || e <= -(int)ARRAY_LEN(err_rows) || !err_rows[-e].name)
        return &unknown;
    return &err_rows[-e];
}

const char *
err_name(int e)
{
    return err_find_row(e)->name;
}

const char *
err_text(int e)
{
    return err_find_row(e)->text;
}

bool
err_not_sent(int e)
{
    return err_find_row(e)->not_sent;
}
