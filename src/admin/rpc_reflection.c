/* SPDX-License-Identifier: Apache-2.0 */
/* admin/rpc_reflection.c - an answer is made at once and copied, so files may be exchanged between two questions of a call. */
#include "admin/rpc_reflection.h"

#include <stdlib.h>

#include "admin/descriptors.h"
#include "base/compat.h"
#include "base/err.h"
#include "base/strbuf.h"
#include "base/xalloc.h"
#include "grpc/descriptors.h"
#include "grpc/descset.h"
#include "grpc/reflection.h"
#include "grpc/server.h"

struct rpc_reflection {
    struct reflection *reflection;
    struct descriptors *more; /* NULL: none */
    struct grpc_service service;
};

static void
on_message(struct grpc_call *call, struct slice message)
{
    const struct rpc_reflection *r = grpc_call_arg(call);
    struct strbuf answer;

    strbuf_init(&answer, GRPC_SERVER_MESSAGE_MAX);
    if (reflection_answer(r->reflection, message, &answer) != ERR_OK)
        grpc_call_finish(call, GRPC_INVALID_ARGUMENT,
                         "the request message is not a ServerReflectionRequest");
    else if (answer.cut)
        grpc_call_finish(call, GRPC_RESOURCE_EXHAUSTED,
                         "the answer is longer than gRPC clients take");
    else
        grpc_call_send(call, slice_make(answer.s, answer.len));
    strbuf_done(&answer);
}

static void
finish_ok(struct grpc_call *call)
{
    grpc_call_finish(call, GRPC_OK, "");
}

static const struct grpc_method methods[] = {
    { .path = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
      .client_streams = true,
      .on_message = on_message,
      .on_half_close = finish_ok },
    { .path = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
      .client_streams = true,
      .on_message = on_message,
      .on_half_close = finish_ok },
};

struct rpc_reflection *
rpc_reflection_new(bool (*mounted)(void *arg, const char *service), void *arg)
{
    struct rpc_reflection *r = xcalloc(1, sizeof(*r));

    /* What the build has made is a good set. */
    if (reflection_new(descriptors_admin_get(), &r->reflection) != ERR_OK)
        abort();
    reflection_set_listed(r->reflection, mounted, arg);
    r->service = (struct grpc_service){ .methods = methods,
                                        .n_methods = ARRAY_LEN(methods),
                                        .arg = r };
    return r;
}

void
rpc_reflection_free(struct rpc_reflection *r)
{
    if (!r)
        return;
    reflection_free(r->reflection);
    descriptors_free(r->more);
    xfree(r);
}

const struct grpc_service *
rpc_reflection_service(const struct rpc_reflection *r)
{
    return &r->service;
}

void
rpc_reflection_set(struct rpc_reflection *r, struct descriptors *d)
{
    reflection_set_more(r->reflection, d ? descriptors_set(d) : NULL);
    descriptors_free(r->more);
    r->more = d;
}
