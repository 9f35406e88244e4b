/* SPDX-License-Identifier: Apache-2.0 */
/* A file that a filter lives from: what is good is used, what is bad changes nothing. */
#include "unit.h"

#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/strbuf.h"
#include "base/xalloc.h"
#include "filter/filter.h"
#include "filter/watched.h"
#include "loop/loop.h"
#include "obs/stats.h"
#include "vclock.h"

/* A file is good when it says "good ...". */
struct words {
    char text[64];
};

static unsigned alive, reads;

static void *
words_read(const char *path, const char *text, size_t n, const void *arg,
           struct strbuf *why)
{
    struct words *w;

    reads++;
    assert_int_equal(strlen(text), n);
    if (path && strncmp(text, "good", 4) != 0) {
        strbuf_puts(why, "line 1: it does not say good");
        return NULL;
    }
    w = xcalloc(1, sizeof(*w));
    snprintf(w->text, sizeof(w->text), "%s", path ? text : (const char *)arg);
    alive++;
    return w;
}

static void
words_free(void *object)
{
    alive--;
    xfree(object);
}

static size_t
words_count(const void *object)
{
    (void)object;
    return 1;
}

static const struct watched_kind words = { .what = "words",
                                           .max = 40,
                                           .read = words_read,
                                           .free = words_free,
                                           .count = words_count };

struct world {
    struct vclock clock;
    struct loop *loop;
    struct stats stats;
    char dir[64], path[80];
    struct filter filter;
    struct filter_env env;
    struct watched *w;
};

static void
say(const char *path, const char *text)
{
    char other[100];
    FILE *f;

    snprintf(other, sizeof(other), "%s.new", path);
    f = fopen(other, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
    assert_int_equal(rename(other, path), 0);
}

static void
wait_ms(struct world *w, int64_t ms)
{
    for (int64_t passed = 0; passed < ms; passed += 50) {
        vclock_advance_ms(&w->clock, 50);
        loop_turn(w->loop, false);
        loop_turn(w->loop, false);
    }
}

static void
want(struct world *w, const char *text)
{
    const struct words *o = watched_enter(w->w, 1);

    if (text)
        assert_string_equal(o->text, text);
    else
        assert_null(o);
    watched_leave(w->w, 1);
}

static int
setup(void **state)
{
    struct world *w = xcalloc(1, sizeof(*w));

    snprintf(w->dir, sizeof(w->dir), "/tmp/outrigger-watched-XXXXXX");
    assert_non_null(mkdtemp(w->dir));
    snprintf(w->path, sizeof(w->path), "%s/file", w->dir);
    w->loop = loop_new(vclock_init(&w->clock));
    w->filter = (struct filter){ .name = "f", .scope = "listener in" };
    w->env = (struct filter_env){ .loop = w->loop, .stats = &w->stats, .workers = 2 };
    alive = reads = 0;
    *state = w;
    return 0;
}

static int
teardown(void **state)
{
    struct world *w = *state;

    watched_close(w->w);
    assert_int_equal(alive, 0);
    loop_free(w->loop);
    unlink(w->path);
    assert_int_equal(rmdir(w->dir), 0);
    xfree(w);
    return 0;
}

static void
a_new_file_is_read_and_a_bad_one_changes_nothing(void **state)
{
    struct world *w = *state;

    say(w->path, "good 1");
    w->w = watched_open(&words, &w->filter, &w->env, w->path, NULL);
    want(w, "good 1"); /* at once: the first call must not be refused */
    wait_ms(w, 1000);
    assert_int_equal(reads, 1);

    say(w->path, "good 2");
    wait_ms(w, 1000);
    want(w, "good 2");
    assert_int_equal(alive, 1);
    assert_int_equal(stat_get(&w->stats, STAT_FILTER_FILES_READ), 2);

    say(w->path, "bad");
    wait_ms(w, 1000);
    want(w, "good 2");
    assert_int_equal(stat_get(&w->stats, STAT_FILTER_FILES_REFUSED), 1);
    wait_ms(w, 60000); /* looks of the watch do not read it again */
    assert_int_equal(reads, 3);

    say(w->path, "good, but much longer than such a file may be");
    wait_ms(w, 1000);
    want(w, "good 2");
    assert_int_equal(reads, 3);
    assert_int_equal(stat_get(&w->stats, STAT_FILTER_FILES_REFUSED), 2);

    unlink(w->path);
    wait_ms(w, 1000);
    want(w, "good 2");
    say(w->path, "good 3");
    wait_ms(w, 1000);
    want(w, "good 3");
}

static void
many_writes_are_read_once(void **state)
{
    struct world *w = *state;

    say(w->path, "good 1");
    w->w = watched_open(&words, &w->filter, &w->env, w->path, NULL);
    wait_ms(w, 1000);
    say(w->path, "bad");
    loop_turn(w->loop, false);
    say(w->path, "good 2"); /* the other program has ended writing before we look */
    wait_ms(w, 1000);
    want(w, "good 2");
    assert_int_equal(stat_get(&w->stats, STAT_FILTER_FILES_REFUSED), 0);
    assert_int_equal(reads, 2);
}

static void
without_any_good_file_there_is_nothing(void **state)
{
    struct world *w = *state;

    w->w = watched_open(&words, &w->filter, &w->env, w->path, NULL);
    want(w, NULL);
    assert_int_equal(stat_get(&w->stats, STAT_FILTER_FILES_REFUSED), 1);
    say(w->path, "good");
    wait_ms(w, 1000);
    want(w, "good");
}

static void
what_has_no_file_is_made_once(void **state)
{
    struct world *w = *state;

    w->w = watched_open(&words, &w->filter, &w->env, NULL, "inline");
    want(w, "inline");
    wait_ms(w, 30000);
    assert_int_equal(reads, 1);
    assert_int_equal(stat_get(&w->stats, STAT_FILTER_FILES_READ), 0);
}

static void
a_check_says_which_file_is_bad(void **state)
{
    struct world *w = *state;
    struct strbuf why;

    strbuf_init(&why, 500);
    say(w->path, "bad");
    assert_int_equal(watched_check(&words, w->path, NULL, &why), ERR_SYNTAX);
    assert_true(strncmp(why.s, w->path, strlen(w->path)) == 0);
    assert_non_null(strstr(why.s, ": line 1: it does not say good"));
    say(w->path, "good");
    assert_int_equal(watched_check(&words, w->path, NULL, &why), ERR_OK);
    unlink(w->path);
    assert_int_equal(watched_check(&words, w->path, NULL, &why), ERR_SYNTAX);
    strbuf_done(&why);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_new_file_is_read_and_a_bad_one_changes_nothing,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(many_writes_are_read_once, setup, teardown),
        cmocka_unit_test_setup_teardown(without_any_good_file_there_is_nothing, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(what_has_no_file_is_made_once, setup, teardown),
        cmocka_unit_test_setup_teardown(a_check_says_which_file_is_bad, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
