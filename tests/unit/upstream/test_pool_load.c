/* SPDX-License-Identifier: Apache-2.0 */
/* A pool with balance.enableOobLoadReport: who is asked for reports, since when, until when. */
#include "poolrig.h"

#include "grpc/orca.h"

/* The stream of the load call on a connection; 0: it is not such a connection. */
static int32_t
load_call(unsigned backend, unsigned conn)
{
    const struct peer_frame *f =
        h2peer_find(&backends[backend].conns[conn], F_HEADERS, F_ANY, 0);

    return f && f->fields && strstr(f->fields, ":path: " ORCA_PATH "\n") ? f->id : 0;
}

static void
open_pool(bool oob)
{
    conf.balance.enable_oob_load_report = oob;
    pool_open(1, "weighted_round_robin");
    assert_int_equal(call_start(0), ERR_AGAIN);
    UNTIL(calls[0].done);
    turns();
}

static void
nobody_is_asked_without_the_key(void **state)
{
    (void)state;
    open_pool(false);
    assert_int_equal(backends[0].accepted, 1);
}

static void
reports_reach_the_policy(void **state)
{
    /* application_utilization 0.25, rps_fractional 200 */
    static const uint8_t message[] = { 0, 0, 0, 0, 18,   0x49, 0,    0,
                                       0, 0, 0, 0, 0xd0, 0x3f, 0x31, 0,
                                       0, 0, 0, 0, 0x00, 0x69, 0x40 };
    struct lb_endpoint *lb;

    (void)state;
    open_pool(true);
    UNTIL(backends[0].accepted == 2 && load_call(0, 1));
    h2peer_headers(&backends[0].conns[1], load_call(0, 1), 0, ":status", "200",
                   "content-type", "application/grpc", NULL);
    h2peer_frame(&backends[0].conns[1], F_DATA, 0, load_call(0, 1), message,
                 sizeof(message));
    lb = &pool->endpoints[0]->lb;
    UNTIL(lb->load.updated_us);
    assert_true(lb->load.report.qps == 200 && lb->load.report.utilization == 0.25);
    /* Trailers are not read beside it. */
    assert_false(pool->wants & POOL_WANTS_REPORTS);
}

static void
who_leaves_the_list_is_not_asked_any_more(void **state)
{
    static const struct row none[] = { { .backend = -1 } };

    (void)state;
    open_pool(true);
    UNTIL(backends[0].accepted == 2 && load_call(0, 1));
    list_send(none);
    UNTIL(backends[0].conns[1].eof || backends[0].conns[1].lost);
    assert_int_equal(calls[0].closed, 0); /* it drains */
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        POOL_TEST(nobody_is_asked_without_the_key),
        POOL_TEST(reports_reach_the_policy),
        POOL_TEST(who_leaves_the_list_is_not_asked_any_more),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
