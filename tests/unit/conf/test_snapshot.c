/* SPDX-License-Identifier: Apache-2.0 */
/* Loading and holding: files, standard input, limits, values from the command line, counts. */
#include "conf/snapshot.h"

#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/strbuf.h"
#include "base/xalloc.h"
#include "zoo.h"

static const char good[] =
    "{ \"version\": 1, \"star\": \"lion\", \"gate\": { \"width\": \"2KiB\" } }";

/* A file of this test, removed at its end. */
static char path[64];

static void
write_file(const char *text)
{
    int fd;

    snprintf(path, sizeof path, "/tmp/outrigger-test-%ld.json", (long)getpid());
    fd = open(path, O_CREAT | O_TRUNC | O_WRONLY, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
}

static int
remove_file(void **state)
{
    (void)state;
    unlink(path);
    return 0;
}

static void
a_file_is_read_and_named_in_messages(void **state)
{
    struct conf_snapshot *s = NULL;
    struct strbuf problems;

    (void)state;
    strbuf_init(&problems, 4096);
    write_file(good);
    assert_int_equal(conf_load_file(&zoo_struct, path, &problems, &s), 0);
    assert_int_equal(problems.len, 0);
    assert_string_equal(((const struct zoo *)conf_root(s))->star.animal, "lion");
    conf_drop(s);

    write_file("{ \"version\": 1 ");
    s = NULL;
    assert_int_equal(conf_load_file(&zoo_struct, path, &problems, &s), ERR_SYNTAX);
    assert_null(s);
    assert_int_equal(strncmp(problems.s, path, strlen(path)), 0);
    strbuf_done(&problems);
}

static void
a_file_that_cannot_be_read_is_told(void **state)
{
    struct conf_snapshot *s = NULL;
    struct strbuf problems;

    (void)state;
    strbuf_init(&problems, 4096);
    assert_int_equal(conf_load_file(&zoo_struct, "/nonexistent/x.json", &problems, &s),
                     ERR_SYS);
    assert_null(s);
    assert_string_equal(
        problems.s,
        "/nonexistent/x.json: error: the file cannot be read: No such file or "
        "directory [E0101]\n"
        "1 error in /nonexistent/x.json; more: outrigger --explain E0101\n");
    strbuf_done(&problems);
    assert_int_equal(conf_load_file(&zoo_struct, "/tmp", &problems, &s), ERR_SYS);
    assert_non_null(strstr(problems.s, "Is a directory"));
    strbuf_done(&problems);
}

static void
standard_input_is_read(void **state)
{
    struct conf_snapshot *s = NULL;
    struct strbuf problems;
    int saved = dup(0), fd;

    (void)state;
    strbuf_init(&problems, 4096);
    write_file("{ \"version\": 7 }");
    fd = open(path, O_RDONLY);
    dup2(fd, 0);
    close(fd);
    assert_int_equal(conf_load_file(&zoo_struct, "-", &problems, &s), ERR_SYNTAX);
    assert_int_equal(strncmp(problems.s, "<stdin>:1:", 10), 0);
    /* It was not closed: the program may still want it. */
    assert_true(fcntl(0, F_GETFD) >= 0);
    dup2(saved, 0);
    close(saved);
    strbuf_done(&problems);
}

static void
large_files_are_refused(void **state)
{
    size_t n = CONF_FILE_MAX + 1;
    char *text = xmalloc(n);
    struct conf_snapshot *s = NULL;
    struct strbuf problems;

    (void)state;
    memset(text, ' ', n);
    memcpy(text, good, strlen(good));
    strbuf_init(&problems, 4096);
    assert_int_equal(conf_load_text(&zoo_struct, "z", text, n - 1, &problems, &s), 0);
    conf_drop(s);
    s = NULL;
    assert_int_equal(conf_load_text(&zoo_struct, "z", text, n, &problems, &s),
                     ERR_SYNTAX);
    assert_null(s);
    assert_non_null(strstr(problems.s, "[E0102]"));
    strbuf_done(&problems);
    xfree(text);
}

static void
the_config_lives_on_when_the_text_is_gone(void **state)
{
    char *text = xstrdup(good);
    struct conf_snapshot *s = NULL;
    struct strbuf problems;

    (void)state;
    strbuf_init(&problems, 4096);
    assert_int_equal(conf_load_text(&zoo_struct, "z", text, strlen(text), &problems, &s),
                     0);
    memset(text, 'x', strlen(text));
    xfree(text);
    assert_string_equal(((const struct zoo *)conf_root(s))->star.animal, "lion");
    conf_drop(s);
}

static void
warnings_are_counted_and_printed(void **state)
{
    static const char text[] = "{ \"version\": 1, \"star\": \"a\", \"closed\": true }";
    struct conf_snapshot *s = NULL;
    struct strbuf problems;

    (void)state;
    strbuf_init(&problems, 4096);
    assert_int_equal(conf_load_text(&zoo_struct, "z", text, strlen(text), &problems, &s),
                     0);
    assert_int_equal(conf_warnings(s), 1);
    assert_non_null(strstr(problems.s, "z:1:40: warning: nobody will come [W0398]\n"));
    assert_non_null(strstr(problems.s, "\n1 warning in z"));
    conf_drop(s);
    strbuf_done(&problems);
}

static void
values_of_the_command_line_win(void **state)
{
    static const struct conf_set sets[] = { { "gate.openFor", "5s" },
                                            { "name", "${NOT_A_VARIABLE}" },
                                            { "star.count", "4" },
                                            { "gate.width", "3KiB" } };
    static const char text[] = "{ \"version\": 1, \"star\": { \"animal\": \"lion\" }, "
                               "\"gate\": { \"width\": \"2KiB\" } }";
    const struct conf_load load = { .root = &zoo_struct,
                                    .name = "z",
                                    .text = text,
                                    .n = strlen(text),
                                    .sets = sets,
                                    .n_sets = ARRAY_LEN(sets) };
    struct conf_snapshot *s = NULL;
    const struct zoo *zoo;
    struct strbuf problems;

    (void)state;
    strbuf_init(&problems, 4096);
    for (size_t i = 0; i < ARRAY_LEN(sets); i++)
        assert_int_equal(conf_set_check(&zoo_struct, &sets[i], &problems), 0);
    assert_int_equal(conf_load(&load, &problems, &s), 0);
    zoo = conf_root(s);
    assert_int_equal(zoo->gate.open_ms, 5000);
    assert_int_equal(zoo->gate.width, 3072);
    assert_string_equal(zoo->name, "${NOT_A_VARIABLE}");
    assert_int_equal(zoo->star.count, 4);
    assert_string_equal(zoo->star.animal, "lion");
    assert_true(conf_is_given(s, "gate.openFor"));
    conf_drop(s);
    strbuf_done(&problems);
}

static void
bad_values_of_the_command_line_are_refused(void **state)
{
    static const struct {
        struct conf_set set;
        const char *why;
    } rows[] = {
        { { "gate.openFor", "5" },
          "needs a unit (ns us ms s m h d); did you mean \"5s\"?" },
        { { "star.count", "99" }, "is 99; it must be from 1 to 10" },
        { { "star.count", "x" }, "must be a whole number, not \"x\"" },
        { { "mood", "sad" }, "does not know the word \"sad\"; known words: calm, wild" },
        { { "gate", "x" }, "names no single value" },
        { { "nope", "x" }, "names no single value" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct strbuf why;

        strbuf_init(&why, 1024);
        assert_int_equal(conf_set_check(&zoo_struct, &rows[i].set, &why), ERR_SYNTAX);
        assert_string_equal(why.s, rows[i].why);
        strbuf_done(&why);
    }
}

static void
given_keys_are_known_from_defaults(void **state)
{
    struct conf_snapshot *s = NULL;
    struct strbuf problems;

    (void)state;
    strbuf_init(&problems, 4096);
    assert_int_equal(conf_load_text(&zoo_struct, "z", good, strlen(good), &problems, &s),
                     0);
    assert_true(conf_is_given(s, "version"));
    assert_true(conf_is_given(s, "gate"));
    assert_true(conf_is_given(s, "gate.width"));
    assert_false(conf_is_given(s, "gate.height"));
    assert_false(conf_is_given(s, "mood"));
    assert_true(conf_is_given(s, "star.animal")); /* by the short form */
    assert_false(conf_is_given(s, "nope.below"));
    conf_drop(s);
}

static void *
hold_and_drop(void *arg)
{
    struct conf_snapshot *s = arg;

    for (int i = 0; i < 2000; i++) {
        conf_drop(conf_hold(s));
        if (((const struct zoo *)conf_root(s))->version != 1)
            return s;
    }
    conf_drop(s);
    return NULL;
}

static void
the_last_of_several_threads_frees(void **state)
{
    struct conf_snapshot *s = NULL;
    struct strbuf problems;
    pthread_t threads[4];

    (void)state;
    strbuf_init(&problems, 4096);
    assert_int_equal(conf_load_text(&zoo_struct, "z", good, strlen(good), &problems, &s),
                     0);
    for (size_t i = 0; i < ARRAY_LEN(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, hold_and_drop, conf_hold(s)),
                         0);
    conf_drop(s);
    for (size_t i = 0; i < ARRAY_LEN(threads); i++) {
        void *bad = s;

        assert_int_equal(pthread_join(threads[i], &bad), 0);
        assert_null(bad);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(a_file_is_read_and_named_in_messages, remove_file),
        cmocka_unit_test(a_file_that_cannot_be_read_is_told),
        cmocka_unit_test_teardown(standard_input_is_read, remove_file),
        cmocka_unit_test(large_files_are_refused),
        cmocka_unit_test(the_config_lives_on_when_the_text_is_gone),
        cmocka_unit_test(warnings_are_counted_and_printed),
        cmocka_unit_test(values_of_the_command_line_win),
        cmocka_unit_test(bad_values_of_the_command_line_are_refused),
        cmocka_unit_test(given_keys_are_known_from_defaults),
        cmocka_unit_test(the_last_of_several_threads_frees),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
