/* SPDX-License-Identifier: Apache-2.0 */
/* filter/tracing_conf.h - what the config file says about traces: the object tracing, and with the same keys the filter tracing. Immutable after loading; owned by the
 * config snapshot, or a copy of it. Loading thread only. */
#ifndef OUTRIGGER_FILTER_TRACING_CONF_H
#define OUTRIGGER_FILTER_TRACING_CONF_H

#include <stdbool.h>
#include <stdint.h>

#include "conf/field.h"
#include "net/tls_conf.h"

enum tracing_names { TRACING_OPENTELEMETRY, TRACING_GRPC };

struct tracing_conf {
    uint64_t
        given; /* of the filter: keys that stand there (conf_given); the others are those of tracing */
    bool on;          /* tracing is in the file, or it is a filter of a listener's list */
    const char *otlp; /* target of the collector */
    struct tls_client_conf tls;
    double sample_ratio; /* 0 to 1 */
    bool trust_parent;
    uint32_t max_per_second;        /* calls, of a listener */
    uint32_t names;                 /* enum tracing_names */
    const char *service, *instance; /* of the resource; NULL: see tracing_conf.c */
    int64_t interval_ms, timeout_ms;
    uint32_t max_batch; /* spans */
};

extern const struct conf_struct tracing_root_struct; /* optional: tracing */

/* Both send the same way to the same collector. */
bool tracing_same_export(const struct tracing_conf *a, const struct tracing_conf *b);

/* The keys that are not in own->given get the values of `outer`, whose texts and lists are shared. */
void tracing_conf_inherit(struct tracing_conf *own, const struct tracing_conf *outer);

#endif
