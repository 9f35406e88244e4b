/* SPDX-License-Identifier: Apache-2.0 */
/* admin/channelz_service.c - seven methods, which differ in which fields their requests have. */
#include "admin/channelz_service.h"

#include <stdio.h>

#include "base/compat.h"
#include "base/err.h"
#include "base/xalloc.h"
#include "grpc/channelz.h"
#include "grpc/server.h"

enum { TEXT_MAX = 160 };

struct channelz_service {
    const struct channelz_ops *ops;
    void *arg;
    struct grpc_service service;
};

struct channelz_call { /* state of a call, zeroed */
    struct channelz_ask ask;
    bool asked; /* and not replied to */
};

static const char *const kinds[] = { "channel", "subchannel", "server", "socket" };

void
channelz_reply(struct channelz_ask *ask, enum grpc_code code, const char *text,
               struct slice message)
{
    struct channelz_call *c = CONTAINER_OF(ask, struct channelz_call, ask);

    c->asked = false;
    if (code == GRPC_OK) {
        grpc_call_send(ask->call, message);
        text = "";
    }
    grpc_call_finish(ask->call, code, text);
}

/* --- checks --------------------------------------------------------------------------- */

static bool
refuse(struct grpc_call *call, enum grpc_code code, const char *text)
{
    grpc_call_finish(call, code, text);
    return false;
}

/* Whether there may be an object with this id. */
static bool
id_is_good(struct grpc_call *call, int64_t id, enum channelz_kind kind)
{
    char text[TEXT_MAX];

    if (id <= 0) {
        snprintf(
            text, sizeof(text),
            "the id of a %s is above 0; GetTopChannels and GetServers list what there is",
            kinds[kind]);
        return refuse(call, GRPC_INVALID_ARGUMENT, text);
    }
    if (channelz_id_kind(id) == kind)
        return true;
    snprintf(text, sizeof(text), "%lld can only be the id of a %s, not of a %s",
             (long long)id, kinds[channelz_id_kind(id)], kinds[kind]);
    return refuse(call, GRPC_NOT_FOUND, text);
}

static bool
page_is_good(struct grpc_call *call, struct channelz_ask *ask, int64_t start, int64_t max)
{
    if (start < 0)
        return refuse(call, GRPC_INVALID_ARGUMENT,
                      "the id to start at is negative; 0 starts at the first");
    if (max < 0)
        return refuse(call, GRPC_INVALID_ARGUMENT,
                      "max_results is negative; 0 leaves it to this process");
    ask->start = start;
    ask->max = max == 0                  ? CHANNELZ_PAGE
               : max > CHANNELZ_PAGE_MAX ? CHANNELZ_PAGE_MAX
                                         : (size_t)max;
    return true;
}

static bool
request_read(struct grpc_call *call, struct channelz_ask *ask, const int64_t f[3])
{
    ask->id = f[0];
    switch (ask->what) {
    case CHANNELZ_GET_TOP_CHANNELS:
    case CHANNELZ_GET_SERVERS:
        return page_is_good(call, ask, f[0], f[1]);
    case CHANNELZ_GET_CHANNEL:
        return id_is_good(call, f[0], CHANNELZ_CHANNEL);
    case CHANNELZ_GET_SUBCHANNEL:
        return id_is_good(call, f[0], CHANNELZ_SUBCHANNEL);
    case CHANNELZ_GET_SERVER:
        return id_is_good(call, f[0], CHANNELZ_SERVER);
    case CHANNELZ_GET_SERVER_SOCKETS:
        return id_is_good(call, f[0], CHANNELZ_SERVER) &&
               page_is_good(call, ask, f[1], f[2]);
    case CHANNELZ_GET_SOCKET:
        ask->summary = f[1] != 0;
        return id_is_good(call, f[0], CHANNELZ_SOCKET);
    }
    return false;
}

/* --- methods -------------------------------------------------------------------------- */

static void
call_ask(struct grpc_call *call, enum channelz_what what, struct slice message)
{
    struct channelz_service *s = grpc_call_arg(call);
    struct channelz_call *c = grpc_call_state(call);
    int64_t fields[3];

    c->ask = (struct channelz_ask){ .what = what, .call = call };
    if (channelz_request_decode(message, fields) != ERR_OK) {
        grpc_call_finish(call, GRPC_INVALID_ARGUMENT,
                         "the request is no message of grpc.channelz.v1");
        return;
    }
    if (!request_read(call, &c->ask, fields))
        return;
    c->asked = true;
    s->ops->ask(s->arg, &c->ask);
}

static void
on_gone(struct grpc_call *call)
{
    struct channelz_service *s = grpc_call_arg(call);
    struct channelz_call *c = grpc_call_state(call);

    if (c->asked)
        s->ops->forget(s->arg, &c->ask);
    c->asked = false;
}

static void
on_top_channels(struct grpc_call *call, struct slice message)
{
    call_ask(call, CHANNELZ_GET_TOP_CHANNELS, message);
}

static void
on_channel(struct grpc_call *call, struct slice message)
{
    call_ask(call, CHANNELZ_GET_CHANNEL, message);
}

static void
on_subchannel(struct grpc_call *call, struct slice message)
{
    call_ask(call, CHANNELZ_GET_SUBCHANNEL, message);
}

static void
on_servers(struct grpc_call *call, struct slice message)
{
    call_ask(call, CHANNELZ_GET_SERVERS, message);
}

static void
on_server(struct grpc_call *call, struct slice message)
{
    call_ask(call, CHANNELZ_GET_SERVER, message);
}

static void
on_server_sockets(struct grpc_call *call, struct slice message)
{
    call_ask(call, CHANNELZ_GET_SERVER_SOCKETS, message);
}

static void
on_socket(struct grpc_call *call, struct slice message)
{
    call_ask(call, CHANNELZ_GET_SOCKET, message);
}

#define METHOD(name, fn)                                              \
    {                                                                 \
        .path = "/grpc.channelz.v1.Channelz/" name, .on_message = fn, \
        .on_gone = on_gone,                                           \
    }

static const struct grpc_method methods[] = {
    METHOD("GetTopChannels", on_top_channels),
    METHOD("GetServers", on_servers),
    METHOD("GetServer", on_server),
    METHOD("GetServerSockets", on_server_sockets),
    METHOD("GetChannel", on_channel),
    METHOD("GetSubchannel", on_subchannel),
    METHOD("GetSocket", on_socket),
};

/* --- life ----------------------------------------------------------------------------- */

struct channelz_service *
channelz_service_new(const struct channelz_ops *ops, void *arg)
{
    struct channelz_service *s = xcalloc(1, sizeof(*s));

    s->ops = ops;
    s->arg = arg;
    s->service = (struct grpc_service){ .methods = methods,
                                        .n_methods = ARRAY_LEN(methods),
                                        .state_size = sizeof(struct channelz_call),
                                        .arg = s };
    return s;
}

const struct grpc_service *
channelz_service_get(const struct channelz_service *s)
{
    return &s->service;
}

void
channelz_service_free(struct channelz_service *s)
{
    xfree(s);
}
