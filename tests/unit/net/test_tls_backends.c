/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates of servers that we call: which are believed by what the pool says, and what is said when they want one of ours. */
#include "tlsids.h"

#include "base/compat.h"
#include "base/err.h"

enum rule { BY_NAME, BY_SAN, BY_PIN, SKIP, WITH_CRL };

static const struct {
    enum rule rule;
    const char *name, *san;
    const struct tlsid *by;
    enum tls_refusal refusal;
} backends[] = {
    { BY_NAME, "a.example", "DNS:a.example", &ca, TLS_REFUSAL_NONE },
    { BY_NAME, "a.example", "DNS:b.example", &ca, TLS_REFUSAL_NAME },
    { BY_NAME, "a.example", "DNS:a.example", &other_ca, TLS_REFUSAL_UNKNOWN_CA },
    { BY_NAME, "", "DNS:a.example", &ca, TLS_REFUSAL_NAME },
    { BY_NAME, NULL, "DNS:a.example", &ca, TLS_REFUSAL_NAME },
    { BY_NAME, "a.example", NULL, &ca, TLS_REFUSAL_NAME },
    { BY_NAME, "10.0.0.1", "IP:10.0.0.1", &ca, TLS_REFUSAL_NONE },
    { BY_NAME, "10.0.0.1", "DNS:10.0.0.1", &ca, TLS_REFUSAL_NAME },
    { BY_SAN, "10.0.0.1", "URI:spiffe://td/stock", &ca, TLS_REFUSAL_NONE },
    { BY_SAN, NULL, "URI:spiffe://td/stock", &ca, TLS_REFUSAL_NONE },
    { BY_SAN, "a.example", "DNS:a.example", &ca, TLS_REFUSAL_SAN },
    { BY_SAN, "a.example", "URI:spiffe://td/stock", &other_ca, TLS_REFUSAL_UNKNOWN_CA },
    { BY_PIN, "a.example", "DNS:a.example", &ca, TLS_REFUSAL_PIN },
    { SKIP, "a.example", "DNS:b.example", &other_ca, TLS_REFUSAL_NONE },
    { SKIP, NULL, NULL, NULL, TLS_REFUSAL_NONE },
    { WITH_CRL, "a.example", "DNS:a.example", &ca, TLS_REFUSAL_REVOKED },
};

static void
backends_are_verified_as_told(void **state)
{
    static struct tls_san_conf stock = { .exact = "spiffe://td/stock" };
    static char text[64];
    struct tls_pin_conf pin = { text };

    (void)state;
    tlsid_pin(&ca, text);
    for (size_t i = 0; i < ARRAY_LEN(backends); i++) {
        struct tls_client_conf conf = { .ca = ca_file };
        struct tlspeer_conf peer = { 0 };
        char why[TLS_WHY_MAX];
        struct tls_ctx *ctx;
        struct tlsid id;
        struct tlsrig r;

        tlsid_make(&id, backends[i].san, backends[i].by, -1, 1);
        peer.id = &id;
        if (backends[i].rule == BY_SAN)
            conf.match_san = (struct conf_list){ &stock, 1 };
        if (backends[i].rule == BY_PIN)
            conf.pins = (struct conf_list){ &pin, 1 };
        if (backends[i].rule == SKIP)
            conf = (struct tls_client_conf){ .insecure_skip_verify = true };
        if (backends[i].rule == WITH_CRL) {
            tlscrl_save(&ca, id.cert, -1, 1, crl_file);
            conf.crl = crl_file;
        }
        ctx = tls_ctx_new_client(&conf, why);
        assert_non_null(ctx);
        assert_int_equal(tls_ctx_insecure(ctx), backends[i].rule == SKIP);
        tlsrig_run_client(&r, ctx, backends[i].name, NULL, &peer);
        if (tls_refusal(r.t) != backends[i].refusal)
            fail_msg("try %zu: %s", i, tls_why(r.t));
        assert_int_equal(r.told & TRANSPORT_CONNECTED,
                         backends[i].refusal ? 0 : TRANSPORT_CONNECTED);
        if (!backends[i].refusal)
            assert_int_equal(tls_peer(r.t)->verified, backends[i].rule != SKIP);
        tlsrig_close(&r);
        tls_ctx_drop(ctx);
        tlsid_done(&id);
    }
}

static void
server_name_goes_before_the_name_of_the_endpoint(void **state)
{
    struct tls_client_conf conf = { .ca = ca_file, .server_name = "shop.example" };
    struct tlsid id;
    struct tlspeer_conf peer = { .id = &id };
    char why[TLS_WHY_MAX];
    struct tls_ctx *ctx = tls_ctx_new_client(&conf, why);
    struct tlsrig r;

    (void)state;
    tlsid_make(&id, "DNS:shop.example", &ca, -1, 1);
    tlsrig_run_client(&r, ctx, "10.0.0.1", NULL, &peer);
    assert_int_equal(r.told & TRANSPORT_CONNECTED, TRANSPORT_CONNECTED);
    assert_string_equal(SSL_get_servername(r.peer.ssl, TLSEXT_NAMETYPE_host_name),
                        "shop.example");
    tlsrig_close(&r);
    tls_ctx_drop(ctx);
    tlsid_done(&id);
}

/* Ours on both sides: what a client of ours says when a server of ours refuses it. */
static void
a_backend_that_wants_a_certificate_is_understood(void **state)
{
    struct tls_client_conf conf = { .ca = ca_file };
    char why[TLS_WHY_MAX];

    (void)state;
    for (unsigned with = 0; with < 2; with++) {
        struct tlspeer_conf peer = { .id = &server };
        struct tls_ctx *ctx;
        struct tlsrig r;

        if (with) {
            conf.cert = server_crt;
            conf.key = server_key;
        }
        ctx = tls_ctx_new_client(&conf, why);
        assert_non_null(ctx);
        tlsrig_open(&r, 65536, 0);
        r.eat = true;
        tlsrig_dial(&r, ctx, "server.example", NULL, &peer);
        SSL_set_verify(r.peer.ssl, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT,
                       NULL);
        X509_STORE_add_cert(SSL_CTX_get_cert_store(r.peer.ctx), ca.cert);
        tlsrig_turns(&r, 20);
        if (with) {
            assert_string_equal(tls_why(r.t), "");
            assert_non_null(SSL_get0_peer_certificate(r.peer.ssl));
        } else {
            assert_true(r.end == ERR_CONN_LOST);
            assert_string_equal(tls_why(r.t),
                                "the server requires a client certificate: add cert and "
                                "key to the tls of the pool");
            assert_int_equal(tls_refusal(r.t), TLS_REFUSAL_NO_CERTIFICATE);
        }
        tlsrig_close(&r);
        tls_ctx_drop(ctx);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(backends_are_verified_as_told),
        cmocka_unit_test(server_name_goes_before_the_name_of_the_endpoint),
        cmocka_unit_test(a_backend_that_wants_a_certificate_is_understood),
    };

    return cmocka_run_group_tests(tests, tlsids_make, tlsids_drop);
}
