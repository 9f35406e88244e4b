/* SPDX-License-Identifier: Apache-2.0 */
/* tests/lib/h2peer.h - the other side of an HTTP/2 connection, frame by frame: it sends what it is told, legal or not, and logs
 * what it gets. It knows no streams and keeps no rules. Only HPACK is left to the library (one inflater and one deflater,
 * so blocks must be fed in order). Bytes leave as the transport takes them, so tests turn the loop.
 * By itself it acks SETTINGS and PING; both can be turned off. Memory is malloc's: a test that runs out of it ends. */
#ifndef OUTRIGGER_TESTS_LIB_H2PEER_H
#define OUTRIGGER_TESTS_LIB_H2PEER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct loop;
struct transport;

enum {
    F_DATA = 0,
    F_HEADERS = 1,
    F_PRIORITY = 2,
    F_RST = 3,
    F_SETTINGS = 4,
    F_PUSH = 5,
    F_PING = 6,
    F_GOAWAY = 7,
    F_WINDOW = 8,
    F_CONTINUATION = 9,
    F_ANY = -1,
};
enum {
    FL_END_STREAM = 1,
    FL_ACK = 1,
    FL_END_HEADERS = 4,
    FL_PADDED = 8,
    FL_PRIORITY = 0x20
};
enum {
    SET_TABLE = 1,
    SET_PUSH = 2,
    SET_STREAMS = 3,
    SET_WINDOW = 4,
    SET_FRAME = 5,
    SET_LIST = 6
};
enum { PREFACE_LEN = 24 };

struct peer_frame {
    uint8_t type, flags;
    int32_t id;
    uint32_t n;
    uint8_t *payload; /* as on the wire */
    char *
        fields; /* of a complete header block: "name: value\n" for each field; else NULL */
    size_t at;  /* place of its first byte in all that was received */
};

struct h2peer {
    struct transport *t;
    struct loop *loop;
    void *inflater, *deflater;
    uint8_t *in, *out, *block;
    size_t in_len, in_cap, in_parsed, out_len, out_cap, out_at, block_len;
    struct peer_frame *frames;
    size_t n, cap;
    size_t sent; /* bytes that the transport took */
    bool ack_settings, ack_ping;
    bool greeted; /* our SETTINGS were sent: before that no ack may go */
    unsigned acks_owed;
    bool raw;          /* what comes is no HTTP/2: only kept in `in` */
    bool skip_magic;   /* we are the server: 24 bytes of preface come first */
    bool deaf;         /* reads nothing */
    bool eof, lost;    /* the other side ended; the transport broke */
    bool thin;         /* payload of DATA is not kept: long runs */
    size_t data_bytes; /* DATA payload received in all */
};

/* Takes the transport over. server: it waits for a client's preface. */
void h2peer_open(struct h2peer *p, struct loop *l, struct transport *t, bool server);
/* Closes and frees all. The object is empty afterwards. */
void h2peer_close(struct h2peer *p);
/* Ends our sending side only. */
void h2peer_shut(struct h2peer *p);
/* What waits goes out now, not in the next turn. */
void h2peer_push(struct h2peer *p);
/* Closes the transport; what was received stays. */
void h2peer_hang_up(struct h2peer *p);
void h2peer_set_deaf(struct h2peer *p, bool deaf);

void h2peer_bytes(struct h2peer *p, const void *bytes, size_t n);
void h2peer_preface(struct h2peer *p); /* the 24 bytes of a client, without SETTINGS */
/* A frame with this payload; payload NULL: n zero bytes. The length in its head is n. */
void h2peer_frame(struct h2peer *p, int type, unsigned flags, int32_t id,
                  const void *payload, size_t n);
/* Pairs of id and value, ended by 0. */
void h2peer_settings(struct h2peer *p, ...);
void h2peer_u32(struct h2peer *p, int type, int32_t id,
                uint32_t value); /* RST, WINDOW_UPDATE */
void h2peer_goaway(struct h2peer *p, uint32_t last, uint32_t code, const char *text);
/* A whole block in one HEADERS frame; flags is FL_END_STREAM or 0. Names and values in turn, ended by NULL. */
void h2peer_headers(struct h2peer *p, int32_t id, unsigned flags, ...);
/* POST of a gRPC call. */
void h2peer_call(struct h2peer *p, int32_t id, unsigned flags);
/* Only the block, for tests that cut it themselves; returns its length. */
size_t h2peer_block(struct h2peer *p, uint8_t *to, size_t room, ...);

/* The nth (from 0) frame of this type (F_ANY) on this stream (-1: any); NULL: none. */
const struct peer_frame *
h2peer_find(const struct h2peer *p, int type, int32_t id, size_t nth);
size_t h2peer_count(const struct h2peer *p, int type, int32_t id);
/* DATA payload received on this stream (not with thin). */
size_t h2peer_data(const struct h2peer *p, int32_t id);
/* Error code of the last GOAWAY, of the stream's first RST_STREAM; -1: none. */
int64_t h2peer_goaway_code(const struct h2peer *p);
int64_t h2peer_rst_code(const struct h2peer *p, int32_t id);
uint32_t h2peer_get_u32(const uint8_t *b);

#endif
