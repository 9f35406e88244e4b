/* SPDX-License-Identifier: Apache-2.0 */
/* filter/ext_authz_conf.c - rows of the filter extAuthz. */
#include "filter/ext_authz_conf.h"

#include "conf/check.h"
#include "filter/key.h"
#include "filter/kinds.h"
#include "filter/pattern.h"
#include "grpc/status.h"

/* By code - 1. */
static const char *const code_words[] = {
    "CANCELLED",
    "UNKNOWN",
    "INVALID_ARGUMENT",
    "DEADLINE_EXCEEDED",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "ABORTED",
    "OUT_OF_RANGE",
    "UNIMPLEMENTED",
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
    "UNAUTHENTICATED",
    NULL,
};

static const struct conf_field header_fields[] = {
    { .key = "name",
      .type = CONF_STRING,
      .at = offsetof(struct pattern_conf, text),
      .required = true,
      .valid = pattern_valid,
      .code = "E0451",
      .example = "\"x-*\"",
      .help =
          "Name of a header in lower case, or a beginning or an end of it with a star. A "
          "bare string means the same." },
    { .key = NULL },
};

static const struct conf_struct header_struct = {
    .name = "allowed header",
    .size = sizeof(struct pattern_conf),
    .fields = header_fields,
    .short_key = "name",
};

static const struct conf_field cache_fields[] = {
    { .key = "key",
      .type = CONF_LIST,
      .at = offsetof(struct ext_authz_cache_conf, key),
      .sub = &key_part_struct,
      .required = true,
      .one_ok = true,
      .min = 1,
      .max = KEY_PARTS_MAX,
      .example = "[\"header:authorization\", \"path\"]",
      .help =
          "Parts of a call of which the answer is made. They must name everything "
          "that the service looks at: calls that agree in them get the same answer. A "
          "call that lacks one of them, or has a header of them twice, is always "
          "asked about." },
    { .key = "ttl",
      .type = CONF_DURATION,
      .at = offsetof(struct ext_authz_cache_conf, ttl_ms),
      .def = "10s",
      .min = 1,
      .max = 86400000,
      .example = "\"1m\"",
      .help = "How long a yes is good. So long a right that was taken away is still "
              "given." },
    { .key = "deniedTtl",
      .type = CONF_DURATION,
      .at = offsetof(struct ext_authz_cache_conf, denied_ttl_ms),
      .def = "1s",
      .max = 86400000,
      .example = "\"0s\"",
      .help = "How long a no is good; 0s: it is not kept." },
    { .key = "maxEntries",
      .type = CONF_UINT,
      .at = offsetof(struct ext_authz_cache_conf, max_entries),
      .def = "10000",
      .min = 1,
      .max = 1000000,
      .example = "100000",
      .help = "Most answers that each worker keeps, of 512 bytes on average; the least "
              "recently used one goes first. Answers of more than 4 KiB are not kept." },
    { .key = NULL },
};

static const struct conf_struct cache_struct = {
    .name = "cache",
    .size = sizeof(struct ext_authz_cache_conf),
    .fields = cache_fields,
    .optional = true,
    .on_at = offsetof(struct ext_authz_cache_conf, on),
};

static const struct conf_field ext_authz_fields[] = {
    { .key = "pool",
      .type = CONF_STRING,
      .at = offsetof(struct ext_authz_conf, pool),
      .required = true,
      .hide = CONF_SHOW,
      .example = "\"authz\"",
      .help = "Pool of the authorization service, which has the method "
              "envoy.service.auth.v3.Authorization/Check. Its limits, TLS and health "
              "checks hold for the questions too." },
    { .key = "timeout",
      .type = CONF_DURATION,
      .at = offsetof(struct ext_authz_conf, timeout_ms),
      .def = "200ms",
      .min = 1,
      .max = 60000,
      .example = "\"500ms\"",
      .help = "How long an answer may take, with the wait for a connection." },
    { .key = "failureModeAllow",
      .type = CONF_BOOL,
      .at = offsetof(struct ext_authz_conf, failure_mode_allow),
      .def = "false",
      .example = "true",
      .help = "Lets calls through when the service does not answer, or not in a way that "
              "can be read. By default they are refused." },
    { .key = "failureModeAllowHeader",
      .type = CONF_BOOL,
      .at = offsetof(struct ext_authz_conf, failure_mode_header),
      .def = "false",
      .example = "true",
      .help = "Calls that failureModeAllow lets through get the header "
              "x-envoy-auth-failure-mode-allowed: true; a client cannot send it then." },
    { .key = "statusOnError",
      .type = CONF_ENUM,
      .at = offsetof(struct ext_authz_conf, status_on_error),
      .def = "PERMISSION_DENIED",
      .words = code_words,
      .example = "\"UNAVAILABLE\"",
      .help =
          "gRPC status of calls that are refused because the service gave no answer." },
    { .key = "allowedHeaders",
      .type = CONF_LIST,
      .at = offsetof(struct ext_authz_conf, allowed_headers),
      .sub = &header_struct,
      .max = 64,
      .example = "[\"authorization\", \"x-*\"]",
      .help = "Headers of the call that the service is told, beside :path, :method, "
              ":scheme and :authority. Without it, all." },
    { .key = "contextExtensions",
      .type = CONF_MAP,
      .at = offsetof(struct ext_authz_conf, context_extensions),
      .hide = CONF_HIDE,
      .max = 64,
      .example = "{ \"environment\": \"production\" }",
      .help = "Texts that the service gets with each question, as context_extensions." },
    { .key = "cache",
      .type = CONF_OBJECT,
      .at = offsetof(struct ext_authz_conf, cache),
      .sub = &cache_struct,
      .example = "{ \"key\": [\"header:authorization\", \"path\"], \"ttl\": \"5s\" }",
      .help = "Keeps answers and gives them again. Off unless it is in the file." },
    { .key = NULL },
};

static void
ext_authz_check(void *obj, struct conf_place *place)
{
    const struct ext_authz_conf *c = obj;

    if (c->failure_mode_header && !c->failure_mode_allow)
        conf_problem(place, "failureModeAllowHeader", "E0450",
                     "failureModeAllowHeader marks calls that failureModeAllow lets "
                     "through, and that is off: set failureModeAllow to true, or leave "
                     "failureModeAllowHeader out");
}

const struct conf_struct ext_authz_conf_struct = {
    .name = "extAuthz",
    .size = sizeof(struct ext_authz_conf),
    .fields = ext_authz_fields,
    .check = ext_authz_check,
};

_Static_assert(sizeof(code_words) / sizeof(code_words[0]) == GRPC_CODE_COUNT,
               "each code but OK has its word");
