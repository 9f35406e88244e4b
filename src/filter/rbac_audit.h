/* SPDX-License-Identifier: Apache-2.0 */
/* filter/rbac_audit.h - audit lines of authorization (gRFC A59): which call, who, which rule, and what came of it. A filter writes at most so many lines per second, all
 * workers together; then one line tells how many were left out, and the counter outrigger_rbac_audit_dropped_total counts each.
 * Any worker. */
#ifndef OUTRIGGER_FILTER_RBAC_AUDIT_H
#define OUTRIGGER_FILTER_RBAC_AUDIT_H

#include <stdint.h>

struct filter_call;

struct rbac_audit_limit {
    uint32_t per_second;
    _Atomic int64_t second; /* that `written` is of */
    _Atomic uint32_t written, dropped;
};

struct rbac_audit_line {
    const char *result; /* "allowed", "denied", "would be denied", "matched" */
    const char *policy; /* "": none */
    const char *rule;   /* NULL: no rule decided */
    const char *twice;  /* the header that came more than once; NULL: none */
};

void rbac_audit_init(struct rbac_audit_limit *a, uint32_t per_second);
/* From a slot of the filter. */
void rbac_audit_write(struct rbac_audit_limit *a, const struct filter_call *fc,
                      const struct rbac_audit_line *line);

#endif
