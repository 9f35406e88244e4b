/* SPDX-License-Identifier: Apache-2.0 */
/* Resumed sessions: where a ticket is good and where it is not, how long its key lives, and
 * the one session that a client of ours keeps. */
#include "unit.h"

#include <string.h>

#include "base/compat.h"
#include "base/err.h"
#include "tlsrig.h"

enum { HOUR_S = 3600, START_S = 1000 };

static struct tlsid ca, server, other;
static struct tls_server_conf plain, two;
static char paths[6][128];

static struct tls_ctx *
ctx_new(const struct tls_server_conf *conf, struct tls_tickets *tickets,
        const char *scope)
{
    char why[TLS_WHY_MAX];
    struct tls_ctx *ctx = tls_ctx_new_server(conf, tickets, scope, why);

    if (!ctx)
        fail_msg("%s", why);
    return ctx;
}

/* Connects; takes the newest session along. True: resumed, on both sides. */
static bool
visit(struct tls_ctx *ctx, const char *sni, int version, SSL_SESSION **session)
{
    struct tlspeer_conf conf = {
        .client = true, .sni = sni, .max_version = version, .session = *session
    };
    struct tlsrig r;
    bool resumed;

    tlsrig_run_server(&r, ctx, &conf);
    if (r.told != TRANSPORT_CONNECTED)
        fail_msg("%s", tls_why(r.t));
    resumed = tls_resumed(r.t);
    assert_int_equal(SSL_session_reused(r.peer.ssl), resumed);
    SSL_shutdown(r.peer.ssl); /* else OpenSSL takes the session for a broken one */
    if (r.peer.session) {
        SSL_SESSION_free(*session);
        *session = r.peer.session;
        r.peer.session = NULL;
    }
    tlsrig_close(&r);
    return resumed;
}

/* ---- where ---- */

static void
a_session_is_for_one_listener_and_name(void **state)
{
    static const struct {
        const char *scope_a, *scope_b, *sni_a, *sni_b;
        bool resumed;
    } rows[] = {
        { "in", "in", "a.example", "a.example", true },
        { "in", "in", "A.example", "a.example", true },
        { "in", "in", NULL, NULL, true },
        { "in", "in", "a.example", "b.example", false },
        { "in", "in", "a.example", NULL, false },
        { "in", "in", NULL, "a.example", false },
        { "in", "out", "a.example", "a.example", false },
        { "in", "in2", "a.example", "a.example", false },
        { "in", "out", NULL, NULL, false },
        { "in", "in", "nobody.test", "a.example", false },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        for (int v = TLS1_2_VERSION; v <= TLS1_3_VERSION; v++) {
            struct tls_tickets *t = tls_tickets_new(START_S);
            struct tls_ctx *a = ctx_new(&two, t, rows[i].scope_a);
            struct tls_ctx *b = ctx_new(&two, t, rows[i].scope_b);
            SSL_SESSION *session = NULL;

            assert_false(visit(a, rows[i].sni_a, v, &session));
            assert_non_null(session);
            if (visit(b, rows[i].sni_b, v, &session) != rows[i].resumed)
                fail_msg("row %zu, version %x", i, (unsigned)v);
            SSL_SESSION_free(session);
            tls_ctx_drop(a);
            tls_ctx_drop(b);
            tls_tickets_drop(t);
        }
}

static void
a_session_is_not_for_another_way_of_verifying(void **state)
{
    static const uint32_t modes[] = { TLS_CLIENT_CERT_OFF, TLS_CLIENT_CERT_OPTIONAL };
    struct tls_tickets *t = tls_tickets_new(START_S);

    (void)state;
    for (unsigned i = 0; i < 4; i++)
        for (int v = TLS1_2_VERSION; v <= TLS1_3_VERSION; v++) {
            struct tls_server_conf from = plain, to = plain;
            struct tls_ctx *a, *b;
            SSL_SESSION *session = NULL;

            from.client_cert = modes[i % 2];
            to.client_cert = modes[i / 2];
            if (from.client_cert)
                from.client_ca = paths[4];
            if (to.client_cert)
                to.client_ca = paths[4];
            a = ctx_new(&from, t, "in");
            b = ctx_new(&to, t, "in");
            assert_false(visit(a, NULL, v, &session));
            assert_int_equal(visit(b, NULL, v, &session), i == 0);
            SSL_SESSION_free(session);
            tls_ctx_drop(a);
            tls_ctx_drop(b);
        }
    tls_tickets_drop(t);
}

static void
tickets_are_given_only_where_they_are_wanted(void **state)
{
    struct tls_tickets *t = tls_tickets_new(START_S);

    (void)state;
    for (unsigned i = 0; i < 4; i++)
        for (int v = TLS1_2_VERSION; v <= TLS1_3_VERSION; v++) {
            struct tls_server_conf conf = plain;
            struct tlspeer_conf peer = { .client = true, .max_version = v };
            struct tls_ctx *ctx;
            struct tlsrig r;

            conf.session_tickets = i != 1;
            if (i == 3) {
                conf.client_cert = TLS_CLIENT_CERT_OPTIONAL;
                conf.client_ca = paths[4];
            }
            ctx = ctx_new(&conf, i == 2 ? NULL : t, "in");
            tlsrig_run_server(&r, ctx, &peer);
            assert_int_equal(r.told, TRANSPORT_CONNECTED);
            assert_int_equal(r.peer.session && SSL_SESSION_has_ticket(r.peer.session),
                             i == 0);
            tlsrig_close(&r);
            tls_ctx_drop(ctx);
        }
    tls_tickets_drop(t);
}

static void
two_contexts_of_one_listener_share_tickets(void **state)
{
    struct tls_tickets *t = tls_tickets_new(START_S),
                       *stranger = tls_tickets_new(START_S);
    struct tls_ctx *before = ctx_new(&plain, t, "in");
    struct tls_ctx *after = ctx_new(&plain, t, "in"); /* a reload */
    struct tls_ctx *elsewhere = ctx_new(&plain, stranger, "in");
    SSL_SESSION *session = NULL;

    (void)state;
    assert_false(visit(before, NULL, 0, &session));
    tls_ctx_drop(before);
    assert_true(visit(after, NULL, 0, &session));
    assert_false(visit(elsewhere, NULL, 0, &session));
    SSL_SESSION_free(session);
    tls_ctx_drop(after);
    tls_ctx_drop(elsewhere);
    tls_tickets_drop(t);
    tls_tickets_drop(stranger);
}

/* ---- how long ---- */

static void
keys_are_made_each_hour_and_kept_for_twelve(void **state)
{
    (void)state;
    for (int v = TLS1_2_VERSION; v <= TLS1_3_VERSION; v++) {
        struct tls_tickets *t = tls_tickets_new(START_S);
        struct tls_ctx *ctx = ctx_new(&plain, t, "in");
        SSL_SESSION *first = NULL, *copy;

        assert_false(visit(ctx, NULL, v, &first));
        for (int64_t s = 0; s < 12 * HOUR_S; s += 600) {
            tls_tickets_rotate(t, START_S + s);
            tls_tickets_rotate(t, START_S + s); /* as often as one likes */
            copy = SSL_SESSION_dup(first); /* a renewed ticket spoils the one before */
            if (!visit(ctx, NULL, v, &copy))
                fail_msg("version %x, after %d s", (unsigned)v, (int)s);
            SSL_SESSION_free(copy);
        }
        tls_tickets_rotate(t, START_S + 12 * HOUR_S);
        assert_false(visit(ctx, NULL, v, &first));
        assert_true(visit(ctx, NULL, v, &first));
        SSL_SESSION_free(first);
        tls_ctx_drop(ctx);
        tls_tickets_drop(t);
    }
}

static void
after_a_long_sleep_no_old_key_is_left(void **state)
{
    struct tls_tickets *t = tls_tickets_new(START_S);
    struct tls_ctx *ctx = ctx_new(&plain, t, "in");
    SSL_SESSION *session = NULL;

    (void)state;
    assert_false(visit(ctx, NULL, 0, &session));
    tls_tickets_rotate(t, START_S + 100 * HOUR_S);
    assert_false(visit(ctx, NULL, 0, &session));
    assert_true(visit(ctx, NULL, 0, &session));
    SSL_SESSION_free(session);
    tls_ctx_drop(ctx);
    tls_tickets_drop(t);
}

/* ---- a client of ours ---- */

/* The server of the test makes a context for each connection, so it gets fixed keys. */
static void
set_ticket_keys(struct tlsrig *r)
{
    unsigned char keys[80];

    memset(keys, 7, sizeof(keys));
    assert_int_equal(SSL_CTX_set_tlsext_ticket_keys(r->peer.ctx, keys, sizeof(keys)), 1);
}

static bool
call(struct tls_ctx *ctx, struct tls_session_slot *slot, const struct tlsid *id,
     int version, int *told)
{
    struct tlspeer_conf peer = { .id = id, .max_version = version };
    struct tlsrig r;
    bool resumed;

    tlsrig_open(&r, 65536, 0);
    r.eat = true;
    tlsrig_dial(&r, ctx, "a.example", slot, &peer);
    set_ticket_keys(&r);
    tlsrig_turns(&r, 20);
    resumed = tls_resumed(r.t);
    *told = r.told;
    if (r.told & TRANSPORT_CONNECTED)
        assert_true(tls_peer(r.t)->verified);
    tlsrig_close(&r);
    return resumed;
}

static void
a_client_keeps_the_newest_session_of_an_endpoint(void **state)
{
    struct tls_client_conf conf = { .ca = paths[4] };
    char why[TLS_WHY_MAX];

    (void)state;
    for (int v = TLS1_2_VERSION; v <= TLS1_3_VERSION; v++) {
        struct tls_ctx *ctx = tls_ctx_new_client(&conf, why);
        struct tls_ctx *next = tls_ctx_new_client(&conf, why);
        struct tls_session_slot slot = { 0 }, empty = { 0 };
        int told;

        assert_false(call(ctx, &slot, &server, v, &told));
        assert_non_null(slot.session);
        assert_true(call(ctx, &slot, &server, v, &told));
        assert_true(call(ctx, &slot, &server, v, &told));
        assert_false(call(ctx, NULL, &server, v, &told));
        assert_false(call(ctx, &empty, &server, v, &told));
        /* other rules may apply now: everything is verified again */
        assert_false(call(next, &slot, &server, v, &told));
        assert_true(call(next, &slot, &server, v, &told));
        tls_session_slot_done(&slot);
        tls_session_slot_done(&slot);
        tls_session_slot_done(&empty);
        assert_false(call(next, &slot, &server, v, &told));
        tls_session_slot_done(&slot);
        tls_ctx_drop(ctx);
        tls_ctx_drop(next);
    }
}

static void
a_failed_handshake_forgets_the_session(void **state)
{
    struct tls_client_conf conf = { .ca = paths[4] };
    struct tls_session_slot slot = { 0 };
    char why[TLS_WHY_MAX];
    struct tls_ctx *ctx = tls_ctx_new_client(&conf, why);
    int told;

    (void)state;
    assert_false(call(ctx, &slot, &server, 0, &told));
    assert_non_null(slot.session);
    {
        struct tlspeer_conf peer = { .id = &server, .no_alpn = true };
        struct tlsrig r;

        tlsrig_run_client(&r, ctx, "a.example", &slot, &peer);
        assert_int_equal(r.told, TRANSPORT_FAILED);
        tlsrig_close(&r);
    }
    assert_null(slot.session);
    tls_session_slot_done(&slot);
    tls_ctx_drop(ctx);
}

/* ---- group ---- */

static int
make_all(void **state)
{
    static struct tls_cert_conf more;
    static const char *const names[] = { "a.crt", "a.key", "b.crt", "b.key", "ca.crt" };

    if (tlsrig_make_dir(state) != 0)
        return -1;
    tlsid_make(&ca, NULL, NULL, -1, 30);
    tlsid_make(&server, "DNS:a.example", &ca, -1, 30);
    tlsid_make(&other, "DNS:b.example", &ca, -1, 30);
    tlsrig_save(&server, "a");
    tlsrig_save(&other, "b");
    tlsrig_save(&ca, "ca");
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        tlsrig_path_copy(paths[i], names[i]);
    plain = (struct tls_server_conf){ .cert = paths[0],
                                      .key = paths[1],
                                      .session_tickets = true };
    more = (struct tls_cert_conf){ paths[2], paths[3] };
    two = plain;
    two.certificates = (struct conf_list){ &more, 1 };
    return 0;
}

static int
drop_all(void **state)
{
    tlsid_done(&ca);
    tlsid_done(&server);
    tlsid_done(&other);
    return tlsrig_drop_dir(state);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_session_is_for_one_listener_and_name),
        cmocka_unit_test(a_session_is_not_for_another_way_of_verifying),
        cmocka_unit_test(tickets_are_given_only_where_they_are_wanted),
        cmocka_unit_test(two_contexts_of_one_listener_share_tickets),
        cmocka_unit_test(keys_are_made_each_hour_and_kept_for_twelve),
        cmocka_unit_test(after_a_long_sleep_no_old_key_is_left),
        cmocka_unit_test(a_client_keeps_the_newest_session_of_an_endpoint),
        cmocka_unit_test(a_failed_handshake_forgets_the_session),
    };

    return cmocka_run_group_tests(tests, make_all, drop_all);
}
