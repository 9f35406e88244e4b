/* SPDX-License-Identifier: Apache-2.0 */
/* TLS as a server when clients ask for much: key updates, renegotiation, handshakes. */
#include "unit.h"

#include <string.h>

#include "base/compat.h"
#include "base/err.h"
#include "tlsrig.h"

static struct tlsid server;
static struct tls_server_conf plain;
static const unsigned char data[100];

static struct tls_ctx *
ctx_new(const struct tls_server_conf *conf)
{
    char why[TLS_WHY_MAX];
    struct tls_ctx *ctx = tls_ctx_new_server(conf, NULL, "in", why);

    if (!ctx)
        fail_msg("%s", why);
    return ctx;
}

static void
a_flood_of_key_updates_ends_the_connection(void **state)
{
    struct tls_ctx *ctx = ctx_new(&plain);
    struct tlspeer_conf conf = { .client = true };
    struct tlsrig r;
    unsigned sent = 0;

    (void)state;
    tlsrig_open(&r, 65536, 0);
    r.eat = true;
    tlsrig_serve(&r, ctx, &conf);
    tlsrig_turns(&r, 20);
    assert_int_equal(r.told, TRANSPORT_CONNECTED);
    /* 90 in each second are fine */
    for (unsigned s = 0; s < 3; s++) {
        for (unsigned i = 0; i < 90; i++) {
            assert_int_equal(SSL_key_update(r.peer.ssl, SSL_KEY_UPDATE_NOT_REQUESTED), 1);
            assert_int_equal(SSL_do_handshake(r.peer.ssl), 1);
        }
        tlsrig_turns(&r, 3);
        assert_string_equal(tls_why(r.t), "");
        vclock_advance_ms(&r.clock, 1000);
        tlsrig_turns(&r, 1);
    }
    r.peer.out = data;
    r.peer.out_n = 100;
    tlsrig_turns(&r, 3);
    assert_int_equal(r.got_n, 100);
    for (; sent < 10000 && r.end != ERR_CONN_LOST; sent++) {
        if (SSL_key_update(r.peer.ssl, SSL_KEY_UPDATE_REQUESTED) != 1 ||
            SSL_do_handshake(r.peer.ssl) != 1)
            break;
        if (sent % 50 == 49)
            tlsrig_turns(&r, 1);
    }
    assert_true(r.end == ERR_CONN_LOST);
    assert_true(sent > 90 && sent < 300);
    assert_non_null(strstr(tls_why(r.t), "more than 100 times in a second"));
    tlsrig_close(&r);
    tls_ctx_drop(ctx);
}

static void
each_try_to_renegotiate_is_refused(void **state)
{
    struct tls_ctx *ctx = ctx_new(&plain);
    struct tlspeer_conf conf = { .client = true, .max_version = TLS1_2_VERSION };

    (void)state;
    for (unsigned i = 0; i < 200; i++) {
        unsigned char before[32], after[32];
        struct tlsrig r;

        tlsrig_open(&r, 65536, 0);
        r.eat = true;
        tlsrig_serve(&r, ctx, &conf);
        tlsrig_turns(&r, 6);
        assert_int_equal(r.told, TRANSPORT_CONNECTED);
        SSL_get_server_random(r.peer.ssl, before, sizeof(before));
        assert_int_equal(SSL_renegotiate(r.peer.ssl), 1);
        r.peer.handshaken = false;
        tlsrig_turns(&r, 4);
        assert_string_equal(r.peer.alert, "no renegotiation");
        SSL_get_server_random(r.peer.ssl, after, sizeof(after));
        assert_memory_equal(before, after, 32);
        tlsrig_close(&r);
    }
    tls_ctx_drop(ctx);
}

struct crowd {
    struct loop *loop;
    struct transport *t;
    struct tlspeer peer;
    unsigned *connected;
};

static void
on_crowd(void *arg, int what)
{
    struct crowd *c = arg;

    if (what & TRANSPORT_CONNECTED)
        ++*c->connected;
    transport_want(c->t, true, false);
}

static void
handshakes_take_turns(void **state)
{
    enum { N = 30, PER_TURN = 4 };
    static struct crowd crowd[N];
    struct tls_ctx *ctx = ctx_new(&plain);
    struct tlspeer_conf conf = { .client = true };
    struct tls_budget budget;
    unsigned connected = 0, before = 0, turns = 0, hellos = 0;
    struct vclock clock;
    struct loop *l = loop_new(vclock_init(&clock));

    (void)state;
    tls_budget_init(&budget, l, PER_TURN);
    for (unsigned i = 0; i < N; i++) {
        struct transport *a, *b;

        mempair_new(l, l, 65536, 0, &a, &b);
        crowd[i] = (struct crowd){ .t = tls_server_over(l, ctx, a, &budget),
                                   .connected = &connected };
        transport_bind(crowd[i].t, on_crowd, &crowd[i]);
        tlspeer_open(&crowd[i].peer, b, &conf);
        tlspeer_pump(&crowd[i].peer); /* the hello */
    }
    for (; turns < 100 && connected < N - 1; turns++) {
        unsigned answered = 0;

        vclock_advance_ms(&clock, 1);
        loop_turn(l, false);
        for (unsigned i = 0; i < N; i++) {
            if (!crowd[i].t)
                continue;
            tlspeer_pump(&crowd[i].peer);
            answered += SSL_get_state(crowd[i].peer.ssl) != TLS_ST_CW_CLNT_HELLO;
        }
        /* A step is a client's hello answered or its end taken. */
        assert_true(answered - hellos + connected - before <= PER_TURN);
        hellos = answered;
        before = connected;
        if (turns == 0) { /* one that waits may go */
            transport_close(crowd[N - 1].t);
            crowd[N - 1].t = NULL;
            tlspeer_close(&crowd[N - 1].peer);
        }
    }
    assert_int_equal(connected, N - 1);
    assert_true(turns >= 2 * (N - 1) / PER_TURN);
    for (unsigned i = 0; i < N - 1; i++) {
        transport_close(crowd[i].t);
        tlspeer_close(&crowd[i].peer);
    }
    tls_budget_done(&budget);
    loop_turn(l, false);
    loop_free(l);
    tls_ctx_drop(ctx);
}

static int
make_all(void **state)
{
    static char crt[128], key[128];

    if (tlsrig_make_dir(state) != 0)
        return -1;
    tlsid_make(&server, "DNS:server.example", NULL, -1, 30);
    tlsrig_save(&server, "server");
    tlsrig_path_copy(crt, "server.crt");
    tlsrig_path_copy(key, "server.key");
    plain = (struct tls_server_conf){ .cert = crt, .key = key };
    return 0;
}

static int
drop_all(void **state)
{
    tlsid_done(&server);
    return tlsrig_drop_dir(state);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_flood_of_key_updates_ends_the_connection),
        cmocka_unit_test(each_try_to_renegotiate_is_refused),
        cmocka_unit_test(handshakes_take_turns),
    };

    return cmocka_run_group_tests(tests, make_all, drop_all);
}
