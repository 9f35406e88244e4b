/* SPDX-License-Identifier: Apache-2.0 */
/* filter/access_sink.h - one output of access logs: its rings, its descriptor, and how it is written. For access_writer.c and access_sink.c only.
 * The first part is set by the main thread before anybody else knows the sink; the second is the writing thread's. */
#ifndef OUTRIGGER_FILTER_ACCESS_SINK_H
#define OUTRIGGER_FILTER_ACCESS_SINK_H

#include <stdatomic.h>
#include <stdbool.h>

#include "base/list.h"
#include "filter/access_writer.h"
#include "loop/timer.h"
#include "obs/ring.h"
#include "obs/stats.h"

struct fdwatch;

/* The thread that writes. */
struct sink_thread {
    struct loop *loop;
    struct stats stats;
    unsigned sinks; /* that are open; the thread's */
    bool stopping;
};

/* One worker's way to an output. */
struct sink_lane {
    struct ring ring;
    _Atomic bool awake; /* the writer knows that there is something */
};

struct access_sink {
    struct sink_thread *thread;
    char *to;
    unsigned workers;
    unsigned holds;   /* main thread */
    struct list link; /* main thread: access_writer->sinks */

    int fd; /* -1: it could not be opened */
    bool own_fd;
    bool pollable; /* a write may block: only when the loop says that there is room */
    bool ready;    /* it said so */
    bool closing;
    bool failing; /* the last write failed: said once */
    bool
        mid_line; /* of lanes[current]: its next bytes belong to a line that is half written */
    bool skip; /* of lanes[current]: bytes up to the next line end are of a lost line */
    bool owes_newline; /* a lost line was half written */
    unsigned current;  /* lane that is read */
    struct fdwatch *watch;
    struct timer turn, retry, last;
    struct sink_lane lanes[];
};

/* Main thread. */
struct access_sink *sink_new(struct sink_thread *t, const char *to, unsigned workers);
/* Posts to the writing thread. */
void sink_on_open(void *sink);
void sink_on_reopen(void *sink);
void sink_on_close(void *sink);
/* The loop ends when the last sink is closed. arg: the struct sink_thread. */
void sink_thread_stop(void *arg);

#endif
