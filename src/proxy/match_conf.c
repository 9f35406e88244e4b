/* SPDX-License-Identifier: Apache-2.0 */
/* proxy/match_conf.c - the rows of a route's match. Their checks are in match_check.c. */
#include "proxy/match_conf.h"

enum { HOSTS_MAX = 1000, HEADERS_MAX = 32, ONE_OF_MAX = 1000, SANS_MAX = 1000 };

/* --- host ------------------------------------------------------------------- */

static const struct conf_field host_fields[] = {
    { .key = "host",
      .type = CONF_STRING,
      .at = offsetof(struct match_text, text),
      .required = true,
      .valid = match_host_valid,
      .code = "E0275",
      .example = "\"*.example.com\"",
      .help = "A host name, \"*.example.com\" for all below it, \"shop.*\" for all that "
              "begin so, or \"*\" for all." },
    { .key = NULL },
};

static const struct conf_struct host_struct = {
    .name = "host",
    .size = sizeof(struct match_text),
    .fields = host_fields,
    .short_key = "host",
};

/* --- path ------------------------------------------------------------------- */

static const struct conf_field path_fields[] = {
    { .key = "exact",
      .type = CONF_STRING,
      .at = offsetof(struct path_match_conf, exact),
      .valid = match_path_valid,
      .code = "E0272",
      .example = "\"/helloworld.Greeter/SayHello\"",
      .help = "The whole path. A bare string in \"path\" means the same." },
    { .key = "prefix",
      .type = CONF_STRING,
      .at = offsetof(struct path_match_conf, prefix),
      .valid = match_path_prefix_valid,
      .code = "E0272",
      .example = "\"/helloworld.v2.\"",
      .help =
          "What the path begins with, byte by byte: \"/shop.v1.\" is for all services "
          "of that package." },
    { .key = "regex",
      .type = CONF_STRING,
      .at = offsetof(struct path_match_conf, regex),
      .valid = match_part_valid,
      .code = "E0273",
      .example = "\"/shop\\\\.v[12]\\\\..*\"",
      .help = "A regular expression (PCRE2) for the whole path." },
    { .key = NULL },
};

static const struct conf_struct path_struct = {
    .name = "path",
    .size = sizeof(struct path_match_conf),
    .fields = path_fields,
    .short_key = "exact",
    .optional = true,
    .on_at = offsetof(struct path_match_conf, on),
    .check = match_path_check,
};

/* --- header ----------------------------------------------------------------- */

static const struct conf_field one_of_fields[] = {
    { .key = "value",
      .type = CONF_STRING,
      .at = offsetof(struct match_text, text),
      .required = true,
      .valid = match_value_valid,
      .code = "E0279",
      .example = "\"eu\"",
      .help = "One of the values." },
    { .key = NULL },
};

static const struct conf_struct one_of_struct = {
    .name = "value",
    .size = sizeof(struct match_text),
    .fields = one_of_fields,
    .short_key = "value",
};

static const struct conf_field range_fields[] = {
    { .key = "from",
      .type = CONF_INT,
      .at = offsetof(struct range_conf, from),
      .required = true,
      .example = "0",
      .help = "The smallest number that matches." },
    { .key = "to",
      .type = CONF_INT,
      .at = offsetof(struct range_conf, to),
      .required = true,
      .example = "100",
      .help = "The first number that no longer matches." },
    { .key = NULL },
};

static const struct conf_struct range_struct = {
    .name = "range",
    .size = sizeof(struct range_conf),
    .fields = range_fields,
    .optional = true,
    .on_at = offsetof(struct range_conf, on),
    .check = match_range_check,
};

#define HEADER(k, t, field) \
    .key = k, .type = t, .at = offsetof(struct header_match_conf, field)

static const struct conf_field header_fields[] = {
    { HEADER("exact", CONF_STRING, exact), .valid = match_value_valid, .code = "E0279",
      .example = "\"v2\"",
      .help =
          "The whole value. A bare string means the same. Several headers of one name "
          "count as one, with commas between the values. Of a header whose name ends "
          "in -bin, here and below: the bytes as base64." },
    { HEADER("prefix", CONF_STRING, prefix), .valid = match_part_valid, .code = "E0279",
      .example = "\"beta-\"", .help = "What the value begins with." },
    { HEADER("suffix", CONF_STRING, suffix), .valid = match_part_valid, .code = "E0279",
      .example = "\"@example.com\"", .help = "What the value ends with." },
    { HEADER("contains", CONF_STRING, contains), .valid = match_part_valid,
      .code = "E0279", .example = "\"grpc-go\"", .help = "What is in the value." },
    { HEADER("present", CONF_MAYBE, present), .example = "false",
      .help = "true: the header is there, with any value; false: it is not there." },
    { HEADER("oneOf", CONF_LIST, one_of), .min = 1, .max = ONE_OF_MAX, .one_ok = true,
      .sub = &one_of_struct, .example = "[\"eu\", \"us\"]",
      .help = "The whole value is one of these." },
    { HEADER("range", CONF_OBJECT, range), .sub = &range_struct,
      .example = "{ \"from\": 0, \"to\": 100 }",
      .help = "The value is a decimal whole number that is at least \"from\" and less "
              "than \"to\"." },
    { HEADER("regex", CONF_STRING, regex), .valid = match_part_valid, .code = "E0273",
      .example = "\"v[12](\\\\..*)?\"",
      .help = "A regular expression (PCRE2) for the whole value. A value of more than 8 "
              "KiB, or one that takes too many steps, does not match." },
    { HEADER("invert", CONF_BOOL, invert), .def = "false", .example = "true",
      .help =
          "The route is for the other values. A header that is missing still does not "
          "match; for that there is \"present\": false." },
    { HEADER("ignoreCase", CONF_BOOL, ignore_case), .def = "false", .example = "true",
      .help = "Upper and lower case of ASCII letters are the same. Not for regex, which "
              "has (?i)." },
    { HEADER("treatMissingAsEmpty", CONF_BOOL, missing_is_empty), .def = "false",
      .example = "true", .help = "A header that is missing counts as an empty one." },
    { .key = NULL },
};

static const struct conf_struct header_struct = {
    .name = "header",
    .size = sizeof(struct header_match_conf),
    .fields = header_fields,
    .short_key = "exact",
    .key_at = offsetof(struct header_match_conf, name),
    .check = match_header_check,
};

/* --- name in the certificate ------------------------------------------------- */

static const struct conf_field san_fields[] = {
    { .key = "exact",
      .type = CONF_STRING,
      .at = offsetof(struct san_match_conf, exact),
      .valid = match_part_valid,
      .code = "E0279",
      .example = "\"spiffe://shop.example/ns/web/sa/cart\"",
      .help = "The whole name. A bare string means the same." },
    { .key = "prefix",
      .type = CONF_STRING,
      .at = offsetof(struct san_match_conf, prefix),
      .valid = match_part_valid,
      .code = "E0279",
      .example = "\"spiffe://shop.example/ns/web/\"",
      .help = "What the name begins with." },
    { .key = "suffix",
      .type = CONF_STRING,
      .at = offsetof(struct san_match_conf, suffix),
      .valid = match_part_valid,
      .code = "E0279",
      .example = "\".shop.example\"",
      .help = "What the name ends with." },
    { .key = NULL },
};

static const struct conf_struct san_struct = {
    .name = "name",
    .size = sizeof(struct san_match_conf),
    .fields = san_fields,
    .short_key = "exact",
    .check = match_san_check,
};

/* --- match ------------------------------------------------------------------ */

static const struct conf_field match_fields[] = {
    { .key = "hosts",
      .type = CONF_LIST,
      .at = offsetof(struct match_conf, hosts),
      .max = HOSTS_MAX,
      .one_ok = true,
      .sub = &host_struct,
      .example = "[\"shop.example.com\", \"*.shop.example.com\"]",
      .help = "Hosts that the client called (:authority, without the port), in upper or "
              "lower case. Without this key every host matches." },
    { .key = "service",
      .type = CONF_STRING,
      .at = offsetof(struct match_conf, service),
      .valid = match_service_valid,
      .code = "E0209",
      .example = "\"helloworld.Greeter\"",
      .help = "Full name of a gRPC service with its package. Without this key every "
              "service matches." },
    { .key = "method",
      .type = CONF_STRING,
      .at = offsetof(struct match_conf, method),
      .valid = match_method_valid,
      .code = "E0209",
      .example = "\"SayHello\"",
      .help = "Name of a method. Without this key every method matches." },
    { .key = "path",
      .type = CONF_OBJECT,
      .at = offsetof(struct match_conf, path),
      .sub = &path_struct,
      .example = "{ \"prefix\": \"/helloworld.v2.\" }",
      .help = "The path /service/method as a whole." },
    { .key = "headers",
      .type = CONF_DICT,
      .at = offsetof(struct match_conf, headers),
      .max = HEADERS_MAX,
      .sub = &header_struct,
      .hide = CONF_HIDE_NAMED,
      .example = "{ \"x-version\": \"v2\", \"x-beta\": { \"present\": true } }",
      .help = "Request headers by name, in lower case. All of them must match." },
    { .key = "san",
      .type = CONF_LIST,
      .at = offsetof(struct match_conf, san),
      .max = SANS_MAX,
      .one_ok = true,
      .sub = &san_struct,
      .example = "{ \"prefix\": \"spiffe://shop.example/\" }",
      .help =
          "Names in the verified certificate of the client: DNS, URI or e-mail. One of "
          "them must match; a client without a certificate does not." },
    { .key = NULL },
};

const struct conf_struct match_conf_struct = {
    .name = "match",
    .size = sizeof(struct match_conf),
    .fields = match_fields,
    .check = match_check,
};
