/* SPDX-License-Identifier: Apache-2.0 */
/* Calls that a backend did not process are tried again, with all of their body or not at all. */
#include "callrig.h"

#include "h2/conn.h"

static struct h2peer *const backends = rig.pools[RIG_APP].conns;

static void
a_refused_try_is_replayed_with_its_body(void **state)
{
    (void)state;
    callrig_open();
    call_to_backend(1);
    h2peer_u32(&backends[0], F_RST, 1, H2_REFUSED_STREAM);
    TURN_UNTIL(rig.loop, h2peer_data(&backends[0], 3) == HELLO);
    assert_string_equal(fields_of(&backends[0], 3, 0), fields_of(&backends[0], 1, 0));
    assert_memory_equal(h2peer_find(&backends[0], F_DATA, 3, 0)->payload, hello_bytes,
                        HELLO);
    answer_headers(&backends[0], 3);
    send_hello(&backends[0], 3, false);
    answer_trailers(&backends[0], 3, "0");
    want_status(1, "0");
    assert_int_equal(h2peer_data(&rig.client, 1), HELLO);
    assert_int_equal(counted(STAT_REPLAYS), 1);
}

static void
endless_refusal_ends_after_two_replays(void **state)
{
    (void)state;
    callrig_open();
    call_to_backend(1);
    for (int32_t id = 1; id <= 5; id += 2) {
        TURN_UNTIL(rig.loop, h2peer_data(&backends[0], id) == HELLO);
        h2peer_u32(&backends[0], F_RST, id, H2_REFUSED_STREAM);
    }
    want_status(1, "14");
    assert_int_equal(h2peer_count(&backends[0], F_HEADERS, -1), 3);
    assert_int_equal(counted(STAT_REPLAYS), 2);
    assert_int_equal(counted(STAT_REPLAYS_REFUSED_LIMIT), 1);
}

static void
no_replay_once_an_answer_began(void **state)
{
    (void)state;
    callrig_open();
    call_to_backend(1);
    answer_headers(&backends[0], 1);
    TURN_UNTIL(rig.loop, h2peer_count(&rig.client, F_HEADERS, 1));
    h2peer_u32(&backends[0], F_RST, 1, H2_REFUSED_STREAM);
    want_status(1, "14");
    assert_int_equal(h2peer_count(&backends[0], F_HEADERS, -1), 1);
}

static void
goaway_below_the_stream_replays_on_a_new_connection(void **state)
{
    (void)state;
    callrig_open();
    call_to_backend(1);
    h2peer_call(&rig.client, 3, 0);
    send_hello(&rig.client, 3, false);
    TURN_UNTIL(rig.loop, h2peer_data(&backends[0], 3) == HELLO);
    h2peer_goaway(&backends[0], 1, H2_NO_ERROR, "");
    TURN_UNTIL(rig.loop,
               rig.pools[RIG_APP].accepted == 2 && h2peer_data(&backends[1], 1) == HELLO);
    send_hello(&rig.client, 3, true); /* the rest follows the replayed part */
    TURN_UNTIL(rig.loop, h2peer_data(&backends[1], 1) == 2 * HELLO);
    answer_headers(&backends[1], 1);
    answer_trailers(&backends[1], 1, "0");
    want_status(3, "0");
    answer_headers(&backends[0], 1); /* the one below finishes where it was */
    answer_trailers(&backends[0], 1, "0");
    want_status(1, "0");
    assert_int_equal(counted(STAT_REPLAYS), 1);
}

static void
a_body_over_the_replay_limit_is_not_replayed(void **state)
{
    static uint8_t big[5 + 6000] = { 0, 0, 0, 6000 >> 8, 6000 & 255 };

    (void)state;
    rig.pools[RIG_APP].conf.limits.replay_bytes = 4096;
    callrig_open();
    h2peer_call(&rig.client, 1, 0);
    h2peer_frame(&rig.client, F_DATA, FL_END_STREAM, 1, big, sizeof(big));
    TURN_UNTIL(rig.loop, rig.pools[RIG_APP].accepted &&
                             h2peer_data(&backends[0], 1) == sizeof(big));
    h2peer_u32(&backends[0], F_RST, 1, H2_REFUSED_STREAM);
    want_status(1, "14");
    assert_int_equal(h2peer_count(&backends[0], F_HEADERS, -1), 1);
    assert_int_equal(counted(STAT_REPLAY_BYTES), 0);
}

/* The window that a replayed body used comes back once, not twice. */
static void
a_replayed_upload_keeps_its_window(void **state)
{
    size_t sent = 0;
    uint8_t piece[1000] = { 0, 0, 0, 995 >> 8, 995 & 255 };

    (void)state;
    callrig_open();
    h2peer_call(&rig.client, 1, 0);
    for (int i = 0; i < 20; i++)
        h2peer_frame(&rig.client, F_DATA, 0, 1, piece, sizeof(piece));
    TURN_UNTIL(rig.loop,
               rig.pools[RIG_APP].accepted && h2peer_data(&backends[0], 1) == 20000);
    h2peer_u32(&backends[0], F_RST, 1, H2_REFUSED_STREAM);
    TURN_UNTIL(rig.loop, h2peer_data(&backends[0], 3) == 20000);
    for (sent = 20000; sent < 400000;
         sent +=
         20000) { /* many windows' worth: credit must keep coming, in the right amount */
        size_t credit = 65535;

        for (int i = 0; i < 20; i++)
            h2peer_frame(&rig.client, F_DATA, 0, 1, piece, sizeof(piece));
        TURN_UNTIL(rig.loop, h2peer_data(&backends[0], 3) == sent + 20000);
        h2peer_u32(&backends[0], F_WINDOW, 3, 20000);
        h2peer_u32(&backends[0], F_WINDOW, 0, 20000);
        for (size_t i = 0; i < rig.client.n; i++) {
            if (rig.client.frames[i].type == F_WINDOW && rig.client.frames[i].id == 1)
                credit += h2peer_get_u32(rig.client.frames[i].payload);
        }
        assert_true(credit <= 65536 + sent + 20000); /* never more than what was taken */
    }
    assert_int_equal(h2peer_count(&rig.client, F_GOAWAY, 0), 0);
    assert_int_equal(h2peer_count(&rig.client, F_RST, 1), 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        RIG_TEST(a_refused_try_is_replayed_with_its_body),
        RIG_TEST(endless_refusal_ends_after_two_replays),
        RIG_TEST(no_replay_once_an_answer_began),
        RIG_TEST(goaway_below_the_stream_replays_on_a_new_connection),
        RIG_TEST(a_body_over_the_replay_limit_is_not_replayed),
        RIG_TEST(a_replayed_upload_keeps_its_window),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
