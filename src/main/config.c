/* SPDX-License-Identifier: Apache-2.0 */
/* main/config.c - the rows of the file's root, and the checks that need more than one
 * part of it. */
#include "main/config.h"

#include <netinet/in.h>
#include <string.h>

#include "admin/descriptors.h"
#include "base/err.h"
#include "base/strbuf.h"
#include "conf/check.h"
#include "main/config_observe.h"
#include "main/config_routes.h"
#include "net/addr.h"
#include "proxy/listener_conf.h"
#include "upstream/pool_conf.h"

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
      .sub = &node_conf_struct,
      .example = "{ \"zone\": \"${ZONE:-eu-1a}\" }",
      .help = "Where this proxy runs." },
    { .key = "admin",
      .type = CONF_OBJECT,
      .at = offsetof(struct config, admin),
      .sub = &admin_conf_struct,
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
      .sub = &log_conf_struct,
      .example = "{ \"level\": \"debug\" }",
      .help = "What is written to stderr, and the access log." },
    { .key = "metrics",
      .type = CONF_OBJECT,
      .at = offsetof(struct config, metrics),
      .sub = &metrics_root_conf_struct,
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
      .sub = &drain_conf_struct,
      .example = "{ \"timeout\": \"20s\" }",
      .help = "How the program stops after SIGTERM, SIGINT or SIGQUIT." },
    { .key = "upgrade",
      .type = CONF_OBJECT,
      .at = offsetof(struct config, upgrade),
      .sub = &upgrade_conf_struct,
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
      .sub = &reload_conf_struct,
      .example = "{ \"guard\": true }",
      .help = "What happens after this file was loaded again." },
    { .key = "limits",
      .type = CONF_OBJECT,
      .at = offsetof(struct config, limits),
      .sub = &process_limits_conf_struct,
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

/* --- checks -------------------------------------------------------------------- */

/* Port in host order; wildcard tells whether it takes every address of its family. 0: unix
 * socket, or the system chooses. */
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

/* [::] takes IPv4 too (listener.h), 0.0.0.0 no IPv6. */
static bool
addr_covers(const struct addr *a, bool wildcard, const struct addr *b)
{
    return wildcard &&
           (a->sa.ss_family == AF_INET6 || a->sa.ss_family == b->sa.ss_family);
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
    return a_port != 0 && a_port == b_port &&
           (addr_covers(&a, a_all, &b) || addr_covers(&b, b_all, &a) ||
            addr_equal(&a, &b));
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

/* A listener without a name is called as its address, which may be the name of another one. Two
 * on one address are one problem and not two. */
static void
config_default_names(struct config *c, struct conf_place *place)
{
    struct listener_conf *l = c->listeners.items;

    for (size_t i = 0; i < c->listeners.n; i++) {
        if (l[i].name || !l[i].listen)
            continue;
        l[i].name = l[i].listen;
        for (size_t k = 0; k < c->listeners.n; k++) {
            if (k != i && l[k].name && strcmp(l[k].name, l[i].name) == 0 &&
                !config_listens_clash(l[k].listen, l[i].listen))
                conf_problem_item(place, "listeners", i, "listen", "E0202",
                                  "listeners[%zu] has the name \"%s\" already; give this "
                                  "one a \"name\"",
                                  k, l[i].name);
        }
    }
}

static void
config_check(void *obj, struct conf_place *place)
{
    struct config *c = obj;
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
    config_default_names(c, place);
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
