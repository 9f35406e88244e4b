/* SPDX-License-Identifier: Apache-2.0 */
/* Environment variables in strings. */
#include "conf/env.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/compat.h"
#include "base/err.h"
#include "base/rand.h"
#include "base/strbuf.h"

static int
set_variables(void **state)
{
    (void)state;
    setenv("CONF_A", "alpha", 1);
    setenv("CONF_EMPTY", "", 1);
    setenv("CONF_NESTED", "${CONF_A}", 1);
    setenv("CONF_LATIN", "caf\xe9", 1);
    unsetenv("CONF_UNSET");
    return 0;
}

static void
variables_are_put_in(void **state)
{
    static const struct {
        const char *in, *out;
    } rows[] = {
        { "", "" },
        { "plain", "plain" },
        { "${CONF_A}", "alpha" },
        { "x${CONF_A}y${CONF_A}z", "xalphayalphaz" },
        { "${CONF_A:-other}", "alpha" },
        { "${CONF_UNSET:-other}", "other" },
        { "${CONF_UNSET:-}", "" },
        { "${CONF_EMPTY}", "" },
        { "${CONF_EMPTY:-other}", "other" },
        { "${CONF_UNSET:-a:-b}", "a:-b" },
        { "${CONF_NESTED}", "${CONF_A}" },
        { "$", "$" },
        { "$$", "$$" },
        { "$CONF_A", "$CONF_A" },
        { "$${CONF_A}", "${CONF_A}" },
        { "$$${CONF_A}", "$${CONF_A}" },
        { "a$b{c}", "a$b{c}" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct strbuf out, why;

        strbuf_init(&out, 256);
        strbuf_init(&why, 256);
        assert_int_equal(env_expand(rows[i].in, &out, &why), 0);
        assert_string_equal(out.s ? out.s : "", rows[i].out);
        assert_int_equal(why.len, 0);
        strbuf_done(&out);
    }
}

static void
bad_uses_are_refused_with_a_reason(void **state)
{
    static const char *const bad[] = { "${",          "${CONF_A",       "${}",
                                       "${1A}",       "${CONF_UNSET}",  "${CONF A}",
                                       "${CONF_A:x}", "${CONF_A-x}",    "${CONF_LATIN}",
                                       "${:-x}",      "a${CONF_UNSET}b" };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct strbuf out, why;

        strbuf_init(&out, 256);
        strbuf_init(&why, 256);
        if (env_expand(bad[i], &out, &why) != ERR_SYNTAX)
            fail_msg("%s was accepted", bad[i]);
        assert_true(why.len > 0);
        strbuf_done(&out);
        strbuf_done(&why);
    }
}

static void
a_result_that_does_not_fit_is_refused(void **state)
{
    struct strbuf out, why;

    (void)state;
    strbuf_init(&out, 6);
    strbuf_init(&why, 256);
    assert_int_equal(env_expand("${CONF_A}${CONF_A}", &out, &why), ERR_SYNTAX);
    assert_true(why.len > 0);
    strbuf_done(&out);
    strbuf_done(&why);
}

static void
escaped_text_comes_back_unchanged(void **state)
{
    static const char letters[] = "$${}a";
    struct rng rng;

    (void)state;
    rng_seed(&rng, 5);
    for (int round = 0; round < 20000; round++) {
        char text[16] = { 0 };
        struct strbuf escaped, back, why;
        size_t n = rng_below(&rng, sizeof text - 1);

        for (size_t i = 0; i < n; i++)
            text[i] = letters[rng_below(&rng, sizeof letters - 1)];
        strbuf_init(&escaped, 256);
        strbuf_init(&back, 256);
        strbuf_init(&why, 256);
        env_escape(text, &escaped);
        assert_int_equal(env_expand(escaped.s ? escaped.s : "", &back, &why), 0);
        assert_string_equal(back.s ? back.s : "", text);
        strbuf_done(&escaped);
        strbuf_done(&back);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(variables_are_put_in),
        cmocka_unit_test(bad_uses_are_refused_with_a_reason),
        cmocka_unit_test(a_result_that_does_not_fit_is_refused),
        cmocka_unit_test(escaped_text_comes_back_unchanged),
    };

    return cmocka_run_group_tests(tests, set_variables, NULL);
}
