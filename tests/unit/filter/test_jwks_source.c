/* SPDX-License-Identifier: Apache-2.0 */
/* Where keys come from: the config, a real file; sources that are shared, and what is left of one that was closed. */
#include "jwksrig.h"

#include <unistd.h>

#include "base/compat.h"
#include "loop/pathwatch.h"

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

/* ---- sharing and closing ---- */

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

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(from_says_the_kind),
        TEST(keys_of_the_config_are_there_at_once),
        TEST(a_file_is_read_again_when_it_changes),
        TEST(without_a_file_there_are_no_keys),
        TEST(sources_that_say_the_same_are_one),
        TEST(closing_ends_what_is_under_way),
        TEST(views_keep_old_keys_until_they_look),
    };

    return cmocka_run_group_tests(tests, begin, end);
}
