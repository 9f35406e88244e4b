/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzz target: what a backend says about trying again, in trailers of any shape. The decision keeps its promises: never past the deadline, never over the number of
 * attempts, never against a pushback; a delay that was asked for is exactly that. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/rand.h"
#include "filter/retry_policy.h"
#include "h2/headers.h"
#include "upstream/retry_guard.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void
must(bool true_)
{
    if (!true_)
        abort();
}

/* Only the canonical text of a number that fits is one. */
static void
check_pushback(struct slice v)
{
    struct retry_pushback p = retry_pushback_parse(v);
    char back[32];

    if (p.kind == PUSHBACK_NEVER)
        return;
    snprintf(back, sizeof(back), "%lld", (long long)(p.us / 1000));
    must(p.kind == PUSHBACK_AFTER && p.us % 1000 == 0 && slice_eq_str(v, back));
}

/* Fields are cut at line ends; the first byte of each says what its name is. */
static struct retry_pushback
read_trailers(const uint8_t *data, size_t n)
{
    static const char name[] = "grpc-retry-pushback-ms";
    struct h2_entry v[16];
    struct h2_headers h = { .v = v };
    unsigned values = 0;

    while (n > 0 && h.n < 16) {
        const uint8_t *end = memchr(data, '\n', n);
        size_t len = end ? (size_t)(end - data) : n;
        bool is = len > 0 && data[0] & 1;

        if (len > 0) {
            v[h.n++] = (struct h2_entry){
                .f = { .name =
                           (uint8_t *)(uintptr_t)(is ? name : "x-other-retry-pushback"),
                       .value = (uint8_t *)(uintptr_t)(data + 1),
                       .namelen = sizeof(name) - 1,
                       .valuelen = len - 1 },
            };
            values += is;
            check_pushback(slice_make(data + 1, len - 1));
        }
        data += len + (end ? 1 : 0);
        n -= len + (end ? 1 : 0);
    }
    {
        struct retry_pushback p = retry_pushback_find(&h);

        must((values == 0) == (p.kind == PUSHBACK_NONE));
        must(values < 2 || p.kind == PUSHBACK_NEVER);
        return p;
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static const struct retry_policy policy = { .max_attempts = 5,
                                                .codes = 1u << 14 | 1u << 8,
                                                .initial_us = 1000,
                                                .max_us = 50000,
                                                .multiplier = 1.5 };
    struct retry_load load = { 0 };
    struct retry_guard guard;
    struct retry_progress at = { 0 };
    struct retry_end end = { 0 };
    int64_t left, delay = -1;
    struct rng rng;

    if (n < 4)
        return 0;
    rng_seed(&rng, data[0]);
    retry_guard_init(&guard, data[1] & 7, 0.1, 20, 3, &load, 1);
    at.attempts = 1 + data[2] % 6;
    end.code = 1 + data[2] / 8 % 20;
    left = (int64_t)data[3] * 1000;
    end.pushback = read_trailers(data + 4, n - 4);
    if (retry_decide(&policy, &at, &end, &guard, left, &rng, &delay) != RETRY_AGAIN) {
        must(delay == -1);
        return 0;
    }
    must(delay >= 0 && delay < left && at.attempts < 5);
    must(end.code == 14 || end.code == 8);
    must(end.pushback.kind != PUSHBACK_NEVER);
    must(end.pushback.kind == PUSHBACK_NONE ? delay <= 60000 : delay == end.pushback.us);
    return 0;
}
