/* SPDX-License-Identifier: Apache-2.0 */
/* The sentence on a failed call: what the client was told, and the address that it was not told. */
#include <stdio.h>
#include <string.h>

#include "admin/why.h"
#include "base/strbuf.h"
#include "grpc/status.h"
#include "obs/failed_log.h"
#include "unit.h"

static const char *
sentence(struct failed_call c, const char *pool, const char *endpoint, const char *text)
{
    static char out[512];
    struct strbuf b;

    snprintf(c.pool, sizeof(c.pool), "%s", pool);
    snprintf(c.endpoint, sizeof(c.endpoint), "%s", endpoint);
    snprintf(c.text, sizeof(c.text), "%s", text);
    strbuf_init(&b, 4096);
    strbuf_puts(&b, "");
    why_sentence(&c, &b);
    snprintf(out, sizeof(out), "%s", b.s);
    strbuf_done(&b);
    return out;
}

static void
our_own_words_get_the_address(void **state)
{
    struct failed_call c = { .code = GRPC_UNAVAILABLE, .local = true, .reason = "X" };

    (void)state;
    assert_string_equal(sentence(c, "app", "10.0.0.1:1", "pool app: refused"),
                        "pool app: refused (backend 10.0.0.1:1)");
    assert_string_equal(sentence(c, "app", "", "no route\n"), "no route");
    assert_string_equal(sentence(c, "app", "10.0.0.1:1", "10.0.0.1:1 broke"),
                        "10.0.0.1:1 broke");
    c.attempts = 3;
    assert_string_equal(sentence(c, "app", "a:1", "it broke"),
                        "it broke (backend a:1), after 3 attempts");
    c.attempts = 1;
    c.cancelled = true;
    assert_string_equal(sentence(c, "app", "", "it broke"),
                        "it broke; the client did not wait for the answer");
    assert_string_equal(
        sentence((struct failed_call){ .code = 14, .local = true }, "", "", ""),
        "the proxy answered Unavailable");
}

static void
a_backend_is_quoted(void **state)
{
    const struct failed_call c = { .code = GRPC_NOT_FOUND, .reason = "" };

    (void)state;
    assert_string_equal(sentence(c, "app", "a:1", "no such order"),
                        "backend a:1 of pool app answered NotFound: no such order");
    assert_string_equal(sentence(c, "app", "a:1", ""),
                        "backend a:1 of pool app answered NotFound without a message");
    struct failed_call again = c;

    again.attempts = 3;
    assert_string_equal(
        sentence(again, "app", "a:1", "no"),
        "backend a:1 of pool app answered NotFound: no, after 3 attempts");
}

static void
a_client_that_gave_up_is_named(void **state)
{
    const struct failed_call c = { .code = GRPC_CANCELLED,
                                   .cancelled = true,
                                   .total_us = 12345,
                                   .reason = "CLIENT_CANCEL" };

    (void)state;
    assert_string_equal(sentence(c, "app", "a:1", ""),
                        "the client gave the call up after 12.3 ms, while backend a:1 of "
                        "pool app worked on it");
    assert_string_equal(
        sentence(c, "", "", ""),
        "the client gave the call up after 12.3 ms, before a backend got it");
    struct failed_call slow = c;

    slow.reason = "CLIENT_STALLED";
    assert_string_equal(sentence(slow, "app", "a:1", ""),
                        "the client read nothing for so long that it was cut off, after "
                        "12.3 ms, while backend a:1 of pool app worked on it");
}

static void
advice_is_there_for_words_we_know(void **state)
{
    (void)state;
    assert_non_null(strstr(why_advice("NO_ROUTE"), "explain-call"));
    assert_non_null(strstr(why_advice("JWT_EXPIRED"), "token"));
    assert_null(why_advice(""));
    assert_null(why_advice("NO_SUCH_WORD"));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(our_own_words_get_the_address),
        cmocka_unit_test(a_backend_is_quoted),
        cmocka_unit_test(a_client_that_gave_up_is_named),
        cmocka_unit_test(advice_is_there_for_words_we_know),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
