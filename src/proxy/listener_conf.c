/* SPDX-License-Identifier: Apache-2.0 */
/* proxy/listener_conf.c - the rows of a listener and its limits. */
#include "proxy/listener_conf.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/xalloc.h"
#include "conf/check.h"
#include "filter/filter_conf.h"
#include "grpc/frame.h"
#include "net/addr.h"
#include "net/sockets.h"
#include "proxy/xfcc.h"

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
    { LIMIT("maxMessageBytes", CONF_SIZE, max_message_bytes), .def = "0B", .min = 0,
      .max = FRAME_LENGTH_MAX, .example = "\"4MiB\"",
      .help = "Longest message in either direction, as it is on the wire, of calls whose "
              "route does not say it with limits.maxRequestMessageBytes or "
              "limits.maxResponseMessageBytes. The call ends with RESOURCE_EXHAUSTED as "
              "soon as a longer one is announced. 0B: no limit." },
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
      .help = "Most bytes of one connection that wait for slow backends or that its "
              "client may still send: a larger window is never open." },
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
      .help = "Time for a new client to end the TLS handshake, if there is one, and to "
              "send the HTTP/2 preface and SETTINGS." },
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

/* --- listener --------------------------------------------------------------- */

static int
listen_valid(const char *text, const char **ret_why)
{
    struct addr addr;

    *ret_why = NULL;
    if (sockets_is_name(text, ret_why))
        return *ret_why ? ERR_SYNTAX : 0;
    *ret_why = "write \"127.0.0.1:8080\", \"[::1]:8080\", \":8080\" for all addresses, "
               "or \"unix:/path\"";
    if (text[0] == '/') {
        *ret_why = "the path of a unix socket starts with unix: as in "
                   "\"unix:/run/outrigger/in.sock\"";
        return ERR_SYNTAX;
    }
    if (strstr(text, "://") && strncmp(text, "unix:///", 8) != 0) {
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

/* Same order as enum listener_direction. */
static const char *const direction_words[] = { "inbound", "outbound", NULL };

/* Same order as enum error_details. */
static const char *const details_words[] = { "off", "short", "full", NULL };

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
      .help =
          "Address for clients: \"127.0.0.1:8080\", \"[::]:8080\", \":8080\" (all "
          "addresses), or \"unix:/run/x.sock\". \"fd:NAME\" takes the socket that "
          "systemd opened under that FileDescriptorName; a socket of systemd with the "
          "same address is taken without that. HTTP/2 with prior knowledge in plain "
          "text, or with \"tls\" in TLS. Port 0 takes a free port." },
    { .key = "direction",
      .type = CONF_ENUM,
      .at = offsetof(struct listener_conf, direction),
      .def = "inbound",
      .words = direction_words,
      .example = "\"outbound\"",
      .help = "inbound: others call the application next to this proxy. outbound: the "
              "application calls others through it; when the process stops, such a "
              "listener serves until no inbound connection is left, because the "
              "application may need it to finish its calls." },
    { .key = "mirrorGoaway",
      .type = CONF_BOOL,
      .at = offsetof(struct listener_conf, mirror_goaway),
      .def = "false",
      .example = "true",
      .help = "For an inbound listener in front of one application: when every endpoint "
              "behind its routes has said GOAWAY and cannot be connected to again, or "
              "says NOT_SERVING itself, the clients of this listener get GOAWAY too "
              "(over drain.spread), so that they are elsewhere before the application is "
              "gone, and the listener is not ready "
              "(outrigger_listener_ready). New connections are still served, and told "
              "to go after 1 to 2 s. It ends when an endpoint is back." },
    { .key = "tls",
      .type = CONF_OBJECT,
      .at = offsetof(struct listener_conf, tls),
      .sub = &tls_server_conf_struct,
      .example = "{ \"cert\": \"/etc/outrigger/tls.crt\", \"key\": "
                 "\"/etc/outrigger/tls.key\" }",
      .help = "TLS for clients, which must speak HTTP/2 in it (ALPN h2). Without this "
              "object the listener speaks plain text." },
    { .key = "forwardClientCert",
      .type = CONF_ENUM,
      .at = offsetof(struct listener_conf, forward_client_cert),
      .def = "sanitize",
      .words = xfcc_words,
      .example = "\"sanitizeSet\"",
      .help =
          "What happens to the header x-forwarded-client-cert, by which backends hear "
          "who the client is. sanitize: what clients send is taken out (without TLS "
          "only when this key is given). sanitizeSet: that, and a client with a "
          "verified certificate gets ours: hash, subject, URIs and DNS names. "
          "appendForward: ours behind what such a client sent. forwardOnly: such a "
          "client's own passes. alwaysForwardOnly: everybody's passes." },
    { .key = "errorDetails",
      .type = CONF_ENUM,
      .at = offsetof(struct listener_conf, error_details),
      .def = "short",
      .words = details_words,
      .example = "\"full\"",
      .help =
          "Rich errors (grpc-status-details-bin) of answers that the proxy makes "
          "itself. short: a stable reason (ErrorInfo), when to try again (RetryInfo), "
          "which quota ran out (QuotaFailure). full: listener, route, pool and "
          "address of the backend too, for clients that may know them. off: only "
          "status and message." },
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
    { .key = "methodConfig",
      .type = CONF_LIST,
      .at = offsetof(struct listener_conf, method_config),
      .max = 1000,
      .sub = &method_conf_struct,
      .example = "[{ \"name\": [{ \"service\": \"helloworld.Greeter\" }], "
                 "\"timeout\": \"1.5s\" }]",
      .help =
          "What holds for single methods, in the words of a gRPC service config, whose "
          "methodConfig may be pasted here. The most specific name counts." },
    { .key = "filters",
      .type = CONF_LIST,
      .at = offsetof(struct listener_conf, filters),
      .max = FILTERS_MAX,
      .sub = &filter_item_struct,
      .example = "[\"requestId\"]",
      .help =
          "What is done with each call beside passing it on, in this order: requests go "
          "through the filters from first to last, answers from last to first. Routes "
          "may change settings or switch one off, in filters of their own." },
    { .key = "routes",
      .type = CONF_LIST,
      .at = offsetof(struct listener_conf, routes),
      .min = 1,
      .max = 10000,
      .required = true,
      .sub = &route_conf_struct,
      .example = "[{ \"to\": \"app\" }]",
      .help = "Where calls go. The first route that matches is taken, in the order of "
              "the file." },
    { .key = NULL },
};

/* Without a certificate of the client there are no names to match. */
static void
check_san(const struct listener_conf *l, struct conf_place *place)
{
    const struct route_conf *r = l->routes.items;

    if (l->tls.on && l->tls.client_cert != TLS_CLIENT_CERT_OFF)
        return;
    for (size_t i = 0; i < l->routes.n; i++) {
        if (r[i].match.san.n)
            conf_warning_item(
                place, "routes", i, "match.san", "W0321",
                "this route is never taken: the listener asks clients for no "
                "certificate; give tls.clientCa");
    }
}

static void
check_filters(const struct listener_conf *l, struct conf_place *place)
{
    const struct route_conf *r = l->routes.items;

    filters_check(&l->filters, place);
    for (size_t i = 0; i < l->routes.n; i++)
        filters_check_route(&l->filters, &r[i].filters, i, place);
}

static void
listener_check(void *obj, struct conf_place *place)
{
    struct listener_conf *l = obj;

    l->xfcc = l->tls.on || conf_place_has(place, "forwardClientCert");
    conf_check_unique(place, "routes", &l->routes, sizeof(struct route_conf),
                      offsetof(struct route_conf, name), "name", NULL);
    method_conf_check(&l->method_config, "methodConfig", place);
    check_san(l, place);
    check_filters(l, place);
    routes_check_hidden(&l->routes, place);
    if (l->mirror_goaway && l->direction == LISTENER_OUTBOUND)
        conf_warning(
            place, "mirrorGoaway", "W0341",
            "the clients of an outbound listener are the application itself, "
            "which has nowhere else to go; mirrorGoaway is for inbound listeners");
}

const struct conf_struct listener_conf_struct = {
    .name = "listener",
    .size = sizeof(struct listener_conf),
    .fields = listener_fields,
    .check = listener_check,
};
