/* SPDX-License-Identifier: Apache-2.0 */
/* obs/slots.c - a ring per group of counters; its place is the second, so that rings which are put at the same time need no time of their own. */
#include "obs/slots.h"

#include <string.h>

#include "base/xalloc.h"
#include "obs/histogram.h"

enum { US_PER_S = 1000000 };

/* --- clock --------------------------------------------------------------------------- */

void
slots_clock_init(struct slots_clock *c, int64_t now_us)
{
    *c = (struct slots_clock){ .start_us = now_us };
}

unsigned
slots_clock_turn(struct slots_clock *c, int64_t now_us)
{
    int64_t full = (now_us - c->start_us) / US_PER_S;
    uint64_t turned;

    if (full <= (int64_t)c->second)
        return 0;
    turned = (uint64_t)full - c->second;
    c->second = (uint64_t)full;
    return turned > UINT32_MAX ? UINT32_MAX : (unsigned)turned;
}

int64_t
slots_clock_left_us(const struct slots_clock *c, int64_t now_us)
{
    int64_t left = c->start_us + ((int64_t)c->second + 1) * US_PER_S - now_us;

    return left > 0 ? left : 0;
}

unsigned
slots_clock_past(const struct slots_clock *c, unsigned seconds)
{
    return c->second < seconds ? (unsigned)c->second : seconds;
}

/* --- ring ---------------------------------------------------------------------------- */

void
slots_init(struct slots *s, unsigned series, unsigned seconds)
{
    *s = (struct slots){
        .series = series,
        .seconds = seconds,
        .last = xcalloc(series, sizeof(*s->last)),
        .v = xcalloc((size_t)series * seconds, sizeof(*s->v)),
    };
}

void
slots_done(struct slots *s)
{
    xfree(s->last);
    xfree(s->v);
    *s = (struct slots){ 0 };
}

void
slots_base(struct slots *s, const uint64_t *now)
{
    memcpy(s->last, now, s->series * sizeof(*now));
}

void
slots_copy(struct slots *to, unsigned to_series, const struct slots *from,
           unsigned from_series)
{
    for (unsigned i = 0; i < to->seconds; i++)
        to->v[i * to->series + to_series] = from->v[i * from->series + from_series];
    to->last[to_series] = from->last[from_series];
}

/* Seconds are counted from 1: the first full one is 1. */
static uint32_t *
slots_row(const struct slots *s, uint64_t second)
{
    return &s->v[second % s->seconds * s->series];
}

/* Of `parts` seconds that got `sum` together, the share of number i: all shares are the sum. */
static uint32_t
part_of(uint64_t sum, unsigned parts, unsigned i)
{
    uint64_t part = sum / parts + (i < sum % parts);

    return part > UINT32_MAX ? UINT32_MAX : (uint32_t)part;
}

void
slots_put(struct slots *s, const struct slots_clock *c, unsigned turned,
          const uint64_t *now)
{
    unsigned shown = turned < s->seconds ? turned : s->seconds;

    for (unsigned k = 0; k < s->series; k++) {
        uint64_t sum = now[k] >= s->last[k] ? now[k] - s->last[k] : now[k];

        for (unsigned i = 0; i < shown; i++)
            slots_row(s, c->second - i)[k] = part_of(sum, turned, i);
        s->last[k] = now[k];
    }
}

uint32_t
slots_at(const struct slots *s, const struct slots_clock *c, unsigned series,
         unsigned ago)
{
    return slots_row(s, c->second - ago)[series];
}

uint64_t
slots_sum(const struct slots *s, const struct slots_clock *c, unsigned series,
          unsigned seconds)
{
    unsigned n = slots_clock_past(c, seconds < s->seconds ? seconds : s->seconds);
    uint64_t sum = 0;

    for (unsigned i = 0; i < n; i++)
        sum += slots_at(s, c, series, i);
    return sum;
}

double
slots_rate(const struct slots *s, const struct slots_clock *c, unsigned series,
           unsigned seconds)
{
    unsigned n = slots_clock_past(c, seconds < s->seconds ? seconds : s->seconds);

    return n ? (double)slots_sum(s, c, series, seconds) / n : 0;
}

/* --- quantiles ----------------------------------------------------------------------- */

double
slots_quantile_us(const struct histogram_bounds *bounds, const uint64_t *counts,
                  double share)
{
    double all = 0, rank, below = 0;

    for (size_t i = 0; bounds->n && i <= bounds->n; i++)
        all += (double)counts[i];
    if (all == 0)
        return -1;
    rank = share * all;
    for (size_t i = 0; i < bounds->n; i++) {
        double n = (double)counts[i];
        double low = i ? (double)bounds->us[i - 1] : 0, high = (double)bounds->us[i];

        if (n > 0 && below + n >= rank)
            return low + (high - low) * (rank > below ? rank - below : 0) / n;
        below += n;
    }
    return (double)bounds->us[bounds->n - 1];
}
