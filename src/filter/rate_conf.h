/* SPDX-License-Identifier: Apache-2.0 */
/* filter/rate_conf.h - the keys `rate` and `burst` of filters that have token buckets: their rows, their check, and the rule that they make. Immutable after loading. */
#ifndef OUTRIGGER_FILTER_RATE_CONF_H
#define OUTRIGGER_FILTER_RATE_CONF_H

#include <stddef.h>

#include "base/shared_bucket.h"
#include "conf/field.h"

struct conf_place;

struct rate_conf {
    struct conf_rate rate;
    uint32_t burst; /* 0: as many as the rate says for its unit, at least one */
};

enum { RATE_TEXT_MAX = 48 };

/* Rows for a struct with a struct rate_conf `member`. what: "calls". */
#define RATE_ROWS(type_, member, what)                                                  \
    { .key = "rate",                                                                    \
      .type = CONF_RATE,                                                                \
      .at = offsetof(type_, member) + offsetof(struct rate_conf, rate),                 \
      .required = true,                                                                 \
      .min = 1,                                                                         \
      .max = BUCKET_RATE_MAX * CONF_PER_S,                                              \
      .example = "\"100/s\"",                                                           \
      .help =                                                                           \
          "So many " what " may go on per second (/s), minute (/m), hour (/h) or day "  \
          "(/d)." },                                                                    \
    {                                                                                   \
        .key = "burst", .type = CONF_UINT,                                              \
        .at = offsetof(type_, member) + offsetof(struct rate_conf, burst), .def = "0",  \
        .min = 0, .max = 1000000000, .example = "200",                                  \
        .help =                                                                         \
            "So many " what " may go on at once after a rest; then they follow at the " \
            "rate. 0: as many as the rate has for its unit: 100 for \"100/s\", 5000 "   \
            "for \"5000/m\"."                                                           \
    }

/* Reports E0431 when the two do not go together. */
void rate_conf_check(const struct rate_conf *conf, struct conf_place *place);
/* The rule; conf has passed the check. */
struct bucket_rule rate_conf_rule(const struct rate_conf *conf);
uint32_t rate_conf_burst(const struct rate_conf *conf);
/* "100/s"; returns out. */
const char *rate_conf_print(const struct rate_conf *conf, char out[RATE_TEXT_MAX]);

#endif
