/* SPDX-License-Identifier: Apache-2.0 */
/* filter/fault_conf.c - the rows of faults. */
#include "filter/fault_conf.h"

#include <string.h>

#include "base/err.h"
#include "conf/check.h"

enum { HOUR_MS = 3600 * 1000, MESSAGE_MAX = 400, ACTIVE_MAX = 1000000 };

#define PERCENT(of)                                                                 \
    {                                                                               \
        .key = "percent", .type = CONF_PERCENT, .at = offsetof(of, percent),        \
        .def = "100%", .min = 0, .max = 100, .example = "\"5%\"",                   \
        .help = "Share of the calls, by chance, each with a draw of its own. With " \
                "byHeader also the most that a header can ask for."                 \
    }

static const struct conf_field delay_fields[] = {
    { .key = "duration",
      .type = CONF_DURATION,
      .at = offsetof(struct fault_delay_conf, duration_ms),
      .def = "0s",
      .min = 0,
      .max = HOUR_MS,
      .example = "\"200ms\"",
      .help = "How long the call waits before anything is sent to a backend; 0s: only a "
              "header makes it wait. The call's deadline goes on." },
    PERCENT(struct fault_delay_conf),
    { .key = "max",
      .type = CONF_DURATION,
      .at = offsetof(struct fault_delay_conf, max_ms),
      .def = "30s",
      .min = 1,
      .max = HOUR_MS,
      .example = "\"5s\"",
      .help = "The longest delay that a header gets; what it asks for beyond is cut." },
    { .key = NULL },
};

static const struct conf_struct delay_struct = {
    .name = "delay",
    .size = sizeof(struct fault_delay_conf),
    .fields = delay_fields,
    .optional = true,
    .on_at = offsetof(struct fault_delay_conf, on),
};

/* The words stand at the number of their code. */
static const char *const code_words[] = { "OK",
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
                                          "none",
                                          NULL };

static int
message_valid(const char *text, const char **ret_why)
{
    if (strlen(text) <= MESSAGE_MAX)
        return ERR_OK;
    *ret_why = "it has at most 400 bytes";
    return ERR_SYNTAX;
}

static const struct conf_field abort_fields[] = {
    { .key = "code",
      .type = CONF_ENUM,
      .at = offsetof(struct fault_abort_conf, code),
      .def = "none",
      .words = code_words,
      .example = "\"UNAVAILABLE\"",
      .help = "The status that the call gets in the place of an answer. OK: it ends well "
              "without a message; none: only a header aborts." },
    PERCENT(struct fault_abort_conf),
    { .key = "message",
      .type = CONF_STRING,
      .at = offsetof(struct fault_abort_conf, message),
      .valid = message_valid,
      .code = "E0377",
      .example = "\"the database is being moved\"",
      .help =
          "The text of the status; without this key one that says that it was made on "
          "purpose." },
    { .key = NULL },
};

static const struct conf_struct abort_struct = {
    .name = "abort",
    .size = sizeof(struct fault_abort_conf),
    .fields = abort_fields,
    .optional = true,
    .on_at = offsetof(struct fault_abort_conf, on),
};

static void
fault_check(void *obj, struct conf_place *place)
{
    const struct fault_conf *c = obj;

    if (!conf_place_clean(place))
        return;
    if (!c->delay.on && !c->abort.on)
        conf_problem(place, NULL, "E0377",
                     "it does nothing; write \"delay\", \"abort\" or both");
    else if (!c->by_header && c->delay.on && c->delay.duration_ms == 0)
        conf_problem(place, "delay", "E0377",
                     "a delay needs a \"duration\", or \"byHeader\": true");
    else if (!c->by_header && c->abort.on && c->abort.code == FAULT_NO_CODE)
        conf_problem(place, "abort", "E0377",
                     "an abort needs a \"code\", or \"byHeader\": true");
}

static const struct conf_field fault_fields[] = {
    { .key = "delay",
      .type = CONF_OBJECT,
      .at = offsetof(struct fault_conf, delay),
      .sub = &delay_struct,
      .example = "{ \"duration\": \"200ms\", \"percent\": \"10%\" }",
      .help = "Calls wait. This comes before abort." },
    { .key = "abort",
      .type = CONF_OBJECT,
      .at = offsetof(struct fault_conf, abort),
      .sub = &abort_struct,
      .example = "{ \"code\": \"UNAVAILABLE\", \"percent\": \"5%\" }",
      .help = "Calls end with a status and never come to a backend." },
    { .key = "maxActive",
      .type = CONF_UINT,
      .at = offsetof(struct fault_conf, max_active),
      .def = "0",
      .min = 0,
      .max = ACTIVE_MAX,
      .example = "100",
      .help = "When so many calls are being delayed, all workers together, there are no "
              "further faults; 0: no limit." },
    { .key = "byHeader",
      .type = CONF_BOOL,
      .at = offsetof(struct fault_conf, by_header),
      .def = "false",
      .example = "true",
      .help =
          "Clients may ask for faults with x-outrigger-fault-delay-request (ms), "
          "-delay-request-percentage, -abort-grpc-request (code), -abort-request (HTTP "
          "status), -abort-request-percentage; x-envoy-fault- is known too. delay and "
          "abort say what they can get. Backends never see these headers." },
    { .key = NULL },
};

const struct conf_struct fault_conf_struct = {
    .name = "fault filter",
    .size = sizeof(struct fault_conf),
    .fields = fault_fields,
    .check = fault_check,
};
