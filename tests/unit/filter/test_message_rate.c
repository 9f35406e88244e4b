/* SPDX-License-Identifier: Apache-2.0 */
/* The filter messageRate: streams that are held back for exactly as long as their tokens need, messages that come in pieces, refusals, early ends. */
#include "filterrig.h"

#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "filter/kinds.h"

static struct buf_pool *chunks;

/* These bytes arrive. */
static enum filter_verdict
feed(struct rigcall *c, const char *bytes, size_t n)
{
    enum filter_verdict v;
    struct buf in;

    buf_init(&in);
    assert_int_equal(buf_append(&in, chunks, bytes, n, SIZE_MAX), ERR_OK);
    v = chain_request_data(&c->fc, &in, false);
    buf_done(&in, chunks);
    return v;
}

/* n messages of two bytes. */
static enum filter_verdict
messages(struct rigcall *c, unsigned n)
{
    char bytes[7 * 100];

    assert_true(n <= 100);
    for (unsigned i = 0; i < n; i++)
        memcpy(bytes + (size_t)7 * i, "\0\0\0\0\2hi", 7);
    return feed(c, bytes, (size_t)7 * n);
}

static struct rigcall *
call(void)
{
    struct rigcall *c = rig_call("shop.Cart/Feed");

    assert_int_equal(rig_request(c), FILTER_NEXT);
    return c;
}

static void
holds_a_stream_until_its_tokens_are_there(void **state)
{
    struct rigcall *c, *other;

    (void)state;
    rig_only(&filter_message_rate, "{ \"rate\": \"10/s\", \"burst\": 3 }");
    c = call();
    assert_int_equal(messages(c, 3), FILTER_NEXT);
    assert_int_equal(messages(c, 2), FILTER_WAIT);
    rig_advance_ms(199);
    assert_int_equal(c->resumed, 0);
    /* Each call has a bucket of its own. */
    other = call();
    assert_int_equal(messages(other, 3), FILTER_NEXT);
    rig_end(other, GRPC_OK);
    rig_advance_ms(2);
    assert_int_equal(c->resumed, 1);
    assert_int_equal(c->verdict, FILTER_NEXT);
    assert_int_equal(messages(c, 1), FILTER_WAIT);
    rig_advance_ms(100);
    assert_int_equal(c->resumed, 2);
    rig_advance_ms(1000);
    assert_int_equal(messages(c, 3), FILTER_NEXT);
    assert_int_equal(rig_counted(STAT_MESSAGE_RATE_HELD), 2);
    rig_end(c, GRPC_OK);
}

static void
pieces_of_a_message_count_once(void **state)
{
    static const char three[] = "\0\0\0\0\5hello\0\0\0\0\0\0\0\0\0\1x";
    struct rigcall *c;

    (void)state;
    rig_only(&filter_message_rate, "{ \"rate\": \"1/s\", \"burst\": 3 }");
    c = call();
    for (size_t i = 0; i < sizeof(three) - 1; i++)
        assert_int_equal(feed(c, three + i, 1), FILTER_NEXT);
    assert_int_equal(feed(c, three, 1), FILTER_WAIT);
    rig_end(c, GRPC_OK); /* while it waits */
    rig_advance_ms(5000);
}

static void
can_refuse_instead(void **state)
{
    struct rigcall *c;

    (void)state;
    rig_only(&filter_message_rate,
             "{ \"rate\": \"10/s\", \"burst\": 3, \"over\": \"refuse\" }");
    c = call();
    assert_int_equal(messages(c, 3), FILTER_NEXT);
    rig_advance_ms(100);
    assert_int_equal(messages(c, 1), FILTER_NEXT);
    assert_int_equal(messages(c, 1), FILTER_DONE);
    assert_int_equal(c->fc.refusal.code, GRPC_RESOURCE_EXHAUSTED);
    assert_string_equal(c->fc.refusal.reason, "MESSAGE_RATE");
    assert_string_equal(c->fc.text,
                        "the stream is over its rate of 10/s messages (listener test)");
    rig_end(c, GRPC_RESOURCE_EXHAUSTED);
    assert_int_equal(rig_counted(STAT_MESSAGE_RATE_REFUSED), 1);
    c = call();
    assert_int_equal(messages(c, 4), FILTER_DONE);
    rig_end(c, GRPC_RESOURCE_EXHAUSTED);
}

static void
nothing_is_not_a_message(void **state)
{
    struct rigcall *c;
    struct buf in;

    (void)state;
    rig_only(&filter_message_rate, "{ \"rate\": \"1/s\", \"burst\": 1 }");
    c = call();
    buf_init(&in);
    assert_int_equal(messages(c, 1), FILTER_NEXT);
    assert_int_equal(chain_request_data(&c->fc, &in, true), FILTER_NEXT);
    rig_end(c, GRPC_OK);
}

static int
setup(void **state)
{
    chunks = buf_pool_new(0);
    return rig_setup(state);
}

static int
teardown(void **state)
{
    int r = rig_teardown(state);

    assert_int_equal(buf_pool_live(chunks), 0);
    buf_pool_free(chunks);
    return r;
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(holds_a_stream_until_its_tokens_are_there),
        TEST(pieces_of_a_message_count_once),
        TEST(can_refuse_instead),
        TEST(nothing_is_not_a_message),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
