/* SPDX-License-Identifier: Apache-2.0 */
/* filter/retry_policy.c - the order of the questions is grpc-go's. */
#include "filter/retry_policy.h"

#include "base/rand.h"
#include "filter/retry_conf.h"
#include "h2/headers.h"
#include "upstream/retry_guard.h"

enum { JITTER_PERCENT = 20 };

/* --- policy ------------------------------------------------------------------------------ */

static uint8_t
attempts_of(uint32_t max, uint32_t cap)
{
    return (uint8_t)(max < cap ? max : cap);
}

bool
retry_policy_make(struct retry_policy *p, const struct retry_conf *r,
                  const struct hedging_conf *h)
{
    unsigned percentile;
    const char *why;

    if (r->on) {
        *p = (struct retry_policy){
            .only_first_hop = r->only_first_hop,
            .max_attempts = attempts_of(r->max_attempts, r->max_attempts_cap),
            .codes = retry_conf_codes(&r->codes),
            .initial_us = r->initial_backoff_ms * 1000,
            .max_us = r->max_backoff_ms * 1000,
            .per_try_us = r->per_try_timeout_ms * 1000,
            .multiplier = r->backoff_multiplier,
        };
        return true;
    }
    if (!h->on)
        return false;
    *p = (struct retry_policy){
        .hedging = true,
        .only_first_hop = h->only_first_hop,
        .max_attempts = attempts_of(h->max_attempts, h->max_attempts_cap),
        .codes = retry_conf_codes(&h->codes),
    };
    if (!hedging_delay_read(h->delay, &p->delay_us, &percentile, &why))
        p->delay_us = 0; /* cannot be: the row has refused it */
    p->percentile = (uint8_t)percentile;
    return true;
}

bool
retry_policy_applies(const struct retry_policy *p, struct slice previous)
{
    return !p->only_first_hop || !previous.p || slice_eq_str(previous, "0");
}

/* --- pushback ---------------------------------------------------------------------------- */

struct retry_pushback
retry_pushback_parse(struct slice value)
{
    const struct retry_pushback never = { .kind = PUSHBACK_NEVER };
    int64_t n = 0;

    if (value.n < 1 || value.n > 10 || (value.n > 1 && value.p[0] == '0'))
        return never;
    for (size_t i = 0; i < value.n; i++) {
        if (value.p[i] < '0' || value.p[i] > '9')
            return never;
        n = n * 10 + (value.p[i] - '0');
    }
    if (n > INT32_MAX)
        return never;
    return (struct retry_pushback){ .kind = PUSHBACK_AFTER, .us = n * 1000 };
}

struct retry_pushback
retry_pushback_find(const struct h2_headers *trailers)
{
    static const char name[] = "grpc-retry-pushback-ms";
    struct retry_pushback found = { .kind = PUSHBACK_NONE };

    for (unsigned i = 0; i < trailers->n; i++) {
        const struct h2_field *f = &trailers->v[i].f;

        if (!slice_eq_str(slice_make(f->name, f->namelen), name))
            continue;
        if (found.kind != PUSHBACK_NONE)
            return (struct retry_pushback){ .kind = PUSHBACK_NEVER };
        found = retry_pushback_parse(slice_make(f->value, f->valuelen));
    }
    return found;
}

/* --- decisions --------------------------------------------------------------------------- */

int64_t
retry_backoff_us(const struct retry_policy *p, unsigned n)
{
    double us = (double)p->initial_us;

    for (unsigned i = 1; i < n && us < (double)p->max_us; i++)
        us *= p->multiplier;
    return us < (double)p->max_us ? (int64_t)us : p->max_us;
}

bool
retry_policy_lists(const struct retry_policy *p, int code)
{
    return code > 0 && code < 32 && (p->codes >> code & 1);
}

enum retry_verdict
retry_decide(const struct retry_policy *p, struct retry_progress *at,
             const struct retry_end *end, struct retry_guard *guard, int64_t left_us,
             struct rng *rng, int64_t *ret_delay_us)
{
    int64_t delay;

    if (end->pushback.kind == PUSHBACK_NEVER) {
        retry_guard_failure(guard);
        return RETRY_PUSHBACK;
    }
    if (!end->timed_out && !retry_policy_lists(p, end->code))
        return RETRY_NOT_RETRYABLE;
    if (!retry_guard_failure(guard))
        return RETRY_THROTTLED;
    if (at->attempts >= p->max_attempts)
        return RETRY_USED_UP;
    if (end->pushback.kind == PUSHBACK_AFTER) {
        delay = end->pushback.us;
        at->step = 0;
    } else {
        delay = rng_jitter(rng, retry_backoff_us(p, ++at->step), JITTER_PERCENT);
    }
    if (left_us <= delay)
        return RETRY_TOO_LATE;
    *ret_delay_us = delay;
    return RETRY_AGAIN;
}

enum hedge_verdict
hedge_decide(const struct retry_policy *p, const struct retry_end *end,
             struct retry_guard *guard)
{
    bool fatal = !retry_policy_lists(p, end->code);
    bool allowed = true;

    if (!fatal || end->pushback.kind == PUSHBACK_NEVER)
        allowed = retry_guard_failure(guard);
    if (fatal)
        return HEDGE_FATAL;
    if (end->pushback.kind == PUSHBACK_NEVER || !allowed)
        return HEDGE_NO_MORE;
    return end->pushback.kind == PUSHBACK_AFTER ? HEDGE_NEXT_LATE : HEDGE_NEXT_NOW;
}
