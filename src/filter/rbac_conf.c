/* SPDX-License-Identifier: Apache-2.0 */
/* filter/rbac_conf.c - the rows of the filter "rbac", and what its rules must be together. Those of one rule are in rbac_rule_conf.c. */
#include "filter/rbac_conf.h"

#include <string.h>

#include "base/err.h"
#include "base/strbuf.h"
#include "conf/check.h"
#include "filter/rbac_rules.h"

enum { WHY_MAX = 2048 };

/* Different names, of lists that may have been refused in part. */
struct names {
    const char *v[RBAC_NAMES_MAX];
    size_t n;
    bool over;
};

static void
names_add(struct names *s, const char *name)
{
    for (size_t i = 0; i < s->n; i++) {
        if (strcmp(s->v[i], name) == 0)
            return;
    }
    if (s->n < RBAC_NAMES_MAX)
        s->v[s->n++] = name;
    else
        s->over = true;
}

static void
names_of_rules(struct names *s, const struct conf_list *rules)
{
    const struct rbac_rule_conf *r = rules->items;

    for (size_t i = 0; i < rules->n; i++) {
        const struct conf_list *lists[] = { &r[i].when.headers, &r[i].except.headers };

        for (size_t k = 0; k < ARRAY_LEN(lists); k++) {
            const struct rbac_value_conf *v = lists[k]->items;

            for (size_t j = 0; j < lists[k]->n; j++)
                names_add(s, v[j].name);
        }
    }
}

static void
names_of_policy(struct names *s, const struct conf_list *rules)
{
    const struct policy_rule_conf *r = rules->items;

    for (size_t i = 0; i < rules->n; i++) {
        const struct policy_header_conf *h = r[i].request.headers.items;

        for (size_t k = 0; k < r[i].request.headers.n; k++) {
            if (h[k].key)
                names_add(s, h[k].key);
        }
    }
}

static void
rbac_check_names(const struct rbac_conf *c, struct conf_place *place)
{
    struct names s = { .n = 0 };

    names_of_rules(&s, &c->rules);
    names_of_policy(&s, &c->policy.deny_rules);
    names_of_policy(&s, &c->policy.allow_rules);
    if (s.over)
        conf_problem(place, c->policy.on ? "policy" : "rules", "E0375",
                     "the rules look at more than %d different headers", RBAC_NAMES_MAX);
}

static void
rbac_check_file(const struct rbac_conf *c, struct conf_place *place)
{
    struct strbuf why;

    strbuf_init(&why, WHY_MAX);
    if (watched_check(&rbac_file, c->policy_file, c, &why) != ERR_OK)
        conf_problem(place, "policyFile", "E0372", "%s", why.s);
    strbuf_done(&why);
}

static void
rbac_check(void *obj, struct conf_place *place)
{
    struct rbac_conf *c = obj;
    int given = (c->rules.n > 0) + c->policy.on + (c->policy_file != NULL);

    if (!conf_place_clean(place))
        return;
    if (given != 1) {
        conf_problem(place, NULL, "E0375",
                     given ? "rules, policy and policyFile are three ways to say the "
                             "same; keep one of them"
                           : "there are no rules; write \"rules\", or a policy as gRPC "
                             "has it with \"policy\" or \"policyFile\"");
        return;
    }
    conf_check_unique(place, "rules", &c->rules, sizeof(struct rbac_rule_conf),
                      offsetof(struct rbac_rule_conf, name), "name", NULL);
    if (c->rules.n == 0 && c->otherwise != RBAC_DEFAULT_AUTO &&
        conf_place_has(place, "default"))
        conf_problem(place, "default", "E0375",
                     "a policy of gRPC always denies what none of its rules allows; "
                     "remove \"default\"");
    rbac_check_names(c, place);
    if (c->policy_file)
        rbac_check_file(c, place);
}

static const char *const default_words[] = { "auto", "allow", "deny", NULL };
static const char *const multi_words[] = { "refuse", "first", "any", NULL };
static const char *const audit_words[] = { "none", "onDeny", "onAllow", "both", NULL };

static const struct conf_field rbac_fields[] = {
    { .key = "rules",
      .type = CONF_LIST,
      .at = offsetof(struct rbac_conf, rules),
      .max = RBAC_RULES_MAX,
      .sub = &rbac_rule_conf_struct,
      .example = "[{ \"name\": \"admins\", \"action\": \"allow\", \"paths\": "
                 "\"shop.Admin/*\", \"claims\": { \"role\": \"admin\" } }]",
      .help =
          "Looked at in the order of the file; the first one that fits decides. A rule "
          "fits when all the keys it has do; one without any fits all calls." },
    { .key = "policy",
      .type = CONF_OBJECT,
      .at = offsetof(struct rbac_conf, policy),
      .sub = &policy_conf_struct,
      .example = "{ \"name\": \"shop\", \"allow_rules\": [{ \"name\": \"all\" }] }",
      .help =
          "Instead of rules: a policy as gRPC libraries have it (gRFC A43), pasted as "
          "it is." },
    { .key = "policyFile",
      .type = CONF_STRING,
      .at = offsetof(struct rbac_conf, policy_file),
      .hide = CONF_SHOW,
      .example = "\"/etc/outrigger/policy.json\"",
      .help =
          "The same in a file, which is watched. When it becomes bad, the policy that "
          "it had stays." },
    { .key = "default",
      .type = CONF_ENUM,
      .at = offsetof(struct rbac_conf, otherwise),
      .def = "auto",
      .words = default_words,
      .example = "\"deny\"",
      .help =
          "What happens to a call that no rule decides. auto: it is denied when there "
          "is a rule that allows something, and allowed when all rules deny or log." },
    { .key = "multi",
      .type = CONF_ENUM,
      .at = offsetof(struct rbac_conf, multi),
      .def = "refuse",
      .words = multi_words,
      .example = "\"any\"",
      .help = "What a header means that a rule looks at and that comes more than once. "
              "refuse: the call ends with INVALID_ARGUMENT, whatever the rules say; "
              "first: the first one counts; any: a rule fits when one of them does." },
    { .key = "shadow",
      .type = CONF_BOOL,
      .at = offsetof(struct rbac_conf, shadow),
      .def = "false",
      .example = "true",
      .help =
          "Nothing is denied: what would have been is counted, and audited as usual." },
    { .key = "audit",
      .type = CONF_ENUM,
      .at = offsetof(struct rbac_conf, audit),
      .def = "onDeny",
      .words = audit_words,
      .example = "\"both\"",
      .help = "For which calls a line is logged: that are denied, allowed, both or none. "
              "audit_logging_options of a policy goes before this." },
    { .key = "auditPerSecond",
      .type = CONF_UINT,
      .at = offsetof(struct rbac_conf, audit_per_second),
      .def = "10",
      .min = 1,
      .max = 100000,
      .example = "100",
      .help = "At most so many lines per second; a line tells how many were left out." },
    { .key = NULL },
};

const struct conf_struct rbac_conf_struct = {
    .name = "rbac",
    .size = sizeof(struct rbac_conf),
    .fields = rbac_fields,
    .check = rbac_check,
};
