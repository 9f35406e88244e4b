/* SPDX-License-Identifier: Apache-2.0 */
/* filter/tracing_conf.c - the rows of traces. */
#include "filter/tracing_conf.h"

#include "conf/check.h"
#include "conf/copy.h"
#include "filter/kinds.h"
#include "filter/otlp_sender.h"

static const char *const names_words[] = { "opentelemetry", "grpc", NULL };

static const struct conf_field fields[] = {
    { .key = "otlp",
      .type = CONF_STRING,
      .at = offsetof(struct tracing_conf, otlp),
      .valid = otlp_target_valid,
      .code = "E0484",
      .example = "\"dns:///otel-collector.obs:4317\"",
      .help =
          "Where spans go: a collector that takes OTLP over gRPC, as a target like "
          "those of pools; or over HTTP, as a URL like \"http://otel-collector:4318\" "
          "(/v1/traces is added; needs libcurl). Calls do not wait for it: what it "
          "does not take in time is left out and counted." },
    { .key = "tls",
      .type = CONF_OBJECT,
      .at = offsetof(struct tracing_conf, tls),
      .sub = &tls_client_conf_struct,
      .example = "{ \"ca\": \"/etc/outrigger/ca.crt\" }",
      .help = "TLS to the collector; without this object it is plain text. With a URL "
              "https:// decides, and only ca, cert, key and minVersion may stand here." },
    { .key = "sampleRatio",
      .type = CONF_NUMBER,
      .at = offsetof(struct tracing_conf, sample_ratio),
      .def = "0.01",
      .min = 0,
      .max = 1,
      .example = "0.05",
      .help = "Share of the traces that begin here which is recorded, from 0 to 1." },
    { .key = "trustParent",
      .type = CONF_BOOL,
      .at = offsetof(struct tracing_conf, trust_parent),
      .def = "true",
      .example = "false",
      .help = "A call whose traceparent (or B3) says whether the trace is recorded is "
              "recorded or not as it says. false: sampleRatio decides for these calls "
              "too, so that strangers cannot have every call recorded." },
    { .key = "maxPerSecond",
      .type = CONF_UINT,
      .at = offsetof(struct tracing_conf, max_per_second),
      .def = "1000",
      .min = 0,
      .max = 1000000,
      .example = "100",
      .help = "Most calls of one listener that are recorded in one second, whatever "
              "their clients say. 0: no limit." },
    { .key = "names",
      .type = CONF_ENUM,
      .at = offsetof(struct tracing_conf, names),
      .def = "opentelemetry",
      .words = names_words,
      .example = "\"grpc\"",
      .help = "How spans are called: \"pkg.Service/Method\" (OpenTelemetry's rules for "
              "RPC), or \"Recv.pkg.Service.Method\" and \"Attempt.pkg.Service.Method\" "
              "(gRFC A72)." },
    { .key = "service",
      .type = CONF_STRING,
      .at = offsetof(struct tracing_conf, service),
      .valid = conf_name_valid,
      .example = "\"orders\"",
      .help = "service.name of the spans. Without it node.service, else \"outrigger\"." },
    { .key = "instance",
      .type = CONF_STRING,
      .at = offsetof(struct tracing_conf, instance),
      .valid = conf_name_valid,
      .example = "\"${POD_NAME:-local}\"",
      .help = "service.instance.id of the spans. Without it node.id." },
    { .key = "interval",
      .type = CONF_DURATION,
      .at = offsetof(struct tracing_conf, interval_ms),
      .def = "5s",
      .min = 10,
      .max = 300000,
      .example = "\"5s\"",
      .help = "Spans wait for others at most so long before they are sent together." },
    { .key = "maxBatch",
      .type = CONF_UINT,
      .at = offsetof(struct tracing_conf, max_batch),
      .def = "512",
      .min = 1,
      .max = 4096,
      .example = "512",
      .help =
          "Most spans of one request. A request is also sent when 192 KiB are full." },
    { .key = "timeout",
      .type = CONF_DURATION,
      .at = offsetof(struct tracing_conf, timeout_ms),
      .def = "10s",
      .min = 10,
      .max = 120000,
      .example = "\"10s\"",
      .help =
          "Time for one request. One that fails in a way that may pass is tried again "
          "for a minute, with longer and longer pauses, or as long as the collector asks "
          "for (Retry-After, RetryInfo; at most 5 minutes)." },
    { .key = NULL },
};

static void
tracing_root_check(void *obj, struct conf_place *place)
{
    const struct tracing_conf *c = obj;

    if (c->on && !c->otlp && conf_place_clean(place))
        conf_problem(place, "otlp", "E0484",
                     "is missing: give the collector's address, as \"otlp\": "
                     "\"dns:///otel-collector.obs:4317\"");
}

const struct conf_struct tracing_root_struct = {
    .name = "tracing",
    .size = sizeof(struct tracing_conf),
    .fields = fields,
    .optional = true,
    .on_at = offsetof(struct tracing_conf, on),
    .check = tracing_root_check,
};

static void
tracing_filter_check(void *obj, struct conf_place *place)
{
    struct tracing_conf *c = obj;

    c->on = true;
    c->given = conf_given(place, &tracing_conf_struct);
}

const struct conf_struct tracing_conf_struct = {
    .name = "tracing filter",
    .size = sizeof(struct tracing_conf),
    .fields = fields,
    .check = tracing_filter_check,
};

bool
tracing_same_export(const struct tracing_conf *a, const struct tracing_conf *b)
{
    static const char *const but[] = { "sampleRatio", "trustParent", "maxPerSecond",
                                       "names", NULL };

    return conf_equal_but(&tracing_conf_struct, a, b, but);
}

void
tracing_conf_inherit(struct tracing_conf *own, const struct tracing_conf *outer)
{
    conf_inherit(&tracing_conf_struct, own, outer, own->given);
}
