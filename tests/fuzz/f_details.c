/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzz target: a Status of somebody else is refused or readable, and whatever goes into one of ours, a client can read it. */
#include <stdbool.h>

#include "base/base64.h"
#include "base/err.h"
#include "fuzz.h"
#include "grpc/details.h"

static void
built_is_readable(struct slice in)
{
    struct details_pair pair = { "key", in };
    struct slice foreign[2] = { in, in };
    struct details d = { .code = in.n ? in.p[0] : 3,
                         .message = in,
                         .reason = "REASON",
                         .domain = "fuzz",
                         .metadata = &pair,
                         .metadata_count = 1,
                         .retry_known = true,
                         .retry_ms = (int64_t)in.n,
                         .subject = "subject",
                         .foreign = foreign,
                         .foreign_count = details_is_any(in) ? 2 : 0 };
    uint8_t out[DETAILS_MAX], back[DETAILS_BASE64_MAX];
    char text[DETAILS_BASE64_MAX];
    size_t n = details_build(&d, out), len;
    int64_t ms = -1;
    int code = -1;

    FUZZ_CHECK(n > 0 && n <= DETAILS_MAX);
    FUZZ_CHECK(details_check(slice_make(out, n), &code) == ERR_OK);
    FUZZ_CHECK(code == d.code);
    len = details_base64(slice_make(out, n), text);
    FUZZ_CHECK(len <= DETAILS_BASE64_MAX);
    FUZZ_CHECK(base64_decode(slice_make(text, len), back) == (long)n);
    FUZZ_CHECK(details_retry(slice_make(out, n), &ms) && ms == d.retry_ms);
    FUZZ_CHECK(slice_eq(slice_make(back, n), slice_make(out, n)));
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    struct slice in = slice_make(bytes, n);
    int code = -77, err = details_check(in, &code);
    int64_t ms = -77;
    bool asks = details_retry(in, &ms);

    FUZZ_CHECK(asks ? ms >= 0 && ms <= DETAILS_RETRY_MAX_MS : ms == -77);

    FUZZ_CHECK(err == ERR_OK || err == ERR_SYNTAX || err == ERR_LIMIT);
    FUZZ_CHECK(err == ERR_OK || code == -77);
    FUZZ_CHECK(n <= DETAILS_MAX || err == ERR_LIMIT);
    built_is_readable(in);
    return 0;
}
