/* SPDX-License-Identifier: Apache-2.0 */
/* TLS as a client: what is verified, what is said, and bytes through narrow pipes. */
#include "unit.h"

#include <string.h>
#include <unistd.h>

#include "base/compat.h"
#include "base/err.h"
#include "loop/loop.h"
#include "net/addr.h"
#include "net/tls.h"
#include "net/tls_conf.h"
#include "net/transport.h"
#include "tlspeer.h"
#include "vclock.h"

enum { DATA_N = 300000, ROOM_MAX = 1 << 20 };

struct world {
    struct vclock clock;
    struct loop *loop;
    struct tls_ctx *ctx;
    struct transport *t, *raw; /* ours, and the peer's end */
    struct tlspeer peer;
    int told; /* all bits so far */
    unsigned readable;
    bool eat, close_inside;
    size_t bite; /* most bytes of one read */
    unsigned char *got;
    size_t got_n;
    ssize_t end; /* of the last read */
    const unsigned char *out;
    size_t out_n;
};

static struct tlsid ca, other_ca;
static char ca_path[64];
static unsigned char data[DATA_N];

static void
on_event(void *arg, int what)
{
    struct world *w = arg;

    w->told |= what;
    if (w->close_inside) {
        transport_close(w->t);
        w->t = NULL;
        return;
    }
    if (what & TRANSPORT_READABLE && w->eat) {
        w->readable++;
        w->end = transport_read(w->t, w->got + w->got_n, w->bite);
        if (w->end > 0)
            w->got_n += (size_t)w->end;
    }
    while (w->out_n > 0) {
        struct iovec v[3] = { { (void *)(uintptr_t)w->out, w->out_n / 3 },
                              { (void *)(uintptr_t)(w->out + w->out_n / 3), 0 },
                              { (void *)(uintptr_t)(w->out + w->out_n / 3),
                                w->out_n - w->out_n / 3 } };
        ssize_t n = transport_writev(w->t, v, 3);

        if (n <= 0)
            break;
        w->out += n;
        w->out_n -= (size_t)n;
    }
    if (w->told & TRANSPORT_CONNECTED)
        transport_want(w->t, w->eat, w->out_n > 0);
}

static void
turns(struct world *w, unsigned n)
{
    while (n-- > 0) {
        vclock_advance_ms(&w->clock, 1);
        loop_turn(w->loop, false);
        if (w->peer.ssl)
            tlspeer_pump(&w->peer);
    }
}

static void
world_open(struct world *w, size_t room, size_t step)
{
    struct tls_client_conf conf = { .ca = ca_path };
    struct transport *inner;
    char why[TLS_WHY_MAX];

    memset(w, 0, sizeof(*w));
    w->loop = loop_new(vclock_init(&w->clock));
    w->ctx = tls_ctx_new_client(&conf, why);
    assert_non_null(w->ctx);
    assert_string_equal(why, "");
    mempair_new(w->loop, w->loop, room, step, &inner, &w->raw);
    w->t = inner;
    w->got = malloc(ROOM_MAX);
    w->bite = ROOM_MAX / 2;
}

static void
world_start(struct world *w, const struct tlspeer_conf *conf, const char *name)
{
    if (conf)
        tlspeer_open(&w->peer, w->raw, conf);
    w->t = tls_client_over(w->loop, w->ctx, w->t, name, NULL);
    transport_bind(w->t, on_event, w);
    transport_want(w->t, false, true);
    assert_int_equal(w->told, 0);
}

static void
world_close(struct world *w)
{
    transport_close(w->t);
    turns(w, 2);
    if (w->peer.ssl)
        tlspeer_close(&w->peer);
    else
        transport_close(w->raw);
    memset(&w->peer, 0, sizeof(w->peer));
    turns(w, 2);
    tls_ctx_drop(w->ctx);
    loop_free(w->loop);
    free(w->got);
}

/* Against a server with this certificate; returns why it failed. */
static const char *
refusal(struct world *w, const struct tlspeer_conf *conf, const char *name)
{
    world_open(w, 65536, 0);
    world_start(w, conf, name);
    turns(w, 20);
    assert_int_equal(w->told, TRANSPORT_FAILED);
    assert_true(transport_read(w->t, w->got, 1) == ERR_CONN_LOST);
    return tls_why(w->t);
}

/* ---- tests ---- */

static void
names_and_addresses_of_the_certificate_are_accepted(void **state)
{
    static const char *const names[] = { "kubernetes.default.svc", "x.wild.example",
                                         "127.0.0.1", "10.96.0.1", "::1" };
    struct tlsid id;
    struct tlspeer_conf conf = { .id = &id };

    (void)state;
    tlsid_make(&id,
               "DNS:kubernetes.default.svc,DNS:*.wild.example,IP:127.0.0.1,IP:10.96.0.1,"
               "IP:::1",
               &ca, -1, 1);
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        for (int v = TLS1_2_VERSION; v <= TLS1_3_VERSION; v++) {
            struct world w;
            const char *sni;

            conf.max_version = v;
            world_open(&w, 65536, 0);
            world_start(&w, &conf, names[i]);
            assert_string_equal(tls_version(w.t), "");
            turns(&w, 20);
            assert_int_equal(w.told, TRANSPORT_CONNECTED);
            assert_string_equal(tls_why(w.t), "");
            assert_string_equal(tls_version(w.t),
                                v == TLS1_2_VERSION ? "TLSv1.2" : "TLSv1.3");
            /* RFC 6066 3: no IP addresses in SNI. */
            sni = SSL_get_servername(w.peer.ssl, TLSEXT_NAMETYPE_host_name);
            if (i < 2)
                assert_string_equal(sni, names[i]);
            else
                assert_null(sni);
            world_close(&w);
        }
    }
    tlsid_done(&id);
}

static void
bad_certificates_are_refused_with_the_reason(void **state)
{
    static const struct {
        const char *san;
        const struct tlsid *by;
        int from, to;
        const char *name, *why;
    } rows[] = {
        { "DNS:a.example", &other_ca, -1, 1, "a.example",
          "is not signed by a CA in /tmp/" },
        { "DNS:a.example", NULL, -1, 1, "a.example", "is not signed by a CA in /tmp/" },
        { "DNS:a.example,IP:10.0.0.1", &ca, -1, 1, "b.example",
          "name mismatch: the server's certificate is not for b.example; it is for "
          "a.example, "
          "10.0.0.1" },
        { "DNS:a.example", &ca, -1, 1, "127.0.0.1",
          "is not for 127.0.0.1; it is for a.ex" },
        { "IP:127.0.0.1", &ca, -1, 1, "127.0.0.2",
          "is not for 127.0.0.2; it is for 127." },
        { "DNS:127.0.0.1", &ca, -1, 1, "127.0.0.1", "name mismatch" },
        { "DNS:a*.wild.example", &ca, -1, 1, "ab.wild.example", "name mismatch" },
        { NULL, &ca, -1, 1, "a.example", "it has no names (subjectAltName)" },
        { NULL, &ca, -1, 1, "test", "it has no names" }, /* but that common name */
        { "DNS:a.example", &ca, -3, -1, "a.example", "has expired (20" },
        { "DNS:a.example", &ca, 1, 3, "a.example", "is not valid yet" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct tlsid id;
        struct tlspeer_conf conf = { .id = &id };
        struct world w;
        const char *why;

        tlsid_make(&id, rows[i].san, rows[i].by, rows[i].from, rows[i].to);
        why = refusal(&w, &conf, rows[i].name);
        if (!strstr(why, rows[i].why))
            fail_msg("row %zu: \"%s\" has no \"%s\"", i, why, rows[i].why);
        world_close(&w);
        tlsid_done(&id);
    }
}

static void
servers_without_h2_or_with_old_tls_are_refused(void **state)
{
    struct tlsid id;
    struct tlspeer_conf conf = { .id = &id, .no_alpn = true };
    struct world w;

    (void)state;
    tlsid_make(&id, "DNS:a.example", &ca, -1, 1);
    assert_string_equal(refusal(&w, &conf, "a.example"),
                        "the server does not offer HTTP/2 (ALPN h2)");
    world_close(&w);
    conf = (struct tlspeer_conf){ .id = &id, .max_version = TLS1_1_VERSION };
    assert_string_equal(refusal(&w, &conf, "a.example"),
                        "the server speaks neither TLS 1.2 nor 1.3");
    world_close(&w);
    tlsid_done(&id);
}

static void
what_is_no_tls_server_is_named(void **state)
{
    static const char http[] = "HTTP/1.1 400 Bad Request\r\n\r\n";
    struct iovec v = { .iov_base = (void *)(uintptr_t)http, .iov_len = sizeof(http) - 1 };
    struct world w;

    (void)state;
    world_open(&w, 65536, 0);
    world_start(&w, NULL, "a.example");
    assert_true(transport_writev(w.raw, &v, 1) > 0);
    turns(&w, 5);
    assert_int_equal(w.told, TRANSPORT_FAILED);
    assert_string_equal(tls_why(w.t), "the server does not speak TLS on this port");
    world_close(&w);

    world_open(&w, 65536, 0);
    world_start(&w, NULL, "a.example");
    turns(&w, 2);
    transport_shut(w.raw);
    turns(&w, 5);
    assert_int_equal(w.told, TRANSPORT_FAILED);
    assert_string_equal(tls_why(w.t),
                        "the server closed the connection during the TLS handshake");
    world_close(&w);
}

static void
a_connect_that_fails_says_so(void **state)
{
    struct world w;
    struct addr to;
    const char *why;

    (void)state;
    world_open(&w, 100, 0);
    transport_close(w.t);
    assert_int_equal(addr_parse("unix:/tmp/outrigger-no-such-socket", false, &to, &why),
                     0);
    w.t = tls_connect(w.loop, w.ctx, &to, "a.example", NULL);
    transport_bind(w.t, on_event, &w);
    transport_want(w.t, false, true);
    turns(&w, 3);
    assert_int_equal(w.told, TRANSPORT_FAILED);
    assert_string_equal(tls_why(w.t), "connecting failed: No such file or directory");
    world_close(&w);
}

/* Both directions at once; pipes of one byte cut every record anywhere. */
static void
bytes_arrive_whole_through_pipes_of_any_size(void **state)
{
    static const struct {
        size_t room, step, bite, n;
    } rows[] = {
        { 1 << 20, 0, 1 << 19, DATA_N }, { 4096, 0, 1 << 19, DATA_N },
        { 4096, 0, 1000, DATA_N },       { 1 << 20, 0, 16384, DATA_N },
        { 700, 613, 1 << 19, 100000 },   { 3, 1, 100, 2000 },
    };
    struct tlsid id;
    struct tlspeer_conf conf = { .id = &id };

    (void)state;
    tlsid_make(&id, "DNS:a.example", &ca, -1, 1);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        for (int v = TLS1_2_VERSION; v <= TLS1_3_VERSION; v++) {
            struct world w;

            conf.max_version = v;
            world_open(&w, rows[i].room, rows[i].step);
            w.eat = true;
            w.bite = rows[i].bite;
            w.out = data;
            w.out_n = rows[i].n;
            world_start(&w, &conf, "a.example");
            w.peer.out = data;
            w.peer.out_n = rows[i].n;
            for (unsigned k = 0;
                 k < 20000 && (w.got_n < rows[i].n || w.peer.in_n < rows[i].n); k++)
                turns(&w, 1);
            assert_int_equal(w.got_n, rows[i].n);
            assert_int_equal(w.peer.in_n, rows[i].n);
            assert_memory_equal(w.got, data, rows[i].n);
            assert_memory_equal(w.peer.in, data, rows[i].n);
            /* Nothing is left, so nothing spins. */
            w.readable = 0;
            turns(&w, 20);
            assert_true(w.readable <= 1);
            world_close(&w);
        }
    }
    tlsid_done(&id);
}

/* What OpenSSL has decrypted is told, though no byte comes any more. */
static void
unread_bytes_are_told_when_they_are_wanted_again(void **state)
{
    struct tlsid id;
    struct tlspeer_conf conf = { .id = &id };
    struct world w;

    (void)state;
    tlsid_make(&id, "DNS:a.example", &ca, -1, 1);
    world_open(&w, 65536, 0);
    w.eat = true;
    w.bite = 10;
    world_start(&w, &conf, "a.example");
    w.peer.out = data;
    w.peer.out_n = 1000;
    turns(&w, 10);
    assert_true(w.got_n > 0 && w.got_n < 1000);
    transport_want(w.t, false, false);
    w.eat = false;
    turns(&w, 10);
    w.eat = true;
    transport_want(w.t, true, false);
    turns(&w, 200);
    assert_int_equal(w.got_n, 1000);
    assert_memory_equal(w.got, data, 1000);
    world_close(&w);
    tlsid_done(&id);
}

static void
a_half_close_follows_the_last_byte(void **state)
{
    struct tlsid id;
    struct tlspeer_conf conf = { .id = &id };
    struct world w;

    (void)state;
    tlsid_make(&id, "DNS:a.example", &ca, -1, 1);
    world_open(&w, 4096, 0);
    w.eat = true;
    world_start(&w, &conf, "a.example");
    turns(&w, 10);
    assert_true(w.told & TRANSPORT_CONNECTED);
    w.peer.hold = true;
    {
        struct iovec v = { .iov_base = data, .iov_len = 200000 };
        ssize_t n = transport_writev(w.t, &v, 1);

        assert_true(n > 0 && n < 200000);
        assert_true(transport_writev(w.t, &v, 1) == ERR_AGAIN);
        transport_shut(w.t);
        assert_true(transport_writev(w.t, &v, 1) == ERR_CONN_LOST);
        w.peer.hold = false;
        turns(&w, 50);
        assert_int_equal(w.peer.in_n, n);
    }
    assert_true(w.peer.ended);
    assert_memory_equal(w.peer.in, data, w.peer.in_n);
    w.peer.out = data;
    w.peer.out_n = 5000;
    turns(&w, 50);
    assert_int_equal(w.got_n, 5000);
    SSL_shutdown(w.peer.ssl);
    turns(&w, 5);
    assert_true(w.end == ERR_EOF);
    world_close(&w);
    tlsid_done(&id);
}

static void
garbage_in_the_middle_ends_the_connection(void **state)
{
    static const char junk[] = "\x17\x03\x03\x00\x20not a record of this connection!";
    struct iovec v = { .iov_base = (void *)(uintptr_t)junk, .iov_len = sizeof(junk) - 1 };
    struct tlsid id;
    struct tlspeer_conf conf = { .id = &id };
    struct world w;

    (void)state;
    tlsid_make(&id, "DNS:a.example", &ca, -1, 1);
    world_open(&w, 65536, 0);
    w.eat = true;
    world_start(&w, &conf, "a.example");
    turns(&w, 10);
    assert_true(transport_writev(w.raw, &v, 1) > 0);
    turns(&w, 3);
    assert_true(w.end == ERR_CONN_LOST);
    assert_non_null(strstr(tls_why(w.t), "TLS broke: "));
    world_close(&w);
    tlsid_done(&id);
}

static void
a_renegotiation_is_not_done(void **state)
{
    struct tlsid id;
    struct tlspeer_conf conf = { .id = &id, .max_version = TLS1_2_VERSION };
    unsigned char before[32], after[32];
    struct world w;

    (void)state;
    tlsid_make(&id, "DNS:a.example", &ca, -1, 1);
    world_open(&w, 65536, 0);
    w.eat = true;
    world_start(&w, &conf, "a.example");
    turns(&w, 10);
    assert_int_equal(SSL_get_client_random(w.peer.ssl, before, sizeof(before)), 32);
    assert_int_equal(SSL_renegotiate(w.peer.ssl), 1);
    w.peer.handshaken = false;
    turns(&w, 10);
    assert_int_equal(SSL_get_client_random(w.peer.ssl, after, sizeof(after)), 32);
    assert_memory_equal(before, after, 32); /* no second ClientHello came */
    world_close(&w);
    tlsid_done(&id);
}

static void
an_owner_may_close_inside_any_callback(void **state)
{
    struct tlsid good, bad;
    struct tlspeer_conf conf = { .id = &good };

    (void)state;
    tlsid_make(&good, "DNS:a.example", &ca, -1, 1);
    tlsid_make(&bad, "DNS:a.example", &other_ca, -1, 1);
    for (unsigned i = 0; i < 2; i++) {
        struct world w;

        conf.id = i ? &bad : &good;
        world_open(&w, 65536, 0);
        w.close_inside = true;
        world_start(&w, &conf, "a.example");
        turns(&w, 10);
        assert_int_equal(w.told, i ? TRANSPORT_FAILED : TRANSPORT_CONNECTED);
        assert_null(w.t);
        world_close(&w);
    }
    tlsid_done(&good);
    tlsid_done(&bad);
}

static void
a_ca_file_that_trusts_nobody_is_an_error(void **state)
{
    struct tls_client_conf conf = { .ca = "/tmp/outrigger-no-such-file" };
    char why[TLS_WHY_MAX], path[] = "/tmp/outrigger-ca-XXXXXX";
    int fd = mkstemp(path);

    (void)state;
    assert_true(fd >= 0);
    assert_int_equal(write(fd, "no PEM\n", 7), 7);
    close(fd);
    assert_null(tls_ctx_new_client(&conf, why));
    assert_string_equal(why, "the CA file /tmp/outrigger-no-such-file cannot be read: "
                             "No such file or directory");
    conf.ca = path;
    assert_null(tls_ctx_new_client(&conf, why));
    assert_non_null(strstr(why, "has no certificate in PEM form"));
    unlink(path);
    conf.ca = NULL;
    tls_ctx_drop(tls_ctx_new_client(&conf, why));
    assert_string_equal(why, "");
}

static int
make_cas(void **state)
{
    (void)state;
    tlsid_make(&ca, NULL, NULL, -1, 1);
    tlsid_make(&other_ca, NULL, NULL, -1, 1);
    snprintf(ca_path, sizeof(ca_path), "/tmp/outrigger-test-ca-%d.pem", (int)getpid());
    tlsid_save(&ca, ca_path);
    for (size_t i = 0; i < sizeof(data); i++)
        data[i] = (unsigned char)(i * 7 + i / 251);
    return 0;
}

static int
drop_cas(void **state)
{
    (void)state;
    tlsid_done(&ca);
    tlsid_done(&other_ca);
    return unlink(ca_path);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_and_addresses_of_the_certificate_are_accepted),
        cmocka_unit_test(bad_certificates_are_refused_with_the_reason),
        cmocka_unit_test(servers_without_h2_or_with_old_tls_are_refused),
        cmocka_unit_test(what_is_no_tls_server_is_named),
        cmocka_unit_test(a_connect_that_fails_says_so),
        cmocka_unit_test(bytes_arrive_whole_through_pipes_of_any_size),
        cmocka_unit_test(unread_bytes_are_told_when_they_are_wanted_again),
        cmocka_unit_test(a_half_close_follows_the_last_byte),
        cmocka_unit_test(garbage_in_the_middle_ends_the_connection),
        cmocka_unit_test(a_renegotiation_is_not_done),
        cmocka_unit_test(an_owner_may_close_inside_any_callback),
        cmocka_unit_test(a_ca_file_that_trusts_nobody_is_an_error),
    };

    return cmocka_run_group_tests(tests, make_cas, drop_cas);
}
