/* SPDX-License-Identifier: Apache-2.0 */
/* filter/jwt_result.h - what came of looking at a call's token. Each value has a stable reason (ErrorInfo,
 * logs), a label for the counter outrigger_jwt_calls_total, and a sentence for the client that never holds a part of
 * the token. Pure; any thread. */
#ifndef OUTRIGGER_FILTER_JWT_RESULT_H
#define OUTRIGGER_FILTER_JWT_RESULT_H

/* In the order of the rows STAT_JWT_0 of obs/stats.h. */
enum jwt_result {
    JWT_OK,     /* the signature was checked now */
    JWT_CACHED, /* it was checked before */
    JWT_EXCEPTED,
    JWT_NONE, /* no token, and none is needed */
    JWT_MISSING,
    JWT_TWICE,
    JWT_TOO_LARGE,
    JWT_MALFORMED,
    JWT_ALGORITHM,
    JWT_EXTENSION,
    JWT_ISSUER,
    JWT_UNKNOWN_KEY,
    JWT_SIGNATURE,
    JWT_NO_EXPIRY,
    JWT_EXPIRED,
    JWT_NOT_YET,
    JWT_AUDIENCE,
    JWT_CLAIM,
    JWT_NO_KEYS,
    JWT_OLD_KEYS,
    JWT_NO_MEMORY,
    JWT_RESULTS
};

/* The call may go on. */
static inline int
jwt_result_good(enum jwt_result r)
{
    return r <= JWT_NONE;
}

/* Of a refusal only. */
const char *jwt_result_reason(enum jwt_result r); /* "JWT_EXPIRED" */
const char *jwt_result_text(enum jwt_result r);   /* no full stop */

#endif
