/* SPDX-License-Identifier: Apache-2.0 */
/* main/config.h - the root of the configuration: one immutable snapshot, built whole or not at all.
 * Loading needs no loop and touches no socket. The snapshot owns all strings and lists in it. Main thread loads; any thread may read. */
#ifndef OUTRIGGER_MAIN_CONFIG_H
#define OUTRIGGER_MAIN_CONFIG_H

#include <stdint.h>

#include "base/compat.h"
#include "conf/field.h"
#include "filter/access_conf.h"
#include "filter/metrics_push.h"
#include "filter/tracing_conf.h"
#include "main/config_probe.h"

struct node_conf {
    const char *id, *service; /* NULL: unknown; of traces */
    const char *zone;         /* NULL: unknown */
};

struct admin_conf {
    const char *listen;      /* "off": none */
    const char *descriptors; /* a file; NULL: none */
};

struct log_conf {
    uint32_t level,
        format; /* enum log_level, enum log_format (CONF_ENUM gives the index of the word) */
    struct access_conf access;
};

struct metrics_root_conf {
    uint32_t histogram; /* enum histogram_kind */
    uint32_t max_methods;
    struct metrics_push_conf push;
};

struct drain_conf {
    int64_t delay_ms, spread_ms, timeout_ms;
};

struct upgrade_conf {
    const char *socket; /* full path; NULL: no upgrades */
};

struct reload_conf {
    bool guard;
    int64_t guard_window_ms;
};

struct process_limits_conf {
    uint32_t max_connections; /* 0: half of the fd limit */
    uint64_t max_buffered_bytes, max_replay_bytes;
};

struct config {
    uint32_t version;
    uint32_t workers; /* 0: as many as the cgroup allows CPUs */
    struct node_conf node;
    struct admin_conf admin;
    struct probe_conf probe;
    struct log_conf log;
    struct metrics_root_conf metrics;
    struct tracing_conf tracing;
    struct drain_conf drain;
    struct upgrade_conf upgrade;
    bool watch;
    struct reload_conf reload;
    struct process_limits_conf limits;
    struct conf_list listeners; /* of struct listener_conf */
    struct conf_list pools;     /* of struct pool_conf */
};

extern const struct conf_struct config_struct;

/* True when the system would refuse to bind both of these addresses. */
bool config_listens_clash(const char *a_text, const char *b_text);

#endif
