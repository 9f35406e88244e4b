/* SPDX-License-Identifier: Apache-2.0 */
/* API keys by their hash: the file, the search, and that hashes are only compared in constant time. */
#include "unit.h"

#include <string.h>

#include "base/compat.h"
#include "base/err.h"
#include "base/rand.h"
#include "base/strbuf.h"
#include "filter/key_set.h"

#define ABC    "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
#define EMPTY  "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define SECRET "hunter2-hunter2"

/* Linked with --wrap: every comparison of a hash must come by here. */
static unsigned long compared;
bool __real_secret_equal(const void *a, const void *b, size_t n);
bool __wrap_secret_equal(const void *a, const void *b, size_t n);

bool
__wrap_secret_equal(const void *a, const void *b, size_t n)
{
    compared++;
    return __real_secret_equal(a, b, n);
}

static void
want_client(const struct key_set *s, const char *hex, const char *client)
{
    uint8_t hash[SHA256_LEN];
    struct slice got;

    assert_true(key_hash_read(slice_of(hex), hash));
    got = key_set_find(s, hash);
    assert_int_equal(got.p != NULL, client != NULL);
    if (client && !slice_eq_str(got, client))
        fail_msg("%.*s, not %s", (int)got.n, (const char *)got.p, client);
}

static void
a_file_of_hashes_names_clients(void **state)
{
    static const char text[] = "# keys of the shop\n"
                               "\n" ABC "  mobile app\r\n"
                               "   " EMPTY "\tbatch  \n"
                               "  # the end";
    struct key_set *s = key_set_new();
    struct strbuf why;

    (void)state;
    strbuf_init(&why, 500);
    assert_int_equal(key_set_read(s, text, sizeof(text) - 1, &why), ERR_OK);
    assert_int_equal(key_set_count(s), 2);
    want_client(s, ABC, "mobile app");
    want_client(s, EMPTY, "batch");
    want_client(s, "BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AD",
                "mobile app");
    want_client(s, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ae",
                NULL);
    strbuf_done(&why);
    key_set_free(s);
    key_set_free(NULL);
}

static void
a_bad_line_is_told_by_its_number_and_never_shown(void **state)
{
    static const struct {
        const char *text, *part;
    } bad[] = {
        { ABC " a\n" SECRET " b\n", "line 2: a line has the SHA-256" },
        { "\n#\n" ABC "\n", "line 3: a line has the SHA-256" },
        { ABC "x a\n", "line 1: a line has" },
        { ABC "0 a", "line 1: a line has" },
        { "ba7816 a", "line 1: a line has" },
        { "g" ABC " a", "line 1: a line has" },
        { ABC " -\n", "line 1: the client's name: write the name" },
        { ABC " a\x01 " SECRET, "line 1: the client's name: it may have only" },
        { ABC " \"a\"", "line 1: the client's name: it may have only" },
        { ABC " caf\xc3\xa9", "line 1: the client's name: it may have only" },
        { ABC " a\n" EMPTY " b\n" ABC " a\n", "line 3: this key stands here for the" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct key_set *s = key_set_new();
        struct strbuf why;

        strbuf_init(&why, 500);
        assert_int_equal(key_set_read(s, bad[i].text, strlen(bad[i].text), &why),
                         ERR_SYNTAX);
        if (!strstr(why.s, bad[i].part) || strstr(why.s, SECRET) || strstr(why.s, ABC))
            fail_msg("%s: %s", bad[i].text, why.s);
        strbuf_done(&why);
        key_set_free(s);
    }
}

static void
a_nul_byte_does_not_end_a_line(void **state)
{
    static const char text[] = ABC " a\0b\n";
    struct key_set *s = key_set_new();
    struct strbuf why;

    (void)state;
    strbuf_init(&why, 500);
    assert_int_equal(key_set_read(s, text, sizeof(text) - 1, &why), ERR_SYNTAX);
    strbuf_done(&why);
    key_set_free(s);
}

static void
names_have_a_length(void **state)
{
    char name[KEY_CLIENT_MAX + 1];

    (void)state;
    memset(name, 'a', sizeof(name));
    assert_null(key_client_refuse(slice_make(name, KEY_CLIENT_MAX)));
    assert_non_null(key_client_refuse(slice_make(name, KEY_CLIENT_MAX + 1)));
    assert_non_null(key_client_refuse(slice_make(name, 0)));
    assert_non_null(key_client_refuse(slice_of(" a")));
    assert_non_null(key_client_refuse(slice_of("a ")));
}

static void
hash_of(uint64_t i, uint8_t hash[SHA256_LEN])
{
    /* All begin alike: a table by the first bytes alone would put them all in one place. */
    memset(hash, 0, SHA256_LEN);
    memcpy(hash, &i, sizeof(i));
    memcpy(hash + SHA256_LEN - 8, &i, sizeof(i));
}

static void
a_hundred_thousand_keys_are_found_and_no_more_are_taken(void **state)
{
    struct key_set *s = key_set_new();
    uint8_t hash[SHA256_LEN];
    char name[32];
    unsigned long before;

    (void)state;
    for (uint64_t i = 0; i < KEY_COUNT_MAX; i++) {
        hash_of(i, hash);
        snprintf(name, sizeof(name), "client %d", (int)i);
        assert_int_equal(key_set_add(s, hash, slice_of(name)), ERR_OK);
    }
    before = compared;
    for (uint64_t i = 0; i < KEY_COUNT_MAX; i++) {
        hash_of(i, hash);
        snprintf(name, sizeof(name), "client %d", (int)i);
        assert_true(slice_eq_str(key_set_find(s, hash), name));
        assert_int_equal(key_set_add(s, hash, slice_of("again")), ERR_SYNTAX);
        hash[SHA256_LEN - 1] ^= 1;
        assert_null(key_set_find(s, hash).p);
    }
    /* Runs are short, and each search that hits has gone through secret_equal. */
    assert_in_range(compared - before, KEY_COUNT_MAX, 20 * KEY_COUNT_MAX);
    hash_of(KEY_COUNT_MAX, hash);
    assert_int_equal(key_set_add(s, hash, slice_of("one more")), ERR_LIMIT);
    assert_int_equal(key_set_count(s), KEY_COUNT_MAX);
    key_set_free(s);
}

static void
hashes_are_compared_in_constant_time(void **state)
{
    struct key_set *s = key_set_new();
    uint8_t hash[SHA256_LEN];

    (void)state;
    assert_true(key_hash_read(slice_of(ABC), hash));
    assert_int_equal(key_set_add(s, hash, slice_of("a")), ERR_OK);
    compared = 0;
    assert_non_null(key_set_find(s, hash).p);
    assert_int_equal(compared, 1);
    hash[SHA256_LEN - 1] ^= 1; /* same place in the table */
    assert_null(key_set_find(s, hash).p);
    assert_int_equal(compared, 2);
    key_set_free(s);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_of_hashes_names_clients),
        cmocka_unit_test(a_bad_line_is_told_by_its_number_and_never_shown),
        cmocka_unit_test(a_nul_byte_does_not_end_a_line),
        cmocka_unit_test(names_have_a_length),
        cmocka_unit_test(a_hundred_thousand_keys_are_found_and_no_more_are_taken),
        cmocka_unit_test(hashes_are_compared_in_constant_time),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
