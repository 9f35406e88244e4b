/* SPDX-License-Identifier: Apache-2.0 */
/* Words of other proxies: what is said of each, at the level where people write it. */
#include "aliastest.h"

#include "conf/alias_words.h"

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
        cmocka_unit_test(values_of_other_proxies_are_known),
        cmocka_unit_test(the_table_is_sound),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
