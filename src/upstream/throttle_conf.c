/* SPDX-License-Identifier: Apache-2.0 */
/* upstream/throttle_conf.c - the rows of `retryThrottling`, named as in gRPC's service config (gRFC A6). */
#include "conf/check.h"
#include "upstream/pool_conf.h"

static const struct conf_field retry_throttling_fields[] = {
    { .key = "maxTokens",
      .type = CONF_NUMBER,
      .at = offsetof(struct retry_throttling_conf, max_tokens),
      .min = 0,
      .max = 1000,
      .required = true,
      .example = "10",
      .help =
          "Tokens of a pool in good health, above 0. Each failure of an attempt that a "
          "retryPolicy or a hedgingPolicy counts takes one token; calls are tried "
          "again while more than half of them are left." },
    { .key = "tokenRatio",
      .type = CONF_NUMBER,
      .at = offsetof(struct retry_throttling_conf, token_ratio),
      .min = 0,
      .max = 1000,
      .required = true,
      .example = "0.1",
      .help = "Tokens that each good call gives back, above 0; three decimals count." },
    { .key = NULL },
};

static void
retry_throttling_check(void *obj, struct conf_place *place)
{
    const struct retry_throttling_conf *c = obj;

    if (!conf_place_clean(place))
        return;
    if (c->max_tokens <= 0)
        conf_problem(place, "maxTokens", "E0361",
                     "maxTokens is 0; it must be above 0. Leave retryThrottling out to "
                     "have none");
    if (c->token_ratio <= 0)
        conf_problem(place, "tokenRatio", "E0361",
                     "tokenRatio is 0, so no token would ever come back; write a number "
                     "above 0, for example 0.1");
}

const struct conf_struct retry_throttling_conf_struct = {
    .name = "retry throttling",
    .size = sizeof(struct retry_throttling_conf),
    .fields = retry_throttling_fields,
    .optional = true,
    .on_at = offsetof(struct retry_throttling_conf, on),
    .check = retry_throttling_check,
};
