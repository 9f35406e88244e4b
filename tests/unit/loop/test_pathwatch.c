/* SPDX-License-Identifier: Apache-2.0 */
/* What a watched path tells, and what it holds: real directories, time by hand. */
#include "unit.h"

#include <limits.h>
#include <string.h>
#include <unistd.h>

#include <sys/stat.h>

#include "loop/loop.h"
#include "loop/pathwatch.h"
#include "vclock.h"

struct world {
    struct vclock clock;
    struct loop *loop;
    struct pathwatch *w;
    char dir[64];
    unsigned told;
    bool close_inside;
};

static const char *
at(const struct world *w, const char *name)
{
    static char path[4][PATH_MAX];
    static unsigned turn;

    turn = (turn + 1) % 4;
    snprintf(path[turn], PATH_MAX, "%s/%s", w->dir, name);
    return path[turn];
}

static void
touch(const char *path)
{
    FILE *f = fopen(path, "w");

    assert_non_null(f);
    assert_int_equal(fclose(f), 0);
}

static void
on_change(void *arg)
{
    struct world *w = arg;

    w->told++;
    if (w->close_inside) {
        pathwatch_close(w->w);
        w->w = NULL;
    }
}

static void
wait_ms(struct world *w, int64_t ms)
{
    /* A timer may be late by a tick, and an event is seen in the first turn. */
    for (int64_t passed = 0; passed < ms + 300; passed += 100) {
        vclock_advance_ms(&w->clock, 100);
        loop_turn(w->loop, false);
        loop_turn(w->loop, false);
    }
}

static void
turns(struct world *w)
{
    for (unsigned i = 0; i < 4; i++) {
        vclock_advance_ms(&w->clock, 1);
        loop_turn(w->loop, false);
    }
}

static void
world_open(struct world *w, const char *name)
{
    memset(w, 0, sizeof(*w));
    snprintf(w->dir, sizeof(w->dir), "/tmp/outrigger-watch-XXXXXX");
    assert_non_null(mkdtemp(w->dir));
    w->loop = loop_new(vclock_init(&w->clock));
    w->w = pathwatch_open(w->loop, at(w, name), on_change, w);
    assert_int_equal(w->told, 0);
    turns(w);
    assert_int_equal(w->told, 1);
}

static void
world_close(struct world *w)
{
    pathwatch_close(w->w);
    turns(w);
    loop_free(w->loop);
    assert_int_equal(rmdir(w->dir), 0);
}

/* ---- tests ---- */

static void
each_directory_with_a_link_is_watched_once(void **state)
{
    struct world w;
    char target[PATH_MAX];

    (void)state;
    world_open(&w, "a/b/file");
    assert_int_equal(pathwatch_count(w.w), 1); /* where "a" will be */
    assert_int_equal(mkdir(at(&w, "a"), 0700), 0);
    assert_int_equal(mkdir(at(&w, "c"), 0700), 0);
    assert_int_equal(mkdir(at(&w, "c/d"), 0700), 0);
    assert_int_equal(symlink("../c/d", at(&w, "a/b")), 0);
    snprintf(target, sizeof(target), "%s", at(&w, "c/e"));
    assert_int_equal(symlink(target, at(&w, "c/d/file")), 0);
    assert_int_equal(symlink("./d/../f", at(&w, "c/e")), 0);
    wait_ms(&w, PATHWATCH_PAUSE_MS);
    /* a (b), c/d (file), c (e and f) */
    assert_int_equal(pathwatch_count(w.w), 3);

    w.told = 0;
    touch(at(&w, "c/f"));
    wait_ms(&w, PATHWATCH_PAUSE_MS);
    assert_int_equal(w.told, 1);
    touch(at(&w, "c/other"));
    touch(at(&w, "a/other"));
    touch(at(&w, "other"));
    wait_ms(&w, PATHWATCH_PAUSE_MS);
    assert_int_equal(w.told, 1); /* names that are not ours */
    assert_int_equal(rename(at(&w, "c/other"), at(&w, "c/f")), 0);
    turns(&w);
    assert_int_equal(w.told, 2);

    /* The first link goes elsewhere: what was behind it is let go. */
    assert_int_equal(unlink(at(&w, "a/b")), 0);
    assert_int_equal(mkdir(at(&w, "a/b"), 0700), 0);
    touch(at(&w, "a/b/file"));
    wait_ms(&w, 2 * PATHWATCH_PAUSE_MS);
    assert_int_equal(pathwatch_count(w.w), 1);
    w.told = 0;
    touch(at(&w, "c/f"));
    wait_ms(&w, PATHWATCH_PAUSE_MS);
    assert_int_equal(w.told, 0);
    touch(at(&w, "a/b/file"));
    wait_ms(&w, PATHWATCH_PAUSE_MS);
    assert_int_equal(w.told, 1);

    (void)unlink(at(&w, "a/b/file"));
    (void)rmdir(at(&w, "a/b"));
    (void)unlink(at(&w, "a/other"));
    (void)rmdir(at(&w, "a"));
    (void)unlink(at(&w, "c/d/file"));
    (void)rmdir(at(&w, "c/d"));
    (void)unlink(at(&w, "c/e"));
    (void)unlink(at(&w, "c/f"));
    (void)rmdir(at(&w, "c"));
    (void)unlink(at(&w, "other"));
    world_close(&w);
}

static void
without_changes_it_tells_at_each_poll(void **state)
{
    struct world w;

    (void)state;
    world_open(&w, "file");
    wait_ms(&w, 3 * PATHWATCH_POLL_MS + 500);
    assert_int_equal(w.told, 4);
    world_close(&w);
}

static void
a_storm_costs_two_looks_per_second(void **state)
{
    struct world w;

    (void)state;
    world_open(&w, "file");
    w.told = 0;
    for (unsigned i = 0; i < 100; i++) {
        touch(at(&w, "file"));
        vclock_advance_ms(&w.clock, 50);
        loop_turn(w.loop, false);
    }
    assert_in_range(w.told, 8, 11); /* in 5 seconds */
    (void)unlink(at(&w, "file"));
    world_close(&w);
}

static void
a_circle_of_links_and_an_endless_path_end(void **state)
{
    struct world w;
    char path[PATH_MAX + 100];

    (void)state;
    world_open(&w, "file");
    assert_int_equal(symlink("other", at(&w, "file")), 0);
    assert_int_equal(symlink("file", at(&w, "other")), 0);
    wait_ms(&w, PATHWATCH_PAUSE_MS);
    assert_int_equal(pathwatch_count(w.w), 1);
    memset(path, 'x', sizeof(path));
    path[0] = '/';
    path[sizeof(path) - 1] = '\0';
    pathwatch_close(w.w);
    w.w = pathwatch_open(w.loop, path, on_change, &w);
    w.told = 0;
    wait_ms(&w, PATHWATCH_POLL_BLIND_MS);
    assert_int_equal(pathwatch_count(w.w), 0);
    assert_int_equal(w.told, 2); /* it has no watch, so it looks more often */
    (void)unlink(at(&w, "file"));
    (void)unlink(at(&w, "other"));
    world_close(&w);
}

static void
it_may_be_closed_inside_its_callback(void **state)
{
    struct world w;

    (void)state;
    world_open(&w, "file");
    w.close_inside = true;
    touch(at(&w, "file"));
    wait_ms(&w, PATHWATCH_POLL_MS);
    assert_int_equal(w.told, 2);
    assert_null(w.w);
    (void)unlink(at(&w, "file"));
    world_close(&w);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_directory_with_a_link_is_watched_once),
        cmocka_unit_test(without_changes_it_tells_at_each_poll),
        cmocka_unit_test(a_storm_costs_two_looks_per_second),
        cmocka_unit_test(a_circle_of_links_and_an_endless_path_end),
        cmocka_unit_test(it_may_be_closed_inside_its_callback),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
