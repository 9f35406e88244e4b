/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzz target: load reports of backends in all their forms. Numbers that come out are finite and not negative. */
#include <math.h>
#include <stdbool.h>

#include "base/err.h"
#include "fuzz.h"
#include "grpc/orca.h"

static void
load_check(int err, const struct orca_load *load)
{
    if (err != ERR_OK) {
        FUZZ_CHECK(err == ERR_SYNTAX);
        FUZZ_CHECK(load->qps < 0 && load->eps < 0 && load->utilization < 0);
        return;
    }
    FUZZ_CHECK(isfinite(load->qps) && load->qps >= 0);
    FUZZ_CHECK(isfinite(load->eps) && load->eps >= 0);
    FUZZ_CHECK(isfinite(load->utilization) && load->utilization >= 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    static const char *const wanted[] = { "named_metrics.queue", "utilization.disk",
                                          "mem_utilization" };
    const struct orca_names names = { .v = wanted, .n = 3 };
    const struct orca_load before = { .qps = -1, .eps = -1, .utilization = -1 };
    struct slice in = slice_make(bytes, n);
    struct orca_load load = before;

    load_check(orca_read_message(in, &names, &load), &load);
    load = before;
    load_check(orca_read_base64(in, &names, &load), &load);
    load = before;
    load_check(orca_read_text(in, &names, &load), &load);
    return 0;
}
