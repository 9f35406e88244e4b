/* SPDX-License-Identifier: Apache-2.0 */
/* filter/policy_conf.c - the rows of an authorization policy of gRPC (gRFC A43, audit of A59), in the spelling that it has there. Whatever is not in the proposal is
 * refused, as the proposal wants it: an unknown key could be a restriction. */
#include <string.h>

#include "base/err.h"
#include "conf/check.h"
#include "filter/pattern.h"
#include "filter/rbac_conf.h"

enum { ITEMS_MAX = 1000, VALUES_MAX = 32 };

/* --- values ------------------------------------------------------------------------- */

/* A client without a certificate has the principal "". */
static int
principal_valid(const char *text, const char **ret_why)
{
    return *text ? pattern_valid(text, ret_why) : ERR_OK;
}

static int
path_valid(const char *text, const char **ret_why)
{
    if (pattern_valid(text, ret_why) != ERR_OK)
        return ERR_SYNTAX;
    if (text[0] == '/' || text[0] == '*')
        return ERR_OK;
    *ret_why =
        "a path begins with a slash, \"/package.Service/Method\"; this would never "
        "fit";
    return ERR_SYNTAX;
}

static const struct conf_field principal_fields[] = {
    { .key = "principal",
      .type = CONF_STRING,
      .at = offsetof(struct pattern_conf, text),
      .required = true,
      .valid = principal_valid,
      .code = "E0371",
      .example = "\"spiffe://shop.example/*\"",
      .help = "A URI or DNS name or the subject of the client's certificate; \"\" for a "
              "client that has none." },
    { .key = NULL },
};

static const struct conf_struct principal_struct = {
    .name = "principal",
    .size = sizeof(struct pattern_conf),
    .fields = principal_fields,
    .short_key = "principal",
};

static const struct conf_field path_fields[] = {
    { .key = "path",
      .type = CONF_STRING,
      .at = offsetof(struct pattern_conf, text),
      .required = true,
      .valid = path_valid,
      .code = "E0371",
      .example = "\"/shop.Cart/*\"",
      .help = "The path of the call, with a * at the end or at the start for more." },
    { .key = NULL },
};

static const struct conf_struct path_struct = {
    .name = "path",
    .size = sizeof(struct pattern_conf),
    .fields = path_fields,
    .short_key = "path",
};

/* --- rules -------------------------------------------------------------------------- */

static const struct conf_field header_fields[] = {
    { .key = "key",
      .type = CONF_STRING,
      .at = offsetof(struct policy_header_conf, key),
      .required = true,
      .valid = rbac_header_valid,
      .code = "E0373",
      .example = "\"x-tenant\"",
      .help = "Name of a request header, in lower case." },
    { .key = "values",
      .type = CONF_LIST,
      .at = offsetof(struct policy_header_conf, values),
      .required = true,
      .min = 1,
      .max = ITEMS_MAX,
      .sub = &pattern_value_struct,
      .hide = CONF_HIDE,
      .example = "[\"a\", \"b-*\"]",
      .help = "Values, one of which the header has." },
    { .key = NULL },
};

static const struct conf_struct header_struct = {
    .name = "header of a policy",
    .size = sizeof(struct policy_header_conf),
    .fields = header_fields,
};

static const struct conf_field source_fields[] = {
    { .key = "principals",
      .type = CONF_LIST,
      .at = offsetof(struct policy_source_conf, principals),
      .min = 1,
      .max = ITEMS_MAX,
      .sub = &principal_struct,
      .example = "[\"spiffe://shop.example/*\"]",
      .help = "Who calls, one of these; without this key anybody." },
    { .key = NULL },
};

static const struct conf_struct source_struct = {
    .name = "source",
    .size = sizeof(struct policy_source_conf),
    .fields = source_fields,
};

static const struct conf_field request_fields[] = {
    { .key = "paths",
      .type = CONF_LIST,
      .at = offsetof(struct policy_request_conf, paths),
      .min = 1,
      .max = ITEMS_MAX,
      .sub = &path_struct,
      .example = "[\"/shop.Cart/*\"]",
      .help = "What is called, one of these; without this key anything." },
    { .key = "headers",
      .type = CONF_LIST,
      .at = offsetof(struct policy_request_conf, headers),
      .min = 1,
      .max = VALUES_MAX,
      .sub = &header_struct,
      .example = "[{ \"key\": \"x-tenant\", \"values\": [\"a\"] }]",
      .help = "Request headers, all of which must fit." },
    { .key = NULL },
};

static const struct conf_struct request_struct = {
    .name = "request",
    .size = sizeof(struct policy_request_conf),
    .fields = request_fields,
};

static const struct conf_field rule_fields[] = {
    { .key = "name",
      .type = CONF_STRING,
      .at = offsetof(struct policy_rule_conf, name),
      .required = true,
      .valid = conf_name_valid,
      .example = "\"admins\"",
      .help = "What audit lines call the rule." },
    { .key = "source",
      .type = CONF_OBJECT,
      .at = offsetof(struct policy_rule_conf, source),
      .sub = &source_struct,
      .example = "{ \"principals\": [\"spiffe://shop.example/*\"] }",
      .help = "Who calls." },
    { .key = "request",
      .type = CONF_OBJECT,
      .at = offsetof(struct policy_rule_conf, request),
      .sub = &request_struct,
      .example = "{ \"paths\": [\"/shop.Cart/*\"] }",
      .help = "What is called." },
    { .key = NULL },
};

static const struct conf_struct rule_struct = {
    .name = "rule of a policy",
    .size = sizeof(struct policy_rule_conf),
    .fields = rule_fields,
};

/* --- audit -------------------------------------------------------------------------- */

static const struct conf_field logger_fields[] = {
    { .key = "name",
      .type = CONF_STRING,
      .at = offsetof(struct policy_logger_conf, name),
      .required = true,
      .hide = CONF_SHOW,
      .example = "\"stdout_logger\"",
      .help = "\"stdout_logger\" is the log of the proxy; others are not known." },
    { .key = "config",
      .type = CONF_MAP,
      .at = offsetof(struct policy_logger_conf, config),
      .hide = CONF_HIDE,
      .example = "{}",
      .help = "Settings of the logger; the log of the proxy has none here." },
    { .key = "is_optional",
      .type = CONF_BOOL,
      .at = offsetof(struct policy_logger_conf, is_optional),
      .def = "false",
      .example = "true",
      .help = "A logger that is not known is left out, and not an error." },
    { .key = NULL },
};

static void
logger_check(void *obj, struct conf_place *place)
{
    const struct policy_logger_conf *l = obj;

    if (!conf_place_clean(place) || l->is_optional)
        return;
    if (strcmp(l->name, "stdout_logger") != 0)
        conf_problem(
            place, "name", "E0376",
            "\"%.80s\" is not known; there is \"stdout_logger\", which is the log "
            "of the proxy. \"is_optional\": true leaves out others",
            l->name);
    else if (l->config.n > 0)
        conf_problem(place, "config", "E0376",
                     "the log has no settings here; those are in \"log\" of the config");
}

static const struct conf_struct logger_struct = {
    .name = "audit logger",
    .size = sizeof(struct policy_logger_conf),
    .fields = logger_fields,
    .check = logger_check,
};

static const char *const condition_words[] = { "NONE", "ON_DENY", "ON_ALLOW",
                                               "ON_DENY_AND_ALLOW", NULL };

static const struct conf_field audit_fields[] = {
    { .key = "audit_condition",
      .type = CONF_ENUM,
      .at = offsetof(struct policy_audit_conf, condition),
      .def = "NONE",
      .words = condition_words,
      .example = "\"ON_DENY\"",
      .help = "For which calls a line is logged." },
    { .key = "audit_loggers",
      .type = CONF_LIST,
      .at = offsetof(struct policy_audit_conf, loggers),
      .max = VALUES_MAX,
      .sub = &logger_struct,
      .example = "[{ \"name\": \"stdout_logger\" }]",
      .help = "Where it goes." },
    { .key = NULL },
};

static const struct conf_struct audit_struct = {
    .name = "audit_logging_options",
    .size = sizeof(struct policy_audit_conf),
    .fields = audit_fields,
    .optional = true,
    .on_at = offsetof(struct policy_audit_conf, on),
};

/* --- policy ------------------------------------------------------------------------- */

static const struct conf_field policy_fields[] = {
    { .key = "name",
      .type = CONF_STRING,
      .at = offsetof(struct policy_conf, name),
      .required = true,
      .valid = conf_name_valid,
      .example = "\"shop\"",
      .help = "What audit lines call the policy." },
    { .key = "deny_rules",
      .type = CONF_LIST,
      .at = offsetof(struct policy_conf, deny_rules),
      .max = RBAC_RULES_MAX,
      .sub = &rule_struct,
      .example = "[{ \"name\": \"no-debug\", \"request\": { \"paths\": "
                 "[\"/shop.Debug/*\"] } }]",
      .help = "Looked at first; a call that one of them fits is denied." },
    { .key = "allow_rules",
      .type = CONF_LIST,
      .at = offsetof(struct policy_conf, allow_rules),
      .required = true,
      .min = 1,
      .max = RBAC_RULES_MAX,
      .sub = &rule_struct,
      .example = "[{ \"name\": \"web\", \"source\": { \"principals\": "
                 "[\"spiffe://shop.example/web\"] } }]",
      .help = "A call that one of them fits is allowed; all others are denied." },
    { .key = "audit_logging_options",
      .type = CONF_OBJECT,
      .at = offsetof(struct policy_conf, audit),
      .sub = &audit_struct,
      .example = "{ \"audit_condition\": \"ON_DENY\" }",
      .help = "Audit lines (gRFC A59)." },
    { .key = NULL },
};

const struct conf_struct policy_conf_struct = {
    .name = "policy",
    .size = sizeof(struct policy_conf),
    .fields = policy_fields,
    .optional = true,
    .on_at = offsetof(struct policy_conf, on),
};
