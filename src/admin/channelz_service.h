/* SPDX-License-Identifier: Apache-2.0 */
/* admin/channelz_service.h - grpc.channelz.v1.Channelz (gRFC A14), for grpcdebug: reads requests, checks them, and answers when whoever knows the process has found out.
 * A list has at most `max_results` objects (0: CHANNELZ_PAGE; never more than CHANNELZ_PAGE_MAX), from the id `start` on in the order of ids; `end` says that there are none
 * behind them. Main thread. */
#ifndef OUTRIGGER_ADMIN_CHANNELZ_SERVICE_H
#define OUTRIGGER_ADMIN_CHANNELZ_SERVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"
#include "grpc/status.h"

struct channelz_service;
struct grpc_call;
struct grpc_service;

enum { CHANNELZ_PAGE = 100, CHANNELZ_PAGE_MAX = 1000 };

enum channelz_what {
    CHANNELZ_GET_TOP_CHANNELS,
    CHANNELZ_GET_CHANNEL,
    CHANNELZ_GET_SUBCHANNEL,
    CHANNELZ_GET_SERVERS,
    CHANNELZ_GET_SERVER,
    CHANNELZ_GET_SERVER_SOCKETS,
    CHANNELZ_GET_SOCKET,
};

/* What one call wants to know; it lives until channelz_reply or forget. */
struct channelz_ask {
    enum channelz_what what;
    int64_t
        id; /* of the object, or of the server whose sockets; above 0, and of the right kind */
    int64_t start; /* of a list; 0 or above */
    size_t max;    /* of a list; 1 to CHANNELZ_PAGE_MAX */
    bool summary;  /* of a socket: without what costs */
    struct grpc_call *call;
    void *answerer; /* whatever ask wants to find again in forget */
};

struct channelz_ops {
    /* Ends with one channelz_reply, before it returns or later. */
    void (*ask)(void *arg, struct channelz_ask *ask);
    /* Who asked went away before the reply; there must be none afterwards. */
    void (*forget)(void *arg, struct channelz_ask *ask);
};

/* GRPC_OK: text is not looked at. Else message is not. Both are copied. */
void channelz_reply(struct channelz_ask *ask, enum grpc_code code, const char *text,
                    struct slice message);
/* ops and arg outlive it. */
struct channelz_service *channelz_service_new(const struct channelz_ops *ops, void *arg);
/* To be mounted (admin/rpc.h, grpc/server.h); lives as long as s. */
const struct grpc_service *channelz_service_get(const struct channelz_service *s);
/* After the server that it is mounted on. NULL is fine. */
void channelz_service_free(struct channelz_service *s);

#endif
