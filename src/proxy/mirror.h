/* SPDX-License-Identifier: Apache-2.0 */
/* proxy/mirror.h - a copy of a call's request that goes to another pool; what comes back is thrown away.
 * It is an object of its own, with its own memory and its own life: the call never waits for it, and it may outlive the call. It is fed with copies of
 * the bytes as they are passed on, with a buffer of its own (maxBuffer); what does not fit ends the mirror, not the call. It has the call's deadline,
 * and one of its own once the call is gone. A cancel of the client cancels it; so does an end of the call before the request was complete.
 * Bounded for each worker: MIRRORS_MAX at a time, and a quarter of the worker's share of limits.maxBufferedBytes. Mirrors tell the pool nothing about
 * how they ended, so they cannot eject an endpoint. A request that is itself a copy (header x-outrigger-mirror) is not copied again.
 * Worker's thread only; room proxy only. */
#ifndef OUTRIGGER_PROXY_MIRROR_H
#define OUTRIGGER_PROXY_MIRROR_H

#include <stddef.h>

struct buf;
struct call;
struct mirror;

enum { MIRRORS_MAX = 1000 };

/* By chance (mirror.share) begins a mirror of the call and sets call->mirror. After the request edits were made, before the first attempt. */
void mirror_start(struct call *c);
/* These bytes of the request are about to be passed on. May end the mirror and clear call->mirror, as all below. */
void mirror_copy(struct mirror *m, const struct buf *in);
/* The request is complete. */
void mirror_complete(struct mirror *m);
/* The client cancelled. */
void mirror_cancel(struct mirror *m);
/* The call has its answer, or its end: the mirror goes on alone if it has the whole request. */
void mirror_leave(struct mirror *m);

#endif
