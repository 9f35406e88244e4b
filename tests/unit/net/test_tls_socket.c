/* SPDX-License-Identifier: Apache-2.0 */
/* Our client and our server on the two ends of a real socket whose buffers are small, so that
 * large writes stop in the middle of records. */
#include "unit.h"

#include <string.h>
#include <sys/socket.h>

#include "base/compat.h"
#include "base/err.h"
#include "tlsfiles.h"

enum { DATA_N = 3000000, BUFFER = 20000, PIECES = 5 };

struct side {
    struct transport *t;
    unsigned char *got;
    size_t got_n, out_n; /* out_n of data are not written yet */
    int told;
    ssize_t end;
    bool shut_behind; /* ends its side after the last byte */
};

static unsigned char data[DATA_N];

static void
side_write(struct side *s)
{
    while (s->out_n > 0) {
        struct iovec v[PIECES];
        size_t at = DATA_N - s->out_n, part = s->out_n / PIECES;
        ssize_t n;

        for (size_t i = 0; i < PIECES; i++)
            v[i] = (struct iovec){ data + at + i * part,
                                   i + 1 < PIECES ? part : s->out_n - i * part };
        n = transport_writev(s->t, v, PIECES);
        if (n == ERR_AGAIN)
            return;
        assert_true(n > 0);
        s->out_n -= (size_t)n;
    }
    if (s->shut_behind)
        transport_shut(s->t);
}

static void
on_side(void *arg, int what)
{
    struct side *s = arg;

    s->told |= what;
    if (what & TRANSPORT_FAILED)
        return;
    if (what & TRANSPORT_READABLE) {
        s->end = transport_read(s->t, s->got + s->got_n, DATA_N + 1 - s->got_n);
        if (s->end > 0)
            s->got_n += (size_t)s->end;
    }
    if (what & (TRANSPORT_WRITABLE | TRANSPORT_CONNECTED))
        side_write(s);
    transport_want(s->t, s->end != ERR_EOF, s->out_n > 0);
}

static void
side_open(struct side *s, struct transport *t)
{
    s->t = t;
    s->got = malloc(DATA_N + 1);
    s->out_n = DATA_N;
    assert_non_null(s->got);
    transport_bind(t, on_side, s);
    transport_want(t, true, true);
}

static void
large_writes_arrive_whole_both_ways(void **state)
{
    struct tls_server_conf in = { .cert = server_crt, .key = server_key };
    struct tls_client_conf out = { .ca = ca_file };
    struct side a = { 0 }, b = { .shut_behind = true };
    struct tls_ctx *server_ctx, *client_ctx;
    struct tls_budget budget;
    struct vclock clock;
    struct loop *l = loop_new(vclock_init(&clock));
    char why[TLS_WHY_MAX];
    int fds[2], room = BUFFER;

    (void)state;
    server_ctx = tls_ctx_new_server(&in, NULL, "in", why);
    client_ctx = tls_ctx_new_client(&out, why);
    assert_true(server_ctx && client_ctx);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
    for (int i = 0; i < 2; i++)
        assert_int_equal(setsockopt(fds[i], SOL_SOCKET, SO_SNDBUF, &room, sizeof(room)),
                         0);
    tls_budget_init(&budget, l, TLS_STEPS_PER_TURN);
    side_open(&a, tls_server_over(l, server_ctx, transport_from_fd(l, fds[0]), &budget));
    side_open(&b, tls_client_over(l, client_ctx, transport_from_fd(l, fds[1]),
                                  "server.example", NULL));
    for (int i = 0; i < 20000 && (a.end != ERR_EOF || b.got_n < DATA_N); i++) {
        vclock_advance_ms(&clock, 1);
        loop_turn(l, false);
    }
    assert_string_equal(tls_why(a.t), "");
    assert_string_equal(tls_why(b.t), "");
    assert_int_equal(a.got_n, DATA_N);
    assert_int_equal(b.got_n, DATA_N);
    assert_true(a.end == ERR_EOF); /* behind the last byte */
    assert_memory_equal(a.got, data, DATA_N);
    assert_memory_equal(b.got, data, DATA_N);
    transport_close(a.t);
    transport_close(a.t);
    loop_turn(l, false);
    transport_close(b.t);
    tls_budget_done(&budget);
    loop_turn(l, false);
    loop_free(l);
    tls_ctx_drop(server_ctx);
    tls_ctx_drop(client_ctx);
    free(a.got);
    free(b.got);
}

/* The peer of a refused client hears the alert, though it had sent more than we read. */
static void
an_alert_arrives_before_the_end(void **state)
{
    struct tls_server_conf in = { .cert = server_crt, .key = server_key };
    struct tls_client_conf out = { .insecure_skip_verify = true };
    struct side a = { 0 }, b = { 0 };
    struct tls_ctx *server_ctx, *client_ctx;
    struct vclock clock;
    struct loop *l = loop_new(vclock_init(&clock));
    char why[TLS_WHY_MAX];
    int fds[2];

    (void)state;
    in.client_ca = ca_file;
    in.client_cert = TLS_CLIENT_CERT_REQUIRE;
    server_ctx = tls_ctx_new_server(&in, NULL, "in", why);
    client_ctx = tls_ctx_new_client(&out, why);
    assert_true(server_ctx && client_ctx);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
    side_open(&a, tls_server_over(l, server_ctx, transport_from_fd(l, fds[0]), NULL));
    side_open(&b, tls_client_over(l, client_ctx, transport_from_fd(l, fds[1]),
                                  "server.example", NULL));
    b.out_n = 1000; /* sent at once: with TLS 1.3 the client is done before the server */
    for (int i = 0; i < 50 && b.end != ERR_CONN_LOST; i++) {
        vclock_advance_ms(&clock, 1);
        loop_turn(l, false);
    }
    assert_true(a.told & TRANSPORT_FAILED);
    assert_int_equal(tls_refusal(a.t), TLS_REFUSAL_NO_CERTIFICATE);
    assert_true(b.told & TRANSPORT_CONNECTED && b.end == ERR_CONN_LOST);
    assert_non_null(strstr(tls_why(b.t), "requires a client certificate"));
    transport_close(a.t);
    transport_close(b.t);
    loop_turn(l, false);
    loop_free(l);
    tls_ctx_drop(server_ctx);
    tls_ctx_drop(client_ctx);
    free(a.got);
    free(b.got);
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
        cmocka_unit_test(large_writes_arrive_whole_both_ways),
        cmocka_unit_test(an_alert_arrives_before_the_end),
    };

    return cmocka_run_group_tests(tests, make_all, tlsfiles_drop);
}
