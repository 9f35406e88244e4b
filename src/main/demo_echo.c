/* SPDX-License-Identifier: Apache-2.0 */
/* main/demo_echo.c - outrigger.demo.Echo: the four kinds of calls, with delays that show
 * deadlines. */
#include "main/demo_service.h"

#include "base/err.h"
#include "grpc/echo.h"
#include "loop/loop.h"

static struct slice
echo_text(const struct demo_call *c)
{
    return slice_make(c->text.s, c->text.len);
}

static void
echo_send(struct grpc_call *call, struct slice text, uint32_t number)
{
    const struct demo_service *s = grpc_call_arg(call);
    struct strbuf message;

    strbuf_init(&message, GRPC_SERVER_MESSAGE_MAX);
    echo_reply_encode(text, slice_of(s->name), number, &message);
    demo_call_send(call, &message);
}

static void
echo_on_timer(struct timer *t)
{
    struct demo_call *c = CONTAINER_OF(t, struct demo_call, timer);

    if (grpc_call_finished(c->call))
        return;
    if (grpc_call_queued(c->call) >= GRPC_SERVER_QUEUE_HIGH)
        return; /* on_room goes on */
    echo_send(c->call, echo_text(c), ++c->sent);
    demo_echo_more(c->call);
}

/* Sends the replies that are due: with a delay one per timer, else as many as the client
 * takes. */
void
demo_echo_more(struct grpc_call *call)
{
    struct demo_call *c = demo_call_get(call);

    while (c->delay_ms == 0 && c->sent < c->replies && !grpc_call_finished(call) &&
           grpc_call_queued(call) < GRPC_SERVER_QUEUE_HIGH)
        echo_send(call, echo_text(c), ++c->sent);
    if (c->sent == c->replies)
        grpc_call_finish(call, GRPC_OK, "");
    else if (c->delay_ms > 0 && !grpc_call_finished(call) && !timer_running(&c->timer))
        timer_start(grpc_call_loop(call), &c->timer, (int64_t)c->delay_ms * 1000);
}

/* Reads the request of a method that answers on its own. False: the call was ended. */
static bool
echo_begin(struct grpc_call *call, struct slice message, struct echo_request *ret)
{
    struct demo_call *c = demo_call_get(call);

    if (demo_call_fails(call))
        return false;
    if (echo_request_decode(message, &c->text, ret) != 0) {
        demo_call_bad_message(call);
        return false;
    }
    if (ret->delay_ms > DEMO_DELAY_MAX_MS || ret->count > DEMO_REPLIES_MAX) {
        grpc_call_finish(call, GRPC_INVALID_ARGUMENT,
                         "count may be 10000 and delay_ms 60000 at most");
        return false;
    }
    c->delay_ms = ret->delay_ms;
    timer_init(&c->timer, echo_on_timer);
    return true;
}

void
demo_echo_unary(struct grpc_call *call, struct slice message)
{
    struct echo_request r;

    if (!echo_begin(call, message, &r))
        return;
    demo_call_get(call)->replies = 1;
    demo_echo_more(call);
}

void
demo_echo_server_stream(struct grpc_call *call, struct slice message)
{
    struct echo_request r;

    if (!echo_begin(call, message, &r))
        return;
    demo_call_get(call)->replies = r.count ? r.count : DEMO_REPLIES_DEFAULT;
    demo_echo_more(call);
}

void
demo_echo_client_stream(struct grpc_call *call, struct slice message)
{
    struct demo_call *c = demo_call_get(call);
    struct echo_request r;

    if (demo_call_fails(call))
        return;
    if (c->messages++ > 0)
        strbuf_puts(&c->text, " ");
    if (echo_request_decode(message, &c->text, &r) != 0)
        demo_call_bad_message(call);
    else if (c->text.cut)
        grpc_call_finish(call, GRPC_RESOURCE_EXHAUSTED,
                         "the texts are too long together");
}

void
demo_echo_client_stream_end(struct grpc_call *call)
{
    const struct demo_call *c = demo_call_get(call);

    echo_send(call, echo_text(c), c->messages);
    grpc_call_finish(call, GRPC_OK, "");
}

void
demo_echo_bidi(struct grpc_call *call, struct slice message)
{
    struct demo_call *c = demo_call_get(call);
    struct echo_request r;
    struct strbuf text;

    if (demo_call_fails(call))
        return;
    strbuf_init(&text, GRPC_SERVER_MESSAGE_MAX);
    if (echo_request_decode(message, &text, &r) != 0)
        demo_call_bad_message(call);
    else
        echo_send(call, slice_make(text.s, text.len), ++c->sent);
    strbuf_done(&text);
}
