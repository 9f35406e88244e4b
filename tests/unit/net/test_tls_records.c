/* SPDX-License-Identifier: Apache-2.0 */
/* What TLS costs: how many records, and how many calls of the transport below (each is a
 * system call when that is a socket), for what the owner writes and reads. */
#include "unit.h"

#include <string.h>

#include "base/compat.h"
#include "base/err.h"
#include "tlsrig.h"

enum {
    RECORD = 16384,
    RECORD_MORE = 5 + 1 + 16, /* head, type and tag of a TLS 1.3 record (RFC 8446, 5.2) */
};

/* A transport that counts and hands on. */
struct counter {
    struct transport t;
    struct transport *inner;
    unsigned reads, writes;
    size_t sent;
};

static struct tlsid server;
static struct tls_server_conf plain;
static unsigned char data[8 * RECORD];

static ssize_t
counter_read(struct transport *t, void *to, size_t room)
{
    struct counter *c = CONTAINER_OF(t, struct counter, t);

    c->reads++;
    return transport_read(c->inner, to, room);
}

static ssize_t
counter_writev(struct transport *t, const struct iovec *v, int n)
{
    struct counter *c = CONTAINER_OF(t, struct counter, t);
    ssize_t done = transport_writev(c->inner, v, n);

    c->writes++;
    c->sent += done > 0 ? (size_t)done : 0;
    return done;
}

static void
counter_want(struct transport *t, bool read, bool write)
{
    transport_want(CONTAINER_OF(t, struct counter, t)->inner, read, write);
}

static void
counter_shut(struct transport *t)
{
    transport_shut(CONTAINER_OF(t, struct counter, t)->inner);
}

static void
counter_close(struct transport *t)
{
    struct counter *c = CONTAINER_OF(t, struct counter, t);

    transport_close(c->inner);
    c->inner = NULL;
}

static void
counter_on_inner(void *arg, int what)
{
    struct counter *c = arg;

    c->t.fn(c->t.arg, what);
}

static const struct transport_ops counter_ops = {
    .read = counter_read,
    .writev = counter_writev,
    .want = counter_want,
    .shut = counter_shut,
    .close = counter_close,
};

/* A server of ours after the handshake, nothing counted yet. */
static void
open_counted(struct tlsrig *r, struct counter *c, struct tls_ctx *ctx)
{
    struct tlspeer_conf conf = { .client = true, .min_version = TLS1_3_VERSION };

    tlsrig_open(r, 1 << 20, 0);
    r->eat = true;
    *c = (struct counter){ .t.ops = &counter_ops, .inner = r->t };
    transport_bind(c->inner, counter_on_inner, c);
    r->t = &c->t;
    tlsrig_serve(r, ctx, &conf);
    tlsrig_turns(r, 20);
    assert_int_equal(r->told, TRANSPORT_CONNECTED);
    c->reads = c->writes = 0;
    c->sent = 0;
}

static struct tls_ctx *
ctx_new(void)
{
    char why[TLS_WHY_MAX];
    struct tls_ctx *ctx = tls_ctx_new_server(&plain, NULL, "in", why);

    if (!ctx)
        fail_msg("%s", why);
    return ctx;
}

/* Writes n bytes in so many pieces of any length, and has the peer read them. */
static void
write_pieces(struct tlsrig *r, size_t n, int pieces)
{
    struct iovec v[16];
    size_t at = 0, had = r->peer.in_n;

    for (int i = 0; i < pieces; i++) {
        size_t end = i + 1 == pieces ? n : n / (size_t)pieces * (size_t)(i + 1) - 3;

        v[i] = (struct iovec){ data + at, end - at };
        at = end;
    }
    assert_int_equal(transport_writev(r->t, v, pieces), n);
    tlsrig_turns(r, 3);
    assert_int_equal(r->peer.in_n, had + n);
    assert_memory_equal(r->peer.in + had, data, n);
}

static void
what_fits_is_one_record_and_one_call(void **state)
{
    static const struct {
        size_t n;
        int pieces;
    } cases[] = { { 1, 1 }, { 1500, 1 }, { 1500, 12 }, { RECORD, 1 }, { RECORD, 12 } };
    struct tls_ctx *ctx = ctx_new();
    struct counter c;
    struct tlsrig r;

    (void)state;
    open_counted(&r, &c, ctx);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        c.writes = 0;
        c.sent = 0;
        write_pieces(&r, cases[i].n, cases[i].pieces);
        assert_int_equal(c.writes, 1);
        assert_int_equal(c.sent, cases[i].n + RECORD_MORE);
    }
    assert_int_equal(c.reads, 0);
    tlsrig_close(&r);
    tls_ctx_drop(ctx);
}

static void
more_is_full_records_and_four_leave_together(void **state)
{
    struct tls_ctx *ctx = ctx_new();
    struct counter c;
    struct tlsrig r;

    (void)state;
    open_counted(&r, &c, ctx);
    write_pieces(&r, RECORD + 1, 5);
    assert_int_equal(c.writes, 1);
    assert_int_equal(c.sent, RECORD + 1 + 2 * RECORD_MORE);
    c.writes = 0;
    c.sent = 0;
    write_pieces(&r, sizeof(data), 12);
    assert_int_equal(c.writes, 2);
    assert_int_equal(c.sent, sizeof(data) + 8 * RECORD_MORE);
    tlsrig_close(&r);
    tls_ctx_drop(ctx);
}

static void
many_records_are_one_read_and_none_in_vain(void **state)
{
    struct tls_ctx *ctx = ctx_new();
    struct counter c;
    struct tlsrig r;

    (void)state;
    open_counted(&r, &c, ctx);
    for (unsigned round = 1; round <= 3; round++) {
        for (unsigned i = 0; i < 40; i++)
            assert_int_equal(SSL_write(r.peer.ssl, data + 100 * i, 100), 100);
        tlsrig_turns(&r, 3);
        assert_int_equal(r.got_n, round * 4000);
        assert_memory_equal(r.got + r.got_n - 4000, data, 4000);
        assert_int_equal(c.reads, round);
    }
    assert_int_equal(c.writes, 0);
    tlsrig_close(&r);
    tls_ctx_drop(ctx);
}

static int
make_all(void **state)
{
    static char crt[128], key[128];

    if (tlsrig_make_dir(state) != 0)
        return -1;
    for (size_t i = 0; i < sizeof(data); i++)
        data[i] = (unsigned char)(i * 7 + i / 256);
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
        cmocka_unit_test(what_fits_is_one_record_and_one_call),
        cmocka_unit_test(more_is_full_records_and_four_leave_together),
        cmocka_unit_test(many_records_are_one_read_and_none_in_vain),
    };

    return cmocka_run_group_tests(tests, make_all, drop_all);
}
