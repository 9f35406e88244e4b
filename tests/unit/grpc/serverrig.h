/* SPDX-License-Identifier: Apache-2.0 */
/* tests/unit/grpc/serverrig.h - our small server and our small client, joined by a memory pair that cuts the bytes; a virtual clock for the deadlines. One world at
 * a time. */
#ifndef OUTRIGGER_TESTS_UNIT_GRPC_SERVERRIG_H
#define OUTRIGGER_TESTS_UNIT_GRPC_SERVERRIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/slab.h"
#include "grpc/client.h"
#include "grpc/server.h"
#include "h2/conn.h"
#include "loop/loop.h"
#include "loop/timer.h"
#include "obs/stats.h"

struct echo_state { /* of a call of the method Count */
    struct timer timer;
    unsigned left;
};

struct world {
    int64_t now_us;
    struct clock_source clock;
    struct loop *loop;
    struct slab *slab;
    struct buf_pool *bufs;
    struct stats stats;
    struct h2_worker *h2;
    struct h2_limits limits;
    struct grpc_server *server;
    struct grpc_client *client;
    unsigned gone; /* calls whose on_gone ran */
};
extern struct world world;

/* What the client heard of one call. */
struct heard {
    unsigned messages, ends;
    size_t bytes;
    char last[64];
    enum grpc_code code;
    char text[200];
    char backend[32];
};

/* arg: a struct heard. */
extern const struct grpc_client_ops heard_ops;

enum { RIG_METHODS = 5 };
/* Of the service t.T: Unary and Bidi answer each message with itself; Fail ends with ABORTED, Hang never; Flood sends 2,000 messages of 1 KiB. */
extern const struct grpc_method rig_methods[RIG_METHODS];
/* The end of a call with OK, for on_half_close. */
void rig_finish_ok(struct grpc_call *call);

/* With a server of this conf, or with one of rig_methods. step: most bytes per read and write; 0: as many as there are. */
void world_start_with(const struct grpc_server_conf *conf, size_t step);
void world_start(size_t step);
void world_stop(void);
void turns(unsigned n);

struct grpc_client_call *start(const char *path, int64_t timeout_us, struct heard *h);
/* One message up and half-close, then `n` turns. */
void call_once(const char *path, struct slice message, unsigned n, struct heard *h);

#endif
