/* SPDX-License-Identifier: Apache-2.0 */
/* h2/view.c - reads what the connection counts anyway. */
#include "h2/view.h"

#include "h2/conn_int.h"

void
h2_view_get(const struct h2_conn *c, struct h2_view *ret)
{
    *ret = (struct h2_view){
        .transport = c->t,
        /* Ours have the ids 1, 3, 5 … */
        .streams = c->side == H2_DOWN ? c->gate.streams : (uint64_t)c->next_id / 2,
        .refused = c->refused,
        .failed = c->failed,
        .open = c->stream_count,
        .keepalives = c->pings,
        .recv_window = c->recv_window,
        .send_window = c->send_window,
    };
}
