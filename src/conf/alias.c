/* SPDX-License-Identifier: Apache-2.0 */
/* conf/alias.c - the hint behind an unknown key. Order: same letters, words of other
 * proxies, a near word, the same key elsewhere. */
#include "conf/alias.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "base/compat.h"
#include "base/strbuf.h"
#include "conf/field.h"
#include "conf/near.h"

enum { KEYS_MAX = 64, PATH_MAX_TEXT = 256 };

/* word -> key, a path below the object. Compared without case, '_' and '-', so that
 * Envoy's connect_timeout, its JSON form connectTimeout and HAProxy's "timeout-connect"
 * need one row each. Only rows whose path exists in the object's type are used. */
static const struct alias {
    const char *word, *path;
} aliases[] = {
    /* the whole file */
    { "clusters", "pools" },
    { "cluster", "pools" },
    { "upstreams", "pools" },
    { "upstream", "pools" },
    { "backends", "pools" },
    { "backend", "pools" },
    { "pool", "pools" },
    { "services", "pools" },
    { "frontends", "listeners" },
    { "frontend", "listeners" },
    { "server", "listeners" },
    { "servers", "listeners" },
    { "entryPoints", "listeners" },
    { "staticResources", "listeners" },
    { "threads", "workers" },
    { "nbthread", "workers" },
    { "workerProcesses", "workers" },
    { "concurrency", "workers" },
    { "logging", "log" },
    { "logs", "log" },
    { "accessLog", "log" },
    { "errorLog", "log" },
    { "logLevel", "log.level" },
    { "stats", "admin" },
    { "metrics", "admin" },
    { "shutdown", "drain" },
    { "gracefulShutdown", "drain" },
    { "hardStopAfter", "drain.timeout" },
    { "workerShutdownTimeout", "drain.timeout" },
    { "maxconn", "limits.maxConnections" },
    { "workerConnections", "limits.maxConnections" },
    /* addresses */
    { "address", "listen" },
    { "addr", "listen" },
    { "bind", "listen" },
    { "port", "listen" },
    { "socketAddress", "listen" },
    { "host", "listen" },
    /* a listener */
    { "route", "routes" },
    { "rules", "routes" },
    { "location", "routes" },
    { "locations", "routes" },
    { "virtualHosts", "routes" },
    { "routeConfig", "routes" },
    { "filterChains", "routes" },
    { "defaultBackend", "routes" },
    { "maxConcurrentStreams", "limits.maxConcurrentStreams" },
    { "http2MaxConcurrentStreams", "limits.maxConcurrentStreams" },
    { "maxRequestHeadersKb", "limits.maxHeaderBytes" },
    { "largeClientHeaderBuffers", "limits.maxHeaderBytes" },
    { "timeoutClient", "limits.idleTimeout" },
    { "keepaliveTimeout", "limits.idleTimeout" },
    { "clientHeaderTimeout", "limits.headerTimeout" },
    { "sendTimeout", "limits.writeStallTimeout" },
    /* a route */
    { "cluster", "to" },
    { "weightedClusters", "to" },
    { "pool", "to" },
    { "backend", "to" },
    { "backendRefs", "to" },
    { "upstream", "to" },
    { "target", "to" },
    { "dest", "to" },
    { "destination", "to" },
    { "useBackend", "to" },
    { "proxyPass", "to" },
    { "grpcPass", "to" },
    { "action", "to" },
    { "matches", "match" },
    { "path", "match" },
    { "prefix", "match" },
    { "service", "match.service" },
    { "method", "match.method" },
    { "grpcReadTimeout", "timeout" },
    { "grpcTimeoutHeaderMax", "grpcTimeoutMax" },
    { "maxGrpcTimeout", "grpcTimeoutMax" },
    { "maxStreamDuration", "timeout" },
    { "deadline", "timeout" },
    { "package", "service" },
    { "authority", "hosts" },
    { "host", "hosts" },
    { "hostnames", "hosts" },
    { "domains", "hosts" },
    { "prefix", "path.prefix" },
    { "pathPrefix", "path.prefix" },
    { "safeRegex", "path.regex" },
    { "header", "headers" },
    { "metadata", "headers" },
    { "principals", "san" },
    { "safeRegexMatch", "regex" },
    { "safeRegex", "regex" },
    { "regularExpression", "regex" },
    { "exactMatch", "exact" },
    { "prefixMatch", "prefix" },
    { "suffixMatch", "suffix" },
    { "containsMatch", "contains" },
    { "presentMatch", "present" },
    { "rangeMatch", "range" },
    { "invertMatch", "invert" },
    { "treatMissingHeaderAsEmpty", "treatMissingAsEmpty" },
    { "anyOf", "oneOf" },
    { "values", "oneOf" },
    { "start", "from" },
    { "end", "to" },
    { "rpc", "method" },
    { "cluster", "pool" },
    { "name", "pool" },
    /* a pool */
    { "loadAssignment", "endpoints" },
    { "lbEndpoints", "endpoints" },
    { "servers", "endpoints" },
    { "server", "endpoints" },
    { "hosts", "endpoints" },
    { "backends", "endpoints" },
    { "addresses", "endpoints" },
    { "targets", "endpoints" },
    { "lbPolicy", "balance" },
    { "loadBalancing", "balance" },
    { "loadBalancingPolicy", "balance" },
    { "loadBalancingConfig", "balance" },
    { "loadBalancer", "balance" },
    { "strategy", "balance" },
    { "timeoutConnect", "connections.connectTimeout" },
    { "grpcConnectTimeout", "connections.connectTimeout" },
    { "proxyConnectTimeout", "connections.connectTimeout" },
    { "timeoutServer", "connections.idleTimeout" },
    { "keepalive", "connections.idleTimeout" },
    { "poolMaxConn", "connections.perEndpoint" },
    { "maxConnections", "connections.perEndpoint" },
    { "connectionPool", "connections" },
    { "initialStreamWindowSize", "connections.streamWindow" },
    { "initialConnectionWindowSize", "connections.connectionWindow" },
    { "circuitBreakers", "limits" },
    { "maxPendingRequests", "limits.maxPendingRequests" },
    { "maxqueue", "limits.maxPendingRequests" },
    { "timeoutQueue", "limits.pendingTimeout" },
    { "perRequestBufferLimitBytes", "limits.replayBytes" },
    { "initialBackoff", "backoff.baseInterval" },
    { "maxBackoff", "backoff.maxInterval" },
    { "baseEjectionTime", "backoff.baseInterval" },
    { "baseDelay", "baseInterval" },
    { "maxDelay", "maxInterval" },
    { "address", "target" },
    { "host", "target" },
    { "type", "policy" },
    { "name", "policy" },
    { "algorithm", "policy" },
    { "choiceCount", "choices" },
    { "shuffleAddressList", "shuffle" },
    { "connectionAttemptDelay", "happyEyeballsDelay" },
    { "minimumRingSize", "minRingSize" },
    { "maximumRingSize", "maxRingSize" },
    { "requestHashHeader", "hashHeader" },
    { "hashPolicy", "hashHeader" },
    { "hash", "hashHeader" },
    { "slowStartConfig", "slowStart" },
    { "slowStartWindow", "slowStart.window" },
    { "metricNames", "metricNamesForComputingUtilization" },
    /* limits and windows, also of a listener */
    { "initialStreamWindowSize", "streamWindow" },
    { "initialStreamWindowSize", "limits.streamWindow" },
    { "initialWindowSize", "streamWindow" },
    { "initialConnectionWindowSize", "connectionWindow" },
    { "initialConnectionWindowSize", "limits.connectionWindow" },
    { "http2MaxHeaderSize", "maxHeaderBytes" },
    { "maxHeaderListSize", "maxHeaderBytes" },
    { "maxHeadersCount", "maxHeaderCount" },
    { "maxOutboundFrames", "maxQueuedFrames" },
    { "perConnectionBufferLimitBytes", "maxConnectionBuffer" },
    { "timeoutHttpRequest", "headerTimeout" },
    { "severity", "level" },
    /* TLS */
    { "ssl", "tls" },
    { "transportSocket", "tls" },
    { "tlsContext", "tls" },
    { "downstreamTlsContext", "tls" },
    { "upstreamTlsContext", "tls" },
    { "grpcSsl", "tls" },
    { "tlsCertificates", "certificates" },
    { "sslCertificate", "cert" },
    { "crt", "cert" },
    { "certFile", "cert" },
    { "certificateChain", "cert" },
    { "sslCertificateKey", "key" },
    { "privateKey", "key" },
    { "keyFile", "key" },
    { "caFile", "ca" },
    { "trustedCa", "ca" },
    { "rootCa", "ca" },
    { "caCert", "ca" },
    { "caFile", "clientCa" },
    { "trustedCa", "clientCa" },
    { "ca", "clientCa" },
    { "sslClientCertificate", "clientCa" },
    { "requireClientCertificate", "clientCert" },
    { "sslVerifyClient", "clientCert" },
    { "verify", "clientCert" },
    { "sni", "serverName" },
    { "sslName", "serverName" },
    { "matchSubjectAltNames", "matchSan" },
    { "matchTypedSubjectAltNames", "matchSan" },
    { "matchSubjectAltNames", "allowSan" },
    { "matchTypedSubjectAltNames", "allowSan" },
    { "verifyCertificateSpki", "pins" },
    { "crlFile", "crl" },
    { "sslProtocols", "minVersion" },
    { "tlsMinimumProtocolVersion", "minVersion" },
    { "insecureSkipTlsVerify", "insecureSkipVerify" },
    { "skipVerify", "insecureSkipVerify" },
    { "gracePeriod", "timeout" },
    { "drainTimeout", "timeout" },
};

/* Keys that people look for and that do not exist so far: better said than guessed at. */
static const struct later {
    const char *key, *what;
} later[] = {
    { "filters", "filters" },
    { "retryPolicy", "retries" },
    { "tracing", "tracing" },
    { "probe", "the probe listener" },
    { "direction", "a direction" },
};

/* The path of the only key with these letters below `type`; false: none or several. */
static unsigned
path_search(const struct conf_struct *type, const char *word, const char *prefix,
            char found[PATH_MAX_TEXT], unsigned depth)
{
    unsigned hits = 0;

    for (const struct conf_field *f = type->fields; f->key && depth < 8; f++) {
        char path[PATH_MAX_TEXT];

        snprintf(path, sizeof path, "%s%s%s", prefix, *prefix ? "." : "", f->key);
        if (near_same_letters(word, f->key)) {
            snprintf(found, PATH_MAX_TEXT, "%s", path);
            hits++;
        }
        if (f->sub)
            hits += path_search(f->sub, word, path, found, depth + 1);
    }
    return hits;
}

const char *
alias_suggest(struct strbuf *out, const struct conf_struct *root,
              const struct conf_struct *type, const char *word)
{
    const char *keys[KEYS_MAX];
    char path[PATH_MAX_TEXT];
    size_t n = 0;

    for (const struct conf_field *f = type->fields; f->key && n < KEYS_MAX; f++) {
        if (near_same_letters(word, f->key)) {
            strbuf_printf(out, "; did you mean \"%s\"?", f->key);
            return f->key;
        }
        keys[n++] = f->key;
    }
    for (size_t i = 0; i < ARRAY_LEN(aliases); i++) {
        if (near_same_letters(word, aliases[i].word) &&
            field_find_path(type, aliases[i].path)) {
            strbuf_printf(out, "; did you mean \"%s\"?", aliases[i].path);
            return strchr(aliases[i].path, '.') ? NULL : aliases[i].path;
        }
    }
    for (size_t i = 0; i < ARRAY_LEN(later); i++) {
        if (strcmp(word, later[i].key) == 0) {
            strbuf_printf(out, "; this version does not have %s yet", later[i].what);
            return NULL;
        }
    }
    if (near_find(word, keys, n)) {
        near_suggest(out, word, keys, n, NULL);
        return near_find(word, keys, n);
    }
    if (path_search(type, word, "", path, 0) == 1) {
        strbuf_printf(out, "; did you mean \"%s\"?", path);
    } else if (path_search(root, word, "", path, 0) == 1) {
        strbuf_printf(out, "; this key belongs to \"%s\"", path);
    } else {
        near_suggest(out, word, keys, n, "keys here");
    }
    return NULL;
}
