/* SPDX-License-Identifier: Apache-2.0 */
/* tests/unit/admin/proberig.h - the probe port over memory pairs on a virtual clock, and clients that say bytes. One world at a time. */
#ifndef OUTRIGGER_TESTS_UNIT_ADMIN_PROBERIG_H
#define OUTRIGGER_TESTS_UNIT_ADMIN_PROBERIG_H

#include "admin/probe.h"
#include "h2/conn.h"
#include "loop/loop.h"
#include "obs/stats.h"
#include "unit.h"
#include "vclock.h"

enum { CLIENTS_MAX = PROBE_CONNS_MAX + 10 };

struct client { /* bytes in and out */
    struct transport *t;
    char got[4096];
    size_t n;
    bool ended, deaf;
};

struct probe_world {
    struct vclock clock;
    struct loop *loop;
    struct slab *slab;
    struct buf_pool *bufs;
    struct stats stats;
    const struct stats *stats_list[1];
    struct h2_worker *h2;
    struct probe *probe;
    struct h2_limits limits;
    bool good[3], pool_up; /* what the port is asked for; pool_up: of the pool "app" */
    struct metrics_page *metrics;
    size_t pools, page; /* page: how long /metrics is; 0: there is none */
    struct client clients[CLIENTS_MAX];
};
extern struct probe_world world;

int world_start(void **state);
int world_stop(void **state);
#define WORLD_TEST(fn) cmocka_unit_test_setup_teardown(fn, world_start, world_stop)

void turns(unsigned n);
void pass_ms(int64_t ms);

/* Client i connects. deaf: it reads nothing. */
struct client *client_open(size_t i, bool deaf);
void client_say(struct client *c, const char *text);

#endif
