/* SPDX-License-Identifier: Apache-2.0 */
/* grpc/echo.c - codec of outrigger.demo.Echo. */
#include "grpc/echo.h"

#include "base/err.h"
#include "base/strbuf.h"
#include "grpc/pb.h"
#include "grpc/proto/echo.pb-c.h"

void
echo_request_encode(struct slice text, const struct echo_request *r, struct strbuf *out)
{
    Outrigger__Demo__EchoRequest m = OUTRIGGER__DEMO__ECHO_REQUEST__INIT;

    m.text = pb_data(text);
    m.count = r->count;
    m.delay_ms = r->delay_ms;
    pb_write(&m.base, out);
}

int
echo_request_decode(struct slice message, struct strbuf *ret_text,
                    struct echo_request *ret)
{
    Outrigger__Demo__EchoRequest *m =
        outrigger__demo__echo_request__unpack(NULL, message.n, message.p);

    if (!m)
        return ERR_SYNTAX;
    pb_add_text(ret_text, m->text);
    *ret = (struct echo_request){ .count = m->count, .delay_ms = m->delay_ms };
    outrigger__demo__echo_request__free_unpacked(m, NULL);
    return 0;
}

void
echo_reply_encode(struct slice text, struct slice backend, uint32_t number,
                  struct strbuf *out)
{
    Outrigger__Demo__EchoReply m = OUTRIGGER__DEMO__ECHO_REPLY__INIT;

    m.text = pb_data(text);
    m.backend = pb_data(backend);
    m.number = number;
    pb_write(&m.base, out);
}

int
echo_reply_decode(struct slice message, struct strbuf *ret_text, uint32_t *ret_number)
{
    Outrigger__Demo__EchoReply *m =
        outrigger__demo__echo_reply__unpack(NULL, message.n, message.p);

    if (!m)
        return ERR_SYNTAX;
    pb_add_text(ret_text, m->text);
    *ret_number = m->number;
    outrigger__demo__echo_reply__free_unpacked(m, NULL);
    return 0;
}
