/* SPDX-License-Identifier: Apache-2.0 */
/* Sockets from elsewhere: what the environment promises, who gets which, and that an adopted
 * accept queue loses nobody. */
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "loop/loop.h"
#include "net/addr.h"
#include "net/listener.h"
#include "net/local.h"
#include "net/sockets.h"
#include "vclock.h"

static struct vclock clock_now;
static struct loop *loop;
static struct listener *listener;
static struct sockets *set;
static char dir[64];
static int accepted;

static int
setup(void **state)
{
    (void)state;
    accepted = 0;
    listener = NULL;
    snprintf(dir, sizeof(dir), "/tmp/outrigger-test-XXXXXX");
    if (!mkdtemp(dir))
        return -1;
    loop = loop_new(vclock_init(&clock_now));
    set = sockets_new();
    return 0;
}

static int
teardown(void **state)
{
    (void)state;
    listener_close(listener);
    sockets_free(set);
    loop_turn(loop, false);
    loop_free(loop);
    return rmdir(dir);
}

static void
on_accept(void *arg, int fd, const struct addr *peer)
{
    (void)arg;
    (void)peer;
    accepted++;
    close(fd);
}

/* A listening socket that is not in the set. */
static int
make_socket(const char *text, struct addr *ret)
{
    const char *why = "";
    int fd;

    assert_int_equal(addr_parse(text, true, ret, &why), ERR_OK);
    fd = socket(ret->sa.ss_family, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&ret->sa, ret->len), 0);
    assert_int_equal(listen(fd, 16), 0);
    ret->len = sizeof(ret->sa);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&ret->sa, &ret->len), 0);
    return fd;
}

static int
take(const char *text, const struct addr *at)
{
    bool owns;

    return sockets_take(set, text, at, &owns);
}

static void
the_environment_counts_only_for_its_process(void **state)
{
    const char *why = "";

    (void)state;
    assert_int_equal(sockets_count("42", "2", 42, &why), 2);
    assert_int_equal(sockets_count("41", "2", 42, &why), 0);
    assert_int_equal(sockets_count(NULL, "2", 42, &why), 0);
    assert_int_equal(sockets_count("42", NULL, 42, &why), 0);
    assert_int_equal(sockets_count("42", "0", 42, &why), 0);
    assert_int_equal(sockets_count("42x", "2", 42, &why), ERR_SYNTAX);
    assert_int_equal(sockets_count("42", "-2", 42, &why), ERR_SYNTAX);
    assert_int_equal(sockets_count("42", "2000000", 42, &why), ERR_SYNTAX);
    assert_int_equal(sockets_count("42", "", 42, &why), ERR_SYNTAX);
}

static void
names_stand_between_colons(void **state)
{
    char name[SOCKETS_NAME_MAX];

    (void)state;
    sockets_name("grpc::admin", 0, name);
    assert_string_equal(name, "grpc");
    sockets_name("grpc::admin", 1, name);
    assert_string_equal(name, "");
    sockets_name("grpc::admin", 2, name);
    assert_string_equal(name, "admin");
    sockets_name("grpc::admin", 3, name);
    assert_string_equal(name, "");
    sockets_name(NULL, 0, name);
    assert_string_equal(name, "");
}

static void
names_in_the_config_are_checked(void **state)
{
    const char *why = NULL;

    (void)state;
    assert_false(sockets_is_name("127.0.0.1:80", &why));
    assert_true(sockets_is_name("fd:grpc", &why));
    assert_null(why);
    assert_true(sockets_is_name("fd:", &why));
    assert_non_null(why);
    why = NULL;
    assert_true(sockets_is_name("fd:a b", &why));
    assert_non_null(why);
    why = NULL;
    assert_true(sockets_is_name("fd:a:b", &why));
    assert_non_null(why);
}

static void
a_listener_gets_its_socket_by_name_or_by_address_once(void **state)
{
    struct addr first, second, other;
    int a = make_socket("127.0.0.1:0", &first), b = make_socket("127.0.0.1:0", &second);
    const char *why = "";
    size_t at = 0;
    char text[ADDR_TEXT_MAX];

    (void)state;
    assert_int_equal(addr_parse("127.0.0.1:1", true, &other, &why), ERR_OK);
    assert_int_equal(sockets_add(set, a, "fd:grpc", false), ERR_OK);
    assert_int_equal(sockets_add(set, b, "127.0.0.1:0", false), ERR_OK);
    assert_int_equal(take("127.0.0.1:1", &other), -1);
    assert_int_equal(take("fd:http", NULL), -1);
    assert_string_equal(sockets_left(set, &at), addr_print(&first, text));
    assert_int_equal(take("anything", &first), a);
    assert_int_equal(take("fd:grpc", &first), -1);
    at = 0;
    assert_string_equal(sockets_left(set, &at), addr_print(&second, text));
    assert_null(sockets_left(set, &at));
    assert_int_equal(take("127.0.0.1:0", NULL), b);
    close(a);
    close(b);
}

static void
all_addresses_of_a_port_are_found_as_ipv4_too(void **state)
{
    struct addr have, at;
    int fd = make_socket("0.0.0.0:0", &have);
    const struct sockaddr_in *in = (const void *)&have.sa;
    const char *why = "";
    char text[32];

    (void)state;
    snprintf(text, sizeof(text), ":%u", ntohs(in->sin_port));
    assert_int_equal(addr_parse(text, true, &at, &why), ERR_OK);
    assert_int_equal(sockets_add(set, fd, "fd:", false), ERR_OK);
    assert_int_equal(take(text, &at), fd);
    close(fd);
}

static void
what_nobody_took_is_closed_with_the_set(void **state)
{
    struct addr at;
    int fd = make_socket("127.0.0.1:0", &at);

    (void)state;
    assert_int_equal(sockets_add(set, fd, "fd:x", false), ERR_OK);
    assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
    sockets_free(set);
    set = NULL;
    assert_int_equal(fcntl(fd, F_GETFD), -1);
}

static void
an_adopted_socket_keeps_who_waits_in_its_queue(void **state)
{
    struct addr at;
    int fd = make_socket("127.0.0.1:0", &at), clients[3];
    const char *why = "";

    (void)state;
    for (int i = 0; i < 3; i++) {
        clients[i] = socket(AF_INET, SOCK_STREAM, 0);
        assert_int_equal(connect(clients[i], (struct sockaddr *)&at.sa, at.len), 0);
    }
    assert_int_equal(listener_adopt(loop, fd, false, on_accept, NULL, &listener, &why),
                     ERR_OK);
    assert_true(addr_equal(listener_addr(listener), &at));
    assert_true(fcntl(listener_fd(listener), F_GETFL) & O_NONBLOCK);
    listener_start(listener);
    for (int i = 0; i < 100000 && accepted < 3; i++)
        loop_turn(loop, true);
    assert_int_equal(accepted, 3);
    for (int i = 0; i < 3; i++)
        close(clients[i]);
}

static void
a_sweep_takes_all_who_wait_unless_another_process_does(void **state)
{
    struct addr at;
    int fd = make_socket("127.0.0.1:0", &at), clients[3], copy = dup(fd);
    const char *why = "";

    (void)state;
    assert_int_equal(listener_adopt(loop, fd, false, on_accept, NULL, &listener, &why),
                     ERR_OK);
    listener_start(listener);
    for (int i = 0; i < 2; i++) {
        clients[i] = socket(AF_INET, SOCK_STREAM, 0);
        assert_int_equal(connect(clients[i], (struct sockaddr *)&at.sa, at.len), 0);
    }
    listener_sweep(listener);
    assert_int_equal(accepted, 2);
    clients[2] = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(clients[2], (struct sockaddr *)&at.sa, at.len), 0);
    listener_leave(listener);
    listener_sweep(listener);
    listener_close(listener);
    listener = NULL;
    assert_int_equal(accepted, 2);
    /* The third still waits for whoever has the other descriptor. */
    fd = accept(copy, NULL, NULL);
    assert_true(fd >= 0);
    close(fd);
    close(copy);
    for (int i = 0; i < 3; i++)
        close(clients[i]);
}

static void
what_does_not_listen_is_not_adopted(void **state)
{
    int pair[2], datagram = socket(AF_INET, SOCK_DGRAM, 0);
    const char *why = "";

    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    assert_int_equal(
        listener_adopt(loop, pair[0], false, on_accept, NULL, &listener, &why), ERR_SYS);
    assert_int_equal(
        listener_adopt(loop, datagram, false, on_accept, NULL, &listener, &why), ERR_SYS);
    assert_non_null(strstr(why, "no listening stream socket"));
    assert_int_equal(fcntl(pair[0], F_GETFD), -1); /* closed */
    close(pair[1]);
}

/* Opens a unix socket here, hands its descriptor on, and says whether the file is left at the end. */
static bool
file_is_left(bool leave, bool owns)
{
    struct listener *first, *second;
    const char *why = "";
    char text[100];
    struct addr at;
    struct stat st;
    int fd;
    bool left;

    snprintf(text, sizeof(text), "unix:%s/s", dir);
    assert_int_equal(addr_parse(text, true, &at, &why), ERR_OK);
    assert_int_equal(listener_open(loop, &at, on_accept, NULL, &first, &why), ERR_OK);
    assert_true(listener_owns_file(first));
    fd = dup(listener_fd(first));
    if (leave)
        listener_leave(first);
    listener_close(first);
    left = lstat(text + 5, &st) == 0;
    assert_int_equal(left, leave);
    assert_int_equal(listener_adopt(loop, fd, owns, on_accept, NULL, &second, &why),
                     ERR_OK);
    listener_start(second); /* else the one before would serve on */
    listener_close(second);
    loop_turn(loop, false);
    left = lstat(text + 5, &st) == 0;
    unlink(text + 5);
    return left;
}

static void
the_last_owner_removes_the_file_of_a_unix_socket(void **state)
{
    (void)state;
    assert_false(file_is_left(true, true));
    assert_true(file_is_left(true, false)); /* systemd's */
    assert_false(file_is_left(false, true));
}

static void
a_descriptor_travels_with_its_line(void **state)
{
    int pair[2], pass, fd = open("/dev/null", O_RDONLY);
    char got[8];

    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    assert_int_equal(local_send(pair[0], "abc", 3, fd), ERR_OK);
    assert_int_equal(local_recv(pair[1], got, sizeof(got), &pass), 3);
    assert_memory_equal(got, "abc", 3);
    assert_true(pass >= 0 && pass != fd);
    assert_int_equal(fcntl(pass, F_GETFD), FD_CLOEXEC);
    close(pass);
    close(fd);
    assert_int_equal(local_send(pair[0], "d", 1, -1), ERR_OK);
    assert_int_equal(local_recv(pair[1], got, sizeof(got), &pass), 1);
    assert_int_equal(pass, -1);
    assert_true(local_peer_trusted(pair[1]));
    close(pair[0]);
    assert_int_equal(local_recv(pair[1], got, sizeof(got), &pass), ERR_EOF);
    close(pair[1]);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(the_environment_counts_only_for_its_process),
        TEST(names_stand_between_colons),
        TEST(names_in_the_config_are_checked),
        TEST(a_listener_gets_its_socket_by_name_or_by_address_once),
        TEST(all_addresses_of_a_port_are_found_as_ipv4_too),
        TEST(what_nobody_took_is_closed_with_the_set),
        TEST(an_adopted_socket_keeps_who_waits_in_its_queue),
        TEST(a_sweep_takes_all_who_wait_unless_another_process_does),
        TEST(what_does_not_listen_is_not_adopted),
        TEST(the_last_owner_removes_the_file_of_a_unix_socket),
        TEST(a_descriptor_travels_with_its_line),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
