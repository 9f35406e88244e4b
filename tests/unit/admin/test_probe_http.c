/* SPDX-License-Identifier: Apache-2.0 */
/* Heads of requests to the probe port, good and bad, whole and cut. */
#include "admin/probe_http.h"

#include <string.h>

#include "unit.h"

#include "base/compat.h"
#include "base/err.h"
#include "base/strbuf.h"

static int
parse(const char *text, struct probe_request *r)
{
    return probe_request_parse(text, strlen(text), r);
}

static void
the_first_bytes_tell_the_protocol(void **state)
{
    static const struct {
        const char *bytes;
        enum probe_protocol spoken;
    } rows[] = {
        { "", PROBE_UNDECIDED },   { "P", PROBE_UNDECIDED },   { "PR", PROBE_UNDECIDED },
        { "PRI", PROBE_HTTP2 },    { "PRI * H", PROBE_HTTP2 }, { "PU", PROBE_HTTP1 },
        { "PRO", PROBE_HTTP1 },    { "G", PROBE_HTTP1 },       { "\x16", PROBE_TLS },
        { "\x16\x03", PROBE_TLS }, { "\n", PROBE_HTTP1 },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        assert_int_equal(probe_sniff(rows[i].bytes, strlen(rows[i].bytes)),
                         rows[i].spoken);
}

static void
a_head_is_read_whole_and_no_byte_further(void **state)
{
    const char *text = "GET /readyz?verbose=1 HTTP/1.1\r\nHost: x\r\naccept:\t a/b \r\n"
                       "ACCEPT-ENCODING: gzip\r\n\r\nGET /next";
    struct probe_request r;

    (void)state;
    assert_int_equal(parse(text, &r), ERR_OK);
    assert_true(r.get && !r.head && r.keep && !r.body);
    assert_true(slice_eq_str(r.path, "/readyz"));
    assert_true(slice_eq_str(r.query, "verbose=1"));
    assert_true(slice_eq_str(r.accept, "a/b"));
    assert_true(slice_eq_str(r.accept_encoding, "gzip"));
    assert_string_equal(text + r.size, "GET /next");
    for (size_t n = 0; n < r.size; n++) {
        struct probe_request none;

        assert_int_equal(probe_request_parse(text, n, &none), ERR_AGAIN);
    }
}

static void
what_the_client_says_of_its_connection_holds(void **state)
{
    static const struct {
        const char *text;
        bool keep, body;
    } rows[] = {
        { "GET / HTTP/1.1\n\n", true, false },
        { "GET / HTTP/1.0\r\n\r\n", false, false },
        { "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", false, false },
        { "GET / HTTP/1.1\r\nConnection: TE , Close\r\n\r\n", false, false },
        { "GET / HTTP/1.1\r\nConnection: closed\r\n\r\n", true, false },
        { "GET / HTTP/1.1\r\nContent-Length: 0\r\n\r\n", true, false },
        { "GET / HTTP/1.1\r\nContent-Length: 1\r\n\r\n", true, true },
        { "GET / HTTP/1.1\r\nContent-Length: 0\r\nContent-Length: 7\r\n\r\n", true,
          true },
        { "GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", true, true },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct probe_request r;

        assert_int_equal(parse(rows[i].text, &r), ERR_OK);
        assert_int_equal(r.keep, rows[i].keep);
        assert_int_equal(r.body, rows[i].body);
    }
}

static void
an_address_with_a_host_means_its_path(void **state)
{
    struct probe_request r;

    (void)state;
    assert_int_equal(parse("HEAD http://10.0.0.1:9902/livez HTTP/1.1\r\n\r\n", &r),
                     ERR_OK);
    assert_true(r.head && slice_eq_str(r.path, "/livez") && r.query.n == 0);
    assert_int_equal(parse("GET http://10.0.0.1 HTTP/1.1\r\n\r\n", &r), ERR_SYNTAX);
}

static void
what_is_no_head_is_refused_at_its_line(void **state)
{
    static const char *const bad[] = {
        "\n",
        "GET\n",
        "GET /\n",
        "GET  / HTTP/1.1\n",
        "GET / HTTP/1.1 \n",
        "GET / http/1.1\n",
        "GET / HTTP/2.0\n",
        "GET livez HTTP/1.1\n",
        "GET * HTTP/1.1\n",
        "GET /\x7f HTTP/1.1\n",
        "GET /\xc3\xa9 HTTP/1.1\n",
        "G(T / HTTP/1.1\n",
        " GET / HTTP/1.1\n",
        "GET / HTTP/1.1\r\n folded: 1\r\n",
        "GET / HTTP/1.1\r\nno colon\r\n",
        "GET / HTTP/1.1\r\n: empty\r\n",
        "GET / HTTP/1.1\r\nname : blank\r\n",
        "GET / HTTP/1.1\r\nname: \001\r\n",
        "GET / HTTP/1.1\r\nname: a\rb\r\n",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct probe_request r;

        if (parse(bad[i], &r) != ERR_SYNTAX)
            fail_msg("row %zu was not refused", i);
    }
}

static void
a_head_that_is_too_long_is_refused_when_it_is(void **state)
{
    static char text[PROBE_HEAD_MAX + 100];
    struct probe_request r;

    (void)state;
    memset(text, 'x', sizeof(text));
    memcpy(text, "GET /", 5);
    assert_int_equal(probe_request_parse(text, PROBE_HEAD_MAX - 1, &r), ERR_AGAIN);
    assert_int_equal(probe_request_parse(text, PROBE_HEAD_MAX, &r), ERR_LIMIT);
    assert_int_equal(probe_request_parse(text, sizeof(text), &r), ERR_LIMIT);
    /* The last byte that may be is the last of the head. */
    memcpy(text + PROBE_HEAD_MAX - 13, " HTTP/1.1\r\n\r\n", 13);
    assert_int_equal(probe_request_parse(text, sizeof(text), &r), ERR_OK);
    assert_int_equal(r.size, PROBE_HEAD_MAX);
}

static void
an_answers_head_has_its_length_and_says_what_follows(void **state)
{
    struct strbuf out;

    (void)state;
    strbuf_init(&out, 1000);
    probe_answer_head(&out, 503, "text/plain", "gzip", 12, false, "Retry-After: 1\r\n");
    assert_string_equal(out.s, "HTTP/1.1 503 Service Unavailable\r\n"
                               "Content-Type: text/plain\r\nContent-Length: 12\r\n"
                               "Cache-Control: no-store\r\n"
                               "X-Content-Type-Options: nosniff\r\n"
                               "Content-Encoding: gzip\r\n"
                               "Connection: close\r\nRetry-After: 1\r\n\r\n");
    strbuf_done(&out);
}

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_bytes_tell_the_protocol),
        cmocka_unit_test(a_head_is_read_whole_and_no_byte_further),
        cmocka_unit_test(what_the_client_says_of_its_connection_holds),
        cmocka_unit_test(an_address_with_a_host_means_its_path),
        cmocka_unit_test(what_is_no_head_is_refused_at_its_line),
        cmocka_unit_test(a_head_that_is_too_long_is_refused_when_it_is),
        cmocka_unit_test(an_answers_head_has_its_length_and_says_what_follows),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
