/* SPDX-License-Identifier: Apache-2.0 */
/* The public field numbers of channelz: what requests say, and what stands in each object of an answer. */
#include "grpc/channelz.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <netinet/tcp.h>

#include "base/err.h"
#include "base/strbuf.h"
#include "net/addr.h"
#include "pbtest.h"

#define NO_TIME(tag) EMPTY(tag)

static struct strbuf out;

static int
setup(void **state)
{
    (void)state;
    pb_reset();
    strbuf_init(&out, 1 << 20);
    return 0;
}

static int
teardown(void **state)
{
    (void)state;
    strbuf_done(&out);
    return 0;
}

static void
expect_out(struct slice want)
{
    assert_int_equal(out.len, want.n);
    assert_memory_equal(out.s, want.p, want.n);
    assert_false(out.cut);
}

static struct addr
addr_of(const char *text)
{
    struct addr a;
    const char *why;

    assert_int_equal(addr_parse(text, false, &a, &why), ERR_OK);
    return a;
}

/* --- ids and requests ------------------------------------------------------------------ */

static void
ids_tell_the_kind_and_are_never_0(void **state)
{
    (void)state;
    for (unsigned kind = CHANNELZ_CHANNEL; kind <= CHANNELZ_SOCKET; kind++) {
        static const uint64_t numbers[] = { 1, 2, 77, UINT64_C(1) << 60 };

        for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
            int64_t id = channelz_id((enum channelz_kind)kind, numbers[i]);

            assert_true(id > 0);
            assert_int_equal(channelz_id_kind(id), kind);
            assert_int_equal(channelz_id_number(id), numbers[i]);
        }
    }
}

static void
requests_are_three_numbers(void **state)
{
    int64_t f[3];

    (void)state;
    assert_int_equal(channelz_request_decode(slice_of(""), f), ERR_OK);
    assert_true(f[0] == 0 && f[1] == 0 && f[2] == 0);
    assert_int_equal(
        channelz_request_decode(JOIN(NUMBER(1, 5), NUMBER(2, 7), NUMBER(3, 100)), f),
        ERR_OK);
    assert_true(f[0] == 5 && f[1] == 7 && f[2] == 100);
    /* What a newer client adds is not looked at. */
    assert_int_equal(
        channelz_request_decode(JOIN(NUMBER(9, 1), NUMBER(1, (uint64_t)-3)), f), ERR_OK);
    assert_int_equal(f[0], -3);
    assert_int_equal(channelz_request_decode(slice_make("\x08\xff", 2), f), ERR_SYNTAX);
}

/* --- objects --------------------------------------------------------------------------- */

static void
a_channel(void **state)
{
    const struct channelz_ref subs[] = { { 9, "10.0.0.1:80" }, { 13, "10.0.0.2:80" } };
    const struct channelz_channel c = {
        .ref = { 4, "app" },
        .state = CHANNELZ_READY,
        .target = "dns:///app",
        .calls = { 30, 20, 9, INT64_C(1700000001500000) },
        .created_us = INT64_C(1700000000000000),
        .why = "",
        .refs = subs,
        .n = 2,
    };

    (void)state;
    channelz_put_channel(&c, &out);
    expect_out(M(1, M(1, NUMBER(1, 4), TEXT(2, "app")),
                 M(2, M(1, NUMBER(1, 3)), TEXT(2, "dns:///app"),
                   M(3, M(2, NUMBER(1, 1700000000))), NUMBER(4, 30), NUMBER(5, 20),
                   NUMBER(6, 9), M(7, NUMBER(1, 1700000001), NUMBER(2, 500000000))),
                 M(4, NUMBER(7, 9), TEXT(8, "10.0.0.1:80")),
                 M(4, NUMBER(7, 13), TEXT(8, "10.0.0.2:80"))));
}

static void
a_subchannel_that_failed(void **state)
{
    const struct channelz_ref sockets[] = { { 7, "a" } };
    const struct channelz_channel c = {
        .ref = { 9, "10.0.0.1:80" },
        .state = CHANNELZ_TRANSIENT_FAILURE,
        .target = "10.0.0.1:80",
        .why = "Connection refused",
        .since_us = 2000000,
        .refs = sockets,
        .n = 1,
    };

    (void)state;
    channelz_put_subchannel(&c, &out);
    /* Unknown times are there, and empty. */
    expect_out(
        M(1, M(1, NUMBER(7, 9), TEXT(8, "10.0.0.1:80")),
          M(2, M(1, NUMBER(1, 4)), TEXT(2, "10.0.0.1:80"),
            M(3, NUMBER(1, 1), NO_TIME(2),
              M(3, TEXT(1, "Connection refused"), NUMBER(2, 2), M(3, NUMBER(1, 2)))),
            NO_TIME(7)),
          M(5, NUMBER(3, 7), TEXT(4, "a"))));
}

static void
a_server_with_and_without_its_socket(void **state)
{
    struct channelz_server s = {
        .ref = { 6, "in" },
        .listen = { 23, "0.0.0.0:80" },
        .calls = { 3, 2, 1, 0 },
    };
    struct slice data, ref;

    (void)state;
    channelz_put_server(&s, &out);
    s.listen.id = 0;
    channelz_put_server(&s, &out);
    channelz_put_end(&out);
    ref = M(1, NUMBER(5, 6), TEXT(6, "in"));
    data = M(2, NUMBER(2, 3), NUMBER(3, 2), NUMBER(4, 1), NO_TIME(5));
    expect_out(JOIN(M(1, ref, data, M(3, NUMBER(3, 23), TEXT(4, "0.0.0.0:80"))),
                    M(1, ref, data), NUMBER(2, 1)));
}

static struct slice
data_of(struct slice counters, uint64_t local, uint64_t remote, struct slice option)
{
    struct slice times = JOIN(NO_TIME(7), NO_TIME(8), NO_TIME(9), NO_TIME(10));

    return M(2, counters, times, M(11, NUMBER(1, local)), M(12, NUMBER(1, remote)),
             option);
}

static void
a_socket_with_tls(void **state)
{
    struct addr local = addr_of("10.0.0.1:80"), remote = addr_of("[2001:db8::1]:5000");
    static const uint8_t v6[16] = { 0x20, 1, 0x0d, 0xb8, [15] = 1 };
    struct channelz_socket s = {
        .ref = { 15, "[2001:db8::1]:5000" },
        .local = &local,
        .remote = &remote,
        .remote_name = "app.test",
        .streams = 10,
        .succeeded = 7,
        .failed = 2,
        .keepalives = 4,
        .local_window = 100,
        .remote_window = 200,
        .cipher = "TLS_AES_128_GCM_SHA256",
        .cipher_standard = true,
        .remote_cert = slice_make("\x30\x00", 2),
    };
    struct slice rest, cert, names[2];

    (void)state;
    channelz_put_socket(&s, &out);
    s.cipher_standard = false;
    channelz_put_socket(&s, &out);
    rest = JOIN(M(1, NUMBER(3, 15), TEXT(4, "[2001:db8::1]:5000")),
                data_of(JOIN(NUMBER(1, 10), NUMBER(2, 7), NUMBER(3, 2), NUMBER(6, 4)),
                        100, 200, slice_of("")),
                M(3, M(1, BYTES_FIELD(1, slice_make("\x0a\0\0\1", 4)), NUMBER(2, 80))),
                M(4, M(1, BYTES_FIELD(1, slice_make(v6, 16)), NUMBER(2, 5000))));
    cert = BYTES_FIELD(4, slice_make("\x30\x00", 2));
    names[0] = TEXT(1, "TLS_AES_128_GCM_SHA256");
    names[1] = TEXT(2, "TLS_AES_128_GCM_SHA256");
    expect_out(JOIN(M(1, rest, M(5, M(1, names[0], cert)), TEXT(6, "app.test")),
                    M(1, rest, M(5, M(1, names[1], cert)), TEXT(6, "app.test"))));
}

static void
a_unix_socket_and_one_that_listens(void **state)
{
    struct addr path = addr_of("unix:/run/a.sock"), none = { 0 };
    const struct channelz_socket s = {
        .ref = { 15, "unix:/run/a.sock" },
        .local = &path,
        .remote = &none,
        .remote_name = "",
    };

    (void)state;
    channelz_put_socket(&s, &out);
    expect_out(M(
        1, M(1, NUMBER(3, 15), TEXT(4, "unix:/run/a.sock")),
        JOIN(M(2, NO_TIME(7), NO_TIME(8), NO_TIME(9), NO_TIME(10), EMPTY(11), EMPTY(12))),
        M(3, M(2, TEXT(1, "/run/a.sock")))));
}

static void
tcp_info_is_an_any_with_words(void **state)
{
    const struct tcp_info tcp = { .tcpi_state = 1,
                                  .tcpi_rto = 204000,
                                  .tcpi_snd_mss = 1448,
                                  .tcpi_rtt = 300,
                                  .tcpi_rttvar = 150,
                                  .tcpi_snd_cwnd = 10,
                                  .tcpi_reordering = 3,
                                  .tcpi_total_retrans = 2 };
    const struct channelz_socket s = { .ref = { 15, "" },
                                       .remote_name = "",
                                       .tcp = &tcp };

    (void)state;
    channelz_put_socket(&s, &out);
    expect_out(M(
        1, M(1, NUMBER(3, 15)),
        M(2, NO_TIME(7), NO_TIME(8), NO_TIME(9), NO_TIME(10), EMPTY(11), EMPTY(12),
          M(13, TEXT(1, "TCP_INFO"),
            TEXT(2,
                 "rtt 300 us, rttvar 150 us, rto 204000 us, cwnd 10, unacked 0, lost 0, "
                 "retrans 2, mss 1448"),
            M(3, TEXT(1, "type.googleapis.com/grpc.channelz.v1.SocketOptionTcpInfo"),
              M(2, NUMBER(1, 1), NUMBER(9, 204000), NUMBER(11, 1448), NUMBER(24, 300),
                NUMBER(25, 150), NUMBER(27, 10), NUMBER(29, 3)))))));
}

static void
a_text_that_is_not_utf8_is_left_out(void **state)
{
    const struct channelz_ref r = { 3, "caf\xe9" };

    (void)state;
    channelz_put_socket_ref(&r, &out);
    expect_out(M(1, NUMBER(3, 3)));
}

static void
what_passes_the_cap_is_told(void **state)
{
    const struct channelz_ref r = { 3, "0123456789" };
    struct strbuf small;

    (void)state;
    strbuf_init(&small, 8);
    channelz_put_socket_ref(&r, &small);
    assert_true(small.cut);
    strbuf_done(&small);
}

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(ids_tell_the_kind_and_are_never_0, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(requests_are_three_numbers, setup, teardown),
        cmocka_unit_test_setup_teardown(a_channel, setup, teardown),
        cmocka_unit_test_setup_teardown(a_subchannel_that_failed, setup, teardown),
        cmocka_unit_test_setup_teardown(a_server_with_and_without_its_socket, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_socket_with_tls, setup, teardown),
        cmocka_unit_test_setup_teardown(a_unix_socket_and_one_that_listens, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(tcp_info_is_an_any_with_words, setup, teardown),
        cmocka_unit_test_setup_teardown(a_text_that_is_not_utf8_is_left_out, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(what_passes_the_cap_is_told, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
