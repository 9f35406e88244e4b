/* SPDX-License-Identifier: Apache-2.0 */
/* lb/lb_conf.c - the rows of `balance`. */
#include "lb/lb_conf.h"

#include <string.h>

#include "base/err.h"
#include "conf/check.h"
#include "lb/lb.h"

#define HOUR_MS 3600000LL

enum { BALANCE_FACTOR_MIN = 100 };

/* As gRPC spells them, then as Envoy's and our own examples in camelCase do. */
static const char *const policy_words[] = {
    "pick_first",         "round_robin",  "weighted_round_robin",
    "least_request",      "ring_hash",    "random",
    "peak_ewma",          "pickFirst",    "roundRobin",
    "weightedRoundRobin", "leastRequest", "ringHash",
    "peakEwma",           NULL,
};

/* --- values ----------------------------------------------------------------- */

/* RFC 9110 5.6.2, without upper case: HTTP/2 has none in names. */
static int
header_valid(const char *text, const char **ret_why)
{
    size_t n = strlen(text);

    *ret_why = "write the name of a request header in lower case, as in \"x-user-id\"";
    if (n == 0 || n > 128 ||
        strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789!#$%&'*+-.^_`|~") != n)
        return ERR_SYNTAX;
    if (n >= 4 && strcmp(text + n - 4, "-bin") == 0) {
        *ret_why = "a header that ends in -bin is no hash key (gRFC A76); name one with "
                   "plain text";
        return ERR_SYNTAX;
    }
    return 0;
}

static int
metric_valid(const char *text, const char **ret_why)
{
    static const char *const whole[] = { "application_utilization", "cpu_utilization",
                                         "mem_utilization" };
    static const char *const maps[] = { "named_metrics.", "utilization." };

    for (size_t i = 0; i < ARRAY_LEN(whole); i++) {
        if (strcmp(text, whole[i]) == 0)
            return 0;
    }
    for (size_t i = 0; i < ARRAY_LEN(maps); i++) {
        size_t n = strlen(maps[i]);

        if (strncmp(text, maps[i], n) == 0 && text[n])
            return 0;
    }
    *ret_why = "write application_utilization, cpu_utilization, mem_utilization, "
               "\"named_metrics.\" with a name, or \"utilization.\" with a name";
    return ERR_SYNTAX;
}

int
lb_zone_valid(const char *text, const char **ret_why)
{
    size_t n = strlen(text);

    *ret_why = "a zone is the name that the backends' source gives, 1 to 128 bytes";
    return n > 0 && n <= 128 ? 0 : ERR_SYNTAX;
}

/* --- small objects ------------------------------------------------------------ */

static const struct conf_field metric_name_fields[] = {
    { .key = "name",
      .type = CONF_STRING,
      .at = offsetof(struct metric_name_conf, name),
      .required = true,
      .valid = metric_valid,
      .code = "E0232",
      .example = "\"named_metrics.queue\"",
      .help = "A metric of the backend's load report: application_utilization, "
              "cpu_utilization, mem_utilization, named_metrics.NAME or "
              "utilization.NAME. A bare string means the same." },
    { .key = NULL },
};

static const struct conf_struct metric_name_struct = {
    .name = "metric name",
    .size = sizeof(struct metric_name_conf),
    .fields = metric_name_fields,
    .short_key = "name",
};

static const struct conf_field slow_start_fields[] = {
    { .key = "window",
      .type = CONF_DURATION,
      .at = offsetof(struct slow_start_conf, window_ms),
      .def = "0s",
      .min = 0,
      .max = HOUR_MS,
      .example = "\"30s\"",
      .help = "For this long after an endpoint became usable its share of the calls "
              "grows to the full one. 0s: at once." },
    { .key = "aggression",
      .type = CONF_NUMBER,
      .at = offsetof(struct slow_start_conf, aggression),
      .def = "1",
      .min = 0,
      .max = 100,
      .example = "1.5",
      .help = "The share is (time / window) to the power of 1 / aggression: 1 is a "
              "straight line, more than 1 gives more calls early." },
    { .key = "minWeightPercent",
      .type = CONF_PERCENT,
      .at = offsetof(struct slow_start_conf, min_weight_percent),
      .def = "10%",
      .example = "\"10%\"",
      .help = "The share starts with this part of the full one." },
    { .key = NULL },
};

static void
slow_start_check(void *obj, struct conf_place *place)
{
    const struct slow_start_conf *s = obj;

    if (s->aggression <= 0)
        conf_problem(place, "aggression", "E0232",
                     "aggression is 0; it must be more than 0, and 1 is a straight line");
}

static const struct conf_struct slow_start_struct = {
    .name = "slowStart",
    .size = sizeof(struct slow_start_conf),
    .fields = slow_start_fields,
    .check = slow_start_check,
};

static const struct conf_field zone_aware_fields[] = {
    { .key = "zone",
      .type = CONF_STRING,
      .at = offsetof(struct zone_aware_conf, zone),
      .valid = lb_zone_valid,
      .code = "E0232",
      .example = "\"eu-1a\"",
      .help =
          "The zone that this proxy runs in: endpoints of the same zone get the "
          "calls. Without it: zone of node. A bare string in zoneAware means the same." },
    { .key = "minHealthy",
      .type = CONF_PERCENT,
      .at = offsetof(struct zone_aware_conf, min_healthy_percent),
      .def = "70%",
      .example = "\"70%\"",
      .help = "When less than this part of the zone's endpoints is usable, the calls go "
              "to all zones." },
    { .key = NULL },
};

static const struct conf_struct zone_aware_struct = {
    .name = "zoneAware",
    .size = sizeof(struct zone_aware_conf),
    .fields = zone_aware_fields,
    .short_key = "zone",
};

/* --- balance ------------------------------------------------------------------- */

static const struct conf_field balance_fields[] = {
    { .key = "policy",
      .type = CONF_STRING,
      .at = offsetof(struct balance_conf, policy),
      .def = "round_robin",
      .words = policy_words,
      .code = "E0208",
      .example = "\"least_request\"",
      .help = "How calls are spread. round_robin: each endpoint has its turn, by weight "
              "if weights differ. pick_first: the first endpoint that works. "
              "least_request: the one with fewer calls under way of some drawn by "
              "chance. weighted_round_robin: by the load that backends report (ORCA). "
              "ring_hash: equal keys go to the same endpoint. random: by chance. "
              "peak_ewma: the one that answers faster of two drawn by chance. A bare "
              "string in balance means the same." },
    { .key = "shuffle",
      .type = CONF_BOOL,
      .at = offsetof(struct balance_conf, shuffle),
      .def = "false",
      .example = "true",
      .help = "pick_first: tries the endpoints in random order, heavier ones earlier." },
    { .key = "happyEyeballsDelay",
      .type = CONF_DURATION,
      .at = offsetof(struct balance_conf, happy_eyeballs_ms),
      .def = "250ms",
      .min = 100,
      .max = 2000,
      .example = "\"250ms\"",
      .help = "pick_first: when a connection is not made after this time, the next "
              "endpoint is tried beside it. The first that works is used." },
    { .key = "choices",
      .type = CONF_UINT,
      .at = offsetof(struct balance_conf, choices),
      .def = "2",
      .min = 2,
      .max = 10,
      .example = "2",
      .help = "least_request: how many endpoints are drawn for each call." },
    { .key = "activeRequestBias",
      .type = CONF_NUMBER,
      .at = offsetof(struct balance_conf, active_request_bias),
      .def = "1",
      .min = 0,
      .max = 100,
      .example = "1",
      .help = "least_request with weights that differ: a share is weight / (calls under "
              "way + 1) to this power. 0: only weights count." },
    { .key = "fullScan",
      .type = CONF_BOOL,
      .at = offsetof(struct balance_conf, full_scan),
      .def = "false",
      .example = "true",
      .help = "least_request: looks at all endpoints for each call, not at some drawn by "
              "chance. For a few endpoints only." },
    { .key = "minRingSize",
      .type = CONF_UINT,
      .at = offsetof(struct balance_conf, min_ring_size),
      .def = "1024",
      .min = 1,
      .max = 8388608,
      .example = "1024",
      .help = "ring_hash: least number of places on the ring. More spread keys more "
              "evenly." },
    { .key = "maxRingSize",
      .type = CONF_UINT,
      .at = offsetof(struct balance_conf, max_ring_size),
      .def = "4096",
      .min = 1,
      .max = 8388608,
      .example = "4096",
      .help = "ring_hash: most places on the ring, 16 bytes each per worker. With more "
              "endpoints than this some get no calls." },
    { .key = "placesPerEndpoint",
      .type = CONF_UINT,
      .at = offsetof(struct balance_conf, places_per_endpoint),
      .def = "0",
      .min = 0,
      .max = 10000,
      .example = "100",
      .help = "ring_hash: places of an endpoint of weight 1. An endpoint that leaves "
              "then moves only its own keys, but gRPC clients with ring_hash agree no "
              "longer with us. 0: gRPC's ring, by minRingSize." },
    { .key = "hashHeader",
      .type = CONF_STRING,
      .at = offsetof(struct balance_conf, hash_header),
      .valid = header_valid,
      .code = "E0232",
      .example = "\"x-user-id\"",
      .help = "ring_hash: the request header whose value chooses the endpoint; values of "
              "several are joined by commas. Calls without it go to a random place." },
    { .key = "hashBalanceFactor",
      .type = CONF_UINT,
      .at = offsetof(struct balance_conf, hash_balance_factor),
      .def = "0",
      .min = 0,
      .max = 100000,
      .example = "150",
      .help = "ring_hash: an endpoint with more calls under way than this percentage of "
              "the average is passed over. From 100 on; 0: keys never move for load." },
    { .key = "enableOobLoadReport",
      .type = CONF_BOOL,
      .at = offsetof(struct balance_conf, enable_oob_load_report),
      .def = "false",
      .example = "true",
      .help =
          "weighted_round_robin: asks each backend for load reports with a call of "
          "its own (OpenRcaService) on a connection of its own, and does not read those "
          "in trailers." },
    { .key = "oobReportingPeriod",
      .type = CONF_DURATION,
      .at = offsetof(struct balance_conf, oob_reporting_period_ms),
      .def = "10s",
      .min = 1,
      .max = HOUR_MS,
      .example = "\"10s\"",
      .help = "weighted_round_robin: how often backends shall report with "
              "enableOobLoadReport." },
    { .key = "blackoutPeriod",
      .type = CONF_DURATION,
      .at = offsetof(struct balance_conf, blackout_period_ms),
      .def = "10s",
      .min = 0,
      .max = HOUR_MS,
      .example = "\"10s\"",
      .help = "weighted_round_robin: reports count only when an endpoint has sent them "
              "for this long. Until then it has the average weight." },
    { .key = "weightExpirationPeriod",
      .type = CONF_DURATION,
      .at = offsetof(struct balance_conf, weight_expiration_period_ms),
      .def = "3m",
      .min = 1,
      .max = 24 * HOUR_MS,
      .example = "\"3m\"",
      .help = "weighted_round_robin: a report that is older than this is forgotten." },
    { .key = "weightUpdatePeriod",
      .type = CONF_DURATION,
      .at = offsetof(struct balance_conf, weight_update_period_ms),
      .def = "1s",
      .min = 100,
      .max = HOUR_MS,
      .example = "\"1s\"",
      .help = "weighted_round_robin: how often reports become weights." },
    { .key = "errorUtilizationPenalty",
      .type = CONF_NUMBER,
      .at = offsetof(struct balance_conf, error_utilization_penalty),
      .def = "1",
      .min = 0,
      .max = 1000,
      .example = "1",
      .help = "weighted_round_robin: errors per call times this number are added to the "
              "reported utilization, so backends that fail get fewer calls." },
    { .key = "metricNamesForComputingUtilization",
      .type = CONF_LIST,
      .at = offsetof(struct balance_conf, metric_names),
      .max = 16,
      .sub = &metric_name_struct,
      .example = "[\"named_metrics.queue\"]",
      .help = "weighted_round_robin: the largest of these metrics is the utilization. "
              "Without them, or when a report has none: application_utilization, else "
              "cpu_utilization." },
    { .key = "decay",
      .type = CONF_DURATION,
      .at = offsetof(struct balance_conf, decay_ms),
      .def = "10s",
      .min = 1,
      .max = HOUR_MS,
      .example = "\"10s\"",
      .help = "peak_ewma: how fast a slow answer is forgotten; after this time it counts "
              "37 %." },
    { .key = "subsetSize",
      .type = CONF_UINT,
      .at = offsetof(struct balance_conf, subset_size),
      .def = "0",
      .min = 0,
      .max = 100000,
      .example = "20",
      .help = "Uses only so many of the endpoints, chosen by chance in each process: "
              "fewer connections when many proxies meet many backends. 0: all." },
    { .key = "slowStart",
      .type = CONF_OBJECT,
      .at = offsetof(struct balance_conf, slow_start),
      .sub = &slow_start_struct,
      .example = "{ \"window\": \"30s\" }",
      .help = "round_robin, least_request, random, peak_ewma: an endpoint that is new or "
              "back gets its share of calls little by little." },
    { .key = "zoneAware",
      .type = CONF_OBJECT,
      .at = offsetof(struct balance_conf, zone_aware),
      .sub = &zone_aware_struct,
      .example = "\"eu-1a\"",
      .help = "Prefers endpoints of our own zone, when the source of endpoints tells "
              "zones." },
    { .key = NULL },
};

/* Which policies a key is for; keys that are not here are for all. */
static const struct policy_key {
    const char *key;
    const char *policies[4];
} policy_keys[] = {
    { "shuffle", { "pick_first" } },
    { "happyEyeballsDelay", { "pick_first" } },
    { "choices", { "least_request" } },
    { "activeRequestBias", { "least_request" } },
    { "fullScan", { "least_request" } },
    { "minRingSize", { "ring_hash" } },
    { "maxRingSize", { "ring_hash" } },
    { "placesPerEndpoint", { "ring_hash" } },
    { "hashHeader", { "ring_hash" } },
    { "hashBalanceFactor", { "ring_hash" } },
    { "enableOobLoadReport", { "weighted_round_robin" } },
    { "oobReportingPeriod", { "weighted_round_robin" } },
    { "blackoutPeriod", { "weighted_round_robin" } },
    { "weightExpirationPeriod", { "weighted_round_robin" } },
    { "weightUpdatePeriod", { "weighted_round_robin" } },
    { "errorUtilizationPenalty", { "weighted_round_robin" } },
    { "metricNamesForComputingUtilization", { "weighted_round_robin" } },
    { "decay", { "peak_ewma" } },
    { "slowStart", { "round_robin", "least_request", "random", "peak_ewma" } },
};

static bool
key_fits(const struct policy_key *k, const char *policy)
{
    for (size_t i = 0; i < ARRAY_LEN(k->policies) && k->policies[i]; i++) {
        if (strcmp(k->policies[i], policy) == 0)
            return true;
    }
    return false;
}

/* The file has the key, with another value than its default: a printed config, which has all keys, shall load. */
static bool
key_is_set(const struct balance_conf *b, const struct conf_place *place, const char *key)
{
    static const size_t sizes[] = {
        [CONF_BOOL] = sizeof(bool),           [CONF_UINT] = sizeof(uint32_t),
        [CONF_DURATION] = sizeof(int64_t),    [CONF_NUMBER] = sizeof(double),
        [CONF_STRING] = sizeof(const char *), [CONF_LIST] = sizeof(struct conf_list),
    };
    const struct conf_field *f = field_find(&balance_conf_struct, key);
    struct balance_conf usual;
    size_t size = f->type == CONF_OBJECT ? f->sub->size : sizes[f->type];

    if (!conf_place_has(place, key))
        return false;
    field_defaults(&balance_conf_struct, &usual);
    return memcmp((const char *)b + f->at, (const char *)&usual + f->at, size) != 0;
}

static void
balance_check_keys(const struct balance_conf *b, struct conf_place *place)
{
    for (size_t i = 0; i < ARRAY_LEN(policy_keys); i++) {
        const struct policy_key *k = &policy_keys[i];

        if (key_fits(k, b->policy) || !key_is_set(b, place, k->key))
            continue;
        conf_problem(place, k->key, "E0231",
                     "%s is for the policy %s%s, and the policy here is %s; remove the "
                     "key or change the policy",
                     k->key, k->policies[0],
                     k->policies[1] ? ", least_request, random or peak_ewma" : "",
                     b->policy);
    }
}

/* Keys of the right policy that do nothing because of another key. */
static void
balance_check_pairs(const struct balance_conf *b, struct conf_place *place)
{
    if (b->full_scan && key_is_set(b, place, "choices"))
        conf_problem(place, "choices", "E0231",
                     "choices does nothing with fullScan, which looks at all endpoints; "
                     "remove one of them");
    if (!b->enable_oob_load_report && key_is_set(b, place, "oobReportingPeriod"))
        conf_problem(place, "oobReportingPeriod", "E0231",
                     "oobReportingPeriod does nothing without enableOobLoadReport; add "
                     "\"enableOobLoadReport\": true or remove it");
}

static void
balance_check(void *obj, struct conf_place *place)
{
    struct balance_conf *b = obj;
    const struct lb_policy *policy = lb_policy_find(b->policy);

    if (!policy || !conf_place_clean(place))
        return;
    b->policy = policy->name;
    balance_check_keys(b, place);
    balance_check_pairs(b, place);
    conf_check_at_least(place, CONF_UINT, "maxRingSize", b->max_ring_size, "minRingSize",
                        b->min_ring_size);
    if (b->hash_balance_factor && b->hash_balance_factor < BALANCE_FACTOR_MIN)
        conf_problem(place, "hashBalanceFactor", "E0232",
                     "hashBalanceFactor is %u; it must be 0 or at least 100 percent, or "
                     "no endpoint could take a call",
                     b->hash_balance_factor);
}

const struct conf_struct balance_conf_struct = {
    .name = "balance",
    .size = sizeof(struct balance_conf),
    .fields = balance_fields,
    .short_key = "policy",
    .check = balance_check,
};
