/* SPDX-License-Identifier: Apache-2.0 */
/* upstream/pool_conf.c - the rows of a pool: its endpoints, how calls are spread over
 * them, connections and bounds. */
#include "upstream/pool_conf.h"

#include <string.h>

#include "base/err.h"
#include "conf/check.h"
#include "resolve/target.h"

#define KIB        1024LL
#define MIB        (1024 * KIB)
#define WINDOW_MAX 2147483647LL /* RFC 9113 6.9.1 */
#define MINUTE_MS  60000LL
#define DAY_MS     (1440 * MINUTE_MS)

#define ENDPOINT_FORMS                                                                  \
    "write \"1.2.3.4:50051\", \"[::1]:50051\", \"localhost:50051\", \"unix:/path\" or " \
    "\"static:///1.2.3.4:50051,1.2.3.5:50051\""

/* --- endpoints -------------------------------------------------------------- */

/* The letters before the first ':' or '/' make a name that only DNS could resolve. */
static int
is_host_name(const char *text)
{
    size_t n = strcspn(text, ":/,");
    size_t letters = 0;

    for (size_t i = 0; i < n; i++)
        letters += (text[i] | 0x20) >= 'a' && (text[i] | 0x20) <= 'z';
    return letters > 0 && !(n == 9 && memcmp(text, "localhost", n) == 0);
}

/* Looks for a host name in an address, or in a list of them. */
static int
has_host_name(const char *text, int list)
{
    for (;;) {
        if (strncmp(text, "unix:", 5) != 0 && text[0] != '[' && is_host_name(text))
            return 1;
        text += strcspn(text, ",");
        if (!list || *text == '\0')
            return 0;
        text++;
    }
}

static int
endpoint_valid(const char *text, const char **ret_why)
{
    static const struct {
        const char *prefix, *why;
    } foreign[] = {
        { "dns:", "this version does not ask DNS; " ENDPOINT_FORMS },
        { "srv:", "this version does not ask DNS; " ENDPOINT_FORMS },
        { "file:", "this version does not read endpoints from files; " ENDPOINT_FORMS },
        { "k8s:", "this version does not ask Kubernetes; " ENDPOINT_FORMS },
        { "xds:", "xDS is not supported; " ENDPOINT_FORMS },
        { "ipv4:", "leave out \"ipv4:\" and write \"1.2.3.4:50051\"" },
        { "ipv6:", "leave out \"ipv6:\" and write \"[::1]:50051\"" },
        { "http:",
          "an endpoint is no URL; leave out \"http://\" and write \"1.2.3.4:50051\"" },
        { "https:", "an endpoint is no URL, and this version does not have TLS; write "
                    "\"1.2.3.4:50051\"" },
        { "grpc:",
          "an endpoint is no URL; leave out \"grpc://\" and write \"1.2.3.4:50051\"" },
        { "static:",
          "static: has three slashes: \"static:///1.2.3.4:50051,1.2.3.5:50051\"" },
    };
    const char *list = text;

    if (strncmp(text, "static:///", 10) == 0)
        list = text + 10;
    for (size_t i = 0; i < ARRAY_LEN(foreign) && list == text; i++) {
        if (strncmp(text, foreign[i].prefix, strlen(foreign[i].prefix)) == 0) {
            *ret_why = foreign[i].why;
            return ERR_SYNTAX;
        }
    }
    if (text[0] == '\0' || text[0] == '/') {
        *ret_why = text[0]
                       ? "a socket path starts with unix: as in \"unix:/run/app.sock\""
                       : ENDPOINT_FORMS;
        return ERR_SYNTAX;
    }
    if (has_host_name(list, list != text)) {
        *ret_why = "this version does not ask DNS for host names; " ENDPOINT_FORMS;
        return ERR_SYNTAX;
    }
    return target_parse(text, NULL, NULL, ret_why);
}

static const struct conf_field endpoint_fields[] = {
    { .key = "target",
      .type = CONF_STRING,
      .at = offsetof(struct endpoint_conf, target),
      .required = true,
      .valid = endpoint_valid,
      .code = "E0205",
      .example = "\"127.0.0.1:50051\"",
      .help = "Where backends listen: \"1.2.3.4:50051\", \"[::1]:50051\", "
              "\"localhost:50051\", \"unix:/path\", or a list of them "
              "after \"static:///\" with commas between. A bare string in endpoints "
              "means the same." },
    { .key = NULL },
};

static const struct conf_struct endpoint_struct = {
    .name = "endpoint",
    .size = sizeof(struct endpoint_conf),
    .fields = endpoint_fields,
    .short_key = "target",
};

/* --- balance ---------------------------------------------------------------- */

/* As gRPC spells them. */
static const char *const policy_words[] = { "pick_first", "round_robin", NULL };

static const struct conf_field balance_fields[] = {
    { .key = "policy",
      .type = CONF_STRING,
      .at = offsetof(struct balance_conf, policy),
      .def = "round_robin",
      .words = policy_words,
      .code = "E0208",
      .example = "\"pick_first\"",
      .help = "How calls are spread: round_robin gives each endpoint its turn, "
              "pick_first uses the first endpoint "
              "that works. A bare string in balance means the same." },
    { .key = NULL },
};

static const struct conf_struct balance_struct = {
    .name = "balance",
    .size = sizeof(struct balance_conf),
    .fields = balance_fields,
    .short_key = "policy",
};

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
      .help = "Time for the TCP connection to be made before the endpoint counts as "
              "failed." },
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
      .help = "Most bytes of one connection that wait for slow clients before its window "
              "is held back." },
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

/* --- backoff and limits ----------------------------------------------------- */

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

static const struct conf_field pool_limits_fields[] = {
    { .key = "maxPendingRequests",
      .type = CONF_UINT,
      .at = offsetof(struct pool_limits_conf, max_pending_requests),
      .def = "1024",
      .min = 0,
      .max = 1000000,
      .example = "1024",
      .help = "Most calls per worker that wait for a connection. Further ones end with "
              "UNAVAILABLE at once." },
    { .key = "pendingTimeout",
      .type = CONF_DURATION,
      .at = offsetof(struct pool_limits_conf, pending_timeout_ms),
      .def = "3s",
      .min = 1,
      .max = 60 * MINUTE_MS,
      .example = "\"3s\"",
      .help =
          "A call that waits longer than this for a connection ends with UNAVAILABLE." },
    { .key = "replayBytes",
      .type = CONF_SIZE,
      .at = offsetof(struct pool_limits_conf, replay_bytes),
      .def = "64KiB",
      .min = 0,
      .max = 16 * MIB,
      .example = "\"64KiB\"",
      .help = "Most bytes of a request that are kept to send it again when a backend "
              "refused it unseen. A longer request is "
              "not replayed." },
    { .key = NULL },
};

static const struct conf_struct pool_limits_struct = {
    .name = "pool limits",
    .size = sizeof(struct pool_limits_conf),
    .fields = pool_limits_fields,
};

/* --- pool ------------------------------------------------------------------- */

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
      .sub = &endpoint_struct,
      .example = "[\"127.0.0.1:50051\"]",
      .help = "The backends of this pool. All must serve the same." },
    { .key = "balance",
      .type = CONF_OBJECT,
      .at = offsetof(struct pool_conf, balance),
      .sub = &balance_struct,
      .example = "\"round_robin\"",
      .help = "How calls are spread over the endpoints." },
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
      .sub = &pool_limits_struct,
      .example = "{ \"maxPendingRequests\": 100 }",
      .help = "Bounds of what may wait in this pool." },
    { .key = "keepalive",
      .type = CONF_OBJECT,
      .at = offsetof(struct pool_conf, keepalive),
      .sub = &up_keepalive_conf_struct,
      .example = "{ \"time\": \"5m\" }",
      .help = "PINGs to backends that are silent." },
    { .key = NULL },
};

static void
pool_check(void *obj, struct conf_place *place)
{
    const struct pool_conf *pool = obj;

    conf_check_unique(place, "endpoints", &pool->endpoints, sizeof(struct endpoint_conf),
                      offsetof(struct endpoint_conf, target), "target", "W0303");
}

const struct conf_struct pool_conf_struct = {
    .name = "pool",
    .size = sizeof(struct pool_conf),
    .fields = pool_fields,
    .check = pool_check,
};
