/* SPDX-License-Identifier: Apache-2.0 */
/* net/tls_days.c - see tls_days.h */
#include "net/tls_days.h"

static const int64_t DAY_S = 24 * 3600;

enum tls_stage
tls_stage_at(int64_t not_after_s, int64_t now_s)
{
    int64_t left = not_after_s - now_s;

    if (left < 0)
        return TLS_STAGE_EXPIRED;
    if (left <= DAY_S)
        return TLS_STAGE_1_DAY;
    if (left <= 7 * DAY_S)
        return TLS_STAGE_7_DAYS;
    return left <= 14 * DAY_S ? TLS_STAGE_14_DAYS : TLS_STAGE_FINE;
}

int64_t
tls_days_left(int64_t not_after_s, int64_t now_s)
{
    int64_t left = not_after_s - now_s;

    return left >= 0 ? left / DAY_S : -((-left + DAY_S - 1) / DAY_S);
}
