/* SPDX-License-Identifier: Apache-2.0 */
/* Limits that calls meet, bodies larger than every window, drain and stop. */
#include "callrig.h"

#include "h2/conn_int.h"
#include "loop/loop.h"
#include "net/transport.h"
#include "proxy/server.h"
#include "proxy/worker.h"
#include "upstream/pool_int.h"

static struct h2peer *const backends = rig.pools[RIG_APP].conns;

static void
on_connected(void *arg, int what)
{
    assert_true(what & TRANSPORT_CONNECTED);
    transport_want(*(struct transport **)arg, false, false);
}

/* ---- bounds ---- */

static void
no_backend_is_unavailable_with_a_reason(void **state)
{
    (void)state;
    callrig_open();
    callrig_deafen(RIG_APP);
    h2peer_call(&rig.client, 1, FL_END_STREAM);
    want_status(1, "14");
    HAS(fields_of(&rig.client, 1, 0), "refused");
}

/* A slot is free only when the backend's stream is gone too (Rapid Reset): our RST_STREAM waits behind a full pipe. */
static void
slots_of_cancelled_calls_stay_taken(void **state)
{
    (void)state;
    rig.front.limits.max_concurrent_streams = 4;
    callrig_open();
    call_to_backend(1);
    answer_headers(&backends[0], 1);
    answer_trailers(&backends[0], 1, "0");
    want_status(1, "0");
    h2peer_set_deaf(&backends[0], true);
    h2peer_u32(&backends[0], F_WINDOW, 0, 1 << 30);
    for (int32_t id = 3; id < 200; id += 2) {
        h2peer_call(&rig.client, id, 0);
        h2peer_u32(&rig.client, F_RST, id, H2_CANCEL);
    }
    for (int i = 0; i < 200; i++)
        loop_turn(rig.loop, false);
    assert_true(counted(STAT_CALLS_FLYING) <= 4);
    h2peer_set_deaf(&backends[0], false);
    TURN_UNTIL(rig.loop, counted(STAT_CALLS_FLYING) == 0);
}

static void
streams_over_the_limit_are_refused_and_come_later(void **state)
{
    (void)state;
    rig.front.limits.max_concurrent_streams = 2;
    callrig_open();
    rig.client.ack_settings = false; /* as if sent before the client knew the limit */
    for (int32_t id = 1; id <= 7; id += 2)
        h2peer_call(&rig.client, id, FL_END_STREAM);
    TURN_UNTIL(rig.loop, h2peer_count(&rig.client, F_RST, -1) == 2);
    assert_int_equal(h2peer_rst_code(&rig.client, 5), H2_REFUSED_STREAM);
    TURN_UNTIL(rig.loop, rig.pools[RIG_APP].accepted &&
                             h2peer_count(&backends[0], F_HEADERS, -1) == 2);
    answer_trailers(&backends[0], 1, "0");
    assert_int_equal(counted(STAT_STREAMS_REFUSED), 2);
}

static void
bodies_larger_than_every_window_pass_both_ways(void **state)
{
    enum { BODY = 3 * 1000 * 1000 };
    size_t up = 0, down = 0, sent_up = 0, sent_down = 0;
    static uint8_t piece[3276 * FRAME_PREFIX]; /* whole messages, all of them empty */

    (void)state;
    callrig_open();
    h2peer_call(&rig.client, 1, 0);
    TURN_UNTIL(rig.loop,
               rig.pools[RIG_APP].accepted && h2peer_count(&backends[0], F_HEADERS, 1));
    answer_headers(&backends[0], 1);
    backends[0].thin = rig.client.thin = true;
    h2peer_u32(&rig.client, F_WINDOW, 0, 1 << 30);
    h2peer_u32(&rig.client, F_WINDOW, 1, 1 << 30);
    h2peer_u32(&backends[0], F_WINDOW, 0, 1 << 30);
    h2peer_u32(&backends[0], F_WINDOW, 1, 1 << 30);
    while (up < BODY || down < BODY) {
        struct h2peer *p[2] = { &rig.client, &backends[0] };
        size_t *sent[2] = { &sent_up, &sent_down };

        for (int i = 0; i < 2; i++) {
            size_t window = 65535;

            for (size_t k = 0; k < p[i]->n; k++) {
                if (p[i]->frames[k].type == F_WINDOW && p[i]->frames[k].id == 1)
                    window += h2peer_get_u32(p[i]->frames[k].payload);
            }
            while (*sent[i] + sizeof(piece) <= window && *sent[i] < BODY) {
                h2peer_frame(p[i], F_DATA, 0, 1, piece, sizeof(piece));
                *sent[i] += sizeof(piece);
            }
        }
        loop_turn(rig.loop, false);
        up = backends[0].data_bytes;
        down = rig.client.data_bytes;
        assert_int_equal(h2peer_count(&rig.client, F_GOAWAY, 0), 0);
        assert_true(counted(STAT_BUFFERED_BYTES) < 9 * 1024 * 1024);
    }
    answer_trailers(&backends[0], 1, "0");
    want_status(1, "0");
}

/* ---- the end ---- */

static void
drain_lets_calls_end(void **state)
{
    (void)state;
    callrig_open();
    call_to_backend(1);
    worker_drain(rig.worker);
    TURN_UNTIL(rig.loop, h2peer_count(&rig.client, F_GOAWAY, 0) == 2);
    assert_int_equal(h2peer_goaway_code(&rig.client), H2_NO_ERROR);
    answer_headers(&backends[0], 1);
    answer_trailers(&backends[0], 1, "0");
    want_status(1, "0");
    TURN_UNTIL(rig.loop, rig.client.eof);
}

static void
stop_ends_calls_with_unavailable(void **state)
{
    (void)state;
    callrig_open();
    call_to_backend(1);
    h2peer_call(&rig.client, 3, 0);
    TURN_UNTIL(rig.loop, h2peer_count(&backends[0], F_HEADERS, 3));
    answer_headers(&backends[0], 3);
    TURN_UNTIL(rig.loop, h2peer_count(&rig.client, F_HEADERS, 3));
    worker_stop(rig.worker);
    want_status(1, "14");
    want_status(3, "14");
    TURN_UNTIL(rig.loop, h2peer_count(&backends[0], F_RST, 1) || backends[0].eof);
}

static void
a_stop_waits_for_clients_only(void **state)
{
    int64_t begun;

    (void)state;
    rig.virtual = true;
    callrig_open();
    call_to_backend(1);
    h2peer_hang_up(&rig.client);
    TURN_UNTIL(rig.loop, counted(STAT_DOWN_OPEN) == 0);
    rig.clock.step_us = 100;
    begun = rig.clock.now_us;
    worker_stop(rig.worker);
    loop_run(rig.loop);
    assert_in_range(rig.clock.now_us - begun, 1, 30 * 1000);
}

static void
connections_over_the_limit_are_closed_and_counted(void **state)
{
    struct transport *t;

    (void)state;
    rig.front.limits.max_connections = 1;
    callrig_open();
    TURN_UNTIL(rig.loop, counted(STAT_DOWN_OPEN) == 1);
    t = transport_connect(rig.loop, &rig.server->addr);
    transport_bind(t, on_connected, &t);
    transport_want(t, false, true);
    TURN_UNTIL(rig.loop, counted(STAT_DOWN_OVER_LIMIT) == 1);
    transport_close(t);
    call_to_backend(1); /* the first one is served */
}

/* The ids of streams end; a stream of days keeps the old connection. The next call gets another one, though there may be but one. */
static void
connection_without_ids_makes_room_for_another(void **state)
{
    enum { LAST_ID = (1 << 30) - 1 };
    struct endpoint *e;
    struct upconn *c;

    (void)state;
    rig.pools[RIG_APP].conf.connections.per_endpoint = 1;
    callrig_open();
    call_to_backend(1);
    e = rig.worker->pools[RIG_APP]->endpoints[0];
    c = CONTAINER_OF(e->conns.next, struct upconn, link);
    c->h2->next_id = LAST_ID;
    h2peer_call(&rig.client, 3, FL_END_STREAM);
    TURN_UNTIL(rig.loop,
               h2peer_count(&rig.pools[RIG_APP].conns[0], F_HEADERS, LAST_ID) == 1);
    answer_headers(&rig.pools[RIG_APP].conns[0], LAST_ID);
    answer_trailers(&rig.pools[RIG_APP].conns[0], LAST_ID, "0");
    want_status(3, "0");
    assert_int_equal(c->state, UPCONN_LEAVING);

    h2peer_call(&rig.client, 5, FL_END_STREAM);
    TURN_UNTIL(rig.loop, rig.pools[RIG_APP].accepted == 2);
    TURN_UNTIL(rig.loop, h2peer_count(&rig.pools[RIG_APP].conns[1], F_HEADERS, 1) == 1);
    answer_headers(&rig.pools[RIG_APP].conns[1], 1);
    answer_trailers(&rig.pools[RIG_APP].conns[1], 1, "0");
    want_status(5, "0");
    answer_headers(&rig.pools[RIG_APP].conns[0], 1);
    answer_trailers(&rig.pools[RIG_APP].conns[0], 1, "0");
    want_status(1, "0");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        RIG_TEST(no_backend_is_unavailable_with_a_reason),
        RIG_TEST(slots_of_cancelled_calls_stay_taken),
        RIG_TEST(streams_over_the_limit_are_refused_and_come_later),
        RIG_TEST(bodies_larger_than_every_window_pass_both_ways),
        RIG_TEST(drain_lets_calls_end),
        RIG_TEST(stop_ends_calls_with_unavailable),
        RIG_TEST(a_stop_waits_for_clients_only),
        RIG_TEST(connection_without_ids_makes_room_for_another),
        RIG_TEST(connections_over_the_limit_are_closed_and_counted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
