/* SPDX-License-Identifier: Apache-2.0 */
/* Received header blocks: tokens, limits, illegal fields, bombs; and which fields are never put in a table. */
#include "h2test.h"

#include "base/compat.h"
#include "h2/conn_int.h"

static void
tokens_are_found_by_exact_name(void **state)
{
    static const struct {
        const char *name;
        enum h2_token token;
    } rows[] = {
        { ":method", H2_TOKEN_METHOD },
        { ":scheme", H2_TOKEN_SCHEME },
        { ":path", H2_TOKEN_PATH },
        { ":authority", H2_TOKEN_AUTHORITY },
        { ":status", H2_TOKEN_STATUS },
        { "te", H2_TOKEN_TE },
        { "host", H2_TOKEN_HOST },
        { "content-type", H2_TOKEN_CONTENT_TYPE },
        { "content-length", H2_TOKEN_CONTENT_LENGTH },
        { "grpc-timeout", H2_TOKEN_GRPC_TIMEOUT },
        { "grpc-status", H2_TOKEN_GRPC_STATUS },
        { "grpc-message", H2_TOKEN_GRPC_MESSAGE },
        { "http2-settings", H2_TOKEN_OF_HOP },
        { "http2-setting", H2_TOKEN_OTHER },
        { "traceparent", H2_TOKEN_ONE_OFF },
        { "tracestate", H2_TOKEN_ONE_OFF },
        { "b3", H2_TOKEN_ONE_OFF },
        { "x-b3-traceid", H2_TOKEN_ONE_OFF },
        { "x-b3-spanid", H2_TOKEN_ONE_OFF },
        { "x-b3-sampled", H2_TOKEN_B3_HINT },
        { "x-b3-flags", H2_TOKEN_B3_HINT },
        { "x-request-id", H2_TOKEN_ONE_OFF },
        { "grpc-status-details-bin", H2_TOKEN_ONE_OFF },
        { "", H2_TOKEN_OTHER },
        { "t", H2_TOKEN_OTHER },
        { "grpc-statuz", H2_TOKEN_OTHER },
        { "grpc-statu", H2_TOKEN_OTHER },
        { "grpc-status-", H2_TOKEN_OTHER },
        { "user-agent", H2_TOKEN_OTHER },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        assert_int_equal(
            h2_token_find((const uint8_t *)rows[i].name, strlen(rows[i].name)),
            rows[i].token);
}

static void
first_and_twice_are_noted(void **state)
{
    struct h2peer *p = down_ready();
    const struct h2_headers *h;

    (void)state;
    h2peer_headers(p, 1, FL_END_STREAM, ":method", "POST", ":scheme", "http", ":path",
                   "/a/b", ":authority", "x", "grpc-timeout", "1S", "x", "y",
                   "grpc-timeout", "2S", "host", "x", NULL);
    rig_run(&rig);
    h = &rig_stream(&rig, H2_DOWN, 1)->s.in_headers;
    assert_true(slice_eq_str(h2_headers_get(h, H2_TOKEN_GRPC_TIMEOUT), "1S"));
    assert_true(h2_headers_has_twice(h, H2_TOKEN_GRPC_TIMEOUT));
    assert_false(h2_headers_has_twice(h, H2_TOKEN_HOST));
    assert_null(h2_headers_get(h, H2_TOKEN_TE).p);
    assert_int_equal(h->n, 8);
}

/* name + value + 32 for each field; exactly at the limit is fine, one byte more is over. */
static void
header_bytes_are_limited_exactly(void **state)
{
    (void)state;
    for (int extra = 0; extra < 2; extra++) {
        struct h2peer *p = down_ready();
        static char value[20000];
        size_t used =
            (7 + 4 + 32) + (7 + 4 + 32) + (5 + 4 + 32) + (10 + 1 + 32) + (5 + 32);
        struct rig_stream *s;

        memset(value, 'v', sizeof(value));
        value[16384 - used + (size_t)extra] = '\0';
        h2peer_headers(p, 1, FL_END_STREAM, ":method", "POST", ":scheme", "http", ":path",
                       "/a/b", ":authority", "x", "x-big", value, NULL);
        rig_run(&rig);
        s = rig_stream(&rig, H2_DOWN, 1);
        assert_int_equal(s->seen, H2_EV_HEADERS | H2_EV_END);
        assert_int_equal(s->s.in_headers.over, extra == 1);
        assert_int_equal(s->s.in_headers.n, extra == 1 ? 4 : 5);
        assert_int_equal(rig.conn[H2_DOWN].closes, 0);
        rig_close(&rig);
        rig_open(&rig);
    }
}

static void
header_count_is_limited_exactly(void **state)
{
    struct h2peer *p;
    struct rig_stream *s;

    (void)state;
    rig.conn[H2_DOWN].lim.max_header_count = 6;
    p = down_ready();
    h2peer_headers(p, 1, FL_END_STREAM, ":method", "POST", ":scheme", "http", ":path",
                   "/a/b", ":authority", "x", "a", "1", "b", "2", NULL);
    h2peer_headers(p, 3, FL_END_STREAM, ":method", "POST", ":scheme", "http", ":path",
                   "/a/b", ":authority", "x", "a", "1", "b", "2", "c", "3", NULL);
    rig_run(&rig);
    assert_false(rig_stream(&rig, H2_DOWN, 1)->s.in_headers.over);
    s = rig_stream(&rig, H2_DOWN, 3);
    assert_true(s->s.in_headers.over);
    assert_int_equal(s->s.in_headers.n, 6);
}

static void
trailers_have_the_same_limits(void **state)
{
    struct h2peer *p = up_ready();
    struct rig_stream *s = rig_request(&rig, true);
    static char value[17000];

    (void)state;
    memset(value, 'v', sizeof(value) - 1);
    rig_run(&rig);
    h2peer_headers(p, 1, 0, ":status", "200", NULL);
    h2peer_frame(p, F_HEADERS, 0, 1, NULL,
                 0); /* the block comes in CONTINUATION frames */
    {
        static uint8_t b[20000];
        size_t n =
            h2peer_block(p, b, sizeof(b), "grpc-status", "0", "x-big", value, NULL);

        h2peer_frame(p, F_CONTINUATION, 0, 1, b, n / 2);
        h2peer_frame(p, F_CONTINUATION, FL_END_HEADERS, 1, b + n / 2, n - n / 2);
    }
    rig_run(&rig);
    assert_int_equal(s->closed,
                     1); /* no END_STREAM: malformed, and no trouble for the connection */
    assert_int_equal(rig.conn[H2_UP].closes, 0);
    s = rig_request(&rig, true);
    rig_run(&rig);
    h2peer_headers(p, 3, 0, ":status", "200", NULL);
    h2peer_headers(p, 3, FL_END_STREAM, "grpc-status", "0", "x-big", value, NULL);
    rig_run(&rig);
    if (rig.conn[H2_UP].closes == 0) {
        assert_true(s->s.in_trailers.over);
        assert_true(
            slice_eq_str(h2_headers_get(&s->s.in_trailers, H2_TOKEN_GRPC_STATUS), "0"));
    }
}

/* A field that the library drops must never read as "no such field" (reliability.md finding 6). */
static void
illegal_fields_mark_the_block(void **state)
{
    static const struct {
        const char *name, *value;
        size_t n;
    } rows[] = {
        { "x-nul", "a\0b", 3 },  { "x-cr", "a\rb", 3 }, { "x-lf", "a\nb", 3 },
        { "x-del\x7f", "v", 1 }, { "x bad", "v", 1 },   { "x-colon:", "v", 1 },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct h2peer *p = down_ready();
        uint8_t b[512];
        size_t n = h2peer_block(p, b, sizeof(b), ":method", "POST", ":scheme", "http",
                                ":path", "/a/b", ":authority", "x", NULL);
        size_t k = strlen(rows[i].name);
        struct rig_stream *s;

        b[n++] = 0; /* a literal without indexing, by hand: the deflater would refuse */
        b[n++] = (uint8_t)k;
        memcpy(b + n, rows[i].name, k);
        n += k;
        b[n++] = (uint8_t)rows[i].n;
        memcpy(b + n, rows[i].value, rows[i].n);
        n += rows[i].n;
        h2peer_frame(p, F_HEADERS, FL_END_HEADERS | FL_END_STREAM, 1, b, n);
        rig_run(&rig);
        s = rig_stream(&rig, H2_DOWN, 1);
        assert_true(s->closed == 1 ||
                    (s->seen == (H2_EV_HEADERS | H2_EV_END) && s->s.in_headers.invalid));
        assert_int_equal(rig.conn[H2_DOWN].closes, 0);
        rig_close(&rig);
        rig_open(&rig);
    }
}

/* 0x40: a literal that enters the decoder's table; 0xbe: the newest entry there. What was found illegal once, or was never looked at, is
 * looked at again each time that it comes. */
static void
illegal_fields_stay_illegal_in_the_table(void **state)
{
    (void)state;
    for (int refused = 0; refused < 2; refused++) {
        struct h2peer *p = down_ready();
        uint8_t b[512];
        size_t n = h2peer_block(p, b, sizeof(b), ":method", "POST", ":scheme", "http",
                                ":path", "/a/b", ":authority", "x", NULL);
        const struct h2_headers *h;

        memcpy(b + n, "\x40\5x-own\3a\rb", 11);
        rig.conn[H2_DOWN].refuse = refused;
        h2peer_frame(p, F_HEADERS, FL_END_HEADERS | FL_END_STREAM, 1, b, n + 11);
        rig_run(&rig);
        rig.conn[H2_DOWN].refuse = false;
        n = h2peer_block(p, b, sizeof(b), ":method", "POST", ":scheme", "http", NULL);
        memcpy(b + n, "\x04\4/a/b\x01\1x\xbe", 10);
        h2peer_frame(p, F_HEADERS, FL_END_HEADERS | FL_END_STREAM, 3, b, n + 10);
        rig_run(&rig);
        assert_true(rig_stream(&rig, H2_DOWN, 3)->s.in_headers.invalid);
        n = h2peer_block(p, b, sizeof(b), ":method", "POST", ":scheme", "http", NULL);
        memcpy(b + n, "\x04\4/a/b\x01\1x", 9);
        h2peer_frame(p, F_HEADERS, FL_END_HEADERS | FL_END_STREAM, 5, b, n + 9);
        rig_run(&rig);
        h = &rig_stream(&rig, H2_DOWN, 5)->s.in_headers;
        assert_false(h->invalid);
        assert_true(slice_eq_str(h2_headers_get(h, H2_TOKEN_PATH), "/a/b"));
        assert_int_equal(rig.conn[H2_DOWN].closes, 0);
        rig_close(&rig);
        rig_open(&rig);
    }
}

/* gRPC's C-core sends metadata as the application gave it. The second time, the first field comes from the decoder's table as it stands there. */
static void
space_around_a_value_is_stripped(void **state)
{
    struct h2peer *p = down_ready();

    (void)state;
    for (int32_t id = 1; id <= 3; id += 2) {
        const struct h2_headers *h;

        h2peer_headers(p, id, FL_END_STREAM, ":method", "POST", ":scheme", "http",
                       ":path", "/a/b", ":authority", "x", "te", " trailers",
                       "content-length", "0 ", "grpc-timeout", "\t5S ", "host", " x ",
                       "x-a", " \tv w\t ", "x-blank", " \t", NULL);
        rig_run(&rig);
        h = &rig_stream(&rig, H2_DOWN, id)->s.in_headers;
        assert_int_equal(h->n, 10);
        assert_false(h->invalid || h->malformed);
        assert_int_equal(rig_stream(&rig, H2_DOWN, id)->s.in_length, 0);
        assert_true(slice_eq_str(h2_headers_get(h, H2_TOKEN_TE), "trailers"));
        assert_true(slice_eq_str(h2_headers_get(h, H2_TOKEN_GRPC_TIMEOUT), "5S"));
        assert_true(slice_eq_str(h2_headers_get(h, H2_TOKEN_HOST), "x"));
        assert_int_equal(h->v[8].f.valuelen, 3);
        assert_memory_equal(h->v[8].f.value, "v w", 3);
        assert_int_equal(h->v[9].f.valuelen, 0);
    }
}

/* It decides where a call goes. */
static void
space_around_a_pseudo_header_is_refused(void **state)
{
    static const char *const rows[][4] = {
        { "POST ", "http", "/a/b", "x" },
        { "POST", " http", "/a/b", "x" },
        { "POST", "http", "/a/b ", "x" },
        { "POST", "http", "/a/b", "\tx" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct h2peer *p = down_ready();

        for (int32_t id = 1; id <= 3; id += 2) {
            h2peer_headers(p, id, FL_END_STREAM, ":method", rows[i][0], ":scheme",
                           rows[i][1], ":path", rows[i][2], ":authority", rows[i][3],
                           NULL);
            rig_run(&rig);
            assert_int_equal(h2peer_rst_code(p, id), H2_PROTOCOL_ERROR);
        }
        rig_close(&rig);
        rig_open(&rig);
    }
}

/* 0xbe: a value of 4,000 such bytes from the decoder's table by one byte each. What is stripped, or illegal, counts as received, or it would be a bomb. */
static void
fields_that_nobody_keeps_count_against_a_bomb(void **state)
{
    enum { VALUE = 4000, REPEATS = 80 };
    static const char fill[] = { ' ', '\r' };

    (void)state;
    for (size_t i = 0; i < sizeof(fill); i++) {
        struct h2peer *p = down_ready();
        uint8_t b[VALUE + 512];
        size_t n = h2peer_block(p, b, sizeof(b), ":method", "POST", ":scheme", "http",
                                ":path", "/a/b", ":authority", "x", NULL);

        memcpy(b + n, "\x40\3x-a\x7f\xa1\x1e", 8); /* 127 + 33 + 30 * 128 */
        memset(b + n + 8, fill[i], VALUE);
        memset(b + n + 8 + VALUE, 0xbe, REPEATS);
        h2peer_frame(p, F_HEADERS, FL_END_HEADERS | FL_END_STREAM, 1, b,
                     n + 8 + VALUE + REPEATS);
        rig_run(&rig);
        assert_int_equal(h2peer_goaway_code(p), H2_ENHANCE_YOUR_CALM);
        assert_int_equal(rig.conn[H2_DOWN].err, ERR_FLOOD);
        rig_close(&rig);
        rig_open(&rig);
    }
}

static void
upper_case_names_never_pass_as_valid(void **state)
{
    struct h2peer *p = down_ready();
    uint8_t b[512];
    size_t n = h2peer_block(p, b, sizeof(b), ":method", "POST", ":scheme", "http",
                            ":path", "/a/b", ":authority", "x", NULL);
    struct rig_stream *s;

    (void)state;
    memcpy(b + n, "\0\3Foo\1v", 7);
    h2peer_frame(p, F_HEADERS, FL_END_HEADERS | FL_END_STREAM, 1, b, n + 7);
    rig_run(&rig);
    s = rig_stream(&rig, H2_DOWN, 1);
    assert_true(s->closed == 1 || s->s.in_headers.invalid);
}

/* RFC 7541 4.2: at the front only. 0x83 and 0x86 (:method POST, :scheme http) are indices, which do not go through the library. */
static void
a_late_table_size_is_a_compression_error(void **state)
{
    static const uint8_t b[] = { 0x83, 0x86, 0x20 };

    (void)state;
    for (size_t cut = 1; cut <= sizeof(b); cut++) {
        struct h2peer *p = down_ready();

        h2peer_frame(p, F_HEADERS,
                     FL_END_STREAM | (cut == sizeof(b) ? FL_END_HEADERS : 0), 1, b, cut);
        if (cut < sizeof(b))
            h2peer_frame(p, F_CONTINUATION, FL_END_HEADERS, 1, b + cut, sizeof(b) - cut);
        rig_run(&rig);
        assert_int_equal(rig.conn[H2_DOWN].closes, 1);
        assert_int_equal(h2peer_goaway_code(p), H2_COMPRESSION_ERROR);
        rig_close(&rig);
        rig_open(&rig);
    }
}

static void
never_indexed_fields_stay_so(void **state)
{
    struct h2peer *p = down_ready();
    uint8_t b[512];
    size_t n = h2peer_block(p, b, sizeof(b), ":method", "POST", ":scheme", "http",
                            ":path", "/a/b", ":authority", "x", NULL);
    const struct h2_headers *h;

    (void)state;
    memcpy(b + n, "\x10\6secret\1v", 10); /* RFC 7541 6.2.3 */
    n += 10;
    memcpy(b + n, "\0\5plain\1v\0\14x-request-id\1r", 9 + 16);
    h2peer_frame(p, F_HEADERS, FL_END_HEADERS | FL_END_STREAM, 1, b, n + 9 + 16);
    rig_run(&rig);
    h = &rig_stream(&rig, H2_DOWN, 1)->s.in_headers;
    assert_int_equal(h->n, 7);
    assert_int_equal(h->v[4].f.flags & H2_FIELD_NO_INDEX, H2_FIELD_NO_INDEX);
    assert_int_equal(h->v[5].f.flags & H2_FIELD_NO_INDEX, 0);
    assert_int_equal(h->v[6].f.flags & H2_FIELD_NO_INDEX,
                     H2_FIELD_NO_INDEX); /* one-off: not worth a place */
}

/* Headers of one connection sent on another, by reference, after the receiving stream's frames are long gone. */
static void
fields_survive_the_frames_they_came_in(void **state)
{
    struct h2peer *p = down_ready();
    struct rig_stream *s;
    const struct h2_headers *h;

    (void)state;
    for (int32_t id = 1; id < 200; id += 2) {
        char value[60];

        snprintf(value, sizeof(value),
                 "value-%d-0123456789012345678901234567890123456789", (int)id);
        h2peer_headers(p, id, FL_END_STREAM, ":method", "POST", ":scheme", "http",
                       ":path", "/a/b", ":authority", "x", "x-own", value, NULL);
    }
    rig_run(&rig);
    for (int32_t id = 1; id < 200; id += 2) {
        char value[60];

        s = rig_stream(&rig, H2_DOWN, id);
        h = &s->s.in_headers;
        snprintf(value, sizeof(value),
                 "value-%d-0123456789012345678901234567890123456789", (int)id);
        assert_int_equal(h->v[4].f.valuelen, strlen(value));
        assert_memory_equal(h->v[4].f.value, value, strlen(value));
    }
}

/* ---- bombs ---- */

/* One field of 2,900 bytes goes into the table; then `refs` bytes, each of which stands for it. */
static size_t
bomb_block(struct h2peer *p, uint8_t *b, size_t room, size_t refs, bool first)
{
    static char value[2900];
    size_t n;

    memset(value, 'v', sizeof(value) - 1);
    if (first) /* literal with incremental indexing: 0x40, name, value */
        n = h2peer_block(p, b, room, ":method", "POST", ":scheme", "http", ":path",
                         "/a/b", ":authority", "x", "x-bomb", value, NULL);
    else
        n = h2peer_block(p, b, room, ":method", "POST", ":scheme", "http", ":path",
                         "/a/b", ":authority", "x", NULL);
    memset(b + n, 0x80 | 62, refs); /* newest entry of the dynamic table */
    return n + refs;
}

static void
bomb_is_stopped_before_it_unfolds(void **state)
{
    struct h2peer *p = down_ready();
    static uint8_t b[32768];
    size_t n = bomb_block(p, b, sizeof(b), 12000, true);
    struct rig_stream *s;

    (void)state;
    h2peer_frame(p, F_HEADERS, FL_END_HEADERS | FL_END_STREAM, 1, b, n);
    rig_run(&rig);
    assert_int_equal(rig.conn[H2_DOWN].closes, 1);
    assert_int_equal(rig.conn[H2_DOWN].err, ERR_FLOOD);
    assert_int_equal(h2peer_goaway_code(p), H2_ENHANCE_YOUR_CALM);
    assert_int_equal(rig_stat(&rig, STAT_FLOOD_CLOSED), 1);
    s = rig_stream(&rig, H2_DOWN, 1);
    assert_int_equal(s->closed, 1);
    assert_true(s->s.in_headers.bytes <= 20 * 16384);
}

/* Small enough to be no attack, yet over the list limit: only the stream suffers. */
static void
small_bomb_is_a_block_over_the_limit(void **state)
{
    struct h2peer *p = down_ready();
    static uint8_t b[32768];
    size_t n = bomb_block(p, b, sizeof(b), 20, true);

    (void)state;
    h2peer_frame(p, F_HEADERS, FL_END_HEADERS | FL_END_STREAM, 1, b, n);
    rig_run(&rig);
    assert_true(rig_stream(&rig, H2_DOWN, 1)->s.in_headers.over);
    assert_int_equal(rig.conn[H2_DOWN].closes, 0);
}

/* The same bomb where nobody keeps the fields: on a refused stream, and behind our reset. */
static void
bomb_on_a_refused_stream_is_stopped_too(void **state)
{
    struct h2peer *p = down_ready();
    static uint8_t b[32768];
    size_t n = bomb_block(p, b, sizeof(b), 12000, true);

    (void)state;
    rig.conn[H2_DOWN].refuse = true;
    h2peer_frame(p, F_HEADERS, FL_END_HEADERS | FL_END_STREAM, 1, b, n);
    rig_run(&rig);
    assert_int_equal(rig.conn[H2_DOWN].closes, 1);
    assert_int_equal(rig.conn[H2_DOWN].err, ERR_FLOOD);
}

static void
bomb_in_dropped_trailers_is_stopped_too(void **state)
{
    struct h2peer *p = down_ready();
    static uint8_t b[32768];
    size_t n;
    static char value[2900];

    (void)state;
    memset(value, 'v', sizeof(value) - 1);
    h2peer_call(p, 1, 0);
    rig_run(&rig);
    n = h2peer_block(p, b, sizeof(b), "x-bomb", value, NULL);
    memset(b + n, 0x80 | 62, 12000);
    h2peer_frame(p, F_HEADERS, FL_END_HEADERS | FL_END_STREAM, 1, b, n + 12000);
    rig_turns(&rig, 1); /* written; read in the next turn, before our reset is flushed */
    h2_stream_reset(&rig_stream(&rig, H2_DOWN, 1)->s, H2_CANCEL);
    rig_run(&rig);
    assert_int_equal(rig.conn[H2_DOWN].closes, 1);
    assert_int_equal(rig.conn[H2_DOWN].err, ERR_FLOOD);
}

static void
block_four_times_over_the_limit_on_the_wire_ends_the_connection(void **state)
{
    struct h2peer *p = down_ready();
    static uint8_t b[16384];

    (void)state;
    /* A field of 65,500 bytes = 127 + 93 + 126 * 128 + 3 * 16384. */
    h2peer_frame(p, F_HEADERS, 0, 1, "\0\1a\x7f\xdd\xfe\3", 7);
    for (int i = 0; i < 4; i++)
        h2peer_frame(p, F_CONTINUATION, 0, 1, NULL, 16381);
    rig_run(&rig);
    assert_int_equal(rig.conn[H2_DOWN].closes, 0);
    h2peer_frame(p, F_CONTINUATION, 0, 1, NULL, 16381);
    rig_run(&rig);
    assert_int_equal(rig.conn[H2_DOWN].closes, 1);
    assert_int_equal(rig.conn[H2_DOWN].err, ERR_FLOOD);

    rig_close(&rig);
    rig_open(&rig);
    p = down_ready();
    h2peer_frame(p, F_HEADERS, 0, 1, b, 0);
    for (int i = 0; i < 20;
         i++) { /* legal literals: 4 fields of 4,000 bytes in each frame */
        size_t n = 0;

        for (int k = 0; k < 4; k++) {
            b[n++] = 0;
            b[n++] = 1;
            b[n++] = 'a';
            b[n++] = 0x7f; /* length 4000 = 127 + 3873, as RFC 7541 5.1 has it */
            b[n++] = 0x80 | (3873 & 0x7f);
            b[n++] = 3873 >> 7;
            memset(b + n, 'v', 4000);
            n += 4000;
        }
        h2peer_frame(p, F_CONTINUATION, 0, 1, b, n);
    }
    rig_run(&rig);
    assert_int_equal(rig.conn[H2_DOWN].closes, 1);
    assert_int_equal(rig.conn[H2_DOWN].err, ERR_FLOOD);
    assert_int_equal(h2peer_goaway_code(p), H2_ENHANCE_YOUR_CALM);
}

static void
more_continuations_than_allowed_end_the_connection(void **state)
{
    (void)state;
    for (unsigned frames = 31; frames <= 34; frames++) {
        struct h2peer *p = down_ready();
        uint8_t b[512];
        size_t n = h2peer_block(p, b, sizeof(b), ":method", "POST", ":scheme", "http",
                                ":path", "/a/b", ":authority", "x", "x-long",
                                "0123456789012345678901234567890123456789", NULL);

        assert_true(n > 35);
        h2peer_frame(p, F_HEADERS, FL_END_STREAM, 1, b, 1);
        for (unsigned i = 1; i < frames; i++)
            h2peer_frame(p, F_CONTINUATION, 0, 1, b + i, 1);
        h2peer_frame(p, F_CONTINUATION, FL_END_HEADERS, 1, b + frames, n - frames);
        rig_run(&rig);
        assert_int_equal(rig.conn[H2_DOWN].closes, frames > 32);
        rig_close(&rig);
        rig_open(&rig);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        H2_TEST(tokens_are_found_by_exact_name),
        H2_TEST(first_and_twice_are_noted),
        H2_TEST(header_bytes_are_limited_exactly),
        H2_TEST(header_count_is_limited_exactly),
        H2_TEST(trailers_have_the_same_limits),
        H2_TEST(illegal_fields_mark_the_block),
        H2_TEST(illegal_fields_stay_illegal_in_the_table),
        H2_TEST(space_around_a_value_is_stripped),
        H2_TEST(space_around_a_pseudo_header_is_refused),
        H2_TEST(fields_that_nobody_keeps_count_against_a_bomb),
        H2_TEST(upper_case_names_never_pass_as_valid),
        H2_TEST(never_indexed_fields_stay_so),
        H2_TEST(a_late_table_size_is_a_compression_error),
        H2_TEST(fields_survive_the_frames_they_came_in),
        H2_TEST(bomb_is_stopped_before_it_unfolds),
        H2_TEST(small_bomb_is_a_block_over_the_limit),
        H2_TEST(bomb_on_a_refused_stream_is_stopped_too),
        H2_TEST(bomb_in_dropped_trailers_is_stopped_too),
        H2_TEST(block_four_times_over_the_limit_on_the_wire_ends_the_connection),
        H2_TEST(more_continuations_than_allowed_end_the_connection),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
