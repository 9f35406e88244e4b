/* SPDX-License-Identifier: Apache-2.0 */
/* filter/rbac_rules_int.h - the rules as rbac_build.c makes them and rbac_rules.c reads them. For these two only. */
#ifndef OUTRIGGER_FILTER_RBAC_RULES_INT_H
#define OUTRIGGER_FILTER_RBAC_RULES_INT_H

#include "filter/pattern.h"
#include "filter/rbac_rules.h"
#include "net/cidr.h"

struct conf_snapshot;

enum rbac_need { RBAC_VALUE, RBAC_PRESENT, RBAC_ABSENT };

/* A header or a claim that must fit. */
struct rbac_value {
    struct slice name;
    unsigned number; /* of the header among the names */
    enum rbac_need need;
    size_t n; /* RBAC_VALUE: one of the patterns fits */
    struct pattern *v;
};

struct rbac_values {
    size_t n;
    struct rbac_value *v;
};

struct rbac_ranges {
    size_t n;
    struct cidr *v;
};

/* A kind with n 0, or CONF_UNSET, is not asked for. */
struct rbac_when {
    struct pattern_set paths, clients, principals;
    struct rbac_values headers, claims;
    struct rbac_ranges source;
    const struct conf_list *san; /* of the config */
    uint32_t certificate;
};

struct rbac_rule {
    const char *name;
    enum rbac_action action;
    struct rbac_when when, except;
    bool has_except;
};

struct rbac_rules {
    const char *policy;
    struct conf_snapshot *held; /* strings of a file; NULL: those of the config */
    enum rbac_audit audit;
    enum rbac_multi multi;
    bool allows; /* what no rule decides */
    size_t n_names;
    struct slice names[RBAC_NAMES_MAX]; /* headers that rules look at */
    size_t n;
    struct rbac_rule *v;
};

#endif
