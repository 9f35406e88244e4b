/* SPDX-License-Identifier: Apache-2.0 */
/* proxy/route_conf.c - the rows of a route: where its calls go, and in what time. */
#include "proxy/route_conf.h"

#include "conf/check.h"
#include "filter/filter_conf.h"
#include "proxy/split.h"

#define DAY_MS (24 * 3600 * 1000LL)

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
      .type = CONF_LIST,
      .at = offsetof(struct route_conf, to),
      .min = 1,
      .max = SPLIT_TARGETS_MAX,
      .one_ok = true,
      .sub = &to_conf_struct,
      .example = "\"app\"",
      .help = "Where the calls go: one target, or a list of them that share the calls by "
              "their weights. A call keeps its target when it is tried again." },
    { .key = "splitBy",
      .type = CONF_OBJECT,
      .at = offsetof(struct route_conf, split_by),
      .sub = &split_by_conf_struct,
      .example = "{ \"header\": \"x-user\" }",
      .help = "Which of several targets a call takes depends on a header instead of on "
              "chance. When weights or targets change, only as many values move as the "
              "shares need." },
    { .key = "status",
      .type = CONF_OBJECT,
      .at = offsetof(struct route_conf, status),
      .sub = &status_conf_struct,
      .example = "{ \"code\": \"UNAVAILABLE\", \"message\": \"closed for today\" }",
      .help = "The proxy answers these calls itself; instead of \"to\"." },
    { .key = "mirror",
      .type = CONF_OBJECT,
      .at = offsetof(struct route_conf, mirror),
      .sub = &mirror_conf_struct,
      .example = "{ \"pool\": \"canary\", \"share\": \"10%\" }",
      .help = "Copies of the requests go to another pool too, with the header "
              "x-outrigger-mirror: 1. Its answers are thrown away; it cannot slow "
              "down or fail a call." },
    { .key = "requestHeaders",
      .type = CONF_OBJECT,
      .at = offsetof(struct route_conf, request_headers),
      .sub = &edit_conf_struct,
      .example = "{ \"set\": { \"x-user\": \"%{san}\" }, \"remove\": [\"x-debug\"] }",
      .help = "Changes of what the backend gets. The target is chosen before, by the "
              "headers of the client." },
    { .key = "responseHeaders",
      .type = CONF_OBJECT,
      .at = offsetof(struct route_conf, response_headers),
      .sub = &edit_conf_struct,
      .hide = CONF_SHOW,
      .example = "{ \"set\": { \"x-served-by\": \"%{pool}\" } }",
      .help = "Changes of the first headers that the client gets, from a backend or from "
              "the proxy itself." },
    { .key = "responseTrailers",
      .type = CONF_OBJECT,
      .at = offsetof(struct route_conf, response_trailers),
      .sub = &edit_conf_struct,
      .hide = CONF_SHOW,
      .example = "{ \"remove\": [\"x-internal\"] }",
      .help = "Changes of the trailers. An answer of one block only (an error without "
              "a message) gets the changes of responseHeaders and then these." },
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
    { .key = "retryPolicy",
      .type = CONF_OBJECT,
      .at = offsetof(struct route_conf, retry),
      .sub = &retry_conf_struct,
      .example = "{ \"maxAttempts\": 3, \"initialBackoff\": \"0.1s\", "
                 "\"maxBackoff\": \"1s\", \"backoffMultiplier\": 2, "
                 "\"retryableStatusCodes\": [\"UNAVAILABLE\"] }",
      .help =
          "Calls that fail are tried again, on another endpoint if there is one, as "
          "long as nothing of an answer went to the client; written as in gRPC's "
          "service config. limits.retryBudget and retryThrottling of the pool keep it "
          "in bounds. In the place of what methodConfig says." },
    { .key = "hedgingPolicy",
      .type = CONF_OBJECT,
      .at = offsetof(struct route_conf, hedging),
      .sub = &hedging_conf_struct,
      .example = "{ \"maxAttempts\": 2, \"hedgingDelay\": \"p95\", "
                 "\"nonFatalStatusCodes\": [\"UNAVAILABLE\"] }",
      .help = "Calls without an answer in time are sent to another endpoint too, and the "
              "first good answer counts; only for calls that do no harm when they are "
              "done twice. Written and bounded as retryPolicy, which must not stand "
              "beside it." },
    { .key = "limits",
      .type = CONF_OBJECT,
      .at = offsetof(struct route_conf, limits),
      .sub = &route_limits_conf_struct,
      .example = "{ \"maxRequestMessageBytes\": \"4MiB\" }",
      .help = "Bounds of the calls of this route." },
    { .key = "filters",
      .type = CONF_LIST,
      .at = offsetof(struct route_conf, filters),
      .max = FILTERS_MAX,
      .sub = &route_filter_struct,
      .see = "listeners[].filters",
      .example = "[{ \"type\": \"requestId\", \"off\": true }]",
      .help = "What is different for the calls of this route, by the names of the "
              "listener's filters: \"off\": true switches a filter off, other settings "
              "take the place of all settings of that filter. The order stays." },
    { .key = NULL },
};

/* A name that is refused, or missing, is complained about already. */
static void
route_check_weights(const struct route_conf *r, struct conf_place *place)
{
    const struct to_conf *to = r->to.items;
    uint64_t sum = 0;

    for (size_t i = 0; i < r->to.n; i++)
        sum += to[i].weight;
    if (r->to.n && sum == 0)
        conf_problem(place, "to", "E0284",
                     "all weights are 0, so no call could go anywhere; give one target a "
                     "weight above 0");
    if (sum > UINT32_MAX)
        conf_problem(place, "to", "E0284",
                     "the weights have the sum %llu; it may be at most 4294967295. "
                     "Divide all of them by the same number",
                     (unsigned long long)sum);
    if (r->split_by.on && r->to.n < 2)
        conf_warning(place, "splitBy", "W0330",
                     "splitBy chooses between targets, but \"to\" has %s; write a list",
                     r->to.n ? "only one" : "none");
}

static void
route_check(void *obj, struct conf_place *place)
{
    const struct route_conf *r = obj;
    bool to = conf_place_has(place, "to"), status = conf_place_has(place, "status");

    if (to && status)
        conf_problem(place, "status", "E0285",
                     "a route has either \"to\" or \"status\"; remove one of them");
    if (!to && !status)
        conf_problem(
            place, NULL, "E0108",
            "this route does nothing; it needs the key \"to\", for example \"to\": "
            "\"app\", or \"status\"");
    if (status && r->mirror.on)
        conf_problem(place, "mirror", "E0285",
                     "the proxy answers these calls itself, so there is nothing to "
                     "mirror; remove mirror");
    if (status && (r->retry.on || r->hedging.on))
        conf_problem(place, r->retry.on ? "retryPolicy" : "hedgingPolicy", "E0285",
                     "the proxy answers these calls itself, so there is nothing to try "
                     "again; remove %s",
                     r->retry.on ? "retryPolicy" : "hedgingPolicy");
    retry_conf_check_one(&r->retry, &r->hedging, place);
    route_check_weights(r, place);
}

const struct conf_struct route_conf_struct = {
    .name = "route",
    .size = sizeof(struct route_conf),
    .fields = route_fields,
    .check = route_check,
};
