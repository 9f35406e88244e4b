/* SPDX-License-Identifier: Apache-2.0 */
/* Sockets as transports: connects that end at once, errors that are told, options. */
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/err.h"
#include "guard.h"
#include "loop/loop.h"
#include "net/addr.h"
#include "net/listener.h"
#include "net/transport.h"

static struct loop *loop;

struct end {
    struct transport *t;
    int told; /* all bits so far */
    int calls;
    bool inside, close_itself;
};

static struct end up; /* the side that connects */
static struct listener *listener;
static int accepted;

static void
end_on_event(void *arg, int what)
{
    struct end *e = arg;

    assert_false(e->inside);
    e->told |= what;
    e->calls++;
    if (e->close_itself) {
        transport_close(e->t);
        e->t = NULL;
    }
}

static void
end_bind(struct end *e, struct transport *t)
{
    e->t = t;
    transport_bind(t, end_on_event, e);
}

static void
on_accept(void *arg, int fd, const struct addr *peer)
{
    (void)arg;
    (void)peer;
    accepted = fd;
}

static int
setup(void **state)
{
    struct addr at;
    const char *why;

    (void)state;
    loop = loop_new(NULL);
    up = (struct end){ 0 };
    accepted = -1;
    if (addr_parse("127.0.0.1:0", true, &at, &why) < 0 ||
        listener_open(loop, &at, on_accept, NULL, &listener, &why) < 0)
        return -1;
    listener_start(listener);
    return 0;
}

static int
teardown(void **state)
{
    (void)state;
    transport_close(up.t);
    listener_close(listener);
    if (accepted >= 0)
        close(accepted);
    loop_turn(loop, false);
    loop_free(loop);
    return 0;
}

/* A connected pair: a transport and the bare fd of its peer. */
static int
open_pair(struct end *e)
{
    int fds[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
    end_bind(e, transport_from_fd(loop, fds[0]));
    return fds[1];
}

static ssize_t
put(struct end *e, const char *text)
{
    struct iovec v = { .iov_base = (void *)(uintptr_t)text, .iov_len = strlen(text) };

    return transport_writev(e->t, &v, 1);
}

static void
connect_up(void)
{
    up.inside = true;
    end_bind(&up, transport_connect(loop, listener_addr(listener)));
    up.inside = false;
    assert_int_equal(up.told, 0);
}

static void
a_connect_is_told_and_then_it_carries_bytes(void **state)
{
    char got[10];

    (void)state;
    connect_up();
    assert_int_equal(put(&up, "x"), ERR_AGAIN); /* not yet */
    transport_want(up.t, true, false);
    TURN_UNTIL(loop, up.calls > 0 && accepted >= 0);
    assert_int_equal(up.told, TRANSPORT_CONNECTED);
    assert_int_equal(put(&up, "hello"), 5);
    assert_int_equal(recv(accepted, got, sizeof(got), 0), 5);
    assert_int_equal(send(accepted, "hi", 2, 0), 2);
    TURN_UNTIL(loop, up.told & TRANSPORT_READABLE);
    assert_int_equal(transport_read(up.t, got, sizeof(got)), 2);
    assert_int_equal(transport_read(up.t, got, sizeof(got)), ERR_AGAIN);
}

static int
tcp_option(int fd, int level, int option)
{
    int value = -1;
    socklen_t len = sizeof(value);

    assert_int_equal(getsockopt(fd, level, option, &value, &len), 0);
    return value;
}

static void
who_looks_after_a_silent_peer_can_be_chosen(void **state)
{
    struct transport *t;
    int fd;

    (void)state;
    connect_up();
    TURN_UNTIL(loop, up.calls > 0 && accepted >= 0);
    fd = accepted; /* the transport owns it, the test still knows its number */
    accepted = -1;
    t = transport_from_fd(loop, fd);
    assert_int_equal(tcp_option(fd, SOL_SOCKET, SO_KEEPALIVE), 0);
    assert_int_equal(tcp_option(fd, IPPROTO_TCP, TCP_USER_TIMEOUT), 0);
    transport_set_user_timeout(t, 7 * 1000000);
    assert_int_equal(tcp_option(fd, IPPROTO_TCP, TCP_USER_TIMEOUT), 7000);
    transport_set_user_timeout(t, 1); /* 0 would mean the system's */
    assert_int_equal(tcp_option(fd, IPPROTO_TCP, TCP_USER_TIMEOUT), 1);
    transport_set_user_timeout(t, INT64_MAX);
    assert_int_equal(tcp_option(fd, IPPROTO_TCP, TCP_USER_TIMEOUT), INT32_MAX);
    transport_set_probes(t);
    assert_int_equal(tcp_option(fd, SOL_SOCKET, SO_KEEPALIVE), 1);
    assert_int_equal(tcp_option(fd, IPPROTO_TCP, TCP_KEEPIDLE), 10);
    assert_int_equal(tcp_option(fd, IPPROTO_TCP, TCP_KEEPINTVL), 5);
    assert_int_equal(tcp_option(fd, IPPROTO_TCP, TCP_KEEPCNT), 3);
    assert_int_equal(tcp_option(fd, IPPROTO_TCP, TCP_USER_TIMEOUT), 20000);
    transport_close(t);
}

static void
a_refused_connect_fails_once_with_its_reason(void **state)
{
    struct addr at = *listener_addr(listener);

    (void)state;
    listener_close(listener);
    listener = NULL;
    up.inside = true;
    end_bind(&up, transport_connect(loop, &at));
    transport_want(up.t, true, true);
    up.inside = false;
    TURN_UNTIL(loop, up.calls > 0);
    assert_int_equal(up.told, TRANSPORT_FAILED);
    assert_int_equal(up.t->sys_errno, ECONNREFUSED);
    assert_int_equal(put(&up, "x"), ERR_CONN_LOST);
    assert_int_equal(transport_read(up.t, (char[1]){ 0 }, 1), ERR_CONN_LOST);
    transport_want(up.t, true, true);
    for (int i = 0; i < 5; i++)
        loop_turn(loop, false);
    assert_int_equal(up.calls, 1);
}

static void
connect_to_text(const char *text)
{
    struct addr at;
    const char *why;

    assert_int_equal(addr_parse(text, false, &at, &why), ERR_OK);
    up.inside = true;
    end_bind(&up, transport_connect(loop, &at));
    up.inside = false;
}

static void
a_connect_that_fails_at_once_is_told_later(void **state)
{
    (void)state;
    connect_to_text("unix:/nonexistent/socket");
    assert_int_equal(up.calls, 0);
    loop_turn(loop, false);
    assert_int_equal(up.told, TRANSPORT_FAILED);
    assert_int_equal(up.t->sys_errno, ENOENT);
}

static void
an_unset_address_fails_and_does_not_crash(void **state)
{
    const struct addr none = { 0 };

    (void)state;
    end_bind(&up, transport_connect(loop, &none));
    loop_turn(loop, false);
    assert_int_equal(up.told, TRANSPORT_FAILED);
    assert_true(up.t->sys_errno != 0);
}

static void
a_close_before_the_result_means_no_result(void **state)
{
    (void)state;
    connect_to_text("unix:/nonexistent/socket");
    transport_close(up.t);
    transport_close(up.t);
    up.t = NULL;
    loop_turn(loop, false);
    connect_up();
    transport_close(up.t);
    up.t = NULL;
    for (int i = 0; i < 5; i++)
        loop_turn(loop, false);
    assert_int_equal(up.calls, 0);
}

static void
the_result_callback_may_close(void **state)
{
    (void)state;
    up.close_itself = true;
    connect_to_text("unix:/nonexistent/socket");
    loop_turn(loop, false);
    assert_int_equal(up.told, TRANSPORT_FAILED);
    assert_null(up.t);
    up.told = 0;
    connect_up();
    TURN_UNTIL(loop, up.told);
    assert_int_equal(up.told, TRANSPORT_CONNECTED);
    assert_null(up.t);
}

static void
the_peers_end_is_seen_and_ours_may_go_on(void **state)
{
    int peer = open_pair(&up);
    char got[10];

    (void)state;
    transport_want(up.t, true, false);
    assert_int_equal(shutdown(peer, SHUT_WR), 0);
    TURN_UNTIL(loop, up.told);
    assert_int_equal(transport_read(up.t, got, sizeof(got)), ERR_EOF);
    assert_int_equal(put(&up, "bye"), 3);
    transport_shut(up.t);
    assert_int_equal(recv(peer, got, sizeof(got), 0), 3);
    assert_int_equal(recv(peer, got, sizeof(got), 0), 0);
    close(peer);
}

static void
a_dead_peer_is_an_error_and_no_signal(void **state)
{
    int peer = open_pair(&up);

    (void)state;
    close(peer);
    assert_int_equal(put(&up, "x"), ERR_CONN_LOST); /* SIGPIPE would end this test */
    assert_int_equal(up.t->sys_errno, EPIPE);
}

static void
a_reset_is_told_as_lost(void **state)
{
    const struct linger reset = { .l_onoff = 1, .l_linger = 0 };

    (void)state;
    connect_up();
    transport_want(up.t, true, false);
    TURN_UNTIL(loop, up.told && accepted >= 0);
    up.told = 0;
    assert_int_equal(setsockopt(accepted, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset)),
                     0);
    close(accepted);
    accepted = -1;
    TURN_UNTIL(loop, up.told);
    assert_int_equal(transport_read(up.t, (char[1]){ 0 }, 1), ERR_CONN_LOST);
    assert_int_equal(up.t->sys_errno, ECONNRESET);
}

static void
a_full_socket_says_again_and_then_writable(void **state)
{
    static char block[65536];
    struct iovec v[2] = { { block, sizeof(block) }, { block, sizeof(block) } };
    int peer = open_pair(&up);
    ssize_t n;

    (void)state;
    for (int i = 0; (n = transport_writev(up.t, v, 2)) > 0 && i < 1000; i++)
        ;
    assert_int_equal(n, ERR_AGAIN);
    transport_want(up.t, false, true);
    loop_turn(loop, false);
    assert_int_equal(up.told, 0);
    while (recv(peer, block, sizeof(block), 0) > 0)
        ;
    TURN_UNTIL(loop, up.told);
    assert_int_equal(up.told, TRANSPORT_WRITABLE);
    assert_true(transport_writev(up.t, v, 2) > 0);
    close(peer);
}

static void
more_pieces_than_the_system_takes_are_cut(void **state)
{
    static struct iovec v[3000];
    int peer = open_pair(&up);

    (void)state;
    for (size_t i = 0; i < 3000; i++)
        v[i] = (struct iovec){ .iov_base = "z", .iov_len = 1 };
    assert_int_equal(transport_writev(up.t, v, 3000), 1024);
    close(peer);
}

static int
option(int fd, int level, int name)
{
    int value = -1;
    socklen_t len = sizeof(value);

    assert_int_equal(getsockopt(fd, level, name, &value, &len), 0);
    return value;
}

/* The highest open fd below 1024: the one that was just made. */
static int
newest_fd(void)
{
    int fd = dup(0);

    assert_true(fd > 0);
    close(fd);
    return fd;
}

static void
options_are_set_on_both_kinds(void **state)
{
    int fd = newest_fd();
    struct end down = { 0 };

    (void)state;
    connect_up(); /* its socket took that number */
    TURN_UNTIL(loop, up.told && accepted >= 0);
    assert_true(option(fd, IPPROTO_TCP, TCP_NODELAY));
    assert_true(option(fd, SOL_SOCKET, SO_KEEPALIVE));
    assert_int_equal(option(fd, IPPROTO_TCP, TCP_KEEPIDLE), 10);
    assert_int_equal(option(fd, IPPROTO_TCP, TCP_KEEPINTVL), 5);
    assert_int_equal(option(fd, IPPROTO_TCP, TCP_KEEPCNT), 3);
    assert_int_equal(option(fd, IPPROTO_TCP, TCP_USER_TIMEOUT), 20000);
    assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
    assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);

    assert_int_equal(fcntl(accepted, F_SETFD, 0), 0);
    end_bind(&down, transport_from_fd(loop, accepted));
    assert_true(option(accepted, IPPROTO_TCP, TCP_NODELAY));
    assert_true(fcntl(accepted, F_GETFD) & FD_CLOEXEC);
    transport_close(down.t);
    assert_int_equal(fcntl(accepted, F_GETFD), -1); /* it owned the fd */
    accepted = -1;
}

static void
two_active_peers_may_close_each_other(void **state)
{
    struct end a = { 0 }, b = { 0 };
    int fds[2];

    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
    end_bind(&a, transport_from_fd(loop, fds[0]));
    end_bind(&b, transport_from_fd(loop, fds[1]));
    assert_int_equal(put(&a, "x"), 1);
    assert_int_equal(put(&b, "x"), 1);
    a.close_itself = b.close_itself = true;
    transport_want(a.t, true, true);
    transport_want(b.t, true, true);
    loop_turn(loop, false);
    assert_int_equal(a.calls, 1);
    assert_int_equal(b.calls, 1);
}

#define PLAIN_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        PLAIN_TEST(a_connect_is_told_and_then_it_carries_bytes),
        PLAIN_TEST(who_looks_after_a_silent_peer_can_be_chosen),
        PLAIN_TEST(a_refused_connect_fails_once_with_its_reason),
        PLAIN_TEST(a_connect_that_fails_at_once_is_told_later),
        PLAIN_TEST(an_unset_address_fails_and_does_not_crash),
        PLAIN_TEST(a_close_before_the_result_means_no_result),
        PLAIN_TEST(the_result_callback_may_close),
        PLAIN_TEST(the_peers_end_is_seen_and_ours_may_go_on),
        PLAIN_TEST(a_dead_peer_is_an_error_and_no_signal),
        PLAIN_TEST(a_reset_is_told_as_lost),
        PLAIN_TEST(a_full_socket_says_again_and_then_writable),
        PLAIN_TEST(more_pieces_than_the_system_takes_are_cut),
        PLAIN_TEST(options_are_set_on_both_kinds),
        PLAIN_TEST(two_active_peers_may_close_each_other),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
