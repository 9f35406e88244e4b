/* SPDX-License-Identifier: Apache-2.0 */
/* The log: exact lines, no injection, readable cuts, whole lines from many threads. */
#include "unit.h"

#include <ctype.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/compat.h"
#include "base/log.h"

enum { STAMP = sizeof("2026-11-22T15:33:15.123Z") - 1, TEXT_MAX = 1 << 20 };

static int fd;
static char text[TEXT_MAX];

static int
setup(void **state)
{
    (void)state;
    fd = memfd_create("log", MFD_CLOEXEC);
    if (fd < 0 || fcntl(fd, F_SETFL, O_APPEND) < 0) /* as a log file would be opened */
        return -1;
    log_set_fd(fd);
    log_setup(LOG_INFO, LOG_TEXT);
    return 0;
}

static int
teardown(void **state)
{
    (void)state;
    log_set_fd(STDERR_FILENO);
    return close(fd);
}

/* All lines since the last call, as one text. */
static const char *
read_lines(void)
{
    ssize_t n = pread(fd, text, TEXT_MAX - 1, 0);

    assert_true(n >= 0);
    text[n] = '\0';
    assert_int_equal(ftruncate(fd, 0), 0);
    return text;
}

/* The one line that was written, without its stamp. */
static const char *
read_line(void)
{
    const char *line = read_lines(), *form = "dddd-dd-ddTdd:dd:dd.dddZ";

    for (size_t i = 0; i < STAMP; i++) {
        if (form[i] == 'd')
            assert_true(isdigit((unsigned char)line[i]));
        else
            assert_int_equal(line[i], form[i]);
    }
    assert_ptr_equal(strchr(line, '\n'), line + strlen(line) - 1);
    return line + STAMP;
}

static void
text_lines_have_words_then_fields_then_who(void **state)
{
    const struct log_ctx ctx = { .worker = 0, .conn = 7, .call = 9 };

    (void)state;
    log_at(&ctx, LOG_WARN, "connect failed", LS("endpoint", "10.0.0.1:50051"),
           LI("errno", 111));
    assert_string_equal(read_line(),
                        " warn connect failed endpoint=10.0.0.1:50051 errno=111"
                        " worker=0 conn=7 call=9\n");
}

static void
zero_ids_and_the_main_thread_are_left_out(void **state)
{
    const struct log_ctx ctx = { .worker = -1 };

    (void)state;
    log_at(&ctx, LOG_INFO, "ready");
    assert_string_equal(read_line(), " info ready\n");
    log_at(NULL, LOG_ERROR, "no context", LI("n", INT64_MIN));
    assert_string_equal(read_line(), " error no context n=-9223372036854775808\n");
}

static void
values_cannot_break_a_text_line(void **state)
{
    (void)state;
    log_at(NULL, LOG_INFO, "m", LS("a", "x y"), LS("b", ""), LS("c", "k=v"),
           LS("d", "\"\\"), LB("e", slice_make("\n\r\0\x7f\xc3", 5)), LS("f", NULL));
    assert_string_equal(read_line(), " info m a=\"x y\" b=\"\" c=\"k=v\" d=\"\\\"\\\\\""
                                     " e=\"\\x0a\\x0d\\x00\\x7f\\xc3\" f=\"\"\n");
}

static void
json_lines_are_one_object(void **state)
{
    const struct log_ctx ctx = { .worker = 3, .call = 1 };
    const char *line;

    (void)state;
    log_setup(LOG_INFO, LOG_JSON);
    log_at(&ctx, LOG_WARN, "connect failed", LS("endpoint", "a\"b\\c\n\xff"),
           LI("n", -5));
    line = read_lines();
    assert_memory_equal(line, "{\"time\":\"", 9);
    assert_string_equal(line + 9 + STAMP,
                        "\",\"level\":\"warn\",\"msg\":\"connect failed\","
                        "\"endpoint\":\"a\\\"b\\\\c\\u000a\\u00ff\",\"n\":-5,"
                        "\"worker\":3,\"call\":1}\n");
}

static void
a_long_value_is_cut_at_1_kib(void **state)
{
    char value[3000], expect[1100];

    (void)state;
    memset(value, 'v', sizeof(value));
    log_at(NULL, LOG_INFO, "m", LB("k", slice_make(value, 1024)), LI("after", 1));
    snprintf(expect, sizeof(expect), " info m k=%.1024s after=1\n", value);
    assert_string_equal(read_line(), expect);
    log_at(NULL, LOG_INFO, "m", LB("k", slice_make(value, sizeof(value))),
           LI("after", 1));
    snprintf(expect, sizeof(expect), " info m k=\"%.1024s...\" after=1\n", value);
    assert_string_equal(read_line(), expect);
}

static void
a_long_line_loses_whole_fields_and_says_so(void **state)
{
    char value[1024];
    struct slice v = { .p = (const uint8_t *)value, .n = sizeof(value) };
    const char *line;

    (void)state;
    memset(value, 1, sizeof(value)); /* each byte becomes 6 */
    log_setup(LOG_INFO, LOG_JSON);
    log_at(NULL, LOG_INFO, "m", LB("first", v), LB("second", v), LI("third", 3));
    line = read_lines();
    assert_in_range(strlen(line), 6144, 8192);
    assert_non_null(strstr(line, "\\u0001\",\"cut\":1}\n"));
    assert_null(strstr(line, "second"));
    assert_null(strstr(line, "third"));
}

static int built;

static int
build_value(void)
{
    return ++built;
}

static void
a_line_below_the_level_builds_nothing(void **state)
{
    (void)state;
    built = 0;
    log_at(NULL, LOG_DEBUG, "hidden", LI("n", build_value()));
    assert_int_equal(built, 0);
    assert_string_equal(read_lines(), "");
    log_setup(LOG_DEBUG, LOG_TEXT);
    log_at(NULL, LOG_DEBUG, "shown", LI("n", build_value()));
    assert_string_equal(read_line(), " debug shown n=1\n");
    log_setup(LOG_ERROR, LOG_TEXT);
    log_at(NULL, LOG_WARN, "hidden");
    assert_string_equal(read_lines(), "");
}

static void
level_words_are_read(void **state)
{
    (void)state;
    assert_int_equal(log_level_parse("error"), LOG_ERROR);
    assert_int_equal(log_level_parse("warn"), LOG_WARN);
    assert_int_equal(log_level_parse("info"), LOG_INFO);
    assert_int_equal(log_level_parse("debug"), LOG_DEBUG);
    assert_int_equal(log_level_parse("Info"), -1);
    assert_int_equal(log_level_parse(""), -1);
}

static void
a_call_site_passes_its_burst_and_then_counts(void **state)
{
    struct log_limit limit = { 0 };
    int passed = 0;

    (void)state;
    (void)log_limit_pass(&limit, 0); /* opens the window */
    limit.count = 0;
    limit.left_out = 0;
    for (int i = 0; i < 20; i++)
        passed += log_limit_pass(&limit, 3);
    assert_int_equal(passed, 3);
    assert_string_equal(read_lines(), "");
    limit.window_start_us -= INT64_C(10000000); /* the window ends */
    assert_true(log_limit_pass(&limit, 3));
    assert_string_equal(read_line(),
                        " warn lines like the next one were left out count=17\n");
    limit.window_start_us -= INT64_C(10000000);
    assert_true(log_limit_pass(&limit, 3));
    assert_string_equal(read_lines(), "");
}

enum { THREADS = 4, LINES = 300 };

static void *
write_many(void *arg)
{
    const struct log_ctx ctx = { .worker = (int)(intptr_t)arg };
    static struct log_limit limit;

    for (int i = 0; i < LINES; i++) {
        log_at(&ctx, LOG_INFO, "busy", LS("text", "some words that fill the line"),
               LI("i", i));
        if (log_limit_pass(&limit, 1))
            log_at(&ctx, LOG_DEBUG, "below the level");
        if (i % 100 == 0)
            log_setup(LOG_INFO, LOG_TEXT);
    }
    return NULL;
}

static void
lines_of_many_threads_stay_whole(void **state)
{
    pthread_t threads[THREADS];
    int next[THREADS] = { 0 }, lines = 0;
    char *line, *rest;

    (void)state;
    for (intptr_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, write_many, (void *)i), 0);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    (void)read_lines();
    for (line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        int i, worker;

        assert_int_equal(sscanf(line + STAMP,
                                " info busy text=\"some words that fill the line\""
                                " i=%d worker=%d",
                                &i, &worker),
                         2);
        assert_in_range(worker, 0, THREADS - 1);
        assert_int_equal(i, next[worker]++);
        lines++;
    }
    assert_int_equal(lines, THREADS * LINES);
}

#define LOG_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        LOG_TEST(text_lines_have_words_then_fields_then_who),
        LOG_TEST(zero_ids_and_the_main_thread_are_left_out),
        LOG_TEST(values_cannot_break_a_text_line),
        LOG_TEST(json_lines_are_one_object),
        LOG_TEST(a_long_value_is_cut_at_1_kib),
        LOG_TEST(a_long_line_loses_whole_fields_and_says_so),
        LOG_TEST(a_line_below_the_level_builds_nothing),
        LOG_TEST(level_words_are_read),
        LOG_TEST(a_call_site_passes_its_burst_and_then_counts),
        LOG_TEST(lines_of_many_threads_stay_whole),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
