/* SPDX-License-Identifier: Apache-2.0 */
#include "filter/rate_conf.h"

#include <assert.h>

#include "conf/check.h"
#include "conf/values.h"

uint32_t
rate_conf_burst(const struct rate_conf *conf)
{
    if (conf->burst)
        return conf->burst;
    return conf->rate.events < 1 ? 1 : (uint32_t)conf->rate.events;
}

static bool
rule_make(const struct rate_conf *conf, struct bucket_rule *ret)
{
    return bucket_rule_init(ret, conf->rate.events, conf->rate.per_ms * 1000,
                            rate_conf_burst(conf));
}

void
rate_conf_check(const struct rate_conf *conf, struct conf_place *place)
{
    char rate[RATE_TEXT_MAX];
    struct bucket_rule rule;

    if (!conf_place_clean(place) || rule_make(conf, &rule))
        return;
    conf_problem(place, "burst", "E0431",
                 "burst is %u: at a rate of %s it would take more than a year to come "
                 "back; make it smaller, or the rate higher",
                 rate_conf_burst(conf), rate_conf_print(conf, rate));
}

struct bucket_rule
rate_conf_rule(const struct rate_conf *conf)
{
    struct bucket_rule rule;
    bool good = rule_make(conf, &rule);

    assert(good);
    (void)good;
    return rule;
}

const char *
rate_conf_print(const struct rate_conf *conf, char out[RATE_TEXT_MAX])
{
    _Static_assert((int)RATE_TEXT_MAX >= (int)VALUE_TEXT_MAX,
                   "rate_print writes so much");
    rate_print(conf->rate.events, conf->rate.per_ms, out);
    return out;
}
