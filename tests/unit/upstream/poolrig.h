/* SPDX-License-Identifier: Apache-2.0 */
/* tests/unit/upstream/poolrig.h - pools with their hub against backends that a test plays frame by frame, over loopback sockets on the pools' own loop;
 * time is virtual. One rig per program. */
#ifndef OUTRIGGER_TESTS_UNIT_POOLRIG_H
#define OUTRIGGER_TESTS_UNIT_POOLRIG_H

#include "unit.h"

#include <string.h>
#include <time.h>

#include "base/buf.h"
#include "base/compat.h"
#include "base/err.h"
#include "base/log.h"
#include "base/slab.h"
#include "base/xalloc.h"
#include "h2/conn.h"
#include "h2peer.h"
#include "loop/loop.h"
#include "net/addr.h"
#include "net/listener.h"
#include "net/transport.h"
#include "obs/stats.h"
#include "upstream/hub.h"
#include "upstream/hub_int.h"
#include "upstream/pool.h"
#include "upstream/pool_conf.h"
#include "upstream/pool_int.h"
#include "vclock.h"

enum { BACKENDS = 6, CONNS = 64, CALLS = 64, POOLS = 2 };

/* Why a list of list_send without rows has none, and how a call hears it. */
#define NOBODY_WHY "no endpoints of dns:app are known: NXDOMAIN"
#define NOBODY_SENTENCE \
    "pool app: the pool has no usable endpoint; last failure: " NOBODY_WHY

enum manner { GREET, SILENT, HANG_UP, GREET_AND_HANG_UP, GREET_AND_GOAWAY, HTTP1 };

struct server {
    struct listener *li;
    int deaf_fd; /* has the port while nobody listens; 0: none */
    char target[ADDR_TEXT_MAX];
    enum manner manner;
    uint32_t max_streams; /* 0: not told */
    struct h2peer conns[CONNS];
    unsigned accepted;
};

struct call {
    struct h2_stream s;
    struct pool_wait wait;
    struct upconn *conn;
    int done, err; /* done: how often */
    unsigned order;
    unsigned closed;
    const char *name;        /* endpoint that served it */
    char why[POOL_TEXT_MAX]; /* as its end was told while it was told */
    struct h2_field fields[4];
};

extern struct vclock now;
extern struct loop *loop;
extern struct stats stats;
extern struct h2_worker *w;
extern struct rng rng;
extern struct server backends[BACKENDS];
extern struct pool_conf conf;
extern struct endpoint_conf targets[BACKENDS];
extern struct hub *hub;
extern struct pool *pool;         /* of worker 0 */
extern struct pool *pools[POOLS]; /* of all workers; they share the loop */
extern struct call calls[CALLS];
extern unsigned done_count;
extern void (*on_call_closed)(unsigned i); /* NULL: nothing happens then */

int rig_setup(void **state);
/* Whatever happened: levels are zero and no memory is out. */
int rig_teardown(void **state);

void backend_open(unsigned i);       /* listens; targets[i] is its address */
void backend_refuse(unsigned i);     /* connections, from now on */
int backend_index(const char *name); /* of this address; -1: none */

/* A hub with targets 0..endpoints-1, which are opened, and `workers` pools. */
void pools_open(size_t endpoints, const char *policy, size_t workers);
void pool_open(size_t endpoints, const char *policy);
/* The list as a source would tell it: these backends, of which rows say more (NULL: nothing more). */
struct row {
    int backend; /* index; below 0: the end */
    uint32_t priority, weight;
    const char *zone, *label; /* label: "key=value" or NULL */
};
void list_send(const struct row *rows);

int call_start(unsigned i);
int call_start_in(struct pool *p, unsigned i);
/* As if it were the next attempt of call `before`, on another stream. */
int call_start_after(unsigned i, unsigned before);
/* Ended or refused; the object may be used again. */
void call_reset(unsigned i);
/* The backend answers whatever requests it has. */
void answer_all(void);
unsigned ended(void);

int64_t real_ms(void);
/* What is on its way through the kernel arrives within a few turns on one thread. */
void turns(void);
void wait_ms(int64_t ms);

/* Turns until it is true; a failure, not a hang. Virtual time stands still. */
#define UNTIL(condition)                              \
    do {                                              \
        int64_t until_end = real_ms() + 10000;        \
        while (!(condition) && real_ms() < until_end) \
            loop_turn(loop, false);                   \
        assert_true(condition);                       \
    } while (0)

#define POOL_TEST(fn) cmocka_unit_test_setup_teardown(fn, rig_setup, rig_teardown)

#endif
