/* SPDX-License-Identifier: Apache-2.0 */
/* admin/sniff.h - what does a client of the admin port speak? evhttp accepts, and takes no connection back that somebody else has looked into. So its connection waits with
 * reading switched off while we look (MSG_PEEK: nothing is taken out of the socket), at most SNIFF_US from the accept:
 *   "PRI"           HTTP/2: the socket gets another descriptor, and evhttp's number is put on a socket whose other end is closed. evhttp reads its end and lets go of that; nothing it does
 *                   (it calls shutdown) reaches the client.
 *   anything else   evhttp reads, as if nobody had looked.
 *   nothing         the socket is shut down; evhttp reads the end.
 * Main thread. */
#ifndef OUTRIGGER_ADMIN_SNIFF_H
#define OUTRIGGER_ADMIN_SNIFF_H

#include <stddef.h>
#include <stdint.h>

#include "base/list.h"

struct bufferevent;
struct loop;

enum {
    SNIFF_MAX = 128, /* who wait for their first bytes; more than admin/crowd.h lets in */
    SNIFF_US = 10 * 1000000,
};

/* The descriptor is fd's owner's from now on; old: the number that the connection had. */
typedef void sniff_fn(void *arg, int fd, int old);

struct sniffer {
    struct loop *loop;
    sniff_fn *on_h2;
    void *arg;
    struct list waiting;
    size_t n;
};

void sniffer_init(struct sniffer *s, struct loop *loop, sniff_fn *on_h2, void *arg);
/* A connection of evhttp that has its descriptor and was not read yet. */
void sniffer_take(struct sniffer *s, struct bufferevent *bev);
/* Before evhttp goes, which closes those that wait. */
void sniffer_done(struct sniffer *s);

#endif
