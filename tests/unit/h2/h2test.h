/* SPDX-License-Identifier: Apache-2.0 */
/* h2test.h - each test of room h2 gets a fresh rig; its end is checked by rig_close. */
#ifndef OUTRIGGER_TESTS_UNIT_H2TEST_H
#define OUTRIGGER_TESTS_UNIT_H2TEST_H

#include <stdbool.h>
#include <string.h>

#include "unit.h"

#include "h2rig.h"

static struct rig rig;

static inline int
h2_setup(void **state)
{
    *state = &rig;
    rig_open(&rig);
    return 0;
}

static inline int
h2_teardown(void **state)
{
    rig_close(*state);
    return 0;
}

#define H2_TEST(fn) cmocka_unit_test_setup_teardown(fn, h2_setup, h2_teardown)

enum { ROOM = 1 << 20 };

/* A down connection that is settled, with its peer. */
static inline struct h2peer *
down_ready(void)
{
    struct h2peer *p = rig_connect(&rig, H2_DOWN, ROOM, 0)->peer;

    rig_greet(&rig, H2_DOWN);
    assert_non_null(rig.conn[H2_DOWN].h2);
    return p;
}

static inline struct h2peer *
up_ready(void)
{
    struct h2peer *p = rig_connect(&rig, H2_UP, ROOM, 0)->peer;

    rig_greet(&rig, H2_UP);
    assert_non_null(rig.conn[H2_UP].h2);
    return p;
}

/* A request without a body, sent. */
static inline struct rig_stream *
open_request(void)
{
    struct rig_stream *s = rig_request(&rig, true);

    rig_run(&rig);
    return s;
}

/* The backend's headers on that stream; end: nothing comes behind them. */
static inline void
answer(struct h2peer *p, int32_t id, bool end)
{
    h2peer_headers(p, id, end ? FL_END_STREAM : 0, ":status", "200", "content-type",
                   "application/grpc", NULL);
}

#endif
