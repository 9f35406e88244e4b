/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzz target: answers of an authorization service, and requests about calls with any bytes. A refusal never has the status OK, and what a client gets can be read. */
#include <stdbool.h>
#include <string.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/slab.h"
#include "base/strbuf.h"
#include "fuzz.h"
#include "grpc/authz.h"
#include "grpc/details.h"
#include "grpc/status.h"

enum { ARENA_CAP = 256 * 1024, OUT_CAP = 64 * 1024 };

static size_t
touch(struct slice s)
{
    size_t sum = s.n;

    for (size_t i = 0; i < s.n; i++)
        sum += s.p[i];
    return sum;
}

static void
edits_check(struct authz_edits e)
{
    FUZZ_CHECK(e.n <= AUTHZ_EDITS_MAX);
    for (size_t i = 0; i < e.n; i++) {
        FUZZ_CHECK(e.v[i].action <= AUTHZ_SET_IF_THERE);
        FUZZ_CHECK(touch(e.v[i].name) + touch(e.v[i].value) < SIZE_MAX);
    }
}

static void
answer_check(const struct authz_answer *a)
{
    edits_check(a->request);
    edits_check(a->response);
    FUZZ_CHECK(a->remove_count <= AUTHZ_EDITS_MAX);
    for (size_t i = 0; i < a->remove_count; i++)
        FUZZ_CHECK(touch(a->remove[i]) < SIZE_MAX);
    FUZZ_CHECK(a->detail_count <= AUTHZ_DETAILS_MAX);
    for (size_t i = 0; i < a->detail_count; i++)
        FUZZ_CHECK(details_is_any(a->details[i]));
    FUZZ_CHECK(touch(a->message) < SIZE_MAX);
    FUZZ_CHECK(authz_answer_code(a) > GRPC_OK && authz_answer_code(a) < GRPC_CODE_COUNT);
    FUZZ_CHECK(a->verdict != AUTHZ_ALLOWED || (a->code == 0 && a->http_status == 0));
    FUZZ_CHECK(a->verdict == AUTHZ_ALLOWED ||
               (a->request.n == 0 && a->remove_count == 0));
}

/* A request about a call whose texts are these bytes is a message. */
static void
request_check(struct slice in, struct arena *arena)
{
    struct authz_pair pair = { in, in };
    struct authz_request r = { .source = { .address = in, .principal = in },
                               .destination = { .address = in, .is_path = true },
                               .path = in,
                               .headers = &pair,
                               .header_count = 1,
                               .extensions = &pair,
                               .extension_count = 1,
                               .sni = in };
    struct strbuf out;
    int rv;

    strbuf_init(&out, OUT_CAP);
    rv = authz_request_encode(&r, arena, &out);
    FUZZ_CHECK(rv == ERR_OK || rv == ERR_LIMIT || rv == ERR_NOMEM);
    FUZZ_CHECK(rv != ERR_OK || out.len > in.n);
    strbuf_done(&out);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    struct slab *slab = slab_new();
    struct authz_answer a = { .code = -77 };
    struct arena arena;
    int rv;

    arena_init(&arena, slab, NULL, 0, n % 3 ? ARENA_CAP : 512);
    rv = authz_answer_decode(slice_make(bytes, n), &arena, &a);
    FUZZ_CHECK(rv == ERR_OK || rv == ERR_SYNTAX || rv == ERR_LIMIT || rv == ERR_NOMEM);
    if (rv == ERR_OK)
        answer_check(&a);
    else
        FUZZ_CHECK(a.code == -77);
    request_check(slice_make(bytes, n), &arena);
    arena_reset(&arena);
    slab_free(slab);
    return 0;
}
