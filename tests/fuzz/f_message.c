/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzz target: grpc-message in both directions, and the number of grpc-status. */
#include <string.h>

#include "fuzz.h"
#include "grpc/status.h"

/* An encoded message is printable ASCII, and stays itself when it is decoded and encoded again. */
static void
message_check(struct slice in)
{
    char once[GRPC_MESSAGE_MAX], plain[GRPC_MESSAGE_MAX], twice[GRPC_MESSAGE_MAX];
    size_t n = grpc_message_encode(in, once, sizeof(once)), m;

    FUZZ_CHECK(n <= sizeof(once));
    for (size_t i = 0; i < n; i++)
        FUZZ_CHECK(once[i] >= 0x20 && once[i] <= 0x7e);
    m = grpc_message_decode(slice_make(once, n), plain, sizeof(plain));
    FUZZ_CHECK(m <= n);
    FUZZ_CHECK(grpc_message_encode(slice_make(plain, m), twice, sizeof(twice)) == n);
    FUZZ_CHECK(memcmp(once, twice, n) == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    struct slice in = slice_make(bytes, n);
    char out[64];

    FUZZ_CHECK((int)grpc_code_parse(in) < (int)GRPC_CODE_COUNT);
    FUZZ_CHECK(grpc_message_decode(in, out, sizeof(out)) <= sizeof(out));
    message_check(in);
    return 0;
}
