/* SPDX-License-Identifier: Apache-2.0 */
/* The commands of outriggerctl and the options of outrigger: what manuals, help and the
 * completions of shells say is what the tables say. `make update-golden` writes the files. */
#include "main/ctl_text.h"

#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/strbuf.h"
#include "golden.h"
#include "main/ctl_complete.h"
#include "main/ctl_table.h"
#include "main/options_rows.h"

enum { TEXT_MAX = 1 << 20 };

static void
the_manual_is_the_table(void **state)
{
    struct strbuf out;

    (void)state;
    strbuf_init(&out, TEXT_MAX);
    ctl_text_man(&out);
    golden_compare("man/outriggerctl.1", out.s);
    strbuf_done(&out);
}

/* The part of outrigger(8) between two comments. */
static void
options_of_outrigger_are_in_its_manual(void **state)
{
    static const char begin[] = ".Bl -tag -width Ds\n", end[] = ".El\n.\\\" End of what";
    char *page = golden_read("man/outrigger.8");
    char *from = strstr(page, ".\\\" Begin of what is made");
    struct strbuf out;

    (void)state;
    assert_non_null(from);
    from = strstr(from, begin);
    assert_non_null(from);
    assert_non_null(strstr(from, end));
    strbuf_init(&out, TEXT_MAX);
    strbuf_add(&out, page, (size_t)(from - page) + strlen(begin));
    option_rows_man(&out);
    strbuf_puts(&out, strstr(from, end));
    golden_compare("man/outrigger.8", out.s);
    strbuf_done(&out);
    golden_free(page);
}

static void
completions_are_the_tables(void **state)
{
    static const char *const shells[] = { "bash", "zsh", "fish" };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(shells); i++) {
        struct strbuf out;
        char name[64];

        strbuf_init(&out, TEXT_MAX);
        assert_true(ctl_complete_script(shells[i], &out));
        snprintf(name, sizeof name, "contrib/completion/outriggerctl.%s", shells[i]);
        golden_compare(name, out.s);
        for (size_t c = 0; c < ctl_n_commands; c++)
            assert_non_null(strstr(out.s, ctl_commands[c].name));
        strbuf_done(&out);
    }
    assert_false(ctl_complete_script("csh", NULL));
}

/* word stands in text, and not as a part of another one. */
static bool
has_word(const char *text, const char *word)
{
    for (const char *at = text; (at = strstr(at, word)) != NULL; at++) {
        char after = at[strlen(word)];

        if (!isalnum((unsigned char)after) && after != '-')
            return true;
    }
    return false;
}

static void
help_names_every_command_and_option(void **state)
{
    struct strbuf all;

    (void)state;
    strbuf_init(&all, TEXT_MAX);
    ctl_text_help(&all);
    for (size_t i = 0; i < ctl_n_commands; i++) {
        const struct ctl_command *c = &ctl_commands[i];
        struct strbuf one;

        assert_true(has_word(all.s, c->name));
        strbuf_init(&one, TEXT_MAX);
        ctl_text_command(c, &one);
        assert_true(has_word(one.s, c->name));
        for (const struct ctl_option *o = c->options; o && o->name; o++) {
            char name[64];

            snprintf(name, sizeof name, "--%s", o->name);
            if (!has_word(one.s, name))
                fail_msg("%s --help does not tell of %s", c->name, name);
        }
        assert_int_equal(has_word(one.s, "--admin"), c->asks);
        strbuf_done(&one);
    }
    strbuf_done(&all);
}

/* What the parser needs: it looks for the command among options of all commands. */
static void
an_option_takes_a_value_in_all_commands_or_in_none(void **state)
{
    (void)state;
    for (size_t i = 0; i < ctl_n_commands; i++) {
        const struct ctl_option *o = ctl_commands[i].options;

        for (; o && o->name; o++) {
            for (size_t j = 0; j < i; j++) {
                const struct ctl_option *p = ctl_commands[j].options;

                for (; p && p->name; p++) {
                    if (strcmp(o->name, p->name) == 0 && !o->arg != !p->arg)
                        fail_msg("--%s of %s and of %s", o->name, ctl_commands[i].name,
                                 ctl_commands[j].name);
                    if (o->letter && o->letter == p->letter && !o->arg != !p->arg)
                        fail_msg("-%c of %s and of %s", o->letter, ctl_commands[i].name,
                                 ctl_commands[j].name);
                }
            }
        }
    }
}

static void
rows_are_whole(void **state)
{
    (void)state;
    for (size_t i = 0; i < ctl_n_commands; i++) {
        const struct ctl_command *c = &ctl_commands[i];

        assert_true((c->run != NULL) != (c->run_words != NULL));
        assert_ptr_equal(ctl_command_find(c->name), c);
        assert_int_equal(c->max_operands > 0, c->operands != NULL);
        assert_true(c->max_operands <= CTL_OPERANDS_MAX);
        assert_true(strlen(c->help) > 0 && c->help[strlen(c->help) - 1] != '.');
        assert_true(!c->about || c->about[strlen(c->about) - 1] == '\n');
        for (const struct ctl_option *o = c->options; o && o->name; o++)
            assert_true(o->help && o->help[strlen(o->help) - 1] != '.');
    }
    assert_null(ctl_command_find("pool"));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_manual_is_the_table),
        cmocka_unit_test(options_of_outrigger_are_in_its_manual),
        cmocka_unit_test(completions_are_the_tables),
        cmocka_unit_test(help_names_every_command_and_option),
        cmocka_unit_test(an_option_takes_a_value_in_all_commands_or_in_none),
        cmocka_unit_test(rows_are_whole),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
