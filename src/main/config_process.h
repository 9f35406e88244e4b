/* SPDX-License-Identifier: Apache-2.0 */
/* main/config_process.h - the config roots that say how the process itself runs. Owned by the config snapshot (main/config.h), as are all strings. Main thread loads; any
 * thread may read. */
#ifndef OUTRIGGER_MAIN_CONFIG_PROCESS_H
#define OUTRIGGER_MAIN_CONFIG_PROCESS_H

#include <stdbool.h>
#include <stdint.h>

#include "conf/field.h"
#include "filter/access_conf.h"
#include "filter/metrics_push.h"

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

extern const struct conf_struct node_conf_struct;
extern const struct conf_struct admin_conf_struct;
extern const struct conf_struct log_conf_struct;
extern const struct conf_struct metrics_root_conf_struct;
extern const struct conf_struct drain_conf_struct;
extern const struct conf_struct upgrade_conf_struct;
extern const struct conf_struct reload_conf_struct;
extern const struct conf_struct process_limits_conf_struct;

#endif
