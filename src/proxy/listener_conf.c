/* SPDX-License-Identifier: Apache-2.0 */
/* proxy/listener_conf.c - the rows of a listener, its limits and its routes. */
#include "proxy/listener_conf.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/xalloc.h"
#include "conf/check.h"
#include "net/addr.h"

#define KIB        1024LL
#define MIB        (1024 * KIB)
#define WINDOW_MAX 2147483647LL /* RFC 9113 6.9.1 */
#define SECOND_MS  1000LL
#define MINUTE_MS  (60 * SECOND_MS)
#define HOUR_MS    (60 * MINUTE_MS)
#define DAY_MS     (24 * HOUR_MS)

/* --- limits ----------------------------------------------------------------- */

#define LIMIT(k, t, field) \
    .key = k, .type = t, .at = offsetof(struct listener_limits_conf, field)

static const struct conf_field limits_fields[] = {
    { LIMIT("maxConnections", CONF_UINT, max_connections), .def = "0", .min = 0,
      .max = 10000000, .example = "4096",
      .help = "Most client connections of this listener; 0: only the limit of the whole "
              "process. Further ones are not "
              "accepted until one closes." },
    { LIMIT("maxConcurrentStreams", CONF_UINT, max_concurrent_streams), .def = "1024",
      .min = 1, .max = 1000000, .example = "256",
      .help = "Most calls at the same time on one connection. A slot is free again only "
              "when the backend's side of the call "
              "is gone too, so cancelled calls count." },
    { LIMIT("maxHeaderBytes", CONF_SIZE, max_header_bytes), .def = "16KiB", .min = KIB,
      .max = MIB, .example = "\"16KiB\"",
      .help = "Most bytes of the headers of one call, counted as HTTP/2 does (32 extra "
              "per header). A longer list ends the "
              "call with RESOURCE_EXHAUSTED." },
    { LIMIT("maxHeaderCount", CONF_UINT, max_header_count), .def = "128", .min = 8,
      .max = 10000, .example = "128", .help = "Most headers of one call." },
    { LIMIT("maxContinuations", CONF_UINT, max_continuations), .def = "32", .min = 1,
      .max = 1000, .example = "32",
      .help = "Most CONTINUATION frames of one header list. The connection is closed "
              "when there are more." },
    { LIMIT("streamWindow", CONF_SIZE, stream_window), .def = "64KiB", .min = 16 * KIB,
      .max = WINDOW_MAX, .example = "\"64KiB\"",
      .help = "First HTTP/2 flow-control window of each stream: what a client may send "
              "before we read on." },
    { LIMIT("connectionWindow", CONF_SIZE, connection_window), .def = "1MiB",
      .min = 16 * KIB, .max = WINDOW_MAX, .example = "\"1MiB\"",
      .help = "First HTTP/2 flow-control window of a whole connection. At least "
              "streamWindow." },
    { LIMIT("maxStreamWindow", CONF_SIZE, max_stream_window), .def = "4MiB",
      .min = 16 * KIB, .max = WINDOW_MAX, .example = "\"4MiB\"",
      .help = "Stream windows grow with the measured bandwidth and delay up to this "
              "size. At least streamWindow." },
    { LIMIT("maxConnectionBuffer", CONF_SIZE, max_connection_buffer), .def = "4MiB",
      .min = 64 * KIB, .max = 1024 * MIB, .example = "\"4MiB\"",
      .help = "Most bytes of one connection that wait for slow backends before its "
              "window is held back." },
    { LIMIT("writeBuffer", CONF_SIZE, write_buffer), .def = "256KiB", .min = 16 * KIB,
      .max = 64 * MIB, .example = "\"256KiB\"",
      .help = "Most bytes that wait to be written to one client. Above it we stop "
              "reading from that client and stop making output "
              "for it." },
    { LIMIT("maxQueuedFrames", CONF_UINT, max_queued_frames), .def = "2000", .min = 16,
      .max = 1000000, .example = "2000",
      .help = "Most control frames (answers to PING, SETTINGS, RST_STREAM) that wait for "
              "one client. The connection is closed "
              "when there are more." },
    { LIMIT("resetBurst", CONF_UINT, reset_burst), .def = "0", .min = 0, .max = 100000000,
      .example = "1000",
      .help = "Stream resets that a connection may send at once. 0: 10000 on loopback "
              "and unix listeners, else 1000." },
    { LIMIT("resetRate", CONF_UINT, reset_rate), .def = "0", .min = 0, .max = 100000000,
      .example = "100",
      .help = "Stream resets per second that come back to the allowance. 0: 1000 on "
              "loopback and unix listeners, else 100." },
    { LIMIT("glitchBurst", CONF_UINT, glitch_burst), .def = "1000", .min = 1,
      .max = 100000000, .example = "1000",
      .help = "Odd but legal frames (empty DATA, late frames and the like) that a "
              "connection may send at once." },
    { LIMIT("glitchRate", CONF_UINT, glitch_rate), .def = "100", .min = 1,
      .max = 100000000, .example = "100",
      .help = "Odd frames per second that come back to the allowance." },
    { LIMIT("maxStreamsPerTurn", CONF_UINT, max_streams_per_turn), .def = "128", .min = 1,
      .max = 100000, .example = "128",
      .help = "Most new calls of one connection in one turn of the loop, so that others "
              "get their share." },
    { LIMIT("maxFramesPerTurn", CONF_UINT, max_frames_per_turn), .def = "1024", .min = 1,
      .max = 1000000, .example = "1024",
      .help = "Most frames of one connection in one turn of the loop." },
    { LIMIT("handshakeTimeout", CONF_DURATION, handshake_timeout_ms), .def = "10s",
      .min = 10, .max = 10 * MINUTE_MS, .example = "\"10s\"",
      .help = "Time for a new client to send the HTTP/2 preface and SETTINGS." },
    { LIMIT("headerTimeout", CONF_DURATION, header_timeout_ms), .def = "10s", .min = 10,
      .max = 10 * MINUTE_MS, .example = "\"10s\"",
      .help = "Time from the first to the last frame of one header list." },
    { LIMIT("idleTimeout", CONF_DURATION, idle_timeout_ms), .def = "10m", .min = 10,
      .max = 30 * DAY_MS, .example = "\"1h\"",
      .help = "A connection without calls for this long, 10 % more or less by chance, "
              "is closed with GOAWAY (max_idle)." },
    { LIMIT("maxConnectionAge", CONF_DURATION, max_connection_age_ms), .def = "0s",
      .min = 0, .max = 365 * DAY_MS, .example = "\"30m\"",
      .help = "A connection of this age, 10 % more or less by chance, is told to go with "
              "GOAWAY (max_age): its calls end, new ones use a new connection, so that "
              "clients find new proxies behind a load balancer. 0s: never." },
    { LIMIT("maxConnectionAgeGrace", CONF_DURATION, max_connection_age_grace_ms),
      .def = "0s", .min = 0, .max = 365 * DAY_MS, .example = "\"5m\"",
      .help = "Calls that still run this long after that are ended with the connection. "
              "0s: they may take their time." },
    { LIMIT("maxRequestsPerConnection", CONF_UINT, max_requests_per_connection),
      .def = "0", .min = 0, .max = 1000000000, .example = "10000",
      .help = "A connection that has carried this many calls, 10 % more or less by "
              "chance, is told to go with GOAWAY (max_requests). 0: never." },
    { LIMIT("writeStallTimeout", CONF_DURATION, write_stall_timeout_ms), .def = "5m",
      .min = 10, .max = HOUR_MS, .example = "\"30s\"",
      .help = "A client that takes none of our waiting bytes for this long is closed. On "
              "TCP the kernel may do so earlier, see keepalive.timeout." },
    { .key = NULL },
};

static void
limits_check(void *obj, struct conf_place *place)
{
    const struct listener_limits_conf *l = obj;

    conf_check_at_least(place, CONF_SIZE, "maxStreamWindow",
                        (int64_t)l->max_stream_window, "streamWindow",
                        (int64_t)l->stream_window);
    conf_check_at_least(place, CONF_SIZE, "connectionWindow",
                        (int64_t)l->connection_window, "streamWindow",
                        (int64_t)l->stream_window);
}

static const struct conf_struct limits_struct = {
    .name = "listener limits",
    .size = sizeof(struct listener_limits_conf),
    .fields = limits_fields,
    .check = limits_check,
};

/* --- routes ----------------------------------------------------------------- */

/* One part of the path /service/method; gRPC allows more than protobuf names, but never
 * a slash. */
static int
path_part_valid(const char *text, const char *slash_why, const char **ret_why)
{
    if (strcmp(text, "*") == 0)
        *ret_why = "leave the key out to match all";
    else if (strchr(text, '/'))
        *ret_why = slash_why;
    else if (text[0] == '\0' || strlen(text) > 1024)
        *ret_why = "it must have 1 to 1024 characters; leave the key out to match all";
    else if (strspn(
                 text,
                 "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-") !=
             strlen(text))
        *ret_why = "it must be made of letters, digits, _ . and -, as in the .proto "
                   "file; patterns are not known here";
    else
        return 0;
    return ERR_SYNTAX;
}

static int
service_valid(const char *text, const char **ret_why)
{
    size_t n = strlen(text);
    int rc = path_part_valid(text,
                             "write the full name without slashes, like \"pkg.Service\"; "
                             "the method has its own key",
                             ret_why);

    if (rc == 0 && (text[0] == '.' || text[n - 1] == '.' || strstr(text, ".."))) {
        *ret_why = "a dot stands between two names, like \"pkg.Service\"";
        return ERR_SYNTAX;
    }
    return rc;
}

static int
method_valid(const char *text, const char **ret_why)
{
    if (strchr(text, '.') && !strchr(text, '/')) {
        *ret_why = "a method has no dots; the package and the service belong to the key "
                   "\"service\"";
        return ERR_SYNTAX;
    }
    return path_part_valid(
        text, "write only the method, like \"SayHello\"; the service has its own key",
        ret_why);
}

static const struct conf_field match_fields[] = {
    { .key = "service",
      .type = CONF_STRING,
      .at = offsetof(struct match_conf, service),
      .valid = service_valid,
      .code = "E0209",
      .example = "\"helloworld.Greeter\"",
      .help = "Full name of a gRPC service with its package. Without this key every "
              "service matches." },
    { .key = "method",
      .type = CONF_STRING,
      .at = offsetof(struct match_conf, method),
      .valid = method_valid,
      .code = "E0209",
      .example = "\"SayHello\"",
      .help = "Name of a method. Without this key every method matches." },
    { .key = NULL },
};

static const struct conf_struct match_struct = {
    .name = "match",
    .size = sizeof(struct match_conf),
    .fields = match_fields,
};

static const struct conf_field to_fields[] = {
    { .key = "pool",
      .type = CONF_STRING,
      .at = offsetof(struct to_conf, pool),
      .required = true,
      .valid = conf_name_valid,
      .example = "\"app\"",
      .help = "Name of the pool that gets the call. A bare string in \"to\" means the "
              "same." },
    { .key = "subset",
      .type = CONF_MAP,
      .at = offsetof(struct to_conf, subset),
      .max = 16,
      .example = "{ \"version\": \"v2\" }",
      .help = "Only endpoints with all these labels get the call. When no endpoint has "
              "them, subsetFallback of the pool says what happens." },
    { .key = NULL },
};

static const struct conf_struct to_struct = {
    .name = "to",
    .size = sizeof(struct to_conf),
    .fields = to_fields,
    .short_key = "pool",
};

static const struct conf_field route_fields[] = {
    { .key = "name",
      .type = CONF_STRING,
      .at = offsetof(struct route_conf, name),
      .valid = conf_name_valid,
      .example = "\"greeter\"",
      .help = "Name of the route in logs and metrics. Unique in its listener." },
    { .key = "match",
      .type = CONF_OBJECT,
      .at = offsetof(struct route_conf, match),
      .sub = &match_struct,
      .example = "{ \"service\": \"helloworld.Greeter\" }",
      .help = "Which calls take this route. Without it all calls do." },
    { .key = "to",
      .type = CONF_OBJECT,
      .at = offsetof(struct route_conf, to),
      .required = true,
      .sub = &to_struct,
      .example = "\"app\"",
      .help = "Where the calls go." },
    { .key = "timeout",
      .type = CONF_DURATION,
      .at = offsetof(struct route_conf, timeout_ms),
      .def = "0s",
      .min = 0,
      .max = 365 * DAY_MS,
      .example = "\"2s\"",
      .help = "Longest time of a call, also when the client sends no grpc-timeout; the "
              "shorter one counts. 0s: none." },
    { .key = "grpcTimeoutMax",
      .type = CONF_DURATION,
      .at = offsetof(struct route_conf, grpc_timeout_max_ms),
      .def = "0s",
      .min = 0,
      .max = 365 * DAY_MS,
      .example = "\"1h\"",
      .help = "A longer grpc-timeout of a client is cut to this. A call without one is "
              "left alone. 0s: none." },
    { .key = NULL },
};

static const struct conf_struct route_struct = {
    .name = "route",
    .size = sizeof(struct route_conf),
    .fields = route_fields,
};

/* --- listener --------------------------------------------------------------- */

static int
listen_valid(const char *text, const char **ret_why)
{
    struct addr addr;

    *ret_why = "write \"127.0.0.1:8080\", \"[::1]:8080\", \":8080\" for all addresses, "
               "or \"unix:/path\"";
    if (strstr(text, "://")) {
        *ret_why = "an address is no URL; write \"127.0.0.1:8080\" or \":8080\"";
        return ERR_SYNTAX;
    }
    if (text[0] && text[strspn(text, "0123456789")] == '\0') {
        *ret_why = "a port alone needs a colon before it, like \":8080\"";
        return ERR_SYNTAX;
    }
    if (text[0] == '*') {
        *ret_why = "write \":8080\" for all addresses";
        return ERR_SYNTAX;
    }
    return text[0] ? addr_parse(text, true, &addr, ret_why) : ERR_SYNTAX;
}

static const struct conf_field listener_fields[] = {
    { .key = "name",
      .type = CONF_STRING,
      .at = offsetof(struct listener_conf, name),
      .valid = conf_name_valid,
      .example = "\"in\"",
      .help = "Name in logs and metrics, unique. Without this key it is the address." },
    { .key = "listen",
      .type = CONF_STRING,
      .at = offsetof(struct listener_conf, listen),
      .required = true,
      .valid = listen_valid,
      .code = "E0204",
      .example = "\"127.0.0.1:8080\"",
      .help = "Address for clients: \"127.0.0.1:8080\", \"[::]:8080\", \":8080\" (all "
              "addresses), or \"unix:/run/x.sock\". Plain "
              "HTTP/2 with prior knowledge. Port 0 takes a free port." },
    { .key = "limits",
      .type = CONF_OBJECT,
      .at = offsetof(struct listener_conf, limits),
      .sub = &limits_struct,
      .example = "{ \"maxConcurrentStreams\": 256 }",
      .help = "Bounds of what clients may use." },
    { .key = "keepalive",
      .type = CONF_OBJECT,
      .at = offsetof(struct listener_conf, keepalive),
      .sub = &down_keepalive_conf_struct,
      .example = "{ \"minClientInterval\": \"10s\" }",
      .help = "PINGs to clients that are silent, and how many they may send." },
    { .key = "routes",
      .type = CONF_LIST,
      .at = offsetof(struct listener_conf, routes),
      .min = 1,
      .max = 10000,
      .required = true,
      .sub = &route_struct,
      .example = "[{ \"to\": \"app\" }]",
      .help = "Where calls go. The first route that matches is taken, in the order of "
              "the file." },
    { .key = NULL },
};

struct route_key {
    const char *service, *method; /* "": any */
    size_t i;
};

static int
route_key_compare(const void *a, const void *b)
{
    const struct route_key *x = a, *y = b;
    int order = strcmp(x->service, y->service);

    if (order == 0)
        order = strcmp(x->method, y->method);
    return order ? order : (x->i > y->i) - (x->i < y->i);
}

/* The first route with exactly this match among the sorted keys; n: none. */
static size_t
route_first(const struct route_key *keys, size_t n, const char *service,
            const char *method)
{
    const struct route_key want = { .service = service, .method = method };
    size_t low = 0, high = n;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (route_key_compare(&keys[middle], &want) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    if (low < n && strcmp(keys[low].service, service) == 0 &&
        strcmp(keys[low].method, method) == 0)
        return keys[low].i;
    return n;
}

/* Warns of each route that can never be taken: an earlier one matches all of its calls.
 * Sorted, since there may be 10,000. */
static void
routes_check_hidden(const struct conf_list *routes, struct conf_place *place)
{
    const struct route_conf *r = routes->items;
    struct route_key *keys = xcalloc(routes->n + 1, sizeof *keys);
    size_t n = routes->n;

    for (size_t i = 0; i < n; i++)
        keys[i] =
            (struct route_key){ .service = r[i].match.service ? r[i].match.service : "",
                                .method = r[i].match.method ? r[i].match.method : "",
                                .i = i };
    qsort(keys, n, sizeof *keys, route_key_compare);
    for (size_t i = 0; i < n; i++) {
        const char *service = r[i].match.service ? r[i].match.service : "";
        const char *method = r[i].match.method ? r[i].match.method : "";
        size_t hidden_by = n;
        const char *const wider[][2] = {
            { "", "" }, { service, "" }, { "", method }, { service, method }
        };

        for (size_t k = 0; k < ARRAY_LEN(wider); k++) {
            size_t first = route_first(keys, n, wider[k][0], wider[k][1]);

            if (first < hidden_by)
                hidden_by = first;
        }
        if (hidden_by < i)
            conf_warning_item(place, "routes", i, NULL, "W0301",
                              "this route is never taken: routes[%zu] comes first and "
                              "matches all of its calls",
                              hidden_by);
    }
    xfree(keys);
}

static void
listener_check(void *obj, struct conf_place *place)
{
    const struct listener_conf *l = obj;

    conf_check_unique(place, "routes", &l->routes, sizeof(struct route_conf),
                      offsetof(struct route_conf, name), "name", NULL);
    routes_check_hidden(&l->routes, place);
}

const struct conf_struct listener_conf_struct = {
    .name = "listener",
    .size = sizeof(struct listener_conf),
    .fields = listener_fields,
    .check = listener_check,
};
