/* SPDX-License-Identifier: Apache-2.0 */
/* Listening: fair shares per turn, no spin without fds, socket files of the dead and
 * of the living. */
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "loop/loop.h"
#include "net/addr.h"
#include "net/listener.h"
#include "vclock.h"

enum { MOST = 64 };

static struct vclock clock_now;
static struct loop *loop;
static struct listener *listener;
static int got[MOST], clients[MOST];
static int n_got, n_clients;
static struct addr last_peer;
static bool pause_in_callback, close_in_callback;
static char dir[64];

static void
on_accept(void *arg, int fd, const struct addr *peer)
{
    assert_ptr_equal(arg, &n_got);
    assert_true(n_got < MOST);
    got[n_got++] = fd;
    last_peer = *peer;
    if (pause_in_callback)
        listener_pause(listener);
    if (close_in_callback) {
        listener_close(listener);
        listener = NULL;
    }
}

static int
setup(void **state)
{
    (void)state;
    n_got = n_clients = 0;
    pause_in_callback = close_in_callback = false;
    snprintf(dir, sizeof(dir), "/tmp/outrigger-test-XXXXXX");
    if (!mkdtemp(dir))
        return -1;
    loop = loop_new(vclock_init(&clock_now));
    return 0;
}

static int
teardown(void **state)
{
    (void)state;
    listener_close(listener);
    listener = NULL;
    for (int i = 0; i < n_got; i++)
        close(got[i]);
    for (int i = 0; i < n_clients; i++)
        close(clients[i]);
    loop_turn(loop, false);
    loop_free(loop);
    return rmdir(dir); /* fails when a socket file was left behind */
}

static int
try_open(const char *text, const char **ret_why)
{
    struct addr at;

    assert_int_equal(addr_parse(text, true, &at, ret_why), ERR_OK);
    return listener_open(loop, &at, on_accept, &n_got, &listener, ret_why);
}

static void
open_at(const char *text)
{
    const char *why = "";

    if (try_open(text, &why) != ERR_OK)
        fail_msg("%s: %s", text, why);
}

static const char *
unix_text(void)
{
    static char text[100];

    snprintf(text, sizeof(text), "unix:%s/s", dir);
    return text;
}

static void
connect_to(const struct addr *to)
{
    int fd = socket(to->sa.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0 && n_clients < MOST);
    clients[n_clients++] = fd;
    assert_true(connect(fd, (const struct sockaddr *)&to->sa, to->len) == 0 ||
                errno == EINPROGRESS);
}

/* With a virtual clock a turn polls; loopback is quick, so a bounded number will do. */
static void
turn_until_got(int n)
{
    for (int i = 0; i < 100000 && n_got < n; i++)
        loop_turn(loop, true);
    assert_int_equal(n_got, n);
}

static void
port_0_becomes_a_real_one(void **state)
{
    char text[ADDR_TEXT_MAX];

    (void)state;
    open_at("127.0.0.1:0");
    addr_print(listener_addr(listener), text);
    assert_memory_equal(text, "127.0.0.1:", 10);
    assert_in_range(strtol(text + 10, NULL, 10), 1, 65535);
    listener_start(listener);
    connect_to(listener_addr(listener));
    turn_until_got(1);
    assert_true(addr_is_local(&last_peer));
    assert_true(fcntl(got[0], F_GETFL) & O_NONBLOCK);
    assert_true(fcntl(got[0], F_GETFD) & FD_CLOEXEC);
}

static void
all_addresses_means_both_families(void **state)
{
    struct sockaddr_in in = { .sin_family = AF_INET };
    struct addr to = { 0 };

    (void)state;
    open_at(":0");
    listener_start(listener);
    /* sin_port and sin6_port are at the same place */
    in.sin_port = ((const struct sockaddr_in *)(const void *)&listener_addr(listener)->sa)
                      ->sin_port;
    in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    memcpy(&to.sa, &in, sizeof(in));
    to.len = sizeof(in);
    connect_to(&to);
    turn_until_got(1);
    assert_true(addr_is_local(&last_peer));
}

static void
nothing_is_accepted_before_the_start_or_in_a_pause(void **state)
{
    (void)state;
    open_at("127.0.0.1:0");
    connect_to(listener_addr(listener));
    for (int i = 0; i < 50; i++)
        loop_turn(loop, true);
    assert_int_equal(n_got, 0);
    listener_start(listener);
    turn_until_got(1);
    listener_pause(listener);
    connect_to(listener_addr(listener));
    for (int i = 0; i < 50; i++)
        loop_turn(loop, true);
    assert_int_equal(n_got, 1);
    listener_start(listener); /* the queue was kept */
    turn_until_got(2);
}

static void
at_most_16_come_in_per_turn(void **state)
{
    (void)state;
    open_at(unix_text()); /* a unix connect is in the queue when it returns */
    for (int i = 0; i < 40; i++)
        connect_to(listener_addr(listener));
    listener_start(listener);
    loop_turn(loop, true);
    assert_int_equal(n_got, 16);
    loop_turn(loop, true);
    assert_int_equal(n_got, 32);
    loop_turn(loop, true);
    assert_int_equal(n_got, 40);
}

static void
the_callback_may_pause_or_close(void **state)
{
    (void)state;
    open_at(unix_text());
    for (int i = 0; i < 3; i++)
        connect_to(listener_addr(listener));
    pause_in_callback = true;
    listener_start(listener);
    for (int i = 0; i < 5; i++)
        loop_turn(loop, true);
    assert_int_equal(n_got, 1);
    pause_in_callback = false;
    close_in_callback = true;
    listener_start(listener);
    for (int i = 0; i < 5; i++)
        loop_turn(loop, true);
    assert_int_equal(n_got, 2);
    assert_null(listener);
}

static void
an_address_in_use_says_so(void **state)
{
    struct listener *first;
    char text[ADDR_TEXT_MAX];
    const char *why = NULL;

    (void)state;
    open_at("127.0.0.1:0");
    first = listener;
    listener = NULL;
    assert_int_equal(try_open(addr_print(listener_addr(first), text), &why), ERR_SYS);
    assert_int_equal(errno, EADDRINUSE);
    assert_non_null(strstr(why, "in use"));
    assert_null(listener);
    listener_close(first);
    open_at(text); /* free again at once */
}

static void
an_address_of_another_host_says_so(void **state)
{
    const char *why = NULL;

    (void)state;
    assert_int_equal(try_open("192.0.2.1:0", &why), ERR_SYS); /* TEST-NET-1 is nobody's */
    assert_int_equal(errno, EADDRNOTAVAIL);
    assert_non_null(strstr(why, "does not have that address"));
}

static void
a_missing_directory_says_so(void **state)
{
    const char *why = NULL;

    (void)state;
    assert_int_equal(try_open("unix:/nonexistent/dir/s", &why), ERR_SYS);
    assert_int_equal(errno, ENOENT);
    assert_non_null(strstr(why, "directory"));
}

static void
the_socket_file_of_a_dead_process_is_replaced(void **state)
{
    struct addr at;
    const char *why;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    (void)state;
    assert_int_equal(addr_parse(unix_text(), true, &at, &why), ERR_OK);
    assert_int_equal(bind(fd, (const struct sockaddr *)&at.sa, at.len), 0);
    assert_int_equal(listen(fd, 1), 0);
    close(fd); /* the file stays, as after a crash */
    open_at(unix_text());
    listener_start(listener);
    connect_to(&at);
    turn_until_got(1);
    assert_true(addr_is_unix(&last_peer));
}

static void
the_socket_file_of_a_living_process_is_left_alone(void **state)
{
    const char *why = NULL;
    struct listener *first;

    (void)state;
    open_at(unix_text());
    first = listener;
    listener = NULL;
    assert_int_equal(try_open(unix_text(), &why), ERR_SYS);
    assert_int_equal(errno, EADDRINUSE);
    listener_start(first);
    connect_to(
        listener_addr(first)); /* it still listens; the probe is a connection too */
    turn_until_got(2);
    listener_close(first);
}

static void
another_kind_of_file_is_left_alone(void **state)
{
    const char *why = NULL, *path = unix_text() + 5;
    int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);

    (void)state;
    assert_true(fd >= 0);
    close(fd);
    assert_int_equal(try_open(unix_text(), &why), ERR_SYS);
    assert_non_null(strstr(why, "no socket"));
    assert_int_equal(access(path, F_OK), 0);
    unlink(path);
}

static void
closing_removes_only_its_own_file(void **state)
{
    const char *path = unix_text() + 5;
    struct stat st;
    int fd;

    (void)state;
    open_at(unix_text());
    assert_int_equal(stat(path, &st), 0);
    listener_close(listener);
    listener = NULL;
    assert_int_equal(stat(path, &st), -1);

    open_at(unix_text());
    assert_int_equal(unlink(path), 0);
    fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600); /* somebody else's now */
    close(fd);
    listener_close(listener);
    listener = NULL;
    assert_int_equal(stat(path, &st), 0);
    unlink(path);
}

/* As in an upgrade: the socket of another listener, with its file. */
static struct listener *
adopt_own_file(const struct listener *from)
{
    struct listener *li = NULL;
    const char *why = "";

    assert_int_equal(
        listener_adopt(loop, dup(listener_fd(from)), true, on_accept, &n_got, &li, &why),
        ERR_OK);
    return li;
}

static void
an_adopted_file_goes_only_with_who_served(void **state)
{
    const char *path = unix_text() + 5;
    struct listener *next;

    (void)state;
    open_at(unix_text());
    next = adopt_own_file(listener);
    listener_close(next); /* a start that failed */
    assert_int_equal(access(path, F_OK), 0);

    next = adopt_own_file(listener);
    listener_start(next);
    listener_leave(listener);
    listener_close(listener);
    listener = NULL;
    assert_int_equal(access(path, F_OK), 0);
    listener_close(next);
    assert_int_equal(access(path, F_OK), -1);
}

static void
without_fds_it_sheds_rests_and_recovers(void **state)
{
    struct rlimit old, low;
    struct stat st;
    int top;

    (void)state;
    open_at(unix_text());
    for (int i = 0; i < 4; i++)
        connect_to(listener_addr(listener));
    listener_start(listener);
    top = dup(0);
    close(top);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
    low = (struct rlimit){ .rlim_cur = (rlim_t)top, .rlim_max = old.rlim_max };
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);

    for (int i = 0; i < 50; i++)
        loop_turn(loop, true);
    assert_int_equal(listener_failures(listener), 1); /* once, not in each turn */
    assert_int_equal(n_got, 0);
    vclock_advance_ms(&clock_now, 99);
    loop_turn(loop, true);
    assert_int_equal(listener_failures(listener), 1);
    vclock_advance_ms(&clock_now, 3);
    for (int i = 0; i < 50; i++)
        loop_turn(loop, true);
    assert_int_equal(listener_failures(listener), 2);

    assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
    vclock_advance_ms(&clock_now, 102);
    turn_until_got(2); /* two of the four were shed */
    assert_int_equal(fstat(got[1], &st), 0);
    assert_true(S_ISSOCK(st.st_mode));
}

static void
a_pause_ends_the_rest_too(void **state)
{
    struct rlimit old, low;
    int top;

    (void)state;
    open_at(unix_text());
    connect_to(listener_addr(listener));
    connect_to(listener_addr(listener));
    listener_start(listener);
    top = dup(0);
    close(top);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
    low = (struct rlimit){ .rlim_cur = (rlim_t)top, .rlim_max = old.rlim_max };
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
    loop_turn(loop, true);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
    assert_int_equal(listener_failures(listener), 1);
    listener_pause(listener);
    vclock_advance_ms(&clock_now, 1000);
    for (int i = 0; i < 5; i++)
        loop_turn(loop, true);
    assert_int_equal(n_got, 0);
    listener_start(listener);
    turn_until_got(1);
}

/* Closing resets whoever is still in the queue. */
static void
a_sweep_does_not_rest(void **state)
{
    struct rlimit old, low;
    int top;

    (void)state;
    open_at(unix_text());
    for (int i = 0; i < 3; i++)
        connect_to(listener_addr(listener));
    listener_start(listener);
    top = dup(0);
    close(top);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
    low = (struct rlimit){ .rlim_cur = (rlim_t)top, .rlim_max = old.rlim_max };
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
    loop_turn(loop, true);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
    assert_int_equal(listener_failures(listener), 1);
    assert_int_equal(n_got, 0);
    listener_sweep(listener);
    assert_int_equal(n_got, 2); /* one was shed */
}

#define LISTENER_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        LISTENER_TEST(port_0_becomes_a_real_one),
        LISTENER_TEST(all_addresses_means_both_families),
        LISTENER_TEST(nothing_is_accepted_before_the_start_or_in_a_pause),
        LISTENER_TEST(at_most_16_come_in_per_turn),
        LISTENER_TEST(the_callback_may_pause_or_close),
        LISTENER_TEST(an_address_in_use_says_so),
        LISTENER_TEST(an_address_of_another_host_says_so),
        LISTENER_TEST(a_missing_directory_says_so),
        LISTENER_TEST(the_socket_file_of_a_dead_process_is_replaced),
        LISTENER_TEST(the_socket_file_of_a_living_process_is_left_alone),
        LISTENER_TEST(another_kind_of_file_is_left_alone),
        LISTENER_TEST(closing_removes_only_its_own_file),
        LISTENER_TEST(an_adopted_file_goes_only_with_who_served),
        LISTENER_TEST(without_fds_it_sheds_rests_and_recovers),
        LISTENER_TEST(a_pause_ends_the_rest_too),
        LISTENER_TEST(a_sweep_does_not_rest),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
