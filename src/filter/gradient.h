/* SPDX-License-Identifier: Apache-2.0 */
/* filter/gradient.h - how many calls a backend can work on at once, found out from how long they take (the gradient controller that Envoy has, after Netflix'
 * concurrency-limits; features.md 2.9).
 * From time to time the limit goes down to min_limit until `requests` calls took their time undisturbed: their median is minRtt. In between, each update_us:
 *     gradient = minRtt * (1 + buffer) / median of the calls since the last update, within 0.5 and 2
 *     limit    = gradient * limit + sqrt(gradient * limit), within min_limit and max_limit
 * A limit that stays at min_limit for five updates makes minRtt be measured again; so does the interval, with a random share of jitter on top, so that proxies
 * beside each other do not do it at the same time. A measurement that lasts longer than the interval ends with what it has.
 * Nothing runs by itself: whoever takes or tells does what is due. Any thread; taking is one atomic operation, and the arithmetic is under a lock that nobody
 * waits for. */
#ifndef OUTRIGGER_FILTER_GRADIENT_H
#define OUTRIGGER_FILTER_GRADIENT_H

#include <stdbool.h>
#include <stdint.h>

struct rng;
struct gradient;

struct gradient_conf {
    uint32_t min_limit, max_limit; /* 1 <= min_limit <= max_limit */
    uint32_t requests;
    int64_t interval_us, update_us;
    int64_t min_rtt_us;    /* known from elsewhere; 0: it is measured */
    double buffer, jitter; /* percent */
};

/* Never NULL. */
struct gradient *gradient_new(const struct gradient_conf *conf, int64_t now_us);
void gradient_free(struct gradient *g); /* NULL is fine */
/* A call may go on; it is given back exactly once. */
bool gradient_take(struct gradient *g, int64_t now_us, struct rng *rng);
void gradient_give(struct gradient *g);
/* A call that began then took so long. */
void gradient_tell(struct gradient *g, int64_t begun_us, int64_t now_us, struct rng *rng);
uint32_t gradient_limit(const struct gradient *g);
uint32_t gradient_flying(const struct gradient *g);
int64_t gradient_min_rtt_us(const struct gradient *g); /* 0: not known yet */

/* The formula alone. */
uint32_t gradient_next(const struct gradient_conf *conf, uint32_t limit,
                       int64_t min_rtt_us, int64_t median_us);

#endif
