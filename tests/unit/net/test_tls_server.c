/* SPDX-License-Identifier: Apache-2.0 */
/* TLS as a server: who is let in and who is not, with the reason in words, as a counter and
 * as an alert; names choose certificates; the peer's identity. */
#include "unit.h"

#include <string.h>

#include "base/compat.h"
#include "base/err.h"
#include "tlsfiles.h"

enum { DATA_N = 200000 };

static struct tlsid other_ca, client;
static struct tls_server_conf plain, mtls;
static unsigned char data[DATA_N];

static struct tls_ctx *
ctx_new(const struct tls_server_conf *conf)
{
    char why[TLS_WHY_MAX];
    struct tls_ctx *ctx = tls_ctx_new_server(conf, NULL, "in", why);

    if (!ctx)
        fail_msg("%s", why);
    return ctx;
}

/* ---- who is let in ---- */

static void
bytes_go_both_ways_through_pipes_of_any_size(void **state)
{
    static const struct {
        size_t room, step;
    } rows[] = { { 65536, 0 }, { 1000, 0 }, { 300, 7 }, { 16384, 1 } };
    struct tls_ctx *ctx = ctx_new(&plain);

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        for (int v = TLS1_2_VERSION; v <= TLS1_3_VERSION; v++) {
            struct tlspeer_conf conf = { .client = true, .max_version = v };
            size_t n = rows[i].step ? DATA_N / 20 : DATA_N;
            struct tlsrig r;

            tlsrig_open(&r, rows[i].room, rows[i].step);
            r.eat = true;
            r.out = data;
            r.out_n = n;
            tlsrig_serve(&r, ctx, &conf);
            r.peer.out = data;
            r.peer.out_n = n;
            for (unsigned k = 0; k < 40000 && (r.got_n < n || r.peer.in_n < n); k++)
                tlsrig_turns(&r, 1);
            assert_string_equal(tls_why(r.t), "");
            assert_string_equal(tls_version(r.t),
                                v == TLS1_2_VERSION ? "TLSv1.2" : "TLSv1.3");
            assert_int_equal(r.got_n, n);
            assert_int_equal(r.peer.in_n, n);
            assert_memory_equal(r.got, data, n);
            assert_memory_equal(r.peer.in, data, n);
            tlsrig_close(&r);
        }
    tls_ctx_drop(ctx);
}

static void
a_connection_goes_on_after_its_idle_buffers_were_given_back(void **state)
{
    struct tls_ctx *ctx = ctx_new(&plain);
    struct tlspeer_conf conf = { .client = true };
    struct tlsrig r;

    (void)state;
    tlsrig_open(&r, 65536, 0);
    r.eat = true;
    tlsrig_serve(&r, ctx, &conf);
    tlsrig_turns(&r, 20);
    for (unsigned i = 0; i < 3; i++) {
        size_t before = r.got_n;

        vclock_advance_ms(&r.clock, 2500);
        tlsrig_turns(&r, 2);
        vclock_advance_ms(&r.clock, 2500);
        tlsrig_turns(&r, 2);
        r.peer.out = data;
        r.peer.out_n = 1000;
        tlsrig_turns(&r, 5);
        assert_int_equal(r.got_n, before + 1000);
    }
    tlsrig_close(&r);
    tls_ctx_drop(ctx);
}

/* ---- who is not: the first message ---- */

static const struct {
    struct tlspeer_conf conf;
    uint32_t min;
    enum tls_refusal refusal;
    const char *why, *alert;
} hellos[] = {
    { { .no_alpn = true },
      TLS_MIN_1_2,
      TLS_REFUSAL_ALPN,
      "the client offers no protocol; gRPC needs HTTP/2 (ALPN h2)",
      "no application protocol" },
    { { .alpn = "\10http/1.1" },
      TLS_MIN_1_2,
      TLS_REFUSAL_ALPN,
      "the client offers only http/1.1; gRPC needs HTTP/2 (ALPN h2)",
      "no application protocol" },
    { { .alpn = "\10http/1.1\6spdy/3" },
      TLS_MIN_1_2,
      TLS_REFUSAL_ALPN,
      "the client offers only http/1.1, spdy/3; gRPC needs",
      "no application protocol" },
    { { .alpn = "\3h2c" },
      TLS_MIN_1_2,
      TLS_REFUSAL_ALPN,
      "offers only h2c",
      "no application protocol" },
    { { .alpn = "\2H2", .max_version = TLS1_2_VERSION },
      TLS_MIN_1_2,
      TLS_REFUSAL_ALPN,
      "offers only H2",
      "no application protocol" },
    { { .min_version = TLS1_VERSION, .max_version = TLS1_1_VERSION },
      TLS_MIN_1_2,
      TLS_REFUSAL_VERSION,
      "the client speaks neither TLS 1.2 nor 1.3",
      "protocol version" },
    { { .no_alpn = true, .max_version = TLS1_1_VERSION },
      TLS_MIN_1_2,
      TLS_REFUSAL_VERSION,
      "the client speaks neither TLS 1.2 nor 1.3",
      "protocol version" },
    { { .max_version = TLS1_2_VERSION },
      TLS_MIN_1_3,
      TLS_REFUSAL_VERSION,
      "the client does not speak TLS 1.3",
      "protocol version" },
    { { .max_version = TLS1_2_VERSION, .ciphers = "AES128-SHA:AES256-SHA" },
      TLS_MIN_1_2,
      TLS_REFUSAL_CIPHER,
      "no cipher suite",
      "handshake failure" },
    { { .max_version = TLS1_2_VERSION, .ciphers = "ECDHE-ECDSA-AES128-SHA" },
      TLS_MIN_1_2,
      TLS_REFUSAL_CIPHER,
      "no cipher suite",
      "handshake failure" },
    { { .max_version = TLS1_2_VERSION, .ciphers = "ECDHE-RSA-AES128-GCM-SHA256" },
      TLS_MIN_1_2,
      TLS_REFUSAL_CIPHER,
      "no cipher suite",
      "handshake failure" },
};

static void
clients_that_cannot_speak_with_us_hear_why(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(hellos); i++) {
        struct tls_server_conf conf = plain;
        struct tlspeer_conf peer = hellos[i].conf;
        struct tls_ctx *ctx;
        struct tlsrig r;

        conf.min_version = hellos[i].min;
        peer.client = true;
        ctx = ctx_new(&conf);
        tlsrig_run_server(&r, ctx, &peer);
        if (r.told != TRANSPORT_FAILED || !strstr(tls_why(r.t), hellos[i].why) ||
            !strstr(r.peer.alert, hellos[i].alert))
            fail_msg("row %zu: told %d, \"%s\", alert \"%s\"", i, r.told, tls_why(r.t),
                     r.peer.alert);
        assert_int_equal(tls_refusal(r.t), hellos[i].refusal);
        assert_null(tls_peer(r.t));
        assert_true(transport_read(r.t, r.got, 1) == ERR_CONN_LOST);
        tlsrig_close(&r);
        tls_ctx_drop(ctx);
    }
}

static void
only_good_suites_are_spoken(void **state)
{
    static const struct {
        const char *suite;
        bool good;
    } rows[] = {
        { "ECDHE-ECDSA-AES128-GCM-SHA256", true },
        { "ECDHE-ECDSA-AES256-GCM-SHA384", true },
        { "ECDHE-ECDSA-CHACHA20-POLY1305", true },
        { "ECDHE-ECDSA-AES128-SHA256", false },
        { "ECDHE-ECDSA-AES256-SHA384", false },
        { "ECDHE-ECDSA-AES128-CCM", false },
        { "ECDHE-ECDSA-NULL-SHA", false },
        { "AES128-GCM-SHA256", false },
        { "DHE-RSA-AES128-GCM-SHA256", false },
        { "AECDH-AES128-SHA", false },
    };
    struct tls_ctx *ctx = ctx_new(&plain);

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char list[96];
        struct tlspeer_conf conf = { .client = true,
                                     .max_version = TLS1_2_VERSION,
                                     .ciphers = list };
        struct tlsrig r;

        snprintf(list, sizeof(list), "%s:@SECLEVEL=0", rows[i].suite);
        tlsrig_run_server(&r, ctx, &conf);
        if (r.told != (rows[i].good ? TRANSPORT_CONNECTED : TRANSPORT_FAILED))
            fail_msg("%s: %d %s", rows[i].suite, r.told, tls_why(r.t));
        if (rows[i].good)
            assert_string_equal(tls_peer(r.t)->cipher, rows[i].suite);
        tlsrig_close(&r);
    }
    tls_ctx_drop(ctx);
}

static void
what_is_not_tls_is_named(void **state)
{
    static const struct {
        const char *bytes;
        enum tls_refusal refusal;
        const char *why;
    } rows[] = {
        { "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", TLS_REFUSAL_NOT_TLS, "does not speak TLS" },
        { "GET / HTTP/1.1\r\n\r\n", TLS_REFUSAL_NOT_TLS, "does not speak TLS" },
        { "", TLS_REFUSAL_CLOSED, "closed the connection during the TLS handshake" },
        { "\x16\x03\x01", TLS_REFUSAL_CLOSED, "closed the connection during" },
    };
    struct tls_ctx *ctx = ctx_new(&plain);

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct iovec v = { (void *)(uintptr_t)rows[i].bytes, strlen(rows[i].bytes) };
        struct tlsrig r;

        tlsrig_open(&r, 65536, 0);
        tlsrig_serve(&r, ctx, NULL);
        if (v.iov_len)
            assert_true(transport_writev(r.raw, &v, 1) > 0);
        transport_shut(r.raw);
        tlsrig_turns(&r, 5);
        if (r.told != TRANSPORT_FAILED || !strstr(tls_why(r.t), rows[i].why))
            fail_msg("row %zu: told %d, \"%s\"", i, r.told, tls_why(r.t));
        assert_int_equal(tls_refusal(r.t), rows[i].refusal);
        tlsrig_close(&r);
    }
    tls_ctx_drop(ctx);
}

/* ---- names choose certificates ---- */

static const struct {
    const char *file, *san;
    int rsa;
} certs[] = {
    { "first", "DNS:first.example,DNS:also.example", 0 },
    { "wild", "DNS:*.shop.example,DNS:*.example", 0 },
    { "exact", "DNS:a.shop.example", 0 },
    { "rsa", "DNS:a.shop.example", 2048 },
    { "upper", "DNS:UPPER.Example", 0 },
    { "second", "DNS:also.example", 0 },
};

static void
the_name_asked_for_chooses_the_certificate(void **state)
{
    static const struct {
        const char *sni, *sigalgs, *cert;
    } rows[] = {
        { NULL, NULL, "first" },
        { "first.example", NULL, "first" },
        { "also.example", NULL, "first" },
        { "b.shop.example", NULL, "wild" },
        { "b.c.shop.example", NULL, "first" },
        { "a.shop.example", "ECDSA+SHA256", "exact" },
        { "A.Shop.Example", "ECDSA+SHA256", "exact" },
        { "a.shop.example.", "ECDSA+SHA256", "exact" },
        { "a.shop.example", "RSA-PSS+SHA256", "rsa" },
        { "upper.example", NULL, "upper" },
        { "shop.example", NULL, "first" },
        { "nobody.test", NULL, "first" },
        { "*.shop.example", NULL, "first" },
    };
    struct tls_cert_conf more[ARRAY_LEN(certs)];
    struct tls_server_conf conf = { .certificates = { more, ARRAY_LEN(certs) } };
    struct tlsid ids[ARRAY_LEN(certs)];
    char paths[2 * ARRAY_LEN(certs)][128];
    struct tls_ctx *ctx;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(certs); i++) {
        struct tlscert c = { .cn = certs[i].file,
                             .san = certs[i].san,
                             .by = &ca,
                             .from_day = -1,
                             .to_day = 30,
                             .rsa_bits = certs[i].rsa };
        char name[32];

        tlsid_make_as(&ids[i], &c);
        tlsrig_save(&ids[i], certs[i].file);
        snprintf(name, sizeof(name), "%s.crt", certs[i].file);
        tlsrig_path_copy(paths[2 * i], name);
        snprintf(name, sizeof(name), "%s.key", certs[i].file);
        tlsrig_path_copy(paths[2 * i + 1], name);
        more[i] = (struct tls_cert_conf){ paths[2 * i], paths[2 * i + 1] };
    }
    ctx = ctx_new(&conf);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        for (int v = TLS1_2_VERSION; v <= TLS1_3_VERSION; v++) {
            struct tlspeer_conf peer = { .client = true,
                                         .sni = rows[i].sni,
                                         .sigalgs = rows[i].sigalgs,
                                         .max_version = v };
            struct tlsrig r;
            char cn[64];

            tlsrig_run_server(&r, ctx, &peer);
            if (r.told != TRANSPORT_CONNECTED)
                fail_msg("row %zu: %s", i, tls_why(r.t));
            X509_NAME_get_text_by_NID(
                X509_get_subject_name(SSL_get0_peer_certificate(r.peer.ssl)),
                NID_commonName, cn, sizeof(cn));
            if (strcmp(cn, rows[i].cert) != 0)
                fail_msg("row %zu: %s", i, cn);
            tlsrig_close(&r);
        }
    tls_ctx_drop(ctx);
    for (size_t i = 0; i < ARRAY_LEN(certs); i++)
        tlsid_done(&ids[i]);
}

/* ---- who the peer is ---- */

static void
a_peer_has_an_identity(void **state)
{
    struct tlscert c = { .cn = "app",
                         .san = "DNS:App.example,URI:spiffe://td/ns/shop/sa/web,"
                                "email:me@a.example,IP:10.0.0.1,IP:::1",
                         .by = &ca,
                         .from_day = -1,
                         .to_day = 1 };
    struct tlsid id;
    struct tlspeer_conf conf = { .client = true, .id = &id, .sni = "IN.example" };
    struct tls_ctx *ctx = ctx_new(&mtls);
    const struct tls_peer *p;
    struct tlsrig r;

    (void)state;
    tlsid_make_as(&id, &c);
    tlsrig_run_server(&r, ctx, &conf);
    p = tls_peer(r.t);
    assert_non_null(p);
    assert_ptr_equal(tls_peer(r.t), p);
    assert_true(p->has_cert && p->verified);
    assert_string_equal(p->subject, "CN=app");
    assert_string_equal(p->spiffe, "spiffe://td/ns/shop/sa/web");
    assert_string_equal(p->sni, "in.example");
    assert_string_equal(p->version, "TLSv1.3");
    assert_string_equal(p->cipher, "TLS_AES_128_GCM_SHA256");
    assert_int_equal(strlen(p->sha256), 64);
    assert_int_equal(p->n_sans, 5);
    assert_int_equal(p->sans[0].kind, TLS_SAN_DNS);
    assert_string_equal(p->sans[0].text, "App.example");
    assert_int_equal(p->sans[2].kind, TLS_SAN_EMAIL);
    assert_string_equal(p->sans[3].text, "10.0.0.1");
    assert_int_equal(p->sans[4].kind, TLS_SAN_IP);
    assert_string_equal(p->sans[4].text, "::1");
    transport_close(r.t);
    assert_string_equal(p->subject, "CN=app"); /* until the end of the turn */
    tlsrig_close(&r);
    tls_ctx_drop(ctx);
    tlsid_done(&id);
}

static void
names_of_a_peer_are_bounded(void **state)
{
    static char text[8192], longest[TLS_SAN_LEN_MAX + 2];
    struct tlscert c = { .san = text, .by = &ca, .from_day = -1, .to_day = 1 };
    struct tlspeer_conf conf = { .client = true };
    struct tls_ctx *ctx = ctx_new(&mtls);
    struct tlsid id;
    struct tlsrig r;
    int n;

    (void)state;
    memset(longest, 'a', sizeof(longest) - 1);
    n = snprintf(text, sizeof(text), "URI:x:%s", longest);
    for (int i = 0; i < 40; i++)
        n += snprintf(text + n, sizeof(text) - (size_t)n, ",DNS:n%d.example", i);
    tlsid_make_as(&id, &c);
    conf.id = &id;
    tlsrig_run_server(&r, ctx, &conf);
    assert_int_equal(r.told, TRANSPORT_CONNECTED);
    assert_int_equal(tls_peer(r.t)->n_sans, TLS_SANS_MAX);
    assert_string_equal(tls_peer(r.t)->sans[0].text, "n0.example");
    assert_null(tls_peer(r.t)->spiffe);
    tlsrig_close(&r);
    tls_ctx_drop(ctx);
    tlsid_done(&id);
}

static void
a_client_without_a_certificate_is_nobody(void **state)
{
    struct tls_server_conf conf = mtls;
    struct tlspeer_conf peer = { .client = true };
    struct tls_ctx *ctx;
    struct tlsrig r;

    (void)state;
    conf.client_cert = TLS_CLIENT_CERT_OPTIONAL;
    ctx = ctx_new(&conf);
    tlsrig_run_server(&r, ctx, &peer);
    assert_int_equal(r.told, TRANSPORT_CONNECTED);
    assert_false(tls_peer(r.t)->has_cert || tls_peer(r.t)->verified);
    assert_string_equal(tls_peer(r.t)->subject, "");
    assert_string_equal(tls_peer(r.t)->sni, "");
    tlsrig_close(&r);
    peer.id = &client;
    tlsrig_run_server(&r, ctx, &peer);
    assert_true(tls_peer(r.t)->verified);
    tlsrig_close(&r);
    tls_ctx_drop(ctx);
}

/* A certificate that is not asked for is not sent, so nobody is taken for somebody. */
static void
without_client_certificates_nobody_is_verified(void **state)
{
    struct tlspeer_conf conf = { .client = true, .id = &client };
    struct tls_ctx *ctx = ctx_new(&plain);
    const struct tls_expiry *e;
    struct tlsrig r;

    (void)state;
    tlsrig_run_server(&r, ctx, &conf);
    assert_false(tls_peer(r.t)->has_cert || tls_peer(r.t)->verified);
    tlsrig_close(&r);
    assert_int_equal(tls_ctx_expiry(ctx, &e), 1);
    assert_string_equal(e->name, "server.example");
    assert_string_equal(e->file, plain.cert);
    assert_true(e->not_after_s > (int64_t)time(NULL) + 29 * 86400 &&
                e->not_after_s < (int64_t)time(NULL) + 31 * 86400);
    tls_ctx_drop(ctx);
}

/* ---- group ---- */

static int
make_all(void **state)
{
    if (tlsfiles_make(state) != 0)
        return -1;
    tlsid_make(&other_ca, NULL, NULL, -1, 30);
    tlsid_make(&client, "DNS:client.example", &ca, -1, 1);
    plain = (struct tls_server_conf){ .cert = server_crt, .key = server_key };
    mtls = plain;
    mtls.client_ca = ca_file;
    mtls.client_cert = TLS_CLIENT_CERT_REQUIRE;
    tlsrig_fill(data, sizeof(data));
    return 0;
}

static int
drop_all(void **state)
{
    tlsid_done(&other_ca);
    tlsid_done(&client);
    return tlsfiles_drop(state);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_go_both_ways_through_pipes_of_any_size),
        cmocka_unit_test(a_connection_goes_on_after_its_idle_buffers_were_given_back),
        cmocka_unit_test(clients_that_cannot_speak_with_us_hear_why),
        cmocka_unit_test(only_good_suites_are_spoken),
        cmocka_unit_test(what_is_not_tls_is_named),
        cmocka_unit_test(the_name_asked_for_chooses_the_certificate),
        cmocka_unit_test(a_peer_has_an_identity),
        cmocka_unit_test(names_of_a_peer_are_bounded),
        cmocka_unit_test(a_client_without_a_certificate_is_nobody),
        cmocka_unit_test(without_client_certificates_nobody_is_verified),
    };

    return cmocka_run_group_tests(tests, make_all, drop_all);
}
