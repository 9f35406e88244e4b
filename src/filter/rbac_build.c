/* SPDX-License-Identifier: Apache-2.0 */
/* filter/rbac_build.c - rules made ready from the config or from the file of a policy. */
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/strbuf.h"
#include "base/xalloc.h"
#include "conf/snapshot.h"
#include "filter/rbac_rules_int.h"

enum { POLICY_FILE_MAX = 1024 * 1024, SAID_MAX = 64 * 1024 };

static const struct conf_list no_san;

/* --- parts -------------------------------------------------------------------------- */

/* The number of a header; names are few, so a list is enough. False: there are too many. */
static bool
name_number(struct rbac_rules *r, struct slice name, unsigned *ret)
{
    for (size_t i = 0; i < r->n_names; i++) {
        if (slice_eq(r->names[i], name)) {
            *ret = (unsigned)i;
            return true;
        }
    }
    if (r->n_names == RBAC_NAMES_MAX)
        return false;
    *ret = (unsigned)r->n_names;
    r->names[r->n_names++] = name;
    return true;
}

static void
value_make(struct rbac_value *v, const struct rbac_value_conf *c)
{
    const struct rbac_text_conf *texts = c->one_of.items;
    const char *text = c->exact ? c->exact : c->prefix ? c->prefix : c->suffix;

    v->name = slice_of(c->name);
    if (c->present != CONF_UNSET) {
        v->need = c->present == CONF_TRUE ? RBAC_PRESENT : RBAC_ABSENT;
        return;
    }
    v->need = RBAC_VALUE;
    v->n = text ? 1 : c->one_of.n;
    v->v = xcalloc(v->n, sizeof(v->v[0]));
    for (size_t i = 0; i < v->n; i++)
        v->v[i].text = slice_of(text ? text : texts[i].text); /* a star is no star here */
    if (c->prefix)
        v->v[0].kind = PATTERN_PREFIX;
    if (c->suffix)
        v->v[0].kind = PATTERN_SUFFIX;
}

static void
values_make(struct rbac_values *s, const struct conf_list *list)
{
    const struct rbac_value_conf *c = list->items;

    s->n = list->n;
    s->v = s->n ? xcalloc(s->n, sizeof(s->v[0])) : NULL;
    for (size_t i = 0; i < s->n; i++)
        value_make(&s->v[i], &c[i]);
}

static bool
headers_number(struct rbac_rules *r, const struct rbac_values *s)
{
    for (size_t i = 0; i < s->n; i++) {
        if (!name_number(r, s->v[i].name, &s->v[i].number))
            return false;
    }
    return true;
}

static void
ranges_make(struct rbac_ranges *s, const struct conf_list *list)
{
    const struct rbac_text_conf *c = list->items;
    const char *why;

    s->v = list->n ? xcalloc(list->n, sizeof(s->v[0])) : NULL;
    for (size_t i = 0; i < list->n; i++) {
        if (cidr_parse(c[i].text, &s->v[s->n], &why) ==
            ERR_OK) /* the rows have checked */
            s->n++;
    }
}

static bool
when_make(struct rbac_rules *r, struct rbac_when *w, const struct rbac_when_conf *c)
{
    pattern_set_init(&w->paths, &c->paths, true);
    pattern_set_init(&w->clients, &c->clients, false);
    values_make(&w->headers, &c->headers);
    values_make(&w->claims, &c->claims);
    ranges_make(&w->source, &c->source);
    w->san = &c->san;
    w->certificate = c->certificate;
    return headers_number(r, &w->headers);
}

static void
values_done(struct rbac_values *s)
{
    for (size_t i = 0; i < s->n; i++)
        xfree(s->v[i].v);
    xfree(s->v);
}

static void
when_done(struct rbac_when *w)
{
    pattern_set_done(&w->paths);
    pattern_set_done(&w->clients);
    pattern_set_done(&w->principals);
    values_done(&w->headers);
    values_done(&w->claims);
    xfree(w->source.v);
}

/* --- rules -------------------------------------------------------------------------- */

static void
rules_free(void *object)
{
    struct rbac_rules *r = object;

    for (size_t i = 0; i < r->n; i++) {
        when_done(&r->v[i].when);
        when_done(&r->v[i].except);
    }
    xfree(r->v);
    conf_drop(r->held);
    xfree(r);
}

static size_t
rules_count(const void *object)
{
    return ((const struct rbac_rules *)object)->n;
}

static struct rbac_rules *
rules_new(const struct rbac_conf *c, size_t n)
{
    struct rbac_rules *r = xcalloc(1, sizeof(*r));

    r->policy = "";
    r->audit = (enum rbac_audit)c->audit;
    r->multi = (enum rbac_multi)c->multi;
    r->n = n;
    r->v = n ? xcalloc(n, sizeof(r->v[0])) : NULL;
    for (size_t i = 0; i < n; i++)
        r->v[i].when.san = r->v[i].except.san = &no_san;
    return r;
}

static struct rbac_rules *
rules_full(struct rbac_rules *r, struct strbuf *why)
{
    strbuf_printf(why, "the rules look at more than %d different headers",
                  RBAC_NAMES_MAX);
    rules_free(r);
    return NULL;
}

static struct rbac_rules *
rules_of_conf(const struct rbac_conf *c, struct strbuf *why)
{
    const struct rbac_rule_conf *conf = c->rules.items;
    struct rbac_rules *r = rules_new(c, c->rules.n);
    bool some_allow = false;

    for (size_t i = 0; i < r->n; i++) {
        struct rbac_rule *rule = &r->v[i];

        rule->name = conf[i].name;
        rule->action = (enum rbac_action)conf[i].action;
        rule->has_except = conf[i].except.on;
        some_allow = some_allow || rule->action == RBAC_ALLOW;
        if (!when_make(r, &rule->when, &conf[i].when) ||
            !when_make(r, &rule->except, &conf[i].except))
            return rules_full(r, why);
    }
    r->allows = c->otherwise == RBAC_DEFAULT_ALLOW ||
                (c->otherwise == RBAC_DEFAULT_AUTO && !some_allow);
    return r;
}

/* --- policies ----------------------------------------------------------------------- */

static bool
policy_headers(struct rbac_rules *r, struct rbac_values *s, const struct conf_list *list)
{
    const struct policy_header_conf *c = list->items;

    s->n = list->n;
    s->v = s->n ? xcalloc(s->n, sizeof(s->v[0])) : NULL;
    for (size_t i = 0; i < s->n; i++) {
        const struct pattern_conf *texts = c[i].values.items;
        struct rbac_value *v = &s->v[i];

        v->name = slice_of(c[i].key);
        v->need = RBAC_VALUE;
        v->n = c[i].values.n;
        v->v = xcalloc(v->n + 1, sizeof(v->v[0]));
        for (size_t k = 0; k < v->n; k++)
            v->v[k] = pattern_read(texts[k].text);
    }
    return headers_number(r, s);
}

static bool
policy_rules(struct rbac_rules *r, size_t from, const struct conf_list *list,
             enum rbac_action action)
{
    const struct policy_rule_conf *c = list->items;

    for (size_t i = 0; i < list->n; i++) {
        struct rbac_rule *rule = &r->v[from + i];

        rule->name = c[i].name;
        rule->action = action;
        pattern_set_init(&rule->when.principals, &c[i].source.principals, false);
        pattern_set_init(&rule->when.paths, &c[i].request.paths, false);
        if (!policy_headers(r, &rule->when.headers, &c[i].request.headers))
            return false;
    }
    return true;
}

static struct rbac_rules *
rules_of_policy(const struct rbac_conf *c, const struct policy_conf *p,
                struct strbuf *why)
{
    static const enum rbac_audit audits[] = {
        [POLICY_AUDIT_NONE] = RBAC_AUDIT_NONE,
        [POLICY_AUDIT_ON_DENY] = RBAC_AUDIT_DENY,
        [POLICY_AUDIT_ON_ALLOW] = RBAC_AUDIT_ALLOW,
        [POLICY_AUDIT_ON_BOTH] = RBAC_AUDIT_BOTH,
    };
    struct rbac_rules *r = rules_new(c, p->deny_rules.n + p->allow_rules.n);

    r->policy = p->name;
    if (p->audit.on)
        r->audit = audits[p->audit.condition];
    if (!policy_rules(r, 0, &p->deny_rules, RBAC_DENY) ||
        !policy_rules(r, p->deny_rules.n, &p->allow_rules, RBAC_ALLOW))
        return rules_full(r, why);
    return r;
}

/* --- the file ----------------------------------------------------------------------- */

/* "policy:3:5: error: TEXT" and pictures below it become "line 3, column 5: TEXT". */
static void
problem_say(const char *said, struct strbuf *why)
{
    size_t n = strcspn(said, "\n");
    unsigned line, column;
    int skip = 0;

    if (sscanf(said, "%*[^:]:%u:%u: error: %n", &line, &column, &skip) == 2 && skip > 0)
        strbuf_printf(why, "line %u, column %u: ", line, column);
    strbuf_add(why, said + skip, n - (size_t)skip);
}

static bool
is_yaml(const char *path)
{
    size_t n = strlen(path);

    return (n > 5 && strcmp(path + n - 5, ".yaml") == 0) ||
           (n > 4 && strcmp(path + n - 4, ".yml") == 0);
}

static struct rbac_rules *
rules_of_file(const struct rbac_conf *c, const char *path, const char *text, size_t n,
              struct strbuf *why)
{
    struct conf_snapshot *s;
    struct rbac_rules *r;
    struct strbuf said;

    strbuf_init(&said, SAID_MAX);
    if (conf_load_text(&policy_conf_struct, is_yaml(path) ? "policy.yaml" : "policy",
                       text, n, &said, &s) != ERR_OK) {
        problem_say(said.s ? said.s : "", why);
        strbuf_done(&said);
        return NULL;
    }
    strbuf_done(&said);
    r = rules_of_policy(c, conf_root(s), why);
    if (r)
        r->held = s;
    else
        conf_drop(s);
    return r;
}

static void *
rules_read(const char *path, const char *text, size_t n, const void *arg,
           struct strbuf *why)
{
    const struct rbac_conf *c = arg;

    if (path)
        return rules_of_file(c, path, text, n, why);
    return c->policy.on ? rules_of_policy(c, &c->policy, why) : rules_of_conf(c, why);
}

const struct watched_kind rbac_file = {
    .what = "policy",
    .max = POLICY_FILE_MAX,
    .read = rules_read,
    .free = rules_free,
    .count = rules_count,
};
