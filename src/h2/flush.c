/* SPDX-License-Identifier: Apache-2.0 */
/* h2/flush.c - everything that a connection has to say in one turn leaves with one write. */
#include "h2/conn_int.h"

enum { FLUSH_ROUNDS = 4, BLOCKED_QUEUE = 256 };

/* While the socket is full and the peer's frames make the library's queue grow, reading more would only make it grow further (reliability.md
 * 0.2-0.4). What we queued ourselves does not count: two proxies that stop reading for their own output would wait for each other. */
void
conn_update_want(struct h2_conn *c)
{
    bool write = c->outq.len > 0;
    bool read = !c->terminating && c->backlog_len == 0;

    if (c->state == CONN_CLOSED || c->state == CONN_LINGER)
        return;
    if (write && c->session && c->peer_queued > BLOCKED_QUEUE) {
        size_t queued = nghttp2_session_get_outbound_queue_size(c->session);

        if (c->peer_queued > queued)
            c->peer_queued = queued;
        read = read && c->peer_queued <= BLOCKED_QUEUE;
    }
    if (read == c->want_read && write == c->want_write)
        return;
    c->want_read = read;
    c->want_write = write;
    transport_want(c->t, read, write);
}

/* Fills the worker's output. Returns 1: more is waiting, 0: all made, < 0: the session is broken. */
static int
flush_make(struct h2_conn *c)
{
    struct output *o = &c->w->out;

    while (!output_full(o, c->lim->write_buffer)) {
        const uint8_t *p;
        ssize_t n = nghttp2_session_mem_send(c->session, &p);

        if (n < 0)
            return ERR_PROTOCOL;
        if (n == 0)
            return output_full(o, c->lim->write_buffer);
        output_bytes(o, p, (size_t)n);
    }
    return 1;
}

static int
flush_write(struct h2_conn *c)
{
    int rv = output_write_rest(c);

    for (int round = 0; rv == ERR_OK && round < FLUSH_ROUNDS; round++) {
        int more = flush_make(c);

        rv = output_write(c);
        if (more < 0)
            return more;
        if (!more)
            return rv;
    }
    if (rv == ERR_OK) {
        conn_dirty(c); /* its share of this turn is used up */
        loop_again(c->w->loop);
    }
    return rv;
}

void
conn_flush(struct h2_conn *c)
{
    int rv;

    if (c->state != CONN_OPEN && !(c->state == CONN_PREFACE && c->outq.len))
        return;
    rv = c->session ? flush_write(c) : output_write_rest(c);
    conn_tell(c);
    if (rv != ERR_OK && rv != ERR_AGAIN) {
        conn_fail(c, rv == ERR_CONN_LOST ? ERR_CONN_LOST : rv, "");
        return;
    }
    if (c->flooded)
        conn_terminate(c, ERR_FLOOD, H2_ENHANCE_YOUR_CALM, "too many protocol oddities or resets");
    conn_check_end(c);
    conn_update_want(c);
}
