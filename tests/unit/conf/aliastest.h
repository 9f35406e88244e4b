/* SPDX-License-Identifier: Apache-2.0 */
/* tests/unit/conf/aliastest.h - structs that stand for those of the program, with the same names and keys. */
#ifndef OUTRIGGER_TESTS_UNIT_ALIASTEST_H
#define OUTRIGGER_TESTS_UNIT_ALIASTEST_H

#include "conf/alias.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/compat.h"
#include "base/strbuf.h"
#include "conf/field.h"

#define ROW(k)                                          \
    {                                                   \
        .key = k, .type = CONF_STRING, .help = "A key." \
    }
#define SUB(k, s)                                                     \
    {                                                                 \
        .key = k, .type = CONF_OBJECT, .sub = &(s), .help = "A part." \
    }
#define TYPE(n, f)             \
    {                          \
        .name = n, .fields = f \
    }

static const struct conf_field tls_fields[] = {
    ROW("cert"), ROW("key"),  ROW("clientCa"),   ROW("clientCert"),     ROW("allowSan"),
    ROW("crl"),  ROW("pins"), ROW("minVersion"), ROW("sessionTickets"), { .key = NULL }
};
static const struct conf_struct tls = TYPE("listener tls", tls_fields);
static const struct conf_field pool_tls_fields[] = {
    ROW("ca"),         ROW("cert"),     ROW("key"),
    ROW("serverName"), ROW("matchSan"), ROW("insecureSkipVerify"),
    { .key = NULL }
};
static const struct conf_struct pool_tls = TYPE("pool tls", pool_tls_fields);
static const struct conf_field limits_fields[] = {
    ROW("maxConnections"),   ROW("maxConcurrentStreams"), ROW("maxHeaderBytes"),
    ROW("idleTimeout"),      ROW("headerTimeout"),        ROW("maxRequestsPerConnection"),
    ROW("maxConnectionAge"), ROW("streamWindow"),         { .key = NULL }
};
static const struct conf_struct limits = TYPE("listener limits", limits_fields);
static const struct conf_field header_fields[] = {
    ROW("exact"),      ROW("prefix"),
    ROW("suffix"),     ROW("contains"),
    ROW("present"),    ROW("range"),
    ROW("regex"),      ROW("invert"),
    ROW("ignoreCase"), ROW("treatMissingAsEmpty"),
    { .key = NULL }
};
static const struct conf_struct header = TYPE("header match", header_fields);
static const struct conf_field path_fields[] = {
    ROW("exact"), ROW("prefix"), ROW("regex"), { .key = NULL }
};
static const struct conf_struct path = TYPE("path match", path_fields);
static const struct conf_field match_fields[] = {
    ROW("hosts"),
    ROW("service"),
    ROW("method"),
    SUB("path", path),
    ROW("san"),
    { .key = "headers", .type = CONF_DICT, .sub = &header, .help = "A part." },
    { .key = NULL }
};
static const struct conf_struct match = TYPE("match", match_fields);
static const struct conf_field to_fields[] = {
    ROW("pool"), ROW("subset"), ROW("weight"), { .key = NULL }
};
static const struct conf_struct to = TYPE("target", to_fields);
static const struct conf_field edit_fields[] = {
    ROW("set"), ROW("add"), ROW("remove"), { .key = NULL }
};
static const struct conf_struct edit = TYPE("header edits", edit_fields);
static const struct conf_field retry_fields[] = {
    ROW("maxAttempts"),   ROW("initialBackoff"),
    ROW("maxBackoff"),    ROW("retryableStatusCodes"),
    ROW("perTryTimeout"), ROW("backoffMultiplier"),
    { .key = NULL }
};
static const struct conf_struct retry = TYPE("retry policy", retry_fields);
static const struct conf_field hedging_fields[] = {
    ROW("maxAttempts"), ROW("hedgingDelay"), ROW("nonFatalStatusCodes"), { .key = NULL }
};
static const struct conf_struct hedging = TYPE("hedging policy", hedging_fields);
static const struct conf_field route_fields[] = { ROW("name"),
                                                  SUB("match", match),
                                                  SUB("to", to),
                                                  ROW("timeout"),
                                                  ROW("status"),
                                                  ROW("mirror"),
                                                  SUB("requestHeaders", edit),
                                                  SUB("responseHeaders", edit),
                                                  SUB("responseTrailers", edit),
                                                  ROW("grpcTimeoutMax"),
                                                  SUB("retryPolicy", retry),
                                                  SUB("hedgingPolicy", hedging),
                                                  { .key = NULL } };
static const struct conf_struct route = TYPE("route", route_fields);
static const struct conf_field listener_fields[] = {
    ROW("name"),
    ROW("listen"),
    ROW("direction"),
    SUB("tls", tls),
    SUB("limits", limits),
    ROW("keepalive"),
    ROW("methodConfig"),
    { .key = "routes", .type = CONF_LIST, .sub = &route, .help = "A part." },
    { .key = NULL }
};
static const struct conf_struct listener = TYPE("listener", listener_fields);
static const struct conf_field balance_fields[] = { ROW("policy"),     ROW("choices"),
                                                    ROW("hashHeader"), ROW("minRingSize"),
                                                    ROW("slowStart"),  { .key = NULL } };
static const struct conf_struct balance = TYPE("balance", balance_fields);
static const struct conf_field connections_fields[] = {
    ROW("perEndpoint"),         ROW("connectTimeout"),
    ROW("idleTimeout"),         ROW("maxRequestsPerConnection"),
    ROW("streamWindow"),        ROW("connectionWindow"),
    ROW("maxConnectionBuffer"), { .key = NULL }
};
static const struct conf_struct connections = TYPE("connections", connections_fields);
static const struct conf_field pool_limits_fields[] = { ROW("maxConcurrentRequests"),
                                                        ROW("maxRequestsPerEndpoint"),
                                                        ROW("maxPendingRequests"),
                                                        ROW("pendingTimeout"),
                                                        ROW("replayBytes"),
                                                        ROW("retryBudget"),
                                                        { .key = NULL } };
static const struct conf_struct pool_limits = TYPE("pool limits", pool_limits_fields);
static const struct conf_field health_fields[] = {
    ROW("type"),         ROW("service"),        ROW("interval"),
    ROW("healthyAfter"), ROW("unhealthyAfter"), { .key = NULL }
};
static const struct conf_struct health = TYPE("health check", health_fields);
static const struct conf_field outlier_fields[] = {
    ROW("consecutiveErrors"), ROW("baseEjectionTime"), ROW("maxEjected"), { .key = NULL }
};
static const struct conf_struct outlier = TYPE("outlier detection", outlier_fields);
static const struct conf_field endpoint_fields[] = { ROW("target"),   ROW("weight"),
                                                     ROW("priority"), ROW("zone"),
                                                     ROW("labels"),   { .key = NULL } };
static const struct conf_struct endpoint = TYPE("endpoint", endpoint_fields);
static const struct conf_field dns_fields[] = { ROW("servers"),
                                                ROW("maxTtl"),
                                                { .key = NULL } };
static const struct conf_struct dns = TYPE("dns", dns_fields);
static const struct conf_field pool_fields[] = {
    ROW("name"),
    { .key = "endpoints", .type = CONF_LIST, .sub = &endpoint, .help = "A." },
    SUB("dns", dns),
    SUB("balance", balance),
    SUB("tls", pool_tls),
    SUB("connections", connections),
    SUB("limits", pool_limits),
    ROW("keepalive"),
    SUB("healthCheck", health),
    SUB("outlierDetection", outlier),
    { .key = NULL }
};
static const struct conf_struct pool = TYPE("pool", pool_fields);
static const struct conf_field log_fields[] = {
    ROW("level"), ROW("format"), ROW("access"), { .key = NULL }
};
static const struct conf_struct log_type = TYPE("log", log_fields);
static const struct conf_field drain_fields[] = {
    ROW("delay"), ROW("timeout"), ROW("spread"), { .key = NULL }
};
static const struct conf_struct drain = TYPE("drain", drain_fields);
static const struct conf_field root_fields[] = {
    ROW("version"),
    ROW("workers"),
    ROW("admin"),
    SUB("log", log_type),
    SUB("drain", drain),
    SUB("limits", limits),
    ROW("tracing"),
    { .key = "listeners", .type = CONF_LIST, .sub = &listener, .help = "A part." },
    { .key = "pools", .type = CONF_LIST, .sub = &pool, .help = "A part." },
    { .key = NULL }
};
static const struct conf_struct root = TYPE("config", root_fields);

#endif
