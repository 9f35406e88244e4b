/* SPDX-License-Identifier: Apache-2.0 */
/* The probe port in HTTP/1.1: what each path says, and how long, how many and how slow clients may be. */
#include "proberig.h"

#include <string.h>

#include "base/compat.h"
#include "base/strbuf.h"
#include "net/transport.h"

static void
each_path_says_whether_it_is_so_and_why_not(void **state)
{
    static const char *const paths[] = { "/livez", "/readyz", "/startupz" };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
        struct client *c = client_open(i, false);
        char text[100];

        snprintf(text, sizeof(text), "GET %s HTTP/1.1\r\n\r\n", paths[i]);
        client_say(c, text);
        assert_memory_equal(c->got, "HTTP/1.1 200 ", 13);
        assert_non_null(strstr(c->got, "\r\n\r\nok\n"));
        world.good[i] = false;
        memset(c->got, 0, sizeof(c->got));
        c->n = 0;
        client_say(c, text);
        assert_memory_equal(c->got, "HTTP/1.1 503 ", 13);
        assert_non_null(strstr(c->got, "\r\n\r\nthe test says no\n"));
        world.good[i] = true;
    }
    assert_int_equal(stat_get(&world.stats, STAT_PROBE_ANSWERS_GOOD), 3);
    assert_int_equal(stat_get(&world.stats, STAT_PROBE_ANSWERS_BAD), 3);
}

static void
a_silent_client_is_let_go_and_so_is_a_slow_one(void **state)
{
    struct client *silent = client_open(0, false), *slow = client_open(1, false);

    (void)state;
    for (int i = 0; i < 9; i++) {
        client_say(slow, "G");
        pass_ms(500);
    }
    assert_false(silent->ended || slow->ended);
    pass_ms(600);
    assert_true(silent->ended && slow->ended);
    assert_int_equal(stat_get(&world.stats, STAT_PROBE_CLOSED_LATE), 2);
}

static void
between_two_requests_there_is_more_time(void **state)
{
    struct client *c = client_open(0, false);

    (void)state;
    client_say(c, "GET /livez HTTP/1.1\r\n\r\n");
    pass_ms(100 * 1000);
    assert_false(c->ended);
    client_say(c, "GET /li"); /* but not within one */
    pass_ms(6000);
    assert_true(c->ended);
}

static void
half_a_head_behind_a_whole_one_has_the_time_of_a_head(void **state)
{
    struct client *c = client_open(0, false);

    (void)state;
    client_say(c, "GET /livez HTTP/1.1\r\n\r\nGET /li");
    assert_memory_equal(c->got, "HTTP/1.1 200 ", 13);
    for (int i = 0; i < 9; i++) {
        pass_ms(500);
        client_say(c, "v"); /* does not make it longer */
    }
    assert_false(c->ended);
    pass_ms(1000);
    assert_true(c->ended);
    assert_int_equal(stat_get(&world.stats, STAT_PROBE_CLOSED_LATE), 1);
}

/* Takes up to n bytes of an answer and throws them away. */
static void
client_take(struct client *c, size_t n)
{
    char room[4096];

    while (n > 0) {
        ssize_t got = transport_read(c->t, room, n < sizeof(room) ? n : sizeof(room));

        if (got <= 0)
            return;
        n -= (size_t)got;
        turns(3);
    }
}

static void
a_slow_reader_gets_its_page_and_a_pretender_does_not(void **state)
{
    struct client *slow = client_open(0, true), *pretender = client_open(1, true),
                  *endless = client_open(2, true);

    (void)state;
    world.page = 4000; /* some 380 KB */
    client_say(slow, "GET /metrics HTTP/1.1\r\n\r\n");
    client_say(pretender, "GET /metrics HTTP/1.1\r\n\r\n");
    client_say(endless, "GET /metrics HTTP/1.1\r\n\r\n");
    for (int i = 0; i < 8; i++) { /* 40 s in all */
        pass_ms(5000);
        client_take(slow, 64 * 1024);
        client_take(pretender, 100);
        client_take(endless, 20 * 1024);
    }
    assert_int_equal(stat_get(&world.stats, STAT_PROBE_CLOSED_LATE), 1);
    assert_int_equal(stat_get(&world.stats, STAT_PROBE_OPEN), 2);
    client_say(slow, "GET /livez HTTP/1.1\r\n\r\n"); /* it has all, and asks again */
    for (int i = 0; i < 5; i++) {
        pass_ms(5000);
        client_take(endless, 20 * 1024);
    }
    assert_int_equal(stat_get(&world.stats, STAT_PROBE_CLOSED_LATE), 2);
    assert_int_equal(stat_get(&world.stats, STAT_PROBE_OPEN), 1);
    assert_int_equal(stat_get(&world.stats, STAT_PROBE_ANSWERS_GOOD), 4);
}

static void
an_answer_that_nobody_takes_is_given_up(void **state)
{
    struct client *c = client_open(0, true);

    (void)state;
    world.page = 1000;
    client_say(c, "GET /metrics HTTP/1.1\r\n\r\n");
    pass_ms(9000);
    assert_int_equal(stat_get(&world.stats, STAT_PROBE_OPEN), 1);
    pass_ms(2000);
    assert_int_equal(stat_get(&world.stats, STAT_PROBE_OPEN), 0);
}

static void
only_a_few_pages_are_on_their_way(void **state)
{
    (void)state;
    world.page = 1000;
    for (size_t i = 0; i < PROBE_PAGES_MAX; i++)
        client_say(client_open(i, true), "GET /metrics HTTP/1.1\r\n\r\n");

    struct client *c = client_open(PROBE_PAGES_MAX, false);

    client_say(c, "GET /metrics HTTP/1.1\r\n\r\n");
    assert_memory_equal(c->got, "HTTP/1.1 503 ", 13);
    assert_non_null(strstr(c->got, "Retry-After: 1\r\n"));
    transport_close(world.clients[0].t); /* its page is not on the way any more */
    world.clients[0].t = NULL;
    turns(10);
    memset(c->got, 0, sizeof(c->got));
    c->n = 0;
    world.page = 1;
    client_say(c, "GET /metrics HTTP/1.1\r\n\r\n");
    assert_memory_equal(c->got, "HTTP/1.1 200 ", 13);
    assert_non_null(strstr(c->got, "version=0.0.4"));
}

static void
a_further_connection_takes_the_place_of_who_waits_longest(void **state)
{
    (void)state;
    for (size_t i = 0; i < PROBE_CONNS_MAX; i++)
        client_open(i, false);
    client_say(&world.clients[0], "GET /livez HTTP/1.1\r\n\r\n"); /* it was heard of */
    client_say(client_open(PROBE_CONNS_MAX, false), "GET /livez HTTP/1.1\r\n\r\n");
    assert_memory_equal(world.clients[PROBE_CONNS_MAX].got, "HTTP/1.1 200 ", 13);
    assert_true(world.clients[1].ended);
    assert_false(world.clients[0].ended || world.clients[2].ended);
    assert_int_equal(stat_get(&world.stats, STAT_PROBE_OPEN), PROBE_CONNS_MAX);
    assert_int_equal(stat_get(&world.stats, STAT_PROBE_CLOSED_FULL), 1);
}

static void
a_burst_of_requests_is_answered_up_to_a_number(void **state)
{
    struct client *c = client_open(0, false);
    struct strbuf burst;
    unsigned answers = 0;

    (void)state;
    strbuf_init(&burst, 4096);
    for (int i = 0; i < PROBE_BURST_MAX + 4; i++)
        strbuf_puts(&burst, "GET /livez HTTP/1.1\r\n\r\n");
    client_say(c, burst.s);
    strbuf_done(&burst);
    turns(50);
    for (const char *at = c->got; (at = strstr(at, "HTTP/1.1 200 ")); at++)
        answers++;
    assert_int_equal(answers, PROBE_BURST_MAX);
    assert_non_null(strstr(c->got, "Connection: close")); /* the last one says so */
    assert_true(c->ended);
}

static void
a_refused_client_can_read_why(void **state)
{
    struct client *c = client_open(0, false);

    (void)state;
    client_say(c, "POST /livez HTTP/1.1\r\nContent-Length: 5\r\n\r\nab");
    assert_memory_equal(c->got, "HTTP/1.1 405 ", 13);
    assert_true(c->ended); /* our side only: it may still send the rest */
    client_say(c, "cde");
    assert_int_equal(stat_get(&world.stats, STAT_PROBE_OPEN), 1);
    pass_ms(1500);
    assert_int_equal(stat_get(&world.stats, STAT_PROBE_OPEN), 0);
    assert_int_equal(stat_get(&world.stats, STAT_PROBE_CLOSED_LATE), 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(each_path_says_whether_it_is_so_and_why_not),
        WORLD_TEST(a_silent_client_is_let_go_and_so_is_a_slow_one),
        WORLD_TEST(between_two_requests_there_is_more_time),
        WORLD_TEST(half_a_head_behind_a_whole_one_has_the_time_of_a_head),
        WORLD_TEST(a_slow_reader_gets_its_page_and_a_pretender_does_not),
        WORLD_TEST(an_answer_that_nobody_takes_is_given_up),
        WORLD_TEST(only_a_few_pages_are_on_their_way),
        WORLD_TEST(a_further_connection_takes_the_place_of_who_waits_longest),
        WORLD_TEST(a_burst_of_requests_is_answered_up_to_a_number),
        WORLD_TEST(a_refused_client_can_read_why),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
