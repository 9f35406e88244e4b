/* SPDX-License-Identifier: Apache-2.0 */
/* upstream/health_state.h - what a row of answers makes of one endpoint, and when to ask
 * next. Pure values on the caller's time: no socket, no timer. Sources: gRFC A17 for
 * Watch, features.md 2.6 for thresholds and jitter.
 *
 * A probe's result counts towards a threshold; the backend's own word (a message of a
 * Watch) counts at once, except that a backend that changes its mind again and again has
 * to stay SERVING for one interval before it is believed. */
#ifndef OUTRIGGER_UPSTREAM_HEALTH_STATE_H
#define OUTRIGGER_UPSTREAM_HEALTH_STATE_H

#include <stdbool.h>
#include <stdint.h>

#include "upstream/health_conf.h"

struct rng;

struct health_state {
    const struct health_conf *conf;
    bool answered;      /* something is known: it answered, or it failed to */
    bool was_good;      /* it was good once */
    bool healthy;       /* the verdict; before the first answer: may it be used? */
    bool held;          /* SERVING was told too often: believed at hold_until_us */
    uint32_t good, bad; /* results in a row */
    uint32_t rises;     /* changes to healthy by word since rises_from_us */
    uint32_t tries;     /* waits in a row that the backoff stretched */
    int64_t rises_from_us, hold_until_us;
};

void health_state_init(struct health_state *s, const struct health_conf *conf);
/* A probe came back. True: `healthy` or `answered` changed. */
bool health_state_probe(struct health_state *s, bool good);
/* The backend said it itself. True: as above. */
bool health_state_word(struct health_state *s, bool serving, int64_t now_us);
/* Microseconds until a held SERVING counts; -1: none is held. */
int64_t health_state_hold_us(const struct health_state *s, int64_t now_us);
/* That time has come. True: `healthy` changed. */
bool health_state_release(struct health_state *s, int64_t now_us);

/* Microseconds from now to the first probe: random in initialJitter. */
int64_t health_state_first_us(const struct health_state *s, struct rng *rng);
/* Microseconds to the next probe. traffic: calls were sent there since the last one.
 * Until the first good answer the waits begin at 1 s and grow 1.6 times up to the
 * interval: a proxy that starts before its backend serves soon after it. */
int64_t health_state_next_us(struct health_state *s, bool traffic, struct rng *rng);
/* Microseconds to the next try to open a Watch (gRFC A17: at once after a stream that had
 * told something, else 1 s, 1.6 times as long each, 20 % jitter; ours stops at the
 * interval). "At once" is 100 ms: a backend that says one thing and ends the stream must
 * not make a busy loop. had_message resets the backoff. */
int64_t health_state_again_us(struct health_state *s, bool had_message, struct rng *rng);

#endif
