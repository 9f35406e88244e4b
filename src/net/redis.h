/* SPDX-License-Identifier: Apache-2.0 */
/* net/redis.h - one connection to Redis (or Valkey, or what else speaks RESP2), on our loop: it evaluates one Lua script again and again. It is made when
 * it is needed, kept, and made again after a loss, with pauses that grow while Redis does not answer. Commands go out at once, one after the other, without
 * waiting for answers; so many as max_pending may be without one. When no answer comes for stall_us while some are wanted, the connection is given up.
 * No TLS. One loop's thread. */
#ifndef OUTRIGGER_NET_REDIS_H
#define OUTRIGGER_NET_REDIS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compat.h"
#include "base/slice.h"

struct addr;
struct loop;
struct redis;
struct redis_call;

enum {
    REDIS_ARGS_MAX = 64, /* keys and arguments of one call */
};

struct redis_conf {              /* what it points to must outlive the connection */
    const char *user, *password; /* NULL: none; user NULL: Redis's default user */
    uint32_t database;
    const char *script;
    uint32_t max_pending; /* at least 1; memory for them is taken once */
    int64_t stall_us, pause_us, pause_max_us;
    /* Where to connect. False: that is not known yet. */
    bool (*address)(void *arg, struct addr *ret);
    /* For the log: a connection failed or broke, or could not be made. Not told of redis_close. */
    void (*lost)(void *arg, const char *why);
    void *arg;
};

/* The end of a call, once, never inside redis_eval; the call is dead then. error NULL: v holds the n integers that the script returned. */
typedef void redis_fn(void *arg, const int64_t *v, size_t n, const char *error);

/* False: this build has no hiredis (see net/redis_reply.h), and nothing else here may be called. */
bool redis_available(void);
const char *redis_library_version(void); /* "none" without it */
struct redis *redis_open(struct loop *l, const struct redis_conf *conf);
/* No call may wait for its end. */
void redis_close(struct redis *r);
/* Evaluates the script. ERR_CONNECT: there is no connection and it is too early to try again, or there is no address; ERR_LIMIT: max_pending. */
int redis_eval(struct redis *r, const struct slice *keys, size_t n_keys,
               const struct slice *args, size_t n_args, redis_fn *fn, void *arg,
               struct redis_call **ret) MUST_CHECK;
/* The owner wants to hear nothing of it any more. */
void redis_forget(struct redis_call *c);

#endif
