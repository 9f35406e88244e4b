/* SPDX-License-Identifier: Apache-2.0 */
/* net/fdswap.h - takes a socket away from somebody who does not give it back: a library that only ever closes what it was given, and calls shutdown(2) on it before.
 * Any thread; the number is never free in between, so nobody else can get it. */
#ifndef OUTRIGGER_NET_FDSWAP_H
#define OUTRIGGER_NET_FDSWAP_H

#include "base/compat.h"

/* The socket of fd gets another number, which is returned and belongs to the caller; at fd is a socket now whose other end is closed. No event loop may watch fd. -1 with errno: there are no
 * descriptors, nothing changed. */
int fdswap_take(int fd) MUST_CHECK;

#endif
