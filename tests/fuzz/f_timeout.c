/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzz target: grpc-timeout.  What is read can be written, and the written form never says
 * more. */
#include <stdint.h>
#include <stdlib.h>

#include "grpc/timeout.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    char out[TIMEOUT_TEXT_MAX];
    int64_t ns, back;
    size_t len;

    if (timeout_parse(slice_make(data, n), &ns) != 0)
        return 0;
    len = timeout_format(ns, out);
    if (ns <= 0 ? ns < 0 || len != 0
                : timeout_parse(slice_make(out, len), &back) != 0 || back > ns)
        abort();
    return 0;
}
