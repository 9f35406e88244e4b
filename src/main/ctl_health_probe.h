/* SPDX-License-Identifier: Apache-2.0 */
/* main/ctl_health_probe.h - one question for the health of a server, from its name to the answer. The command sets args, target, host and conf, and exit to -1; the probe sets the
 * exit code and the one sentence that says why. Everything that it opens is closed when it returns. */
#ifndef OUTRIGGER_MAIN_CTL_HEALTH_PROBE_H
#define OUTRIGGER_MAIN_CTL_HEALTH_PROBE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/rand.h"
#include "grpc/client.h"
#include "grpc/health.h"
#include "h2/conn.h"
#include "loop/timer.h"
#include "main/ctl_health_args.h"
#include "net/addr.h"
#include "obs/stats.h"

enum {
    HEALTH_EXIT_SERVING = 0,
    HEALTH_EXIT_USAGE = 1,
    HEALTH_EXIT_CONNECT = 2,
    HEALTH_EXIT_RPC = 3,
    HEALTH_EXIT_NOT_SERVING = 4,
};

enum { HEALTH_TRIED_MAX = 16, HEALTH_TARGET_MAX = 512, HEALTH_HOST_MAX = 256 };

struct health_probe {
    const struct health_args *args;
    int exit; /* -1: not known yet */
    char said[512];
    struct loop *loop;
    struct h2_worker *h2;
    struct stats stats;
    struct h2_limits limits;
    struct rng rng;
    struct timer timeout, ended;
    int64_t begun_us;
    char target[HEALTH_TARGET_MAX], host[HEALTH_HOST_MAX];
    struct conf_snapshot *conf; /* defaults of the resolvers */
    struct resolver *resolver;
    struct addr addrs[HEALTH_TRIED_MAX];
    size_t n, next;
    char failed[256]; /* why the last connect did */
    struct tls_store *tls;
    struct tls_keyring *keyring; /* NULL: plain text */
    struct grpc_client_field fields[HEALTH_HEADERS_MAX];
    struct grpc_client_conf client_conf;
    struct grpc_client *client;
    struct grpc_client_call *call;
    bool asked;
    enum health_status status;
    bool answered;
};

/* Returns when the exit code is set; conf is dropped. */
void health_probe_run(struct health_probe *h);

#endif
