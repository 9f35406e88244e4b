/* SPDX-License-Identifier: Apache-2.0 */
/* proxy/keepalive_conf.c - the rows of a listener's keepalive (gRFC A8, A9; grpc-spec.md 8.2, 8.3). */
#include "proxy/keepalive_conf.h"

#include "conf/check.h"
#include "h2/conn.h"

#define SECOND_MS 1000LL
#define MINUTE_MS (60 * SECOND_MS)
#define HOUR_MS   (60 * MINUTE_MS)
#define DAY_MS    (24 * HOUR_MS)

#define KEEPALIVE(k, t, field) \
    .key = k, .type = t, .at = offsetof(struct down_keepalive_conf, field)

static const struct conf_field keepalive_fields[] = {
    { KEEPALIVE("time", CONF_DURATION, time_ms), .def = "2h", .min = 0, .max = DAY_MS,
      .example = "\"10m\"",
      .help = "A client from which no byte came for this long is asked with an HTTP/2 "
              "PING, with or without calls, up to 15 % later by chance. At least 1s; "
              "0s: no PINGs, the TCP keepalive of the kernel looks after clients." },
    { KEEPALIVE("timeout", CONF_DURATION, timeout_ms), .def = "20s", .min = 10,
      .max = 10 * MINUTE_MS, .example = "\"20s\"",
      .help = "Without the answer or any other byte in this time the connection is "
              "closed and its calls are cancelled. Also TCP_USER_TIMEOUT when time is "
              "not 0s: a client whose kernel takes none of our bytes for this long is "
              "gone." },
    { KEEPALIVE("minClientInterval", CONF_DURATION, min_client_interval_ms), .def = "5m",
      .min = 10, .max = DAY_MS, .example = "\"10s\"",
      .help = "A client's PING that comes earlier after its last one is a strike; what "
              "we send to it (headers, messages) forgives its strikes. With more than "
              "two the connection is closed with too_many_pings, as gRPC servers do. "
              "Set it to what your clients use as their keepalive time." },
    { KEEPALIVE("permitWithoutCalls", CONF_BOOL, permit_without_calls), .def = "false",
      .example = "true",
      .help = "Whether clients without open calls may PING as often as others. If not, "
              "they may every 2 hours." },
    { .key = NULL },
};

static void
keepalive_check(void *obj, struct conf_place *place)
{
    const struct down_keepalive_conf *k = obj;

    if (k->time_ms && k->time_ms < SECOND_MS && conf_place_clean(place))
        conf_problem(place, "time", "E0110",
                     "time must be at least 1s, or 0s for no PINGs");
}

const struct conf_struct down_keepalive_conf_struct = {
    .name = "listener keepalive",
    .size = sizeof(struct down_keepalive_conf),
    .fields = keepalive_fields,
    .check = keepalive_check,
};

void
down_keepalive_fill(struct h2_keepalive *to, const struct down_keepalive_conf *conf)
{
    *to = (struct h2_keepalive){
        .time_us = conf->time_ms * 1000,
        .timeout_us = conf->timeout_ms * 1000,
        .without_calls = true, /* A9: a server asks idle clients too */
        .min_client_interval_us = conf->min_client_interval_ms * 1000,
        .permit_without_calls = conf->permit_without_calls,
    };
}
