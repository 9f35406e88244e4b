/* SPDX-License-Identifier: Apache-2.0 */
/* filter/registry.c - one row per kind: its type in the file, the name of its parts in C (kinds.h), and what the manual says of it. */
#include "filter/registry.h"

#include <string.h>

#include "filter/kinds.h"

#define ROW(type, id, help)                         \
    {                                               \
        type, &id##_conf_struct, help, &filter_##id \
    }

const struct conf_variant filter_variants[] = {
    /* On without being named, in this order: what comes later may give what these tell at the end. */
    ROW("metrics", metrics,
        "Counts calls by method and code, and attempts by pool: grpc_server_* and "
        "grpc_client_* of /metrics. It is on without being named."),
    ROW("accessLog", access_log,
        "Writes a line for each call that ends. On for all listeners with log.access, "
        "which also has what is not said here."),
    ROW("tracing", tracing,
        "Joins or begins the trace of a call and sends its spans to a collector. On for "
        "all listeners with the object tracing, which also has what is not said here."),
    /* The others. */
    ROW("extAuthz", ext_authz,
        "Asks an authorization service (Envoy's envoy.service.auth.v3.Authorization, as "
        "Open Policy Agent and others have it) about each call before a backend gets it. "
        "Without an answer the call is refused."),
    ROW("apiKey", api_key,
        "Only clients with a known API key come through. The keys are known by their "
        "SHA-256 alone."),
    ROW("fault", fault,
        "Delays calls and ends them with an error on purpose, for a share of them or "
        "when a header asks for it, to see what clients make of it."),
    ROW("headers", headers,
        "Edits headers of the request and of the answer, at its place among the filters: "
        "what an earlier one has found out can be told, and a route be chosen by it."),
    ROW("jwt", jwt,
        "Lets calls through that carry a token (JWT) of a trusted issuer, and refuses "
        "others with UNAUTHENTICATED."),
    ROW("rbac", rbac,
        "Who may call what: rules that allow or deny calls by method, header, address, "
        "certificate, claim or client, or an authorization policy of gRPC."),
    ROW("requestId", request_id,
        "Gives each call an id in a request header, so that the logs of all services "
        "that it passes can be put together."),
    ROW("deadline", deadline,
        "Gives calls without a deadline one, cuts those that are too late, keeps a "
        "reserve, or refuses calls without one. What calls and routes say themselves is "
        "enforced with and without this filter."),
    ROW("rateLimit", rate_limit,
        "Lets so many calls per time go on, for all or by client, header, method ...; "
        "shared exactly by all workers. The others end with RESOURCE_EXHAUSTED and the "
        "time after which to try again."),
    ROW("globalRateLimit", global_rate_limit,
        "Limits that many proxies share: asks a rate limit service (Envoy's "
        "envoy.service.ratelimit.v3.RateLimitService) about each call, or keeps the "
        "limits "
        "in Redis itself. Without an answer the call goes on."),
    ROW("messageRate", message_rate,
        "Lets so many messages per time from the client go on in each call; a stream "
        "with more is held back, or ended."),
    ROW("concurrencyLimit", concurrency_limit,
        "Lets so many calls go on at the same time, a fixed number or one that follows "
        "how long calls take. The others end with UNAVAILABLE."),
    ROW("doomedCall", doomed_call,
        "Refuses calls whose deadline is closer than calls of their method take, as "
        "learned from those that ended well: no backend works for nobody."),
    { .tag = NULL },
};

const struct filter_kind *
filter_kind_at(size_t i)
{
    return filter_variants[i].owner;
}

const struct filter_kind *
filter_kind_find(const char *name)
{
    for (const struct conf_variant *v = filter_variants; v->tag; v++) {
        if (strcmp(v->tag, name) == 0)
            return v->owner;
    }
    return NULL;
}
