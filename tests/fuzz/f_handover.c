/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzz target: the lines of a binary upgrade.  Whatever is read is written the same. */
#include <string.h>

#include "fuzz.h"
#include "main/handover_line.h"

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    char out[HANDOVER_LINE_MAX];
    struct handover_line m;

    if (handover_line_parse((const char *)bytes, n, &m) != 0)
        return 0;
    FUZZ_CHECK(handover_line_format(&m, out) == n + 1);
    FUZZ_CHECK(memcmp(out, bytes, n) == 0 && out[n] == '\n');
    return 0;
}
