/* SPDX-License-Identifier: Apache-2.0 */
/* admin/why_advice.c - what to do about each reason. A test holds the words of grpc/reason.h against this table. */
#include <stddef.h>
#include <string.h>

#include "admin/why.h"
#include "base/compat.h"
#include "grpc/reason.h"

static const struct advice {
    const char *reason, *text;
} advices[] = {
    { REASON_BAD_REQUEST, "the client is no gRPC client, or a broken one" },
    { REASON_HEADERS_TOO_LARGE,
      "send less metadata, or raise maxHeaderBytes or maxHeaderCount of the listener" },
    { REASON_HEADER_TWICE,
      "the client must send this header once: a rule decides by its value" },
    { REASON_NO_ROUTE, "add a route; outriggerctl explain-call says why none fits" },
    { REASON_ROUTE_STATUS, "the route itself answers so: see its \"status\"" },
    { REASON_MESSAGE_TOO_LARGE,
      "send smaller messages, or raise the limit that the message names" },
    { REASON_EDIT_FAILED, "shorten the header edits of the route" },
    { REASON_DEADLINE,
      "give the call more time, or find out what is slow: blockedClientMs and "
      "blockedBackendMs of the access log, traces" },
    { REASON_CLIENT_CANCEL,
      "nothing, unless the client gave up because it was slow here, or the answer was "
      "larger than it takes" },
    { REASON_CLIENT_STALLED, "the client must read what it asked for" },
    { REASON_STREAM_LIMIT, "let the client open more connections, or raise "
                           "limits.maxConcurrentStreams of the listener" },
    { REASON_ROUTE_LIMIT, "raise limits.maxConcurrentRequests of the route" },
    { REASON_POOL_LIMIT, "raise the limit of the pool that the message names" },
    { REASON_QUEUE_FULL,
      "the pool is too slow or too small: add backends, or raise the limit" },
    { REASON_NO_MEMORY, "give the process more memory, or lower its limits" },
    { REASON_DRAIN, "call again: another instance takes over from this one" },
    { REASON_FILTER_FAILED, "a bug of a filter: see the log, and report it" },
    { REASON_NO_ENDPOINT, "outriggerctl pools says why no endpoint may be used" },
    { REASON_CONNECT_FAILED,
      "is it running, is this its address, and do both sides agree on TLS and HTTP/2? "
      "See outriggerctl pools" },
    { REASON_UPSTREAM_RESET, "see the log of the backend: it gave the call up" },
    { REASON_UPSTREAM_LOST,
      "the backend ended or crashed; if it was restarted, let it drain first" },
    { REASON_UPSTREAM_REFUSED,
      "the backend takes no more calls: it goes away or is over its stream limit" },
    { REASON_TRY_TIMEOUT, "raise perTryTimeout, or find out why the backend is slow" },
    { REASON_NOT_GRPC, "something else than a gRPC server listens at this address" },
    { REASON_NO_STATUS, "the backend broke the gRPC rules: see its log" },
    { REASON_BAD_RESPONSE, "the backend broke the rules of HTTP/2: see its log" },
    { "RATE_LIMITED", "slow the client down, or raise the rate that the message names" },
    { "RATE_KEY_MISSING", "the client must send the header that is the key of the rate" },
    { "RATE_SERVICE_UNAVAILABLE", "is the rate limit service running?" },
    { "CONCURRENCY_LIMIT",
      "the backends are slow: add some, or raise the filter's limits" },
    { "MESSAGE_RATE", "slow the client down, or raise the messages' rate" },
    { "DEADLINE_REQUIRED", "the client must set a deadline" },
    { "DOOMED_CALL", "the client's deadline is too short for this method" },
    { "FAULT_ABORT", "the filter fault does this on purpose" },
    { "AUTHZ_DENIED", "the authorization service says no: see its log" },
    { "AUTHZ_UNAVAILABLE", "is the authorization service running?" },
    { "RBAC_DENIED", "give the client the permission; outriggerctl explain-call helps" },
    { "API_KEY_MISSING", "the client must send its API key" },
    { "API_KEY_UNKNOWN", "the key is not in the file of keys" },
    { "JWT_MISSING", "the client must send a token, as \"authorization: Bearer ...\"" },
    { "JWT_TWICE", "the client must send one token" },
    { "JWT_TOO_LARGE", "the issuer must make smaller tokens" },
    { "JWT_MALFORMED", "the client must send a token as the issuer gave it" },
    { "JWT_BAD_ALGORITHM", "add the algorithm to the issuer of the filter, or let the "
                           "issuer sign with one that is there" },
    { "JWT_UNKNOWN_EXTENSION", "the issuer must make tokens without \"crit\"" },
    { "JWT_UNKNOWN_ISSUER", "add the issuer to the filter jwt, if it is to be trusted" },
    { "JWT_UNKNOWN_KEY", "is the issuer's key in the keys of the filter jwt?" },
    { "JWT_BAD_SIGNATURE", "the token was changed, or is not of this issuer" },
    { "JWT_NO_EXPIRY", "the issuer must say when its tokens expire" },
    { "JWT_EXPIRED", "the client must get a new token" },
    { "JWT_NOT_YET_VALID", "compare the clocks of issuer and proxy" },
    { "JWT_WRONG_AUDIENCE",
      "the client must ask the issuer for a token for this service, "
      "or add the audience to the filter jwt" },
    { "JWT_CLAIM_MISSING", "the issuer must put the claim into the token" },
    { "JWT_NO_KEYS", "can the proxy read the issuer's keys? See its log" },
    { "JWT_OLD_KEYS", "can the proxy still read the issuer's keys? See its log" },
};

const char *
why_advice(const char *reason)
{
    for (size_t i = 0; i < ARRAY_LEN(advices); i++) {
        if (strcmp(advices[i].reason, reason) == 0)
            return advices[i].text;
    }
    return NULL;
}
