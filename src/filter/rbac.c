/* SPDX-License-Identifier: Apache-2.0 */
/* filter/rbac.c - the filter "rbac": who may call what. PERMISSION_DENIED with the reason RBAC_DENIED and a text that does not name the rule; INVALID_ARGUMENT with
 * HEADER_TWICE for a header that a rule looks at and that comes twice (reliability.md B11). Without rules (a file that was never good) nobody may call anything:
 * fail closed. Only shadow mode never denies. */
#include <stdio.h>
#include <string.h>

#include "base/compat.h"
#include "filter/kinds.h"
#include "filter/rbac_audit.h"
#include "filter/rbac_rules.h"
#include "grpc/reason.h"
#include "grpc/status.h"
#include "obs/stats.h"

enum { NAME_MAX_BYTES = 160, TWICE_MAX_BYTES = 260 };

struct rbac {
    struct filter f;
    struct watched *rules;
    struct rbac_audit_limit audit;
};

/* What was decided, kept behind watched_leave: the rules may go then. */
struct verdict {
    bool allowed, audited, twice, by_rule;
    char rule[NAME_MAX_BYTES], policy[NAME_MAX_BYTES], header[TWICE_MAX_BYTES];
    unsigned n_logged;
    char logged[RBAC_LOGGED_MAX][NAME_MAX_BYTES];
};

static void
keep(char *to, size_t room, const char *text)
{
    snprintf(to, room, "%s", text);
}

static void
verdict_keep(struct verdict *v, const struct rbac_rules *rules,
             const struct rbac_decision *d)
{
    enum rbac_audit audit = rbac_rules_audit(rules);

    v->allowed = d->allowed;
    v->audited = d->allowed ? audit & RBAC_AUDIT_ALLOW : audit & RBAC_AUDIT_DENY;
    v->by_rule = d->rule != NULL;
    v->twice = d->twice != NULL;
    v->n_logged = d->n_logged;
    for (unsigned i = 0; i < d->n_logged; i++)
        keep(v->logged[i], sizeof(v->logged[i]), d->logged[i]);
    if (v->twice)
        keep(v->header, sizeof(v->header), d->twice);
    if (!v->audited && v->n_logged == 0)
        return;
    keep(v->policy, sizeof(v->policy), rbac_rules_policy(rules));
    if (v->by_rule)
        keep(v->rule, sizeof(v->rule), d->rule);
}

static void
rbac_judge(struct rbac *r, struct filter_call *fc, struct verdict *v)
{
    const struct rbac_facts facts = {
        .path = fc->path,
        .headers = fc->request,
        .from = fc->address,
        .peer = filter_peer(fc),
        .claims = fc->claims,
        .client = fc->client,
    };
    const struct rbac_rules *rules = watched_enter(r->rules, fc->worker);
    struct rbac_decision d;

    if (rules) {
        rbac_decide(rules, &facts, &d);
        verdict_keep(v, rules, &d);
    }
    watched_leave(r->rules, fc->worker);
}

static void
rbac_tell(struct rbac *r, const struct filter_call *fc, const struct verdict *v)
{
    const struct rbac_conf *c = r->f.conf;
    struct rbac_audit_line line = { .policy = v->policy };

    line.result = "matched";
    for (unsigned i = 0; i < v->n_logged; i++) {
        line.rule = v->logged[i];
        rbac_audit_write(&r->audit, fc, &line);
    }
    if (!v->audited)
        return;
    line.result = v->allowed ? "allowed" : c->shadow ? "would be denied" : "denied";
    line.rule = v->by_rule ? v->rule : NULL;
    line.twice = v->twice ? v->header : NULL;
    rbac_audit_write(&r->audit, fc, &line);
}

static enum filter_verdict
rbac_refuse(struct filter_call *fc, const struct verdict *v)
{
    static const struct filter_refusal denied = { .code = GRPC_PERMISSION_DENIED,
                                                  .reason = "RBAC_DENIED" };
    static const struct filter_refusal twice = { .code = GRPC_INVALID_ARGUMENT,
                                                 .reason = REASON_HEADER_TWICE };

    stat_inc(fc->stats, STAT_RBAC_DENIED);
    if (v->twice)
        return filter_refuse(fc, &twice, "the header %s may come only once", v->header);
    return filter_refuse(fc, &denied, "this call is not allowed");
}

static enum filter_verdict
on_request(struct filter_call *fc, void *state)
{
    struct rbac *r = CONTAINER_OF(filter_self(fc), struct rbac, f);
    const struct rbac_conf *c = r->f.conf;
    UNINITIALIZED struct verdict v;

    (void)state;
    v.allowed = v.audited = v.twice = v.by_rule = false;
    v.n_logged = 0;
    rbac_judge(r, fc, &v);
    if (UNLIKELY(v.audited || v.n_logged))
        rbac_tell(r, fc, &v);
    if (LIKELY(v.allowed)) {
        stat_inc(fc->stats, STAT_RBAC_ALLOWED);
        return FILTER_NEXT;
    }
    if (!c->shadow)
        return rbac_refuse(fc, &v);
    stat_inc(fc->stats, STAT_RBAC_SHADOW_DENIED);
    return FILTER_NEXT;
}

static void
rbac_open(struct filter *f, const struct filter_env *env)
{
    struct rbac *r = CONTAINER_OF(f, struct rbac, f);
    const struct rbac_conf *c = f->conf;

    rbac_audit_init(&r->audit, c->audit_per_second);
    r->rules = watched_open(&rbac_file, f, env, c->policy_file, c);
}

static void
rbac_close(struct filter *f)
{
    watched_close(CONTAINER_OF(f, struct rbac, f)->rules);
}

const struct filter_kind filter_rbac = {
    .name = "rbac",
    .conf = &rbac_conf_struct,
    .size = sizeof(struct rbac),
    .open = rbac_open,
    .close = rbac_close,
    .on_request = on_request,
};
