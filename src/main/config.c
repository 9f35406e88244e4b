/* SPDX-License-Identifier: Apache-2.0 */
/* main/config.c - the rows of the whole file, and the checks that need more than one
 * part of it. */
#include "main/config.h"

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "admin/descriptors.h"
#include "base/err.h"
#include "base/strbuf.h"
#include "base/xalloc.h"
#include "conf/check.h"
#include "lb/lb_conf.h"
#include "main/config_observe.h"
#include "main/config_routes.h"
#include "net/addr.h"
#include "obs/names.h"
#include "proxy/listener_conf.h"
#include "upstream/pool_conf.h"

#define KIB     1024LL
#define MIB     (1024 * KIB)
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

static const struct conf_struct admin_struct = {
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

static const struct conf_struct node_struct = {
    .name = "node",
    .size = sizeof(struct node_conf),
    .fields = node_fields,
};

/* --- log, drain, limits ----------------------------------------------------- */

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

static const struct conf_struct log_struct = {
    .name = "log",
    .size = sizeof(struct log_conf),
    .fields = log_fields,
};

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

static const struct conf_struct metrics_root_struct = {
    .name = "metrics",
    .size = sizeof(struct metrics_root_conf),
    .fields = metrics_fields,
};

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

static const struct conf_struct drain_struct = {
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

static const struct conf_struct upgrade_struct = {
    .name = "upgrade",
    .size = sizeof(struct upgrade_conf),
    .fields = upgrade_fields,
    .short_key = "socket",
};

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

static const struct conf_struct reload_struct = {
    .name = "reload",
    .size = sizeof(struct reload_conf),
    .fields = reload_fields,
};

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

static const struct conf_struct process_limits_struct = {
    .name = "process limits",
    .size = sizeof(struct process_limits_conf),
    .fields = process_limits_fields,
};

/* --- the file --------------------------------------------------------------- */

static const struct conf_field config_fields[] = {
    { .key = "version",
      .type = CONF_UINT,
      .at = offsetof(struct config, version),
      .min = 1,
      .max = 1,
      .required = true,
      .example = "1",
      .help = "Version of the file format. This program knows version 1." },
    { .key = "workers",
      .type = CONF_UINT,
      .at = offsetof(struct config, workers),
      .def = "0",
      .min = 0,
      .max = 1024,
      .example = "2",
      .help =
          "Threads that carry calls. 0: as many as the CPUs that the cgroup allows." },
    { .key = "node",
      .type = CONF_OBJECT,
      .at = offsetof(struct config, node),
      .sub = &node_struct,
      .example = "{ \"zone\": \"${ZONE:-eu-1a}\" }",
      .help = "Where this proxy runs." },
    { .key = "admin",
      .type = CONF_OBJECT,
      .at = offsetof(struct config, admin),
      .sub = &admin_struct,
      .example = "{ \"listen\": \"127.0.0.1:9901\" }",
      .help = "Metrics and state for people and machines on this host." },
    { .key = "probe",
      .type = CONF_OBJECT,
      .at = offsetof(struct config, probe),
      .sub = &probe_conf_struct,
      .example = "{ \"listen\": \":9902\", \"readyWhen\": { \"pools\": [\"app\"] } }",
      .help = "A port for probes: is this process alive, ready, started? Read only, "
              "plain text, off by default." },
    { .key = "log",
      .type = CONF_OBJECT,
      .at = offsetof(struct config, log),
      .sub = &log_struct,
      .example = "{ \"level\": \"debug\" }",
      .help = "What is written to stderr, and the access log." },
    { .key = "metrics",
      .type = CONF_OBJECT,
      .at = offsetof(struct config, metrics),
      .sub = &metrics_root_struct,
      .example = "{ \"histogram\": \"coarse\" }",
      .help = "Which metrics of calls there are." },
    { .key = "tracing",
      .type = CONF_OBJECT,
      .at = offsetof(struct config, tracing),
      .sub = &tracing_root_struct,
      .example =
          "{ \"otlp\": \"dns:///otel-collector.obs:4317\", \"sampleRatio\": 0.05 }",
      .help = "Traces of calls, of all listeners. Without this object there are none." },
    { .key = "drain",
      .type = CONF_OBJECT,
      .at = offsetof(struct config, drain),
      .sub = &drain_struct,
      .example = "{ \"timeout\": \"20s\" }",
      .help = "How the program stops after SIGTERM, SIGINT or SIGQUIT." },
    { .key = "upgrade",
      .type = CONF_OBJECT,
      .at = offsetof(struct config, upgrade),
      .sub = &upgrade_struct,
      .example = "{ \"socket\": \"/run/outrigger/upgrade.sock\" }",
      .help = "How a new process takes the place of this one." },
    { .key = "watch",
      .type = CONF_BOOL,
      .at = offsetof(struct config, watch),
      .def = "false",
      .example = "true",
      .help =
          "Loads this file again when it changes, also when it is reached through "
          "symlinks that are swapped, as a Kubernetes ConfigMap is. Without it SIGHUP "
          "and \"outriggerctl reload\" do it." },
    { .key = "reload",
      .type = CONF_OBJECT,
      .at = offsetof(struct config, reload),
      .sub = &reload_struct,
      .example = "{ \"guard\": true }",
      .help = "What happens after this file was loaded again." },
    { .key = "limits",
      .type = CONF_OBJECT,
      .at = offsetof(struct config, limits),
      .sub = &process_limits_struct,
      .example = "{ \"maxBufferedBytes\": \"64MiB\" }",
      .help = "Bounds of the whole process." },
    { .key = "listeners",
      .type = CONF_LIST,
      .at = offsetof(struct config, listeners),
      .min = 1,
      .max = 256,
      .required = true,
      .sub = &listener_conf_struct,
      .example = "[{ \"listen\": \":8080\", \"routes\": [{ \"to\": \"app\" }] }]",
      .help = "Where clients connect." },
    { .key = "pools",
      .type = CONF_LIST,
      .at = offsetof(struct config, pools),
      .min = 1,
      .max = 10000,
      .required = true,
      .sub = &pool_conf_struct,
      .example = "[{ \"name\": \"app\", \"endpoints\": [\"127.0.0.1:50051\"] }]",
      .help = "Groups of backends that serve the same." },
    { .key = NULL },
};

/* Port in host order; wildcard tells whether it takes every address. 0: unix socket, or
 * the system chooses. */
static unsigned
addr_port(const struct addr *a, bool *ret_wildcard)
{
    const struct sockaddr_in *v4 = (const void *)&a->sa;
    const struct sockaddr_in6 *v6 = (const void *)&a->sa;

    *ret_wildcard = false;
    if (a->sa.ss_family == AF_INET) {
        *ret_wildcard = v4->sin_addr.s_addr == htonl(INADDR_ANY);
        return ntohs(v4->sin_port);
    }
    if (a->sa.ss_family == AF_INET6) {
        *ret_wildcard = IN6_IS_ADDR_UNSPECIFIED(&v6->sin6_addr);
        return ntohs(v6->sin6_port);
    }
    return 0;
}

bool
config_listens_clash(const char *a_text, const char *b_text)
{
    struct addr a, b;
    const char *why;
    bool a_all, b_all;
    unsigned a_port, b_port;

    if (a_text && b_text && strncmp(a_text, "fd:", 3) == 0)
        return strcmp(a_text, b_text) == 0;
    if (!a_text || !b_text || addr_parse(a_text, true, &a, &why) != 0 ||
        addr_parse(b_text, true, &b, &why) != 0)
        return false;
    a_port = addr_port(&a, &a_all);
    b_port = addr_port(&b, &b_all);
    if (addr_is_unix(&a) || addr_is_unix(&b))
        return addr_equal(&a, &b);
    return a_port != 0 && a_port == b_port && (a_all || b_all || addr_equal(&a, &b));
}

static void
config_check_listens(const struct config *c, struct conf_place *place)
{
    const struct listener_conf *l = c->listeners.items;

    for (size_t i = 0; i < c->listeners.n; i++) {
        for (size_t k = 0; k < i; k++) {
            if (config_listens_clash(l[k].listen, l[i].listen)) {
                conf_problem_item(place, "listeners", i, "listen", "E0203",
                                  "listeners[%zu] already listens on \"%s\"; give this "
                                  "one another port",
                                  k, l[k].listen);
                break;
            }
        }
        if (c->upgrade.socket && l[i].listen && strncmp(l[i].listen, "unix:", 5) == 0 &&
            strcmp(l[i].listen + 5, c->upgrade.socket) == 0)
            conf_problem_item(place, "listeners", i, "listen", "E0203",
                              "upgrade.socket is \"%s\" already; give this listener "
                              "another path",
                              c->upgrade.socket);
        if (config_listens_clash(l[i].listen, c->admin.listen))
            conf_problem_item(
                place, "listeners", i, "listen", "E0203",
                "admin.listen is \"%s\" already; give this listener another port",
                c->admin.listen);
        if (config_listens_clash(l[i].listen, c->probe.listen))
            conf_problem_item(
                place, "listeners", i, "listen", "E0203",
                "probe.listen is \"%s\" already; give this listener another port",
                c->probe.listen);
    }
    if (config_listens_clash(c->probe.listen, c->admin.listen))
        conf_problem(place, "probe.listen", "E0203",
                     "admin.listen is \"%s\" already; give the probe another port",
                     c->admin.listen);
}

static void
config_check_descriptors(const struct config *c, struct conf_place *place)
{
    struct descriptors *d;
    struct strbuf why;

    if (!c->admin.descriptors)
        return;
    strbuf_init(&why, 2048);
    if (descriptors_load(c->admin.descriptors, &d, &why) != ERR_OK)
        conf_problem(place, "admin.descriptors", "E0211", "%s", why.s);
    descriptors_free(d);
    strbuf_done(&why);
}

static void
config_check(void *obj, struct conf_place *place)
{
    struct config *c = obj;
    struct listener_conf *l = c->listeners.items;
    struct pool_conf *pools = c->pools.items;

    conf_check_unique(place, "pools", &c->pools, sizeof(struct pool_conf),
                      offsetof(struct pool_conf, name), "name", NULL);
    conf_check_unique(place, "listeners", &c->listeners, sizeof(struct listener_conf),
                      offsetof(struct listener_conf, name), "name", NULL);
    config_observe(c, place);
    config_check_routes(c, place);
    config_check_listens(c, place);
    config_check_descriptors(c, place);
    config_check_probe(&c->probe, &c->pools, place);
    if (c->watch && conf_place_is_stdin(place))
        conf_problem(
            place, "watch", "E0290",
            "a config from standard input cannot be watched; give a file with -c, "
            "or leave \"watch\" out");
    /* Only now, so that two listeners on one address are one problem and not two. */
    for (size_t i = 0; i < c->listeners.n; i++) {
        if (!l[i].name)
            l[i].name = l[i].listen;
    }
    if (c->node.zone && !*c->node.zone)
        c->node.zone = NULL;
    for (size_t i = 0; i < c->pools.n; i++) {
        if (!pools[i].balance.zone_aware.zone)
            pools[i].balance.zone_aware.zone = c->node.zone;
    }
}

const struct conf_struct config_struct = {
    .name = "config",
    .size = sizeof(struct config),
    .fields = config_fields,
    .check = config_check,
};
