/* SPDX-License-Identifier: Apache-2.0 */
/* The screen of outriggerctl top: what stands where, and that it never is wider or longer
 * than the terminal. */
#include "main/ctl_top.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "conf/json.h"
#include "ctlstats.h"
#include "main/ctl_words.h"

static struct strbuf screen;

static const char *
draw(struct top_view *view, struct json_t *stats)
{
    strbuf_done(&screen);
    strbuf_init(&screen, 1 << 20);
    top_draw(view, stats, &screen);
    return screen.s ? screen.s : "";
}

static struct top_view
view_of(size_t width, size_t height)
{
    return (struct top_view){ .style = { .width = width }, .height = height };
}

static void
the_whole_screen_at_100_columns(void **state)
{
    struct json_t *stats = ctlstats_tree(NULL, NULL);
    struct top_view view = view_of(100, 0);

    (void)state;
    assert_string_equal(
        draw(&view, stats),
        "outrigger orders-7c9f  ready  up 3d 4h  config 5f2a (12m)  CPU 7%  RSS 18 MiB  "
        "in 41 conn\nout 12 conn\n"
        "calls/s 2140  ok 99.93%  p50 1.1ms  p95 3.8ms  p99 9.2ms  in flight 37  "
        "retries/s 0.4  limited/s 0\ndenied/s 0\n"
        "\n"
        "POOL   UP   CALLS/S    OK%  P50  P95   P99  INFLIGHT  PEND  RETRY/S  60s\n"
        "app    1/1     1410    100  0.9  2.1   4.0   12/1000     0        0  "
        "\u2581\u2588\n"
        "stock  1/2      730  99.80  1.6  5.2  14.1        25     3      0.4  \u2588\n"
        "  10.2.0.14:50051 v2  unhealthy 42s: connection refused (3 of 3)\n");
    jtree_free(stats);
}

static void
pages_sorts_and_filters(void **state)
{
    struct json_t *stats = ctlstats_tree(NULL, NULL);
    struct top_view view = view_of(100, 0);
    const char *text;

    (void)state;
    top_key(&view, 'm');
    text = draw(&view, stats);
    assert_true(strstr(text, "Cart/Get") < strstr(text, "Cart/Put"));
    top_key(&view, 's'); /* calls */
    text = draw(&view, stats);
    assert_true(strstr(text, "Cart/Get") < strstr(text, "Cart/Put"));
    top_key(&view, 's'); /* worst */
    text = draw(&view, stats);
    assert_true(strstr(text, "Cart/Put") < strstr(text, "Cart/Get"));
    top_key(&view, 's'); /* slowest */
    text = draw(&view, stats);
    assert_true(strstr(text, "Cart/Put") < strstr(text, "Cart/Get"));
    top_key(&view, 's'); /* as given */
    top_key(&view, 'e');
    text = draw(&view, stats);
    assert_non_null(strstr(text, "10.2.0.14:50051  stock  unhealthy 42s"));
    assert_non_null(strstr(text, "\n  connection refused (3 of 3)\n"));
    assert_true(strstr(text, "10.2.0.9:") < strstr(text, "10.2.0.13:"));
    top_key(&view, 's');
    top_key(&view, 's');
    text = draw(&view, stats); /* by failures */
    assert_true(strstr(text, "10.2.0.9:") > strstr(text, "10.2.0.13:"));
    for (const char *key = "/STOx\b"; *key; key++)
        assert_int_equal(top_key(&view, *key), TOP_DRAW);
    text = draw(&view, stats); /* also by the name of the pool, whatever the case */
    assert_null(strstr(text, "10.2.0.9:"));
    assert_non_null(strstr(text, "10.2.0.14:"));
    assert_int_equal(top_key(&view, 'q'), TOP_DRAW); /* typed, not meant */
    top_key(&view, TOP_KEY_ESCAPE);
    assert_non_null(strstr(draw(&view, stats), "10.2.0.9:"));
    assert_int_equal(top_key(&view, 'q'), TOP_QUIT);
    jtree_free(stats);
}

/* Whatever the size: no line is too long, there are exactly so many lines, and the last one
 * has the keys. */
static void
it_fits_every_screen(void **state)
{
    struct json_t *stats = ctlstats_tree("\"stateWhy\": \"\"",
                                         "\"stateWhy\": \"a reason that is longer than "
                                         "narrow screens are wide\"");

    (void)state;
    for (size_t width = 10; width <= 200; width += 5) {
        for (size_t height = 1; height <= 30; height++) {
            struct top_view view = view_of(width, height);
            static const char *const first[] = { "\napp", "\n10.2.0", "\n/shop." };
            size_t lines = 0;

            view.page = (enum top_page)((width + height) % 3);
            for (const char *at = draw(&view, stats); *at; lines++) {
                char line[1024];
                size_t n = strcspn(at, "\n");

                assert_true(n < sizeof line && at[n] == '\n');
                memcpy(line, at, n);
                line[n] = '\0';
                if (ctl_columns(line) > width)
                    fail_msg("%zux%zu: \"%s\"", width, height, line);
                at += n + 1;
            }
            assert_int_equal(lines, height);
            assert_non_null(strstr(screen.s, "q "));
            if (height >= 6) /* however long the head: some of the list is there */
                assert_non_null(strstr(screen.s, first[view.page]));
        }
    }
    jtree_free(stats);
}

static void
narrow_screens_lose_columns_not_names(void **state)
{
    struct json_t *stats = ctlstats_tree(NULL, NULL);
    struct top_view view = view_of(44, 0);

    (void)state;
    assert_non_null(
        strstr(draw(&view, stats), "POOL   UP   CALLS/S    OK%   P99  60s\n"));
    view.style.width = 30;
    assert_non_null(strstr(draw(&view, stats), "POOL   UP   CALLS/S    OK%\n"));
    assert_non_null(strstr(screen.s, "stock  1/2      730  99.80\n"));
    assert_non_null(strstr(screen.s, "  10.2.0.14:50051 v2  unhealt\u2026\n"));
    jtree_free(stats);
}

static size_t
columns_before(const char *line, const char *mark)
{
    const char *end = strstr(line, mark);
    char part[1024];

    assert_non_null(end);
    snprintf(part, sizeof part, "%.*s", (int)(end - line), line);
    return ctl_columns(part);
}

/* Characters of East Asia take two columns, marks that stand on others none. */
static void
wide_characters_keep_the_columns(void **state)
{
    struct json_t *stats =
        ctlstats_tree("\"name\": \"app\"",
                      "\"name\": \"\u65e5\u672c\u8a9e\u30d7\u30fc\u30eb\u3042\u3042\u3042"
                      "\u3042\u3042\u3042\u3042\u3042\u3042\u3042\u3042\u3042e\u0301\"");

    (void)state;
    assert_int_equal(ctl_columns("e\u0301\u65e5\U0001f600x"), 6);
    assert_int_equal(ctl_columns_cut("\u65e5\u672c", 3), 3);
    for (size_t width = 10; width <= 120; width++) {
        struct top_view view = view_of(width, 20);

        for (const char *at = draw(&view, stats); *at; at += strcspn(at, "\n") + 1) {
            char line[1024];

            snprintf(line, sizeof line, "%.*s", (int)strcspn(at, "\n"), at);
            if (ctl_columns(line) > width)
                fail_msg("%zu: \"%s\"", width, line);
        }
        if (width < 60)
            continue;
        assert_int_equal(columns_before(strstr(screen.s, "\nPOOL") + 1, "UP"),
                         columns_before(strstr(screen.s, "\n\u65e5") + 1, "1/1"));
    }
    jtree_free(stats);
}

static void
colour_and_plain_marks(void **state)
{
    struct json_t *stats = ctlstats_tree(NULL, NULL);
    struct top_view view = view_of(80, 24);

    (void)state;
    assert_null(strchr(draw(&view, stats), '\033'));
    view.style.colour = true;
    assert_non_null(strchr(draw(&view, stats), '\033'));
    view.style.plain = true;
    view.style.width = 60;
    for (const char *at = draw(&view, stats); *at; at++)
        assert_true((unsigned char)*at < 0x80);
    jtree_free(stats);
}

/* Names come from files, DNS and headers: a terminal must not obey them. */
static void
control_characters_are_not_shown(void **state)
{
    struct json_t *stats =
        ctlstats_tree("\"name\": \"app\"", "\"name\": \"a\\u001b[31m\\u009bp\\np\"");
    struct top_view view = view_of(80, 0);

    (void)state;
    assert_non_null(strstr(draw(&view, stats), "\na?[31m?p?p  1/1"));
    assert_null(strchr(screen.s, '\033'));
    jtree_free(stats);
}

static void
what_matters_has_a_line_of_its_own(void **state)
{
    static const struct {
        const char *from, *to, *line;
    } rows[] = {
        { "\"drain\": null",
          "\"drain\": { \"phase\": \"goaway\", \"leftMs\": 8000, \"connections\": 3, "
          "\"calls\": 5 }",
          "\ndrain: goaway, 8s left, 3 connections and 5 calls open\n" },
        { "\"ok\": true, \"error\": \"\"",
          "\"ok\": false, \"error\": \"f:2:3: error: bad\"",
          "\nreload refused: f:2:3: error: bad\n" },
        { "\"state\": \"ready\", \"stateWhy\": \"\"",
          "\"state\": \"starting\", \"stateWhy\": \"pool app is empty\"",
          "\nstarting: pool app is empty\n" },
        { "\"panic\": false", "\"panic\": true", "\napp    1/1 panic     1410" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct json_t *stats = ctlstats_tree(rows[i].from, rows[i].to);
        struct top_view view = view_of(80, 0);

        if (!strstr(draw(&view, stats), rows[i].line))
            fail_msg("no \"%s\" in\n%s", rows[i].line, screen.s);
        jtree_free(stats);
    }
}

static void
scrolling_ends_at_the_last_row(void **state)
{
    struct json_t *stats = ctlstats_tree(NULL, NULL);
    struct top_view view = view_of(80, 24);

    (void)state;
    for (int i = 0; i < 5; i++)
        top_key(&view, 'j');
    assert_null(strstr(draw(&view, stats), "\napp "));
    assert_non_null(strstr(screen.s, "\nstock "));
    assert_int_equal(view.first, 1);
    top_key(&view, TOP_KEY_UP);
    top_key(&view, 'k');
    assert_int_equal(view.first, 0);
    assert_non_null(strstr(draw(&view, stats), "\napp "));
    jtree_free(stats);
}

static void
an_empty_object_is_no_crash(void **state)
{
    struct jtree_fault fault;
    struct json_t *stats = jtree_read("{}", 2, &fault);
    struct top_view view = view_of(80, 24);

    (void)state;
    assert_non_null(strstr(draw(&view, stats), "POOL"));
    jtree_free(stats);
}

static int
done(void **state)
{
    (void)state;
    strbuf_done(&screen);
    return 0;
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_whole_screen_at_100_columns),
        cmocka_unit_test(pages_sorts_and_filters),
        cmocka_unit_test(it_fits_every_screen),
        cmocka_unit_test(narrow_screens_lose_columns_not_names),
        cmocka_unit_test(wide_characters_keep_the_columns),
        cmocka_unit_test(colour_and_plain_marks),
        cmocka_unit_test(control_characters_are_not_shown),
        cmocka_unit_test(what_matters_has_a_line_of_its_own),
        cmocka_unit_test(scrolling_ends_at_the_last_row),
        cmocka_unit_test(an_empty_object_is_no_crash),
    };

    return cmocka_run_group_tests(tests, NULL, done);
}
