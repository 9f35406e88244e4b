/* SPDX-License-Identifier: Apache-2.0 */
/* tests/unit/proxy/tryrig.h - for tests of calls that are tried again: the world of callrig.h with virtual time and three endpoints, and the attempts that come to
 * its backends one after the other, whichever connection they take. */
#ifndef OUTRIGGER_TESTS_UNIT_PROXY_TRYRIG_H
#define OUTRIGGER_TESTS_UNIT_PROXY_TRYRIG_H

#include "callrig.h"

#include "grpc/status.h"
#include "h2/conn.h"

struct attempt_seen {
    struct h2peer *p;
    int32_t id;
    unsigned door;      /* which endpoint */
    const char *fields; /* of its request */
    int64_t at_ms;      /* when, since tryrig_open */
};

int tryrig_setup(void **state);
#define TRY_TEST(fn) cmocka_unit_test_setup_teardown(fn, tryrig_setup, callrig_teardown)

/* The policy of the route: 100 ms, x 2, at most 1 s, UNAVAILABLE; and with hedges every `delay`, UNAVAILABLE is not fatal. */
struct retry_conf *retry_with(uint32_t max_attempts);
struct hedging_conf *hedge_with(uint32_t max_attempts, const char *delay);
/* All endpoints are connected, so that an attempt waits for nothing. */
void tryrig_open(void);
/* Milliseconds since. */
int64_t rig_ms(void);

/* The next attempt that a backend gets; virtual time passes until it comes, at most 60 s. */
struct attempt_seen next_try(void);
/* None comes for so long. */
void no_try(int64_t ms);
/* Trailers-Only with this code and "text-CODE" as message; more: another header, or NULL. */
void answer_code(const struct attempt_seen *t, const char *code, const char *name,
                 const char *value);
/* HEADERS, a message, trailers with OK. */
void answer_ok(const struct attempt_seen *t);
/* The client's call, a message with it, and its end. timeout: grpc-timeout or NULL. */
void client_call(int32_t id, const char *timeout);

/* What bounds retries and hedges of the pool "app". */
struct retry_guard *app_guard(void);
/* Of an attempt: we gave it up, or it goes on. */
void want_cancelled(const struct attempt_seen *t);
void want_alive(const struct attempt_seen *t);
/* The whole answer of a stream came, and nothing of it is ours. */
void want_answer(int32_t id, const char *code);

#endif
