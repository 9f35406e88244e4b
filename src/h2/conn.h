/* SPDX-License-Identifier: Apache-2.0 */
/* h2/conn.h - one HTTP/2 connection, either side, and its streams. The only room that knows nghttp2.
 *
 * How it moves: bytes are read once per loop turn (a few times in a short one) and cut into frames, which only leave notes (events on the stream). After that the
 * owner hears of each touched stream once (`on_events`) and may call anything here: all sending functions only queue. At the end of the turn
 * every connection with something to say is flushed with one write. Nothing of the owner ever runs while frames are read, except on_open,
 * which may allocate and nothing else.  The framing and the HPACK encoder are ours (recv.c, send.c, hpack.c); the decoder is nghttp2's.
 *
 * Streams are embedded in their owner's object (a call). From h2_stream_open / on_open until the event H2_EV_CLOSED was delivered the connection
 * refers to the stream; afterwards it forgot it (stream->conn is NULL) and the owner may reuse or free it.  H2_EV_CLOSED comes exactly once.
 *
 * Flow control: received bytes wait in stream->in until the owner moves them; the sender gets its stream window back only by h2_stream_consume.
 * The connection window comes back at once until max_connection_buffer bytes are held (DESIGN 3.5).
 *
 * One worker (one loop, one thread) owns a connection. */
#ifndef OUTRIGGER_H2_CONN_H
#define OUTRIGGER_H2_CONN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/compat.h"
#include "base/list.h"
#include "h2/headers.h"

struct loop;
struct slab;
struct stats;
struct transport;
struct h2_conn;
struct h2_stream;
struct h2_worker;

enum h2_side {
    H2_DOWN, /* we are the server */
    H2_UP,   /* we are the client */
};

/* RFC 9113 section 7 */
enum h2_code {
    H2_NO_ERROR = 0,
    H2_PROTOCOL_ERROR = 1,
    H2_INTERNAL_ERROR = 2,
    H2_FLOW_CONTROL_ERROR = 3,
    H2_SETTINGS_TIMEOUT = 4,
    H2_STREAM_CLOSED = 5,
    H2_FRAME_SIZE_ERROR = 6,
    H2_REFUSED_STREAM = 7,
    H2_CANCEL = 8,
    H2_COMPRESSION_ERROR = 9,
    H2_ENHANCE_YOUR_CALM = 0xb,
};

/* PINGs against silence (gRFC A8, A9), and how many of them a client may send. Microseconds. */
struct h2_keepalive {
    int64_t time_us;    /* silence of the peer before we PING it; 0: never */
    int64_t timeout_us; /* then so long for the ack or any other byte; above 0 */
    bool without_calls; /* also while no stream is open */
    /* Down side: a client's PING that comes earlier is a strike; more than two strikes end the connection. 0: not looked at. */
    int64_t min_client_interval_us;
    bool permit_without_calls; /* false: with no stream open the interval is 2 h */
};

/* Limits of a connection; the owner keeps them alive as long as the connection. Bytes, counts, microseconds. */
struct h2_limits {
    uint32_t max_concurrent_streams;
    uint32_t max_header_bytes, max_header_count, max_continuations;
    uint32_t stream_window, connection_window, max_stream_window;
    size_t max_connection_buffer, write_buffer;
    uint32_t max_queued_frames;
    uint32_t reset_burst, reset_rate, glitch_burst, glitch_rate;
    uint32_t max_streams_per_turn, max_frames_per_turn;
    int64_t handshake_timeout_us, header_timeout_us, idle_timeout_us,
        write_stall_us; /* 0: off */
    struct h2_keepalive keepalive;
    /* Down side, 10 % more or less by chance, as idle_timeout_us there; 0: off. The grace begins with the second GOAWAY. */
    int64_t max_age_us, max_age_grace_us;
    uint32_t max_requests;
};

/* Fills in the defaults of the limits sheet (reliability.md 2, DESIGN 3.6); keepalive, age and requests are off. */
void h2_limits_default(struct h2_limits *l);

enum h2_events {
    H2_EV_HEADERS =
        1, /* in_headers is complete (requests, final responses; 1xx never shows) */
    H2_EV_DATA = 2,     /* bytes were added to in */
    H2_EV_TRAILERS = 4, /* in_trailers is complete */
    H2_EV_END = 8,      /* the peer ended its side (END_STREAM) */
    H2_EV_DRAINED = 16, /* `drained` bytes of out went towards the socket */
    H2_EV_CLOSED = 32,  /* the stream is gone; close_err says why */
};

struct h2_stream {
    struct h2_conn *conn; /* NULL: not open */
    struct h2_worker *worker;
    const struct h2_stream *
        other; /* set by the owner: where it moves what arrives here; NULL: nowhere. Lives as long */
    /* Set by the owner before it opens the stream: who hears of it. NULL: on_events of the connection's ops. */
    void (*on_events)(struct h2_stream *, unsigned events);
    struct h2_stream *table_next; /* chain of the connection's table */
    struct list link;             /* all streams of the connection */
    struct list ready;            /* linked: events wait to be told */
    struct list sender;           /* linked: has bytes and a window for them */
    int32_t id;                   /* -1: not open yet */
    uint8_t events;               /* not yet told, enum h2_events */
    bool in_ended;                /* END_STREAM was received */
    bool in_begun; /* the first block is complete, also when the owner dropped it since */
    bool in_bodiless;    /* END_STREAM came with the first header block */
    bool headers_queued; /* our headers stand in the queue of control frames, or left */
    bool end_queued;     /* the owner ended our side */
    bool end_sent;       /* END_STREAM left or stands behind all else in the queue */
    bool
        discard; /* reset by us; `closing` is also set by a clean end, whose bytes are to be read */
    bool closing; /* off the connection's table; H2_EV_CLOSED follows */
    bool
        patient; /* set by the owner: after our early end the peer gets a second to end its side before RST_STREAM(NO_ERROR) */
    bool
        unprocessed; /* with H2_EV_CLOSED on the up side: proof that the peer did not process the request */
    bool peer_reset; /* the peer sent RST_STREAM */
    uint8_t interim; /* 1xx blocks seen */
    uint32_t trailer_count;
    int close_err; /* ERR_OK: both sides ended cleanly; ERR_RESET, ERR_REFUSED, ERR_GOAWAY, ERR_CONN_LOST, … */
    uint32_t close_code; /* HTTP/2 code of the reset; meaningful with ERR_RESET */
    const struct h2_field *
        trailers; /* to send after out; the memory stays the owner's until the stream closed */
    struct h2_headers in_headers, in_trailers;
    struct buf in;  /* received, not yet moved by the owner */
    struct buf out; /* to be sent */
    int64_t send_window, recv_window;
    uint32_t window;             /* what the peer was granted for this stream */
    uint32_t recv_due;           /* credit that was not announced yet */
    int64_t taken_us;            /* when received bytes were last taken */
    int64_t in_length, in_bytes; /* content-length (-1: none) and DATA bytes so far */
    size_t held;    /* received bytes whose stream window was not given back */
    size_t drained; /* since the last H2_EV_DRAINED */
    uint64_t
        sent_mark; /* place of our HEADERS, later of our RST_STREAM, in the connection's control frames */
    int64_t progress_us;    /* when out last moved, or became non-empty */
    int64_t waits_since_us; /* since then out is not empty; 0: it is */
    int64_t
        waited_us; /* time that bytes waited in out for a window or the socket, before that */
};

struct h2_conn_ops {
    /* Down side: the peer opens a stream. Returns a stream made with h2_stream_init, or NULL to answer REFUSED_STREAM. Called while frames are read: allocate only. */
    struct h2_stream *(*on_open)(struct h2_conn *, void *arg);
    /* What happened to a stream since the last time, all at once (enum h2_events). */
    void (*on_events)(struct h2_stream *, unsigned events);
    /* Up side: the peer's SETTINGS arrived (first time), or its stream limit changed. May be NULL. */
    void (*on_settings)(struct h2_conn *, void *arg);
    /* The transport has said TRANSPORT_CONNECTED: a down side may begin before the end of a TLS handshake, whose time is part of handshake_timeout_us. May be NULL. */
    void (*on_connected)(struct h2_conn *, void *arg);
    /* The peer sent GOAWAY: no new streams here. text: its debug data, at most 128 bytes. May be NULL. */
    void (*on_goaway)(struct h2_conn *, void *arg, uint32_t code, struct slice text);
    /* The connection is gone; every stream had its H2_EV_CLOSED before. note: a short plain text or "". The pointer is dead after this. */
    void (*on_closed)(struct h2_conn *, void *arg, int err, const char *note);
};

/* One per worker thread. All three pools stay the caller's and must outlive it; counters go to stats. Adds its turn hook and its half-second sweep to the loop. */
struct h2_worker *h2_worker_new(struct loop *loop, struct slab *slab,
                                struct buf_pool *bufs, struct stats *stats);
/* Ends what is still open (owners hear of it) and frees everything. Not from inside a turn. */
void h2_worker_free(struct h2_worker *w);
/* Most bytes that all connections of this worker may hold; above it windows are held back and stalled streams end after 5 s. 0: no limit. */
void h2_worker_set_buffer_limit(struct h2_worker *w, size_t bytes);
unsigned h2_worker_conns(const struct h2_worker *w);
struct slab *h2_worker_slab(const struct h2_worker *w);
struct buf_pool *h2_worker_bufs(const struct h2_worker *w);
struct loop *h2_worker_loop(const struct h2_worker *w);
struct stats *h2_worker_stats(const struct h2_worker *w);

/* Takes the transport over (also its callback). Up side: the transport must be connected; preface and SETTINGS leave in this turn. Down side: the session
 * starts when the client's 24-byte preface is complete. limits must outlive the connection. Never NULL. */
struct h2_conn *
h2_conn_open(struct h2_worker *w, struct transport *t, enum h2_side side,
             const struct h2_limits *limits, const struct h2_conn_ops *ops, void *arg);
/* Ends it now: GOAWAY with this code if HTTP/2 has begun, streams get H2_EV_CLOSED with err in this turn, then on_closed. Idempotent. */
void h2_conn_close(struct h2_conn *c, int err, enum h2_code code, const char *note);
/* Down side: two-step GOAWAY (RFC 9113 6.8): notice and PING, then the real last id when the PING returns or after 2 s, close when the last stream ended.
 * Up side: no GOAWAY, closes when the last stream ended. Idempotent. */
void h2_conn_drain(struct h2_conn *c);
bool h2_conn_draining(
    const struct h2_conn
        *c); /* we drain, or the peer said GOAWAY, or a write failed, or it is closed */
bool h2_conn_settled(const struct h2_conn *c); /* the peer's SETTINGS arrived */
unsigned h2_conn_streams(const struct h2_conn *c);
/* Up side: streams that may be opened now (peer's limit minus open ones; 0 while draining). */
unsigned h2_conn_free_streams(const struct h2_conn *c);
/* Another keepalive.time_us for this connection alone; 0: no PINGs. Counts from now. */
void h2_conn_set_keepalive_time(struct h2_conn *c, int64_t time_us);
/* Charges protocol oddities of the peer; may close the connection (ERR_FLOOD) at the end of the turn. */
void h2_conn_glitch(struct h2_conn *c, unsigned n);
/* Why it ended, in our words: which rule the peer broke, the error of the socket; "": nothing is known. Never the peer's bytes. */
const char *h2_conn_note(const struct h2_conn *c);
/* Of the last GOAWAY that came; 0: none, or without an error. */
uint32_t h2_conn_goaway_code(const struct h2_conn *c);
/* "ENHANCE_YOUR_CALM" (RFC 9113 7); "unknown". */
const char *h2_code_name(uint32_t code);
void *h2_conn_arg(const struct h2_conn *c);
uint64_t h2_conn_number(const struct h2_conn *c); /* for logs: 1, 2, 3 … in this worker */

/* Version of the HPACK library that runs. Any thread. */
const char *h2_library_version(void);

void h2_stream_init(struct h2_stream *s, struct h2_worker *w);
/* Frees buffers and blocks, releases what is held. The stream must not be open. The object itself is the owner's. */
void h2_stream_done(struct h2_stream *s);

/* Up side: opens a stream with this request. end: no body will follow. fields are copied, the strings must stay valid until H2_EV_CLOSED.
 * ERR_GOAWAY when the connection takes no new streams; ERR_NOMEM. When ids run out the connection drains by itself: h2_conn_draining says so right after this. */
int h2_stream_request(struct h2_conn *c, struct h2_stream *s,
                      const struct h2_field *fields, size_t n, bool end) MUST_CHECK;
/* Down side: sends response headers. end: Trailers-Only. Strings as above. */
int h2_stream_respond(struct h2_stream *s, const struct h2_field *fields, size_t n,
                      bool end) MUST_CHECK;
/* stream->out got more bytes (the owner appended or spliced them). */
void h2_stream_kick(struct h2_stream *s);
/* After out is empty our side ends: with trailers (n > 0; array and strings must stay valid until H2_EV_CLOSED) or with a bare END_STREAM. Once. */
void h2_stream_end(struct h2_stream *s, const struct h2_field *trailers, size_t n);
/* RST_STREAM; out is dropped, what still arrives is dropped. H2_EV_CLOSED follows. Idempotent. */
void h2_stream_reset(struct h2_stream *s, uint32_t code);
/* n received bytes left our memory: gives the sender their stream window back. Also after the stream closed (only the accounting moves then). */
void h2_stream_consume(struct h2_stream *s, size_t n);

#endif
