/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates of clients, good and bad: who signed them, for when, for what, for whom, revoked or not, with which key. */
#include "tlsids.h"

#include <string.h>

#include "base/compat.h"

struct row {
    const char *about;
    struct tlscert cert;
    const struct tlsid *by, *above;
    enum tls_refusal refusal; /* NONE: let in */
    const char *why;
};

static const struct row rows[] = {
    { "good", { .san = "DNS:a.example" }, &ca, NULL, TLS_REFUSAL_NONE, "" },
    { "good with purpose",
      { .san = "DNS:a.example", .eku = "clientAuth" },
      &ca,
      NULL,
      TLS_REFUSAL_NONE,
      "" },
    { "good with both purposes",
      { .eku = "serverAuth,clientAuth" },
      &ca,
      NULL,
      TLS_REFUSAL_NONE,
      "" },
    { "good by an intermediate",
      { .san = "DNS:a.example" },
      &middle,
      &middle,
      TLS_REFUSAL_NONE,
      "" },
    { "good RSA",
      { .san = "DNS:a.example", .rsa_bits = 2048 },
      &ca,
      NULL,
      TLS_REFUSAL_NONE,
      "" },
    { "none",
      { .cn = "-" },
      NULL,
      NULL,
      TLS_REFUSAL_NO_CERTIFICATE,
      "the client has no certificate, and this listener requires one" },
    { "expired",
      { .from_day = -9, .to_day = -1 },
      &ca,
      NULL,
      TLS_REFUSAL_EXPIRED,
      "the client's certificate has expired (20" },
    { "not yet valid",
      { .from_day = 1, .to_day = 9 },
      &ca,
      NULL,
      TLS_REFUSAL_NOT_YET_VALID,
      "is not valid yet; is the clock right? (20" },
    { "self-signed",
      { .san = "DNS:a.example" },
      NULL,
      NULL,
      TLS_REFUSAL_SELF_SIGNED,
      "; it is self-signed" },
    { "another CA",
      { .san = "DNS:a.example" },
      &other_ca,
      NULL,
      TLS_REFUSAL_UNKNOWN_CA,
      "the client's certificate is not signed by a CA in /tmp/" },
    { "another CA, sent along",
      { .san = "DNS:a.example" },
      &other_ca,
      &other_ca,
      TLS_REFUSAL_UNKNOWN_CA,
      "is not signed by a CA in" },
    { "intermediate not sent",
      { .san = "DNS:a.example" },
      &middle,
      NULL,
      TLS_REFUSAL_UNKNOWN_CA,
      "is not signed by a CA in" },
    { "by an intermediate that is no CA",
      { .san = "DNS:a.example" },
      &server,
      &server,
      TLS_REFUSAL_CERTIFICATE,
      "cannot be verified: invalid CA certificate" },
    { "for servers only",
      { .eku = "serverAuth" },
      &ca,
      NULL,
      TLS_REFUSAL_PURPOSE,
      "is not made for clients (extended key usage)" },
    { "for mail only",
      { .eku = "emailProtection" },
      &ca,
      NULL,
      TLS_REFUSAL_PURPOSE,
      "is not made for clients" },
    { "for code only",
      { .eku = "codeSigning,timeStamping" },
      &ca,
      NULL,
      TLS_REFUSAL_PURPOSE,
      "is not made for clients" },
    { "weak key",
      { .rsa_bits = 1024 },
      &ca,
      NULL,
      TLS_REFUSAL_CERTIFICATE,
      "EE certificate key too weak" },
    { "weak key above",
      { .san = "DNS:a.example" },
      &weak_middle,
      &weak_middle,
      TLS_REFUSAL_CERTIFICATE,
      "CA certificate key too weak" },
    { "outside of what its CA may sign",
      { .san = "DNS:b.test" },
      &chain[7],
      &chain[7],
      TLS_REFUSAL_CERTIFICATE,
      "permitted subtree violation" },
};

static void
clients_are_let_in_by_their_certificate(void **state)
{
    char why[TLS_WHY_MAX];
    struct tls_ctx *ctx = tls_ctx_new_server(&mtls, NULL, "in", why);

    (void)state;
    assert_non_null(ctx);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        for (int v = TLS1_2_VERSION; v <= TLS1_3_VERSION; v++) {
            const struct row *row = &rows[i];
            struct tlscert c = row->cert;
            struct tlspeer_conf conf = { .client = true,
                                         .above = row->above,
                                         .max_version = v };
            struct tlsid id = { 0 };
            struct tlsrig r;

            if (!c.from_day)
                c.from_day = -1, c.to_day = 1;
            c.by = row->by;
            if (!c.cn || c.cn[0] != '-') {
                tlsid_make_as(&id, &c);
                conf.id = &id;
            }
            tlsrig_run_server(&r, ctx, &conf);
            if (!strstr(tls_why(r.t), row->why) || tls_refusal(r.t) != row->refusal)
                fail_msg("%s: %d, \"%s\", %s", row->about, r.told, tls_why(r.t),
                         tls_refusal_name(tls_refusal(r.t)));
            assert_int_equal(r.told,
                             row->refusal ? TRANSPORT_FAILED : TRANSPORT_CONNECTED);
            if (row->refusal)
                assert_true(r.peer.alert[0] != '\0'); /* the client heard it */
            tlsrig_close(&r);
            tlsid_done(&id);
        }
    tls_ctx_drop(ctx);
}

/* A chain within the depth and one beyond. */
static void
long_chains_are_refused(void **state)
{
    char why[TLS_WHY_MAX];
    struct tls_ctx *ctx = tls_ctx_new_server(&mtls, NULL, "in", why);

    (void)state;
    for (unsigned depth = 3; depth <= 7; depth++) {
        struct tlscert c = { .by = &chain[depth - 1], .from_day = -1, .to_day = 1 };
        struct tlspeer_conf conf = { .client = true };
        struct tlsrig r;
        struct tlsid id;

        tlsid_make_as(&id, &c);
        conf.id = &id;
        tlsrig_open(&r, 65536, 0);
        tlsrig_serve(&r, ctx, &conf);
        for (unsigned i = 0; i < depth; i++)
            SSL_add1_chain_cert(r.peer.ssl, chain[depth - 1 - i].cert);
        tlsrig_turns(&r, 20);
        if (r.told != (depth <= 5 ? TRANSPORT_CONNECTED : TRANSPORT_FAILED))
            fail_msg("depth %u: %s", depth, tls_why(r.t));
        tlsrig_close(&r);
        tlsid_done(&id);
    }
    tls_ctx_drop(ctx);
}

/* ---- rules ---- */

static void
only_allowed_names_are_let_in(void **state)
{
    static const struct tls_san_conf spiffe = { .exact = "spiffe://td/web" },
                                     shop = { .prefix = "spiffe://td/ns/shop/" },
                                     dns = { .suffix = ".Shop.example",
                                             .kind = TLS_SAN_DNS },
                                     ip = { .exact = "::1", .kind = TLS_SAN_IP },
                                     any_ip = { .exact = "10.0.0.1" };
    static const struct {
        const struct tls_san_conf *rule;
        const char *san;
        bool good;
    } tries[] = {
        { &spiffe, "URI:spiffe://td/web", true },
        { &spiffe, "URI:spiffe://td/web2", false },
        { &spiffe, "URI:spiffe://td/we", false },
        { &spiffe, "DNS:x.example,URI:spiffe://td/web", true },
        { &spiffe, "URI:spiffe://td/web,URI:spiffe://td/admin", false },
        { &spiffe, "URI:spiffe://td/web,URI:https://a.example", false },
        { &spiffe, "URI:SPIFFE://td/web", false },
        { &spiffe, NULL, false },
        { &shop, "URI:spiffe://td/ns/shop/sa/a", true },
        { &shop, "URI:spiffe://td/ns/shopping/sa/a", false },
        { &shop, "URI:spiffe://td/ns/shop/../x", false },
        { &dns, "DNS:a.shop.example", true },
        { &dns, "DNS:A.SHOP.EXAMPLE", true },
        { &dns, "DNS:shop.example", false },
        { &dns, "URI:https://a.shop.example", false },
        { &dns, "email:me@a.shop.example", false },
        { &ip, "IP:0:0:0:0:0:0:0:1", true },
        { &ip, "DNS:localhost", false },
        { &any_ip, "IP:10.0.0.1", true },
        { &any_ip, "IP:10.0.0.2", false },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(tries); i++) {
        struct tls_server_conf conf = mtls;
        struct tlspeer_conf peer = { .client = true };
        char why[TLS_WHY_MAX];
        struct tls_ctx *ctx;
        struct tlsid id;
        struct tlsrig r;

        conf.allow_san =
            (struct conf_list){ (struct tls_san_conf *)(uintptr_t)tries[i].rule, 1 };
        ctx = tls_ctx_new_server(&conf, NULL, "in", why);
        assert_non_null(ctx);
        tlsid_make(&id, tries[i].san, &ca, -1, 1);
        peer.id = &id;
        tlsrig_run_server(&r, ctx, &peer);
        if (r.told != (tries[i].good ? TRANSPORT_CONNECTED : TRANSPORT_FAILED))
            fail_msg("try %zu: %s", i, tls_why(r.t));
        if (!tries[i].good)
            assert_int_equal(tls_refusal(r.t), TLS_REFUSAL_SAN);
        if (i == 1)
            assert_string_equal(tls_why(r.t), "no name of the client's certificate is in "
                                              "allowSan; its names are spiffe://td/web2");
        tlsrig_close(&r);
        tls_ctx_drop(ctx);
        tlsid_done(&id);
    }
}

static void
only_pinned_keys_are_let_in(void **state)
{
    struct tls_server_conf conf = mtls;
    struct tlsid good, other;
    char pin[64], next[64], why[TLS_WHY_MAX];
    struct tls_pin_conf pins[2] = { { next }, { pin } };
    struct tls_ctx *ctx;

    (void)state;
    tlsid_make(&good, "DNS:a.example", &ca, -1, 1);
    tlsid_make(&other, "DNS:a.example", &ca, -1, 1);
    tlsid_pin(&good, pin);
    tlsid_pin(&ca, next);
    conf.pins = (struct conf_list){ pins, 2 };
    ctx = tls_ctx_new_server(&conf, NULL, "in", why);
    assert_non_null(ctx);
    for (unsigned i = 0; i < 2; i++) {
        struct tlspeer_conf peer = { .client = true, .id = i ? &other : &good };
        struct tlsrig r;

        tlsrig_run_server(&r, ctx, &peer);
        assert_int_equal(tls_refusal(r.t), i ? TLS_REFUSAL_PIN : TLS_REFUSAL_NONE);
        assert_string_equal(tls_why(r.t),
                            i ? "the key of the client's certificate is none of the pins"
                              : "");
        tlsrig_close(&r);
    }
    tls_ctx_drop(ctx);
    tlsid_done(&good);
    tlsid_done(&other);
}

static void
revoked_certificates_are_refused(void **state)
{
    static const struct {
        bool revoked, other_ca;
        int from, to;
        enum tls_refusal refusal;
        const char *why;
    } lists[] = {
        { false, false, -1, 1, TLS_REFUSAL_NONE, "" },
        { true, false, -1, 1, TLS_REFUSAL_REVOKED, "was revoked by its CA" },
        { false, false, -9, -1, TLS_REFUSAL_CRL, "CRL has expired" },
        { false, true, -1, 1, TLS_REFUSAL_CRL, "unable to get certificate CRL" },
    };
    struct tls_server_conf conf = mtls;
    struct tlsid id;

    (void)state;
    conf.crl = crl_file;
    tlsid_make(&id, "DNS:a.example", &ca, -1, 1);
    for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
        struct tlspeer_conf peer = { .client = true, .id = &id };
        char why[TLS_WHY_MAX];
        struct tls_ctx *ctx;
        struct tlsrig r;

        tlscrl_save(lists[i].other_ca ? &other_ca : &ca,
                    lists[i].revoked ? id.cert : NULL, lists[i].from, lists[i].to,
                    crl_file);
        ctx = tls_ctx_new_server(&conf, NULL, "in", why);
        assert_non_null(ctx);
        tlsrig_run_server(&r, ctx, &peer);
        if (!strstr(tls_why(r.t), lists[i].why) || tls_refusal(r.t) != lists[i].refusal)
            fail_msg("list %zu: %s", i, tls_why(r.t));
        tlsrig_close(&r);
        tls_ctx_drop(ctx);
    }
    tlsid_done(&id);
}

/* The list of an intermediate says nothing about the intermediate itself. */
static void
each_ca_of_a_chain_needs_a_list(void **state)
{
    struct tls_server_conf conf = mtls;
    char why[TLS_WHY_MAX];
    struct tls_ctx *ctx;
    struct tlsrig r;
    struct tlsid id;
    struct tlspeer_conf peer = { .client = true, .id = &id, .above = &middle };

    (void)state;
    conf.crl = crl_file;
    tlsid_make(&id, "DNS:a.example", &middle, -1, 1);
    tlscrl_save(&middle, NULL, -1, 1, crl_file);
    ctx = tls_ctx_new_server(&conf, NULL, "in", why);
    assert_non_null(ctx);
    tlsrig_run_server(&r, ctx, &peer);
    assert_int_equal(tls_refusal(r.t), TLS_REFUSAL_CRL);
    tlsrig_close(&r);
    tls_ctx_drop(ctx);
    tlsid_done(&id);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(clients_are_let_in_by_their_certificate),
        cmocka_unit_test(long_chains_are_refused),
        cmocka_unit_test(only_allowed_names_are_let_in),
        cmocka_unit_test(only_pinned_keys_are_let_in),
        cmocka_unit_test(revoked_certificates_are_refused),
        cmocka_unit_test(each_ca_of_a_chain_needs_a_list),
    };

    return cmocka_run_group_tests(tests, tlsids_make, tlsids_drop);
}
