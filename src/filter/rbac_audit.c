/* SPDX-License-Identifier: Apache-2.0 */
/* filter/rbac_audit.c */
#include "filter/rbac_audit.h"

#include <stdatomic.h>
#include <stdbool.h>

#include "base/log.h"
#include "filter/filter.h"
#include "loop/loop.h"
#include "net/addr.h"
#include "obs/stats.h"

enum { SECOND_US = 1000000 };

void
rbac_audit_init(struct rbac_audit_limit *a, uint32_t per_second)
{
    a->per_second = per_second;
    atomic_init(&a->second, -1);
    atomic_init(&a->written, 0);
    atomic_init(&a->dropped, 0);
}

/* Whose exchange wins begins the second: a worker more or less in it does no harm. */
static bool
audit_pass(struct rbac_audit_limit *a, int64_t now_us, uint32_t *ret_dropped)
{
    int64_t now = now_us / SECOND_US, was = atomic_load(&a->second);

    *ret_dropped = 0;
    if (now > was && atomic_compare_exchange_strong(&a->second, &was, now)) {
        atomic_store(&a->written, 0);
        *ret_dropped = atomic_exchange(&a->dropped, 0);
    }
    if (atomic_fetch_add(&a->written, 1) < a->per_second)
        return true;
    atomic_fetch_add(&a->dropped, 1);
    return false;
}

void
rbac_audit_write(struct rbac_audit_limit *a, const struct filter_call *fc,
                 const struct rbac_audit_line *line)
{
    const struct filter *f = filter_self(fc);
    const struct log_ctx ctx = { .worker = (int)fc->worker };
    const char *who = filter_identity(fc);
    char from[ADDR_TEXT_MAX];
    uint32_t dropped;
    bool pass = audit_pass(a, loop_now_us(fc->loop), &dropped);

    if (dropped)
        log_at(&ctx, LOG_WARN, "rbac audit lines were left out", LS("filter", f->name),
               LS("of", f->scope), LI("lines", dropped));
    if (!pass) {
        stat_inc(fc->stats, STAT_RBAC_LINES_DROPPED);
        return;
    }
    log_at(&ctx, LOG_INFO, "rbac", LS("result", line->result), LB("method", fc->path),
           LS("principal", who ? who : ""), LB("client", fc->client),
           LS("peer", addr_print(fc->address, from)), LS("policy", line->policy),
           LS("rule", line->rule ? line->rule : ""),
           LS("twice", line->twice ? line->twice : ""), LS("filter", f->name),
           LS("listener", fc->listener), LS("route", fc->route));
}
