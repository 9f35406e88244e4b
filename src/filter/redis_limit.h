/* SPDX-License-Identifier: Apache-2.0 */
/* filter/redis_limit.h - token buckets in Redis, shared by all proxies that name the same Redis, prefix, domain and rates: for people without a rate limit service.
 * A bucket is one key, whose value is the time at which it is full again (GCRA, like base/shared_bucket.h), by Redis's clock, so the clocks of the proxies do not
 * matter; a full bucket has no key. One call is one command: a Lua script takes from all buckets of the call, or from none.
 * Each worker has a connection of its own (net/redis.h). Redis's address may be a name, which the main thread resolves.
 *
 * Keys are PREFIX:DOMAIN:RATE:NAME=VALUE,...; bytes of names and values other than letters, digits and -._~/ are written as %XX; what would be longer than 200 bytes ends
 * in sha256-HEX. */
#ifndef OUTRIGGER_FILTER_REDIS_LIMIT_H
#define OUTRIGGER_FILTER_REDIS_LIMIT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/compat.h"
#include "conf/field.h"
#include "net/redis.h"

struct arena;
struct descriptors;
struct loop;
struct redis_limit;
struct rls_answer;

struct redis_limit_conf {
    bool on;
    const char *address, *user, *password, *prefix;
    uint32_t database, max_pending;
};

extern const struct conf_struct redis_limit_conf_struct;

/* Main thread. conf, domain and scope (for the log) must outlive it. */
struct redis_limit *
redis_limit_new(const struct redis_limit_conf *conf, const char *domain,
                const char *scope, struct loop *main_loop, unsigned workers);
void redis_limit_free(struct redis_limit *l); /* NULL is fine */
/* The worker's thread. */
void redis_limit_worker_open(struct redis_limit *l, unsigned worker, struct loop *loop);
void redis_limit_worker_close(struct redis_limit *l, unsigned worker);
/* Takes `hits` from the bucket of each of these descriptors, which have rates. fn gets values for redis_limit_read. Errors of redis_eval, and ERR_NOMEM: the arena is
 * full. */
int redis_limit_ask(struct redis_limit *l, unsigned worker, const struct descriptors *d,
                    uint32_t hits, struct arena *a, redis_fn *fn, void *arg,
                    struct redis_call **ret) MUST_CHECK;
/* What fn got, about the same descriptors. False: that is no answer of the script. */
bool redis_limit_read(const struct descriptors *d, const int64_t *v, size_t n,
                      struct rls_answer *ret) MUST_CHECK;

#endif
