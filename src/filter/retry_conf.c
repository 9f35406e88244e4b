/* SPDX-License-Identifier: Apache-2.0 */
/* filter/retry_conf.c - the rows of retryPolicy and hedgingPolicy. */
#include "filter/retry_conf.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "conf/check.h"
#include "conf/near.h"
#include "conf/values.h"
#include "grpc/status.h"

#define HOUR_MS (3600 * 1000LL)

enum { ATTEMPTS_CAP = 20, PERCENTILE_MIN = 50, PERCENTILE_MAX = 99 };

/* --- codes ------------------------------------------------------------------------------- */

/* In any case, as gRPC reads a service config: "UNAVAILABLE", "unavailable", "DeadlineExceeded", "14". -1: none. */
static int
code_find(const char *text)
{
    for (int i = 0; i < GRPC_CODE_COUNT; i++) {
        if (near_same_letters(text, grpc_code_name(i)) ||
            near_same_letters(text, grpc_code_label(i)) ||
            strcmp(text, grpc_code_text(i)) == 0)
            return i;
    }
    return -1;
}

static int
code_valid(const char *text, const char **ret_why)
{
    int code = code_find(text);

    if (code > GRPC_OK)
        return ERR_OK;
    *ret_why = code == GRPC_OK ? "OK is no failure; leave it out"
                               : "it is no gRPC status code; write one as in "
                                 "\"UNAVAILABLE\", or its number";
    return ERR_SYNTAX;
}

uint32_t
retry_conf_codes(const struct conf_list *codes)
{
    const struct retry_code_conf *v = codes->items;
    uint32_t bits = 0;

    for (size_t i = 0; i < codes->n; i++) {
        int code = v[i].code ? code_find(v[i].code) : -1;

        if (code > GRPC_OK)
            bits |= 1u << code;
    }
    return bits;
}

static const struct conf_field code_fields[] = {
    { .key = "code",
      .type = CONF_STRING,
      .at = offsetof(struct retry_code_conf, code),
      .required = true,
      .bare_ok = true,
      .valid = code_valid,
      .code = "E0363",
      .example = "\"UNAVAILABLE\"",
      .help = "The name of a gRPC status code in any case, or its number. It may stand "
              "bare in the list." },
    { .key = NULL },
};

static const struct conf_struct code_struct = {
    .name = "status code",
    .size = sizeof(struct retry_code_conf),
    .fields = code_fields,
    .short_key = "code",
};

/* --- what both have ---------------------------------------------------------------------- */

#define ATTEMPTS_HELP                                                              \
    "A larger number counts as maxAttemptsCap, as in gRPC. Attempts that no "      \
    "backend has seen are replaced without being counted, see limits.replayBytes " \
    "of the pool."

#define CAP_HELP "Most attempts of a call, whatever maxAttempts says."

#define FIRST_HOP_HELP                                                                \
    "A call that comes with grpc-previous-rpc-attempts is tried again by its client " \
    "or by a proxy before us, and not by us: attempts of both would multiply."

static void
check_attempts(uint32_t attempts, uint32_t cap, struct conf_place *place)
{
    if (conf_place_clean(place) && attempts > cap)
        conf_warning(place, "maxAttempts", "W0360",
                     "maxAttempts is %u and counts as %u; write maxAttemptsCap beside it "
                     "for more",
                     attempts, cap);
}

/* --- retryPolicy ------------------------------------------------------------------------- */

static const struct conf_field retry_fields[] = {
    { .key = "maxAttempts",
      .type = CONF_UINT,
      .at = offsetof(struct retry_conf, max_attempts),
      .min = 2,
      .max = 1000000,
      .required = true,
      .example = "3",
      .help = "Most attempts of a call with the first one. " ATTEMPTS_HELP },
    { .key = "initialBackoff",
      .type = CONF_DURATION,
      .at = offsetof(struct retry_conf, initial_backoff_ms),
      .min = 1,
      .max = HOUR_MS,
      .required = true,
      .example = "\"0.1s\"",
      .help =
          "Time between the end of the first attempt and the second one, 20 % more or "
          "less by chance, as all of these times. A call is not tried again when its "
          "deadline comes before that." },
    { .key = "maxBackoff",
      .type = CONF_DURATION,
      .at = offsetof(struct retry_conf, max_backoff_ms),
      .min = 1,
      .max = HOUR_MS,
      .required = true,
      .example = "\"1s\"",
      .help = "The time between attempts grows up to this." },
    { .key = "backoffMultiplier",
      .type = CONF_NUMBER,
      .at = offsetof(struct retry_conf, backoff_multiplier),
      .min = 0,
      .max = 1000,
      .required = true,
      .example = "2",
      .help = "So much longer is each further time between attempts. Above 0." },
    { .key = "retryableStatusCodes",
      .type = CONF_LIST,
      .at = offsetof(struct retry_conf, codes),
      .min = 1,
      .max = 32,
      .required = true,
      .sub = &code_struct,
      .example = "[\"UNAVAILABLE\"]",
      .help = "An attempt that ends with one of these is followed by another one, unless "
              "a message of its answer has reached the client. Lost connections and "
              "resets have codes too: UNAVAILABLE, INTERNAL and others." },
    { .key = "perTryTimeout",
      .type = CONF_DURATION,
      .at = offsetof(struct retry_conf, per_try_timeout_ms),
      .def = "0s",
      .min = 0,
      .max = 24 * HOUR_MS,
      .example = "\"250ms\"",
      .help = "An attempt whose answer has not begun by then is cancelled and, whatever "
              "the codes are, followed by another one. 0s: only the deadline of the call "
              "counts." },
    { .key = "maxAttemptsCap",
      .type = CONF_UINT,
      .at = offsetof(struct retry_conf, max_attempts_cap),
      .def = "5",
      .min = 2,
      .max = ATTEMPTS_CAP,
      .example = "8",
      .help = CAP_HELP },
    { .key = "retryOnlyFirstHop",
      .type = CONF_BOOL,
      .at = offsetof(struct retry_conf, only_first_hop),
      .def = "false",
      .example = "true",
      .help = FIRST_HOP_HELP },
    { .key = NULL },
};

static void
retry_check(void *obj, struct conf_place *place)
{
    const struct retry_conf *c = obj;

    check_attempts(c->max_attempts, c->max_attempts_cap, place);
    if (conf_place_clean(place) && c->backoff_multiplier <= 0)
        conf_problem(place, "backoffMultiplier", "E0361",
                     "backoffMultiplier is 0; it must be above 0. 1 means that all times "
                     "are as long as the first");
}

const struct conf_struct retry_conf_struct = {
    .name = "retry policy",
    .size = sizeof(struct retry_conf),
    .fields = retry_fields,
    .optional = true,
    .on_at = offsetof(struct retry_conf, on),
    .check = retry_check,
};

/* --- hedgingPolicy ----------------------------------------------------------------------- */

bool
hedging_delay_read(const char *text, int64_t *ret_us, unsigned *ret_percentile,
                   const char **ret_why)
{
    struct value_note note;
    int64_t ms;
    unsigned p = 0;

    *ret_percentile = 0;
    *ret_why =
        "write a time as in \"500ms\", or \"p95\" for the time in which 95 % of the "
        "method's calls are answered (p50 to p99)";
    if ((text[0] == 'p' || text[0] == 'P') && text[1] >= '0' && text[1] <= '9' &&
        text[2] >= '0' && text[2] <= '9' && !text[3]) {
        p = (unsigned)(text[1] - '0') * 10 + (unsigned)(text[2] - '0');
        *ret_percentile = p;
        *ret_us = -1;
        return p >= PERCENTILE_MIN && p <= PERCENTILE_MAX;
    }
    if (duration_parse(text, &ms, &note) != ERR_OK)
        return false;
    *ret_us = ms * 1000;
    *ret_why = "a hedge that waits for more than an hour is none; write a shorter time";
    return ms <= HOUR_MS;
}

static int
delay_valid(const char *text, const char **ret_why)
{
    unsigned percentile;
    int64_t us;

    return hedging_delay_read(text, &us, &percentile, ret_why) ? ERR_OK : ERR_SYNTAX;
}

static const struct conf_field hedging_fields[] = {
    { .key = "maxAttempts",
      .type = CONF_UINT,
      .at = offsetof(struct hedging_conf, max_attempts),
      .min = 2,
      .max = 1000000,
      .required = true,
      .example = "3",
      .help = "Most attempts of a call with the first one, which may all be under way "
              "together. " ATTEMPTS_HELP },
    { .key = "hedgingDelay",
      .type = CONF_STRING,
      .at = offsetof(struct hedging_conf, delay),
      .def = "0s",
      .valid = delay_valid,
      .code = "E0364",
      .example = "\"0.5s\"",
      .help = "Time between one attempt and the next while no answer has come. 0s: all "
              "at once. \"p95\": the time in which 95 % of the last calls of the same "
              "method were answered, as each worker sees it; p50 to p99." },
    { .key = "nonFatalStatusCodes",
      .type = CONF_LIST,
      .at = offsetof(struct hedging_conf, codes),
      .min = 0,
      .max = 32,
      .sub = &code_struct,
      .example = "[\"UNAVAILABLE\"]",
      .help = "An attempt that ends with one of these makes the next one start at once. "
              "Any other failure ends the call and all its attempts." },
    { .key = "maxAttemptsCap",
      .type = CONF_UINT,
      .at = offsetof(struct hedging_conf, max_attempts_cap),
      .def = "5",
      .min = 2,
      .max = ATTEMPTS_CAP,
      .example = "8",
      .help = CAP_HELP },
    { .key = "retryOnlyFirstHop",
      .type = CONF_BOOL,
      .at = offsetof(struct hedging_conf, only_first_hop),
      .def = "false",
      .example = "true",
      .help = FIRST_HOP_HELP },
    { .key = NULL },
};

static void
hedging_check(void *obj, struct conf_place *place)
{
    const struct hedging_conf *c = obj;

    check_attempts(c->max_attempts, c->max_attempts_cap, place);
}

const struct conf_struct hedging_conf_struct = {
    .name = "hedging policy",
    .size = sizeof(struct hedging_conf),
    .fields = hedging_fields,
    .optional = true,
    .on_at = offsetof(struct hedging_conf, on),
    .check = hedging_check,
};

/* --- both -------------------------------------------------------------------------------- */

void
retry_conf_check_one(const struct retry_conf *r, const struct hedging_conf *h,
                     struct conf_place *place)
{
    if (r->on && h->on)
        conf_problem(place, "hedgingPolicy", "E0362",
                     "a method has retryPolicy or hedgingPolicy, never both; remove one "
                     "of them");
}
