/* SPDX-License-Identifier: Apache-2.0 */
/* upstream/outlier_math.h - the arithmetic of gRFC A50 on plain rows: who is ejected at the
 * end of an interval, and who comes back. Pure functions; the caller swaps the buckets
 * before (successes and failures are those of the interval that ended).
 *
 * Where the proposal leaves a choice: a row that is ejected already is not ejected again,
 * and a row that is ejected in this sweep is not brought back in it. */
#ifndef OUTRIGGER_UPSTREAM_OUTLIER_MATH_H
#define OUTRIGGER_UPSTREAM_OUTLIER_MATH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct outlier_conf;
struct rng;

enum outlier_change { OUTLIER_SAME, OUTLIER_BY_RATE, OUTLIER_BY_SHARE, OUTLIER_BACK };

struct outlier_row {
    uint64_t successes, failures; /* of this interval */
    bool ejected;
    int64_t ejected_at_us;
    uint32_t multiplier;        /* ejections, less the quiet intervals since */
    enum outlier_change change; /* out: what outlier_sweep did */
};

/* May one more be ejected, when `ejected` of n are? At least one always, unless the cap is
 * 0. */
bool outlier_may_eject(const struct outlier_conf *c, size_t ejected, size_t n);
/* Notes one more ejection in the row. */
void outlier_eject(struct outlier_row *r, int64_t now_us);
/* How long the row is out, from ejected_at_us on. */
int64_t outlier_ejection_us(const struct outlier_conf *c, const struct outlier_row *r);
/* Mean of the success shares less stdevFactor population standard deviations, over the
 * rows with enough calls. False: too few of them. */
bool outlier_rate_floor(const struct outlier_conf *c, const struct outlier_row *v,
                        size_t n, double *ret_floor);
/* One interval has passed: success rate, failure percentage, then decay and return.
 * Sets change of every row. */
void outlier_sweep(const struct outlier_conf *c, struct outlier_row *v, size_t n,
                   int64_t now_us, struct rng *rng);

#endif
