/* SPDX-License-Identifier: Apache-2.0 */
/* The command line: what is taken, what is refused and in which words. */
#include "main/options.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/strbuf.h"
#include "conf/snapshot.h"
#include "golden.h"
#include "main/config.h"
#include "proxy/listener_conf.h"
#include "upstream/pool_conf.h"

enum { ARGS_MAX = 300 };

/* Words between blanks; stays valid until the next call. */
static int
parse(struct options *o, const char *line, struct strbuf *problems)
{
    static char room[8192];
    static char *argv[ARGS_MAX + 2];
    int argc = 0;

    snprintf(room, sizeof room, "outrigger %s", line);
    for (char *at = room; *at && argc < ARGS_MAX;) {
        size_t n = strcspn(at, " ");

        argv[argc++] = at;
        at += n;
        if (*at)
            *at++ = '\0';
    }
    argv[argc] = NULL;
    strbuf_init(problems, 8192);
    return options_parse(o, argc, argv, problems);
}

static struct options
parse_good(const char *line)
{
    struct options o;
    struct strbuf problems;

    if (parse(&o, line, &problems) != 0)
        fail_msg("%s: %s", line, problems.s);
    strbuf_done(&problems);
    return o;
}

static void
modes_are_read(void **state)
{
    static const struct {
        const char *line;
        enum options_mode mode;
    } rows[] = {
        { "-c x.json", OPTIONS_RUN },
        { "--config=x.json", OPTIONS_RUN },
        { "--listen :1 --backend 127.0.0.1:2", OPTIONS_RUN },
        { "-t -c x.json", OPTIONS_CHECK },
        { "-tc x.json", OPTIONS_CHECK },
        { "-c x.json --check", OPTIONS_CHECK },
        { "-c x.json --check=strict", OPTIONS_CHECK },
        { "-t --format=json -c x.json", OPTIONS_CHECK },
        { "--demo", OPTIONS_DEMO },
        { "--demo --listen 127.0.0.1:0", OPTIONS_DEMO },
        { "--demo --print-config", OPTIONS_PRINT_CONFIG },
        { "--print-config --demo", OPTIONS_PRINT_CONFIG },
        { "--print-config", OPTIONS_PRINT_CONFIG },
        { "--print-config -c x.json", OPTIONS_PRINT_CONFIG },
        { "--print-schema", OPTIONS_PRINT_SCHEMA },
        { "--print-man", OPTIONS_PRINT_MAN },
        { "--explain E0107", OPTIONS_EXPLAIN },
        { "-V", OPTIONS_VERSION },
        { "--version", OPTIONS_VERSION },
        { "-VV", OPTIONS_VERSIONS },
        { "-V -V", OPTIONS_VERSIONS },
        { "-h", OPTIONS_HELP },
        { "--help", OPTIONS_HELP },
        { "--demo --help", OPTIONS_HELP },
        { "--help -c", OPTIONS_HELP },
        { "--help --nonsense", OPTIONS_HELP },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        assert_int_equal(parse_good(rows[i].line).mode, rows[i].mode);
}

static void
values_are_kept(void **state)
{
    struct options o =
        parse_good("--listen 127.0.0.1:1 --backend 127.0.0.1:2 --workers 3 --admin off "
                   "--log-level debug --backend unix:/b");

    (void)state;
    assert_string_equal(o.listen, "127.0.0.1:1");
    assert_int_equal(o.n_backends, 2);
    assert_string_equal(o.backends[0], "127.0.0.1:2");
    assert_string_equal(o.backends[1], "unix:/b");
    assert_string_equal(o.workers, "3");
    assert_string_equal(o.admin, "off");
    assert_string_equal(o.log_level, "debug");
    assert_null(o.config_file);
    assert_string_equal(parse_good("-c -").config_file, "-");
    assert_int_equal(parse_good("--demo --for 1m30s").demo_for_ms, 90000);
    assert_string_equal(parse_good("--explain a.b").explain, "a.b");
}

static void
wrong_use_is_told(void **state)
{
    static const struct {
        const char *line, *text;
    } rows[] = {
        { "", "nothing to do; try one of\n" },
        { "--workers 2", "nothing to do; try one of\n" },
        { "-t", "-t needs a file to check: outrigger -t -c FILE\n" },
        { "-c", "-c needs a value: FILE\n" },
        { "--listen", "--listen needs a value: ADDR\n" },
        { "-x", "unknown option -x; outrigger --help lists all\n" },
        { "-Vx", "unknown option -x; outrigger --help lists all\n" },
        { "--wrokers 2", "unknown option --wrokers; did you mean --workers?\n" },
        { "--wrokers=2", "unknown option --wrokers; did you mean --workers?\n" },
        { "--demo --for 0s",
          "--for needs some time, as 30s; without it the demo runs on\n" },
        { "--fruit", "unknown option --fruit; outrigger --help lists all\n" },
        { "--version=3", "--version takes no value\n" },
        { "x.json",
          "\"x.json\" is not an option; a config file is given as -c x.json\n" },
        { "-c a -c b", "-c is given twice; one file holds the whole config\n" },
        { "--listen :1 --listen :2 --backend 127.0.0.1:1", "--listen is given twice" },
        { "--listen :1",
          "--listen needs a --backend, for example --backend 127.0.0.1:50051\n" },
        { "--backend 127.0.0.1:1",
          "--backend needs --listen, for example --listen :8080\n" },
        { "-c a --listen :1 --backend 127.0.0.1:1",
          "-c and --listen or --backend are two ways" },
        { "--demo -c a", "--demo brings its own listener and backends; leave out -c\n" },
        { "--demo --backend 127.0.0.1:1",
          "brings its own listener and backends; leave out --backend\n" },
        { "-t --demo", "-t checks a file; --demo brings its own config" },
        { "--demo -t", "-t checks a file; --demo brings its own config" },
        { "-t -c a --demo", "-t checks a file; --demo brings its own config" },
        { "-c a --for 5s", "--for belongs to --demo\n" },
        { "--demo --for 5", "--for needs a unit (ns us ms s m h d); did you mean 5s\n" },
        { "-c a --check=hard", "--check=hard is not known; there is --check=strict\n" },
        { "-t -c a --format xml", "--format is text or json, not xml\n" },
        { "-c a --format json", "--format belongs to --check\n" },
        { "-c a --workers 5000", "--workers is 5000; it must be from 0 to 1024\n" },
        { "-c a --workers two", "--workers must be a whole number, not \"two\"\n" },
        { "-c a --workers -1", "--workers must be a whole number, not \"-1\"\n" },
        { "-c a --admin 0.0.0.0:1",
          "--admin cannot be \"0.0.0.0:1\": the admin page has full power" },
        { "-c a --log-level wran",
          "--log-level does not know the word \"wran\"; did you mean \"warn\"?\n" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct strbuf problems;
        struct options o;

        if (parse(&o, rows[i].line, &problems) != ERR_SYNTAX)
            fail_msg("\"%s\" was taken", rows[i].line);
        assert_memory_equal(problems.s, "outrigger: ", 11);
        if (!strstr(problems.s, rows[i].text))
            fail_msg("\"%s\": %s", rows[i].line, problems.s);
        strbuf_done(&problems);
    }
}

static void
too_many_backends_are_refused(void **state)
{
    struct strbuf line, problems;
    struct options o;

    (void)state;
    strbuf_init(&line, 65536);
    strbuf_puts(&line, "--listen=:1");
    for (int i = 0; i <= OPTIONS_BACKENDS_MAX; i++)
        strbuf_puts(&line, " --backend=127.0.0.1:1");
    assert_int_equal(parse(&o, line.s, &problems), ERR_SYNTAX);
    assert_non_null(strstr(problems.s, "more than 256 backends need a config file\n"));
    assert_int_equal(o.n_backends, OPTIONS_BACKENDS_MAX);
    strbuf_done(&line);
    strbuf_done(&problems);
}

static void
options_alone_make_a_config(void **state)
{
    struct options o = parse_good(
        "--listen [::1]:0 --backend 127.0.0.1:2 --backend unix:/a,${b}\" --workers 2 "
        "--admin off --log-level warn");
    struct conf_snapshot *s = NULL;
    struct strbuf problems;
    const struct config *c;
    const struct listener_conf *l;
    const struct endpoint_conf *e;
    const struct pool_conf *p;

    (void)state;
    strbuf_init(&problems, 8192);
    if (options_load(&o, &problems, &s) != 0)
        fail_msg("%s", problems.s);
    c = conf_root(s);
    l = c->listeners.items;
    p = c->pools.items;
    e = p->endpoints.items;
    assert_int_equal(c->workers, 2);
    assert_string_equal(c->admin.listen, "off");
    assert_int_equal(c->log.level, 1);
    assert_int_equal(c->listeners.n, 1);
    assert_string_equal(l->listen, "[::1]:0");
    assert_int_equal(p->endpoints.n, 2);
    /* The shell's text is taken as it is: no variables, no way to add keys. */
    assert_string_equal(e[1].target, "unix:/a,${b}\"");
    conf_drop(s);
    strbuf_done(&problems);
}

static void
bad_addresses_among_the_options_are_told(void **state)
{
    struct options o = parse_good("--listen 8080 --backend http://backend:2");
    struct conf_snapshot *s = NULL;
    struct strbuf problems;

    (void)state;
    strbuf_init(&problems, 8192);
    assert_int_equal(options_load(&o, &problems, &s), ERR_SYNTAX);
    assert_non_null(strstr(
        problems.s, "<options>:3:29: error: listeners[0].listen cannot be \"8080\""));
    assert_non_null(
        strstr(problems.s, "<options>:5:5: error: pools[0].endpoints[0] cannot be"));
    strbuf_done(&problems);
}

static void
options_win_over_the_file(void **state)
{
    char line[512];
    struct conf_snapshot *s = NULL;
    struct strbuf problems;
    struct options o;
    const struct config *c;

    (void)state;
    snprintf(line, sizeof line,
             "-c %s/conf/full.json --workers 7 --admin 127.0.0.1:1 --log-level debug",
             golden_top());
    o = parse_good(line);
    strbuf_init(&problems, 8192);
    assert_int_equal(options_load(&o, &problems, &s), 0);
    c = conf_root(s);
    assert_int_equal(c->workers, 7);
    assert_string_equal(c->admin.listen, "127.0.0.1:1");
    assert_int_equal(c->log.level, 3);
    conf_drop(s);
    strbuf_done(&problems);
}

static void
checks_can_be_strict_and_json(void **state)
{
    (void)state;
    assert_false(parse_good("-t -c x.json").strict);
    assert_true(parse_good("--check=strict -c x.json").strict);
    assert_true(parse_good("--check=strict -t -c x.json").strict);
    assert_true(parse_good("-c x.json -t --check=strict").strict);
    assert_string_equal(parse_good("-t --format text -c x").format, "text");
    assert_string_equal(parse_good("-t --format=json -c x").format, "json");
}

/* --- queries: exit code and what goes where ------------------------------------- */

static char said[2][1 << 18]; /* stdout, stderr */

static void
read_back(int fd, char *out, size_t room)
{
    size_t n = 0;
    ssize_t got;

    lseek(fd, 0, SEEK_SET);
    while ((got = read(fd, out + n, room - 1 - n)) > 0)
        n += (size_t)got;
    out[n] = '\0';
    close(fd);
}

static int
run(const char *line)
{
    struct options o = parse_good(line);
    int files[2], saved[2], code;

    fflush(NULL);
    for (int i = 0; i < 2; i++) {
        char name[] = "/tmp/outrigger-test-XXXXXX";

        files[i] = mkstemp(name);
        assert_true(files[i] >= 0);
        unlink(name);
        saved[i] = dup(i + 1);
        dup2(files[i], i + 1);
    }
    code = options_run_query(&o);
    fflush(NULL);
    for (int i = 0; i < 2; i++) {
        dup2(saved[i], i + 1);
        close(saved[i]);
        read_back(files[i], said[i], sizeof said[i]);
    }
    return code;
}

static void
run_golden(int code, const char *options, const char *file)
{
    char line[512];

    snprintf(line, sizeof line, "%s -c %s/tests/unit/conf/golden/%s", options,
             golden_top(), file);
    assert_int_equal(run(line), code);
}

static void
a_strict_check_fails_for_a_warning(void **state)
{
    (void)state;
    run_golden(0, "-t", "pool_unused.json");
    assert_non_null(strstr(said[0], " is good: "));
    assert_non_null(strstr(said[1], "[W0302]"));
    run_golden(EXIT_BAD_CONFIG, "--check=strict", "pool_unused.json");
    assert_string_equal(said[0], "");
    assert_non_null(strstr(said[1], "a strict check takes a warning for an error\n"));
    run_golden(EXIT_BAD_CONFIG, "--check=strict", "key_misspelt.json");
    assert_null(strstr(said[1], "a strict check"));
}

static void
a_check_can_answer_in_json(void **state)
{
    (void)state;
    run_golden(EXIT_BAD_CONFIG, "-t --format=json", "key_misspelt.json");
    assert_string_equal(said[1], "");
    assert_non_null(strstr(said[0], "\n  \"good\": false,\n"));
    assert_non_null(strstr(said[0], "\"code\": \"E0107\""));
    assert_non_null(strstr(said[0], "\"suggestion\": \""));
    run_golden(0, "-t --format=json", "pool_unused.json");
    assert_non_null(strstr(said[0], "\n  \"good\": true,\n  \"errors\": 0,\n"));
    assert_non_null(strstr(said[0], "\"severity\": \"warning\""));
    run_golden(EXIT_BAD_CONFIG, "--check=strict --format=json", "pool_unused.json");
    assert_non_null(strstr(said[0], "\n  \"good\": false,\n"));
    run_golden(EXIT_BAD_CONFIG, "-t --format=json", "no_such_file.json");
    assert_non_null(strstr(said[0], "\"code\": \"E0101\""));
    run_golden(0, "-t --format=json", "../../../../conf/minimal.json");
    assert_non_null(strstr(said[0], "\"problems\": []\n}\n"));
}

static void
queries_answer_with_the_right_exit_code(void **state)
{
    char line[512];

    (void)state;
    assert_int_equal(run("--demo"), -1);
    assert_int_equal(run("-c x.json"), -1);
    assert_int_equal(run("-V"), 0);
    assert_string_equal(said[0], "outrigger " PACKAGE_VERSION "\n");
    assert_int_equal(run("-VV"), 0);
    assert_non_null(strstr(said[0], "\njansson "));
    assert_non_null(strstr(said[0], "\nlibyaml "));
    assert_int_equal(run("--help"), 0);
    assert_non_null(strstr(said[0], "  -c, --config FILE "));
    assert_null(strstr(said[0], "print-man"));
    assert_int_equal(run("--print-schema"), 0);
    assert_int_equal(strncmp(said[0], "{\n  \"$schema\"", 13), 0);
    assert_int_equal(run("--print-man"), 0);
    assert_non_null(strstr(said[0], ".Sh NAME\n"));
    assert_int_equal(run("--explain workers"), 0);
    assert_string_equal(said[1], "");
    assert_int_equal(run("--explain wrokers"), EXIT_BAD_USAGE);
    assert_string_equal(said[0], "");
    assert_string_equal(said[1],
                        "there is no key \"wrokers\"; did you mean \"workers\"?\n");
    assert_int_equal(run("-t -c /nonexistent.json"), EXIT_BAD_CONFIG);
    assert_string_equal(said[0], "");
    assert_non_null(strstr(said[1], "/nonexistent.json: error: the file cannot be read"));
    snprintf(line, sizeof line, "-t -c %s/conf/minimal.json", golden_top());
    assert_int_equal(run(line), EXIT_GOOD);
    assert_non_null(
        strstr(said[0], "minimal.json is good: 1 listener, 1 route, 1 pool\n"));
    assert_string_equal(said[1], "");
    snprintf(line, sizeof line, "-t -c %s/tests/unit/conf/golden/route_hidden.json",
             golden_top());
    assert_int_equal(run(line), EXIT_GOOD);
    assert_non_null(strstr(said[1], "warning: this route is never taken"));
    snprintf(line, sizeof line, "-t -c %s/tests/unit/conf/golden/key_misspelt.json",
             golden_top());
    assert_int_equal(run(line), EXIT_BAD_CONFIG);
    assert_string_equal(said[0], "");
    assert_int_equal(run("-t --listen :8080 --backend 127.0.0.1:1"), EXIT_GOOD);
    assert_string_equal(said[0], "the config is good: 1 listener, 1 route, 1 pool\n");
}

static void
print_config_gives_what_is_in_force_or_a_start(void **state)
{
    char line[512];

    (void)state;
    assert_int_equal(run("--print-config"), EXIT_GOOD);
    golden_compare("conf/full.json", said[0]);
    assert_int_equal(
        run("--print-config --listen :8080 --backend 127.0.0.1:1 --workers 9"),
        EXIT_GOOD);
    assert_non_null(strstr(said[0], "\n  \"workers\": 9,\n"));
    assert_null(strstr(said[0], "//"));
    snprintf(line, sizeof line,
             "--print-config -c %s/tests/unit/conf/golden/key_misspelt.json",
             golden_top());
    assert_int_equal(run(line), EXIT_BAD_CONFIG);
    assert_string_equal(said[0], "");
}

static void
help_fits_a_terminal_and_names_every_option(void **state)
{
    static const char *const names[] = {
        "--config",  "--check",        "--listen",    "--backend", "--workers",
        "--admin",   "--demo",         "--log-level", "--for",     "--print-config",
        "--explain", "--print-schema", "--version",   "--help"
    };
    struct strbuf out;

    (void)state;
    strbuf_init(&out, 65536);
    options_help(&out);
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        assert_non_null(strstr(out.s, names[i]));
    for (const char *line = out.s; *line; line += strcspn(line, "\n") + 1)
        assert_true(strcspn(line, "\n") <= 95);
    strbuf_done(&out);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(modes_are_read),
        cmocka_unit_test(values_are_kept),
        cmocka_unit_test(wrong_use_is_told),
        cmocka_unit_test(too_many_backends_are_refused),
        cmocka_unit_test(options_alone_make_a_config),
        cmocka_unit_test(bad_addresses_among_the_options_are_told),
        cmocka_unit_test(options_win_over_the_file),
        cmocka_unit_test(checks_can_be_strict_and_json),
        cmocka_unit_test(a_strict_check_fails_for_a_warning),
        cmocka_unit_test(a_check_can_answer_in_json),
        cmocka_unit_test(queries_answer_with_the_right_exit_code),
        cmocka_unit_test(print_config_gives_what_is_in_force_or_a_start),
        cmocka_unit_test(help_fits_a_terminal_and_names_every_option),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
