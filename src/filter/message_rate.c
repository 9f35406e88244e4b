/* SPDX-License-Identifier: Apache-2.0 */
/* filter/message_rate.c - the filter "messageRate": at most so many messages per time in each stream from the client. Every call begins with a full bucket. A stream that is
 * over it is held back: what came waits until there is a token for each message that begins in it, and HTTP/2's window makes the client wait, too. How much can be
 * waiting, and then goes on at once, is that window. */
#include "base/buf.h"
#include "conf/check.h"
#include "filter/kinds.h"
#include "filter/rate_conf.h"
#include "grpc/frame.h"
#include "grpc/status.h"
#include "loop/loop.h"
#include "loop/timer.h"
#include "obs/stats.h"

#define REASON_MESSAGE_RATE "MESSAGE_RATE"

enum over { OVER_HOLD, OVER_REFUSE };

struct message_rate_conf {
    struct rate_conf rate;
    uint32_t over; /* enum over */
};

struct message_rate {
    struct filter filter;
    struct bucket_rule rule;
    char rate[RATE_TEXT_MAX];
};

struct stream {
    struct frame_parser parser;
    struct shared_bucket bucket; /* of this call alone */
    struct filter_call *fc;      /* NULL: never waited */
    struct timer timer;
};

static const char *const over_words[] = { "hold", "refuse", NULL };

static const struct conf_field fields[] = {
    RATE_ROWS(struct message_rate_conf, rate, "messages of one call"),
    { .key = "over",
      .type = CONF_ENUM,
      .at = offsetof(struct message_rate_conf, over),
      .def = "hold",
      .words = over_words,
      .example = "\"refuse\"",
      .help =
          "hold: messages over the rate wait, and so does the client; what came "
          "meanwhile, at most the stream's window, goes on together when there is room "
          "for all of it. refuse: the call ends with RESOURCE_EXHAUSTED." },
    { .key = NULL },
};

static void
check(void *obj, struct conf_place *place)
{
    const struct message_rate_conf *conf = obj;

    rate_conf_check(&conf->rate, place);
}

const struct conf_struct message_rate_conf_struct = {
    .name = "messageRate filter",
    .size = sizeof(struct message_rate_conf),
    .fields = fields,
    .check = check,
};

static void
message_rate_open(struct filter *f, const struct filter_env *env)
{
    struct message_rate *m = (struct message_rate *)f;
    const struct message_rate_conf *conf = f->conf;

    (void)env;
    m->rule = rate_conf_rule(&conf->rate);
    rate_conf_print(&conf->rate, m->rate);
}

static uint64_t
messages_begun(const struct frame_parser *p)
{
    return p->messages + !frame_at_border(p);
}

static void
on_timer(struct timer *t)
{
    struct stream *s = CONTAINER_OF(t, struct stream, timer);

    filter_resume(s->fc, FILTER_NEXT);
}

static enum filter_verdict
hold(const struct message_rate *m, struct filter_call *fc, struct stream *s, uint64_t n)
{
    int64_t wait_us =
        shared_bucket_borrow(&m->rule, &s->bucket, n, loop_now_us(fc->loop));

    if (wait_us == 0)
        return FILTER_NEXT;
    if (!s->fc) {
        s->fc = fc;
        timer_init(&s->timer, on_timer);
    }
    stat_inc(fc->stats, STAT_MESSAGE_RATE_HELD);
    timer_start(fc->loop, &s->timer, wait_us);
    return FILTER_WAIT;
}

static enum filter_verdict
refuse(const struct message_rate *m, struct filter_call *fc)
{
    const struct filter_refusal why = { .code = GRPC_RESOURCE_EXHAUSTED,
                                        .reason = REASON_MESSAGE_RATE,
                                        .subject = m->filter.scope };

    stat_inc(fc->stats, STAT_MESSAGE_RATE_REFUSED);
    return filter_refuse(fc, &why, "the stream is over its rate of %s messages (%s)",
                         m->rate, m->filter.scope);
}

static enum filter_verdict
on_request_data(struct filter_call *fc, void *state, const struct buf *in, bool end)
{
    const struct message_rate *m = (const struct message_rate *)filter_self(fc);
    const struct message_rate_conf *conf = m->filter.conf;
    struct stream *s = state;
    uint64_t before = messages_begun(&s->parser), n;

    (void)end;
    for (const struct chunk *k = in->head; k; k = k->next)
        frame_feed(&s->parser, k->data + k->off, k->len - k->off);
    n = messages_begun(&s->parser) - before;
    if (n == 0)
        return FILTER_NEXT;
    if (conf->over == OVER_HOLD)
        return hold(m, fc, s, n);
    if (n <= UINT32_MAX && shared_bucket_take(&m->rule, &s->bucket, (uint32_t)n,
                                              loop_now_us(fc->loop), NULL))
        return FILTER_NEXT;
    return refuse(m, fc);
}

static void
on_end(struct filter_call *fc, void *state, const struct filter_result *r)
{
    struct stream *s = state;

    (void)r;
    if (s->fc)
        timer_stop(fc->loop, &s->timer);
}

const struct filter_kind filter_message_rate = {
    .name = "messageRate",
    .conf = &message_rate_conf_struct,
    .size = sizeof(struct message_rate),
    .call_size = sizeof(struct stream),
    .open = message_rate_open,
    .on_request_data = on_request_data,
    .on_end = on_end,
};
