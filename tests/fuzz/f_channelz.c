/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzz target: requests of channelz, and answers with any bytes as names: whatever is written can be read again. */
#include <string.h>

#include "base/err.h"
#include "base/strbuf.h"
#include "base/utf8.h"
#include "fuzz.h"
#include "grpc/channelz.h"

enum { NAME_ROOM = 200 };

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    struct channelz_ref ref = { 3, "" };
    char name[NAME_ROOM + 1];
    int64_t f[3] = { 7, 7, 7 }, again[3];
    size_t len = n < NAME_ROOM ? n : NAME_ROOM;
    struct strbuf out;

    if (channelz_request_decode(slice_make(bytes, n), f) != ERR_OK)
        FUZZ_CHECK(f[0] == 7 && f[1] == 7 && f[2] == 7);
    for (unsigned kind = 0; kind < 4; kind++) {
        uint64_t number = (uint64_t)f[0] >> 3;

        FUZZ_CHECK(channelz_id_number(channelz_id((enum channelz_kind)kind, number)) ==
                   number);
        FUZZ_CHECK(channelz_id_kind(channelz_id((enum channelz_kind)kind, number)) ==
                   (enum channelz_kind)kind);
    }
    memcpy(name, bytes, len);
    name[len] = '\0';
    ref.name = name;
    strbuf_init(&out, 1024);
    channelz_put_socket_ref(&ref, &out);
    channelz_put_end(&out);
    FUZZ_CHECK(!out.cut);
    /* To a reader of numbers: a message it does not know, and field 2. */
    FUZZ_CHECK((size_t)out.len <= 2 + 2 + 3 + (size_t)NAME_ROOM + 2);
    FUZZ_CHECK(out.len > 2 + strlen(name) || !utf8_valid(slice_of(name)));
    FUZZ_CHECK(channelz_request_decode(slice_make(out.s + out.len - 2, 2), again) ==
               ERR_OK);
    FUZZ_CHECK(again[1] == 1);
    strbuf_done(&out);
    return 0;
}
