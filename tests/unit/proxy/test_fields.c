/* SPDX-License-Identifier: Apache-2.0 */
/* Blocks of many fields: what the limits of a listener let in reaches the other side, every field of it. */
#include "callrig.h"

#include "base/compat.h"
#include "filter/edit_conf.h"
#include "h2/conn.h"
#include "proxy/worker.h"

enum {
    MOST = 10000,      /* of limits.maxHeaderCount */
    PIECE = 16 * 1024, /* payload of one frame */
    FIELD = 3 + 6 + 4, /* a literal that no table keeps: 0, length, name, length, value */
};

static const struct conf_map two_more = {
    (struct conf_pair[]){ { "x-via", "%{listener}" }, { "x-who", "%{method}" } }, 2
};

static void
let_in_as_many_as_possible(void)
{
    rig.front.limits.max_header_count = MOST;
    rig.front.limits.max_header_bytes = 1024 * 1024;
    rig.front.limits.max_continuations = 1000;
}

/* Fields "x-0000: v-00" and on behind the n bytes of b. Returns the new length. */
static size_t
put_fields(uint8_t *b, size_t n, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        char text[FIELD + 1];

        snprintf(text, sizeof(text), "%cx-%04u%cv-%02u", 6, i % 10000, 4, i % 100);
        b[n++] = 0;
        memcpy(b + n, text, FIELD - 1);
        n += FIELD - 1;
    }
    return n;
}

static void
send_block(struct h2peer *p, int32_t id, unsigned flags, const uint8_t *b, size_t n)
{
    for (size_t at = 0; at < n; at += PIECE) {
        bool last = n - at <= PIECE;

        h2peer_frame(p, at ? F_CONTINUATION : F_HEADERS,
                     (at ? 0 : flags) | (last ? FL_END_HEADERS : 0), id, b + at,
                     last ? n - at : PIECE);
    }
}

/* A call with so many fields in all; the last one is its timeout. */
static void
call_with_fields(int32_t id, unsigned count)
{
    static uint8_t b[MOST * FIELD + 1024];
    size_t n = h2peer_block(&rig.client, b, 1024, ":method", "POST", ":scheme", "http",
                            ":path", "/test.Service/Method", ":authority", "x",
                            "content-type", "application/grpc", NULL);

    n = put_fields(b, n, count - 6);
    n += h2peer_block(&rig.client, b + n, 1024, "grpc-timeout", "59S", NULL);
    send_block(&rig.client, id, FL_END_STREAM, b, n);
}

/* A block in one frame or in many; NULL: not complete yet. */
static const char *
block_of(const struct h2peer *p, int32_t id)
{
    for (size_t i = 0; i < p->n; i++) {
        if (p->frames[i].id == id && p->frames[i].fields)
            return p->frames[i].fields;
    }
    return NULL;
}

static unsigned
count_fields(const char *block, const char *line)
{
    unsigned n = 0;

    for (const char *at = strstr(block, line); at; at = strstr(at + 1, line))
        n++;
    return n;
}

static void
want_request(unsigned pool, int32_t id, unsigned count)
{
    const char *block;

    TURN_UNTIL(rig.loop, block_of(backend(pool), id));
    block = block_of(backend(pool), id);
    assert_int_equal(count_fields(block, ": v-"), count - 6);
    HAS(block, "\nx-0000: v-00\n");
    HAS(block, "grpc-timeout: 5"); /* what is left of 59 s: found at the very end */
    HAS(block, "te: trailers\n");
    HAS(block, "content-type: application/grpc\n");
}

static void
every_field_of_a_request_reaches_the_backend(void **state)
{
    static const unsigned counts[] = {
        120, 129, 132, 133, 137, 254, 255, 256, 300, MOST
    };

    (void)state;
    let_in_as_many_as_possible();
    callrig_open();
    for (int i = 0; i < (int)ARRAY_LEN(counts); i++) {
        call_with_fields(1 + 2 * i, counts[i]);
        want_request(RIG_APP, 1 + 2 * i, counts[i]);
    }
    call_with_fields(101, MOST + 1);
    HAS(want_status(101, "8"), "maxHeaderCount");
}

static void
edits_mirrors_and_replays_have_them_too(void **state)
{
    struct mirror_conf *m = &rig.routes[0].mirror;

    (void)state;
    let_in_as_many_as_possible();
    field_defaults(&mirror_conf_struct, m);
    m->on = true;
    m->to.pool = "canary";
    rig.routes[0].request_headers.add = two_more;
    callrig_open();
    h2peer_call(&rig.client, 1, FL_END_STREAM); /* connections: no copy has to wait */
    TURN_UNTIL(rig.loop, block_of(backend(RIG_APP), 1));
    TURN_UNTIL(rig.loop, block_of(backend(RIG_CANARY), 1));
    call_with_fields(3, 3000);
    want_request(RIG_APP, 3, 3000);
    HAS(block_of(backend(RIG_APP), 3), "x-via: in\nx-who: Method\n");
    HAS_NOT(block_of(backend(RIG_APP), 3), "x-outrigger-mirror");
    want_request(RIG_CANARY, 3, 3000);
    HAS(block_of(backend(RIG_CANARY), 3), "x-who: Method\nx-outrigger-mirror: 1\n");
    h2peer_u32(backend(RIG_APP), F_RST, 3, H2_REFUSED_STREAM);
    want_request(RIG_APP, 5, 3000);
    HAS(block_of(backend(RIG_APP), 5), "x-via: in\nx-who: Method\n");
}

/* Backends may send 128 fields; with the edits of a route the block is larger than what is built on the stack. */
static void
every_field_of_an_answer_reaches_the_client(void **state)
{
    static struct conf_pair pairs[50];
    static char names[50][8];
    uint8_t b[128 * FIELD + 1024];
    const char *block;
    size_t n;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
        snprintf(names[i], sizeof(names[i]), "y-%02zu", i);
        pairs[i] = (struct conf_pair){ names[i], "%{method}" };
    }
    rig.routes[0].response_headers.add = (struct conf_map){ pairs, 50 };
    rig.routes[0].response_trailers.add = (struct conf_map){ pairs, 50 };
    callrig_open();
    h2peer_call(&rig.client, 1, FL_END_STREAM);
    TURN_UNTIL(rig.loop, block_of(backend(RIG_APP), 1));
    n = h2peer_block(backend(RIG_APP), b, 1024, ":status", "200", "content-type",
                     "application/grpc", NULL);
    n = put_fields(b, n, 126);
    send_block(backend(RIG_APP), 1, 0, b, n);
    TURN_UNTIL(rig.loop, fields_of(&rig.client, 1, 0));
    block = fields_of(&rig.client, 1, 0);
    assert_int_equal(count_fields(block, ": v-"), 126);
    assert_int_equal(count_fields(block, ": Method"), 50);
    n = put_fields(b, 0, 127);
    n += h2peer_block(backend(RIG_APP), b + n, 1024, "grpc-status", "5", NULL);
    send_block(backend(RIG_APP), 1, FL_END_STREAM, b, n);
    block = want_status(1, "5");
    assert_int_equal(count_fields(block, ": v-"), 127);
    assert_int_equal(count_fields(block, ": Method"), 50);
}

/* One field that is larger than what any connection buffers for headers by default. */
static void
a_header_of_half_a_mebibyte_passes(void **state)
{
    enum { LARGE = 512 * 1024 };
    static uint8_t b[LARGE + 1024];
    const char *block;
    size_t n;

    (void)state;
    let_in_as_many_as_possible();
    callrig_open();
    n = h2peer_block(&rig.client, b, 1024, ":method", "POST", ":scheme", "http", ":path",
                     "/test.Service/Method", ":authority", "x", "content-type",
                     "application/grpc", NULL);
    for (unsigned i = 0; i < 8; i++) { /* 127 + 65,409 = 64 KiB: 3 bytes of length */
        memcpy(b + n, "\0\4x-id\x7f\x81\xff\3", 10);
        memset(b + n + 10, 'v', 65536);
        n += 10 + 65536;
    }
    send_block(&rig.client, 1, FL_END_STREAM, b, n);
    TURN_UNTIL(rig.loop,
               h2peer_count(&rig.client, F_ANY, 1) || block_of(backend(RIG_APP), 1));
    block = block_of(backend(RIG_APP), 1);
    HAS(block, "x-id: v");
    assert_int_equal(count_fields(block, "x-id: v"), 8);
    assert_true(strlen(block) > LARGE);
}

/* --- answers that are refused, and the words for it --------------------------------------- */

static void
a_broken_answer_is_told_with_the_rule(void **state)
{
    static const struct {
        const char *fields[3][2]; /* of the first block; then its trailers */
        const char *trailer, *words;
        bool ends;
    } rows[] = {
        { { { "content-type", "application/grpc" } }, NULL, "no :status", false },
        { { { ":status", "abc" } }, NULL, "no :status", false },
        { { { ":status", "200" }, { "X-Upper", "1" } },
          NULL,
          "field of its headers",
          false },
        { { { ":status", "200" }, { "content-length", "x" } },
          NULL,
          "content-length is no",
          false },
        { { { ":status", "200" }, { "content-length", "7" } }, NULL, "promised", true },
        { { { ":status", "200" },
            { "content-length", "7" },
            { "content-type", "application/grpc" } },
          "grpc-status",
          "content-length is 7, and 10 bytes came",
          false },
        { { { ":status", "200" }, { "content-type", "application/grpc" } },
          ":status",
          "field of its trailers",
          false },
    };
    struct h2peer *b;
    int32_t id = 1;

    (void)state;
    callrig_open();
    for (size_t i = 0; i < ARRAY_LEN(rows); i++, id += 2) {
        const char *const(*f)[2] = rows[i].fields;

        call_to_backend(id);
        b = backend(RIG_APP);
        h2peer_headers(b, id, rows[i].ends ? FL_END_STREAM : 0, f[0][0], f[0][1], f[1][0],
                       f[1][1], f[2][0], f[2][1], NULL);
        if (rows[i].trailer) {
            h2peer_frame(b, F_DATA, 0, id, hello_bytes, HELLO);
            h2peer_headers(b, id, FL_END_STREAM, rows[i].trailer, "0", NULL);
        }
        HAS(want_status(id, "13"), rows[i].words);
    }
    call_to_backend(id); /* DATA is no answer */
    h2peer_frame(backend(RIG_APP), F_DATA, 0, id, hello_bytes, HELLO);
    HAS(want_status(id, "13"), "code 1 (PROTOCOL_ERROR)");
}

static void
too_large_headers_of_an_answer_are_told_with_the_limit(void **state)
{
    static char value[17000];
    uint8_t b[200 * FIELD + 1024];
    size_t n;

    (void)state;
    rig.pools[RIG_APP].conf.limits.max_header_count = 100;
    rig.pools[RIG_APP].conf.limits.max_header_bytes = 16 * 1024;
    callrig_open();
    call_to_backend(1);
    n = h2peer_block(backend(RIG_APP), b, 1024, ":status", "200", NULL);
    n = put_fields(b, n, 200);
    send_block(backend(RIG_APP), 1, 0, b, n);
    HAS(want_status(1, "8"),
        "are too large: more than 100 fields (limits.maxHeaderCount)");
    call_to_backend(3);
    memset(value, 'a', sizeof(value) - 1);
    h2peer_headers(backend(RIG_APP), 3, 0, ":status", "200", "x-a", value, NULL);
    HAS(want_status(3, "8"),
        "are too large: 17076 bytes, and limits.maxHeaderBytes is 16384");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        RIG_TEST(every_field_of_a_request_reaches_the_backend),
        RIG_TEST(edits_mirrors_and_replays_have_them_too),
        RIG_TEST(every_field_of_an_answer_reaches_the_client),
        RIG_TEST(a_header_of_half_a_mebibyte_passes),
        RIG_TEST(a_broken_answer_is_told_with_the_rule),
        RIG_TEST(too_large_headers_of_an_answer_are_told_with_the_limit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
