/* SPDX-License-Identifier: Apache-2.0 */
/* filter/global_rate_conf.c - rows of the filter globalRateLimit. */
#include "filter/global_rate_conf.h"

#include "conf/check.h"
#include "filter/descriptor.h"
#include "filter/kinds.h"

static const struct conf_field fields[] = {
    { .key = "pool",
      .type = CONF_STRING,
      .at = offsetof(struct global_rate_limit_conf, pool),
      .hide = CONF_SHOW,
      .example = "\"ratelimit\"",
      .help =
          "Pool of a rate limit service, which has the method "
          "envoy.service.ratelimit.v3.RateLimitService/ShouldRateLimit. Either this or "
          "redis." },
    { .key = "redis",
      .type = CONF_OBJECT,
      .at = offsetof(struct global_rate_limit_conf, redis),
      .sub = &redis_limit_conf_struct,
      .example = "{ \"address\": \"127.0.0.1:6379\" }",
      .help =
          "The Redis in which the limits are kept, without a service. Each descriptor "
          "then has a rate." },
    { .key = "domain",
      .type = CONF_STRING,
      .at = offsetof(struct global_rate_limit_conf, domain),
      .required = true,
      .valid = conf_name_valid,
      .code = "E0457",
      .example = "\"edge\"",
      .help =
          "Name under which the service has its limits; with redis, part of the keys." },
    { .key = "descriptors",
      .type = CONF_LIST,
      .at = offsetof(struct global_rate_limit_conf, descriptors),
      .sub = &descriptor_conf_struct,
      .required = true,
      .one_ok = true,
      .min = 1,
      .max = DESCRIPTORS_MAX,
      .example =
          "[{ \"entries\": [{ \"key\": \"tenant\", \"from\": \"header:x-tenant\" }] }]",
      .help =
          "What of a call is counted. Each that the call has is asked about; one that "
          "is over its limit refuses the call." },
    { .key = "timeout",
      .type = CONF_DURATION,
      .at = offsetof(struct global_rate_limit_conf, timeout_ms),
      .def = "20ms",
      .min = 1,
      .max = 60000,
      .example = "\"50ms\"",
      .help = "How long an answer may take, with the wait for a connection." },
    { .key = "failureModeDeny",
      .type = CONF_BOOL,
      .at = offsetof(struct global_rate_limit_conf, failure_mode_deny),
      .def = "false",
      .example = "true",
      .help =
          "Calls end with UNAVAILABLE when there is no answer. By default they go on." },
    { .key = "hits",
      .type = CONF_UINT,
      .at = offsetof(struct global_rate_limit_conf, hits),
      .def = "1",
      .min = 1,
      .max = 1000000,
      .example = "10",
      .help = "How much a call counts." },
    { .key = "enforce",
      .type = CONF_PERCENT,
      .at = offsetof(struct global_rate_limit_conf, enforce),
      .def = "100%",
      .min = 0,
      .max = 100,
      .example = "\"0%\"",
      .help = "Share of the calls over the limit that are refused; the others go on and "
              "are only counted. 0% tries a limit out." },
    { .key = "pushback",
      .type = CONF_BOOL,
      .at = offsetof(struct global_rate_limit_conf, pushback),
      .def = "false",
      .example = "true",
      .help = "A refusal also says grpc-retry-pushback-ms: gRPC clients that retry do so "
              "when the limit allows it." },
    { .key = "headers",
      .type = CONF_BOOL,
      .at = offsetof(struct global_rate_limit_conf, headers),
      .def = "false",
      .example = "true",
      .help =
          "Answers have x-ratelimit-limit, x-ratelimit-remaining and x-ratelimit-reset "
          "(seconds) of the limit that says most." },
    { .key = NULL },
};

/* With redis the limits are here, else they are the service's. */
static void
check_rates(const struct global_rate_limit_conf *c, struct conf_place *place)
{
    const struct descriptor_conf *d = c->descriptors.items;

    for (size_t i = 0; i < c->descriptors.n; i++) {
        bool rate = d[i].rate.rate.events > 0;

        if (c->redis.on && !rate)
            conf_problem_item(place, "descriptors", i, NULL, "E0453",
                              "with redis the limit stands here: add rate to this "
                              "descriptor, as in \"100/s\"");
        else if (!c->redis.on && rate)
            conf_problem_item(
                place, "descriptors", i, "rate", "E0453",
                "the rate limit service of the pool knows the limits; remove "
                "rate, or use redis in the place of pool");
        else if (rate && rate_conf_burst(&d[i].rate) < c->hits)
            conf_problem_item(
                place, "descriptors", i, NULL, "E0453",
                "a call counts %u hits and at most %u may go on at once, so "
                "none ever could: make burst at least hits",
                c->hits, rate_conf_burst(&d[i].rate));
    }
}

static void
check(void *obj, struct conf_place *place)
{
    const struct global_rate_limit_conf *c = obj;

    if (!conf_place_clean(place))
        return;
    if ((c->pool != NULL) == c->redis.on) {
        conf_problem(place, c->pool ? "redis" : NULL, "E0458",
                     c->pool
                         ? "pool and redis are two places for the limits; remove one"
                         : "nothing says where the limits are: write pool with the pool "
                           "of a rate limit service, or redis with the address of a "
                           "Redis");
        return;
    }
    check_rates(c, place);
}

const struct conf_struct global_rate_limit_conf_struct = {
    .name = "globalRateLimit filter",
    .size = sizeof(struct global_rate_limit_conf),
    .fields = fields,
    .check = check,
};
