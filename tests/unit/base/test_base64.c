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

static void
url_has_its_own_letters_and_one_text_for_the_same_bytes(void **state)
{
    static const struct {
        const char *bytes, *text;
    } good[] = {
        { "", "" },
        { "f", "Zg" },
        { "fo", "Zm8" },
        { "foo", "Zm9v" },
        { "foobar", "Zm9vYmFy" },
        { "\xff\xef\xbe", "_---" },
        { "\xfb\xff", "-_8" },
    };
    static const char *const bad[] = {
        "Z",  "Zg==", "Zm8=",  "Zm9v=", "/+++", "Zm9+",   "Z g",      "Zm9v ", " Zm9v",
        "Zh", "Zm9",  "Zm9vZ", "Zm9\n", "Zm.v", "Zm9vYh", "\xc3\xa4", "=",
    };
    uint8_t back[16];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        struct slice bytes = slice_of(good[i].bytes);

        assert_int_equal(base64url_decode(slice_of(good[i].text), back), bytes.n);
        assert_memory_equal(back, bytes.p, bytes.n);
    }
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_int_equal(base64url_decode(slice_of(bad[i]), back), -1);
}

static void
url_knows_64_letters(void **state)
{
    unsigned letters = 0;
    uint8_t back[3];

    (void)state;
    for (unsigned c = 0; c < 256; c++) {
        const uint8_t text[4] = { 'A', 'A', 'A', (uint8_t)c };

        letters += base64url_decode(slice_make(text, 4), back) == 3;
    }
    assert_int_equal(letters, 64);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_values_go_both_ways),
        cmocka_unit_test(what_is_not_base64_is_refused),
        cmocka_unit_test(url_has_its_own_letters_and_one_text_for_the_same_bytes),
        cmocka_unit_test(url_knows_64_letters),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
