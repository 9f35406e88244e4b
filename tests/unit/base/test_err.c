/* SPDX-License-Identifier: Apache-2.0 */
/* The error table: every value has its row, and exactly the right ones allow a replay. */
#include "unit.h"

#include <limits.h>
#include <string.h>

#include "base/compat.h"
#include "base/err.h"

enum { LAST = ERR_REMOVED };

static void
every_value_has_a_name_and_a_sentence_of_its_own(void **state)
{
    (void)state;
    for (int e = ERR_OK; e >= LAST; e--) {
        const char *text = err_text(e);

        assert_string_not_equal(err_name(e), "UNKNOWN");
        assert_true(strlen(text) > 5);
        assert_int_not_equal(text[strlen(text) - 1], '.');
        for (int other = ERR_OK; other > e; other--) {
            assert_string_not_equal(err_name(e), err_name(other));
            assert_string_not_equal(text, err_text(other));
        }
    }
}

static void
names_are_those_of_the_source(void **state)
{
    (void)state;
    assert_string_equal(err_name(ERR_OK), "OK");
    assert_string_equal(err_name(ERR_CONN_LOST), "CONN_LOST");
    assert_string_equal(err_name(ERR_CLOSED), "CLOSED");
}

static void
values_outside_the_list_are_unknown(void **state)
{
    const int outside[] = { 1, INT_MAX, INT_MIN, LAST - 1 };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(outside); i++) {
        assert_string_equal(err_name(outside[i]), "UNKNOWN");
        assert_non_null(err_text(outside[i]));
        assert_false(err_not_sent(outside[i]));
    }
}

static void
only_what_no_backend_saw_may_be_replayed(void **state)
{
    const int safe[] = { ERR_REFUSED,         ERR_GOAWAY,      ERR_CONNECT,
                         ERR_CONNECT_TIMEOUT, ERR_NO_ENDPOINT, ERR_QUEUE_FULL,
                         ERR_QUEUE_TIMEOUT,   ERR_DRAIN,       ERR_POOL_LIMIT };

    (void)state;
    for (int e = ERR_OK; e >= LAST; e--) {
        bool expect = false;

        for (size_t i = 0; i < ARRAY_LEN(safe); i++)
            expect |= safe[i] == e;
        assert_int_equal(err_not_sent(e), expect);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_value_has_a_name_and_a_sentence_of_its_own),
        cmocka_unit_test(names_are_those_of_the_source),
        cmocka_unit_test(values_outside_the_list_are_unknown),
        cmocka_unit_test(only_what_no_backend_saw_may_be_replayed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
