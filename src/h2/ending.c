/* SPDX-License-Identifier: Apache-2.0 */
/* h2/ending.c - why connections ended, counted by side. Here and nowhere else, so that each connection counts once. And the names of HTTP/2's error codes. */
#include "h2/conn_int.h"

/* In the order of the rows in obs/stats.c. */
enum end_reason {
    END_PEER, /* it closed, or the connection broke */
    END_GOAWAY,
    END_DRAIN,
    END_IDLE,
    END_AGE,
    END_CLOSED,
    END_REMOVED,
    END_NOT_HTTP2,
    END_PROTOCOL,
    END_FLOOD,
    END_STALL,
    END_HANDSHAKE,
    END_KEEPALIVE,
    END_PINGS,
    END_NO_MEMORY,
    END_OTHER,
};

_Static_assert(END_OTHER + 1 == STAT_CLOSE_REASONS, "each reason has a counter");

static enum end_reason
end_reason(int err)
{
    switch (err) {
    case ERR_CONN_LOST:
    case ERR_EOF:
        return END_PEER;
    case ERR_GOAWAY:
        return END_GOAWAY;
    case ERR_DRAIN:
        return END_DRAIN;
    case ERR_IDLE:
        return END_IDLE;
    case ERR_AGE:
        return END_AGE;
    case ERR_CLOSED:
        return END_CLOSED;
    case ERR_REMOVED:
        return END_REMOVED;
    case ERR_NOT_HTTP2:
        return END_NOT_HTTP2;
    case ERR_PROTOCOL:
        return END_PROTOCOL;
    case ERR_FLOOD:
        return END_FLOOD;
    case ERR_STALL:
        return END_STALL;
    case ERR_HANDSHAKE_TIMEOUT:
        return END_HANDSHAKE;
    case ERR_KEEPALIVE:
        return END_KEEPALIVE;
    case ERR_PINGS:
        return END_PINGS;
    case ERR_NOMEM:
        return END_NO_MEMORY;
    default:
        return END_OTHER;
    }
}

void
conn_count_end(const struct h2_conn *c)
{
    enum stat_id first = c->side == H2_DOWN ? STAT_CLOSED_DOWN_0 : STAT_CLOSED_UP_0;

    stat_inc(c->w->stats, (enum stat_id)(first + end_reason(c->close_err)));
}

const char *
h2_code_name(uint32_t code)
{
    static const char *const names[] = {
        "NO_ERROR",
        "PROTOCOL_ERROR",
        "INTERNAL_ERROR",
        "FLOW_CONTROL_ERROR",
        "SETTINGS_TIMEOUT",
        "STREAM_CLOSED",
        "FRAME_SIZE_ERROR",
        "REFUSED_STREAM",
        "CANCEL",
        "COMPRESSION_ERROR",
        "CONNECT_ERROR",
        "ENHANCE_YOUR_CALM",
        "INADEQUATE_SECURITY",
        "HTTP_1_1_REQUIRED",
    };

    return code < ARRAY_LEN(names) ? names[code] : "unknown";
}
