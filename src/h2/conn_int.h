/* SPDX-License-Identifier: Apache-2.0 */
/* h2/conn_int.h - what the files of room h2 share: the connection, the worker, the frame gate, the output of one flush.
 * No other room includes this. */
#ifndef OUTRIGGER_H2_CONN_INT_H
#define OUTRIGGER_H2_CONN_INT_H

#include <nghttp2/nghttp2.h>

#include "base/bucket.h"
#include "base/err.h"
#include "h2/conn.h"
#include "loop/loop.h"
#include "loop/timer.h"
#include "net/transport.h"
#include "obs/stats.h"

enum {
    OUT_SCRATCH = 96 * 1024, /* bytes copied together for one write */
    OUT_IOV = 64,
    READ_SIZE = 128 * 1024,
    GATE_HISTORY = 32,
    NOTE_MAX = 160,
};

/* ---- output of the flush that is running (h2/output.c) ---- */
struct output {
    size_t used, total;
    int n;
    struct iovec iov[OUT_IOV];
    struct chunk *own[OUT_IOV]; /* chunk that an entry points into; NULL: scratch */
    uint8_t scratch[OUT_SCRATCH];
};

struct h2_worker {
    struct loop *loop;
    struct slab *slab;
    struct buf_pool *bufs;
    struct stats *stats;
    nghttp2_mem mem;
    nghttp2_session_callbacks *callbacks;
    struct list conns, dirty[2], dying; /* dirty by enum h2_side */
    struct list backlogged, yielded;    /* with input to feed in this turn, in the next one */
    unsigned conn_count;
    uint64_t numbers;
    size_t held, held_limit;
    struct timer sweep;
    struct output out;
    uint8_t read_buf[READ_SIZE];
};

/* ---- frame gate (h2/gate.c): looks at frame headers before the library sees them ---- */
struct gate_closed {
    int32_t id;
    bool by_us; /* we reset it: what still arrives is to be ignored */
};

struct gate {
    uint8_t hd[9], have;
    bool in_block;      /* HEADERS without END_HEADERS was seen */
    bool cut_after;     /* hand the library what we have when this frame ends */
    uint8_t magic_left; /* bytes of the client preface still to pass */
    uint32_t left;      /* payload bytes of the current frame still to come */
    int32_t max_id;     /* highest stream the peer opened */
    uint32_t block_bytes;
    int64_t block_since_us; /* 0: no header block is incomplete */
    uint32_t turn_frames, turn_streams;
    uint64_t priorities, window_updates, streams, data_out; /* a connection may live for weeks */
    uint8_t closed_at;
    bool forgot_ours;    /* a stream that we reset fell out of `closed` */
    struct gate_closed *closed; /* ring of GATE_HISTORY, made when the first stream closes */
};

enum gate_verdict { GATE_PASS, GATE_YIELD, GATE_CLOSE };

enum conn_state { CONN_PREFACE, CONN_OPEN, CONN_CLOSED, CONN_LINGER };

struct h2_conn {
    struct ref ref;
    struct h2_worker *w;
    struct transport *t;
    nghttp2_session *session; /* NULL until the preface is complete */
    const struct h2_conn_ops *ops;
    void *arg;
    const struct h2_limits *lim;
    struct list link, dirty, dying, backlogged;
    struct list streams, ready;
    struct h2_stream *cur;   /* stream whose header block is being read */
    struct h2_stream *sending; /* stream of the HEADERS or DATA frame that is being sent */
    struct h2_stream *last;  /* stream of the last DATA frame: saves a map look-up */
    struct buf outq;         /* what the socket did not take */
    uint8_t *backlog;        /* read but not yet fed: the turn's share was used up */
    size_t backlog_at, backlog_len, backlog_size;
    uint64_t number, out_made, out_written;
    struct gate gate;
    struct bucket glitches, resets;
    enum h2_side side;
    enum conn_state state;
    bool settled;        /* the peer's SETTINGS arrived */
    bool acked;          /* the peer acked ours */
    bool draining, final_goaway, peer_goaway, terminating;
    bool goaway_news, settings_news; /* to be told after the library returned */
    bool want_write, want_read, in_library, flooded, warned;
    bool held_back;
    unsigned stream_count;
    uint32_t peer_max_streams;
    uint32_t recv_turn;    /* DATA bytes of this feed, connection credit due */
    uint32_t dropped_bytes; /* of a header block that nobody keeps, decoded */
    size_t peer_queued;    /* frames in the library's queue that the peer's input caused, at most */
    size_t held, credit_owed;
    /* bandwidth-delay estimate (h2/flow.c) */
    bool bdp_ping;
    uint32_t bdp_bytes, bdp_window, bdp_quiet;
    int64_t bdp_since_us;
    int64_t opened_us, idle_since_us, write_progress_us, drain_since_us;
    int close_err;
    uint32_t goaway_code;
    uint8_t pre_len;
    uint8_t pre[24];
    char note[NOTE_MAX];
};

/* headers.c */
int headers_add(struct h2_headers *h, struct slab *slab, const struct h2_limits *lim,
                nghttp2_rcbuf *name, nghttp2_rcbuf *value, uint8_t flags);

/* session.c: the library's callbacks and the making of a session */
nghttp2_session_callbacks *session_callbacks_new(void);
int session_start(struct h2_conn *c);

/* send.c */
void stream_submit_out(struct h2_stream *s);

/* gate.c */
size_t gate_scan(struct h2_conn *c, const uint8_t *p, size_t n, enum gate_verdict *ret_verdict);
void gate_note_closed(struct h2_conn *c, int32_t id, bool by_us);
void gate_done(struct h2_conn *c);

/* flow.c */
void flow_received(struct h2_conn *c, struct h2_stream *s, size_t n);
void flow_detach(struct h2_conn *c, struct h2_stream *s);
void flow_after_feed(struct h2_conn *c);
void flow_ping_ack(struct h2_conn *c, const uint8_t *opaque);
bool flow_ping_ours(const uint8_t *opaque);

/* output.c */
void output_bytes(struct output *o, const void *p, size_t n);
void output_chunk(struct output *o, struct chunk *c);
bool output_full(const struct output *o, size_t limit);
int output_write(struct h2_conn *c);      /* what was gathered; the rest goes to outq */
int output_write_rest(struct h2_conn *c); /* outq */

/* flush.c */
void conn_flush(struct h2_conn *c);
void conn_update_want(struct h2_conn *c);

/* conn.c */
void conn_dirty(struct h2_conn *c);
void conn_note(struct h2_conn *c, struct h2_stream *s, unsigned event);
void conn_fail(struct h2_conn *c, int err, const char *note);
void conn_terminate(struct h2_conn *c, int err, uint32_t code, const char *note);
void conn_feed(struct h2_conn *c, const uint8_t *p, size_t n);
void conn_finish(struct h2_conn *c);
void conn_resume_backlog(struct h2_conn *c);
void conn_check_end(struct h2_conn *c);
void conn_tell(struct h2_conn *c);
void conn_bury(struct h2_conn *c);
void conn_on_transport(void *arg, int what);

/* sweep.c */
void conn_sweep(struct h2_conn *c, int64_t now);

/* preface.c */
void preface_read(struct h2_conn *c, const uint8_t *p, size_t n);

#endif
