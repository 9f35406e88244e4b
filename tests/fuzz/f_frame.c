/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzz target: the counter of gRPC messages in a byte stream. */
#include "fuzz.h"
#include "grpc/frame.h"

/* Cutting the stream into single bytes changes nothing. */
int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    struct frame_parser whole, cut;

    frame_init(&whole);
    frame_init(&cut);
    frame_feed(&whole, bytes, n);
    for (size_t i = 0; i < n; i++)
        frame_feed(&cut, bytes + i, 1);
    FUZZ_CHECK(whole.messages == cut.messages && whole.left == cut.left);
    FUZZ_CHECK(whole.prefix_seen == cut.prefix_seen && whole.bad_flag == cut.bad_flag);
    FUZZ_CHECK(frame_at_border(&whole) == frame_at_border(&cut));
    return 0;
}
