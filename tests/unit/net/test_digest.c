/* SPDX-License-Identifier: Apache-2.0 */
/* SHA-256 against the examples of FIPS 180-4, and the comparison of secrets. */
#include "unit.h"

#include <string.h>

#include "base/compat.h"
#include "net/digest.h"

static void
the_published_examples(void **state)
{
    static const struct {
        const char *text, *hex;
    } cases[] = {
        { "", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" },
        { "abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" },
        { "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
          "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1" },
    };
    struct digest *d = digest_new();

    (void)state;
    for (unsigned round = 0; round < 2; round++) { /* one digest serves again and again */
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
            uint8_t out[SHA256_LEN];
            char hex[2 * SHA256_LEN + 1];

            assert_true(digest_sha256(d, slice_of(cases[i].text), out));
            for (unsigned k = 0; k < SHA256_LEN; k++)
                snprintf(hex + 2 * k, 3, "%02x", out[k]);
            assert_string_equal(hex, cases[i].hex);
        }
    }
    digest_free(d);
    digest_free(NULL);
}

static void
secrets_are_equal_only_in_every_byte(void **state)
{
    uint8_t a[SHA256_LEN], b[SHA256_LEN];

    (void)state;
    memset(a, 7, sizeof(a));
    memcpy(b, a, sizeof(a));
    assert_true(secret_equal(a, b, sizeof(a)));
    for (unsigned i = 0; i < 8 * SHA256_LEN; i++) {
        b[i / 8] ^= (uint8_t)(1 << i % 8);
        assert_false(secret_equal(a, b, sizeof(a)));
        b[i / 8] ^= (uint8_t)(1 << i % 8);
    }
    assert_true(secret_equal(a, "", 0));
    secret_wipe(a, sizeof(a));
    for (unsigned i = 0; i < SHA256_LEN; i++)
        assert_int_equal(a[i], 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_published_examples),
        cmocka_unit_test(secrets_are_equal_only_in_every_byte),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
