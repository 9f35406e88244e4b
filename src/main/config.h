/* SPDX-License-Identifier: Apache-2.0 */
/* main/config.h - the root of the configuration: one immutable snapshot, built whole or not at all.
 * Loading needs no loop and touches no socket. The snapshot owns all strings and lists in it. Main thread loads; any thread may read. */
#ifndef OUTRIGGER_MAIN_CONFIG_H
#define OUTRIGGER_MAIN_CONFIG_H

#include <stdint.h>

#include "base/compat.h"
#include "conf/field.h"
#include "filter/tracing_conf.h"
#include "main/config_probe.h"
#include "main/config_process.h"

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
