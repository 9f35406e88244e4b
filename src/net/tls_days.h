/* SPDX-License-Identifier: Apache-2.0 */
/* net/tls_days.h - how long a certificate is still good, and when to speak of it: 14, 7 and 1
 * days before its end and after it. Pure; any thread. */
#ifndef OUTRIGGER_NET_TLS_DAYS_H
#define OUTRIGGER_NET_TLS_DAYS_H

#include <stdint.h>

enum tls_stage { /* each is worse than the one before */
                 TLS_STAGE_FINE,
                 TLS_STAGE_14_DAYS,
                 TLS_STAGE_7_DAYS,
                 TLS_STAGE_1_DAY,
                 TLS_STAGE_EXPIRED
};

/* Both are seconds since 1970. A certificate is good until not_after_s is over. */
enum tls_stage tls_stage_at(int64_t not_after_s, int64_t now_s);
/* Whole days that are left, 0 on the last one; below 0: so many days ago, begun ones count. */
int64_t tls_days_left(int64_t not_after_s, int64_t now_s);

#endif
