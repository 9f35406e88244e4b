/* SPDX-License-Identifier: Apache-2.0 */
/* base/base64.h - base64 as in the values of gRPC headers whose names end in -bin (RFC 4648
 * section 4; grpc-spec 1.4). Pure; any thread. */
#ifndef OUTRIGGER_BASE_BASE64_H
#define OUTRIGGER_BASE_BASE64_H

#include "base/slice.h"

/* Decodes into out, which has room for 3/4 of the text. Padding may be left out, but when it
 * is there it must be right. Returns the number of bytes; -1: not base64. */
long base64_decode(struct slice text, uint8_t *out);
/* Encodes without padding, no NUL. Returns base64_encoded_len(bytes.n). */
size_t base64_encode(struct slice bytes, char *out);

static inline size_t
base64_encoded_len(size_t n)
{
    return n / 3 * 4 + (n % 3 ? n % 3 + 1 : 0);
}

/* The same for base64url as JOSE has it (RFC 7515 section 2; RFC 4648 section 5): no padding, and one
 * text only for the same bytes, so bits of the last character that mean nothing must be 0. */
long base64url_decode(struct slice text, uint8_t *out);

#endif
