/* SPDX-License-Identifier: Apache-2.0 */
/* proxy/route_conf.c - the rows of a route: where its calls go, and in what time. */
#include "proxy/route_conf.h"

#include "conf/check.h"

#define DAY_MS (24 * 3600 * 1000LL)

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
      .sub = &match_conf_struct,
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

const struct conf_struct route_conf_struct = {
    .name = "route",
    .size = sizeof(struct route_conf),
    .fields = route_fields,
};
