/* SPDX-License-Identifier: Apache-2.0 */
/* filter/fault_header.h - faults that a client asks for by headers, in Envoy's names (x-envoy-fault-...) and ours (x-outrigger-fault-..., which win). A value that is
 * no number in its range, or that comes twice, is as good as none. Pure; any thread. */
#ifndef OUTRIGGER_FILTER_FAULT_HEADER_H
#define OUTRIGGER_FILTER_FAULT_HEADER_H

#include <stdbool.h>
#include <stdint.h>

struct h2_headers;

struct fault_wish {
    int64_t delay_ms;  /* -1: none */
    int delay_percent; /* 0..100; -1: not said */
    int code;          /* gRPC code; -1: none */
    int abort_percent;
};

/* Takes all fields of both prefixes out of the block. False: there were none, *ret is as if nothing were asked for. */
bool fault_header_take(struct h2_headers *h, struct fault_wish *ret);

#endif
