/* SPDX-License-Identifier: Apache-2.0 */
/* obs/failed_log.h - the last calls that failed, and how many failed for which reason since the start. For /why: an operator who asks later than the call.
 *
 * Each worker has two lanes of its own (failed_lane.h) and is their only writer: one for what this proxy itself answered, one for what backends and clients did. Calls of one kind are one entry
 * with a count, over all workers; a method that says NOT_FOUND to everybody, or a client that is refused all day, does not push out the failure that somebody looks for. The main
 * thread reads while they are written. No lock, and nothing at all for calls that end well.
 *
 * Bounded: FAILED_KEPT entries of each lane, FAILED_REASONS_MAX reasons; memory is used when the first calls fail. */
#ifndef OUTRIGGER_OBS_FAILED_LOG_H
#define OUTRIGGER_OBS_FAILED_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

struct failed_log;
struct prom;

enum {
    FAILED_KEPT = 64,
    FAILED_REASONS_MAX = 96, /* what comes then counts as FAILED_OTHER */
    FAILED_TEXT_MAX = 256,
    FAILED_NAME_MAX = 128,
    FAILED_FOLD_US =
        60 * 1000 *
        1000, /* with so much between them, calls of one kind are two entries */
};

/* The reason in the counter of a call whose status a backend gave. */
#define FAILED_BY_BACKEND "BACKEND_STATUS"
#define FAILED_OTHER      "OTHER"

/* Plain values; texts are cut to their room and end with NUL. A peer chose some of their bytes. */
struct failed_call {
    int64_t wall_us;  /* its end, us since 1970 */
    int64_t total_us; /* from its headers to its end */
    const char *
        reason; /* a literal (grpc/reason.h, or of a filter), never NULL; "": it is not ours */
    unsigned attempts; /* that got a stream to a backend */
    int code;          /* gRPC code, not 0 */
    bool local;        /* the status is our own */
    bool cancelled;    /* the client went away */
    char trace_id[33]; /* "": none */
    char listener[FAILED_NAME_MAX], route[FAILED_NAME_MAX], pool[FAILED_NAME_MAX];
    char endpoint[FAILED_NAME_MAX]; /* address; "": none */
    char client[FAILED_NAME_MAX];   /* address */
    char method[FAILED_TEXT_MAX];   /* path as the client sent it */
    char text[FAILED_TEXT_MAX];     /* what the client was told */
};

/* Calls of one kind. */
struct failed_entry {
    int64_t
        first_us; /* the end of the first, us since 1970; call.wall_us is the last's */
    uint64_t count;
    struct failed_call call; /* the newest */
};

struct failed_log *failed_log_new(unsigned workers);
void failed_log_free(struct failed_log *l); /* after the workers; NULL is fine */

/* [worker] */
void failed_log_add(struct failed_log *l, unsigned worker, const struct failed_call *c);
/* Copies as much as there is room for, with a NUL. */
void failed_text(char *room, size_t size, struct slice text);

/* [main] Shows the entries, newest first, until fn says false. Of entries that several workers have of one kind it makes one. */
void failed_log_walk(const struct failed_log *l,
                     bool (*fn)(void *arg, const struct failed_entry *e), void *arg);
/* [main] Calls that failed for this reason since the start. */
uint64_t failed_log_count(const struct failed_log *l, const char *reason);
/* [main] Bytes of the entries that there are. */
size_t failed_log_bytes(const struct failed_log *l);
/* [main] outrigger_failed_calls_total by reason, as Prometheus text. */
void failed_log_print(const struct failed_log *l, struct prom *p);

#endif
