/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzz target: any bytes as Accept and as Accept-Encoding. Only who names a format, or a wildcard for gzip, gets it; spaces around the list change nothing. */
#include <string.h>
#include <strings.h>

#include "admin/accept.h"
#include "fuzz.h"

static int
names(const uint8_t *bytes, size_t n, const char *word)
{
    size_t m = strlen(word);

    for (size_t i = 0; i + m <= n; i++) {
        if (strncasecmp((const char *)bytes + i, word, m) == 0)
            return 1;
    }
    return 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    struct slice list = slice_make(bytes, n);
    bool open = accept_openmetrics(list), gzip = accept_gzip(list);
    static uint8_t wide[65536];

    FUZZ_CHECK(!open || names(bytes, n, "application/openmetrics-text"));
    FUZZ_CHECK(!gzip || names(bytes, n, "gzip") || names(bytes, n, "*"));
    if (n + 3 <= sizeof(wide)) {
        wide[0] = ' ';
        wide[1] = '\t';
        if (n)
            memcpy(wide + 2, bytes, n);
        wide[n + 2] = ' ';
        FUZZ_CHECK(accept_openmetrics(slice_make(wide, n + 3)) == open);
        FUZZ_CHECK(accept_gzip(slice_make(wide, n + 3)) == gzip);
    }
    return 0;
}
