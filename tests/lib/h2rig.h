/* SPDX-License-Identifier: Apache-2.0 */
/* tests/lib/h2rig.h - h2 connections in memory on a virtual clock, and an owner that notes all that it is told.
 * A rig has one worker and up to two connections of ours: rig->conn[H2_DOWN] and rig->conn[H2_UP]. Each faces an h2peer, or the other.
 * rig_close checks what must always be true at the end: each stream had exactly one H2_EV_CLOSED, nothing is held,
 * no memory of slab and buffer pool is out. It aborts otherwise. No cmocka here: fuzz targets use it too. */
#ifndef OUTRIGGER_TESTS_LIB_H2RIG_H
#define OUTRIGGER_TESTS_LIB_H2RIG_H

#include "base/buf.h"
#include "base/err.h"
#include "base/list.h"
#include "h2/conn.h"
#include "h2peer.h"
#include "loop/loop.h"
#include "obs/stats.h"
#include "vclock.h"

struct rig;
struct rig_conn;

struct rig_stream {
    struct h2_stream s;
    struct rig_conn *conn;
    struct list link;
    unsigned seen;   /* all events so far */
    unsigned told;   /* calls of on_events */
    unsigned closed; /* H2_EV_CLOSED counted */
    struct buf got;  /* body, when the rig eats it */
    bool drop;       /* forget the object when it closes */
    void *extra;
    struct h2_field fields[16]; /* for rig_request and rig_respond */
};

typedef void rig_fn(struct rig_stream *s, unsigned events);

struct rig_conn {
    struct rig *rig;
    struct h2_conn *h2; /* NULL: never opened or closed */
    struct h2_limits lim;
    struct h2peer *peer; /* NULL: it faces the other connection */
    struct list streams; /* oldest first, closed ones too */
    unsigned opens, closes, goaways, settings;
    bool refuse;   /* on_open answers NULL */
    unsigned most; /* on_open answers NULL after so many; 0: no limit */
    bool eat;      /* what arrives is moved to got and credited at once (default) */
    bool drop;     /* streams that close are forgotten at once */
    int err;       /* of on_closed */
    char note[200];
    uint32_t goaway_code;
    char goaway_text[160];
    rig_fn *on_events; /* after the rig noted them; may be NULL */
};

struct rig {
    struct vclock clock;
    struct loop *loop;
    struct slab *slab;
    struct buf_pool *bufs;
    struct stats stats;
    struct h2_worker *w;
    struct rig_conn conn[2];
    struct h2peer peers[2];
};

void rig_open(struct rig *r);
/* Ends all and checks; see above. */
void rig_close(struct rig *r);
/* A connection of ours against a raw peer. room and step: see mempair_new. The peer sends nothing by itself. */
struct rig_conn *rig_connect(struct rig *r, enum h2_side side, size_t room, size_t step);
/* Both sides are ours. */
void rig_connect_both(struct rig *r, size_t room, size_t step);
/* The usual start: preface, SETTINGS both ways, acks. */
void rig_greet(struct rig *r, enum h2_side side);

/* Turns until nothing moves any more (time stands still). */
void rig_run(struct rig *r);
void rig_turns(struct rig *r, unsigned n);
/* Time passes in steps of 100 ms, everything runs in between. */
void rig_wait_ms(struct rig *r, int64_t ms);

/* Requests of our up side; NULL-ended names and values after the usual pseudo headers. Opens in this call; run the rig to see it go. */
struct rig_stream *rig_request(struct rig *r, bool end);
int rig_request_err(struct rig *r, bool end, struct rig_stream **ret);
/* The stream with this id, or the nth that was opened; NULL: none. */
struct rig_stream *rig_stream(struct rig *r, enum h2_side side, int32_t id);
struct rig_stream *rig_stream_at(struct rig *r, enum h2_side side, size_t nth);
/* 200 + content-type application/grpc; end: with grpc-status 0, all in one. */
int rig_respond(struct rig_stream *s, bool end);
/* n bytes of a pattern that goes on from earlier calls. */
void rig_send(struct rig_stream *s, size_t n);
/* END_STREAM with trailers (grpc-status: 0, x-n: 1) or bare. */
void rig_end(struct rig_stream *s, bool trailers);
/* Is b the pattern of rig_send from its start? */
bool rig_pattern_ok(const struct buf *b);
int64_t rig_stat(const struct rig *r, enum stat_id id);

#endif
