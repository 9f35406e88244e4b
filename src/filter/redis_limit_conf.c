/* SPDX-License-Identifier: Apache-2.0 */
/* filter/redis_limit_conf.c - rows of `redis` of the filter globalRateLimit. */
#include <string.h>

#include "base/err.h"
#include "conf/check.h"
#include "filter/redis_limit.h"
#include "resolve/resolver.h"

static int
address_valid(const char *text, const char **ret_why)
{
    static const char *const unfit[] = { "k8s:", "unix-abstract:" };

    for (size_t i = 0; i < ARRAY_LEN(unfit); i++) {
        if (strncmp(text, unfit[i], strlen(unfit[i])) == 0) {
            *ret_why = "Redis is found by an address, a unix socket or a name: write "
                       "\"127.0.0.1:6379\", \"unix:/run/redis.sock\" or "
                       "\"dns:///redis:6379\"";
            return ERR_SYNTAX;
        }
    }
    return resolver_check(text, ret_why);
}

static const struct conf_field redis_fields[] = {
    { .key = "address",
      .type = CONF_STRING,
      .at = offsetof(struct redis_limit_conf, address),
      .required = true,
      .valid = address_valid,
      .code = "E0454",
      .example = "\"dns:///redis:6379\"",
      .help =
          "Where Redis is: an address, unix:/path, or a name as in the endpoints of a "
          "pool; of several addresses the first is taken. Redis 5 or newer, or Valkey; "
          "not a cluster. There is no TLS." },
    { .key = "user",
      .type = CONF_STRING,
      .at = offsetof(struct redis_limit_conf, user),
      .hide = CONF_SHOW,
      .example = "\"outrigger\"",
      .help = "User of Redis's access lists. Without it the default user." },
    { .key = "password",
      .type = CONF_STRING,
      .at = offsetof(struct redis_limit_conf, password),
      .hide = CONF_HIDE,
      .example = "\"${REDIS_PASSWORD}\"",
      .help = "Password of the user." },
    { .key = "database",
      .type = CONF_UINT,
      .at = offsetof(struct redis_limit_conf, database),
      .def = "0",
      .max = 65535,
      .example = "1",
      .help = "Number of the database." },
    { .key = "prefix",
      .type = CONF_STRING,
      .at = offsetof(struct redis_limit_conf, prefix),
      .def = "outrigger",
      .valid = conf_name_valid,
      .code = "E0457",
      .example = "\"limits\"",
      .help =
          "Beginning of all keys. Proxies with the same Redis, prefix, domain and rate "
          "share their limits." },
    { .key = "maxPending",
      .type = CONF_UINT,
      .at = offsetof(struct redis_limit_conf, max_pending),
      .def = "1000",
      .min = 1,
      .max = 100000,
      .example = "200",
      .help =
          "Most questions of each worker that wait for an answer of Redis; a call above "
          "that has no answer." },
    { .key = NULL },
};

static void
redis_check(void *obj, struct conf_place *place)
{
    const struct redis_limit_conf *c = obj;

    if (!redis_available())
        conf_problem(place, NULL, "E0455",
                     "this build cannot speak to Redis, since libhiredis was not there: "
                     "install libhiredis-dev and build again, or name the pool of a rate "
                     "limit service with pool");
    else if (c->user && !c->password && conf_place_clean(place))
        conf_problem(place, "user", "E0456",
                     "user is there without a password: add password, or remove user to "
                     "be Redis's default user");
}

const struct conf_struct redis_limit_conf_struct = {
    .name = "redis",
    .size = sizeof(struct redis_limit_conf),
    .fields = redis_fields,
    .short_key = "address",
    .optional = true,
    .on_at = offsetof(struct redis_limit_conf, on),
    .check = redis_check,
};
