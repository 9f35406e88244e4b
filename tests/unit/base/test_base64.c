/* SPDX-License-Identifier: Apache-2.0 */
/* base64: the vectors of RFC 4648 section 10, both ways, and what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/base64.h"
#include "base/compat.h"

static void
known_values_go_both_ways(void **state)
{
    static const struct {
        const char *bytes, *text, *padded;
    } rows[] = {
        { "", "", "" },
        { "f", "Zg", "Zg==" },
        { "fo", "Zm8", "Zm8=" },
        { "foo", "Zm9v", "Zm9v" },
        { "foob", "Zm9vYg", "Zm9vYg==" },
        { "fooba", "Zm9vYmE", "Zm9vYmE=" },
        { "foobar", "Zm9vYmFy", "Zm9vYmFy" },
        { "\xff\xef\xbe", "/+++", "/+++" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct slice bytes = slice_of(rows[i].bytes), text = slice_of(rows[i].text);
        uint8_t back[16];
        char out[16];

        assert_int_equal(base64_encoded_len(bytes.n), text.n);
        assert_int_equal(base64_encode(bytes, out), text.n);
        assert_memory_equal(out, text.p, text.n);
        assert_int_equal(base64_decode(text, back), bytes.n);
        assert_memory_equal(back, bytes.p, bytes.n);
        assert_int_equal(base64_decode(slice_of(rows[i].padded), back), bytes.n);
    }
}

static void
what_is_not_base64_is_refused(void **state)
{
    static const char *const rows[] = {
        "Z", "Zg=", "Zg===", "Zm9v=", "Zm9-", "Z g", "="
    };
    uint8_t back[16];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        assert_int_equal(base64_decode(slice_of(rows[i]), back), -1);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_values_go_both_ways),
        cmocka_unit_test(what_is_not_base64_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
