/* SPDX-License-Identifier: Apache-2.0 */
/* main/config_process.c - rows of the config roots that say how the process itself runs: admin, node, log, metrics, drain, upgrade, reload, limits. */
#include "main/config_process.h"

#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "conf/check.h"
#include "lb/lb_conf.h"
#include "net/addr.h"
#include "obs/names.h"

#define MIB     (1024 * 1024LL)
#define GIB     (1024 * MIB)
#define HOUR_MS 3600000LL

/* --- admin ------------------------------------------------------------------ */

static int
admin_listen_valid(const char *text, const char **ret_why)
{
    struct addr addr;

    if (strcmp(text, "off") == 0)
        return 0;
    *ret_why = "write \"127.0.0.1:9901\", \"unix:/path\" or \"off\"";
    if (text[0] == '\0' || addr_parse(text, true, &addr, ret_why) != 0)
        return ERR_SYNTAX;
    if (addr_is_local(&addr))
        return 0;
    *ret_why = "the admin page has full power and no password, so it must be on loopback "
               "(\"127.0.0.1:9901\") or a unix "
               "socket (\"unix:/path\")";
    return ERR_SYNTAX;
}

static const struct conf_field admin_fields[] = {
    { .key = "listen",
      .type = CONF_STRING,
      .at = offsetof(struct admin_conf, listen),
      .def = "127.0.0.1:9901",
      .valid = admin_listen_valid,
      .code = "E0207",
      .example = "\"127.0.0.1:9901\"",
      .help = "Address of the live page, /metrics and /stats.json over HTTP/1.1, and of "
              "gRPC (reflection, channelz) on the same socket; \"off\" for none. "
              "Loopback or unix socket only; the file of a socket is for the user of the "
              "process alone. A bare string in \"admin\" means the same." },
    { .key = "descriptors",
      .type = CONF_STRING,
      .at = offsetof(struct admin_conf, descriptors),
      .hide = CONF_SHOW,
      .example = "\"/etc/outrigger/services.binpb\"",
      .help =
          "A file whose services gRPC reflection on the admin port tells beside its "
          "own, for grpcurl: a descriptor set as protoc --include_imports "
          "--descriptor_set_out writes it, at most 16 MiB. It is read at the start and "
          "with each reload." },
    { .key = NULL },
};

const struct conf_struct admin_conf_struct = {
    .name = "admin",
    .size = sizeof(struct admin_conf),
    .fields = admin_fields,
    .short_key = "listen",
};

/* --- node -------------------------------------------------------------------- */

/* "${ZONE:-}" is nothing where nobody says it. */
static int
node_zone_valid(const char *text, const char **ret_why)
{
    return *text ? lb_zone_valid(text, ret_why) : ERR_OK;
}

static const struct conf_field node_fields[] = {
    { .key = "id",
      .type = CONF_STRING,
      .at = offsetof(struct node_conf, id),
      .valid = conf_name_valid,
      .example = "\"${POD_NAME:-local}\"",
      .help =
          "What tells this proxy from others that do the same: service.instance.id of "
          "its spans." },
    { .key = "service",
      .type = CONF_STRING,
      .at = offsetof(struct node_conf, service),
      .valid = conf_name_valid,
      .example = "\"orders\"",
      .help = "The service that this proxy belongs to: service.name of its spans." },
    { .key = "zone",
      .type = CONF_STRING,
      .at = offsetof(struct node_conf, zone),
      .valid = node_zone_valid,
      .code = "E0232",
      .example = "\"${ZONE:-eu-1a}\"",
      .help =
          "The zone that this proxy runs in, for the pools that do not say another in "
          "balance.zoneAware: their endpoints of this zone are used first. Without "
          "this key, or when it is empty, zones do not matter." },
    { .key = NULL },
};

const struct conf_struct node_conf_struct = {
    .name = "node",
    .size = sizeof(struct node_conf),
    .fields = node_fields,
};

/* --- log --------------------------------------------------------------------- */

/* Same order as enum log_level and enum log_format. */
static const char *const level_words[] = { "error", "warn", "info", "debug", NULL };
static const char *const format_words[] = { "text", "json", NULL };

static const struct conf_field log_fields[] = {
    { .key = "level",
      .type = CONF_ENUM,
      .at = offsetof(struct log_conf, level),
      .def = "info",
      .words = level_words,
      .example = "\"debug\"",
      .help = "Least important lines that are written." },
    { .key = "format",
      .type = CONF_ENUM,
      .at = offsetof(struct log_conf, format),
      .def = "text",
      .words = format_words,
      .example = "\"json\"",
      .help =
          "Form of a log line: text for people, json for machines. Logs go to stderr." },
    { .key = "access",
      .type = CONF_OBJECT,
      .at = offsetof(struct log_conf, access),
      .sub = &access_root_struct,
      .example = "{ \"sample\": \"1%\", \"always\": [\"error\", \"slow:500ms\"] }",
      .help = "A line for calls that end, of all listeners. Without this object there is "
              "none, but for listeners that have a filter accessLog of their own." },
    { .key = NULL },
};

const struct conf_struct log_conf_struct = {
    .name = "log",
    .size = sizeof(struct log_conf),
    .fields = log_fields,
};

/* --- metrics ----------------------------------------------------------------- */

/* Same order as enum histogram_kind. */
static const char *const histogram_words[] = { "fine", "coarse", "none", NULL };

static const struct conf_field metrics_fields[] = {
    { .key = "histogram",
      .type = CONF_ENUM,
      .at = offsetof(struct metrics_root_conf, histogram),
      .def = "fine",
      .words = histogram_words,
      .example = "\"coarse\"",
      .help = "Buckets of grpc_server_handling_seconds and grpc_client_handling_seconds: "
              "fine, 41 from 10 us to 100 s (gRFC A66); coarse, 11 from 5 ms to 10 s; "
              "none, without these metrics. Read at start only." },
    { .key = "maxMethods",
      .type = CONF_UINT,
      .at = offsetof(struct metrics_root_conf, max_methods),
      .def = "1000",
      .min = 1,
      .max = NAMES_MAX,
      .example = "500",
      .help = "Most methods that have series of their own. Only methods that a backend "
              "has answered get them; all others count as _OTHER. Read at start only." },
    { .key = "push",
      .type = CONF_OBJECT,
      .at = offsetof(struct metrics_root_conf, push),
      .sub = &metrics_push_conf_struct,
      .example =
          "{ \"otlp\": \"dns:///otel-collector.obs:4317\", \"interval\": \"30s\" }",
      .help =
          "Sends all that /metrics shows to a collector again and again. Without this "
          "object nothing is sent." },
    { .key = NULL },
};

const struct conf_struct metrics_root_conf_struct = {
    .name = "metrics",
    .size = sizeof(struct metrics_root_conf),
    .fields = metrics_fields,
};

/* --- drain ------------------------------------------------------------------- */

static const struct conf_field drain_fields[] = {
    { .key = "delay",
      .type = CONF_DURATION,
      .at = offsetof(struct drain_conf, delay_ms),
      .def = "5s",
      .min = 0,
      .max = HOUR_MS,
      .example = "\"5s\"",
      .help = "Time between the signal to stop and the first GOAWAY: new calls are still "
              "served, so that others can "
              "learn that we go." },
    { .key = "spread",
      .type = CONF_DURATION,
      .at = offsetof(struct drain_conf, spread_ms),
      .def = "0s",
      .min = 0,
      .max = HOUR_MS,
      .example = "\"10s\"",
      .help = "After the delay each client connection gets its GOAWAY at a random moment "
              "of this time, so that not all clients connect elsewhere at once. Inbound "
              "listeners accept until it is over or no connection is left. It is part of "
              "timeout." },
    { .key = "timeout",
      .type = CONF_DURATION,
      .at = offsetof(struct drain_conf, timeout_ms),
      .def = "30s",
      .min = 0,
      .max = 24 * HOUR_MS,
      .example = "\"30s\"",
      .help =
          "Time for running calls to end after the delay. What still runs then ends "
          "with UNAVAILABLE. Delay and timeout together must be shorter than what "
          "stops the process waits (terminationGracePeriodSeconds, TimeoutStopSec)." },
    { .key = NULL },
};

static void
drain_check(void *obj, struct conf_place *place)
{
    const struct drain_conf *d = obj;

    conf_check_at_least(place, CONF_DURATION, "timeout", d->timeout_ms, "spread",
                        d->spread_ms);
}

const struct conf_struct drain_conf_struct = {
    .name = "drain",
    .size = sizeof(struct drain_conf),
    .fields = drain_fields,
    .check = drain_check,
};

/* --- upgrade ----------------------------------------------------------------- */

static int
upgrade_socket_valid(const char *text, const char **ret_why)
{
    struct addr addr;
    char full[ADDR_TEXT_MAX];

    *ret_why = "write a full path, as \"/run/outrigger/upgrade.sock\"";
    if (text[0] != '/')
        return ERR_SYNTAX;
    *ret_why = "the path of a unix socket has at most 107 bytes";
    if (snprintf(full, sizeof(full), "unix:%s", text) >= (int)sizeof(full))
        return ERR_SYNTAX;
    return addr_parse(full, true, &addr, ret_why);
}

static const struct conf_field upgrade_fields[] = {
    { .key = "socket",
      .type = CONF_STRING,
      .at = offsetof(struct upgrade_conf, socket),
      .valid = upgrade_socket_valid,
      .code = "E0294",
      .example = "\"/run/outrigger/upgrade.sock\"",
      .help = "A second process that is started with the same path takes the listening "
              "sockets of the running one over, and the running one drains and exits: no "
              "connection is refused. Full path of a unix socket that the process makes "
              "(mode 0600). Without this key there are no upgrades. Read at start only. "
              "A bare string in \"upgrade\" means the same." },
    { .key = NULL },
};

const struct conf_struct upgrade_conf_struct = {
    .name = "upgrade",
    .size = sizeof(struct upgrade_conf),
    .fields = upgrade_fields,
    .short_key = "socket",
};

/* --- reload ------------------------------------------------------------------ */

static const struct conf_field reload_fields[] = {
    { .key = "guard",
      .type = CONF_BOOL,
      .at = offsetof(struct reload_conf, guard),
      .def = "false",
      .example = "true",
      .help = "Goes back to the config before by itself when a new one makes calls fail: "
              "when within guardWindow the share of calls that end with UNAVAILABLE, "
              "UNIMPLEMENTED, INTERNAL, UNKNOWN or DEADLINE_EXCEEDED is more than double "
              "the share of the same time before, and above 1 %. It needs 50 calls, 5 of "
              "them failed." },
    { .key = "guardWindow",
      .type = CONF_DURATION,
      .at = offsetof(struct reload_conf, guard_window_ms),
      .def = "1m",
      .min = 1000,
      .max = HOUR_MS,
      .example = "\"30s\"",
      .help = "How long a new config is on probation, and how far back it is compared." },
    { .key = NULL },
};

const struct conf_struct reload_conf_struct = {
    .name = "reload",
    .size = sizeof(struct reload_conf),
    .fields = reload_fields,
};

/* --- limits ------------------------------------------------------------------ */

static const struct conf_field process_limits_fields[] = {
    { .key = "maxConnections",
      .type = CONF_UINT,
      .at = offsetof(struct process_limits_conf, max_connections),
      .def = "0",
      .min = 0,
      .max = 10000000,
      .example = "10000",
      .help = "Most client connections of the whole process. 0: half of the limit of "
              "open files." },
    { .key = "maxBufferedBytes",
      .type = CONF_SIZE,
      .at = offsetof(struct process_limits_conf, max_buffered_bytes),
      .def = "64MiB",
      .min = MIB,
      .max = 1024 * GIB,
      .example = "\"64MiB\"",
      .help = "Most bytes of messages that wait in the proxy, all calls together. Near "
              "it windows shrink; at it clients whose messages wait are not read." },
    { .key = "maxReplayBytes",
      .type = CONF_SIZE,
      .at = offsetof(struct process_limits_conf, max_replay_bytes),
      .def = "16MiB",
      .min = 0,
      .max = 1024 * GIB,
      .example = "\"16MiB\"",
      .help = "Most bytes of requests that are kept to be sent again, all calls "
              "together. Above it new calls keep none." },
    { .key = NULL },
};

const struct conf_struct process_limits_conf_struct = {
    .name = "process limits",
    .size = sizeof(struct process_limits_conf),
    .fields = process_limits_fields,
};
