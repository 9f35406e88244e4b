/* SPDX-License-Identifier: Apache-2.0 */
/* proxy/method_conf.h - methodConfig of a listener: what a gRPC service config says about
 * methods, pasted as it is (grpc-proto, service_config.proto, message MethodConfig).
 * The rows: loading thread. A table: immutable after method_table_new; any thread reads. */
#ifndef OUTRIGGER_PROXY_METHOD_CONF_H
#define OUTRIGGER_PROXY_METHOD_CONF_H

#include "base/slice.h"
#include "conf/field.h"
#include "filter/retry_conf.h"

struct conf_place;

struct method_name_conf {
    const char *service; /* NULL: every method of every service */
    const char *method;  /* NULL: every method of the service */
};

struct method_conf {
    struct conf_list names; /* of struct method_name_conf; never empty */
    bool wait_for_ready;    /* its calls wait for an endpoint until their deadline */
    int64_t timeout_ms;     /* 0: none */
    uint64_t max_request_bytes, max_response_bytes; /* of one message; 0: no limit */
    struct retry_conf retry;                        /* at most one of the two is on */
    struct hedging_conf hedging;
};

extern const struct conf_struct method_conf_struct;

/* For the check of a listener, whose list is called `key`: reports (E0291) each name that
 * is there twice, as gRPC does. */
void method_conf_check(const struct conf_list *list, const char *key,
                       struct conf_place *place);

struct method_table;
struct retry_policy;

/* Of a list of struct method_conf, which must outlive the table. NULL for an empty list. */
struct method_table *method_table_new(const struct conf_list *list);
void method_table_free(struct method_table *t); /* NULL is fine */
/* What counts for /service/method: the entry with its full name, else the one of the
 * service, else the one with an empty name; NULL: none (t NULL is fine). Entries are not
 * merged: a more specific one replaces the others whole, as in gRPC. At most three hash
 * lookups; no lock, no allocation. */
const struct method_conf *
method_conf_find(const struct method_table *t, struct slice service, struct slice method);
/* How calls with this entry of the table's list are tried again; NULL: they are not. */
const struct retry_policy *
method_conf_policy(const struct method_table *t, const struct method_conf *m);

#endif
