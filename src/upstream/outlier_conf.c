/* SPDX-License-Identifier: Apache-2.0 */
/* upstream/outlier_conf.c - the rows of `outlierDetection`. */
#include "upstream/outlier_conf.h"

#include <stddef.h>
#include <string.h>

#include "base/err.h"
#include "conf/check.h"
#include "grpc/status.h"

#define MINUTE_MS 60000LL
#define HOUR_MS   (60 * MINUTE_MS)

/* --- statuses ----------------------------------------------------------------------- */

static int
code_find(const char *name)
{
    for (int i = 0; i < GRPC_CODE_COUNT; i++) {
        if (strcmp(name, grpc_code_name(i)) == 0)
            return i;
    }
    return -1;
}

static int
status_valid(const char *text, const char **ret_why)
{
    int code = code_find(text);

    if (code > GRPC_OK)
        return ERR_OK;
    *ret_why = code == GRPC_OK
                   ? "OK is no failure; leave it out"
                   : "is no gRPC status code; write one as in \"UNAVAILABLE\" or "
                     "\"RESOURCE_EXHAUSTED\"";
    return ERR_SYNTAX;
}

static const struct conf_field status_fields[] = {
    { .key = "code",
      .type = CONF_STRING,
      .at = offsetof(struct outlier_status_conf, code),
      .required = true,
      .valid = status_valid,
      .code = "E0241",
      .example = "\"UNAVAILABLE\"",
      .help = "The name of a gRPC status code. A bare string in statuses means the "
              "same." },
    { .key = NULL },
};

static const struct conf_struct status_struct = {
    .name = "status",
    .size = sizeof(struct outlier_status_conf),
    .fields = status_fields,
    .short_key = "code",
};

uint32_t
outlier_conf_statuses(const struct outlier_conf *c)
{
    const struct outlier_status_conf *v = c->statuses.items;
    uint32_t bits = 0;

    if (c->statuses.n == 0)
        return 1u << GRPC_UNAVAILABLE | 1u << GRPC_INTERNAL | 1u << GRPC_DATA_LOSS |
               1u << GRPC_UNKNOWN | 1u << GRPC_DEADLINE_EXCEEDED |
               1u << GRPC_RESOURCE_EXHAUSTED;
    for (size_t i = 0; i < c->statuses.n; i++) {
        int code = v[i].code ? code_find(v[i].code) : -1;

        if (code > 0)
            bits |= 1u << code;
    }
    return bits;
}

/* --- successRate, failurePercentage --------------------------------------------------- */

double
outlier_stdev_factor(const struct outlier_rate_conf *c)
{
    return c->stdev_factor >= 100 ? c->stdev_factor / 1000 : c->stdev_factor;
}

static const struct conf_field rate_fields[] = {
    { .key = "stdevFactor",
      .type = CONF_NUMBER,
      .at = offsetof(struct outlier_rate_conf, stdev_factor),
      .def = "1.9",
      .min = 0,
      .max = 100000,
      .example = "1.9",
      .help = "An endpoint whose success rate is this many standard deviations below the "
              "mean is ejected. From 100 on it is read as gRPC writes it: 1900 is 1.9." },
    { .key = "enforcing",
      .type = CONF_PERCENT,
      .at = offsetof(struct outlier_rate_conf, enforcing),
      .def = "100%",
      .min = 0,
      .max = 100,
      .example = "\"100%\"",
      .help = "The share of such endpoints that is really ejected, by chance." },
    { .key = "minimumHosts",
      .type = CONF_UINT,
      .at = offsetof(struct outlier_rate_conf, minimum_hosts),
      .def = "5",
      .min = 1,
      .max = 10000,
      .example = "5",
      .help = "Nothing is compared unless so many endpoints have requestVolume calls." },
    { .key = "requestVolume",
      .type = CONF_UINT,
      .at = offsetof(struct outlier_rate_conf, request_volume),
      .def = "100",
      .min = 1,
      .max = 1000000000,
      .example = "100",
      .help = "An endpoint with fewer calls in an interval is not looked at." },
    { .key = NULL },
};

static const struct conf_struct rate_struct = {
    .name = "success rate",
    .size = sizeof(struct outlier_rate_conf),
    .fields = rate_fields,
    .optional = true,
    .on_at = offsetof(struct outlier_rate_conf, on),
};

static const struct conf_field share_fields[] = {
    { .key = "threshold",
      .type = CONF_PERCENT,
      .at = offsetof(struct outlier_share_conf, threshold),
      .def = "85%",
      .min = 0,
      .max = 100,
      .example = "\"85%\"",
      .help = "An endpoint that fails a larger share of its calls is ejected." },
    { .key = "enforcing",
      .type = CONF_PERCENT,
      .at = offsetof(struct outlier_share_conf, enforcing),
      .def = "100%",
      .min = 0,
      .max = 100,
      .example = "\"100%\"",
      .help = "The share of such endpoints that is really ejected, by chance." },
    { .key = "minimumHosts",
      .type = CONF_UINT,
      .at = offsetof(struct outlier_share_conf, minimum_hosts),
      .def = "5",
      .min = 1,
      .max = 10000,
      .example = "5",
      .help = "Nothing is compared unless so many endpoints have requestVolume calls." },
    { .key = "requestVolume",
      .type = CONF_UINT,
      .at = offsetof(struct outlier_share_conf, request_volume),
      .def = "50",
      .min = 1,
      .max = 1000000000,
      .example = "50",
      .help = "An endpoint with fewer calls in an interval is not looked at." },
    { .key = NULL },
};

static const struct conf_struct share_struct = {
    .name = "failure percentage",
    .size = sizeof(struct outlier_share_conf),
    .fields = share_fields,
    .optional = true,
    .on_at = offsetof(struct outlier_share_conf, on),
};

/* --- breaker ------------------------------------------------------------------------ */

static void
breaker_check(void *obj, struct conf_place *place)
{
    const struct breaker_conf *b = obj;

    conf_check_at_least(place, CONF_DURATION, "maxWait", b->max_wait_ms, "minWait",
                        b->min_wait_ms);
}

static const struct conf_field breaker_fields[] = {
    { .key = "consecutiveFailures",
      .type = CONF_UINT,
      .at = offsetof(struct breaker_conf, consecutive_failures),
      .def = "7",
      .min = 0,
      .max = 1000000,
      .example = "7",
      .help = "So many failed calls in a row trip the breaker of an endpoint. 0: never "
              "by this." },
    { .key = "successRate",
      .type = CONF_PERCENT,
      .at = offsetof(struct breaker_conf, success_rate),
      .def = "80%",
      .min = 0,
      .max = 100,
      .example = "\"80%\"",
      .help = "A smaller share of good calls within window trips it too. \"0%\": never "
              "by this." },
    { .key = "window",
      .type = CONF_DURATION,
      .at = offsetof(struct breaker_conf, window_ms),
      .def = "10s",
      .min = 1000,
      .max = HOUR_MS,
      .example = "\"10s\"",
      .help = "The time over which successRate is counted, in steps of a tenth." },
    { .key = "minimumCalls",
      .type = CONF_UINT,
      .at = offsetof(struct breaker_conf, minimum_calls),
      .def = "5",
      .min = 1,
      .max = 1000000000,
      .example = "5",
      .help = "With fewer calls than this in the window successRate says nothing." },
    { .key = "minWait",
      .type = CONF_DURATION,
      .at = offsetof(struct breaker_conf, min_wait_ms),
      .def = "1s",
      .min = 1,
      .max = HOUR_MS,
      .example = "\"1s\"",
      .help = "A tripped endpoint gets no calls for this long; then one real call tries "
              "it. Each failed try doubles the wait." },
    { .key = "maxWait",
      .type = CONF_DURATION,
      .at = offsetof(struct breaker_conf, max_wait_ms),
      .def = "60s",
      .min = 1,
      .max = 24 * HOUR_MS,
      .example = "\"60s\"",
      .help = "The wait grows up to this. At least minWait." },
    { .key = "jitterPercent",
      .type = CONF_UINT,
      .at = offsetof(struct breaker_conf, jitter_percent),
      .def = "50",
      .min = 0,
      .max = 100,
      .example = "50",
      .help = "Each wait is longer by a random part of up to this much." },
    { .key = "minReadyEndpoints",
      .type = CONF_UINT,
      .at = offsetof(struct breaker_conf, min_ready_endpoints),
      .def = "1",
      .min = 0,
      .max = 10000,
      .example = "1",
      .help = "The breaker leaves at least so many endpoints of the pool usable." },
    { .key = NULL },
};

static const struct conf_struct breaker_struct = {
    .name = "breaker",
    .size = sizeof(struct breaker_conf),
    .fields = breaker_fields,
    .optional = true,
    .on_at = offsetof(struct breaker_conf, on),
    .check = breaker_check,
};

/* --- outlierDetection --------------------------------------------------------------- */

static void
outlier_check(void *obj, struct conf_place *place)
{
    const struct outlier_conf *o = obj;

    conf_check_at_least(place, CONF_DURATION, "maxEjectionTime", o->max_ejection_ms,
                        "baseEjectionTime", o->base_ejection_ms);
}

static const struct conf_field outlier_fields[] = {
    { .key = "consecutiveErrors",
      .type = CONF_UINT,
      .at = offsetof(struct outlier_conf, consecutive_errors),
      .def = "5",
      .min = 0,
      .max = 1000000,
      .example = "5",
      .help = "So many failed calls in a row, over all workers, eject an endpoint at "
              "once. RESOURCE_EXHAUSTED does not count here. 0: never by this." },
    { .key = "splitLocalErrors",
      .type = CONF_BOOL,
      .at = offsetof(struct outlier_conf, split_local_errors),
      .def = "false",
      .example = "true",
      .help = "Failures that only we saw (reset, lost connection, our deadline) "
              "are counted apart from what the backend answered, by "
              "consecutiveLocalErrors." },
    { .key = "consecutiveLocalErrors",
      .type = CONF_UINT,
      .at = offsetof(struct outlier_conf, consecutive_local_errors),
      .def = "5",
      .min = 0,
      .max = 1000000,
      .example = "5",
      .help =
          "With splitLocalErrors: so many failures in a row that only we saw eject an "
          "endpoint. 0: never by this." },
    { .key = "interval",
      .type = CONF_DURATION,
      .at = offsetof(struct outlier_conf, interval_ms),
      .def = "10s",
      .min = 50,
      .max = HOUR_MS,
      .example = "\"10s\"",
      .help = "Calls are counted over this time, then compared; ejected endpoints come "
              "back at these times too." },
    { .key = "baseEjectionTime",
      .type = CONF_DURATION,
      .at = offsetof(struct outlier_conf, base_ejection_ms),
      .def = "30s",
      .min = 1,
      .max = 24 * HOUR_MS,
      .example = "\"30s\"",
      .help = "An endpoint is out for this long the first time, twice as long the second "
              "time, and so on; each quiet interval takes one time off." },
    { .key = "maxEjectionTime",
      .type = CONF_DURATION,
      .at = offsetof(struct outlier_conf, max_ejection_ms),
      .def = "300s",
      .min = 1,
      .max = 24 * HOUR_MS,
      .example = "\"300s\"",
      .help = "No endpoint is out for longer than this. At least baseEjectionTime." },
    { .key = "maxEjected",
      .type = CONF_PERCENT,
      .at = offsetof(struct outlier_conf, max_ejected),
      .def = "10%",
      .min = 0,
      .max = 100,
      .example = "\"50%\"",
      .help = "No further endpoint is ejected when this share is out. One may always be "
              "ejected, unless this is \"0%\"." },
    { .key = "healthCheckUnejects",
      .type = CONF_BOOL,
      .at = offsetof(struct outlier_conf, health_check_unejects),
      .def = "true",
      .example = "false",
      .help = "An active check that turns good ends the ejection at once." },
    { .key = "statuses",
      .type = CONF_LIST,
      .at = offsetof(struct outlier_conf, statuses),
      .min = 0,
      .max = 16,
      .sub = &status_struct,
      .example = "[\"UNAVAILABLE\", \"INTERNAL\"]",
      .help = "Codes from a backend that are failures. Default: UNAVAILABLE, INTERNAL, "
              "DATA_LOSS, UNKNOWN, DEADLINE_EXCEEDED and RESOURCE_EXHAUSTED." },
    { .key = "successRate",
      .type = CONF_OBJECT,
      .at = offsetof(struct outlier_conf, success_rate),
      .sub = &rate_struct,
      .example = "{ \"stdevFactor\": 1.9 }",
      .help = "Ejects endpoints whose share of good calls is far below that of the "
              "others (gRFC A50). Off without this object." },
    { .key = "failurePercentage",
      .type = CONF_OBJECT,
      .at = offsetof(struct outlier_conf, failure_percentage),
      .sub = &share_struct,
      .example = "{ \"threshold\": \"85%\" }",
      .help = "Ejects endpoints that fail most of their calls (gRFC A50). Off without "
              "this object." },
    { .key = "breaker",
      .type = CONF_OBJECT,
      .at = offsetof(struct outlier_conf, breaker),
      .sub = &breaker_struct,
      .example = "{ \"consecutiveFailures\": 7 }",
      .help = "A breaker per endpoint: when it trips, the endpoint gets no calls until "
              "one real call has shown that it works again. Off without this object." },
    { .key = NULL },
};

const struct conf_struct outlier_conf_struct = {
    .name = "outlier detection",
    .size = sizeof(struct outlier_conf),
    .fields = outlier_fields,
    .optional = true,
    .on_at = offsetof(struct outlier_conf, on),
    .check = outlier_check,
};
