/* SPDX-License-Identifier: Apache-2.0 */
/* net/redis_out.h - commands to a Redis (RESP2) on their way to the socket. Zeroed = empty. Its owner bounds it by redis_out_left. One thread. */
#ifndef OUTRIGGER_NET_REDIS_OUT_H
#define OUTRIGGER_NET_REDIS_OUT_H

#include <stddef.h>

#include "base/compat.h"
#include "base/slice.h"

struct transport;

struct redis_out {
    char *bytes;
    size_t n, at, room; /* bytes[at, n) are to be written */
};

/* A command of so many words, which follow one by one. */
void redis_out_begin(struct redis_out *o, size_t words);
void redis_out_word(struct redis_out *o, struct slice word);
size_t redis_out_left(const struct redis_out *o);
/* As much as the socket takes. ERR_CONN_LOST. */
int redis_out_write(struct redis_out *o, struct transport *t) MUST_CHECK;
void redis_out_done(struct redis_out *o); /* drops all; it is empty and usable again */

#endif
