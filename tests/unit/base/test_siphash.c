/* SPDX-License-Identifier: Apache-2.0 */
/* SipHash: the published vectors, and secrets that differ. */
#include "unit.h"

#include <string.h>

#include "base/compat.h"
#include "base/siphash.h"

static void
gives_the_published_values(void **state)
{
    /* Key 00 01 ... 0f, message 00 01 ... n - 1. */
    static const struct {
        size_t n;
        const char *hex;
    } vectors[] = {
        { 0, "a3817f04ba25a8e66df67214c7550293" },
        { 1, "da87c1d86b99af44347659119b22fc45" },
        { 7, "a1f1ebbed8dbc153c0b84aa61ff08239" },
        { 8, "3b62a9ba6258f5610f83e264f31497b4" },
        { 15, "5493e99933b0a8117e08ec0f97cfc3d9" },
        { 63, "5150d1772f50834a503e069a973fbd7c" },
    };
    const struct sip_secret secret = { UINT64_C(0x0706050403020100),
                                       UINT64_C(0x0f0e0d0c0b0a0908) };
    uint8_t text[64];

    (void)state;
    for (size_t i = 0; i < sizeof(text); i++)
        text[i] = (uint8_t)i;
    for (size_t i = 0; i < ARRAY_LEN(vectors); i++) {
        struct sip_hash h = sip_hash(&secret, text, vectors[i].n);
        char hex[33];

        snprintf(hex, sizeof(hex), "%016llx%016llx",
                 (unsigned long long)__builtin_bswap64(h.lo),
                 (unsigned long long)__builtin_bswap64(h.hi));
        assert_string_equal(hex, vectors[i].hex);
    }
}

static void
secrets_differ(void **state)
{
    struct sip_secret a = { 0 }, b = { 0 };

    (void)state;
    sip_secret_make(&a);
    sip_secret_make(&b);
    assert_memory_not_equal(&a, &b, sizeof(a));
    assert_false(sip_hash_equal(sip_hash(&a, "x", 1), sip_hash(&b, "x", 1)));
    assert_true(sip_hash_equal(sip_hash(&a, "x", 1), sip_hash(&a, "x", 1)));
    assert_false(sip_hash_equal(sip_hash(&a, "x", 1), sip_hash(&a, "x\0", 2)));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gives_the_published_values),
        cmocka_unit_test(secrets_differ),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
