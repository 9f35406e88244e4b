/* SPDX-License-Identifier: Apache-2.0 */
/* h2/view.h - what a connection looks like from outside, for pages. Costs nothing until somebody asks. The connection's thread. */
#ifndef OUTRIGGER_H2_VIEW_H
#define OUTRIGGER_H2_VIEW_H

#include <stdint.h>

struct h2_conn;
struct transport;

struct h2_view {
    struct transport *transport; /* NULL: it is gone */
    uint64_t streams;            /* opened so far by the client of the two */
    uint64_t refused;            /* of them, on the down side: no call came of it */
    uint64_t
        failed; /* of them: ended by a reset or a GOAWAY, of either side; the refused ones are not in it */
    uint64_t open;
    uint64_t keepalives; /* PINGs of ours against silence */
    int64_t recv_window,
        send_window; /* of the connection: bytes that the peer, that we may still send */
};

void h2_view_get(const struct h2_conn *c, struct h2_view *ret);

#endif
