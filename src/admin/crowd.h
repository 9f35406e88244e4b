/* SPDX-License-Identifier: Apache-2.0 */
/* admin/crowd.h - what the admin port takes on at once, so that whoever overloads it harms himself, not the next who asks, and not the control plane whose thread it shares:
 *
 *   CROWD_CONNECTIONS open connections. One more ends the one that was silent for longest; streams (/tail, /events) and who waits for an action are left alone. gRPC
 *   connections (admin/rpc.h) count, too, and are as old as their first byte.
 *   CROWD_ACCEPTS new ones, then other work for CROWD_PAUSE_US.
 *   CROWD_BUDGET_US of work in CROWD_WINDOW_US. When that is used up for the second time in a row, pages that take longer than CROWD_HEAVY_US of the processor are refused with 503 until the
 *   window is over; small pages and actions always go on. Two scrapers that meet are no overload. Messages of gRPC clients are pages here, by the path of their method.
 *   CROWD_WAITING bytes of answers that nobody reads; more, and the oldest of these connections ends.
 *
 * Headers, bodies and times of requests are bounded by evhttp. libevent tells nobody when a connection of an evhttp is gone, so it knows connections by descriptor and inode and
 * looks whether they are still the same. Main thread. */
#ifndef OUTRIGGER_ADMIN_CROWD_H
#define OUTRIGGER_ADMIN_CROWD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/compat.h"
#include "loop/timer.h"

struct bufferevent;
struct evconnlistener;
struct event;
struct event_base;
struct evhttp_request;
struct loop;
struct stats;

enum {
    CROWD_CONNECTIONS = 64,
    CROWD_ACCEPTS = 16,
    CROWD_PAUSE_US = 2 * 1000,
    CROWD_WINDOW_US = 100 * 1000,
    CROWD_BUDGET_US = 40 * 1000,
    CROWD_HEAVY_US = 1000,
    CROWD_WAITING = 64 << 20,
    CROWD_PAGES = 16,    /* heavy ones that are known */
    CROWD_PAGE_MAX = 48, /* a path; methods of gRPC differ within it */
};

struct crowd_conn {
    int fd;
    ino_t ino;
    int64_t active_us; /* it came, or asked last */
    size_t waiting;    /* bytes of its last answer, when that was given */
    bool held;
};

struct crowd_page {
    char path[CROWD_PAGE_MAX]; /* "": free */
    int64_t cost_us;
};

struct crowd {
    struct loop *loop;
    struct stats *stats; /* NULL: not counted */
    struct evconnlistener *listener;
    struct event *learn;                      /* after an accept */
    struct bufferevent *fresh[CROWD_ACCEPTS]; /* accepted in this turn; held */
    size_t fresh_count;
    void (*on_new)(void *arg, struct bufferevent *bev); /* NULL: nobody asks */
    void *on_new_arg;
    struct timer again; /* accepts on */
    struct crowd_conn conns[CROWD_CONNECTIONS];
    size_t n;
    int64_t window_us, used_us;
    int64_t
        cpu_begun_us; /* processor time of this thread when the page began that is being made */
    bool busy;        /* the window before was used up, too */
    struct crowd_page pages[CROWD_PAGES];
};

/* False: no memory. */
bool crowd_init(struct crowd *g, struct loop *loop) MUST_CHECK;
void crowd_done(struct crowd *g);
/* The listener of the evhttp whose evhttp_set_bevcb is crowd_accept; NULL: it is about to go. */
void crowd_watch(struct crowd *g, struct evconnlistener *l);
/* Makes the buffers of a new connection. Closed by its owner, after libevent has let go of the descriptor: evhttp on its own closes first, and a worker may have the number by then. */
struct bufferevent *crowd_accept(struct event_base *base, void *crowd);

/* fn is called for each new connection as soon as it has a descriptor, before anything was read. */
void
crowd_tell(struct crowd *g, void (*fn)(void *arg, struct bufferevent *bev), void *arg);
/* The connection of the descriptor old has another one, and is no more of evhttp. It counts and makes room as before. */
void crowd_moved(struct crowd *g, int old, int fd);

/* A request came. False: it was answered with 503. *ret_begun_us is for crowd_end. */
bool crowd_begin(struct crowd *g, struct evhttp_request *req, const char *path,
                 int64_t *ret_begun_us) MUST_CHECK;
/* It was answered, or waits. */
void crowd_end(struct crowd *g, struct evhttp_request *req, const char *path,
               int64_t begun_us);
/* The same for a message of a gRPC client. False: its call is to be ended. */
bool crowd_begin_message(struct crowd *g, const char *method,
                         int64_t *ret_begun_us) MUST_CHECK;
void crowd_end_message(struct crowd *g, const char *method, int64_t begun_us);
/* Between crowd_begin and crowd_end: it waits, or is a stream. Until its connection asks again. */
void crowd_hold(struct crowd *g, struct evhttp_request *req);

#endif
