/* SPDX-License-Identifier: Apache-2.0 */
/* net/replay.h - a transport whose first bytes were read already: whoever had to look at them to know what the peer speaks hands the
 * connection on as if nobody had. After these bytes every call goes to the transport below, which belongs to it from now on. Loop's thread only. */
#ifndef OUTRIGGER_NET_REPLAY_H
#define OUTRIGGER_NET_REPLAY_H

#include <stddef.h>

enum { REPLAY_MAX = 4096 };

struct loop;
struct transport;

/* n <= REPLAY_MAX; the bytes are copied. Nothing is told before transport_bind and transport_want. Never NULL. */
struct transport *
replay_new(struct loop *l, struct transport *below, const void *bytes, size_t n);

#endif
