/* SPDX-License-Identifier: Apache-2.0 */
/* filter/access_conf.c - the rows of the access log. */
#include "filter/access_conf.h"

#include <string.h>

#include "base/err.h"
#include "base/strbuf.h"
#include "conf/check.h"
#include "conf/copy.h"
#include "conf/values.h"
#include "filter/access_format.h"
#include "filter/kinds.h"
#include "grpc/status.h"

#define HOUR_MS 3600000LL

enum { KNOWN_MAX = 1024, SHOWN_MAX = 40 };

/* --- always ------------------------------------------------------------------------- */

static int
code_find(const char *name)
{
    for (int code = 0; code < GRPC_CODE_COUNT; code++) {
        if (strcmp(name, grpc_code_name(code)) == 0)
            return code;
    }
    return -1;
}

static bool
rule_read(const char *text, struct access_rule_conf *ret)
{
    struct value_note note;
    int code;

    if (strcmp(text, "error") == 0) {
        ret->kind = ACCESS_RULE_ERROR;
        return true;
    }
    if (strncmp(text, "slow:", 5) == 0) {
        ret->kind = ACCESS_RULE_SLOW;
        return duration_parse(text + 5, &ret->value, &note) == ERR_OK;
    }
    if (strncmp(text, "code:", 5) != 0 || (code = code_find(text + 5)) < 0)
        return false;
    ret->kind = ACCESS_RULE_CODE;
    ret->value = code;
    return true;
}

static int
rule_valid(const char *text, const char **ret_why)
{
    struct access_rule_conf rule;

    *ret_why = "write \"error\", \"slow:500ms\" with a time of your own, or "
               "\"code:UNAVAILABLE\" with the name of a gRPC code";
    return rule_read(text, &rule) ? ERR_OK : ERR_SYNTAX;
}

static void
rule_check(void *obj, struct conf_place *place)
{
    struct access_rule_conf *rule = obj;

    (void)place;
    if (rule->when && !rule_read(rule->when, rule))
        rule->kind = ACCESS_RULE_ERROR; /* it was refused already */
}

static const struct conf_field rule_fields[] = {
    { .key = "when",
      .type = CONF_STRING,
      .at = offsetof(struct access_rule_conf, when),
      .required = true,
      .valid = rule_valid,
      .code = "E0480",
      .example = "\"slow:500ms\"",
      .help =
          "\"error\": every call whose code is not OK. \"slow:500ms\": every call that "
          "took at least so long. \"code:UNAVAILABLE\": every call with this code. A "
          "bare string means the same." },
    { .key = NULL },
};

static const struct conf_struct rule_struct = {
    .name = "rule of the access log",
    .size = sizeof(struct access_rule_conf),
    .fields = rule_fields,
    .short_key = "when",
    .check = rule_check,
};

/* --- headers ------------------------------------------------------------------------ */

static int
header_valid(const char *text, const char **ret_why)
{
    *ret_why = "is no name of a header; write it in lower case, as \"user-agent\"";
    return access_header_valid(slice_of(text)) ? ERR_OK : ERR_SYNTAX;
}

static const struct conf_field header_fields[] = {
    { .key = "name",
      .type = CONF_STRING,
      .at = offsetof(struct access_header_conf, name),
      .required = true,
      .valid = header_valid,
      .code = "E0485",
      .example = "\"user-agent\"",
      .help = "Name of a request header, in lower case. A bare string means the same." },
    { .key = NULL },
};

static const struct conf_struct header_struct = {
    .name = "header of the access log",
    .size = sizeof(struct access_header_conf),
    .fields = header_fields,
    .short_key = "name",
};

/* --- the log ------------------------------------------------------------------------ */

static int
to_valid(const char *text, const char **ret_why)
{
    *ret_why = "write \"stdout\", \"stderr\" or a full path, as "
               "\"/var/log/outrigger/access.log\"";
    if (strcmp(text, "stdout") == 0 || strcmp(text, "stderr") == 0)
        return ERR_OK;
    return text[0] == '/' && text[1] ? ERR_OK : ERR_SYNTAX;
}

static int
format_valid(const char *text, const char **ret_why)
{
    struct access_format format;

    return access_format_parse(text, &format, ret_why) == ERR_OK || format.unknown.p
               ? ERR_OK /* the check below names the variable */
               : ERR_SYNTAX;
}

static const struct conf_field fields[] = {
    { .key = "to",
      .type = CONF_STRING,
      .at = offsetof(struct access_conf, to),
      .def = "stdout",
      .valid = to_valid,
      .code = "E0482",
      .example = "\"/var/log/outrigger/access.log\"",
      .help =
          "Where lines go: stdout, stderr, or a file, which is opened anew on SIGUSR1. "
          "Who does not read them delays no call: a MiB of lines per worker waits, "
          "further ones are left out and counted." },
    { .key = "format",
      .type = CONF_STRING,
      .at = offsetof(struct access_conf, format),
      .valid = format_valid,
      .code = "E0481",
      .example = "\"%{time} %{client} %{service}/%{method} %{status} %{totalMs}\"",
      .help = "Form of a line. Variables are the keys of the JSON lines, and "
              "%{header:NAME} for a header of the request; what does not apply is \"-\". "
              "Without this key a line is one JSON object." },
    { .key = "sample",
      .type = CONF_PERCENT,
      .at = offsetof(struct access_conf, sample),
      .def = "100%",
      .min = 0,
      .max = 100,
      .example = "\"1%\"",
      .help = "Share of all calls that get a line, chosen by chance." },
    { .key = "always",
      .type = CONF_LIST,
      .at = offsetof(struct access_conf, always),
      .sub = &rule_struct,
      .max = 32,
      .one_ok = true,
      .example = "[\"error\", \"slow:500ms\"]",
      .help = "Calls that get a line whatever sample says." },
    { .key = "headers",
      .type = CONF_LIST,
      .at = offsetof(struct access_conf, headers),
      .sub = &header_struct,
      .max = ACCESS_HEADERS_MAX,
      .one_ok = true,
      .example = "[\"user-agent\"]",
      .help = "Headers of the request that are written in JSON lines, of each at most "
              "1 KiB. Whatever secrets are in them get into the log." },
    { .key = "interval",
      .type = CONF_DURATION,
      .at = offsetof(struct access_conf, interval_ms),
      .def = "0s",
      .min = 0,
      .max = 24 * HOUR_MS,
      .example = "\"1m\"",
      .help = "A call that goes on for so long gets a line with its counts so far, and "
              "another one each time that passes again. 0s: only when it ends." },
    { .key = NULL },
};

static void
format_check(const char *text, struct conf_place *place)
{
    struct access_format format;
    struct strbuf known;
    const char *why;

    if (access_format_parse(text, &format, &why) == ERR_OK || !format.unknown.p)
        return;
    strbuf_init(&known, KNOWN_MAX);
    access_format_suggest(&format, &known);
    conf_problem(place, "format", "E0481", "format has %%{%.*s}, which is no variable%s",
                 (int)(format.unknown.n < SHOWN_MAX ? format.unknown.n : SHOWN_MAX),
                 (const char *)format.unknown.p, known.s);
    strbuf_done(&known);
}

static void
access_check(void *obj, struct conf_place *place)
{
    const struct access_conf *c = obj;

    if (c->format)
        format_check(c->format, place);
    if (c->format && c->headers.n > 0)
        conf_problem(place, "headers", "E0483",
                     "headers are for JSON lines; write %%{header:NAME} in format, or "
                     "leave format out");
    if (c->interval_ms > 0 && c->interval_ms < 1000)
        conf_problem(place, "interval", "E0110",
                     "interval is shorter than a second; write \"0s\" for no lines in "
                     "between, or at least "
                     "\"1s\"");
}

const struct conf_struct access_root_struct = {
    .name = "access log",
    .size = sizeof(struct access_conf),
    .fields = fields,
    .optional = true,
    .on_at = offsetof(struct access_conf, on),
    .check = access_check,
};

static void
access_filter_check(void *obj, struct conf_place *place)
{
    struct access_conf *c = obj;

    c->on = true;
    c->given = conf_given(place, &access_log_conf_struct);
    access_check(obj, place);
}

const struct conf_struct access_log_conf_struct = {
    .name = "accessLog filter",
    .size = sizeof(struct access_conf),
    .fields = fields,
    .check = access_filter_check,
};

static bool
given_has(const struct access_conf *c, const char *key)
{
    for (unsigned i = 0; fields[i].key; i++) {
        if (strcmp(fields[i].key, key) == 0)
            return c->given >> i & 1;
    }
    return false;
}

void
access_conf_inherit(struct access_conf *own, const struct access_conf *outer)
{
    conf_inherit(&access_log_conf_struct, own, outer, own->given);
    if (given_has(own, "headers") && own->headers.n > 0 && !given_has(own, "format"))
        own->format = NULL;
    if (given_has(own, "format") && !given_has(own, "headers"))
        own->headers.n = 0;
}
