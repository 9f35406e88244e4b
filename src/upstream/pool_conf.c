/* SPDX-License-Identifier: Apache-2.0 */
/* upstream/pool_conf.c - the rows of a pool: its endpoints, how calls are spread over
 * them, connections and bounds. */
#include "upstream/pool_conf.h"

#include "base/err.h"
#include "conf/check.h"
#include "resolve/target.h"

#define KIB        1024LL
#define MIB        (1024 * KIB)
#define WINDOW_MAX 2147483647LL /* RFC 9113 6.9.1 */
#define MINUTE_MS  60000LL
#define DAY_MS     (1440 * MINUTE_MS)

/* --- connections ------------------------------------------------------------ */

static const struct conf_field connections_fields[] = {
    { .key = "perEndpoint",
      .type = CONF_UINT,
      .at = offsetof(struct connections_conf, per_endpoint),
      .def = "4",
      .min = 1,
      .max = 1024,
      .example = "4",
      .help = "Most connections to one endpoint from one worker. A further one is opened "
              "when the stream limit of the "
              "others is reached." },
    { .key = "connectTimeout",
      .type = CONF_DURATION,
      .at = offsetof(struct connections_conf, connect_timeout_ms),
      .def = "1s",
      .min = 1,
      .max = 10 * MINUTE_MS,
      .example = "\"500ms\"",
      .help = "Time for the TCP connection to be made, and for the TLS handshake on it, "
              "before the endpoint counts as failed." },
    { .key = "settingsTimeout",
      .type = CONF_DURATION,
      .at = offsetof(struct connections_conf, settings_timeout_ms),
      .def = "5s",
      .min = 1,
      .max = 10 * MINUTE_MS,
      .example = "\"5s\"",
      .help = "Time for the backend to send its HTTP/2 SETTINGS after the connection is "
              "made." },
    { .key = "idleTimeout",
      .type = CONF_DURATION,
      .at = offsetof(struct connections_conf, idle_timeout_ms),
      .def = "30m",
      .min = 10,
      .max = 30 * DAY_MS,
      .example = "\"5m\"",
      .help = "A connection without calls for this long is closed." },
    { .key = "maxRequestsPerConnection",
      .type = CONF_UINT,
      .at = offsetof(struct connections_conf, max_requests),
      .def = "0",
      .min = 0,
      .max = 2000000000,
      .example = "10000",
      .help = "After this many calls, 10 % more or less by chance, a connection is "
              "replaced: the next one is ready before this one takes no more calls. 0: "
              "no limit." },
    { .key = "maxConnectionAge",
      .type = CONF_DURATION,
      .at = offsetof(struct connections_conf, max_age_ms),
      .def = "0s",
      .min = 0,
      .max = 30 * DAY_MS,
      .example = "\"10m\"",
      .help = "After this time, 10 % more or less by chance, a connection is replaced as "
              "after maxRequestsPerConnection. 0s: no limit." },
    { .key = "streamWindow",
      .type = CONF_SIZE,
      .at = offsetof(struct connections_conf, stream_window),
      .def = "64KiB",
      .min = 16 * KIB,
      .max = WINDOW_MAX,
      .example = "\"64KiB\"",
      .help = "First HTTP/2 flow-control window of each stream: what a backend may send "
              "before we read on." },
    { .key = "connectionWindow",
      .type = CONF_SIZE,
      .at = offsetof(struct connections_conf, connection_window),
      .def = "1MiB",
      .min = 16 * KIB,
      .max = WINDOW_MAX,
      .example = "\"1MiB\"",
      .help = "First HTTP/2 flow-control window of a whole connection. At least "
              "streamWindow." },
    { .key = "maxStreamWindow",
      .type = CONF_SIZE,
      .at = offsetof(struct connections_conf, max_stream_window),
      .def = "4MiB",
      .min = 16 * KIB,
      .max = WINDOW_MAX,
      .example = "\"4MiB\"",
      .help = "Stream windows grow with the measured bandwidth and delay up to this "
              "size. At least streamWindow." },
    { .key = "maxConnectionBuffer",
      .type = CONF_SIZE,
      .at = offsetof(struct connections_conf, max_connection_buffer),
      .def = "4MiB",
      .min = 64 * KIB,
      .max = 1024 * MIB,
      .example = "\"4MiB\"",
      .help = "Most bytes of one connection that wait for slow clients or that its "
              "backend may still send: a larger window is never open." },
    { .key = NULL },
};

static void
connections_check(void *obj, struct conf_place *place)
{
    const struct connections_conf *c = obj;

    conf_check_at_least(place, CONF_SIZE, "maxStreamWindow",
                        (int64_t)c->max_stream_window, "streamWindow",
                        (int64_t)c->stream_window);
    conf_check_at_least(place, CONF_SIZE, "connectionWindow",
                        (int64_t)c->connection_window, "streamWindow",
                        (int64_t)c->stream_window);
}

static const struct conf_struct connections_struct = {
    .name = "connections",
    .size = sizeof(struct connections_conf),
    .fields = connections_fields,
    .check = connections_check,
};

/* --- backoff ---------------------------------------------------------------- */

static const struct conf_field backoff_fields[] = {
    { .key = "baseInterval",
      .type = CONF_DURATION,
      .at = offsetof(struct backoff_conf, base_interval_ms),
      .def = "1s",
      .min = 1,
      .max = 60 * MINUTE_MS,
      .example = "\"1s\"",
      .help = "Wait after the first failed connection attempt to an endpoint. Each "
              "further failure makes it 1.6 times "
              "as long, 20 % more or less by chance." },
    { .key = "maxInterval",
      .type = CONF_DURATION,
      .at = offsetof(struct backoff_conf, max_interval_ms),
      .def = "120s",
      .min = 1,
      .max = DAY_MS,
      .example = "\"120s\"",
      .help = "The wait grows up to this. At least baseInterval." },
    { .key = NULL },
};

static void
backoff_check(void *obj, struct conf_place *place)
{
    const struct backoff_conf *b = obj;

    conf_check_at_least(place, CONF_DURATION, "maxInterval", b->max_interval_ms,
                        "baseInterval", b->base_interval_ms);
}

static const struct conf_struct backoff_struct = {
    .name = "backoff",
    .size = sizeof(struct backoff_conf),
    .fields = backoff_fields,
    .check = backoff_check,
};

/* --- pool ------------------------------------------------------------------- */

/* Same order as enum subset_fallback. */
static const char *const fallback_words[] = { "none", "any", NULL };

static const struct conf_field pool_fields[] = {
    { .key = "name",
      .type = CONF_STRING,
      .at = offsetof(struct pool_conf, name),
      .required = true,
      .valid = conf_name_valid,
      .example = "\"app\"",
      .help = "What routes call this pool; also its name in logs and metrics. Unique." },
    { .key = "endpoints",
      .type = CONF_LIST,
      .at = offsetof(struct pool_conf, endpoints),
      .min = 1,
      .max = 10000,
      .required = true,
      .sub = &endpoint_conf_struct,
      .example = "[\"127.0.0.1:50051\"]",
      .help = "The backends of this pool. All must serve the same." },
    { .key = "dns",
      .type = CONF_OBJECT,
      .at = offsetof(struct pool_conf, resolve.dns),
      .sub = &dns_conf_struct,
      .example = "{ \"maxTtl\": \"10s\" }",
      .help =
          "How names are asked for: targets that begin with dns: or srv:, or that are a "
          "host name." },
    { .key = "k8s",
      .type = CONF_OBJECT,
      .at = offsetof(struct pool_conf, resolve.k8s),
      .sub = &k8s_conf_struct,
      .example = "{ \"namespace\": \"shop\" }",
      .help =
          "How the API server is asked: targets that begin with k8s:. In a pod nothing "
          "of it is needed." },
    { .key = "balance",
      .type = CONF_OBJECT,
      .at = offsetof(struct pool_conf, balance),
      .sub = &balance_conf_struct,
      .example = "\"round_robin\"",
      .help = "How calls are spread over the endpoints." },
    { .key = "tls",
      .type = CONF_OBJECT,
      .at = offsetof(struct pool_conf, tls),
      .sub = &tls_client_conf_struct,
      .example = "{ \"ca\": \"/etc/outrigger/ca.pem\" }",
      .help = "TLS to the endpoints, also for their health checks; an empty object is "
              "enough: then the system's CAs sign. A certificate must be for the name "
              "in the endpoint's target. Without this object it is plain text." },
    { .key = "connections",
      .type = CONF_OBJECT,
      .at = offsetof(struct pool_conf, connections),
      .sub = &connections_struct,
      .example = "{ \"connectTimeout\": \"500ms\" }",
      .help = "Connections from us to the endpoints." },
    { .key = "backoff",
      .type = CONF_OBJECT,
      .at = offsetof(struct pool_conf, backoff),
      .sub = &backoff_struct,
      .example = "{ \"maxInterval\": \"30s\" }",
      .help = "Waits between attempts to connect to an endpoint that fails." },
    { .key = "limits",
      .type = CONF_OBJECT,
      .at = offsetof(struct pool_conf, limits),
      .sub = &pool_limits_conf_struct,
      .example = "{ \"maxPendingRequests\": 100 }",
      .help = "Bounds of what this pool may do at once." },
    { .key = "retryThrottling",
      .type = CONF_OBJECT,
      .at = offsetof(struct pool_conf, retry_throttling),
      .sub = &retry_throttling_conf_struct,
      .example = "{ \"maxTokens\": 10, \"tokenRatio\": 0.1 }",
      .help = "No call is tried again while too many fail, as in gRPC's service config; "
              "the count is the pool's, all workers and clients together. Without this "
              "object there is only limits.retryBudget." },
    { .key = "healthCheck",
      .type = CONF_OBJECT,
      .at = offsetof(struct pool_conf, health_check),
      .sub = &health_conf_struct,
      .example = "{ \"type\": \"grpc\", \"service\": \"shop.v1.Stock\" }",
      .help = "How endpoints are asked whether they can serve, and what a pool does that "
              "has too few of them." },
    { .key = "outlierDetection",
      .type = CONF_OBJECT,
      .at = offsetof(struct pool_conf, outlier),
      .sub = &outlier_conf_struct,
      .example = "{ \"consecutiveErrors\": 5, \"maxEjected\": \"50%\" }",
      .help = "Takes endpoints out whose calls fail, for a while. Off without this "
              "object." },
    { .key = "drainOnRemove",
      .type = CONF_DURATION,
      .at = offsetof(struct pool_conf, drain_on_remove_ms),
      .def = "30s",
      .min = 0,
      .max = DAY_MS,
      .example = "\"30s\"",
      .help = "An endpoint that is not in the list any more gets no new calls; its open "
              "calls have this long to end, then they end with UNAVAILABLE." },
    { .key = "subsetFallback",
      .type = CONF_ENUM,
      .at = offsetof(struct pool_conf, subset_fallback),
      .def = "none",
      .words = fallback_words,
      .example = "\"any\"",
      .help = "What happens to a call whose route asks for labels that no endpoint has. "
              "none: it ends with UNAVAILABLE and a text that names what there is; any: "
              "all endpoints may serve it." },
    { .key = "keepalive",
      .type = CONF_OBJECT,
      .at = offsetof(struct pool_conf, keepalive),
      .sub = &up_keepalive_conf_struct,
      .example = "{ \"time\": \"5m\" }",
      .help = "PINGs to backends that are silent." },
    { .key = NULL },
};

static void
note_unix(void *arg, const struct addr *addr, const char *host)
{
    bool *any = arg;

    (void)host;
    *any = *any || addr_is_unix(addr);
}

/* A path is no name that a certificate could be for. */
static void
pool_check_tls_names(const struct pool_conf *pool, struct conf_place *place)
{
    const struct endpoint_conf *e = pool->endpoints.items;
    const struct tls_client_conf *tls = &pool->tls;

    if (!tls->on || tls->server_name || tls->match_san.n || tls->insecure_skip_verify)
        return;
    for (size_t i = 0; i < pool->endpoints.n; i++) {
        bool any = false;
        const char *why;

        if (e[i].target && target_parse(e[i].target, note_unix, &any, &why) == ERR_OK &&
            any)
            conf_problem_item(place, "endpoints", i, "target", "E0257",
                              "a unix socket has no name that its certificate could be "
                              "checked for; add \"serverName\" to the pool's \"tls\"");
    }
}

static void
pool_check(void *obj, struct conf_place *place)
{
    const struct pool_conf *pool = obj;

    pool_check_tls_names(pool, place);
    conf_check_unique(place, "endpoints", &pool->endpoints, sizeof(struct endpoint_conf),
                      offsetof(struct endpoint_conf, target), "target", "W0303");
}

const struct conf_struct pool_conf_struct = {
    .name = "pool",
    .size = sizeof(struct pool_conf),
    .fields = pool_fields,
    .check = pool_check,
};
