/* SPDX-License-Identifier: Apache-2.0 */
/* grpc/greeter.c - codec of helloworld.Greeter. */
#include "grpc/greeter.h"

#include "base/err.h"
#include "base/strbuf.h"
#include "grpc/pb.h"
#include "grpc/proto/helloworld.pb-c.h"

void
greeter_request_encode(struct slice name, struct strbuf *out)
{
    Helloworld__HelloRequest m = HELLOWORLD__HELLO_REQUEST__INIT;

    m.name = pb_data(name);
    pb_write(&m.base, out);
}

int
greeter_request_decode(struct slice message, struct strbuf *ret_name)
{
    Helloworld__HelloRequest *m =
        helloworld__hello_request__unpack(NULL, message.n, message.p);

    if (!m)
        return ERR_SYNTAX;
    pb_add_text(ret_name, m->name);
    helloworld__hello_request__free_unpacked(m, NULL);
    return 0;
}

void
greeter_reply_encode(struct slice text, struct strbuf *out)
{
    Helloworld__HelloReply m = HELLOWORLD__HELLO_REPLY__INIT;

    m.message = pb_data(text);
    pb_write(&m.base, out);
}

int
greeter_reply_decode(struct slice message, struct strbuf *ret_text)
{
    Helloworld__HelloReply *m =
        helloworld__hello_reply__unpack(NULL, message.n, message.p);

    if (!m)
        return ERR_SYNTAX;
    pb_add_text(ret_text, m->message);
    helloworld__hello_reply__free_unpacked(m, NULL);
    return 0;
}
