/* SPDX-License-Identifier: Apache-2.0 */
/* tests/unit/proxy/callrig.h - the whole data plane inside one loop, between a client and the backends of two pools ("app" and "canary") that a
 * test plays frame by frame. Loopback sockets, real or virtual time, no sleeps: every wait is for an event. One world at a time: `rig`. */
#ifndef OUTRIGGER_TESTS_UNIT_PROXY_CALLRIG_H
#define OUTRIGGER_TESTS_UNIT_PROXY_CALLRIG_H

#include "unit.h"

#include <string.h>

#include "base/clock.h"
#include "grpc/frame.h"
#include "guard.h"
#include "h2peer.h"
#include "net/addr.h"
#include "obs/stats.h"
#include "proxy/listener_conf.h"
#include "upstream/pool_conf.h"

enum {
    RIG_CONNS = 24,
    RIG_ENDPOINTS = 6, /* of one pool */
    RIG_APP = 0,
    RIG_CANARY = 1,
    RIG_POOLS = 2,
    HELLO = FRAME_PREFIX + 5
};

struct table;

/* Where an endpoint listens. */
struct rig_door {
    struct rig_pool *pool;
    char address[ADDR_TEXT_MAX];
    struct listener *listener; /* NULL: nobody listens */
    int deaf_fd;               /* has the port then; 0: none */
};

struct rig_pool {
    struct pool_conf conf;
    unsigned endpoints; /* 1; a test may want more */
    struct endpoint_conf targets[RIG_ENDPOINTS];
    struct rig_door doors[RIG_ENDPOINTS];
    struct h2peer conns[RIG_CONNS]; /* of all doors, in the order of their coming */
    unsigned at[RIG_CONNS];         /* the door of each */
    unsigned accepted;
    struct hub *hub;
};

/* Time of the worker's loop when it is virtual. */
struct rig_clock {
    struct clock_source source;
    int64_t now_us, step_us; /* each look at it makes it so much later */
};

struct callrig {
    struct rig_pool pools[RIG_POOLS];
    struct to_conf to_app; /* where routes[0] leads by default */
    struct route_conf routes[2];
    struct listener_conf front;
    /* May be NULL: changes the table before any call, as if the config said so. */
    void (*on_table)(struct table *t);
    /* May be NULL: gets the sockets of backends, instead of the h2peers. */
    void (*on_accept)(unsigned door, int fd);
    bool virtual; /* set before callrig_open: time moves only by rig_wait_ms */
    struct rig_clock clock;
    struct worker *worker;
    struct loop *loop, *control;
    struct server *server;
    struct h2peer client;
};

extern struct callrig rig;
extern const uint8_t hello_bytes[HELLO];

/* For cmocka: the config with its defaults, to be changed by the test; the end, which checks that all levels are zero and all memory is back. */
int callrig_setup(void **state);
int callrig_teardown(void **state);
#define RIG_TEST(fn) cmocka_unit_test_setup_teardown(fn, callrig_setup, callrig_teardown)
/* Opens it all as the config says; the client is connected. */
void callrig_open(void);
/* Nobody listens for this pool any more. */
void callrig_deafen(unsigned pool);

/* Turns of the loop until it is true; a failure, not a hang. Virtual time stands still. */
#define RIG_UNTIL(condition)                                                \
    do {                                                                    \
        int64_t rig_end = clock_real.now_us(clock_real.arg) + GUARD_US;     \
        if (!rig.virtual)                                                   \
            TURN_UNTIL(rig.loop, condition);                                \
        while (!(condition) && clock_real.now_us(clock_real.arg) < rig_end) \
            loop_turn(rig.loop, false);                                     \
        if (!(condition))                                                   \
            fail_msg("10 s passed before " #condition);                     \
    } while (0)
/* What is on its way through the kernel arrives. With virtual time only. */
void rig_turns(void);
/* So much virtual time passes, in steps of a millisecond. */
void rig_wait_ms(int64_t ms);

int64_t counted(enum stat_id id);
/* The newest connection to this pool; waits for the first. */
struct h2peer *backend(unsigned pool);
/* The nth header block of a stream; NULL: not yet. */
const char *fields_of(const struct h2peer *p, int32_t id, size_t nth);
/* A message with five bytes of payload, in one frame: hello_bytes. */
void send_hello(struct h2peer *p, int32_t id, bool end);
/* A call with that message; returns when "app" has all of it. The stream has the same id on both sides of the first connection. */
void call_to_backend(int32_t id);
/* A message of n bytes of payload, in one frame. */
void send_message(struct h2peer *p, int32_t id, size_t n, bool end);
void answer_headers(struct h2peer *p, int32_t id);
void answer_trailers(struct h2peer *p, int32_t id, const char *code);
/* The last header block of a complete answer with this grpc-status. */
const char *want_status(int32_t id, const char *code);

#define HAS(text, part)                                                               \
    do {                                                                              \
        if (!(text) || !strstr((text), (part)))                                       \
            fail_msg("\"%s\" is not in:\n%s", (part), (text) ? (text) : "(nothing)"); \
    } while (0)
#define HAS_NOT(text, part)                                \
    do {                                                   \
        if ((text) && strstr((text), (part)))              \
            fail_msg("\"%s\" is in:\n%s", (part), (text)); \
    } while (0)

#endif
