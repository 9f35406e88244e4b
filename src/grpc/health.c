/* SPDX-License-Identifier: Apache-2.0 */
/* grpc/health.c - codec of grpc.health.v1. */
#include "grpc/health.h"

#include <assert.h>

#include "base/err.h"
#include "base/strbuf.h"
#include "grpc/pb.h"
#include "grpc/proto/health.pb-c.h"

typedef Grpc__Health__V1__HealthCheckRequest pb_request;
typedef Grpc__Health__V1__HealthCheckResponse pb_response;
typedef Grpc__Health__V1__HealthListResponse pb_list;
typedef Grpc__Health__V1__HealthListResponse__StatusesEntry pb_entry;

void
health_request_encode(struct slice service, struct strbuf *out)
{
    pb_request m = GRPC__HEALTH__V1__HEALTH_CHECK_REQUEST__INIT;

    m.service = pb_data(service);
    pb_write(&m.base, out);
}

int
health_request_decode(struct slice message, struct strbuf *ret_service)
{
    pb_request *m =
        grpc__health__v1__health_check_request__unpack(NULL, message.n, message.p);

    if (!m)
        return ERR_SYNTAX;
    pb_add_text(ret_service, m->service);
    grpc__health__v1__health_check_request__free_unpacked(m, NULL);
    return 0;
}

void
health_response_encode(enum health_status status, struct strbuf *out)
{
    pb_response m = GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__INIT;

    m.status = (Grpc__Health__V1__HealthCheckResponse__ServingStatus)status;
    pb_write(&m.base, out);
}

int
health_response_decode(struct slice message, enum health_status *ret_status)
{
    pb_response *m =
        grpc__health__v1__health_check_response__unpack(NULL, message.n, message.p);
    int status;

    if (!m)
        return ERR_SYNTAX;
    status = (int)m->status;
    grpc__health__v1__health_check_response__free_unpacked(m, NULL);
    *ret_status = status >= HEALTH_UNKNOWN && status <= HEALTH_SERVICE_UNKNOWN
                      ? (enum health_status)status
                      : HEALTH_UNKNOWN;
    return 0;
}

void
health_list_encode(const struct health_entry *entries, size_t n, struct strbuf *out)
{
    pb_list list = GRPC__HEALTH__V1__HEALTH_LIST_RESPONSE__INIT;
    pb_response responses[HEALTH_LIST_MAX];
    pb_entry rows[HEALTH_LIST_MAX];
    pb_entry *row_at[HEALTH_LIST_MAX];

    assert(n <= HEALTH_LIST_MAX);
    for (size_t i = 0; i < n; i++) {
        responses[i] = (pb_response)GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__INIT;
        responses[i].status =
            (Grpc__Health__V1__HealthCheckResponse__ServingStatus)entries[i].status;
        rows[i] = (pb_entry)GRPC__HEALTH__V1__HEALTH_LIST_RESPONSE__STATUSES_ENTRY__INIT;
        rows[i].key = (char *)(uintptr_t)entries[i].service;
        rows[i].value = &responses[i];
        row_at[i] = &rows[i];
    }
    list.n_statuses = n;
    list.statuses = row_at;
    pb_write(&list.base, out);
}

const char *
pb_library_version(void)
{
    return protobuf_c_version();
}
