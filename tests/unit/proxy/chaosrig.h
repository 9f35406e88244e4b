/* SPDX-License-Identifier: Apache-2.0 */
/* tests/unit/proxy/chaosrig.h - backends that do whatever they like: refuse, fail at every point of an answer, reset, hang, say GOAWAY, lose their connections; and the
 * loop that they and the clients of a test share, on the thread and on the clock of callrig.h. The number of a call stands in its header x-id. */
#ifndef OUTRIGGER_TESTS_UNIT_PROXY_CHAOSRIG_H
#define OUTRIGGER_TESTS_UNIT_PROXY_CHAOSRIG_H

#include "callrig.h"

#include "base/buf.h"
#include "base/slab.h"
#include "h2/conn.h"

enum {
    MAX_ATTEMPTS = 4, /* of policies */
    REPLAYS = 9,      /* transparent ones of a call, at most: see proxy/attempt.c */
};

enum kind { PLAIN, RETRY, HEDGE, KINDS };

/* What is known of a call. */
struct fate {
    uint8_t kind, attempts;
    bool acted;   /* a backend may have done what it asks for */
    bool hurried; /* its deadline is near: a backend may forget it */
};

struct chaos {
    struct rng rng;
    struct loop *loop;
    struct slab *slab;
    struct buf_pool *bufs;
    struct stats stats;
    struct h2_worker *h2;
    struct h2_limits limits;
    struct fate *fates; /* by number; the test's */
    struct {
        uint64_t want, begun, ended, ok, late, doubled, too_many, unpaired, attempts,
            hung;
    } n;
};

extern struct chaos chaos;

unsigned chance(unsigned of);
void chaos_turn(void); /* of both loops */
void chaos_open(void);
/* A backend's socket, for rig.on_accept. */
void chaos_on_accept(unsigned door, int fd);
void chaos_close_backends(void);
/* When all connections are closed. */
void chaos_close(void);

#define CHAOS_UNTIL(condition)                                                \
    do {                                                                      \
        int64_t chaos_end = clock_real.now_us(clock_real.arg) + GUARD_US;     \
        while (!(condition) && clock_real.now_us(clock_real.arg) < chaos_end) \
            chaos_turn();                                                     \
        assert_true(condition);                                               \
    } while (0)

#endif
