/* SPDX-License-Identifier: Apache-2.0 */
/* Words of other proxies: what is said of each, at the level where people write it. The
 * structs here stand for those of the program, with the same names and keys. */
#include "conf/alias.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/compat.h"
#include "base/strbuf.h"
#include "conf/alias_words.h"
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

/* "=x": in outrigger this is "x". Else part of what is said. */
static const struct {
    const struct conf_struct *type;
    const char *word, *want;
} rows[] = {
    { &root, "clusters", "=pools" },
    { &root, "upstream", "=pools" },
    { &root, "backend", "=pools" },
    { &root, "frontend", "=listeners" },
    { &root, "server", "=listeners" },
    { &root, "entryPoints", "=listeners" },
    { &root, "static_resources", "=listeners" },
    { &root, "virtual_hosts", "=listeners.routes" },
    { &root, "worker_processes", "=workers" },
    { &root, "nbthread", "=workers" },
    { &root, "access_log", "=log.access" },
    { &root, "otlp", "=tracing" },
    { &root, "log-level", "=log.level" },
    { &root, "drain_timeout", "=drain.timeout" },
    { &root, "parent-shutdown-time", "=drain.timeout" },
    { &root, "hard-stop-after", "=drain.timeout" },
    { &root, "maxconn", "=limits.maxConnections" },
    { &root, "hot_restart", "needs no key" },
    { &root, "dynamic_resources", "no control plane" },
    { &root, "daemon", "stays in the foreground" },
    { &listener, "bind", "=listen" },
    { &listener, "address", "=listen" },
    { &listener, "virtual_hosts", "=routes" },
    { &listener, "filter_chains", "=routes" },
    { &listener, "server_name", "=routes.match.hosts" },
    { &listener, "default_backend", "=routes" },
    { &listener, "listener_filters", "there are none" },
    { &listener, "proxy_pass", "=routes.to" },
    { &listener, "grpc_pass", "=routes.to" },
    { &listener, "proxy_read_timeout", "=routes.timeout" },
    { &listener, "timeout connect", "the pool has it" },
    { &listener, "timeout client", "=limits.idleTimeout" },
    { &listener, "http2_max_concurrent_streams", "=limits.maxConcurrentStreams" },
    { &listener, "keepalive_requests", "=limits.maxRequestsPerConnection" },
    { &listener, "initial_stream_window_size", "=limits.streamWindow" },
    { &listener, "traffic_direction", "=direction" },
    { &listener, "service_config", "=methodConfig" },
    { &listener, "transport_socket", "=tls" },
    { &listener, "tls_context", "=tls" },
    { &listener, "common_tls_context", "=tls" },
    { &listener, "ssl_certificate", "=tls.cert" },
    { &listener, "ssl_certificate_key", "=tls.key" },
    { &listener, "ssl_client_certificate", "=tls.clientCa" },
    { &listener, "ssl_verify_client", "=tls.clientCert" },
    { &listener, "ssl_ciphers", "a fixed set" },
    { &listener, "http2_protocol_options", "every connection is HTTP/2" },
    { &listener, "proxy_buffering", "never kept" },
    { &tls, "validation_context", "=clientCa" },
    { &tls, "match_subject_alt_names", "=allowSan" },
    { &tls, "certificate_chain", "=cert" },
    { &tls, "private_key", "=key" },
    { &tls, "require_client_certificate", "clientCert" },
    { &tls, "tls_minimum_protocol_version", "=minVersion" },
    { &pool_tls, "validation_context", "=ca" },
    { &pool_tls, "match_subject_alt_names", "=matchSan" },
    { &pool_tls, "sni", "=serverName" },
    { &pool_tls, "grpc_ssl_verify", "always checked" },
    { &route, "cluster", "=to" },
    { &route, "weighted_clusters", "=to" },
    { &route, "proxy_pass", "=to" },
    { &route, "cluster_header", "=match.headers" },
    { &route, "prefix_rewrite", "stays as it is" },
    { &route, "request_headers_to_add", "=requestHeaders.add" },
    { &route, "grpc_set_header", "=requestHeaders.set" },
    { &route, "request_mirror_policies", "=mirror" },
    { &route, "direct_response", "=status" },
    { &route, "max_stream_duration", "=timeout" },
    { &route, "weight", "weights stand beside the pools" },
    { &route, "domains", "=match.hosts" },
    { &route, "retry_on", "=retryPolicy.retryableStatusCodes" },
    { &route, "num_retries", "=retryPolicy.maxAttempts" },
    { &route, "per_try_timeout", "=retryPolicy.perTryTimeout" },
    { &route, "grpc_next_upstream_tries", "=retryPolicy.maxAttempts" },
    { &route, "hedge_policy", "=hedgingPolicy" },
    { &route, "retryBudget", "the pool has it" },
    { &listener, "retryThrottling", "the pool has it" },
    { &retry, "num_retries", "one more than numRetries" },
    { &retry, "retriable_status_codes", "=retryableStatusCodes" },
    { &retry, "retry_back_off", "initialBackoff and maxBackoff" },
    { &retry, "retry_host_predicate", "leave it out" },
    { &hedging, "initial_requests", "leave it out" },
    { &pool, "retry_budget", "=limits.retryBudget" },
    { &pool_limits, "budget_percent", "=retryBudget" },
    { &pool, "option redispatch", "another endpoint comes first" },
    { &to, "cluster", "=pool" },
    { &to, "metadata_match", "=subset" },
    { &match, "safe_regex", "=path.regex" },
    { &match, "authority", "=hosts" },
    { &header, "exact_match", "=exact" },
    { &header, "safe_regex_match", "=regex" },
    { &header, "invert_match", "=invert" },
    { &header, "present_match", "=present" },
    { &pool, "load_assignment", "=endpoints" },
    { &pool, "server", "=endpoints" },
    { &pool, "lb_policy", "=balance" },
    { &pool, "type", "dns:///host:port" },
    { &pool, "connect_timeout", "=connections.connectTimeout" },
    { &pool, "timeout connect", "=connections.connectTimeout" },
    { &pool, "timeout server", "=connections.idleTimeout" },
    { &pool, "max_requests_per_connection", "=connections.maxRequestsPerConnection" },
    { &pool, "circuit_breakers", "=limits" },
    { &pool, "maxqueue", "=limits.maxPendingRequests" },
    { &pool, "option httpchk", "=healthCheck" },
    { &pool, "health_checks", "=healthCheck" },
    { &pool, "failureAccrual", "=outlierDetection" },
    { &pool, "max_fails", "=outlierDetection" },
    { &pool, "resolver", "=dns.servers" },
    { &pool, "dns_refresh_rate", "=dns.maxTtl" },
    { &pool, "upstream_tls_context", "=tls" },
    { &pool, "initial_connection_window_size", "=connections.connectionWindow" },
    { &health, "rise", "=healthyAfter" },
    { &health, "unhealthy_threshold", "=unhealthyAfter" },
    { &health, "retries", "=unhealthyAfter" },
    { &outlier, "consecutive_5xx", "=consecutiveErrors" },
    { &outlier, "max_ejection_percent", "=maxEjected" },
    { &endpoint, "load_balancing_weight", "=weight" },
    { &endpoint, "metadata", "=labels" },
    { &endpoint, "locality", "=zone" },
    { &endpoint, "backup", "=priority" },
    { &balance, "choice_count", "=choices" },
    { &balance, "minimum_ring_size", "=minRingSize" },
    { &log_type, "severity", "=level" },
    { &drain, "grace_period", "=timeout" },
    { &drain, "strategy", "=spread" },
};

static void
words_of_other_proxies_are_known(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char want[128];
        struct strbuf out;

        snprintf(want, sizeof want, "in outrigger this is \"%s\"", rows[i].want + 1);
        strbuf_init(&out, 4096);
        alias_suggest(&out, &root, rows[i].type, NULL, rows[i].word);
        if (!strstr(out.s, rows[i].want[0] == '=' ? want : rows[i].want))
            fail_msg("%s in %s: %s", rows[i].word, rows[i].type->name, out.s);
        assert_null(alias_later(&root, rows[i].type, rows[i].word));
        strbuf_done(&out);
    }
}

static void
what_does_not_exist_yet_is_known(void **state)
{
    static const struct {
        const struct conf_struct *type;
        const char *word, *what;
    } later[] = {
        { &route, "cors", "CORS" },
        { &route, "ext_authz", "an authorization service" },
        { &route, "retryPolicy", NULL },
        { &route, "retry_on", NULL },
        { &pool, "option redispatch", NULL },
        { &listener, "jwt_authn", "a check of JWTs" },
        { &listener, "limit_req", "rate limits" },
        /* A word that has a key, or that nobody has, is not among them. */
        { &health, "retries", NULL },
        { &route, "time_out", NULL },
        { &route, "fruit", NULL },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(later); i++) {
        const char *what = alias_later(&root, later[i].type, later[i].word);

        if (later[i].what ? !what || strcmp(what, later[i].what) != 0 : what != NULL)
            fail_msg("%s: %s", later[i].word, what ? what : "nothing");
    }
}

/* --- kinds ---------------------------------------------------------------------------- */

static const struct conf_field kind_fields[] = { { .key = NULL } };
static const struct conf_struct kind = TYPE("kind", kind_fields);
static const struct conf_variant kinds[] = {
    { "jwt", &kind, "A.", NULL },
    { "apiKey", &kind, "A.", NULL },
    { "rbac", &kind, "A.", NULL },
    { "rateLimit", &kind, "A.", NULL },
    { "extAuthz", &kind, "A.", NULL },
    { "globalRateLimit", &kind, "A.", NULL },
    { "fault", &kind, "A.", NULL },
    { "concurrencyLimit", &kind, "A.", NULL },
    { "headers", &kind, "A.", NULL },
    { "requestId", &kind, "A.", NULL },
    { "accessLog", &kind, "A.", NULL },
    { "tracing", &kind, "A.", NULL },
    { "metrics", &kind, "A.", NULL },
    { "retry", &kind, "A.", NULL },
    { .tag = NULL },
};
static const struct conf_field filter_fields[] = {
    { .key = "type", .type = CONF_ENUM, .variants = kinds, .help = "A key." },
    ROW("name"),
    ROW("off"),
    { .key = NULL }
};
static const struct conf_struct filter = { .name = "filter",
                                           .fields = filter_fields,
                                           .tag_key = "type" };
#define FILTERS(path)                                                                  \
    {                                                                                  \
        .key = "filters", .type = CONF_LIST, .sub = &filter, .see = path, .help = "A." \
    }
static const struct conf_field lane_fields[] = {
    ROW("to"), ROW("timeout"), FILTERS("listeners[].filters"), { .key = NULL }
};
static const struct conf_struct lane = TYPE("route", lane_fields);
static const struct conf_field gate_fields[] = {
    ROW("listen"),
    FILTERS(NULL),
    { .key = "routes", .type = CONF_LIST, .sub = &lane, .help = "A part." },
    { .key = NULL }
};
static const struct conf_struct gate = TYPE("listener", gate_fields);
static const struct conf_field top_fields[] = {
    { .key = "listeners", .type = CONF_LIST, .sub = &gate, .help = "A part." },
    { .key = "pools", .type = CONF_LIST, .sub = &pool, .help = "A part." },
    { .key = NULL }
};
static const struct conf_struct top = TYPE("config", top_fields);

static void
keys_that_are_kinds_lead_to_the_list(void **state)
{
    static const struct {
        const struct conf_struct *type;
        const char *word, *kind, *path;
    } words[] = {
        { &gate, "jwt", "jwt", "filters" },
        { &gate, "JWT", "jwt", "filters" },
        { &gate, "envoy.filters.http.jwt_authn", "jwt", "filters" },
        { &gate, "jwt_authn", "jwt", "filters" },
        { &gate, "requestAuthentication", "jwt", "filters" },
        { &lane, "key_auth", "apiKey", "filters" },
        { &lane, "authorization", "rbac", "filters" },
        { &lane, "ipAllowList", "rbac", "filters" },
        { &lane, "typed.rbac", NULL, NULL },
        { &lane, "rate_limits", "rateLimit", "filters" },
        { &gate, "limit_req", "rateLimit", "filters" },
        { &gate, "stick-table", "rateLimit", "filters" },
        { &gate, "envoy.filters.http.local_ratelimit", "rateLimit", "filters" },
        { &gate, "envoy.filters.http.ratelimit", "globalRateLimit", "filters" },
        { &gate, "rate_limit_service", "globalRateLimit", "filters" },
        { &gate, "ext_authz", "extAuthz", "filters" },
        { &gate, "auth_request", "extAuthz", "filters" },
        { &gate, "forwardAuth", "extAuthz", "filters" },
        { &gate, "limit_conn", "concurrencyLimit", "filters" },
        { &gate, "inFlightReq", "concurrencyLimit", "filters" },
        { &gate, "fault_injection", "fault", "filters" },
        { &gate, "unique-id-header", "requestId", "filters" },
        { &lane, "retryPolicy", "retry", "filters" },
        { &lane, "num_retries", "retry", "filters" },
        { &gate, "hedgePolicy", "retry", "filters" },
        { &gate, "otlp", "tracing", "filters" },
        /* Where there is no such list, its place in the file. */
        { &pool, "ext_authz", "extAuthz", "listeners.filters" },
        { &top, "tracing", "tracing", "listeners.filters" },
        { &top, "prometheus", "metrics", "listeners.filters" },
        { &health, "retries", NULL, NULL }, /* has a word of its own there */
        { &lane, "time_out", NULL, NULL },
        { &lane, "fruit", NULL, NULL },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        char want[128];
        const char *key;
        struct strbuf out;

        strbuf_init(&out, 4096);
        key = alias_suggest(&out, &top, words[i].type, NULL, words[i].word);
        if (words[i].kind)
            assert_null(key); /* it is none of this object */
        snprintf(want, sizeof want,
                 "; it is a filter: write { \"type\": \"%s\" } into \"%s\"",
                 words[i].kind ? words[i].kind : "", words[i].path ? words[i].path : "");
        if (words[i].kind ? strcmp(out.s, want) != 0 : strstr(out.s, "it is a") != NULL)
            fail_msg("%s in %s: %s", words[i].word, words[i].type->name, out.s);
        if (words[i].kind)
            assert_null(alias_later(&top, words[i].type, words[i].word));
        strbuf_done(&out);
    }
}

static void
keys_of_a_kind_are_keys_here(void **state)
{
    static const struct conf_field own_fields[] = { ROW("issuer"),
                                                    ROW("audiences"),
                                                    { .key = NULL } };
    static const struct conf_struct own = TYPE("jwt filter", own_fields);
    static const struct {
        const char *word, *want, *key;
    } words[] = {
        { "isuer", "; did you mean \"issuer\"?", "issuer" },
        { "Issuer", "; did you mean \"issuer\"?", "issuer" },
        { "nam", "; did you mean \"name\"?", "name" },
        { "disabled", "; in outrigger this is \"off\"", "off" },
        { "enabled", "; a filter in the list is on; \"off\": true switches it off",
          NULL },
        { "typed_config", "; the keys of the filter stand beside \"type\"", NULL },
        { "qqq", "; keys here: ", NULL },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        struct strbuf out;
        const char *key;

        strbuf_init(&out, 4096);
        key = alias_suggest(&out, &top, &filter, &own, words[i].word);
        if (strncmp(out.s, words[i].want, strlen(words[i].want)) != 0)
            fail_msg("%s: %s", words[i].word, out.s);
        if (words[i].key)
            assert_string_equal(key, words[i].key);
        else
            assert_null(key);
        if (strcmp(words[i].word, "qqq") == 0)
            assert_true(strstr(out.s, "audiences") && strstr(out.s, "off"));
        strbuf_done(&out);
    }
}

static void
values_of_other_proxies_are_known(void **state)
{
    static const char *const balances[] = { "round_robin", "least_request",
                                            "ring_hash",   "pick_first",
                                            "peak_ewma",   "weighted_round_robin" };
    static const char *const versions[] = { "1.2", "1.3" };
    static const char *const certs[] = { "off", "optional", "require" };
    static const struct {
        const char *const *words;
        size_t n;
        const char *value, *want;
    } values[] = {
        { balances, ARRAY_LEN(balances), "ROUND_ROBIN", "did you mean \"round_robin\"" },
        { balances, ARRAY_LEN(balances), "leastconn", "\"least_request\"" },
        { balances, ARRAY_LEN(balances), "least_conn", "\"least_request\"" },
        { balances, ARRAY_LEN(balances), "LEAST_REQUEST", "\"least_request\"" },
        { balances, ARRAY_LEN(balances), "RING_HASH", "\"ring_hash\"" },
        { balances, ARRAY_LEN(balances), "MAGLEV", "this is \"ring_hash\"" },
        { balances, ARRAY_LEN(balances), "ip_hash", "this is \"ring_hash\"" },
        { balances, ARRAY_LEN(balances), "p2c", "this is \"least_request\"" },
        { balances, ARRAY_LEN(balances), "TLSv1_2", "known words: " },
        { versions, ARRAY_LEN(versions), "TLSv1_2", "this is \"1.2\"" },
        { versions, ARRAY_LEN(versions), "TLSv1.3", "this is \"1.3\"" },
        { certs, ARRAY_LEN(certs), "required", "\"require\"" },
        { certs, ARRAY_LEN(certs), "RequireAndVerifyClientCert", "this is \"require\"" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(values); i++) {
        struct strbuf out;

        strbuf_init(&out, 4096);
        alias_suggest_word(&out, values[i].value, values[i].words, values[i].n,
                           "known words");
        if (!strstr(out.s, values[i].want))
            fail_msg("%s: %s", values[i].value, out.s);
        strbuf_done(&out);
    }
}

/* A row says one thing, and no earlier row hides it. */
static void
the_table_is_sound(void **state)
{
    size_t n = 0;

    (void)state;
    for (const struct alias *a = alias_words; a->word; a++, n++) {
        if (!a->path == !a->say)
            fail_msg("%s: a path or a sentence", a->word);
        for (const struct alias *b = alias_words; b < a; b++) {
            bool same_level =
                a->level ? b->level && strcmp(a->level, b->level) == 0 : !b->level;
            bool same_path =
                a->path ? b->path && strcmp(a->path, b->path) == 0 : !b->path;

            if (same_level && same_path && strcmp(a->word, b->word) == 0)
                fail_msg("%s is there twice", a->word);
        }
    }
    print_message("%zu words\n", n);
    assert_true(n >= 300);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_of_other_proxies_are_known),
        cmocka_unit_test(what_does_not_exist_yet_is_known),
        cmocka_unit_test(keys_that_are_kinds_lead_to_the_list),
        cmocka_unit_test(keys_of_a_kind_are_keys_here),
        cmocka_unit_test(values_of_other_proxies_are_known),
        cmocka_unit_test(the_table_is_sound),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
