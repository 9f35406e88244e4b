/* SPDX-License-Identifier: Apache-2.0 */
/* h2/conn_int.h - what the files of room h2 share: the connection, the worker, the reader of frames, the output of one flush.
 * No other room includes this. */
#ifndef OUTRIGGER_H2_CONN_INT_H
#define OUTRIGGER_H2_CONN_INT_H

#include <nghttp2/nghttp2.h>

#include "base/bucket.h"
#include "base/compat.h"
#include "base/err.h"
#include "base/rand.h"
#include "h2/conn.h"
#include "h2/frame.h"
#include "h2/hpack.h"
#include "h2/plain_field.h"
#include "h2/table.h"
#include "loop/loop.h"
#include "loop/timer.h"
#include "net/transport.h"
#include "obs/stats.h"

enum {
    OUT_SCRATCH = 96 * 1024, /* bytes copied together for one write */
    OUT_IOV = 140,
    READ_SIZE = 256 * 1024,
    BLOCK_MAX =
        1024 * 1024 +
        128 *
            1024, /* a header block that we send: the largest that may be received (limits.maxHeaderBytes), and edits */
    NOTE_MAX = 160,
};

/* ---- output of the flush that is running (h2/output.c) ---- */
struct output {
    size_t used, total;
    int n;
    struct iovec iov[OUT_IOV];
    struct chunk *spent; /* taken out of their queues; given back after the write */
    uint8_t scratch[OUT_SCRATCH];
};

/* ---- a read that goes into chunks (h2/bulk.c) ---- */
enum { BULK_PIECES = 33 };

struct bulk {
    int n;                             /* 0: no such read is going on */
    int at;                            /* the piece that is being fed */
    struct chunk *chunks[BULK_PIECES]; /* NULL: a stream has taken it */
    struct iovec v[BULK_PIECES];       /* the bytes in them */
};

struct h2_worker {
    struct loop *loop;
    struct slab *slab;
    struct buf_pool *bufs;
    struct stats *stats;
    nghttp2_mem mem;                    /* the HPACK tables live in the slab */
    struct list conns, dirty[2], dying; /* dirty by enum h2_side */
    struct list backlogged, resume;     /* yielded in this turn; to be fed in the next */
    unsigned conn_count;
    uint32_t
        turn_streams;  /* new streams of clients in this turn, all connections together */
    uint32_t turn;     /* number of this turn; wraps around */
    size_t turn_bytes; /* read in it, all connections together */
    uint64_t numbers;
    struct rng rng; /* jitter */
    size_t held, held_limit;
    struct timer sweep;
    struct bulk bulk;
    struct output out;
    struct huff huff;
    uint8_t block
        [FRAME_HEAD +
         BLOCK_MAX]; /* a header block being encoded, behind room for its frame's header */
    uint8_t read_buf[READ_SIZE];
};

/* ---- flood counters and memory of closed streams (h2/gate.c) ---- */
struct gate_closed;

struct gate {
    uint32_t turn_frames, turn_streams; /* share of this loop turn used so far */
    uint32_t turn;                      /* the worker's number of that turn */
    uint64_t priorities, window_updates, pings, streams, data_out,
        blocks_out; /* a connection may live for weeks */
    uint8_t closed_at;
    bool forgot_ours;           /* a stream that we reset fell out of `closed` */
    struct gate_closed *closed; /* ring, made when the first stream closes */
};

/* ---- PINGs against silence, and those of clients (h2/keepalive.c) ---- */
struct keepalive {
    struct timer timer;
    int64_t time_us;    /* 0: off */
    int64_t wait_us;    /* time_us with its jitter */
    int64_t read_us;    /* when the last byte was read; only kept while on */
    int64_t ping_us;    /* the client's last PING that was no strike */
    uint64_t ping_sent; /* HEADERS and DATA that we had sent by then */
    bool waiting;       /* our PING is out */
    bool dormant;       /* silent for long enough, but there is no call: asleep */
    bool ping_seen;
    uint8_t strikes;
};

/* ---- reader of frames (h2/recv.c) ---- */
enum recv_mode { RECV_HEAD, RECV_SKIP, RECV_WHOLE, RECV_DATA, RECV_BLOCK };

struct recv {
    uint8_t hd[FRAME_HEAD], have; /* a frame header that came in pieces */
    uint8_t magic_left;           /* bytes of the client preface still to skip */
    uint8_t prefix; /* bytes before the content still to come: pad length, priority */
    bool pad_known;
    uint8_t priority_at, priority[5];
    enum recv_mode mode;
    struct frame f;     /* the frame being read */
    uint32_t left, pad; /* payload bytes to come, padding at their end */
    uint8_t *whole;     /* a small payload that came in pieces */
    uint32_t whole_n;
    struct h2_stream *stream; /* of this DATA frame; NULL: nobody wants it */
    /* header block, over HEADERS and its CONTINUATIONs */
    bool in_block, block_end_stream, block_refused;
    bool block_fields, field_open; /* a field was read; the decoder is inside one */
    bool unsure; /* the decoder's table may hold a field that was not found legal */
    int32_t block_id;
    uint32_t block_bytes;
    uint32_t block_dropped; /* decoded bytes of a block that nobody keeps */
    unsigned continuations;
    int64_t block_since_us;
    struct h2_stream *block; /* NULL: decoded and dropped */
};

enum conn_state { CONN_PREFACE, CONN_OPEN, CONN_CLOSED, CONN_LINGER };

struct h2_conn {
    struct ref ref;
    struct h2_worker *w;
    struct transport *t;
    const struct h2_conn_ops *ops;
    void *arg;
    const struct h2_limits *lim;
    struct list link, dirty, dying, backlogged;
    struct list streams;   /* open */
    struct list resetting; /* our RST_STREAM is not on the socket yet */
    struct list ready;     /* events to tell */
    struct list senders;   /* have bytes and window */
    struct stream_table table;
    nghttp2_hd_inflater *inflater;
    struct hpack encoder;
    struct buf ctl;       /* encoded frames that need no window, in order */
    struct buf outq;      /* what the socket did not take */
    unsigned ctl_answers; /* frames in ctl that the peer's input caused */
    uint64_t ctl_made, ctl_moved,
        ctl_batch; /* bytes put into ctl, moved to the output, and moved when the last output began */
    uint64_t out_made, out_written, out_batch;
    uint8_t *backlog; /* read but not yet fed: the turn's share was used up */
    size_t backlog_at, backlog_len;
    uint64_t number;
    struct recv recv;
    struct gate gate;
    struct keepalive alive;
    struct bucket glitches, resets;
    enum h2_side side;
    enum conn_state state;
    bool settled; /* the peer's SETTINGS arrived */
    bool acked;   /* the peer acked ours */
    bool draining, final_goaway, peer_goaway, terminating;
    bool lost; /* a write failed. Beside those above, so that one test asks for all */
    bool goaway_news, settings_news; /* to be told after the feed */
    bool want_write, want_read, flooded, warned;
    bool held_back; /* too little of its window is out */
    bool paused;    /* not read, as the worker is full */
    bool aged;      /* it drains because of its age */
    unsigned stream_count;
    uint32_t max_requests; /* 0: no limit */
    int32_t max_id;        /* highest stream that the peer opened */
    int32_t last_id;       /* with final_goaway: the last one that we take */
    int32_t next_id;       /* next stream of ours */
    uint32_t peer_max_streams;
    int32_t peer_window;              /* the peer's SETTINGS_INITIAL_WINDOW_SIZE */
    int64_t send_window, recv_window; /* of the connection */
    uint32_t stream_window; /* what a stream with a fast reader is granted now */
    uint32_t conn_window;   /* what we grant the connection now */
    size_t
        recv_due; /* connection credit not announced yet; with recv_window it makes conn_window */
    uint32_t last_read; /* bytes of the last read */
    uint32_t recv_turn; /* DATA bytes of this feed, connection credit due */
    size_t held;
    /* bandwidth-delay estimate (h2/flow.c) */
    bool bdp_ping;
    uint32_t bdp_bytes, bdp_quiet;
    int64_t bdp_since_us;
    int64_t opened_us, idle_since_us, write_progress_us;
    int64_t
        hoards_us; /* when h2/sweep.c last found that it fills a backend connection and takes nothing */
    int64_t drain_since_us; /* since the first GOAWAY, then since the second */
    int64_t idle_us, age_due_us;
    const char *goaway_text; /* debug data of our GOAWAYs; NULL: none */
    int close_err;
    int drain_err; /* why it drains; ERR_OK: the owner wants it */
    uint32_t goaway_code;
    uint8_t pre_len;
    uint8_t pre[FRAME_MAGIC_LEN];
    /* For h2/view.h, off the path of streams that end well: our PINGs, streams refused, streams that ended badly. */
    uint64_t pings, refused, failed;
    char note[NOTE_MAX];
};

/* headers.c */
enum header_fault { HEADER_GOOD, HEADER_ILLEGAL, HEADER_MALFORMED };
int headers_add(struct h2_headers *h, struct slab *slab, const struct h2_limits *lim,
                const nghttp2_nv *nv, enum h2_token token);
bool headers_grow(struct h2_headers *h, struct slab *slab); /* false: no memory */

/* check.c: RFC 9113 section 8 */
enum header_fault check_name(const uint8_t *p, size_t n);
bool check_value(const uint8_t *p, size_t n);
/* legal: name and value were found to have only legal bytes before. */
enum header_fault
check_field(const struct h2_headers *h, enum h2_side side, bool trailers,
            const nghttp2_nv *nv, enum h2_token token, bool legal);
bool
check_block(const struct h2_headers *h, enum h2_side side); /* a complete first block */
bool check_length(const struct h2_headers *h,
                  int64_t *ret_length); /* content-length; -1: none */

/* recv.c */
size_t recv_feed(struct h2_conn *c, const uint8_t *p, size_t n, bool *ret_yield);
void recv_done(struct h2_conn *c);

/* read.c */
bool conn_read(struct h2_conn *c); /* false: nothing came, or the connection failed */
void conn_feed(struct h2_conn *c, const uint8_t *p, size_t n);
/* After a piece of input. n > 0: the pieces of `rest` are for the next turn. */
void conn_fed(struct h2_conn *c, const struct iovec *rest, int n);
void conn_resume_backlog(struct h2_conn *c);

/* bulk.c */
/* True: the next read should go into chunks, and they are there. bulk_read must follow, then bulk_feed with what it said, if that is above 0. */
bool bulk_begin(struct h2_conn *c);
ssize_t bulk_read(struct h2_conn *c);
void bulk_feed(struct h2_conn *c, size_t n);
/* The chunk of these payload bytes when it holds little else. The caller owns it then; NULL: copy them. */
struct chunk *bulk_take(struct bulk *b, const uint8_t *p, size_t n);

/* block.c: header blocks, in and out */
void block_begin(struct h2_conn *c, const struct frame *f);
void block_feed(struct h2_conn *c, const uint8_t *p, size_t n, bool last);
void block_end(struct h2_conn *c);
int block_send(struct h2_conn *c, const struct h2_field *fields, size_t n, int32_t id,
               bool end);

/* control.c: frames about the connection, in and out */
int control_start(struct h2_conn *c); /* preface, SETTINGS, HPACK tables */
bool
control_check(struct h2_conn *c, const struct frame *f); /* false: the connection ends */
void control_frame(struct h2_conn *c, const struct frame *f, const uint8_t *p);
void control_put(struct h2_conn *c, uint8_t type, uint8_t flags, int32_t id,
                 const void *payload, size_t n);
void control_answer(struct h2_conn *c, uint8_t type, uint8_t flags, int32_t id,
                    const void *payload, size_t n);
void control_goaway(struct h2_conn *c, int32_t last_id, uint32_t code);
void control_window(struct h2_conn *c, int32_t id, uint32_t n);

/* send.c */
void stream_close(struct h2_conn *c, struct h2_stream *s, int err, uint32_t code);
void stream_error(struct h2_conn *c, struct h2_stream *s, uint32_t code);
void stream_open(struct h2_conn *c, struct h2_stream *s, int32_t id);
void stream_ended_in(struct h2_conn *c, struct h2_stream *s);
void stream_wake(struct h2_conn *c, struct h2_stream *s);
bool send_some(struct h2_conn *c); /* one DATA frame; false: nobody can send */
void send_resets_done(struct h2_conn *c, bool all);

/* gate.c */
bool gate_share_used(const struct h2_conn *c, const struct frame *f);
void gate_count(struct h2_conn *c, const struct frame *f);
void gate_note_closed(struct h2_conn *c, int32_t id, bool by_us);
enum gate_closed_by { GATE_UNKNOWN, GATE_BY_US, GATE_BY_PEER };
enum gate_closed_by gate_find_closed(const struct h2_conn *c, int32_t id);
void gate_done(struct h2_conn *c);

/* keepalive.c: PINGs */
void keepalive_init(struct h2_conn *c);
void keepalive_start(struct h2_conn *c); /* HTTP/2 has begun */
void keepalive_answered(struct h2_conn *c);
void keepalive_wake(struct h2_conn *c);
void keepalive_stop(struct h2_conn *c);
void keepalive_police(struct h2_conn *c);

/* Bytes were read. */
static inline void
keepalive_note_read(struct h2_conn *c)
{
    if (c->alive.time_us == 0)
        return;
    c->alive.read_us = loop_now_us(c->w->loop);
    if (UNLIKELY(c->alive.waiting))
        keepalive_answered(c);
}

/* keepalive.c: how long a connection of a client may live */
void age_start(struct h2_conn *c);
void age_count_request(struct h2_conn *c); /* with max_requests only */
void age_sweep(struct h2_conn *c, int64_t now);

/* flow.c */
/* The worker holds more than its share of maxBufferedBytes. */
static inline bool
flow_over(const struct h2_worker *w)
{
    return w->held_limit > 0 && w->held > w->held_limit;
}
void
flow_received_data(struct h2_conn *c, struct h2_stream *s, const uint8_t *p, size_t n);
void flow_unwanted(struct h2_conn *c, struct h2_stream *s, size_t n);
void flow_detach(struct h2_conn *c, struct h2_stream *s);
void flow_after_feed(struct h2_conn *c);
void flow_repay(struct h2_conn *c);
bool flow_full(const struct h2_conn *c);
size_t flow_read_size(const struct h2_conn *c);
void flow_ping_ack(struct h2_conn *c);
bool flow_ping_ours(const uint8_t *opaque);

/* output.c */
void output_bytes(struct output *o, const void *p, size_t n);
bool output_full(const struct output *o, size_t limit);
void output_from(struct output *o, struct h2_worker *w, struct buf *from, size_t n);
int output_write(struct h2_conn *c);      /* what was gathered; the rest goes to outq */
int output_write_rest(struct h2_conn *c); /* outq */

/* flush.c */
void conn_flush(struct h2_conn *c);
void conn_update_want(struct h2_conn *c);

/* conn.c */
void conn_dirty(struct h2_conn *c);
void conn_note(struct h2_conn *c, struct h2_stream *s, unsigned event);
/* What TLS says about the end of the transport, which may be the peer's alert; "": nothing. */
const char *conn_tls_why(const struct h2_conn *c);
void conn_fail(struct h2_conn *c, int err, const char *note);
void conn_terminate(struct h2_conn *c, int err, uint32_t code, const char *note);
void conn_note_first_bytes(struct h2_conn *c);
void conn_retire(struct h2_conn *c, int err, const char *goaway_text);
void conn_finish(struct h2_conn *c);
void conn_drain_notice(struct h2_conn *c);
bool conn_drain_ping(const uint8_t *opaque);
void conn_check_end(struct h2_conn *c);
void conn_tell(struct h2_conn *c);
void conn_bury(struct h2_conn *c);
/* ending.c: once, with the end. */
void conn_count_end(const struct h2_conn *c);
bool conn_never_sent(const struct h2_conn *c, uint64_t mark);
void conn_on_transport(void *arg, int what);

/* sweep.c */
void conn_sweep(struct h2_conn *c, int64_t now);

/* preface.c */
void preface_read(struct h2_conn *c, const uint8_t *p, size_t n);

#endif
