/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The run of one attack row and its figures: frames, bytes, who was closed when, GOAWAY codes.
 */
#ifndef ATTACK_REPORT_H
#define ATTACK_REPORT_H

#include "rows.h"

enum { CONN_CAP = 4096 };

struct attack {
    const struct attack_row *row;
    unsigned port, seconds;
    unsigned reconnects; /* connections that may still be opened after a close */
    bool json;
    struct attack_conn *conns[CONN_CAP];
    unsigned conn_count, connect_failed;
    uint64_t start_us, first_us, stop_us;
    uint64_t streams_per_conn;
};

/* Prints the figures on stdout, as one JSON line or one line for people.  False when no connection
 * got as far as its first attack frame: such a run says nothing about the peer. */
bool report_print(const struct attack *a);

#endif
