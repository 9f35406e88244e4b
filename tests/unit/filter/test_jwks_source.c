/* SPDX-License-Identifier: Apache-2.0 */
/* Where keys come from: the config, a real file, a URL whose fetches are made by hand; time by hand. */
#include "unit.h"

#include <string.h>
#include <unistd.h>

#include "base/compat.h"
#include "base/xalloc.h"
#include "filter/jwks.h"
#include "filter/jwks_source.h"
#include "jwtmake.h"
#include "loop/loop.h"
#include "loop/pathwatch.h"
#include "obs/stats.h"
#include "vclock.h"

#define URL "https://id.example/jwks.json?secret"

static struct vclock now;
static struct loop *loop;
static struct stats stats;
static struct jwks_view view;
static struct jwtkey *a, *b;
static char *set_a, *set_b, *set_ab;

/* ---- fetches by hand ---- */

static struct {
    unsigned started, cancelled;
    bool open;
    fetch_fn *fn;
    void *arg;
    struct fetch_args args;
} net;

static void *
start(const struct fetch_args *args, fetch_fn *fn, void *arg)
{
    assert_false(net.open); /* one at a time */
    net.started++;
    net.open = true;
    net.fn = fn;
    net.arg = arg;
    net.args = *args;
    return &net;
}

static void
cancel(void *fetch)
{
    assert_ptr_equal(fetch, &net);
    assert_true(net.open);
    net.open = false;
    net.cancelled++;
}

static const struct jwks_fetch_ops ops = { start, cancel };

static void
answer(const char *why, const char *text)
{
    assert_true(net.open);
    net.open = false;
    net.fn(net.arg, why, slice_of(text));
}

/* ---- the world ---- */

static int
begin(void **state)
{
    struct jwtkey *both[2];

    (void)state;
    a = jwtkey_new(SIG_EDDSA, "a", 0);
    b = jwtkey_new(SIG_EDDSA, "b", 0);
    both[0] = a;
    both[1] = b;
    set_a = jwtkeys_set(&a, 1);
    set_b = jwtkeys_set(&b, 1);
    set_ab = jwtkeys_set(both, 2);
    return 0;
}

static int
end(void **state)
{
    (void)state;
    xfree(set_a);
    xfree(set_b);
    xfree(set_ab);
    jwtkey_free(a);
    jwtkey_free(b);
    return 0;
}

static int
setup(void **state)
{
    (void)state;
    loop = loop_new(vclock_init(&now));
    memset(&stats, 0, sizeof(stats));
    memset(&net, 0, sizeof(net));
    jwks_source_use(&ops);
    return 0;
}

static int
teardown(void **state)
{
    (void)state;
    jwks_view_done(&view);
    assert_int_equal(stat_get(&stats, STAT_JWKS_BAD), 0);
    loop_free(loop);
    return 0;
}

static struct jwks_source *
open_from(const char *from)
{
    const struct jwks_conf conf = {
        .from = from,
        .refresh_ms = 600000,
        .timeout_ms = 5000,
        .max_stale_ms = 3600000,
    };

    return jwks_source_open(loop, &stats, &conf);
}

static void
pass_ms(int64_t ms)
{
    while (ms > 0) {
        int64_t step = ms < 1000 ? ms : 1000;

        vclock_advance_ms(&now, step);
        loop_turn(loop, false);
        ms -= step;
    }
    loop_turn(loop, false);
}

static enum jwks_state
look(struct jwks_source *s)
{
    return jwks_source_look(s, &view, loop_now_us(loop));
}

static bool
has(const char *kid)
{
    return jwks_has(view.keys, slice_of(kid));
}

static bool
ask(struct jwks_source *s, const char *kid)
{
    return jwks_source_ask(s, slice_of(kid), loop_now_us(loop));
}

/* ---- kinds ---- */

static void
from_says_the_kind(void **state)
{
    static const struct {
        const char *from;
        enum jwks_kind kind;
        const char *rest;
    } rows[] = {
        { "{\"keys\": []}", JWKS_INLINE, "{\"keys\": []}" },
        { " \n{}", JWKS_INLINE, " \n{}" },
        { "file:/etc/k.json", JWKS_FILE, "/etc/k.json" },
        { "file:///etc/k.json", JWKS_FILE, "/etc/k.json" },
        { "FILE:/x", JWKS_FILE, "/x" },
        { "https://x/y", JWKS_URL, "https://x/y" },
        { "http://x", JWKS_URL, "http://x" },
        { "file:k.json", JWKS_UNKNOWN, "file:k.json" },
        { "file://host/k.json", JWKS_UNKNOWN, "file://host/k.json" },
        { "file:", JWKS_UNKNOWN, "file:" },
        { "file:/", JWKS_UNKNOWN, "file:/" },
        { "file:////x", JWKS_UNKNOWN, "file:////x" },
        { "/etc/k.json", JWKS_UNKNOWN, "/etc/k.json" },
        { "", JWKS_UNKNOWN, "" },
        { "ftp://x", JWKS_UNKNOWN, "ftp://x" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const char *rest;

        if (jwks_from_kind(rows[i].from, &rest) != rows[i].kind ||
            strcmp(rest, rows[i].rest) != 0)
            fail_msg("%s", rows[i].from);
    }
}

static void
keys_of_the_config_are_there_at_once(void **state)
{
    struct jwks_source *s = open_from(set_a);

    (void)state;
    assert_int_equal(look(s), JWKS_GOOD);
    assert_true(has("a"));
    assert_int_equal(view.version, 1);
    assert_false(ask(s, "b"));
    pass_ms(7200000); /* and for ever */
    assert_int_equal(look(s), JWKS_GOOD);
    jwks_source_close(s);
}

/* ---- file ---- */

static void
put(const char *path, const char *text)
{
    char other[128];
    FILE *f;

    snprintf(other, sizeof(other), "%s.new", path);
    f = fopen(other, "w");
    assert_non_null(f);
    assert_int_equal(fwrite(text, 1, strlen(text), f), strlen(text));
    fclose(f);
    assert_int_equal(rename(other, path), 0);
}

static void
a_file_is_read_again_when_it_changes(void **state)
{
    char dir[] = "/tmp/jwks-XXXXXX", path[64], from[80];
    struct jwks_source *s;

    (void)state;
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof(path), "%s/jwks.json", dir);
    snprintf(from, sizeof(from), "file:%s", path);
    put(path, set_a);
    s = open_from(from);
    assert_int_equal(look(s), JWKS_GOOD);
    assert_true(has("a") && !has("b"));
    loop_turn(loop, false);
    put(path, set_ab);
    pass_ms(PATHWATCH_POLL_MS + 1000);
    assert_int_equal(look(s), JWKS_GOOD);
    assert_true(has("a") && has("b"));
    assert_int_equal(view.version, 2);
    /* A bad one changes nothing, is counted, and told until it is good. */
    put(path, "{\"keys\": [");
    pass_ms(PATHWATCH_POLL_MS + 1000);
    assert_int_equal(look(s), JWKS_GOOD);
    assert_int_equal(view.version, 2);
    assert_true(stat_get(&stats, STAT_JWKS_FAILED) >= 1);
    assert_int_equal(stat_get(&stats, STAT_JWKS_BAD), 1);
    unlink(path);
    pass_ms(7200000);
    assert_int_equal(look(s), JWKS_GOOD); /* no time ends them */
    put(path, set_ab);
    pass_ms(PATHWATCH_POLL_MS + 1000);
    assert_int_equal(stat_get(&stats, STAT_JWKS_BAD), 0);
    assert_int_equal(look(s), JWKS_GOOD);
    assert_int_equal(view.version, 2); /* the same keys as before */
    put(path, set_b);
    pass_ms(PATHWATCH_POLL_MS + 1000);
    assert_int_equal(look(s), JWKS_GOOD);
    assert_true(!has("a") && has("b"));
    jwks_source_close(s);
    unlink(path);
    rmdir(dir);
}

static void
without_a_file_there_are_no_keys(void **state)
{
    struct jwks_source *s = open_from("file:/nonexistent/jwks.json");

    (void)state;
    assert_int_equal(look(s), JWKS_NONE);
    assert_false(ask(s, "a"));
    assert_int_equal(stat_get(&stats, STAT_JWKS_BAD), 1);
    jwks_source_close(s);
    assert_int_equal(stat_get(&stats, STAT_JWKS_BAD), 0);
}

/* ---- URL ---- */

static void
a_url_is_asked_at_once_and_then_from_time_to_time(void **state)
{
    struct jwks_source *s = open_from(URL);

    (void)state;
    assert_int_equal(net.started, 1);
    assert_string_equal(net.args.url, URL);
    assert_int_equal(net.args.timeout_ms, 5000);
    assert_int_equal(net.args.cap, JWKS_TEXT_MAX);
    assert_int_equal(look(s), JWKS_COMING);
    answer(NULL, set_a);
    assert_int_equal(look(s), JWKS_GOOD);
    assert_true(has("a"));
    pass_ms(539000); /* 10 minutes less 10 % */
    assert_int_equal(net.started, 1);
    pass_ms(122000);
    assert_int_equal(net.started, 2);
    assert_int_equal(look(s), JWKS_GOOD); /* meanwhile */
    answer(NULL, set_a);
    assert_int_equal(look(s), JWKS_GOOD);
    assert_int_equal(view.version, 1); /* the same: caches live on */
    pass_ms(661000);
    answer(NULL, set_b);
    assert_int_equal(look(s), JWKS_GOOD);
    assert_int_equal(view.version, 2);
    assert_true(has("b") && !has("a"));
    jwks_source_close(s);
}

static void
after_failures_it_is_asked_sooner_but_never_in_a_hurry(void **state)
{
    static const int waits_s[] = { 1, 2, 4, 8, 16, 30, 30, 30 };
    struct jwks_source *s = open_from(URL);

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(waits_s); i++) {
        unsigned before = net.started;

        answer("connection refused", NULL);
        assert_int_equal(look(s), JWKS_NONE);
        pass_ms(waits_s[i] * 900 - 5);
        assert_int_equal(net.started, before);
        pass_ms(waits_s[i] * 200 + 10);
        assert_int_equal(net.started, before + 1);
        assert_int_equal(look(s), JWKS_NONE); /* nobody waits for it again */
    }
    assert_int_equal(stat_get(&stats, STAT_JWKS_FAILED), ARRAY_LEN(waits_s));
    assert_int_equal(stat_get(&stats, STAT_JWKS_BAD), 1);
    answer(NULL, set_a);
    assert_int_equal(look(s), JWKS_GOOD);
    pass_ms(661000);
    answer("late", NULL); /* begins at 1 s again */
    pass_ms(1110);
    assert_true(net.open);
    answer(NULL, set_a);
    jwks_source_close(s);
}

static void
answers_that_are_no_good_change_nothing(void **state)
{
    static const char *const bad[] = { "", "<html>", "{}", "{\"keys\":[]}",
                                       "{\"keys\":[{\"kty\":\"oct\",\"k\":\"AAAA\"}]}" };
    struct jwks_source *s = open_from(URL);

    (void)state;
    answer(NULL, set_a);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        pass_ms(661000);
        answer(NULL, bad[i]);
        assert_int_equal(stat_get(&stats, STAT_JWKS_FAILED), 1);
        assert_int_equal(look(s), JWKS_GOOD);
        assert_true(has("a"));
        assert_int_equal(view.version, 1);
        stats.v[STAT_JWKS_FAILED] = 0;
        pass_ms(1110);
        answer(NULL, set_a);
    }
    jwks_source_close(s);
}

static void
keys_end_when_no_answer_was_good_for_too_long(void **state)
{
    struct jwks_source *s = open_from(URL);
    int64_t left_ms = 3600000;

    (void)state;
    answer(NULL, set_a);
    while (left_ms > 1000) {
        pass_ms(1000);
        left_ms -= 1000;
        if (net.open)
            answer("no", NULL);
        assert_int_equal(look(s), JWKS_GOOD);
    }
    pass_ms(1000);
    assert_int_equal(look(s), JWKS_OLD);
    if (!net.open)
        pass_ms(34000);
    assert_int_equal(look(s), JWKS_OLD);
    answer(NULL, set_a);
    assert_int_equal(look(s), JWKS_GOOD);
    assert_int_equal(view.version, 1);
    jwks_source_close(s);
}

static void
an_unknown_name_makes_one_fetch_in_30_s(void **state)
{
    struct jwks_source *s = open_from(URL);
    char kid[32];
    unsigned asked = 0;

    (void)state;
    assert_true(ask(s, "b")); /* the first one is under way */
    answer(NULL, set_a);
    assert_int_equal(look(s), JWKS_GOOD);
    for (unsigned second = 0; second < 300; second++) {
        for (unsigned i = 0; i < 50; i++) { /* each with a new name */
            snprintf(kid, sizeof(kid), "%u-%u", second, i);
            asked += ask(s, kid);
        }
        loop_turn(loop, false);
        if (net.open)
            answer(NULL, set_a);
        pass_ms(1000);
    }
    assert_int_equal(net.started, 1 + 10);
    assert_int_equal(asked, 10 * 50); /* those of the second in which it was under way */
    jwks_source_close(s);
}

static void
a_new_key_is_found_at_once(void **state)
{
    struct jwks_source *s = open_from(URL);

    (void)state;
    answer(NULL, set_a);
    pass_ms(1000);
    assert_true(ask(s, "b"));
    assert_true(jwks_source_busy(s));
    assert_true(ask(s, "b")); /* single flight */
    loop_turn(loop, false);
    assert_int_equal(net.started, 2);
    answer(NULL, set_ab);
    assert_false(jwks_source_busy(s));
    assert_int_equal(look(s), JWKS_GOOD);
    assert_true(has("b"));
    pass_ms(539000);
    assert_int_equal(net.started, 2); /* and its time began anew */
    jwks_source_close(s);
}

static void
a_name_that_was_not_there_is_not_asked_for_again(void **state)
{
    struct jwks_source *s = open_from(URL);

    (void)state;
    answer(NULL, set_a);
    assert_true(ask(s, "b"));
    loop_turn(loop, false);
    answer(NULL, set_a);
    pass_ms(31000);
    assert_false(ask(s, "b"));
    assert_int_equal(net.started, 2);
    assert_true(ask(s, "c")); /* others are */
    loop_turn(loop, false);
    answer(NULL, set_a);
    pass_ms(31000);
    assert_false(ask(s, "c"));
    assert_false(ask(s, "b"));
    pass_ms(59000); /* 121 s after b was asked for */
    assert_false(ask(s, "c"));
    assert_true(ask(s, "b"));
    loop_turn(loop, false);
    answer(NULL, set_a);
    /* New keys: everything may be. */
    pass_ms(661000);
    answer(NULL, set_b);
    assert_true(ask(s, "c"));
    loop_turn(loop, false);
    /* A fetch that failed says nothing about the name, the next one does. */
    answer("no", NULL);
    pass_ms(1110);
    answer(NULL, set_b);
    pass_ms(31000);
    assert_false(ask(s, "c"));
    jwks_source_close(s);
}

static void
sources_that_say_the_same_are_one(void **state)
{
    struct jwks_source *s = open_from(URL), *same, *other;
    struct jwks_conf conf = {
        .from = URL, .refresh_ms = 600000, .timeout_ms = 5000, .max_stale_ms = 3600000
    };

    (void)state;
    answer(NULL, set_a);
    same = open_from(URL);
    assert_ptr_equal(same, s);
    assert_int_equal(net.started, 1);
    jwks_source_close(s);
    assert_int_equal(look(same), JWKS_GOOD);
    conf.ca = "/etc/ca.crt";
    other = jwks_source_open(loop, &stats, &conf);
    assert_ptr_not_equal(other, same);
    assert_int_equal(net.started, 2);
    assert_string_equal(net.args.ca, "/etc/ca.crt");
    jwks_source_close(same);
    jwks_source_close(other);
    assert_int_equal(net.cancelled, 1);
}

static void
closing_ends_what_is_under_way(void **state)
{
    struct jwks_source *s = open_from(URL);

    (void)state;
    jwks_source_close(s);
    assert_int_equal(net.cancelled, 1);
    s = open_from(URL);
    answer(NULL, set_a);
    assert_true(ask(s, "b")); /* not seen by the loop yet */
    jwks_source_close(s);
    pass_ms(700000);
    assert_int_equal(net.started, 2);
    jwks_source_close(NULL);
}

static void
views_keep_old_keys_until_they_look(void **state)
{
    struct jwks_source *s = open_from(URL);

    (void)state;
    answer(NULL, set_a);
    assert_int_equal(look(s), JWKS_GOOD);
    pass_ms(661000);
    answer(NULL, set_b);
    assert_true(has("a"));
    jwks_source_close(s);
    assert_true(has("a")); /* it holds them */
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(from_says_the_kind),
        TEST(keys_of_the_config_are_there_at_once),
        TEST(a_file_is_read_again_when_it_changes),
        TEST(without_a_file_there_are_no_keys),
        TEST(a_url_is_asked_at_once_and_then_from_time_to_time),
        TEST(after_failures_it_is_asked_sooner_but_never_in_a_hurry),
        TEST(answers_that_are_no_good_change_nothing),
        TEST(keys_end_when_no_answer_was_good_for_too_long),
        TEST(an_unknown_name_makes_one_fetch_in_30_s),
        TEST(a_new_key_is_found_at_once),
        TEST(a_name_that_was_not_there_is_not_asked_for_again),
        TEST(sources_that_say_the_same_are_one),
        TEST(closing_ends_what_is_under_way),
        TEST(views_keep_old_keys_until_they_look),
    };

    return cmocka_run_group_tests(tests, begin, end);
}
