/* SPDX-License-Identifier: Apache-2.0 */
/* The command line of outriggerctl: what is taken, what is refused and in which words. */
#include "main/ctl_args.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/strbuf.h"

enum { ARGS_MAX = 600, SAID_MAX = 8192 };

static char said[2][SAID_MAX]; /* stdout, stderr of the last read_line */
static struct ctl_args args;

/* Runs ctl_args_read on words between blanks; what it prints goes to said. */
static int
read_line(const char *line)
{
    static char room[16384];
    static char *argv[ARGS_MAX + 2];
    FILE *files[2] = { tmpfile(), tmpfile() };
    int saved[2], argc = 0, rv;

    snprintf(room, sizeof room, "outriggerctl%s%s", *line ? " " : "", line);
    for (char *at = room; *at && argc < ARGS_MAX;) {
        size_t n = strcspn(at, " ");

        argv[argc++] = at;
        at += n;
        if (*at)
            *at++ = '\0';
    }
    argv[argc] = NULL;
    fflush(stdout);
    fflush(stderr);
    for (int i = 0; i < 2; i++) {
        assert_non_null(files[i]);
        saved[i] = dup(i + 1);
        dup2(fileno(files[i]), i + 1);
    }
    rv = ctl_args_read(&args, argc, argv);
    fflush(stdout);
    fflush(stderr);
    for (int i = 0; i < 2; i++) {
        dup2(saved[i], i + 1);
        close(saved[i]);
        rewind(files[i]);
        said[i][fread(said[i], 1, SAID_MAX - 1, files[i])] = '\0';
        fclose(files[i]);
    }
    return rv;
}

static void
commands_and_options_are_read_in_any_order(void **state)
{
    static const char *const lines[] = {
        "pools --json -a 127.0.0.1:7",    "--json pools -a127.0.0.1:7",
        "-a 127.0.0.1:7 --json pools",    "--admin=127.0.0.1:7 pools --json",
        "pools --admin 127.0.0.1:7 --js",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
        if (read_line(lines[i]) != -1)
            fail_msg("%s: %s", lines[i], said[1]);
        assert_string_equal(args.command->name, "pools");
        assert_string_equal(args.address, "127.0.0.1:7");
        assert_true(ctl_has(&args, "json"));
        assert_false(ctl_has(&args, "wait"));
    }
    assert_int_equal(read_line("pools"), -1);
    assert_string_equal(args.address, CTL_DEFAULT_ADDRESS);
    assert_false(ctl_has(&args, "json"));
}

static void
values_are_kept_in_their_order(void **state)
{
    (void)state;
    assert_int_equal(
        read_line("explain-call --header a=1 --method /a.B/C --header=b=2 --san=x"), -1);
    assert_string_equal(ctl_value(&args, "method", ""), "/a.B/C");
    assert_string_equal(ctl_value(&args, "header", ""), "b=2");
    assert_string_equal(ctl_value(&args, "listener", "none"), "none");
    assert_int_equal(args.n_given, 4);
    assert_string_equal(args.given[0].value, "a=1");
    assert_string_equal(args.given[2].value, "b=2");
}

static void
operands_are_read(void **state)
{
    (void)state;
    assert_int_equal(read_line("check --strict -"), -1);
    assert_int_equal(args.n_operands, 1);
    assert_string_equal(args.operands[0], "-");
    assert_int_equal(read_line("check -- -odd"), -1);
    assert_string_equal(args.operands[0], "-odd");
    assert_int_equal(read_line("check check"), -1); /* a file with that name */
    assert_string_equal(args.operands[0], "check");
}

static void
mistakes_are_told(void **state)
{
    static const struct {
        const char *line, *part;
    } rows[] = {
        { "", "outriggerctl: a command is missing; run \"outriggerctl --help\"" },
        { "--json", "unknown option --json" },
        { "pool", "unknown command \"pool\"; did you mean \"pools\"?" },
        { "xyzzy", "unknown command \"xyzzy\"; there is: " },
        { "pools routes", "outriggerctl pools: it takes no word; what is \"routes\"?\n" },
        { "reload --json", "outriggerctl reload: unknown option --json; run "
                           "\"outriggerctl reload --help\"" },
        { "pools --jsn", "unknown option --jsn; did you mean --json?" },
        { "pools --json=yes", "--json takes no value" },
        { "pools -a", "a value is missing after -a" },
        { "pools -a 1 -a 2", "--admin is given twice" },
        { "undrain --wait", "unknown option --wait" },
        { "check", "something is missing: outriggerctl check FILE" },
        { "check a b", "that is too much; what is \"b\"?" },
        { "check -a 127.0.0.1:7 a", "unknown option -a" },
        { "-x pools", "unknown option -x" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        int rv = read_line(rows[i].line);

        if (rv != CTL_BAD_USAGE || !strstr(said[1], rows[i].part) || said[0][0])
            fail_msg("\"%s\": %d \"%s\"", rows[i].line, rv, said[1]);
    }
}

static void
too_many_options_are_refused(void **state)
{
    struct strbuf line;

    (void)state;
    strbuf_init(&line, 16384);
    strbuf_puts(&line, "explain-call --method /a.B/C");
    for (int i = 0; i < CTL_GIVEN_MAX; i++)
        strbuf_puts(&line, " --san=a");
    assert_int_equal(read_line(line.s), CTL_BAD_USAGE);
    strbuf_done(&line);
    assert_non_null(strstr(said[1], "too much for one command"));
}

static void
help_and_version_need_nothing_else(void **state)
{
    (void)state;
    assert_int_equal(read_line("--help"), 0);
    assert_non_null(strstr(said[0], "commands:"));
    assert_int_equal(read_line("drain --nonsense --help"), 0);
    assert_non_null(strstr(said[0], "usage: outriggerctl drain [options]"));
    assert_non_null(strstr(said[0], "--no-wait"));
    assert_int_equal(read_line("-h pools"), 0);
    assert_non_null(strstr(said[0], "usage: outriggerctl pools"));
    assert_int_equal(read_line("endpoint --help"),
                     0); /* there is an option --endpoint too */
    assert_non_null(strstr(said[0], "usage: outriggerctl endpoint"));
    assert_int_equal(read_line("nix --help"), CTL_BAD_USAGE);
    assert_int_equal(read_line("-V"), 0);
    assert_memory_equal(said[0], "outriggerctl ", 13);
    /* Values that look like it are values. */
    assert_int_equal(read_line("explain-call --method --help"), -1);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(commands_and_options_are_read_in_any_order),
        cmocka_unit_test(values_are_kept_in_their_order),
        cmocka_unit_test(operands_are_read),
        cmocka_unit_test(mistakes_are_told),
        cmocka_unit_test(too_many_options_are_refused),
        cmocka_unit_test(help_and_version_need_nothing_else),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
