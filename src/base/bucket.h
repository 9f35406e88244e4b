/* SPDX-License-Identifier: Apache-2.0 */
/* base/bucket.h - token bucket in integers: `burst` tokens at most, `rate` per second
 * come back. One thread; base/shared_bucket.h is for many. */
#ifndef OUTRIGGER_BASE_BUCKET_H
#define OUTRIGGER_BASE_BUCKET_H

#include <stdbool.h>
#include <stdint.h>

struct bucket {
    uint32_t burst, rate;
    int64_t micro;   /* tokens x 1,000,000 */
    int64_t last_us; /* time of the last refill */
};

/* full */
void bucket_init(struct bucket *b, uint32_t burst, uint32_t rate, int64_t now_us);
/* Takes n tokens. False when there are fewer: then nothing is taken. */
bool bucket_take(struct bucket *b, uint32_t n, int64_t now_us);
uint32_t bucket_left(const struct bucket *b); /* whole tokens as of the last take */

#endif
