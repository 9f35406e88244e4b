/* SPDX-License-Identifier: Apache-2.0 */
/* The word for what went wrong on the way to a backend. */
#include "grpc/reason.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/compat.h"
#include "base/err.h"
#include "grpc/status.h"

static void
each_error_has_its_word(void **state)
{
    static const struct {
        int err;
        const char *word;
    } rows[] = {
        { ERR_NO_ENDPOINT, "NO_ENDPOINT" },
        { ERR_POOL_LIMIT, "POOL_LIMIT" },
        { ERR_QUEUE_FULL, "QUEUE_FULL" },
        { ERR_QUEUE_TIMEOUT, "QUEUE_FULL" },
        { ERR_DRAIN, "DRAIN" },
        { ERR_NOMEM, "NO_MEMORY" },
        { ERR_CONNECT, "CONNECT_FAILED" },
        { ERR_CONNECT_TIMEOUT, "CONNECT_FAILED" },
        { ERR_HANDSHAKE_TIMEOUT, "CONNECT_FAILED" },
        { ERR_NOT_HTTP2, "CONNECT_FAILED" },
        { ERR_RESET, "UPSTREAM_RESET" },
        { ERR_REFUSED, "UPSTREAM_REFUSED" },
        { ERR_GOAWAY, "UPSTREAM_REFUSED" },
        { ERR_STALL, "CLIENT_STALLED" },
        { ERR_PROTOCOL, "BAD_RESPONSE" },
        { ERR_FLOOD, "BAD_RESPONSE" },
        { ERR_CONN_LOST, "UPSTREAM_LOST" },
        { ERR_KEEPALIVE, "UPSTREAM_LOST" },
        { ERR_REMOVED, "UPSTREAM_LOST" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        assert_string_equal(reason_from_err(rows[i].err), rows[i].word);
        assert_int_not_equal(grpc_code_from_err(rows[i].err), GRPC_OK);
    }
}

/* google/rpc/error_details.proto: [A-Z][A-Z0-9_]+[A-Z0-9], at most 63. */
static void
words_are_as_error_info_wants_them(void **state)
{
    (void)state;
    for (int err = ERR_REMOVED; err < ERR_OK; err++) {
        const char *word = reason_from_err(err);

        assert_in_range(strlen(word), 2, 63);
        assert_int_equal(strspn(word, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_"),
                         strlen(word));
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_error_has_its_word),
        cmocka_unit_test(words_are_as_error_info_wants_them),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
