/* SPDX-License-Identifier: Apache-2.0 */
/* proxy/balance.h - what a pool wants to know of a call's headers and trailers, see pool_wants. Only asked for pools that want some of it. Worker's thread. */
#ifndef OUTRIGGER_PROXY_BALANCE_H
#define OUTRIGGER_PROXY_BALANCE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/slice.h"

struct h2_headers;
struct pool;
struct pool_wait;

/* All values of a header as one text with commas between (gRFC A42), cut to `room` bytes. False: there is none. Pure. */
bool balance_header_text(const struct h2_headers *h, struct slice name, char *out,
                         size_t room, size_t *ret_n);
/* Before the first attempt of a call with these request headers. */
void balance_request(struct pool *p, struct pool_wait *w, const struct h2_headers *h);
void balance_report(struct pool_wait *w, const struct h2_headers *trailers);

#endif
