/* SPDX-License-Identifier: Apache-2.0 */
/* The first bytes of a client: HTTP/2, HTTP/1, TLS, or something else; and the first bytes of a backend. */
#include "h2test.h"

static const char magic[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

static struct rig_conn *
say(const void *bytes, size_t n)
{
    struct rig_conn *c = rig_connect(&rig, H2_DOWN, ROOM, 0);

    c->peer->raw = true;
    h2peer_bytes(c->peer, bytes, n);
    rig_run(&rig);
    return c;
}

/* One rig per attempt: a connection object of the rig is used once. */
static void
again(void)
{
    rig_close(&rig);
    rig_open(&rig);
}

static void
every_http1_method_gets_a_whole_http1_answer(void **state)
{
    static const char *const methods[] = { "GET",   "POST",   "PUT",
                                           "HEAD",  "DELETE", "OPTIONS",
                                           "PATCH", "TRACE",  "CONNECT" };

    (void)state;
    for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
        char text[128];
        struct rig_conn *c;
        const char *body, *length;

        snprintf(text, sizeof(text), "%s / HTTP/1.1\r\nhost: x\r\n\r\n", methods[i]);
        c = say(text, strlen(text));
        assert_int_equal(c->closes, 1);
        assert_int_equal(c->err, ERR_NOT_HTTP2);
        assert_int_equal(rig_stat(&rig, STAT_BAD_PROTOCOL_HTTP1), 1);
        c->peer->in[c->peer->in_len] = '\0';
        assert_memory_equal(c->peer->in, "HTTP/1.1 400 ", 13);
        length = strstr((char *)c->peer->in, "content-length: ");
        body = strstr((char *)c->peer->in, "\r\n\r\n");
        assert_non_null(length);
        assert_non_null(body);
        assert_int_equal(strtol(length + 16, NULL, 10), strlen(body + 4));
        assert_true(c->peer->eof);
        again();
    }
}

static void
http1_is_known_however_it_is_cut(void **state)
{
    static const char text[] = "OPTIONS * HTTP/1.1\r\n\r\n";

    (void)state;
    for (size_t cut = 1; cut < sizeof(text) - 1; cut++) {
        struct rig_conn *c = say(text, cut);

        h2peer_bytes(c->peer, text + cut, sizeof(text) - 1 - cut);
        rig_run(&rig);
        assert_int_equal(c->err, ERR_NOT_HTTP2);
        assert_int_equal(rig_stat(&rig, STAT_BAD_PROTOCOL_HTTP1), 1);
        assert_memory_equal(c->peer->in, "HTTP/1.1 400 ", 13);
        again();
    }
}

static void
tls_is_closed_without_a_word(void **state)
{
    static const uint8_t hello[] = { 0x16, 3, 1, 0, 200, 1, 0, 0, 196, 3, 3 };
    struct rig_conn *c = say(hello, 1);

    (void)state;
    h2peer_bytes(c->peer, hello + 1, sizeof(hello) - 1);
    rig_run(&rig);
    assert_int_equal(c->err, ERR_NOT_HTTP2);
    assert_int_equal(rig_stat(&rig, STAT_BAD_PROTOCOL_TLS), 1);
    assert_int_equal(c->peer->in_len, 0);
    assert_true(c->peer->eof);
}

static void
garbage_is_closed_at_its_first_wrong_byte(void **state)
{
    (void)state;
    for (int byte = 0; byte < 256; byte++) {
        uint8_t b = (uint8_t)byte;
        struct rig_conn *c;

        if ((byte >= 'A' && byte <= 'Z') || byte == 0x16)
            continue;
        c = say(&b, 1);
        assert_int_equal(c->err, ERR_NOT_HTTP2);
        assert_int_equal(rig_stat(&rig, STAT_BAD_PROTOCOL_OTHER), 1);
        again();
    }
}

static void
a_preface_broken_at_any_byte_never_starts_a_session(void **state)
{
    (void)state;
    for (size_t at = 0; at < 24; at++) {
        char text[24];
        struct rig_conn *c;

        memcpy(text, magic, 24);
        text[at] ^= 1;
        c = say(text, 24);
        assert_int_equal(c->err, ERR_NOT_HTTP2);
        assert_int_equal(c->peer->in_len, 0);
        again();
    }
}

static void
a_preface_cut_anywhere_starts_a_session(void **state)
{
    (void)state;
    for (size_t cut = 1; cut <= 24; cut++) {
        struct rig_conn *c = rig_connect(&rig, H2_DOWN, ROOM, 0);

        h2peer_bytes(c->peer, magic, cut);
        rig_run(&rig);
        assert_int_equal(h2peer_count(c->peer, F_SETTINGS, 0), cut == 24);
        h2peer_bytes(c->peer, magic + cut, 24 - cut);
        h2peer_settings(c->peer, 0);
        h2peer_call(c->peer, 1, FL_END_STREAM);
        rig_run(&rig);
        assert_non_null(c->h2);
        assert_true(h2_conn_settled(c->h2));
        assert_int_equal(c->opens, 1);
        again();
    }
}

static void
capital_letters_that_are_no_method_end_at_eight_bytes(void **state)
{
    struct rig_conn *c = say("SSHSSHS", 7);

    (void)state;
    assert_int_equal(c->closes, 0);
    h2peer_bytes(c->peer, "H", 1);
    rig_run(&rig);
    assert_int_equal(c->err, ERR_NOT_HTTP2);
    assert_int_equal(rig_stat(&rig, STAT_BAD_PROTOCOL_OTHER), 1);
}

static void
a_silent_client_is_closed_after_the_handshake_time(void **state)
{
    struct rig_conn *c = say(magic, 23);

    (void)state;
    rig_wait_ms(&rig, 9900);
    assert_int_equal(c->closes, 0);
    rig_wait_ms(&rig, 700);
    assert_int_equal(c->closes, 1);
    assert_int_equal(c->err, ERR_HANDSHAKE_TIMEOUT);
    assert_int_equal(rig_stat(&rig, STAT_HANDSHAKE_TIMEOUTS), 1);
}

static void
a_client_that_hangs_up_before_the_preface_is_no_error_of_protocol(void **state)
{
    struct rig_conn *c = say(magic, 10);

    (void)state;
    h2peer_hang_up(c->peer);
    rig_run(&rig);
    assert_int_equal(c->err, ERR_CONN_LOST);
    assert_int_equal(rig_stat(&rig, STAT_BAD_PROTOCOL_OTHER), 0);
}

static void
no_settings_behind_the_preface_is_a_handshake_timeout(void **state)
{
    struct rig_conn *c = rig_connect(&rig, H2_DOWN, ROOM, 0);

    (void)state;
    c->peer->ack_settings = false;
    h2peer_preface(c->peer);
    rig_wait_ms(&rig, 10600);
    assert_int_equal(c->err, ERR_HANDSHAKE_TIMEOUT);
    assert_int_equal(h2peer_goaway_code(c->peer), 4); /* SETTINGS_TIMEOUT */
}

static void
settings_that_are_never_acked_end_the_connection(void **state)
{
    struct rig_conn *c = rig_connect(&rig, H2_DOWN, ROOM, 0);

    (void)state;
    c->peer->ack_settings = false;
    rig_greet(&rig, H2_DOWN);
    h2peer_call(c->peer, 1, FL_END_STREAM);
    rig_wait_ms(&rig, 9900);
    assert_int_equal(c->closes, 0);
    rig_wait_ms(&rig, 700);
    assert_int_equal(c->err, ERR_HANDSHAKE_TIMEOUT);
    assert_int_equal(h2peer_goaway_code(c->peer), 4);
    assert_int_equal(rig_stream(&rig, H2_DOWN, 1)->s.close_err, ERR_HANDSHAKE_TIMEOUT);
}

static void
the_server_speaks_first_only_after_the_preface(void **state)
{
    struct rig_conn *c = rig_connect(&rig, H2_DOWN, ROOM, 0);
    const struct peer_frame *f;

    (void)state;
    rig_run(&rig);
    assert_int_equal(c->peer->in_len, 0);
    h2peer_preface(
        c->peer); /* some clients wait for our SETTINGS before they send theirs */
    rig_run(&rig);
    f = h2peer_find(c->peer, F_ANY, -1, 0);
    assert_non_null(f);
    assert_int_equal(f->type, F_SETTINGS);
    assert_int_equal(f->flags, 0);
}

/* ---- backends ---- */

static void
a_backend_that_speaks_http1_is_named_by_its_first_bytes(void **state)
{
    static const char text[] = "HTTP/1.1 400 Bad Request\r\nconnection: close\r\n\r\n";

    (void)state;
    for (size_t step = 0; step < 12; step += 11) {
        struct rig_conn *c = rig_connect(&rig, H2_UP, ROOM, step);
        struct rig_stream *s = rig_request(&rig, true);

        c->peer->raw = true;
        rig_run(&rig);
        h2peer_bytes(c->peer, text, sizeof(text) - 1);
        rig_run(&rig);
        assert_int_equal(c->err, ERR_NOT_HTTP2);
        assert_non_null(strstr(c->note, "HTTP/1.1"));
        assert_int_equal(s->s.close_err, ERR_NOT_HTTP2);
        again();
    }
}

static void
strange_bytes_of_a_backend_are_shown_as_dots(void **state)
{
    struct rig_conn *c = rig_connect(&rig, H2_UP, ROOM, 0);

    (void)state;
    c->peer->raw = true;
    h2peer_bytes(c->peer, "\x15\x03\x01\x00\x02\x02\x46\n\"%s", 11);
    rig_run(&rig);
    h2peer_hang_up(c->peer);
    rig_run(&rig);
    assert_int_equal(c->closes, 1);
    for (const char *p = c->note; *p; p++)
        assert_true(*p >= 0x20 && *p < 0x7f);
}

static void
a_backend_that_accepts_and_hangs_up_is_lost(void **state)
{
    struct rig_conn *c = rig_connect(&rig, H2_UP, ROOM, 0);

    (void)state;
    rig_run(&rig);
    h2peer_hang_up(c->peer);
    rig_run(&rig);
    assert_int_equal(c->err, ERR_CONN_LOST);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        H2_TEST(every_http1_method_gets_a_whole_http1_answer),
        H2_TEST(http1_is_known_however_it_is_cut),
        H2_TEST(tls_is_closed_without_a_word),
        H2_TEST(garbage_is_closed_at_its_first_wrong_byte),
        H2_TEST(a_preface_broken_at_any_byte_never_starts_a_session),
        H2_TEST(a_preface_cut_anywhere_starts_a_session),
        H2_TEST(capital_letters_that_are_no_method_end_at_eight_bytes),
        H2_TEST(a_silent_client_is_closed_after_the_handshake_time),
        H2_TEST(a_client_that_hangs_up_before_the_preface_is_no_error_of_protocol),
        H2_TEST(no_settings_behind_the_preface_is_a_handshake_timeout),
        H2_TEST(settings_that_are_never_acked_end_the_connection),
        H2_TEST(the_server_speaks_first_only_after_the_preface),
        H2_TEST(a_backend_that_speaks_http1_is_named_by_its_first_bytes),
        H2_TEST(strange_bytes_of_a_backend_are_shown_as_dots),
        H2_TEST(a_backend_that_accepts_and_hangs_up_is_lost),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
