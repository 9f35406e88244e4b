/* SPDX-License-Identifier: Apache-2.0 */
/* proxy/action_conf.c - the rows of a route's actions. */
#include "proxy/action_conf.h"

#include <string.h>

#include "base/err.h"
#include "conf/check.h"
#include "filter/edit.h"
#include "filter/template.h"
#include "grpc/frame.h"
#include "grpc/status.h"

#define KIB 1024LL
#define MIB (1024 * KIB)

/* --- to --------------------------------------------------------------------------- */

#define SUBSET_HELP                                                            \
    "Only endpoints with all these labels get the call. When no endpoint has " \
    "them, subsetFallback of the pool says what happens."

static const struct conf_field to_fields[] = {
    { .key = "pool",
      .type = CONF_STRING,
      .at = offsetof(struct to_conf, pool),
      .required = true,
      .valid = conf_name_valid,
      .example = "\"app\"",
      .help = "Name of the pool that gets the call. A bare string in \"to\" means the "
              "same." },
    { .key = "subset",
      .type = CONF_MAP,
      .at = offsetof(struct to_conf, subset),
      .max = 16,
      .hide = CONF_SHOW,
      .example = "{ \"version\": \"v2\" }",
      .help = SUBSET_HELP },
    { .key = "weight",
      .type = CONF_UINT,
      .at = offsetof(struct to_conf, weight),
      .def = "1",
      .min = 0,
      .max = FRAME_LENGTH_MAX,
      .example = "95",
      .help = "Share of the calls, compared with the weights of the other targets in "
              "the list; 0: none. A target that cannot serve still gets its share." },
    { .key = NULL },
};

const struct conf_struct to_conf_struct = {
    .name = "target",
    .size = sizeof(struct to_conf),
    .fields = to_fields,
    .short_key = "pool",
};

/* --- splitBy ---------------------------------------------------------------------- */

static int
split_header_valid(const char *text, const char **ret_why)
{
    *ret_why = edit_name_malformed(text);
    return *ret_why ? ERR_SYNTAX : ERR_OK;
}

static const struct conf_field split_by_fields[] = {
    { .key = "header",
      .type = CONF_STRING,
      .at = offsetof(struct split_by_conf, header),
      .required = true,
      .valid = split_header_valid,
      .code = "E0280",
      .example = "\"x-user\"",
      .help = "Calls with the same value of this header take the same target. Without "
              "the header chance decides. A bare string in splitBy means the same." },
    { .key = NULL },
};

const struct conf_struct split_by_conf_struct = {
    .name = "splitBy",
    .size = sizeof(struct split_by_conf),
    .fields = split_by_fields,
    .short_key = "header",
    .optional = true,
    .on_at = offsetof(struct split_by_conf, on),
};

/* --- status ----------------------------------------------------------------------- */

int
status_conf_code(const char *text)
{
    for (int i = 0; i < GRPC_CODE_COUNT; i++) {
        if (strcmp(text, grpc_code_name(i)) == 0 || strcmp(text, grpc_code_text(i)) == 0)
            return i;
    }
    return -1;
}

static int
status_code_valid(const char *text, const char **ret_why)
{
    int code = status_conf_code(text);

    if (code > GRPC_OK)
        return ERR_OK;
    *ret_why =
        code == GRPC_OK
            ? "an OK without an answer is an error for every unary client; write "
              "the code of a failure"
            : "it is no gRPC status code; write one as in \"UNAVAILABLE\" or \"14\"";
    return ERR_SYNTAX;
}

static void
status_check(void *obj, struct conf_place *place)
{
    const struct status_conf *c = obj;
    char why[TEMPLATE_WHY_MAX];

    if (c->message && template_check(c->message, why) != ERR_OK)
        conf_problem(place, "message", "E0281", "message: %s", why);
}

static const struct conf_field status_fields[] = {
    { .key = "code",
      .type = CONF_STRING,
      .at = offsetof(struct status_conf, code),
      .required = true,
      .valid = status_code_valid,
      .code = "E0286",
      .example = "\"UNAVAILABLE\"",
      .help = "gRPC status code by its name, or its number as a text. A bare string in "
              "status means the same." },
    { .key = "message",
      .type = CONF_STRING,
      .at = offsetof(struct status_conf, message),
      .hide = CONF_SHOW,
      .example = "\"%{service} moved; use api.example.com\"",
      .help = "Text for people, the client's grpc-message. It may have the variables "
              "of header edits in it." },
    { .key = NULL },
};

const struct conf_struct status_conf_struct = {
    .name = "status",
    .size = sizeof(struct status_conf),
    .fields = status_fields,
    .short_key = "code",
    .optional = true,
    .on_at = offsetof(struct status_conf, on),
    .check = status_check,
};

/* --- mirror ----------------------------------------------------------------------- */

static const struct conf_field mirror_fields[] = {
    { .key = "pool",
      .type = CONF_STRING,
      .at = offsetof(struct mirror_conf, to.pool),
      .required = true,
      .valid = conf_name_valid,
      .example = "\"canary\"",
      .help = "Name of the pool that gets the copies. A bare string in mirror means "
              "the same." },
    { .key = "subset",
      .type = CONF_MAP,
      .at = offsetof(struct mirror_conf, to.subset),
      .max = 16,
      .hide = CONF_SHOW,
      .example = "{ \"version\": \"v2\" }",
      .help = "Only endpoints with all these labels get copies." },
    { .key = "share",
      .type = CONF_PERCENT,
      .at = offsetof(struct mirror_conf, share),
      .def = "100%",
      .min = 0,
      .max = 100,
      .example = "\"10%\"",
      .help = "Share of the calls that are copied, by chance." },
    { .key = "maxBuffer",
      .type = CONF_SIZE,
      .at = offsetof(struct mirror_conf, max_buffer),
      .def = "256KiB",
      .min = KIB,
      .max = 64 * MIB,
      .example = "\"256KiB\"",
      .help = "Most bytes of one call that wait for a slow mirror. A copy that would "
              "need more is ended; the call itself never waits." },
    { .key = NULL },
};

const struct conf_struct mirror_conf_struct = {
    .name = "mirror",
    .size = sizeof(struct mirror_conf),
    .fields = mirror_fields,
    .short_key = "pool",
    .optional = true,
    .on_at = offsetof(struct mirror_conf, on),
};

/* --- limits ----------------------------------------------------------------------- */

static const struct conf_field limits_fields[] = {
    { .key = "maxRequestMessageBytes",
      .type = CONF_SIZE,
      .at = offsetof(struct route_limits_conf, max_request_message_bytes),
      .def = "0B",
      .min = 0,
      .max = FRAME_LENGTH_MAX,
      .example = "\"4MiB\"",
      .help = "Longest message that a client may send, as it is on the wire "
              "(compressed, when it is). The call ends with RESOURCE_EXHAUSTED as soon "
              "as a longer one is announced. 0B: no limit." },
    { .key = "maxResponseMessageBytes",
      .type = CONF_SIZE,
      .at = offsetof(struct route_limits_conf, max_response_message_bytes),
      .def = "0B",
      .min = 0,
      .max = FRAME_LENGTH_MAX,
      .example = "\"4MiB\"",
      .help = "The same for messages of the backend." },
    { .key = "maxConcurrentRequests",
      .type = CONF_UINT,
      .at = offsetof(struct route_limits_conf, max_concurrent_requests),
      .def = "0",
      .min = 0,
      .max = 100000000,
      .example = "500",
      .help = "Most calls of this route at the same time, in the whole process. "
              "Further ones end with UNAVAILABLE. 0: no limit. A reload that changes "
              "the listener counts from 0; calls from before it are not in." },
    { .key = NULL },
};

const struct conf_struct route_limits_conf_struct = {
    .name = "route limits",
    .size = sizeof(struct route_limits_conf),
    .fields = limits_fields,
};
