/* SPDX-License-Identifier: Apache-2.0 */
/* A write fails on a socket that the peer has reset. The records that it sent before lie there unread, and are to be had as they are
 * without TLS. A real socket, as what the kernel keeps behind a reset is half of it. */
#include "unit.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/compat.h"
#include "base/err.h"
#include "tlsfiles.h"

enum { LAST_WORDS = 40000, LONG = 100000, SHORT = 100, ROOM = 4 << 20, TURNS = 30000 };

enum way {
    SHORT_WRITE, /* one record */
    LONG_WRITE,  /* some, which leave together */
    RECORD_HELD, /* encrypted bytes wait for room in the socket */
    RECORD_KEPT, /* a record waits that OpenSSL could not write at once */
    WAYS,
};

static unsigned char data[ROOM], got[LAST_WORDS + 1];

struct lost {
    struct vclock clock;
    struct loop *loop;
    struct tls_ctx *ctx;
    struct tls_session_slot slot;
    struct transport *t;
    struct tlspeer peer;
    int fd; /* ours */
    int told;
};

static void
on_event(void *arg, int what)
{
    struct lost *r = arg;

    r->told |= what;
    transport_want(r->t, false, false);
}

static ssize_t
put(struct lost *r, size_t n)
{
    struct iovec v = { .iov_base = data, .iov_len = n };

    return transport_writev(r->t, &v, 1);
}

/* Two ends of a TCP connection over loopback. */
static void
tcp_pair(int fds[2])
{
    struct sockaddr_in a = { .sin_family = AF_INET,
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t n = sizeof(a);
    int li = socket(AF_INET, SOCK_STREAM, 0), room = 65536;

    assert_int_equal(bind(li, (struct sockaddr *)&a, n), 0);
    assert_int_equal(listen(li, 1), 0);
    assert_int_equal(getsockname(li, (struct sockaddr *)&a, &n), 0);
    fds[0] = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(setsockopt(fds[0], SOL_SOCKET, SO_SNDBUF, &room, sizeof(room)), 0);
    assert_int_equal(connect(fds[0], (struct sockaddr *)&a, n), 0);
    fds[1] = accept(li, NULL, NULL);
    assert_true(fds[1] >= 0);
    close(li);
    for (int i = 0; i < 2; i++)
        assert_int_equal(fcntl(fds[i], F_SETFL, O_NONBLOCK), 0);
}

/* Our client, connected; nothing is read from here on. */
static void
lost_open(struct lost *r, int version)
{
    struct tls_client_conf conf = { .ca = ca_file };
    struct tlspeer_conf peer = { .id = &server, .max_version = version };
    char why[TLS_WHY_MAX];
    int fds[2];

    memset(r, 0, sizeof(*r));
    tcp_pair(fds);
    r->fd = fds[0];
    r->loop = loop_new(vclock_init(&r->clock));
    r->ctx = tls_ctx_new_client(&conf, why);
    assert_non_null(r->ctx);
    r->t = tls_client_over(r->loop, r->ctx, transport_from_fd(r->loop, fds[0]),
                           "server.example", &r->slot);
    transport_bind(r->t, on_event, r);
    tlspeer_open(&r->peer, transport_from_fd(r->loop, fds[1]), &peer);
    for (int i = 0; i < TURNS && !(r->told & TRANSPORT_CONNECTED); i++) {
        loop_turn(r->loop, false);
        tlspeer_pump(&r->peer);
    }
    if (r->told != TRANSPORT_CONNECTED)
        fail_msg("%s", tls_why(r->t));
    tlspeer_pump(&r->peer);
    assert_true(r->peer.handshaken);
}

/* Writes what the peer will not read: its close is a reset then. */
static void
lost_write_before(struct lost *r, enum way way)
{
    size_t piece = way == RECORD_HELD ? LONG : SHORT;
    ssize_t n = put(r, piece);

    r->peer.hold = true;
    assert_true(n > 0);
    if (way < RECORD_HELD)
        return;
    for (int i = 0; i < ROOM / SHORT && n != ERR_AGAIN; i++)
        n = put(r, piece);
    assert_int_equal(n, ERR_AGAIN);
}

/* The peer says its last words and goes. */
static void
lost_leave(struct lost *r)
{
    struct pollfd p = { .fd = r->fd };

    r->peer.out = data;
    r->peer.out_n = LAST_WORDS;
    tlspeer_pump(&r->peer);
    assert_int_equal(r->peer.out_n, 0);
    tlspeer_close(&r->peer);
    loop_turn(r->loop, false);
    assert_int_equal(poll(&p, 1, 10000), 1);
    assert_true(p.revents & POLLHUP);
}

static void
lost_close(struct lost *r)
{
    transport_close(r->t);
    tls_session_slot_done(&r->slot);
    loop_turn(r->loop, false);
    loop_free(r->loop);
    tls_ctx_drop(r->ctx);
}

static void
what_lies_unread_when_a_write_fails_can_still_be_read(void **state)
{
    (void)state;
    for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++)
        for (enum way way = 0; way < WAYS; way++) {
            struct lost r;
            size_t n = 0;
            ssize_t k;

            lost_open(&r, version);
            lost_write_before(&r, way);
            lost_leave(&r);
            assert_int_equal(put(&r, way == LONG_WRITE ? LONG : SHORT), ERR_CONN_LOST);
            while ((k = transport_read(r.t, got + n, sizeof(got) - n)) > 0)
                n += (size_t)k;
            if (n != LAST_WORDS)
                fail_msg("TLS %x, way %d: %zu bytes", (unsigned)version, (int)way, n);
            assert_memory_equal(got, data, LAST_WORDS);
            assert_int_equal(put(&r, SHORT), ERR_CONN_LOST);
            lost_close(&r);
        }
}

/* Nothing that lies there is no reason to wait for more, and the loop has nothing to do. */
static void
without_last_words_a_failed_write_is_the_end(void **state)
{
    struct pollfd p = { .events = POLLIN };
    struct lost r;

    (void)state;
    lost_open(&r, TLS1_3_VERSION);
    lost_write_before(&r, SHORT_WRITE);
    tlspeer_close(&r.peer);
    loop_turn(r.loop, false);
    p.fd = r.fd;
    assert_int_equal(poll(&p, 1, 10000), 1);
    assert_int_equal(put(&r, SHORT), ERR_CONN_LOST);
    assert_int_equal(transport_read(r.t, got, sizeof(got)), ERR_CONN_LOST);
    assert_int_equal(put(&r, SHORT), ERR_CONN_LOST);
    lost_close(&r);
}

/* A connection that lingers may outlive its endpoint, and with it the slot. The server's tickets are among what lies unread here. */
static void
who_said_goodbye_keeps_no_session_any_more(void **state)
{
    (void)state;
    for (int goodbye = 0; goodbye < 2; goodbye++) {
        struct lost r;

        lost_open(&r, TLS1_3_VERSION);
        lost_write_before(&r, RECORD_HELD);
        assert_null(r.slot.session);
        if (goodbye)
            transport_shut(r.t);
        lost_leave(&r);
        loop_turn(r.loop, false);
        assert_int_equal(put(&r, SHORT), ERR_CONN_LOST);
        assert_int_equal(r.slot.session == NULL, goodbye);
        lost_close(&r);
    }
}

static int
make_all(void **state)
{
    tlsrig_fill(data, sizeof(data));
    return tlsfiles_make(state);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_lies_unread_when_a_write_fails_can_still_be_read),
        cmocka_unit_test(without_last_words_a_failed_write_is_the_end),
        cmocka_unit_test(who_said_goodbye_keeps_no_session_any_more),
    };

    return cmocka_run_group_tests(tests, make_all, tlsfiles_drop);
}
