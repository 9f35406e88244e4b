/* SPDX-License-Identifier: Apache-2.0 */
/* obs/failed_log.h - the last calls that failed, and how many failed for which reason since the start. For /why: an operator who asks later than the call.
 *
 * Each worker has two rings of its own and is their only writer: one for what this proxy itself answered, one for what backends and clients did, so that a busy method
 * which says NOT_FOUND to everybody does not push out the failure that somebody looks for. The main thread reads them while they are written: each place has a number
 * that is odd while it changes, and a record that changed meanwhile is left out. No lock, and nothing at all for calls that end well.
 *
 * Bounded: FAILED_KEPT records of each kind and worker, FAILED_REASONS_MAX reasons; memory is used when the first calls fail. */
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

struct failed_log *failed_log_new(unsigned workers);
void failed_log_free(struct failed_log *l); /* after the workers; NULL is fine */

/* [worker] */
void failed_log_add(struct failed_log *l, unsigned worker, const struct failed_call *c);
/* Copies as much as there is room for, with a NUL. */
void failed_text(char *room, size_t size, struct slice text);

/* [main] Shows the calls, newest first, until fn says false. */
void failed_log_walk(const struct failed_log *l,
                     bool (*fn)(void *arg, const struct failed_call *c), void *arg);
/* [main] Calls that failed for this reason since the start. */
uint64_t failed_log_count(const struct failed_log *l, const char *reason);
/* [main] Bytes of the records that there are. */
size_t failed_log_bytes(const struct failed_log *l);
/* [main] outrigger_failed_calls_total by reason, as Prometheus text. */
void failed_log_print(const struct failed_log *l, struct prom *p);

#endif
