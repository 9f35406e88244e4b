/* SPDX-License-Identifier: Apache-2.0 */
/* h2/read.c - from the transport to the reader of frames: one read per turn, or a few while turns are short; what is beyond the connection's
 * share of the turn waits in its backlog, and nothing more is read until that was fed. */
#include "h2/conn_int.h"

#include <string.h>

#include "base/slab.h"

/* A turn that read less than this may take in more: its calls share their writes. */
enum { TURN_BYTES_FEW = 32 * 1024 };

enum { FRAME_TYPE_AT = 3 }; /* in its head */

/* Keeps input beyond this turn's share; reading stops until it was fed. */
static void
conn_store_backlog(struct h2_conn *c, const struct iovec *v, int n)
{
    size_t len = 0;
    uint8_t *to;

    stat_inc(c->w->stats, STAT_TURN_YIELDS);
    for (int i = 0; i < n; i++)
        len += v[i].iov_len;
    if (c->backlog) { /* the one piece is its end */
        c->backlog_at = (size_t)((const uint8_t *)v->iov_base - c->backlog);
    } else {
        c->backlog = to = slab_malloc(c->w->slab, len);
        if (!to) {
            conn_fail(c, ERR_NOMEM, "no memory");
            return;
        }
        for (int i = 0; i < n; to += v[i++].iov_len)
            memcpy(to, v[i].iov_base, v[i].iov_len);
        c->backlog_at = 0;
    }
    c->backlog_len = len;
    list_append(&c->w->backlogged, &c->backlogged);
    loop_again(c->w->loop);
}

void
conn_fed(struct h2_conn *c, const struct iovec *rest, int n)
{
    if (c->flooded)
        conn_terminate(c, ERR_FLOOD, H2_ENHANCE_YOUR_CALM,
                       "too many protocol oddities or resets");
    else if (n > 0 && !c->terminating)
        conn_store_backlog(c, rest, n);
    if (c->terminating && c->side == H2_UP && !c->settled)
        conn_note_first_bytes(c);
    if (c->state == CONN_OPEN)
        flow_after_feed(c);
    conn_tell(c);
    conn_check_end(c);
    conn_update_want(c);
}

void
conn_feed(struct h2_conn *c, const uint8_t *p, size_t n)
{
    bool yield = false;
    size_t k = recv_feed(c, p, n, &yield);
    struct iovec rest = { .iov_base = (void *)(uintptr_t)(p + k), .iov_len = n - k };

    conn_fed(c, &rest, yield ? 1 : 0);
}

void
conn_resume_backlog(struct h2_conn *c)
{
    uint8_t *b = c->backlog;
    size_t n = c->backlog_len;

    c->gate.turn_frames = c->gate.turn_streams = 0;
    c->backlog_len = 0;
    conn_feed(c, b + c->backlog_at, n);
    if (c->backlog_len == 0) {
        slab_give(c->w->slab, b);
        c->backlog = NULL;
        conn_update_want(c);
    }
}

/* A connection may be read more than once in a turn; its share stays one. */
static void
conn_note_turn(struct h2_conn *c, size_t n)
{
    struct h2_worker *w = c->w;

    if (c->gate.turn != w->turn) {
        c->gate.turn = w->turn;
        c->gate.turn_frames = c->gate.turn_streams = 0;
    }
    w->turn_bytes += n;
    loop_look(w->loop, w->turn_bytes < TURN_BYTES_FEW);
}

/* Less than a frame, and not the beginning of one of SETTINGS: what else has so little to say? */
static bool
conn_began_badly(const struct h2_conn *c)
{
    return c->side == H2_UP && !c->settled && c->pre_len > FRAME_TYPE_AT &&
           c->pre[FRAME_TYPE_AT] != FRAME_SETTINGS;
}

static void
conn_read_failed(struct h2_conn *c, ssize_t n)
{
    if (n == ERR_AGAIN)
        return;
    conn_fail(c, ERR_CONN_LOST,
              n == ERR_EOF         ? "the peer closed the connection"
              : conn_tls_why(c)[0] ? conn_tls_why(c)
                                   : strerror(c->t->sys_errno));
    if (conn_began_badly(c))
        conn_note_first_bytes(c);
}

/* How a backend begins is kept until it proved to speak HTTP/2. */
static void
conn_keep_first_bytes(struct h2_conn *c, size_t n)
{
    size_t room = sizeof(c->pre) - c->pre_len;
    size_t k = n < room ? n : room;

    memcpy(c->pre + c->pre_len, c->w->read_buf, k);
    c->pre_len = (uint8_t)(c->pre_len + k);
}

bool
conn_read(struct h2_conn *c)
{
    size_t most = flow_read_size(c);
    bool bulk = most == READ_SIZE && bulk_begin(c);
    ssize_t n = bulk ? bulk_read(c) : transport_read(c->t, c->w->read_buf, most);

    if (n <= 0) {
        conn_read_failed(c, n);
        return false;
    }
    conn_note_turn(c, (size_t)n);
    c->last_read = (uint32_t)n;
    keepalive_note_read(c);
    if (bulk) {
        bulk_feed(c, (size_t)n);
        return true;
    }
    if (c->state == CONN_PREFACE) {
        preface_read(c, c->w->read_buf, (size_t)n);
        return true;
    }
    if (c->side == H2_UP && !c->settled)
        conn_keep_first_bytes(c, (size_t)n);
    conn_feed(c, c->w->read_buf, (size_t)n);
    return true;
}
