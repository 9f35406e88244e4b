/* SPDX-License-Identifier: Apache-2.0 */
/* h2/flush.c - everything that a connection has to say in one turn leaves with one write. */
#include "h2/conn_int.h"

enum { FLUSH_ROUNDS = 4, BLOCKED_QUEUE = 256, LAST_ROUNDS = 2 * 16 };

/* While the socket is full and our answers pile up, reading more would only make it grow further (reliability.md 0.2-0.4). */
void
conn_update_want(struct h2_conn *c)
{
    bool write = c->outq.len > 0;
    bool read = !c->terminating && c->backlog_len == 0;

    if (c->state == CONN_CLOSED || c->state == CONN_LINGER)
        return;
    if (write && c->ctl_answers > BLOCKED_QUEUE)
        read = false;
    if (flow_full(c)) {
        read = false;
        if (!c->paused)
            stat_inc(c->w->stats, STAT_READS_PAUSED);
        c->paused = true;
    } else {
        c->paused = false;
    }
    if (read == c->want_read && write == c->want_write)
        return;
    c->want_read = read;
    c->want_write = write;
    transport_want(c->t, read, write);
}

/* Frames without a window first, in their order. */
static void
flush_ctl(struct h2_conn *c)
{
    struct output *o = &c->w->out;

    while (c->ctl.len && !output_full(o, c->lim->write_buffer)) {
        size_t n = c->ctl.len < FRAME_PAYLOAD_MAX ? c->ctl.len : FRAME_PAYLOAD_MAX;

        output_from(o, c->w, &c->ctl, n);
        c->ctl_moved += n;
    }
    if (c->ctl.len == 0)
        c->ctl_answers = 0;
}

/* Fills the worker's output. True: more is waiting. DATA only flows when no header block stands in front of it. */
static bool
flush_make(struct h2_conn *c)
{
    struct output *o = &c->w->out;

    c->ctl_batch = c->ctl_moved;
    c->out_batch = c->out_made;
    flush_ctl(c);
    while (c->ctl.len == 0 && !output_full(o, c->lim->write_buffer)) {
        if (!send_some(c))
            return false;
        flush_ctl(c); /* trailers behind the last bytes */
    }
    return true;
}

static int
flush_write(struct h2_conn *c)
{
    int rv = output_write_rest(c);

    for (int round = 0; rv == ERR_OK && round < FLUSH_ROUNDS; round++) {
        bool more = flush_make(c);

        rv = output_write(c);
        if (!more)
            break;
    }
    if (rv == ERR_OK &&
        (c->ctl.len || (c->send_window > 0 && !list_empty(&c->senders)))) {
        conn_dirty(c); /* its share of this turn is used up */
        loop_again(c->w->loop);
    }
    return rv;
}

/* One more piece of what the peer said, if only from the backlog. False: there is none. */
static bool
flush_hear(struct h2_conn *c)
{
    if (c->state != CONN_OPEN || c->terminating)
        return false;
    if (c->backlog_len == 0)
        return conn_read(c);
    list_remove(&c->backlogged);
    conn_resume_backlog(c);
    return true;
}

/* A write failed. What a backend said before may still lie in the socket or wait for its turn: answers, or the GOAWAY that lets calls be repeated elsewhere. Its turns
 * come now, as there will be no others. Whoever is told something meanwhile may want to try a call again, and must not do that here: hence `lost`, before anybody is told.
 *
 * The bound is a full connection window in full reads, and as many shares of a turn for small frames: what an honest backend can have on its way. The rest is lost, as it
 * would be with a backend that left before it was sent. */
static void
flush_lost(struct h2_conn *c)
{
    int rounds = c->side == H2_UP ? LAST_ROUNDS : 0;

    c->lost = true;
    send_resets_done(c, false);
    conn_tell(c);
    while (rounds-- > 0 && flush_hear(c))
        ;
    conn_fail(c, ERR_CONN_LOST, conn_tls_why(c));
}

void
conn_flush(struct h2_conn *c)
{
    int rv;

    if (c->state != CONN_OPEN && !(c->state == CONN_PREFACE && c->outq.len))
        return;
    rv = c->state == CONN_OPEN ? flush_write(c) : output_write_rest(c);
    if (rv == ERR_CONN_LOST) {
        flush_lost(c);
        return;
    }
    send_resets_done(c, false);
    conn_tell(c);
    if (rv != ERR_OK && rv != ERR_AGAIN) {
        conn_fail(c, rv, "");
        return;
    }
    if (c->flooded)
        conn_terminate(c, ERR_FLOOD, H2_ENHANCE_YOUR_CALM,
                       "too many protocol oddities or resets");
    conn_check_end(c);
    conn_update_want(c);
}
