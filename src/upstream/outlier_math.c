/* SPDX-License-Identifier: Apache-2.0 */
/* upstream/outlier_math.c - gRFC A50, "Outlier Detection Algorithm". */
#include "upstream/outlier_math.h"

#include "base/rand.h"
#include "upstream/outlier_conf.h"

/* Equal shares must not differ by the last bit of a sum. */
static const double ROUNDING = 1e-12;

/* sqrt without libm: Newton from above; x is a variance of shares, 0..0.25. */
static double
square_root(double x)
{
    double r = x > 1 ? x : 1;

    if (x <= 0)
        return 0;
    for (int i = 0; i < 64; i++) {
        double next = (r + x / r) / 2;

        if (next >= r)
            break;
        r = next;
    }
    return r;
}

bool
outlier_may_eject(const struct outlier_conf *c, size_t ejected, size_t n)
{
    return n > 0 && 100.0 * (double)ejected / (double)n < c->max_ejected;
}

void
outlier_eject(struct outlier_row *r, int64_t now_us)
{
    r->ejected = true;
    r->ejected_at_us = now_us;
    r->multiplier++;
}

int64_t
outlier_ejection_us(const struct outlier_conf *c, const struct outlier_row *r)
{
    int64_t base = c->base_ejection_ms;
    int64_t most = c->max_ejection_ms > base ? c->max_ejection_ms : base;

    /* Both are at most a day, so the division is the overflow check. */
    if (r->multiplier > 0 && base > most / r->multiplier)
        return most * 1000;
    return base * r->multiplier * 1000;
}

static double
row_share(const struct outlier_row *r)
{
    return (double)r->successes / (double)(r->successes + r->failures);
}

bool
outlier_rate_floor(const struct outlier_conf *c, const struct outlier_row *v, size_t n,
                   double *ret_floor)
{
    double sum = 0, squares = 0, mean;
    size_t hosts = 0;

    for (size_t i = 0; i < n; i++) {
        if (v[i].successes + v[i].failures >= c->success_rate.request_volume) {
            sum += row_share(&v[i]);
            hosts++;
        }
    }
    if (hosts < c->success_rate.minimum_hosts || hosts == 0)
        return false;
    mean = sum / (double)hosts;
    for (size_t i = 0; i < n; i++) {
        if (v[i].successes + v[i].failures >= c->success_rate.request_volume)
            squares += (row_share(&v[i]) - mean) * (row_share(&v[i]) - mean);
    }
    *ret_floor = mean - square_root(squares / (double)hosts) *
                            outlier_stdev_factor(&c->success_rate);
    return true;
}

static size_t
rows_ejected(const struct outlier_row *v, size_t n)
{
    size_t k = 0;

    for (size_t i = 0; i < n; i++)
        k += v[i].ejected;
    return k;
}

/* A random integer in 0..99 below the percentage, as the proposal has it. */
static bool
enforced(double percent, struct rng *rng)
{
    return (double)rng_below(rng, 100) < percent;
}

static void
sweep_rate(const struct outlier_conf *c, struct outlier_row *v, size_t n, int64_t now_us,
           struct rng *rng, size_t *ejected)
{
    double floor;

    if (!c->success_rate.on || !outlier_rate_floor(c, v, n, &floor))
        return;
    for (size_t i = 0; i < n; i++) {
        if (v[i].ejected ||
            v[i].successes + v[i].failures < c->success_rate.request_volume ||
            row_share(&v[i]) >= floor - ROUNDING)
            continue;
        if (!outlier_may_eject(c, *ejected, n))
            return;
        if (!enforced(c->success_rate.enforcing, rng))
            continue;
        outlier_eject(&v[i], now_us);
        v[i].change = OUTLIER_BY_RATE;
        ++*ejected;
    }
}

static void
sweep_share(const struct outlier_conf *c, struct outlier_row *v, size_t n, int64_t now_us,
            struct rng *rng, size_t *ejected)
{
    const struct outlier_share_conf *s = &c->failure_percentage;
    size_t hosts = 0;

    for (size_t i = 0; i < n; i++)
        hosts += v[i].successes + v[i].failures >= s->request_volume;
    if (!s->on || hosts < s->minimum_hosts)
        return;
    for (size_t i = 0; i < n; i++) {
        uint64_t total = v[i].successes + v[i].failures;

        if (v[i].ejected || total < s->request_volume ||
            100.0 * (double)v[i].failures <= s->threshold * (double)total)
            continue;
        if (!outlier_may_eject(c, *ejected, n))
            return;
        if (!enforced(s->enforcing, rng))
            continue;
        outlier_eject(&v[i], now_us);
        v[i].change = OUTLIER_BY_SHARE;
        ++*ejected;
    }
}

void
outlier_sweep(const struct outlier_conf *c, struct outlier_row *v, size_t n,
              int64_t now_us, struct rng *rng)
{
    size_t ejected = rows_ejected(v, n);

    for (size_t i = 0; i < n; i++)
        v[i].change = OUTLIER_SAME;
    sweep_rate(c, v, n, now_us, rng, &ejected);
    sweep_share(c, v, n, now_us, rng, &ejected);
    for (size_t i = 0; i < n; i++) {
        struct outlier_row *r = &v[i];

        if (!r->ejected) {
            r->multiplier -= r->multiplier > 0;
        } else if (r->change == OUTLIER_SAME &&
                   now_us - r->ejected_at_us > outlier_ejection_us(c, r)) {
            r->ejected = false;
            r->change = OUTLIER_BACK;
        }
    }
}
