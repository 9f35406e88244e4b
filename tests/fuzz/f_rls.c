/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzz target: answers of a rate limit service, and requests with any bytes. */
#include <stdbool.h>
#include <string.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/slab.h"
#include "base/strbuf.h"
#include "fuzz.h"
#include "grpc/rls.h"

enum { ARENA_CAP = 256 * 1024, OUT_CAP = 64 * 1024 };

static void
pairs_check(const struct rls_pair *v, size_t n)
{
    size_t sum = 0;

    FUZZ_CHECK(n <= RLS_HEADERS_MAX);
    for (size_t i = 0; i < n; i++) {
        for (size_t k = 0; k < v[i].name.n; k++)
            sum += v[i].name.p[k];
        for (size_t k = 0; k < v[i].value.n; k++)
            sum += v[i].value.p[k];
    }
    FUZZ_CHECK(sum < SIZE_MAX);
}

static void
answer_check(const struct rls_answer *a)
{
    FUZZ_CHECK(a->limit.reset_known || a->limit.reset_ms == 0);
    FUZZ_CHECK(a->limit.reset_ms >= 0);
    FUZZ_CHECK(a->limit.unit_s >= 0);
    FUZZ_CHECK(a->limit.name.n == 0 || a->limit.name.p);
    pairs_check(a->response, a->response_count);
    pairs_check(a->request, a->request_count);
}

static void
request_check(struct slice in, struct arena *arena)
{
    struct rls_pair pairs[2] = { { in, in }, { in, in } };
    struct rls_descriptor d = { pairs, 2 };
    struct strbuf out;
    int rv;

    strbuf_init(&out, OUT_CAP);
    rv = rls_request_encode(in, &d, 1, 1, arena, &out);
    FUZZ_CHECK(rv == ERR_OK || rv == ERR_LIMIT || rv == ERR_NOMEM);
    FUZZ_CHECK(rv != ERR_OK || out.len > in.n);
    strbuf_done(&out);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    struct slab *slab = slab_new();
    struct rls_answer a = { .response_count = 77 };
    struct arena arena;
    int rv;

    arena_init(&arena, slab, NULL, 0, n % 3 ? ARENA_CAP : 512);
    rv = rls_answer_decode(slice_make(bytes, n), &arena, &a);
    FUZZ_CHECK(rv == ERR_OK || rv == ERR_SYNTAX || rv == ERR_LIMIT || rv == ERR_NOMEM);
    if (rv == ERR_OK)
        answer_check(&a);
    else
        FUZZ_CHECK(a.response_count == 77);
    request_check(slice_make(bytes, n), &arena);
    arena_reset(&arena);
    slab_free(slab);
    return 0;
}
