/* SPDX-License-Identifier: Apache-2.0 */
/* filter/metrics_push_conf.c - the rows of metrics.push. */
#include "conf/check.h"
#include "filter/metrics_push.h"
#include "filter/otlp_sender.h"

static const char *const names_words[] = { "opentelemetry", "prometheus", NULL };

static const struct conf_field fields[] = {
    { .key = "otlp",
      .type = CONF_STRING,
      .at = offsetof(struct metrics_push_conf, otlp),
      .required = true,
      .valid = otlp_target_valid,
      .code = "E0487",
      .example = "\"dns:///otel-collector.obs:4317\"",
      .help = "Where metrics go: a collector that takes OTLP over gRPC, as a target like "
              "those of pools; or over HTTP, as a URL like "
              "\"http://otel-collector:4318\" (/v1/metrics is added; needs libcurl)." },
    { .key = "tls",
      .type = CONF_OBJECT,
      .at = offsetof(struct metrics_push_conf, tls),
      .sub = &tls_client_conf_struct,
      .example = "{ \"ca\": \"/etc/outrigger/ca.crt\" }",
      .help = "TLS to the collector; without this object it is plain text. With a URL "
              "https:// decides, and only ca, cert, key and minVersion may stand here." },
    { .key = "interval",
      .type = CONF_DURATION,
      .at = offsetof(struct metrics_push_conf, interval_ms),
      .def = "1m",
      .min = 1000,
      .max = 3600000,
      .example = "\"30s\"",
      .help = "Time between two pushes. The first one comes at a random moment of the "
              "first interval, so that many proxies do not push at once." },
    { .key = "timeout",
      .type = CONF_DURATION,
      .at = offsetof(struct metrics_push_conf, timeout_ms),
      .def = "10s",
      .min = 10,
      .max = 120000,
      .example = "\"10s\"",
      .help = "Time for one request of a push. When it fails the push ends: sums are "
              "cumulative, so the next push has all." },
    { .key = "names",
      .type = CONF_ENUM,
      .at = offsetof(struct metrics_push_conf, names),
      .def = "opentelemetry",
      .words = names_words,
      .example = "\"prometheus\"",
      .help = "Names of the series of calls. opentelemetry: rpc.server.call.duration and "
              "rpc.client.call.duration with rpc.method and rpc.status_code, as spans "
              "have them. prometheus: all as on /metrics." },
    { .key = "service",
      .type = CONF_STRING,
      .at = offsetof(struct metrics_push_conf, service),
      .valid = conf_name_valid,
      .example = "\"orders\"",
      .help = "service.name of the metrics. Without it node.service, else "
              "\"outrigger\"." },
    { .key = "instance",
      .type = CONF_STRING,
      .at = offsetof(struct metrics_push_conf, instance),
      .valid = conf_name_valid,
      .example = "\"${POD_NAME:-local}\"",
      .help = "service.instance.id of the metrics. Without it node.id." },
    { .key = NULL },
};

static void
push_check(void *obj, struct conf_place *place)
{
    const struct metrics_push_conf *c = obj;
    const char *why;

    if (!c->on || !c->otlp || !conf_place_clean(place))
        return;
    why = otlp_way_refuse(&(struct otlp_way){ .to = c->otlp, .tls = &c->tls });
    if (why)
        conf_problem(place, "otlp", "E0486", "%s", why);
}

const struct conf_struct metrics_push_conf_struct = {
    .name = "metrics push",
    .size = sizeof(struct metrics_push_conf),
    .fields = fields,
    .optional = true,
    .on_at = offsetof(struct metrics_push_conf, on),
    .check = push_check,
};
