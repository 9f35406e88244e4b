/* SPDX-License-Identifier: Apache-2.0 */
/* proxy/listener_conf.h - what the config file says about one listener. Immutable after loading; owned by the config snapshot.
 * Durations in milliseconds, sizes in bytes; the rows with defaults and help are in listener_conf.c. */
#ifndef OUTRIGGER_PROXY_LISTENER_CONF_H
#define OUTRIGGER_PROXY_LISTENER_CONF_H

#include <stdbool.h>
#include <stdint.h>

#include "conf/field.h"
#include "net/tls_conf.h"
#include "proxy/keepalive_conf.h"
#include "proxy/method_conf.h"
#include "proxy/route_conf.h"

struct listener_limits_conf {
    uint32_t max_connections; /* 0: only the process limit */
    uint32_t max_concurrent_streams;
    uint64_t max_header_bytes;
    uint64_t max_message_bytes; /* 0: none; routes may have their own */
    uint32_t max_header_count, max_continuations;
    uint64_t stream_window, connection_window, max_stream_window, max_connection_buffer,
        write_buffer;
    uint32_t max_queued_frames;
    uint32_t reset_burst, reset_rate; /* 0: by where the listener is, see DESIGN 3.6 */
    uint32_t glitch_burst, glitch_rate;
    uint32_t max_streams_per_turn, max_frames_per_turn;
    int64_t handshake_timeout_ms, header_timeout_ms, idle_timeout_ms,
        write_stall_timeout_ms;
    int64_t max_connection_age_ms, max_connection_age_grace_ms; /* 0: no end */
    uint32_t max_requests_per_connection;                       /* 0: no end */
};

enum listener_direction {
    LISTENER_INBOUND, /* others call the application next door */
    LISTENER_OUTBOUND /* the application next door calls others */
};

/* Rich errors: what goes into grpc-status-details-bin of statuses that are our own. */
enum error_details { ERROR_DETAILS_OFF, ERROR_DETAILS_SHORT, ERROR_DETAILS_FULL };

struct listener_conf {
    const char *name;   /* never NULL after loading: its address when not given */
    const char *listen; /* an address, or "fd:NAME" */
    uint32_t direction; /* enum listener_direction */
    bool mirror_goaway;
    uint32_t error_details; /* enum error_details */
    struct tls_server_conf tls;
    uint32_t forward_client_cert; /* enum xfcc_mode */
    bool xfcc;                    /* it applies: there is TLS, or the key is given */
    struct listener_limits_conf limits;
    struct down_keepalive_conf keepalive;
    struct conf_list method_config; /* of struct method_conf */
    struct conf_list filters;       /* of struct filter_item; in the order of requests */
    struct conf_list routes;        /* of struct route_conf; first match wins */
};

extern const struct conf_struct listener_conf_struct;

#endif
