/* SPDX-License-Identifier: Apache-2.0 */
/* proxy/match_conf.c - the rows of a route's match. */
#include "proxy/match_conf.h"

#include <string.h>

#include "base/err.h"

/* One part of the path /service/method; gRPC allows more than protobuf names, but never
 * a slash. */
static int
path_part_valid(const char *text, const char *slash_why, const char **ret_why)
{
    if (strcmp(text, "*") == 0)
        *ret_why = "leave the key out to match all";
    else if (strchr(text, '/'))
        *ret_why = slash_why;
    else if (text[0] == '\0' || strlen(text) > 1024)
        *ret_why = "it must have 1 to 1024 characters; leave the key out to match all";
    else if (strspn(
                 text,
                 "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-") !=
             strlen(text))
        *ret_why = "it must be made of letters, digits, _ . and -, as in the .proto "
                   "file; patterns are not known here";
    else
        return 0;
    return ERR_SYNTAX;
}

static int
service_valid(const char *text, const char **ret_why)
{
    size_t n = strlen(text);
    int rc = path_part_valid(text,
                             "write the full name without slashes, like \"pkg.Service\"; "
                             "the method has its own key",
                             ret_why);

    if (rc == 0 && (text[0] == '.' || text[n - 1] == '.' || strstr(text, ".."))) {
        *ret_why = "a dot stands between two names, like \"pkg.Service\"";
        return ERR_SYNTAX;
    }
    return rc;
}

static int
method_valid(const char *text, const char **ret_why)
{
    if (strchr(text, '.') && !strchr(text, '/')) {
        *ret_why = "a method has no dots; the package and the service belong to the key "
                   "\"service\"";
        return ERR_SYNTAX;
    }
    return path_part_valid(
        text, "write only the method, like \"SayHello\"; the service has its own key",
        ret_why);
}

static const struct conf_field match_fields[] = {
    { .key = "service",
      .type = CONF_STRING,
      .at = offsetof(struct match_conf, service),
      .valid = service_valid,
      .code = "E0209",
      .example = "\"helloworld.Greeter\"",
      .help = "Full name of a gRPC service with its package. Without this key every "
              "service matches." },
    { .key = "method",
      .type = CONF_STRING,
      .at = offsetof(struct match_conf, method),
      .valid = method_valid,
      .code = "E0209",
      .example = "\"SayHello\"",
      .help = "Name of a method. Without this key every method matches." },
    { .key = NULL },
};

const struct conf_struct match_conf_struct = {
    .name = "match",
    .size = sizeof(struct match_conf),
    .fields = match_fields,
};
