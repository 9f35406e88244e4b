/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzz target: heads of requests to the probe port. However the bytes are cut on their way, the result is the same, and nothing points out of them. */
#include <string.h>

#include "admin/probe_http.h"
#include "base/err.h"
#include "fuzz.h"

static void
check_inside(struct slice s, const uint8_t *bytes, size_t n)
{
    FUZZ_CHECK(!s.p || (s.p >= bytes && s.p + s.n <= bytes + n));
}

static void
check_request(const struct probe_request *r, const uint8_t *bytes)
{
    FUZZ_CHECK(r->size > 0 && r->size <= PROBE_HEAD_MAX);
    FUZZ_CHECK(bytes[r->size - 1] == '\n');
    FUZZ_CHECK(r->path.n > 0 && r->path.p[0] == '/' && !(r->get && r->head));
    FUZZ_CHECK(!memchr(r->path.p, '?', r->path.n));
    check_inside(r->path, bytes, r->size);
    check_inside(r->query, bytes, r->size);
    check_inside(r->accept, bytes, r->size);
    check_inside(r->accept_encoding, bytes, r->size);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    struct probe_request whole, part;
    int rv = probe_request_parse(bytes, n, &whole), before = ERR_AGAIN;
    enum probe_protocol spoken = probe_sniff(bytes, n);

    FUZZ_CHECK(n < 3 || spoken != PROBE_UNDECIDED);
    FUZZ_CHECK(spoken != PROBE_HTTP2 || rv != ERR_OK || memcmp(bytes, "PRI", 3) == 0);
    if (rv == ERR_OK)
        check_request(&whole, bytes);
    for (size_t k = 0; k <= n && k <= PROBE_HEAD_MAX; k++) {
        int now = probe_request_parse(bytes, k, &part);

        /* Once decided, more bytes change nothing. */
        FUZZ_CHECK(before == ERR_AGAIN || now == before);
        FUZZ_CHECK(now != ERR_OK || (part.size <= k && part.size == whole.size));
        before = now;
    }
    FUZZ_CHECK(n > PROBE_HEAD_MAX || before == rv);
    return 0;
}
