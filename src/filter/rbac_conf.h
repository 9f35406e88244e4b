/* SPDX-License-Identifier: Apache-2.0 */
/* filter/rbac_conf.h - what the config file says about who may call what: rules of our own, or a policy as gRPC libraries have it (gRFC A43; policy_conf.c), in the
 * config or in a file. Immutable after loading. */
#ifndef OUTRIGGER_FILTER_RBAC_CONF_H
#define OUTRIGGER_FILTER_RBAC_CONF_H

#include <stdbool.h>
#include <stdint.h>

#include "conf/field.h"

enum rbac_action { RBAC_ALLOW, RBAC_DENY, RBAC_LOG };
enum rbac_default { RBAC_DEFAULT_AUTO, RBAC_DEFAULT_ALLOW, RBAC_DEFAULT_DENY };
enum rbac_multi { RBAC_MULTI_REFUSE, RBAC_MULTI_FIRST, RBAC_MULTI_ANY };
/* Bits: also the order of the words of "audit". */
enum rbac_audit { RBAC_AUDIT_NONE, RBAC_AUDIT_DENY, RBAC_AUDIT_ALLOW, RBAC_AUDIT_BOTH };

enum {
    RBAC_RULES_MAX = 1000,
    RBAC_NAMES_MAX = 64, /* different headers that the rules look at */
};

/* A header or a claim; exactly one of the five is given. */
struct rbac_value_conf {
    const char *name;
    const char *exact, *prefix, *suffix;
    struct conf_list one_of; /* of struct rbac_text_conf */
    uint32_t present;        /* enum conf_maybe */
};

struct rbac_text_conf {
    const char *text;
};

/* All kinds that are given must fit; one of the items of a list is enough. */
struct rbac_when_conf {
    struct conf_list paths;   /* of struct pattern_conf: methods */
    struct conf_list headers; /* of struct rbac_value_conf; all of them must fit */
    struct conf_list source;  /* of struct rbac_text_conf: ranges of addresses */
    struct conf_list san;     /* of struct tls_san_conf */
    struct conf_list claims;  /* of struct rbac_value_conf; all of them must fit */
    struct conf_list clients; /* of struct pattern_conf */
    uint32_t certificate;     /* enum conf_maybe */
    bool on;                  /* of "not" */
};

struct rbac_rule_conf {
    const char *name;
    uint32_t action; /* enum rbac_action */
    struct rbac_when_conf when;
    struct rbac_when_conf except; /* "not": none of its kinds may fit */
};

extern const struct conf_struct rbac_rule_conf_struct; /* rbac_rule_conf.c */

/* --- gRFC A43 ------------------------------------------------------------------------- */

struct policy_header_conf {
    const char *key;
    struct conf_list values; /* of struct pattern_conf */
};

struct policy_source_conf {
    struct conf_list principals; /* of struct pattern_conf; may be empty texts */
};

struct policy_request_conf {
    struct conf_list paths;   /* of struct pattern_conf */
    struct conf_list headers; /* of struct policy_header_conf */
};

struct policy_rule_conf {
    const char *name;
    struct policy_source_conf source;
    struct policy_request_conf request;
};

struct policy_logger_conf {
    const char *name;
    struct conf_map config;
    bool is_optional;
};

struct policy_audit_conf {
    uint32_t condition;       /* enum policy_audit */
    struct conf_list loggers; /* of struct policy_logger_conf */
    bool on;
};

enum policy_audit {
    POLICY_AUDIT_NONE,
    POLICY_AUDIT_ON_DENY,
    POLICY_AUDIT_ON_ALLOW,
    POLICY_AUDIT_ON_BOTH
};

struct policy_conf {
    bool on;
    const char *name;
    struct conf_list deny_rules, allow_rules; /* of struct policy_rule_conf */
    struct policy_audit_conf audit;
};

extern const struct conf_struct policy_conf_struct;

/* --- the filter ----------------------------------------------------------------------- */

struct rbac_conf {
    struct conf_list rules; /* of struct rbac_rule_conf */
    struct policy_conf policy;
    const char *policy_file; /* NULL: none */
    uint32_t otherwise;      /* enum rbac_default */
    uint32_t multi;          /* enum rbac_multi */
    bool shadow;
    uint32_t audit; /* enum rbac_audit */
    uint32_t audit_per_second;
};

extern const struct conf_struct rbac_conf_struct;

/* For the rows: headers that no rule may look at (gRFC A43): 0, or ERR_SYNTAX and a plain sentence. */
int rbac_header_valid(const char *text, const char **ret_why);

#endif
