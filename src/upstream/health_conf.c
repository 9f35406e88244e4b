/* SPDX-License-Identifier: Apache-2.0 */
/* upstream/health_conf.c - the rows of `healthCheck`. */
#include "upstream/health_conf.h"

#include <stddef.h>
#include <string.h>

#include "conf/check.h"

#define HOUR_MS 3600000LL

/* enum health_type */
static const char *const type_words[] = { "off", "grpc", "grpc-check", "tcp", NULL };

static const struct conf_field health_fields[] = {
    { .key = "type",
      .type = CONF_ENUM,
      .at = offsetof(struct health_conf, type),
      .def = "off",
      .words = type_words,
      .example = "\"grpc\"",
      .help =
          "How endpoints are checked: grpc opens a Watch of grpc.health.v1.Health and "
          "falls back to Check where Watch is not implemented, grpc-check asks with "
          "Check only, tcp makes a connection and nothing else. A bare string in "
          "healthCheck means the same." },
    { .key = "service",
      .type = CONF_STRING,
      .at = offsetof(struct health_conf, service),
      .def = "",
      .hide = CONF_SHOW,
      .example = "\"shop.v1.Stock\"",
      .help = "The name to ask for. Empty: the whole server." },
    { .key = "authority",
      .type = CONF_STRING,
      .at = offsetof(struct health_conf, authority),
      .hide = CONF_SHOW,
      .example = "\"stock.shop\"",
      .help = "The :authority of the checks. Default: the address of the endpoint." },
    { .key = "interval",
      .type = CONF_DURATION,
      .at = offsetof(struct health_conf, interval_ms),
      .def = "10s",
      .min = 10,
      .max = HOUR_MS,
      .example = "\"5s\"",
      .help = "Time between two checks of an endpoint. A Watch tells changes at once; "
              "beside it a Check per interval proves that the backend still lives." },
    { .key = "timeout",
      .type = CONF_DURATION,
      .at = offsetof(struct health_conf, timeout_ms),
      .def = "1s",
      .min = 1,
      .max = HOUR_MS,
      .example = "\"1s\"",
      .help = "A check without an answer for this long has failed. Making the connection "
              "is part of it." },
    { .key = "healthyAfter",
      .type = CONF_UINT,
      .at = offsetof(struct health_conf, healthy_after),
      .def = "2",
      .min = 1,
      .max = 100,
      .example = "2",
      .help =
          "So many good checks in a row bring an endpoint back. The first good answer "
          "of all, and SERVING told by a Watch, count at once." },
    { .key = "unhealthyAfter",
      .type = CONF_UINT,
      .at = offsetof(struct health_conf, unhealthy_after),
      .def = "3",
      .min = 1,
      .max = 100,
      .example = "3",
      .help =
          "So many failed checks in a row take an endpoint out. NOT_SERVING told by a "
          "Watch counts at once." },
    { .key = "noTrafficInterval",
      .type = CONF_DURATION,
      .at = offsetof(struct health_conf, no_traffic_interval_ms),
      .def = "0s",
      .min = 0,
      .max = 24 * HOUR_MS,
      .example = "\"60s\"",
      .help = "Interval while an endpoint gets no calls. 0s: as interval." },
    { .key = "unhealthyInterval",
      .type = CONF_DURATION,
      .at = offsetof(struct health_conf, unhealthy_interval_ms),
      .def = "0s",
      .min = 0,
      .max = HOUR_MS,
      .example = "\"2s\"",
      .help = "Interval while an endpoint is unhealthy. 0s: as interval." },
    { .key = "initialJitter",
      .type = CONF_DURATION,
      .at = offsetof(struct health_conf, initial_jitter_ms),
      .def = "0s",
      .min = 0,
      .max = HOUR_MS,
      .example = "\"5s\"",
      .help = "The first check of an endpoint starts at a random time within this. At "
              "most 64 checks of a pool connect at once in any case." },
    { .key = "intervalJitterPercent",
      .type = CONF_UINT,
      .at = offsetof(struct health_conf, interval_jitter_percent),
      .def = "10",
      .min = 0,
      .max = 100,
      .example = "10",
      .help =
          "Each interval is up to this much longer or shorter by chance, so that many "
          "checks spread." },
    { .key = "unimplementedIsHealthy",
      .type = CONF_BOOL,
      .at = offsetof(struct health_conf, unimplemented_is_healthy),
      .def = "false",
      .example = "true",
      .help = "A backend without the health service counts as healthy. Otherwise it "
              "counts as failed." },
    { .key = "waitForFirst",
      .type = CONF_BOOL,
      .at = offsetof(struct health_conf, wait_for_first),
      .def = "true",
      .example = "false",
      .help = "A new endpoint gets no calls before its first answer, as in gRFC A17. "
              "false: it gets calls at once, until checks fail." },
    { .key = "panicThreshold",
      .type = CONF_PERCENT,
      .at = offsetof(struct health_conf, panic_threshold),
      .def = "50%",
      .min = 0,
      .max = 100,
      .example = "\"50%\"",
      .help = "When fewer endpoints than this are usable, calls go to all of them: the "
              "checks are more likely wrong than everything is down. \"0%\": never." },
    { .key = "metadata",
      .type = CONF_MAP,
      .at = offsetof(struct health_conf, metadata),
      .hide = CONF_HIDE,
      .max = 16,
      .example = "{ \"x-check\": \"outrigger\" }",
      .help = "Headers to send with each check. Names in lower case." },
    { .key = NULL },
};

/* RFC 9110 5.6.2 token, in lower case as RFC 9113 8.2 wants it. */
static bool
name_is_legal(const char *name)
{
    static const char legal[] = "abcdefghijklmnopqrstuvwxyz0123456789!#$%&'*+-.^_`|~";

    return name[0] && name[strspn(name, legal)] == '\0';
}

static bool
name_is_ours(const char *name)
{
    static const char *const ours[] = {
        "te", "content-type", "host", "connection", "user-agent", "transfer-encoding"
    };

    for (size_t i = 0; i < ARRAY_LEN(ours); i++) {
        if (strcmp(name, ours[i]) == 0)
            return true;
    }
    return strncmp(name, "grpc-", 5) == 0;
}

static bool
value_is_legal(const char *value)
{
    for (const unsigned char *p = (const unsigned char *)value; *p; p++) {
        if (*p < 0x20 || *p > 0x7e)
            return false;
    }
    return value[0] != ' ' && (!value[0] || value[strlen(value) - 1] != ' ');
}

static void
health_check(void *obj, struct conf_place *place)
{
    const struct health_conf *h = obj;

    for (size_t i = 0; i < h->metadata.n; i++) {
        const struct conf_pair *m = &h->metadata.items[i];

        if (!name_is_legal(m->key))
            conf_problem(place, "metadata", "E0115",
                         "has the name \"%.80s\"; a header name is made of lower-case "
                         "letters, digits and - _ .",
                         m->key);
        else if (name_is_ours(m->key))
            conf_problem(place, "metadata", "E0115",
                         "has \"%.80s\", which the check sets itself; leave it out",
                         m->key);
        else if (!value_is_legal(m->value))
            conf_problem(
                place, "metadata", "E0115",
                "has a value of \"%.80s\" with other bytes than printable ASCII, "
                "or with spaces at its ends",
                m->key);
    }
    if (h->type == HEALTH_TCP && h->service[0])
        conf_warning(place, "service", "W0305",
                     "has no effect with type tcp: a connection has no service name");
}

const struct conf_struct health_conf_struct = {
    .name = "health check",
    .size = sizeof(struct health_conf),
    .fields = health_fields,
    .short_key = "type",
    .check = health_check,
};
