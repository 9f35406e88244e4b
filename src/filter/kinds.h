/* SPDX-License-Identifier: Apache-2.0 */
/* filter/kinds.h - the rows of registry.c: one for each "type" of a filter. Each is defined in the file named after it, with the rows of its settings beside it.
 * Constant; only registry.c and tests use them by name, and table_filters.c, which must know whether a chain has the filter metrics. */
#ifndef OUTRIGGER_FILTER_KINDS_H
#define OUTRIGGER_FILTER_KINDS_H

#include "conf/field.h"
#include "filter/filter.h"

/* The kind filter_ID and its settings ID_conf_struct. */
#define FILTER_KIND(id)                          \
    extern const struct filter_kind filter_##id; \
    extern const struct conf_struct id##_conf_struct

FILTER_KIND(access_log);        /* access_log.c, access_conf.c */
FILTER_KIND(api_key);           /* api_key.c */
FILTER_KIND(concurrency_limit); /* concurrency_limit.c */
FILTER_KIND(deadline);          /* deadline.c */
FILTER_KIND(doomed_call);       /* doomed_call.c */
FILTER_KIND(ext_authz);         /* ext_authz.c */
FILTER_KIND(global_rate_limit); /* global_rate_limit.c */
FILTER_KIND(fault);             /* fault.c */
FILTER_KIND(headers);           /* headers.c */
FILTER_KIND(jwt);               /* jwt.c */
FILTER_KIND(message_rate);      /* message_rate.c */
FILTER_KIND(metrics);           /* metrics.c */
FILTER_KIND(rate_limit);        /* rate_limit.c */
FILTER_KIND(rbac);              /* rbac.c */
FILTER_KIND(request_id);        /* request_id.c */
FILTER_KIND(tracing);           /* tracing.c, tracing_conf.c */

#endif
