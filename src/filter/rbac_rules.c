/* SPDX-License-Identifier: Apache-2.0 */
/* filter/rbac_rules.c - rules against one call. Each header that some rule looks at is searched once. */
#include "filter/rbac_rules.h"

#include "filter/claims.h"
#include "filter/rbac_rules_int.h"
#include "h2/edit.h"
#include "net/tls.h"
#include "net/tls_conf.h"

/* A call while it is judged. */
struct look {
    const struct rbac_rules *rules;
    const struct rbac_facts *facts;
    bool has_ip, authentic; /* authentic: a verified certificate was shown */
    struct ip ip;
    struct slice headers[RBAC_NAMES_MAX]; /* the first value; p NULL: absent */
};

/* --- values ------------------------------------------------------------------------- */

static bool
value_fits(const struct rbac_value *v, struct slice s)
{
    for (size_t i = 0; i < v->n; i++) {
        if (pattern_fits(&v->v[i], s))
            return true;
    }
    return false;
}

static bool
header_fits(const struct look *l, const struct rbac_value *v)
{
    struct slice first = l->headers[v->number];
    const struct h2_entry *e;
    unsigned at = 0;

    if (v->need != RBAC_VALUE)
        return (first.p != NULL) == (v->need == RBAC_PRESENT);
    if (!first.p || l->rules->multi != RBAC_MULTI_ANY)
        return first.p && value_fits(v, first);
    while ((e = h2_headers_find(l->facts->headers, v->name, &at)) != NULL) {
        if (value_fits(v, slice_make(e->f.value, e->f.valuelen)))
            return true;
    }
    return false;
}

static bool
claim_fits(const struct look *l, const struct rbac_value *v)
{
    const struct claim *c;
    size_t at = 0;

    if (v->need != RBAC_VALUE)
        return (claims_find(l->facts->claims, v->name, &at) != NULL) ==
               (v->need == RBAC_PRESENT);
    while ((c = claims_find(l->facts->claims, v->name, &at)) != NULL) {
        if (value_fits(v, c->value))
            return true;
    }
    return false;
}

/* --- who it is ---------------------------------------------------------------------- */

static bool
source_fits(const struct look *l, const struct rbac_ranges *ranges)
{
    for (size_t i = 0; l->has_ip && i < ranges->n; i++) {
        if (cidr_has(&ranges->v[i], &l->ip))
            return true;
    }
    return false;
}

static bool
san_fits(const struct look *l, const struct conf_list *list)
{
    const struct tls_peer *p = l->facts->peer;
    const struct tls_san_conf *want = list->items;

    for (size_t i = 0; l->authentic && i < p->n_sans; i++) {
        for (size_t k = 0; k < list->n; k++) {
            if (tls_san_fits(&p->sans[i], &want[k]))
                return true;
        }
    }
    return false;
}

static bool
principal_fits(const struct look *l, const struct pattern_set *want)
{
    const struct tls_peer *p = l->facts->peer;

    if (!l->authentic)
        return p && pattern_set_fits(want, slice_of(""));
    for (size_t i = 0; i < p->n_sans; i++) {
        const struct tls_san *s = &p->sans[i];

        if ((s->kind == TLS_SAN_URI || s->kind == TLS_SAN_DNS) &&
            pattern_set_fits(want, slice_make(s->text, s->len)))
            return true;
    }
    /* A certificate with an empty subject is not a client without one. */
    return p->subject[0] && pattern_set_fits(want, slice_of(p->subject));
}

/* --- rules -------------------------------------------------------------------------- */

static bool
client_fits(const struct look *l, const struct rbac_when *w)
{
    return l->facts->client.p && pattern_set_fits(&w->clients, l->facts->client);
}

static bool
certificate_fits(const struct look *l, const struct rbac_when *w)
{
    return l->authentic == (w->certificate == CONF_TRUE);
}

static bool
headers_fit(const struct look *l, const struct rbac_values *values)
{
    for (size_t i = 0; i < values->n; i++) {
        if (!header_fits(l, &values->v[i]))
            return false;
    }
    return true;
}

static bool
claims_fit(const struct look *l, const struct rbac_values *values)
{
    for (size_t i = 0; i < values->n; i++) {
        if (!claim_fits(l, &values->v[i]))
            return false;
    }
    return true;
}

/* All kinds that are asked for fit. */
static bool
when_fits(const struct look *l, const struct rbac_when *w)
{
    if (w->paths.n && !pattern_set_fits(&w->paths, l->facts->path))
        return false;
    if (w->headers.n && !headers_fit(l, &w->headers))
        return false;
    if (w->source.n && !source_fits(l, &w->source))
        return false;
    if (w->san->n && !san_fits(l, w->san))
        return false;
    if (w->principals.n && !principal_fits(l, &w->principals))
        return false;
    if (w->claims.n && !claims_fit(l, &w->claims))
        return false;
    if (w->clients.n && !client_fits(l, w))
        return false;
    return w->certificate == CONF_UNSET || certificate_fits(l, w);
}

/* One of the kinds that are asked for fits. */
static bool
any_fits(const struct look *l, const struct rbac_when *w)
{
    return (w->paths.n && pattern_set_fits(&w->paths, l->facts->path)) ||
           (w->headers.n && headers_fit(l, &w->headers)) ||
           (w->source.n && source_fits(l, &w->source)) ||
           (w->san->n && san_fits(l, w->san)) ||
           (w->claims.n && claims_fit(l, &w->claims)) ||
           (w->clients.n && client_fits(l, w)) ||
           (w->certificate != CONF_UNSET && certificate_fits(l, w));
}

static bool
rule_fits(const struct look *l, const struct rbac_rule *r)
{
    return when_fits(l, &r->when) && !(r->has_except && any_fits(l, &r->except));
}

/* Fills in what all rules share. Returns the name of a header that comes more than once and may not, or NULL. */
static const char *
look_begin(struct look *l, const struct rbac_rules *r, const struct rbac_facts *f)
{
    l->rules = r;
    l->facts = f;
    l->has_ip = f->from && ip_of_addr(f->from, &l->ip);
    l->authentic = f->peer && f->peer->has_cert && f->peer->verified;
    for (size_t i = 0; i < r->n_names; i++) {
        unsigned at = 0;
        const struct h2_entry *e = h2_headers_find(f->headers, r->names[i], &at);

        l->headers[i] = e ? slice_make(e->f.value, e->f.valuelen) : (struct slice){ 0 };
        if (e && r->multi == RBAC_MULTI_REFUSE &&
            h2_headers_find(f->headers, r->names[i], &at))
            return (const char *)r->names[i].p; /* a string of the config */
    }
    return NULL;
}

void
rbac_decide(const struct rbac_rules *r, const struct rbac_facts *f,
            struct rbac_decision *ret)
{
    UNINITIALIZED struct look l;

    ret->rule = NULL;
    ret->n_logged = 0;
    ret->allowed = false;
    ret->twice = look_begin(&l, r, f);
    if (ret->twice)
        return;
    for (size_t i = 0; i < r->n; i++) {
        const struct rbac_rule *rule = &r->v[i];

        if (!rule_fits(&l, rule))
            continue;
        if (rule->action != RBAC_LOG) {
            ret->rule = rule->name;
            ret->allowed = rule->action == RBAC_ALLOW;
            return;
        }
        if (ret->n_logged < RBAC_LOGGED_MAX)
            ret->logged[ret->n_logged++] = rule->name;
    }
    ret->allowed = r->allows;
}

const char *
rbac_rules_policy(const struct rbac_rules *r)
{
    return r->policy;
}

enum rbac_audit
rbac_rules_audit(const struct rbac_rules *r)
{
    return r->audit;
}
