/* SPDX-License-Identifier: Apache-2.0 */
/* The watched endpoints file: real files and inotify, time by hand. */
#include "unit.h"

#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/compat.h"
#include "base/err.h"
#include "loop/loop.h"
#include "loop/pathwatch.h"
#include "resolve/resolver.h"
#include "vclock.h"

struct world {
    struct vclock clock;
    struct loop *loop;
    struct resolver *r;
    char dir[64], target[128];
    unsigned lists, errors;
    size_t n;       /* endpoints of the last list */
    unsigned port;  /* of its first */
    char why[1024]; /* last error */
    bool stop_inside;
};

/* ---- files ---- */

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
put(const char *path, const char *text)
{
    FILE *f = fopen(path, "w");

    assert_non_null(f);
    assert_int_equal(fwrite(text, 1, strlen(text), f), strlen(text));
    assert_int_equal(fclose(f), 0);
}

static void
put_port(const char *path, unsigned port)
{
    char text[64];

    snprintf(text, sizeof(text), "[\"127.0.0.1:%u\"]\n", port);
    put(path, text);
}

static void
replace(const struct world *w, const char *name, unsigned port)
{
    put_port(at(w, "new"), port);
    assert_int_equal(rename(at(w, "new"), at(w, name)), 0);
}

/* What a kubelet does with a ConfigMap: the file is a link through ..data. */
static void
swap_data(const struct world *w, unsigned n, unsigned port)
{
    char dir[32], file[64];

    snprintf(dir, sizeof(dir), "..%u", n);
    snprintf(file, sizeof(file), "..%u/endpoints.json", n);
    assert_int_equal(mkdir(at(w, dir), 0700), 0);
    put_port(at(w, file), port);
    assert_int_equal(symlink(dir, at(w, "..data_tmp")), 0);
    assert_int_equal(rename(at(w, "..data_tmp"), at(w, "..data")), 0);
}

static void
drop_data(const struct world *w, unsigned n)
{
    char dir[32], file[64];

    snprintf(dir, sizeof(dir), "..%u", n);
    snprintf(file, sizeof(file), "..%u/endpoints.json", n);
    assert_int_equal(unlink(at(w, file)), 0);
    assert_int_equal(rmdir(at(w, dir)), 0);
}

/* ---- the world ---- */

static void
note_list(void *arg, const struct resolved *v, size_t n, int64_t valid_ms)
{
    struct world *w = arg;
    char text[ADDR_TEXT_MAX];

    assert_true(valid_ms == -1 && n > 0);
    w->lists++;
    w->n = n;
    w->port = (unsigned)strtoul(strrchr(addr_print(&v[0].addr, text), ':') + 1, NULL, 10);
    if (w->stop_inside) {
        resolver_stop(w->r);
        w->r = NULL;
    }
}

static void
note_error(void *arg, const char *why)
{
    struct world *w = arg;

    w->errors++;
    snprintf(w->why, sizeof(w->why), "%s", why);
    if (w->stop_inside) {
        resolver_stop(w->r);
        w->r = NULL;
    }
}

static const struct resolver_ops note_ops = { note_list, note_error };

static void
turns(struct world *w)
{
    for (unsigned i = 0; i < 4; i++) {
        vclock_advance_ms(&w->clock, 1);
        loop_turn(w->loop, false);
    }
}

static void
wait_ms(struct world *w, int64_t ms)
{
    turns(w);
    vclock_advance_ms(&w->clock, ms);
    turns(w);
}

static void
world_open(struct world *w)
{
    memset(w, 0, sizeof(*w));
    snprintf(w->dir, sizeof(w->dir), "/tmp/outrigger-file-XXXXXX");
    assert_non_null(mkdtemp(w->dir));
    w->loop = loop_new(vclock_init(&w->clock));
    snprintf(w->target, sizeof(w->target), "file://%s/endpoints.json", w->dir);
}

static void
world_start(struct world *w)
{
    struct resolver_args args = {
        .loop = w->loop, .target = w->target, .ops = &note_ops, .arg = w
    };
    const char *why;

    assert_int_equal(resolver_check(w->target, &why), ERR_OK);
    w->r = resolver_start(&args);
    assert_int_equal(w->lists + w->errors, 0);
    turns(w);
}

static void
world_close(struct world *w)
{
    static const char *const names[] = { "endpoints.json", "new", "..data" };

    resolver_stop(w->r);
    turns(w);
    loop_free(w->loop);
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        (void)unlink(at(w, names[i]));
    assert_int_equal(rmdir(w->dir), 0);
}

/* ---- tests ---- */

static void
each_of_200_changes_is_seen(void **state)
{
    struct world w;
    unsigned port = 1000;

    (void)state;
    world_open(&w);
    put_port(at(&w, "endpoints.json"), port);
    world_start(&w);
    for (unsigned i = 0; i < 200; i++) {
        assert_int_equal(w.port, port++);
        if (i % 2)
            replace(&w, "endpoints.json", port);
        else
            put_port(at(&w, "endpoints.json"), port);
        wait_ms(&w, PATHWATCH_PAUSE_MS);
    }
    assert_int_equal(w.port, port);
    assert_int_equal(w.lists, 201);
    assert_int_equal(w.errors, 0);
    world_close(&w);
}

static void
each_of_200_swaps_of_a_mounted_configmap_is_seen(void **state)
{
    struct world w;

    (void)state;
    world_open(&w);
    swap_data(&w, 0, 1000);
    assert_int_equal(symlink("..data/endpoints.json", at(&w, "endpoints.json")), 0);
    world_start(&w);
    for (unsigned i = 1; i <= 200; i++) {
        assert_int_equal(w.port, 999 + i);
        swap_data(&w, i, 1000 + i);
        turns(&w);
        drop_data(&w, i - 1);
        wait_ms(&w, PATHWATCH_PAUSE_MS);
    }
    assert_int_equal(w.port, 1200);
    assert_int_equal(w.lists, 201);
    assert_int_equal(w.errors, 0);
    drop_data(&w, 200);
    world_close(&w);
}

static void
the_first_change_after_silence_is_seen_at_once_and_a_storm_twice(void **state)
{
    struct world w;

    (void)state;
    world_open(&w);
    put_port(at(&w, "endpoints.json"), 1);
    world_start(&w);
    wait_ms(&w, PATHWATCH_PAUSE_MS);
    put_port(at(&w, "endpoints.json"), 2);
    turns(&w);
    assert_int_equal(w.port, 2);
    for (unsigned i = 3; i <= 100; i++) {
        put_port(at(&w, "endpoints.json"), i);
        turns(&w);
    }
    assert_int_equal(w.lists, 2);
    wait_ms(&w, PATHWATCH_PAUSE_MS);
    assert_int_equal(w.port, 100);
    assert_int_equal(w.lists, 3);
    world_close(&w);
}

static void
a_bad_file_changes_nothing_and_is_told_once(void **state)
{
    static const char *const rows[][2] = {
        { "[\"127.0.0.1:2\",", "line 1, column " },
        { "", "nothing in it" },
        { "[]", "is empty" },
        { "[\"nowhere\"]", "line 1, column 2: \"nowhere\"" },
    };
    struct world w;

    (void)state;
    world_open(&w);
    put_port(at(&w, "endpoints.json"), 1);
    world_start(&w);
    for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
        put(at(&w, "endpoints.json"), rows[i][0]);
        wait_ms(&w, PATHWATCH_PAUSE_MS);
        assert_int_equal(w.errors, i + 1);
        assert_non_null(strstr(w.why, rows[i][1]));
        assert_non_null(strstr(w.why, at(&w, "endpoints.json: ")));
        wait_ms(&w, 3 * PATHWATCH_POLL_MS);
        put(at(&w, "endpoints.json"), rows[i][0]);
        wait_ms(&w, PATHWATCH_PAUSE_MS);
        assert_int_equal(w.errors, i + 1);
    }
    assert_int_equal(w.lists, 1);
    put_port(at(&w, "endpoints.json"), 1);
    wait_ms(&w, PATHWATCH_PAUSE_MS);
    assert_int_equal(w.lists, 2);
    world_close(&w);
}

static void
the_same_content_is_no_change(void **state)
{
    struct world w;

    (void)state;
    world_open(&w);
    put_port(at(&w, "endpoints.json"), 1);
    world_start(&w);
    for (unsigned i = 0; i < 5; i++) {
        replace(&w, "endpoints.json", 1);
        wait_ms(&w, PATHWATCH_POLL_MS);
    }
    assert_int_equal(w.lists, 1);
    world_close(&w);
}

static void
a_file_may_come_later_go_and_come_back(void **state)
{
    struct world w;

    (void)state;
    world_open(&w);
    world_start(&w);
    assert_int_equal(w.errors, 1);
    assert_non_null(strstr(w.why, "No such file"));
    wait_ms(&w, PATHWATCH_PAUSE_MS);
    put_port(at(&w, "endpoints.json"), 1);
    turns(&w);
    assert_int_equal(w.lists, 1);
    assert_int_equal(unlink(at(&w, "endpoints.json")), 0);
    wait_ms(&w, PATHWATCH_PAUSE_MS);
    assert_int_equal(w.errors, 2);
    put_port(at(&w, "endpoints.json"), 1);
    wait_ms(&w, PATHWATCH_PAUSE_MS);
    assert_int_equal(w.lists, 2);
    world_close(&w);
}

static void
a_whole_path_may_come_later(void **state)
{
    struct world w;

    (void)state;
    world_open(&w);
    snprintf(w.target, sizeof(w.target), "file://%s/a/b/endpoints.json", w.dir);
    world_start(&w);
    assert_int_equal(w.errors, 1);
    wait_ms(&w, PATHWATCH_PAUSE_MS);
    assert_int_equal(mkdir(at(&w, "a"), 0700), 0);
    assert_int_equal(mkdir(at(&w, "a/b"), 0700), 0);
    wait_ms(&w, PATHWATCH_PAUSE_MS);
    put_port(at(&w, "a/b/endpoints.json"), 5);
    wait_ms(&w, PATHWATCH_PAUSE_MS);
    assert_int_equal(w.port, 5);
    assert_int_equal(unlink(at(&w, "a/b/endpoints.json")), 0);
    assert_int_equal(rmdir(at(&w, "a/b")), 0);
    assert_int_equal(rmdir(at(&w, "a")), 0);
    world_close(&w);
}

/* Nothing tells that a directory above was renamed: the poll finds it. */
static void
what_no_event_tells_is_found_by_the_poll(void **state)
{
    struct world w;

    (void)state;
    world_open(&w);
    snprintf(w.target, sizeof(w.target), "file://%s/a/b/endpoints.json", w.dir);
    assert_int_equal(mkdir(at(&w, "a"), 0700), 0);
    assert_int_equal(mkdir(at(&w, "a/b"), 0700), 0);
    assert_int_equal(mkdir(at(&w, "c"), 0700), 0);
    assert_int_equal(mkdir(at(&w, "c/b"), 0700), 0);
    put_port(at(&w, "a/b/endpoints.json"), 5);
    put_port(at(&w, "c/b/endpoints.json"), 6);
    world_start(&w);
    assert_int_equal(w.port, 5);
    wait_ms(&w, PATHWATCH_PAUSE_MS);
    assert_int_equal(rename(at(&w, "a"), at(&w, "old")), 0);
    assert_int_equal(rename(at(&w, "c"), at(&w, "a")), 0);
    turns(&w);
    wait_ms(&w, PATHWATCH_POLL_MS);
    assert_int_equal(w.port, 6);
    put_port(at(&w, "a/b/endpoints.json"), 7);
    wait_ms(&w, PATHWATCH_PAUSE_MS);
    assert_int_equal(w.port, 7);
    assert_int_equal(unlink(at(&w, "a/b/endpoints.json")), 0);
    assert_int_equal(unlink(at(&w, "old/b/endpoints.json")), 0);
    assert_int_equal(rmdir(at(&w, "a/b")), 0);
    assert_int_equal(rmdir(at(&w, "a")), 0);
    assert_int_equal(rmdir(at(&w, "old/b")), 0);
    assert_int_equal(rmdir(at(&w, "old")), 0);
    world_close(&w);
}

static void
links_in_a_circle_pipes_and_huge_files_are_refused(void **state)
{
    struct world w;
    int fd;

    (void)state;
    world_open(&w);
    assert_int_equal(symlink("endpoints.json", at(&w, "endpoints.json")), 0);
    world_start(&w);
    assert_int_equal(w.errors, 1);
    assert_int_equal(unlink(at(&w, "endpoints.json")), 0);
    assert_int_equal(mkfifo(at(&w, "endpoints.json"), 0600), 0);
    wait_ms(&w, PATHWATCH_PAUSE_MS);
    assert_non_null(strstr(w.why, "not a regular file"));
    fd = open(at(&w, "new"), O_CREAT | O_WRONLY, 0600);
    assert_true(fd >= 0);
    assert_int_equal(ftruncate(fd, (8 << 20) + 1), 0);
    close(fd);
    assert_int_equal(rename(at(&w, "new"), at(&w, "endpoints.json")), 0);
    wait_ms(&w, PATHWATCH_PAUSE_MS);
    assert_non_null(strstr(w.why, "larger than"));
    assert_int_equal(w.lists, 0);
    world_close(&w);
}

static void
an_owner_may_stop_it_inside_a_callback(void **state)
{
    struct world w;

    (void)state;
    for (unsigned good = 0; good < 2; good++) {
        world_open(&w);
        w.stop_inside = true;
        put(at(&w, "endpoints.json"), good ? "[\"127.0.0.1:1\"]" : "no");
        world_start(&w);
        assert_null(w.r);
        wait_ms(&w, PATHWATCH_POLL_MS);
        assert_int_equal(w.lists, good);
        assert_int_equal(w.errors, !good);
        world_close(&w);
    }
}

static void
the_target_is_a_full_path(void **state)
{
    static const char *const rows[] = { "file:", "file:a.json", "file://a.json",
                                        "file:///", "file:/a.json" };
    const char *why;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        assert_int_equal(resolver_check(rows[i], &why), ERR_SYNTAX);
        assert_non_null(strstr(why, "file:///etc/outrigger/endpoints.json"));
    }
    assert_int_equal(resolver_check("file:///a", &why), ERR_OK);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_of_200_changes_is_seen),
        cmocka_unit_test(each_of_200_swaps_of_a_mounted_configmap_is_seen),
        cmocka_unit_test(
            the_first_change_after_silence_is_seen_at_once_and_a_storm_twice),
        cmocka_unit_test(a_bad_file_changes_nothing_and_is_told_once),
        cmocka_unit_test(the_same_content_is_no_change),
        cmocka_unit_test(a_file_may_come_later_go_and_come_back),
        cmocka_unit_test(a_whole_path_may_come_later),
        cmocka_unit_test(what_no_event_tells_is_found_by_the_poll),
        cmocka_unit_test(links_in_a_circle_pipes_and_huge_files_are_refused),
        cmocka_unit_test(an_owner_may_stop_it_inside_a_callback),
        cmocka_unit_test(the_target_is_a_full_path),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
