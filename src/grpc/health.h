/* SPDX-License-Identifier: Apache-2.0 */
/* grpc/health.h - messages of the service grpc.health.v1.Health.  Bytes in and out are
 * single messages without the 5-byte prefix. The caller caps the size of what it decodes.
 * Pure functions; any thread.  Source: grpc/health/v1/health.proto of grpc-proto. */
#ifndef OUTRIGGER_GRPC_HEALTH_H
#define OUTRIGGER_GRPC_HEALTH_H

#include "base/compat.h"
#include "base/slice.h"

struct strbuf;

enum health_status {
    HEALTH_UNKNOWN = 0,
    HEALTH_SERVING = 1,
    HEALTH_NOT_SERVING = 2,
    HEALTH_SERVICE_UNKNOWN = 3, /* in answers of Watch only */
};

enum { HEALTH_LIST_MAX = 100 }; /* a longer List answer is RESOURCE_EXHAUSTED instead */

struct health_entry {    /* one line of a List answer */
    const char *service; /* "": the whole server */
    enum health_status status;
};

/* Appends a HealthCheckRequest (for Check and Watch). */
void health_request_encode(struct slice service, struct strbuf *out);
/* Appends the service name in a HealthCheckRequest to ret_service. ERR_SYNTAX: not such a
 * message; ret_service is as before. */
int health_request_decode(struct slice message, struct strbuf *ret_service) MUST_CHECK;
/* Appends a HealthCheckResponse. */
void health_response_encode(enum health_status status, struct strbuf *out);
/* A number outside the enum counts as HEALTH_UNKNOWN: only SERVING is serving.
 * ERR_SYNTAX: not such a message. */
int
health_response_decode(struct slice message, enum health_status *ret_status) MUST_CHECK;
/* Appends a HealthListResponse; n <= HEALTH_LIST_MAX. */
void health_list_encode(const struct health_entry *entries, size_t n, struct strbuf *out);

/* Version of protobuf-c, the one that runs. Any thread. */
const char *pb_library_version(void);

#endif
