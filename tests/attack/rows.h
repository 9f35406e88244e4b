/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The attack rows: which frames go out, on how many connections, and how the attacker behaves as a
 * reader.  A row only fills output buffers; sockets and time belong to h2attack.c.
 */
#ifndef ATTACK_ROWS_H
#define ATTACK_ROWS_H

#include "frames.h"

enum { LATE_RING = 8, NO_WINDOW_SETTING = -1 };

/* Streams that were opened and wait for their RST_STREAM. */
struct late_batch {
    uint32_t first_stream;
    unsigned count;
    uint64_t due_us;
};

/* What a row may see and change of one attacking connection. */
struct attack_conn {
    /* the row's side */
    struct outbuf out;
    unsigned id; /* sent as x-attack-conn, so that the backend counts per connection */
    uint32_t next_stream;    /* odd, starts at 1 */
    uint64_t streams;        /* HEADERS that opened a stream, so far */
    uint64_t streams_wanted; /* the row ends on this connection at this count */
    uint64_t next_fill_us;   /* earliest time of the next fill */
    bool stored;             /* the request fields are in the peer's HPACK table */
    struct late_batch late[LATE_RING];
    unsigned late_head, late_len;
    /* the socket's side */
    int fd;
    unsigned port; /* local */
    enum { CONN_CONNECTING, CONN_OPEN, CONN_CLOSED } state;
    bool settings_seen;
    struct frame_reader reader;
    uint64_t first_us, last_write_us, closed_us, goaway_us;
    int64_t goaway_code; /* -1 = none */
    uint64_t bytes_out, bytes_in, resets, refused, responses;
};

struct attack_row {
    const char
        *name; /* "A1-now-1": the part before the first dash is the kind of attack */
    const char *path; /* :path of the requests */
    unsigned conns;
    unsigned batch;   /* streams per write */
    unsigned pace_us; /* pause between two writes of a connection, 0 = none */
    uint64_t streams; /* all connections together */
    bool
        never_read; /* nothing is read after the handshake; with never_ack: nothing at all */
    bool never_ack;   /* attack at once; the peer's SETTINGS are not acknowledged */
    int64_t window;   /* SETTINGS_INITIAL_WINDOW_SIZE, or NO_WINDOW_SETTING */
    unsigned variant; /* meaning is up to `fill` */
    bool extra;       /* runs only when it is named */
    /* Puts one batch into c->out; false when there is nothing to send now. */
    bool (*fill)(const struct attack_row *row, struct attack_conn *c, uint64_t now_us);
};

extern const struct attack_row attack_rows[];
extern const unsigned attack_row_count;

/* NULL when there is no such row. */
const struct attack_row *row_find(const char *name);

#endif
