/* SPDX-License-Identifier: Apache-2.0 */
/* upstream/keepalive_conf.c - the rows of a pool's keepalive (gRFC A8; grpc-spec.md 8.1). */
#include "upstream/keepalive_conf.h"

#include "conf/check.h"
#include "h2/conn.h"

#define SECOND_MS 1000LL
#define MINUTE_MS (60 * SECOND_MS)
#define DAY_MS    (1440 * MINUTE_MS)

/* gRPC clients raise a shorter time to this; servers end connections for less. */
#define TIME_FLOOR_MS (10 * SECOND_MS)
/* What gRPC servers allow when nobody told them to allow more. */
#define SERVER_DEFAULT_MS (5 * MINUTE_MS)

#define KEEPALIVE(k, t, field) \
    .key = k, .type = t, .at = offsetof(struct up_keepalive_conf, field)

static const struct conf_field keepalive_fields[] = {
    { KEEPALIVE("time", CONF_DURATION, time_ms), .def = "0s", .min = 0, .max = DAY_MS,
      .example = "\"5m\"",
      .help = "A connection with open calls from which no byte came for this long is "
              "asked with an HTTP/2 PING, up to 15 % later by chance. At least 10s; 0s: "
              "no PINGs, only the TCP keepalive of the kernel. A backend that answers "
              "too_many_pings gets half as many on its next connection." },
    { KEEPALIVE("timeout", CONF_DURATION, timeout_ms), .def = "20s", .min = 10,
      .max = 10 * MINUTE_MS, .example = "\"20s\"",
      .help = "Without the answer or any other byte in this time the connection is "
              "closed; its calls end with UNAVAILABLE or go elsewhere if the backend "
              "cannot have seen them. Also TCP_USER_TIMEOUT when time is not 0s." },
    { KEEPALIVE("withoutCalls", CONF_BOOL, without_calls), .def = "false",
      .example = "true",
      .help = "PINGs also while no call is open. Without this the first call after a "
              "long silence takes a PING along." },
    { .key = NULL },
};

static void
keepalive_check(void *obj, struct conf_place *place)
{
    const struct up_keepalive_conf *k = obj;

    if (k->time_ms == 0 || !conf_place_clean(place))
        return;
    if (k->time_ms < TIME_FLOOR_MS)
        conf_problem(place, "time", "E0110",
                     "time must be at least 10s, or 0s for no PINGs: gRPC servers close "
                     "connections for more of them");
    else if (k->time_ms < SERVER_DEFAULT_MS)
        conf_warning(place, "time", "W0306",
                     "gRPC servers allow one PING in 5m unless they are told to allow "
                     "more; make sure that these backends do, or write \"5m\"");
}

const struct conf_struct up_keepalive_conf_struct = {
    .name = "pool keepalive",
    .size = sizeof(struct up_keepalive_conf),
    .fields = keepalive_fields,
    .check = keepalive_check,
};

void
up_keepalive_fill(struct h2_keepalive *to, const struct up_keepalive_conf *conf)
{
    *to = (struct h2_keepalive){
        .time_us = conf->time_ms * 1000,
        .timeout_us = conf->timeout_ms * 1000,
        .without_calls = conf->without_calls,
    };
}
