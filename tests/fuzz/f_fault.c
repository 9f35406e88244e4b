/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzz target: any lines "name:value" as headers of a request that asks for faults. What is asked for is in its range, and nothing of it is left for a backend. */
#include <string.h>

#include "base/slab.h"
#include "filter/fault_header.h"
#include "fuzz.h"
#include "h2/edit.h"

enum { FIELDS_MAX = 64 };

static int
asks(const struct h2_entry *e)
{
    struct slice name = slice_make(e->f.name, e->f.namelen);

    return slice_starts(name, "x-envoy-fault-") ||
           slice_starts(name, "x-outrigger-fault-");
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    struct slab *slab = slab_new();
    struct h2_headers h = { 0 };
    struct fault_wish w;
    unsigned others = 0;
    int any = 0;

    for (size_t at = 0; at < n && h.n < FIELDS_MAX;) {
        const uint8_t *stop = memchr(bytes + at, '\n', n - at);
        size_t len = stop ? (size_t)(stop - (bytes + at)) : n - at;
        const uint8_t *colon = memchr(bytes + at, ':', len);
        size_t name = colon ? (size_t)(colon - (bytes + at)) : len;

        if (h2_headers_add(&h, slab, slice_make(bytes + at, name),
                           slice_make(bytes + at + name + (colon != NULL),
                                      len - name - (colon != NULL)),
                           0) == 0) {
            others += !asks(&h.v[h.n - 1]);
            any |= asks(&h.v[h.n - 1]);
        }
        at += len + 1;
    }
    FUZZ_CHECK(fault_header_take(&h, &w) == any);
    FUZZ_CHECK(h.n == others);
    for (unsigned i = 0; i < h.n; i++)
        FUZZ_CHECK(!asks(&h.v[i]));
    FUZZ_CHECK(w.delay_ms >= -1 && w.delay_ms <= 24 * 3600 * 1000);
    FUZZ_CHECK(w.delay_percent >= -1 && w.delay_percent <= 100);
    FUZZ_CHECK(w.abort_percent >= -1 && w.abort_percent <= 100);
    FUZZ_CHECK(w.code >= -1 && w.code <= 16);
    FUZZ_CHECK(any || (w.code == -1 && w.delay_ms == -1));
    h2_headers_done(&h, slab);
    slab_free(slab);
    return 0;
}
