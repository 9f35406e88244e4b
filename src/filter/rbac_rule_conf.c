/* SPDX-License-Identifier: Apache-2.0 */
/* filter/rbac_rule_conf.c - the rows of one rule. A rule that says nothing it could be meant to say is refused: a guard that looks at the wrong thing is worse than none. */
#include <string.h>

#include "base/err.h"
#include "conf/check.h"
#include "filter/edit.h"
#include "filter/pattern.h"
#include "filter/rbac_conf.h"
#include "net/cidr.h"
#include "net/tls_conf.h"

enum { ITEMS_MAX = 1000, VALUES_MAX = 32, TEXT_MAX = 4096 };

/* --- single values ------------------------------------------------------------------ */

int
rbac_header_valid(const char *text, const char **ret_why)
{
    static const char *const hop[] = { "connection",
                                       "keep-alive",
                                       "proxy-authenticate",
                                       "proxy-authorization",
                                       "proxy-connection",
                                       "te",
                                       "trailer",
                                       "transfer-encoding",
                                       "upgrade" };
    size_t n = strlen(text);

    *ret_why = edit_name_malformed(text);
    if (!*ret_why && strcmp(text, "host") == 0)
        *ret_why = "it is :authority in HTTP/2, which rules do not look at";
    if (!*ret_why && strncmp(text, "grpc-", 5) == 0)
        *ret_why = "headers that begin with grpc- belong to gRPC itself";
    if (!*ret_why && n > 4 && strcmp(text + n - 4, "-bin") == 0)
        *ret_why = "a -bin header can be written in more than one way, so a rule for it "
                   "can be got around";
    for (size_t i = 0; !*ret_why && i < ARRAY_LEN(hop); i++) {
        if (strcmp(text, hop[i]) == 0)
            *ret_why = "it belongs to the connection and not to the call";
    }
    return *ret_why ? ERR_SYNTAX : ERR_OK;
}

static int
text_valid(const char *text, const char **ret_why)
{
    if (strlen(text) <= TEXT_MAX)
        return ERR_OK;
    *ret_why = "it has at most 4096 characters";
    return ERR_SYNTAX;
}

static int
part_valid(const char *text, const char **ret_why)
{
    if (*text)
        return text_valid(text, ret_why);
    *ret_why =
        "every value begins and ends with nothing; for any value write \"present\": "
        "true";
    return ERR_SYNTAX;
}

static int
range_valid(const char *text, const char **ret_why)
{
    struct cidr c;

    return cidr_parse(text, &c, ret_why);
}

static const struct conf_field text_fields[] = {
    { .key = "value",
      .type = CONF_STRING,
      .at = offsetof(struct rbac_text_conf, text),
      .required = true,
      .valid = text_valid,
      .code = "E0374",
      .example = "\"eu\"",
      .help = "One of the values." },
    { .key = NULL },
};

static const struct conf_struct text_struct = {
    .name = "value",
    .size = sizeof(struct rbac_text_conf),
    .fields = text_fields,
    .short_key = "value",
};

static const struct conf_field range_fields[] = {
    { .key = "range",
      .type = CONF_STRING,
      .at = offsetof(struct rbac_text_conf, text),
      .required = true,
      .valid = range_valid,
      .code = "E0374",
      .example = "\"10.0.0.0/8\"",
      .help = "A range of IP addresses, or one address." },
    { .key = NULL },
};

static const struct conf_struct range_struct = {
    .name = "range",
    .size = sizeof(struct rbac_text_conf),
    .fields = range_fields,
    .short_key = "range",
};

/* --- headers and claims ------------------------------------------------------------- */

#define VALUE(k, t, field) \
    .key = k, .type = t, .at = offsetof(struct rbac_value_conf, field)

static const struct conf_field value_fields[] = {
    { VALUE("exact", CONF_STRING, exact), .valid = text_valid, .code = "E0374",
      .example = "\"admin\"",
      .help = "The whole value; \"\" is a value that is there and empty. A bare string "
              "means the same." },
    { VALUE("prefix", CONF_STRING, prefix), .valid = part_valid, .code = "E0374",
      .example = "\"team-\"", .help = "What the value begins with." },
    { VALUE("suffix", CONF_STRING, suffix), .valid = part_valid, .code = "E0374",
      .example = "\"@shop.example\"", .help = "What the value ends with." },
    { VALUE("oneOf", CONF_LIST, one_of), .min = 1, .max = ITEMS_MAX, .one_ok = true,
      .sub = &text_struct, .example = "[\"admin\", \"owner\"]",
      .help = "The whole value is one of these." },
    { VALUE("present", CONF_MAYBE, present), .example = "false",
      .help = "true: it is there, with any value, also an empty one; false: it is not "
              "there." },
    { .key = NULL },
};

static void
value_check(void *obj, struct conf_place *place)
{
    const struct rbac_value_conf *v = obj;
    int n = !!v->exact + !!v->prefix + !!v->suffix + (v->one_of.n > 0) +
            (v->present != CONF_UNSET);

    if (conf_place_clean(place) && n != 1)
        conf_problem(place, NULL, "E0374",
                     "write exactly one of exact, prefix, suffix, oneOf and present");
}

static const struct conf_struct value_struct = {
    .name = "value of a rule",
    .size = sizeof(struct rbac_value_conf),
    .fields = value_fields,
    .short_key = "exact",
    .key_at = offsetof(struct rbac_value_conf, name),
    .check = value_check,
};

/* --- rules -------------------------------------------------------------------------- */

#define IN_RULE(field) offsetof(struct rbac_rule_conf, when.field)
#define IN_NOT(field)  offsetof(struct rbac_when_conf, field)

/* The same rows in a rule and in its "not". */
#define WHEN_ROWS(AT)                                                                    \
    { .key = "paths",                                                                    \
      .type = CONF_LIST,                                                                 \
      .at = AT(paths),                                                                   \
      .min = 1,                                                                          \
      .max = ITEMS_MAX,                                                                  \
      .one_ok = true,                                                                    \
      .sub = &pattern_method_struct,                                                     \
      .example = "[\"shop.Cart/Get\", \"shop.Admin/*\"]",                                \
      .help =                                                                            \
          "Methods, one of which is called: \"package.Service/Method\", with a * at "    \
          "the end or at the start for more." },                                         \
        { .key = "headers",                                                              \
          .type = CONF_DICT,                                                             \
          .at = AT(headers),                                                             \
          .max = VALUES_MAX,                                                             \
          .sub = &value_struct,                                                          \
          .hide = CONF_HIDE_NAMED,                                                       \
          .example = "{ \"x-tenant\": { \"oneOf\": [\"a\", \"b\"] } }",                  \
          .help = "Request headers by name, in lower case; all of them must fit." },     \
        { .key = "source",                                                               \
          .type = CONF_LIST,                                                             \
          .at = AT(source),                                                              \
          .min = 1,                                                                      \
          .max = ITEMS_MAX,                                                              \
          .one_ok = true,                                                                \
          .sub = &range_struct,                                                          \
          .example = "[\"10.0.0.0/8\", \"fd00::/8\"]",                                   \
          .help = "Ranges of addresses, one of which has that of the client's "          \
                  "connection. A unix socket has none." },                               \
        { .key = "san",                                                                  \
          .type = CONF_LIST,                                                             \
          .at = AT(san),                                                                 \
          .min = 1,                                                                      \
          .max = ITEMS_MAX,                                                              \
          .one_ok = true,                                                                \
          .sub = &tls_san_conf_struct,                                                   \
          .example = "[{ \"prefix\": \"spiffe://shop.example/ns/web/\" }]",              \
          .help = "Names, one of which stands in the client's verified certificate." },  \
        { .key = "claims",                                                               \
          .type = CONF_DICT,                                                             \
          .at = AT(claims),                                                              \
          .max = VALUES_MAX,                                                             \
          .sub = &value_struct,                                                          \
          .hide = CONF_HIDE_NAMED,                                                       \
          .example = "{ \"role\": { \"oneOf\": [\"admin\", \"owner\"] } }",              \
          .help = "Claims of the token that a filter jwt before this one has verified; " \
                  "all of them must fit. One element of a list is enough." },            \
        { .key = "clients",                                                              \
          .type = CONF_LIST,                                                             \
          .at = AT(clients),                                                             \
          .min = 1,                                                                      \
          .max = ITEMS_MAX,                                                              \
          .one_ok = true,                                                                \
          .sub = &pattern_value_struct,                                                  \
          .example = "[\"mobile\", \"batch-*\"]",                                        \
          .help =                                                                        \
              "Clients that a filter apiKey before this one has found, one of them." },  \
    {                                                                                    \
        .key = "certificate", .type = CONF_MAYBE, .at = AT(certificate),                 \
        .example = "true",                                                               \
        .help = "true: the client has shown a certificate that was verified; false: it " \
                "has not."                                                               \
    }

static const struct conf_field except_fields[] = {
    WHEN_ROWS(IN_NOT),
    { .key = NULL },
};

static const struct conf_struct except_struct = {
    .name = "not",
    .size = sizeof(struct rbac_when_conf),
    .fields = except_fields,
    .optional = true,
    .on_at = offsetof(struct rbac_when_conf, on),
};

static const char *const action_words[] = { "allow", "deny", "log", NULL };

static const struct conf_field rule_fields[] = {
    { .key = "name",
      .type = CONF_STRING,
      .at = offsetof(struct rbac_rule_conf, name),
      .required = true,
      .valid = conf_name_valid,
      .example = "\"admins\"",
      .help = "What audit lines call it. Clients never hear of it." },
    { .key = "action",
      .type = CONF_ENUM,
      .at = offsetof(struct rbac_rule_conf, action),
      .required = true,
      .words = action_words,
      .example = "\"allow\"",
      .help =
          "What happens to a call that the rule fits. log: a line is written, and the "
          "next rule is looked at." },
    WHEN_ROWS(IN_RULE),
    { .key = "not",
      .type = CONF_OBJECT,
      .at = offsetof(struct rbac_rule_conf, except),
      .sub = &except_struct,
      .example = "{ \"source\": \"10.0.0.0/8\" }",
      .help =
          "The same keys as in the rule: it is not for calls that any of them fits." },
    { .key = NULL },
};

/* Names of headers are the keys of an object, which have no row of their own. */
static void
check_names(struct conf_place *place, const char *key, const struct conf_list *headers)
{
    const struct rbac_value_conf *v = headers->items;
    const char *why;

    for (size_t i = 0; i < headers->n; i++) {
        if (rbac_header_valid(v[i].name, &why) != ERR_OK)
            conf_problem(place, key, "E0373", "rules cannot look at \"%.80s\": %s",
                         v[i].name, why);
    }
}

static void
rule_check(void *obj, struct conf_place *place)
{
    const struct rbac_rule_conf *r = obj;

    check_names(place, "headers", &r->when.headers);
    check_names(place, "not.headers", &r->except.headers);
}

const struct conf_struct rbac_rule_conf_struct = {
    .name = "rule",
    .size = sizeof(struct rbac_rule_conf),
    .fields = rule_fields,
    .check = rule_check,
};
