/* SPDX-License-Identifier: Apache-2.0 */
/* upstream/endpoint_conf.c - the rows of one target of a pool. */
#include "resolve/resolver.h"
#include "upstream/pool_conf.h"

static const struct conf_field endpoint_fields[] = {
    { .key = "target",
      .type = CONF_STRING,
      .at = offsetof(struct endpoint_conf, target),
      .required = true,
      .valid = resolver_check,
      .code = "E0205",
      .example = "\"127.0.0.1:50051\"",
      .help =
          "Where backends are. An address: \"1.2.3.4:50051\", \"[::1]:50051\", "
          "\"unix:/path\"; a list of them: \"static:///1.2.3.4:1,1.2.3.4:2\"; a name "
          "that DNS knows: \"dns:///app.example:50051\" or \"app.example:50051\"; a "
          "service in DNS: \"srv:///_grpc._tcp.app.example\"; a file that is watched: "
          "\"file:///etc/app/endpoints.json\"; a Kubernetes service: "
          "\"k8s:///app.shop:grpc\". A bare string in endpoints means the same." },
    { .key = "weight",
      .type = CONF_UINT,
      .at = offsetof(struct endpoint_conf, weight),
      .def = "1",
      .min = 1,
      .max = 1000,
      .example = "2",
      .help =
          "Share of the calls of each endpoint of this target, for policies that know "
          "weights. Multiplies a weight that comes from the source (SRV)." },
    { .key = "priority",
      .type = CONF_UINT,
      .at = offsetof(struct endpoint_conf, priority),
      .def = "0",
      .min = 0,
      .max = 100,
      .example = "1",
      .help = "0 is used first. A higher number gets calls when less than 72 % of the "
              "endpoints before it are healthy. Adds to a priority that comes from the "
              "source (SRV)." },
    { .key = "zone",
      .type = CONF_STRING,
      .at = offsetof(struct endpoint_conf, zone),
      .hide = CONF_SHOW,
      .example = "\"eu-1a\"",
      .help = "Zone of these endpoints, in place of what the source says. See "
              "balance.zoneAware." },
    { .key = "labels",
      .type = CONF_MAP,
      .at = offsetof(struct endpoint_conf, labels),
      .max = 16,
      .hide = CONF_SHOW,
      .example = "{ \"version\": \"v1\" }",
      .help = "Labels of these endpoints, for routes that ask for some by \"subset\". "
              "They win over labels that come from the source." },
    { .key = NULL },
};

const struct conf_struct endpoint_conf_struct = {
    .name = "endpoint",
    .size = sizeof(struct endpoint_conf),
    .fields = endpoint_fields,
    .short_key = "target",
};
