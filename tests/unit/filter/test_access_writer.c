/* SPDX-License-Identifier: Apache-2.0 */
/* Where lines of access logs go: who does not read costs lines and nothing else, lines stay whole and in order, files come and go (reliability.md E4). */
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "filter/access_writer.h"
#include "loop/loop.h"
#include "obs/stats.h"
#include "unit.h"
#include "vclock.h"

enum { WORKERS = 2 };

static struct vclock now;
static struct loop *loop;
static struct access_writer *writer;
static struct access_sink *held[4];
static char folder[64], path[96];

static int
setup(void **state)
{
    (void)state;
    loop = loop_new(vclock_init(&now));
    writer = access_writer_new(loop, WORKERS);
    snprintf(folder, sizeof(folder), "/tmp/outrigger-test-XXXXXX");
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/access.log", folder);
    log_setup(LOG_ERROR - 1, LOG_TEXT);
    return 0;
}

static void
advance(int64_t ms)
{
    for (int64_t i = 0; i < ms; i += 5) {
        vclock_advance_ms(&now, 5);
        loop_turn(loop, false);
    }
}

/* A test that fails leaves its sinks behind. */
static struct access_sink *
sink_open(const char *to)
{
    for (size_t i = 0; i < ARRAY_LEN(held); i++) {
        if (!held[i])
            return held[i] = access_writer_get(writer, to);
    }
    fail();
    return NULL;
}

static void
sink_close(struct access_sink *s)
{
    for (size_t i = 0; i < ARRAY_LEN(held); i++) {
        if (held[i] == s) {
            held[i] = NULL;
            access_sink_drop(s);
            return;
        }
    }
    fail();
}

static int
teardown(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(held); i++) {
        if (held[i])
            sink_close(held[i]);
    }
    advance(1100);
    access_writer_free(writer);
    loop_free(loop);
    unlink(path);
    assert_int_equal(rmdir(folder), 0);
    return 0;
}

#define WRITER_TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

static bool
put(struct access_sink *s, unsigned worker, const char *text)
{
    return access_sink_put(s, worker, text, strlen(text));
}

static int64_t
lost(void)
{
    return stat_get(access_writer_stats(writer), STAT_ACCESS_LOG_LOST);
}

/* What is in the file now, and how much. */
static const char *
read_file(const char *name)
{
    static char text[4 << 20];
    int fd = open(name, O_RDONLY);
    ssize_t n = fd >= 0 ? read(fd, text, sizeof(text) - 1) : 0;

    if (fd >= 0)
        close(fd);
    text[n > 0 ? n : 0] = '\0';
    return text;
}

static void
lines_of_all_workers_get_there(void **state)
{
    struct access_sink *s = sink_open(path);
    struct access_sink *same = sink_open(path);

    (void)state;
    assert_ptr_equal(s, same);
    advance(5);
    assert_true(put(s, 0, "a1\n") && put(s, 1, "b1\n") && put(s, 0, "a2\n"));
    assert_string_equal(read_file(path), "");
    advance(30);
    assert_string_equal(read_file(path), "a1\na2\nb1\n");
    /* asleep again: the next one wakes it */
    advance(100);
    assert_true(put(s, 1, "b2\n"));
    advance(30);
    assert_string_equal(read_file(path), "a1\na2\nb1\nb2\n");
    sink_close(same);
    assert_true(put(s, 0, "last\n"));
    sink_close(s); /* at once: it is written all the same */
    advance(5);
    assert_non_null(strstr(read_file(path), "last\n"));
    assert_int_equal(lost(), 0);
}

static void
a_file_that_was_moved_is_opened_anew(void **state)
{
    struct access_sink *s = sink_open(path);
    char moved[128];

    (void)state;
    snprintf(moved, sizeof(moved), "%s.1", path);
    advance(5);
    assert_true(put(s, 0, "before\n"));
    advance(30);
    assert_int_equal(rename(path, moved), 0);
    assert_true(put(s, 0, "still old\n"));
    advance(30);
    access_writer_reopen(writer);
    assert_true(put(s, 0, "new\n"));
    advance(30);
    assert_string_equal(read_file(moved), "before\nstill old\n");
    assert_string_equal(read_file(path), "new\n");
    sink_close(s);
    advance(5);
    unlink(moved);
}

static void
a_file_that_cannot_be_opened_is_tried_again(void **state)
{
    struct access_sink *s;

    (void)state;
    assert_int_equal(mkdir(path, 0700), 0);
    s = sink_open(path);
    advance(100);
    assert_true(put(s, 0, "waits\n"));
    advance(1000);
    assert_int_equal(rmdir(path), 0);
    advance(4500);
    assert_string_equal(read_file(path), "waits\n");
    sink_close(s);
    advance(5);
    assert_int_equal(lost(), 0);
}

static void
a_full_disk_costs_lines_and_is_counted(void **state)
{
    struct access_sink *s = sink_open("/dev/full");

    (void)state;
    advance(5);
    for (int i = 0; i < 10; i++)
        assert_true(put(s, 0, "no room\n"));
    advance(20);
    assert_int_equal(lost(), 10);
    assert_true(put(s, 1, "none here either\n"));
    advance(20);
    assert_int_equal(lost(), 11);
    sink_close(s);
    advance(5);
}

/* --- a pipe ---------------------------------------------------------------------------- */

static size_t
read_some(int fd, char *out, size_t room)
{
    ssize_t n = read(fd, out, room);

    return n > 0 ? (size_t)n : 0;
}

static void
line_make(char *out, unsigned worker, unsigned number, size_t n)
{
    memset(out, (int)('a' + number % 26), n);
    n = (size_t)snprintf(out, 32, "%u-%06u-", worker, number);
    out[n] = 'x';
}

/* Lines as long as they can be, a reader that reads odd pieces and often not at all. */
static void
a_slow_reader_gets_whole_lines_in_order(void **state)
{
    static char got[8 << 20], text[8200];
    unsigned next[WORKERS] = { 0 }, seen[WORKERS] = { 0 }, dropped[WORKERS] = { 0 };
    struct access_sink *s;
    struct rng rng;
    size_t n = 0, lines = 0;
    int fd;

    (void)state;
    unit_seed(&rng);
    assert_int_equal(mkfifo(path, 0600), 0);
    fd = open(path, O_RDONLY | O_NONBLOCK);
    s = sink_open(path);
    for (int turn = 0; turn < 3000; turn++) {
        unsigned worker = (unsigned)rng_below(&rng, WORKERS);

        for (uint64_t k = rng_below(&rng, 4); k > 0; k--) {
            size_t len = 40 + rng_below(&rng, rng_below(&rng, 8) ? 300 : 8000);

            line_make(text, worker, next[worker], len);
            text[len] = '\n';
            if (access_sink_put(s, worker, text, len + 1))
                next[worker]++;
            else
                dropped[worker]++;
        }
        advance(5);
        if (turn % 200 < 100)
            n += read_some(fd, got + n, 1 + rng_below(&rng, 60000));
    }
    for (int i = 0; i < 2000; i++) {
        n += read_some(fd, got + n, 65536);
        advance(5);
    }
    for (char *p = got, *end; p < got + n; p = end + 1, lines++) {
        unsigned worker, number;

        end = memchr(p, '\n', (size_t)(got + n - p));
        assert_non_null(end);
        assert_int_equal(sscanf(p, "%u-%u-", &worker, &number), 2);
        assert_int_equal(number, seen[worker]++);
        for (char *c = p + 10; c < end; c++)
            assert_int_equal(*c, 'a' + number % 26);
    }
    for (unsigned w = 0; w < WORKERS; w++)
        assert_int_equal(seen[w], next[w]);
    assert_true(lines > 500);
    assert_int_equal(lost(), 0);
    sink_close(s);
    advance(5);
    close(fd);
}

static void
a_reader_that_never_reads_costs_what_does_not_fit(void **state)
{
    static char text[1000];
    struct access_sink *s;
    unsigned fits = 0;
    int fd;

    (void)state;
    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\n';
    assert_int_equal(mkfifo(path, 0600), 0);
    fd = open(path, O_RDONLY | O_NONBLOCK);
    s = sink_open(path);
    for (int i = 0; i < 3000; i++) {
        fits += access_sink_put(s, 0, text, sizeof(text));
        if (i % 50 == 0)
            advance(20);
    }
    /* the ring, and what is in the pipe */
    assert_in_range(fits, ACCESS_RING_BYTES / 1000, ACCESS_RING_BYTES / 1000 + 70);
    sink_close(s);
    advance(900);
    assert_int_equal(lost(), 0);
    advance(200); /* a second is over: the rest is given up */
    assert_in_range(lost(), fits - 70, fits - 10);
    close(fd);
}

static void
a_reader_that_goes_away_costs_lines(void **state)
{
    struct access_sink *s;
    char out[64];
    int fd;

    (void)state;
    assert_int_equal(mkfifo(path, 0600), 0);
    fd = open(path, O_RDONLY | O_NONBLOCK);
    s = sink_open(path);
    advance(5);
    assert_true(put(s, 0, "first\n"));
    advance(40);
    assert_int_equal(read_some(fd, out, sizeof(out)), 6);
    close(fd);
    for (int i = 0; i < 5; i++)
        assert_true(put(s, 0, "nobody\n"));
    advance(50);
    assert_int_equal(lost(), 5);
    /* a new one, after the log was opened anew */
    fd = open(path, O_RDONLY | O_NONBLOCK);
    access_writer_reopen(writer);
    assert_true(put(s, 0, "again\n"));
    advance(50);
    assert_int_equal(read_some(fd, out, sizeof(out)), 6);
    assert_memory_equal(out, "again\n", 6);
    sink_close(s);
    advance(5);
    close(fd);
}

/* The real thing: a thread of its own. */
static void
a_thread_writes_what_workers_put(void **state)
{
    struct access_writer *own = access_writer_new(NULL, 1);
    struct access_sink *s = access_writer_get(own, path);
    char text[64];
    size_t lines = 0;

    (void)state;
    for (unsigned i = 0; i < 20000; i++) {
        int n = snprintf(text, sizeof(text), "line %u\n", i);

        while (!access_sink_put(s, 0, text, (size_t)n))
            ;
    }
    access_sink_drop(s);
    access_writer_free(own);
    for (const char *p = read_file(path); (p = strchr(p, '\n')); p++)
        lines++;
    assert_int_equal(lines, 20000);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        WRITER_TEST(lines_of_all_workers_get_there),
        WRITER_TEST(a_file_that_was_moved_is_opened_anew),
        WRITER_TEST(a_file_that_cannot_be_opened_is_tried_again),
        WRITER_TEST(a_full_disk_costs_lines_and_is_counted),
        WRITER_TEST(a_slow_reader_gets_whole_lines_in_order),
        WRITER_TEST(a_reader_that_never_reads_costs_what_does_not_fit),
        WRITER_TEST(a_reader_that_goes_away_costs_lines),
        WRITER_TEST(a_thread_writes_what_workers_put),
    };

    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
