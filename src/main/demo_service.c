/* SPDX-License-Identifier: Apache-2.0 */
/* main/demo_service.c - the table of methods, the greeter, reflection, and what all
 * methods share. */
#include "main/demo_service.h"

#include <stdio.h>

#include "base/err.h"
#include "grpc/greeter.h"
#include "grpc/reflection.h"
#include "loop/loop.h"

enum { GREETER_REPLIES = 3 };

void
demo_service_init(struct demo_service *s, unsigned number, const struct reflection *r)
{
    *s = (struct demo_service){ .serving = true, .reflection = r };
    snprintf(s->name, sizeof(s->name), "demo-%u", number);
    rng_seed_system(&s->rng);
    health_service_init(&s->health, &demo_health_ops, s, 0);
}

struct demo_call *
demo_call_get(struct grpc_call *call)
{
    struct demo_call *c = grpc_call_state(call);

    if (!c->call) {
        c->call = call;
        timer_init(&c->timer, NULL);
        strbuf_init(&c->text, GRPC_SERVER_MESSAGE_MAX);
    }
    return c;
}

bool
demo_call_fails(struct grpc_call *call)
{
    struct demo_service *s = grpc_call_arg(call);
    struct demo_call *c = demo_call_get(call);
    char text[64];

    if (c->begun)
        return false;
    c->begun = true;
    if (s->fail_one_in == 0 || rng_below(&s->rng, s->fail_one_in) != 0)
        return false;
    snprintf(text, sizeof(text), "%s fails one call in %u on purpose", s->name,
             s->fail_one_in);
    grpc_call_finish(call, GRPC_UNAVAILABLE, text);
    return true;
}

void
demo_call_gone(struct grpc_call *call)
{
    struct demo_call *c = grpc_call_state(call);

    if (!c->call)
        return; /* no message ever came */
    timer_stop(grpc_call_loop(call), &c->timer);
    health_watch_done(&c->watch);
    strbuf_done(&c->text);
}

void
demo_call_send(struct grpc_call *call, struct strbuf *message)
{
    if (message->cut)
        grpc_call_finish(call, GRPC_RESOURCE_EXHAUSTED, "the answer would be too long");
    else
        grpc_call_send(call, slice_make(message->s, message->len));
    strbuf_done(message);
}

void
demo_call_bad_message(struct grpc_call *call)
{
    grpc_call_finish(call, GRPC_INTERNAL,
                     "the request message is not what this method takes");
}

void
demo_finish_ok(struct grpc_call *call)
{
    grpc_call_finish(call, GRPC_OK, "");
}

/* Sends "Hello NAME", with " (1 of 3)" behind it when there are several. */
static void
greeter_send(struct grpc_call *call, struct slice name, unsigned number, unsigned of)
{
    struct strbuf text, message;

    strbuf_init(&text, GRPC_SERVER_MESSAGE_MAX);
    strbuf_init(&message, GRPC_SERVER_MESSAGE_MAX);
    strbuf_puts(&text, "Hello ");
    strbuf_add(&text, (const char *)name.p, name.n);
    if (of > 1)
        strbuf_printf(&text, " (%u of %u)", number, of);
    message.cut = text.cut;
    greeter_reply_encode(slice_make(text.s, text.len), &message);
    strbuf_done(&text);
    demo_call_send(call, &message);
}

static void
greeter_answer(struct grpc_call *call, struct slice message, unsigned replies)
{
    struct strbuf name;

    if (demo_call_fails(call))
        return;
    strbuf_init(&name, GRPC_SERVER_MESSAGE_MAX);
    if (greeter_request_decode(message, &name) != 0)
        demo_call_bad_message(call);
    for (unsigned i = 1; i <= replies && !grpc_call_finished(call); i++)
        greeter_send(call, slice_make(name.s, name.len), i, replies);
    strbuf_done(&name);
}

static void
greeter_say_hello(struct grpc_call *call, struct slice message)
{
    greeter_answer(call, message, 1);
}

static void
greeter_say_hello_stream(struct grpc_call *call, struct slice message)
{
    greeter_answer(call, message, GREETER_REPLIES);
}

static void
reflection_on_message(struct grpc_call *call, struct slice message)
{
    const struct demo_service *s = grpc_call_arg(call);
    struct strbuf answer;

    strbuf_init(&answer, GRPC_SERVER_MESSAGE_MAX);
    if (reflection_answer(s->reflection, message, &answer) == 0) {
        demo_call_send(call, &answer);
        return;
    }
    strbuf_done(&answer);
    demo_call_bad_message(call);
}

const struct grpc_method demo_methods[] = {
    { .path = "/helloworld.Greeter/SayHello",
      .on_message = greeter_say_hello,
      .on_half_close = demo_finish_ok,
      .on_gone = demo_call_gone },
    { .path = "/helloworld.Greeter/SayHelloStreamReply",
      .on_message = greeter_say_hello_stream,
      .on_half_close = demo_finish_ok,
      .on_gone = demo_call_gone },
    { .path = "/helloworld.Greeter/SayHelloBidiStream",
      .client_streams = true,
      .on_message = greeter_say_hello,
      .on_half_close = demo_finish_ok,
      .on_gone = demo_call_gone },
    { .path = "/outrigger.demo.Echo/Unary",
      .on_message = demo_echo_unary,
      .on_gone = demo_call_gone },
    { .path = "/outrigger.demo.Echo/ServerStream",
      .on_message = demo_echo_server_stream,
      .on_room = demo_echo_more,
      .on_gone = demo_call_gone },
    { .path = "/outrigger.demo.Echo/ClientStream",
      .client_streams = true,
      .on_message = demo_echo_client_stream,
      .on_half_close = demo_echo_client_stream_end,
      .on_gone = demo_call_gone },
    { .path = "/outrigger.demo.Echo/BidiStream",
      .client_streams = true,
      .on_message = demo_echo_bidi,
      .on_half_close = demo_finish_ok,
      .on_gone = demo_call_gone },
    { .path = "/grpc.health.v1.Health/Check",
      .on_message = demo_health_check,
      .on_half_close = demo_finish_ok },
    { .path = "/grpc.health.v1.Health/List",
      .on_message = demo_health_list,
      .on_half_close = demo_finish_ok },
    { .path = "/grpc.health.v1.Health/Watch",
      .on_message = demo_health_watch,
      .on_gone = demo_call_gone },
    { .path = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
      .client_streams = true,
      .on_message = reflection_on_message,
      .on_half_close = demo_finish_ok },
    { .path = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
      .client_streams = true,
      .on_message = reflection_on_message,
      .on_half_close = demo_finish_ok },
};

const size_t demo_method_count = ARRAY_LEN(demo_methods);
