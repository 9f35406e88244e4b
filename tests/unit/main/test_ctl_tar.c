/* SPDX-License-Identifier: Apache-2.0 */
/* Archives of outriggerctl bundle, byte by byte; the integration test lets tar and Python read one. */
#include "main/ctl_tar.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/strbuf.h"

static void
a_file_is_a_header_and_full_blocks(void **state)
{
    struct strbuf out;
    unsigned sum = 0;

    (void)state;
    strbuf_init(&out, 65536);
    assert_int_equal(tar_add(&out, "d/a.txt", "hello", 5, 1700000000), ERR_OK);
    assert_int_equal(out.len, 1024);
    assert_string_equal(out.s, "d/a.txt");
    assert_string_equal(out.s + 100, "0000600");
    assert_string_equal(out.s + 124, "00000000005");
    assert_int_equal(strtoll(out.s + 136, NULL, 8), 1700000000);
    assert_int_equal(out.s[156], '0');
    assert_memory_equal(out.s + 257,
                        "ustar\0"
                        "00",
                        8);
    for (size_t i = 0; i < 512; i++)
        sum += i >= 148 && i < 156 ? ' ' : (unsigned char)out.s[i];
    assert_int_equal(strtoul(out.s + 148, NULL, 8), sum);
    assert_int_equal(out.s[154], 0);
    assert_int_equal(out.s[155], ' ');
    assert_memory_equal(out.s + 512, "hello", 6);
    assert_int_equal(tar_end(&out), ERR_OK);
    assert_int_equal(out.len, 2048);
    for (size_t i = 1024; i < out.len; i++)
        assert_int_equal(out.s[i], 0);
    strbuf_done(&out);
}

static void
a_full_block_and_an_empty_file_need_no_padding(void **state)
{
    static const char data[512] = "x";
    struct strbuf out;

    (void)state;
    strbuf_init(&out, 65536);
    assert_int_equal(tar_add(&out, "a", data, sizeof data, 0), ERR_OK);
    assert_int_equal(out.len, 1024);
    assert_int_equal(tar_add(&out, "b", "", 0, 0), ERR_OK);
    assert_int_equal(out.len, 1536);
    strbuf_done(&out);
}

static void
what_does_not_fit_is_refused(void **state)
{
    static char name[TAR_NAME_MAX + 2];
    struct strbuf out;

    (void)state;
    memset(name, 'n', TAR_NAME_MAX);
    strbuf_init(&out, 1300);
    assert_int_equal(tar_add(&out, name, "1", 1, 0), ERR_OK);
    name[TAR_NAME_MAX] = 'n';
    assert_int_equal(tar_add(&out, name, "1", 1, 0), ERR_LIMIT);
    assert_int_equal(out.len, 1024);
    assert_int_equal(tar_add(&out, "a", "1", 1, 0), ERR_LIMIT);
    assert_int_equal(tar_end(&out), ERR_LIMIT);
    strbuf_done(&out);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_is_a_header_and_full_blocks),
        cmocka_unit_test(a_full_block_and_an_empty_file_need_no_padding),
        cmocka_unit_test(what_does_not_fit_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
