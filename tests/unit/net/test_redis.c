/* SPDX-License-Identifier: Apache-2.0 */
/* The connection to Redis against a server that the test plays byte by byte: what is sent, how calls end, how it comes back after a loss, and that all is bounded. */
#include "unit.h"

#include <stdbool.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/compat.h"
#include "base/err.h"
#include "deaf_port.h"
#include "loop/loop.h"
#include "net/addr.h"
#include "net/listener.h"
#include "net/redis.h"
#include "net/transport.h"
#include "vclock.h"

enum { CALLS = 8, IN_MAX = 1 << 17, MS = 1000 };

#define SHA "0123456789abcdef0123456789abcdef01234567"

static struct vclock now;
static struct loop *loop;
static struct listener *listener;
static struct addr address;
static bool have_address;
static struct transport *server; /* the last connection */
static unsigned accepted;
static bool server_ended;
static char in[IN_MAX];
static size_t in_n;
static struct redis *redis;
static unsigned losses;
static char why[256];

static struct call {
    struct redis_call *c;
    unsigned ended;
    int64_t v[4];
    size_t n;
    char error[256];
} calls[CALLS];
static bool starting;

/* --- the server ----------------------------------------------------------------------- */

static void
server_on_event(void *arg, int what)
{
    (void)arg;
    (void)what;
    for (;;) {
        ssize_t n = transport_read(server, in + in_n, sizeof(in) - in_n - 1);

        if (n <= 0) {
            if (n != ERR_AGAIN) {
                server_ended = true;
                transport_want(server, false, false);
            }
            return;
        }
        in_n += (size_t)n;
        in[in_n] = '\0';
    }
}

static void
on_accept(void *arg, int fd, const struct addr *peer)
{
    (void)arg;
    (void)peer;
    transport_close(server);
    server = transport_from_fd(loop, fd);
    accepted++;
    in_n = 0;
    server_ended = false;
    transport_bind(server, server_on_event, NULL);
    transport_want(server, true, false);
}

static int64_t
real_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Turns until it is true; a failure, not a hang. Virtual time stands still. */
#define UNTIL(condition)                              \
    do {                                              \
        int64_t until_end = real_ms() + 10000;        \
        while (!(condition) && real_ms() < until_end) \
            loop_turn(loop, false);                   \
        assert_true(condition);                       \
    } while (0)

static void
server_says(const char *text)
{
    struct iovec v = { .iov_base = (char *)(uintptr_t)text, .iov_len = strlen(text) };

    assert_int_equal(transport_writev(server, &v, 1), (ssize_t)v.iov_len);
}

static bool
server_got(const char *text)
{
    return in_n && strstr(in, text) != NULL;
}

/* --- the client ----------------------------------------------------------------------- */

static bool
where(void *arg, struct addr *ret)
{
    (void)arg;
    *ret = address;
    return have_address;
}

static void
on_lost(void *arg, const char *text)
{
    (void)arg;
    losses++;
    snprintf(why, sizeof(why), "%s", text);
}

static struct redis_conf conf;

static void
on_end(void *arg, const int64_t *v, size_t n, const char *error)
{
    struct call *c = arg;

    assert_false(starting);
    c->ended++;
    c->n = n;
    if (n)
        memcpy(c->v, v, n * sizeof(*v));
    snprintf(c->error, sizeof(c->error), "%s", error ? error : "");
}

static int
eval(unsigned i, const char *key)
{
    const struct slice keys[] = { slice_of(key) };
    const struct slice args[] = { slice_of("1"), slice_of("") };
    int rv;

    calls[i] = (struct call){ 0 };
    starting = true;
    rv = redis_eval(redis, keys, 1, args, 2, on_end, &calls[i], &calls[i].c);
    starting = false;
    return rv;
}

static int
setup(void **state)
{
    const char *text;

    (void)state;
    loop = loop_new(vclock_init(&now));
    assert_int_equal(addr_parse("127.0.0.1:0", true, &address, &text), ERR_OK);
    assert_int_equal(listener_open(loop, &address, on_accept, NULL, &listener, &text),
                     ERR_OK);
    address = *listener_addr(listener);
    listener_start(listener);
    have_address = true;
    server = NULL;
    accepted = losses = 0;
    in_n = 0;
    why[0] = '\0';
    conf = (struct redis_conf){ .script = "return {1}",
                                .max_pending = 4,
                                .stall_us = 1000 * MS,
                                .pause_us = 100 * MS,
                                .pause_max_us = 1000 * MS,
                                .address = where,
                                .lost = on_lost };
    redis = redis_open(loop, &conf);
    return 0;
}

static int
teardown(void **state)
{
    (void)state;
    if (redis)
        redis_close(redis);
    redis = NULL;
    transport_close(server);
    listener_close(listener);
    for (int i = 0; i < 5; i++)
        loop_turn(loop, false);
    loop_free(loop);
    return 0;
}

#define REDIS_TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

/* A connection whose script is loaded. */
static void
connected(void)
{
    assert_int_equal(eval(0, "k"), ERR_OK);
    UNTIL(server_got("EVAL"));
    server_says("$40\r\n" SHA "\r\n*1\r\n:7\r\n");
    UNTIL(calls[0].ended);
    in_n = 0;
}

/* --- tests ---------------------------------------------------------------------------- */

static void
script_is_loaded_once_and_called_by_its_hash(void **state)
{
    (void)state;
    assert_int_equal(eval(0, "k1"), ERR_OK);
    UNTIL(server_got("$2\r\nk1\r\n$1\r\n1\r\n$0\r\n\r\n"));
    assert_true(server_got("*3\r\n$6\r\nSCRIPT\r\n$4\r\nLOAD\r\n$10\r\nreturn {1}\r\n"));
    assert_true(
        server_got("*6\r\n$4\r\nEVAL\r\n$10\r\nreturn {1}\r\n$1\r\n1\r\n$2\r\nk1"));
    assert_false(server_got("AUTH"));
    assert_false(server_got("SELECT"));
    server_says("$40\r\n" SHA "\r\n*2\r\n:1\r\n:-5\r\n");
    UNTIL(calls[0].ended);
    assert_string_equal(calls[0].error, "");
    assert_int_equal(calls[0].n, 2);
    assert_int_equal(calls[0].v[1], -5);
    in_n = 0;
    assert_int_equal(eval(1, "k2"), ERR_OK);
    assert_int_equal(eval(2, "k3"), ERR_OK);
    UNTIL(server_got("k3"));
    assert_true(
        server_got("*6\r\n$7\r\nEVALSHA\r\n$40\r\n" SHA "\r\n$1\r\n1\r\n$2\r\nk2"));
    server_says("*1\r\n:2\r\n*1\r\n:3\r\n"); /* in the order of asking */
    UNTIL(calls[2].ended);
    assert_int_equal(calls[1].v[0], 2);
    assert_int_equal(calls[2].v[0], 3);
    assert_int_equal(accepted, 1);
    assert_int_equal(losses, 0);
}

static void
login_comes_first(void **state)
{
    (void)state;
    conf.user = "u";
    conf.password = "p w";
    conf.database = 3;
    assert_int_equal(eval(0, "k"), ERR_OK);
    UNTIL(server_got("EVAL"));
    assert_int_equal(strncmp(in,
                             "*3\r\n$4\r\nAUTH\r\n$1\r\nu\r\n$3\r\np w\r\n"
                             "*2\r\n$6\r\nSELECT\r\n$1\r\n3\r\n*3\r\n$6\r\nSCRIPT",
                             60),
                     0);
    server_says("-WRONGPASS invalid username-password pair\r\n");
    UNTIL(calls[0].ended);
    assert_string_equal(calls[0].error, "WRONGPASS invalid username-password pair");
    assert_int_equal(losses, 1);
    assert_string_equal(why, "WRONGPASS invalid username-password pair");
    assert_int_equal(eval(1, "k"), ERR_CONNECT); /* not at once again */
}

static void
odd_answers_are_errors_of_one_call(void **state)
{
    static const struct {
        const char *says, *error;
    } rows[] = {
        { "-OOM command not allowed\r\n", "OOM command not allowed" },
        { ":1\r\n", "its answer is no list of whole numbers" },
        { "$2\r\nok\r\n", "its answer is no list of whole numbers" },
        { "*-1\r\n", "its answer is no list of whole numbers" },
        { "*2\r\n:1\r\n$1\r\nx\r\n", "its answer is no list of whole numbers" },
        { "*1\r\n*1\r\n:1\r\n", "its answer is no list of whole numbers" },
    };

    (void)state;
    connected();
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        assert_int_equal(eval(1, "k"), ERR_OK);
        assert_int_equal(eval(2, "k"), ERR_OK);
        server_says(rows[i].says);
        server_says("*1\r\n:9\r\n");
        UNTIL(calls[2].ended);
        assert_int_equal(calls[1].ended, 1);
        assert_string_equal(calls[1].error, rows[i].error);
        assert_string_equal(calls[2].error, "");
    }
    assert_int_equal(accepted, 1);
}

static void
flushed_script_is_loaded_again(void **state)
{
    (void)state;
    connected();
    assert_int_equal(eval(1, "k"), ERR_OK);
    UNTIL(server_got("EVALSHA"));
    in_n = 0;
    server_says("-NOSCRIPT No matching script.\r\n");
    UNTIL(server_got("SCRIPT"));
    assert_int_equal(calls[1].ended, 1);
    assert_int_equal(eval(2, "k"), ERR_OK);
    UNTIL(server_got("$4\r\nEVAL\r\n$10\r\nreturn {1}"));
    server_says("$40\r\n" SHA "\r\n*1\r\n:4\r\n");
    UNTIL(calls[2].ended);
    assert_int_equal(calls[2].v[0], 4);
}

static void
what_is_no_redis_ends_the_connection(void **state)
{
    static char big[70000];

    (void)state;
    assert_int_equal(eval(0, "k"), ERR_OK);
    UNTIL(server_got("EVAL"));
    server_says("HTTP/1.1 400 Bad Request\r\n\r\n");
    UNTIL(calls[0].ended);
    assert_int_equal(losses, 1);
    assert_true(why[0]);
    vclock_advance_ms(&now, 130);
    loop_turn(loop, false);
    assert_int_equal(eval(0, "k"), ERR_OK);
    UNTIL(accepted == 2 && server_got("EVAL"));
    memset(big, 'x', sizeof(big) - 1);
    server_says("$1000000\r\n");
    server_says(big);
    UNTIL(calls[0].ended);
    assert_string_equal(why, "it sends an answer of more than 64 KiB");
    vclock_advance_ms(&now, 260);
    loop_turn(loop, false);
    assert_int_equal(eval(0, "k"), ERR_OK);
    UNTIL(accepted == 3 && server_got("EVAL"));
    server_says("*2147483647\r\n");
    UNTIL(calls[0].ended);
    assert_string_equal(why, "its answer is too long a list");
}

static void
what_nobody_asked_for_ends_the_connection(void **state)
{
    (void)state;
    connected();
    server_says("*1\r\n:1\r\n");
    UNTIL(losses == 1);
    assert_string_equal(why, "it says something that it was not asked for");
    UNTIL(server_ended);
    assert_int_equal(eval(1, "k"), ERR_OK); /* it had worked, so it may again */
    UNTIL(accepted == 2 && server_got("EVAL"));
    server_says("$40\r\n" SHA "\r\n*1\r\n:1\r\n:2\r\n:3\r\n");
    UNTIL(losses == 2);
    assert_int_equal(calls[1].ended, 1);
    assert_string_equal(calls[1].error, "");
}

static void
lost_connection_ends_its_calls_and_comes_back(void **state)
{
    (void)state;
    connected();
    assert_int_equal(eval(1, "k"), ERR_OK);
    assert_int_equal(eval(2, "k"), ERR_OK);
    redis_forget(calls[2].c);
    transport_close(server);
    server = NULL;
    UNTIL(calls[1].ended);
    assert_true(calls[1].error[0]);
    assert_int_equal(calls[2].ended, 0);
    assert_int_equal(losses, 1);
    /* it had worked: it is tried at once */
    assert_int_equal(eval(3, "k"), ERR_OK);
    UNTIL(accepted == 2 && server_got("EVAL"));
    assert_true(server_got("SCRIPT"));
    server_says("$40\r\n" SHA "\r\n*1\r\n:4\r\n");
    UNTIL(calls[3].ended);
    assert_int_equal(calls[3].v[0], 4);
}

static void
pauses_grow_while_nobody_answers(void **state)
{
    static const int64_t least[] = { 80, 160, 320, 640, 800, 800 };
    static const int64_t most[] = { 120, 240, 480, 960, 1200, 1200 };
    int deaf_fd = deaf_port(&listener);

    (void)state;
    loop_turn(loop, false);
    for (size_t i = 0; i < ARRAY_LEN(least); i++) {
        int rv = eval(0, "k");

        if (rv == ERR_OK)
            UNTIL(calls[0].ended);
        else
            assert_int_equal(rv, ERR_CONNECT); /* refused at once */
        assert_int_equal(losses, i + 1);
        vclock_advance_ms(&now, least[i] - 2);
        loop_turn(loop, false);
        assert_int_equal(eval(1, "k"), ERR_CONNECT);
        assert_int_equal(losses, i + 1);
        vclock_advance_ms(&now, most[i] - least[i] + 4);
        loop_turn(loop, false);
    }
    have_address = false; /* a name without an answer yet: nothing is tried */
    assert_int_equal(eval(0, "k"), ERR_CONNECT);
    assert_int_equal(losses, ARRAY_LEN(least));
    close(deaf_fd);
}

static void
silence_ends_the_connection(void **state)
{
    (void)state;
    connected();
    assert_int_equal(eval(1, "k"), ERR_OK);
    UNTIL(server_got("EVALSHA"));
    vclock_advance_ms(&now, 900);
    loop_turn(loop, false);
    assert_int_equal(eval(2, "k"), ERR_OK);
    assert_int_equal(losses, 0);
    vclock_advance_ms(&now, 150);
    loop_turn(loop, false);
    assert_int_equal(losses, 1);
    assert_string_equal(why, "it does not answer any more");
    assert_string_equal(calls[1].error, "it does not answer any more");
    assert_int_equal(calls[2].ended, 1);
    UNTIL(server_ended);
    vclock_advance_ms(&now, 5000); /* with nothing asked there is no silence */
    loop_turn(loop, false);
    assert_int_equal(losses, 1);
}

static void
calls_without_an_answer_are_bounded(void **state)
{
    (void)state;
    connected();
    for (unsigned i = 0; i < 4; i++)
        assert_int_equal(eval(i, "k"), ERR_OK);
    assert_int_equal(eval(4, "k"), ERR_LIMIT);
    redis_forget(calls[0].c); /* its answer is still to come */
    assert_int_equal(eval(4, "k"), ERR_LIMIT);
    server_says("*1\r\n:1\r\n*1\r\n:1\r\n");
    UNTIL(calls[1].ended);
    assert_int_equal(calls[0].ended, 0);
    assert_int_equal(eval(4, "k"), ERR_OK);
    assert_int_equal(eval(5, "k"), ERR_OK);
    assert_int_equal(eval(6, "k"), ERR_LIMIT);
    for (unsigned i = 2; i < 6; i++)
        redis_forget(calls[i].c);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        REDIS_TEST(script_is_loaded_once_and_called_by_its_hash),
        REDIS_TEST(login_comes_first),
        REDIS_TEST(odd_answers_are_errors_of_one_call),
        REDIS_TEST(flushed_script_is_loaded_again),
        REDIS_TEST(what_is_no_redis_ends_the_connection),
        REDIS_TEST(what_nobody_asked_for_ends_the_connection),
        REDIS_TEST(lost_connection_ends_its_calls_and_comes_back),
        REDIS_TEST(pauses_grow_while_nobody_answers),
        REDIS_TEST(silence_ends_the_connection),
        REDIS_TEST(calls_without_an_answer_are_bounded),
    };

    if (!redis_available())
        return 77; /* automake: skipped */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
