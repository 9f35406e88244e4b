/* SPDX-License-Identifier: Apache-2.0 */
/* grpc/details.h - rich errors: a serialized google.rpc.Status with ErrorInfo, RetryInfo and QuotaFailure, and its base64 for the trailer grpc-status-details-bin.
 * Nothing is allocated. Everything fits in DETAILS_MAX, so that status, message and details together stay below the 8 KiB at which gRPC C-core begins to refuse
 * trailers. Pure; any thread. Source: googleapis google/rpc/status.proto, error_details.proto. */
#ifndef OUTRIGGER_GRPC_DETAILS_H
#define OUTRIGGER_GRPC_DETAILS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compat.h"
#include "base/slice.h"

#define DETAILS_TRAILER "grpc-status-details-bin"

enum {
    DETAILS_MAX = 5120,         /* bytes of a serialized Status */
    DETAILS_MESSAGE_MAX = 1024, /* of them for the message; a longer one is cut */
    DETAILS_METADATA_MAX = 8,   /* pairs in an ErrorInfo */
    DETAILS_FOREIGN_MAX = 16,   /* details of somebody else that are taken over */
    DETAILS_BASE64_MAX = (DETAILS_MAX + 2) / 3 * 4,
};

struct details_pair {
    const char *key;
    struct slice value;
};

/* What is 0 or NULL is left out; so is a text that is not UTF-8 (proto3 strings must be; a client could not read the rest either). */
struct details {
    int code; /* must be the call's grpc-status: clients take a mismatch for an error of ours */
    struct slice
        message; /* plain text, not percent-encoded; each byte that is no UTF-8 becomes U+FFFD */
    const char *reason; /* ErrorInfo: UPPER_SNAKE; NULL: no ErrorInfo */
    const char *domain;
    const struct details_pair *metadata;
    size_t metadata_count; /* at most DETAILS_METADATA_MAX */
    bool retry_known;      /* RetryInfo */
    int64_t retry_ms;      /* less than 0 counts as 0 */
    const char *subject;   /* QuotaFailure: what ran out; NULL: none */
    const char *description;
    const struct slice *foreign; /* serialized google.protobuf.Any, from another Status */
    size_t foreign_count;        /* at most DETAILS_FOREIGN_MAX */
};

/* Writes the serialized Status and returns its length. What does not fit is left out, the least important first: foreign details from the last to the first, the
 * metadata, then whole details; code and message always fit. */
size_t details_build(const struct details *d, uint8_t out[DETAILS_MAX]);
/* Whether these bytes are a google.protobuf.Any that a client can read. What is inside of it is not looked at. */
bool details_is_any(struct slice any);
/* The code of a Status that somebody else made and that is passed on as it is. ERR_SYNTAX: a client could not read it (its message, or one of its details);
 * ERR_LIMIT: longer than DETAILS_MAX. *ret_code is untouched then. */
int details_check(struct slice status, int *ret_code) MUST_CHECK;
/* The pause that somebody else's Status asks for (RetryInfo), from 0 to DETAILS_RETRY_MAX_MS. False: none, or it cannot be read; *ret_ms is untouched then. */
#define DETAILS_RETRY_MAX_MS (24 * 3600 * 1000LL)
bool details_retry(struct slice status, int64_t *ret_ms) MUST_CHECK;
/* The value of DETAILS_TRAILER for it: base64 without padding, no NUL. status.n <= DETAILS_MAX. Returns its length. */
size_t details_base64(struct slice status, char out[DETAILS_BASE64_MAX]);

#endif
