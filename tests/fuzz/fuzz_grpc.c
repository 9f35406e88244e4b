/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_grpc.c - the small parsers of src/grpc. The first byte picks one, the rest is its input. */
#include <string.h>

#include "fuzz.h"
#include "grpc/frame.h"
#include "grpc/path.h"
#include "grpc/status.h"
#include "grpc/timeout.h"

/* What we write never gives more time than what we read, and we can read it. */
static void
timeout_check(struct slice in)
{
    int64_t ns, again;
    char text[TIMEOUT_TEXT_MAX];
    size_t n;

    if (timeout_parse(in, &ns) != 0)
        return;
    FUZZ_CHECK(ns >= 0);
    n = timeout_format(ns, text);
    if (n == 0) {
        FUZZ_CHECK(ns == 0);
        return;
    }
    FUZZ_CHECK(n < sizeof(text));
    FUZZ_CHECK(timeout_parse(slice_make(text, n), &again) == 0);
    FUZZ_CHECK(again > 0 && again <= ns);
}

static void
path_check(struct slice in)
{
    struct slice service, method;

    if (path_split(in, &service, &method) != 0)
        return;
    FUZZ_CHECK(service.n > 0 && method.n > 0);
    FUZZ_CHECK(service.n + method.n + 2 == in.n);
    FUZZ_CHECK(!memchr(service.p, '/', service.n) && !memchr(method.p, '/', method.n));
}

/* Cutting the stream into single bytes changes nothing. */
static void
frame_check(struct slice in)
{
    struct frame_parser whole, cut;

    frame_init(&whole);
    frame_init(&cut);
    frame_feed(&whole, in.p, in.n);
    for (size_t i = 0; i < in.n; i++)
        frame_feed(&cut, in.p + i, 1);
    FUZZ_CHECK(whole.messages == cut.messages && whole.left == cut.left);
    FUZZ_CHECK(whole.prefix_seen == cut.prefix_seen && whole.bad_flag == cut.bad_flag);
    FUZZ_CHECK(frame_at_border(&whole) == frame_at_border(&cut));
}

/* An encoded message is printable ASCII, and stays itself when it is decoded and encoded again. */
static void
message_check(struct slice in)
{
    char once[GRPC_MESSAGE_MAX], plain[GRPC_MESSAGE_MAX], twice[GRPC_MESSAGE_MAX];
    size_t n = grpc_message_encode(in, once, sizeof(once)), m;

    FUZZ_CHECK(n <= sizeof(once));
    for (size_t i = 0; i < n; i++)
        FUZZ_CHECK(once[i] >= 0x20 && once[i] <= 0x7e);
    m = grpc_message_decode(slice_make(once, n), plain, sizeof(plain));
    FUZZ_CHECK(m <= n);
    FUZZ_CHECK(grpc_message_encode(slice_make(plain, m), twice, sizeof(twice)) == n);
    FUZZ_CHECK(memcmp(once, twice, n) == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    struct slice in = n ? slice_make(bytes + 1, n - 1) : slice_make(bytes, 0);
    char out[64];

    switch (n ? bytes[0] : 0) {
    case 't':
        timeout_check(in);
        break;
    case 'p':
        path_check(in);
        break;
    case 'c':
        if (content_type_is_grpc(in))
            FUZZ_CHECK(in.n >= strlen("application/grpc"));
        break;
    case 's':
        FUZZ_CHECK((int)grpc_code_parse(in) < (int)GRPC_CODE_COUNT);
        break;
    case 'd':
        FUZZ_CHECK(grpc_message_decode(in, out, sizeof(out)) <= sizeof(out));
        break;
    case 'f':
        frame_check(in);
        break;
    default:
        message_check(in);
    }
    return 0;
}
