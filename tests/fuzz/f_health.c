/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzz target: answers and requests of grpc.health.v1, as a backend or a client may send them.
 * The answer is read a second time by a small reader of protobuf here: both must agree. */
#include <stdbool.h>
#include <string.h>

#include "base/strbuf.h"
#include "fuzz.h"
#include "grpc/health.h"

static bool
read_varint(struct slice *in, uint64_t *ret)
{
    uint64_t v = 0;

    for (unsigned i = 0; i < 10 && i < in->n; i++) {
        v |= (uint64_t)(in->p[i] & 0x7f) << (7 * i);
        if (!(in->p[i] & 0x80)) {
            *in = slice_make(in->p + i + 1, in->n - i - 1);
            *ret = v;
            return true;
        }
    }
    return false;
}

/* The last status of a message whose fields all are varints in their shortest form; false:
 * something else is in it, which this reader does not judge. */
static bool
plain_status(struct slice in, uint64_t *ret)
{
    *ret = 0;
    while (in.n > 0) {
        uint64_t value;
        uint8_t tag = in.p[0];

        if (tag != 0x08) /* field 1, varint */
            return false;
        in = slice_make(in.p + 1, in.n - 1);
        if (!read_varint(&in, &value) || value > 1000)
            return false;
        *ret = value;
    }
    return true;
}

static void
check_response(struct slice in)
{
    enum health_status status = HEALTH_UNKNOWN, again = HEALTH_UNKNOWN;
    struct strbuf out;
    uint64_t plain;
    int rv = health_response_decode(in, &status);

    if (plain_status(in, &plain)) {
        FUZZ_CHECK(rv == 0);
        FUZZ_CHECK((uint64_t)status == (plain <= HEALTH_SERVICE_UNKNOWN ? plain : 0));
    }
    if (rv != 0)
        return;
    FUZZ_CHECK(status >= HEALTH_UNKNOWN && status <= HEALTH_SERVICE_UNKNOWN);
    strbuf_init(&out, 100);
    health_response_encode(status, &out);
    FUZZ_CHECK(health_response_decode(slice_make(out.s, out.len), &again) == 0);
    FUZZ_CHECK(status == again);
    strbuf_done(&out);
}

static void
check_request(struct slice in)
{
    struct strbuf service, out, again;

    strbuf_init(&service, 100000);
    strbuf_init(&out, 100000);
    strbuf_init(&again, 100000);
    strbuf_puts(&service, "");
    if (health_request_decode(in, &service) == 0) {
        health_request_encode(slice_make(service.s, service.len), &out);
        FUZZ_CHECK(health_request_decode(slice_make(out.s, out.len), &again) == 0);
        FUZZ_CHECK(service.len == again.len);
        FUZZ_CHECK(again.len == 0 || memcmp(service.s, again.s, again.len) == 0);
    }
    strbuf_done(&service);
    strbuf_done(&out);
    strbuf_done(&again);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    check_response(slice_make(bytes, n));
    check_request(slice_make(bytes, n));
    return 0;
}
