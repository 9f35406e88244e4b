/* SPDX-License-Identifier: Apache-2.0 */
/* proxy/explain_int.h - what explain_print.c and explain_json.c say in the same words. Pure; any thread that holds the table. */
#ifndef OUTRIGGER_PROXY_EXPLAIN_INT_H
#define OUTRIGGER_PROXY_EXPLAIN_INT_H

#include <stdbool.h>
#include <stddef.h>

#include "filter/retry_policy.h"
#include "proxy/explain.h"
#include "proxy/route.h"

struct strbuf;

/* Percent of the route's calls that go to target i. */
double explain_share(const struct route_conf *r, size_t i);
/* How calls are tried again: "at most 3 attempts after UNAVAILABLE, 100ms apart, x2 up to 1s". */
void explain_put_policy(const struct retry_policy *p, struct strbuf *out);

/* The key of the config that the policy comes from, */
static inline const char *
explain_policy_key(const struct retry_policy *p)
{
    return p->hedging ? "hedgingPolicy" : "retryPolicy";
}

/* and whether that key is the route's, or methodConfig's. */
static inline bool
explain_policy_is_routes(const struct explain *e)
{
    return e->policy == e->route->policy;
}

#endif
