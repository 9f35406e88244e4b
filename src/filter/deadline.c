/* SPDX-License-Identifier: Apache-2.0 */
/* filter/deadline.c - the filter "deadline": a policy about the time that calls may take. Enforcing is not its work: grpc-timeout and the route's timeout run from the receipt
 * of HEADERS on, with or without it (grpc-spec 5). It only ever makes the time of a call shorter, so its place in the chain decides who is asked before: a filter that waits in front
 * of it (extAuthz) waits within the old time, one behind it within the new. All times count from the receipt of HEADERS. */
#include "conf/check.h"
#include "filter/kinds.h"
#include "grpc/status.h"
#include "grpc/timeout.h"
#include "h2/headers.h"
#include "obs/stats.h"

enum { US_PER_MS = 1000, NS_PER_US = 1000, RESERVE_LEAST_US = 1000 };

#define DAY_MS (24LL * 3600 * 1000)

#define REASON_DEADLINE_REQUIRED "DEADLINE_REQUIRED"

struct deadline_conf {
    int64_t default_ms, max_ms, reserve_ms; /* 0: none */
    bool required;
};

static const struct conf_field fields[] = {
    { .key = "default",
      .type = CONF_DURATION,
      .at = offsetof(struct deadline_conf, default_ms),
      .def = "0s",
      .min = 0,
      .max = 365 * DAY_MS,
      .example = "\"30s\"",
      .help = "Time for a call that has no limit at all: no grpc-timeout, and no timeout "
              "of its route. It ends streams too, so give routes of long streams another "
              "one, or switch the filter off there. 0s: none." },
    { .key = "max",
      .type = CONF_DURATION,
      .at = offsetof(struct deadline_conf, max_ms),
      .def = "0s",
      .min = 0,
      .max = 365 * DAY_MS,
      .example = "\"1m\"",
      .help = "A longer time is cut to this. A call without any limit is left alone; "
              "default is for those. 0s: none." },
    { .key = "reserve",
      .type = CONF_DURATION,
      .at = offsetof(struct deadline_conf, reserve_ms),
      .def = "0s",
      .min = 0,
      .max = 3600 * 1000,
      .example = "\"20ms\"",
      .help =
          "Taken off the client's grpc-timeout, so that our answer is with the client "
          "before its own clock ends the call. At least 1 ms stays." },
    { .key = "required",
      .type = CONF_BOOL,
      .at = offsetof(struct deadline_conf, required),
      .def = "false",
      .example = "true",
      .help = "A call without grpc-timeout is refused with INVALID_ARGUMENT." },
    { .key = NULL },
};

static void
deadline_check(void *obj, struct conf_place *place)
{
    const struct deadline_conf *conf = obj;

    if (conf->required && conf->default_ms)
        conf_problem(place, "default", "E0440",
                     "with required each call has a grpc-timeout, so default is never "
                     "used; remove one of the two");
    if (conf->max_ms && conf->default_ms > conf->max_ms)
        conf_problem(place, "default", "E0440",
                     "default is longer than max: calls without a grpc-timeout would get "
                     "more time than the others; make default at most as long as max");
}

const struct conf_struct deadline_conf_struct = {
    .name = "deadline filter",
    .size = sizeof(struct deadline_conf),
    .fields = fields,
    .check = deadline_check,
};

static bool
deadline_wanted(const void *settings, const struct filter_env *env)
{
    const struct deadline_conf *conf = settings;

    (void)env;
    return conf->default_ms || conf->max_ms || conf->reserve_ms || conf->required;
}

/* The end of the call by the client's own clock, less the reserve. */
static int64_t
deadline_of_client(const struct filter_call *fc, int64_t client_ns, int64_t reserve_ms)
{
    int64_t us = client_ns / NS_PER_US - reserve_ms * US_PER_MS;

    return fc->begun_us + (us < RESERVE_LEAST_US ? RESERVE_LEAST_US : us);
}

/* Only ever earlier. True: it was. */
static bool
deadline_bound(struct filter_call *fc, int64_t deadline_us)
{
    if (fc->deadline_us && fc->deadline_us <= deadline_us)
        return false;
    fc->host->set_deadline(fc, deadline_us);
    return true;
}

static enum filter_verdict
on_request(struct filter_call *fc, void *state)
{
    static const struct filter_refusal missing = { .code = GRPC_INVALID_ARGUMENT,
                                                   .reason = REASON_DEADLINE_REQUIRED };
    const struct deadline_conf *conf = filter_self(fc)->conf;
    struct slice text = filter_header(fc, slice_of("grpc-timeout"));
    int64_t client_ns = -1;

    (void)state;
    if (text.p && timeout_parse(text, &client_ns) != 0)
        client_ns =
            -1; /* a filter before this one wrote it: the call has had its check */
    if (conf->required && client_ns < 0) {
        stat_inc(fc->stats, STAT_DEADLINE_MISSING);
        return filter_refuse(fc, &missing,
                             "calls need a deadline here: set one in the client "
                             "(grpc-timeout)");
    }
    if (conf->reserve_ms && client_ns >= 0)
        (void)deadline_bound(fc, deadline_of_client(fc, client_ns, conf->reserve_ms));
    if (conf->default_ms && fc->deadline_us == 0 &&
        deadline_bound(fc, fc->begun_us + conf->default_ms * US_PER_MS))
        stat_inc(fc->stats, STAT_DEADLINE_GIVEN);
    if (conf->max_ms && fc->deadline_us &&
        deadline_bound(fc, fc->begun_us + conf->max_ms * US_PER_MS))
        stat_inc(fc->stats, STAT_DEADLINE_CUT);
    return FILTER_NEXT;
}

const struct filter_kind filter_deadline = {
    .name = "deadline",
    .conf = &deadline_conf_struct,
    .wanted = deadline_wanted,
    .on_request = on_request,
};
