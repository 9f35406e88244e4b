/* SPDX-License-Identifier: Apache-2.0 */
/* upstream/backend.h - one backend address as all threads know it, and the immutable list of them that a worker picks up.
 * A backend lives as long as some list, worker, or check refers to it; it keeps its health and ejection through list updates and reloads.
 * Lists are made on the main thread, handed to workers, never changed. */
#ifndef OUTRIGGER_UPSTREAM_BACKEND_H
#define OUTRIGGER_UPSTREAM_BACKEND_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compat.h"
#include "base/list.h"
#include "net/addr.h"

struct check;
struct outlier_host;
struct endpoint; /* a worker's view, pool_int.h */
struct resolve_label;

/* Why new calls do not go there; bits. 0: usable. */
enum backend_down {
    BACKEND_UNCHECKED = 1, /* no health answer yet */
    BACKEND_UNHEALTHY = 2, /* active check says no */
    BACKEND_EJECTED = 4,   /* outlier detection */
    BACKEND_TRIPPED = 8,   /* breaker: waits for its probe call */
    BACKEND_DISABLED = 16, /* an operator took it out, hub_disable */
};

/* The one real call that a tripped backend is tried with (outlier.c opens it). */
enum backend_probe {
    BACKEND_PROBE_NONE,
    BACKEND_PROBE_OPEN,  /* whoever comes first may take it */
    BACKEND_PROBE_TAKEN, /* on its way */
    BACKEND_PROBE_GOOD,
    BACKEND_PROBE_BAD,
    BACKEND_PROBE_AGAIN, /* it ended without saying anything about the backend */
};

enum { BACKEND_WHY_MAX = 160, BACKEND_DOWN_BITS = 5, BACKEND_TLS_NAME_MAX = 256 };

/* What workers count and the main thread's sweep reads: one cache line of its own per worker, single writer, never cleared (the reader keeps the last
 * values and works with differences). */
struct backend_tally {
    _Alignas(64) _Atomic uint64_t successes,
        failures; /* grpc-status of the backend, by outlierDetection's rules */
    _Atomic uint64_t local_failures;      /* connect, reset, timeouts on our side */
    _Atomic uint64_t calls;               /* started */
    _Atomic uint32_t flying, connections; /* levels */
    _Atomic uint32_t ready;               /* connections that may take calls; level */
    _Atomic uint32_t failed;              /* 1: it could not be connected last time */
};

struct backend {
    _Atomic unsigned refs; /* backend_hold, backend_drop: any thread */
    uint64_t number;       /* unique in the process */
    struct addr addr;
    char name[ADDR_TEXT_MAX];
    _Atomic unsigned
        down; /* enum backend_down; written by the main thread, except that a worker may set TRIPPED */
    _Atomic uint32_t consecutive_errors; /* all workers; reset by a success */
    _Atomic uint32_t
        consecutive_local_errors; /* with splitLocalErrors: of our side only */
    _Atomic unsigned probe;       /* enum backend_probe */
    _Atomic uint32_t
        flying; /* calls of all workers; kept only when limits.maxRequestsPerEndpoint is set */
    _Atomic int64_t usable_since_us; /* slow start */
    /* It said GOAWAY without an error on a connection that served, and none was ready since. Set and cleared by workers when a connection changes. */
    _Atomic bool said_goaway;
    struct list suspect; /* linked: in hub->suspects, under its lock */
    size_t workers;
    struct backend_tally *tally; /* [workers] */
    struct endpoint **views; /* [workers]; each worker writes and reads its own only */
    bool
        said_not_serving; /* a health check heard it say so itself, and nothing good since; main thread only */
    /* Main thread only. For pages: which bit of `down` they show (0: none), since when, and
     * why; and what was said of each bit that is set (NULL: nothing). */
    uint64_t seen; /* version of the last list that it was put into */
    unsigned shown;
    int64_t since_us;
    char why[BACKEND_WHY_MAX];
    char *reasons[BACKEND_DOWN_BITS];
    struct check *check;       /* of health.c; NULL: none */
    struct outlier_host *host; /* of outlier.c; NULL: none */
};

struct backend_row { /* what the source said about a backend this time */
    struct backend *backend;
    uint32_t weight, priority;
    const char *zone, *hash_key; /* never NULL; hash_key is the name when there is none */
    const struct resolve_label *labels;
    size_t label_count;
    const char *origin; /* the target of the config that it came from */
    const char *
        host; /* whom its certificate must be for; "": its address, see backend_tls_name */
};

struct backend_list {
    _Atomic unsigned refs;
    uint64_t version; /* counts up per pool */
    size_t n;
    struct backend_row
        *rows; /* in order of the config and of the source; strings owned by the list */
    void *memory; /* where they are; NULL: nowhere */
    bool partial; /* a target has said nothing yet: others may come soon */
    char *why;    /* a list without rows: why it has none; NULL elsewhere */
};

/* One hold. */
struct backend *backend_new(const struct addr *addr, size_t workers);
void backend_hold(struct backend *b);
void backend_drop(struct backend *b); /* frees at zero. Any thread */
/* The bit that matters most of a value of `down`, or 0. */
unsigned backend_worst(unsigned down);
/* Keeps the words about a bit of `down` that was just set or cleared. What is shown stays when
 * another bit matters more. Main thread. */
void
backend_note(struct backend *b, unsigned bit, bool on, const char *why, int64_t now_us);
/* Other words about a bit that is set already; since when stays. Main thread. */
void backend_reword(struct backend *b, unsigned bit, const char *why);
/* It is going away by its own word: NOT_SERVING, or GOAWAY without a connection that came after it. A backend that just does not answer is not. Main thread. */
bool backend_leaving(const struct backend *b);
/* New calls may go there. Any thread. */
bool backend_usable(const struct backend *b);
/* An operator took it out: no call goes there, whatever else is wrong. Any thread. */
static inline bool
backend_disabled(const struct backend *b)
{
    return atomic_load_explicit(&b->down, memory_order_relaxed) & BACKEND_DISABLED;
}
/* A call was given this backend. False: it may not go there after all, because another took the one probe. *ret_probe: this call is the probe; its end
 * must be told by backend_probe_end. Any thread. */
bool backend_admit(struct backend *b, bool *ret_probe) MUST_CHECK;
/* how: GOOD, BAD or AGAIN. Then call hub_suspect. Any thread. */
void backend_probe_end(struct backend *b, enum backend_probe how);

/* A list of n rows without backends, and `bytes` of memory for its strings. One hold. */
struct backend_list *backend_list_new(uint64_t version, size_t n, size_t bytes);
void backend_list_hold(struct backend_list *l);
void backend_list_drop(struct backend_list *l); /* NULL is fine. Any thread */
/* The same backends in the same order with the same words and numbers. */
bool backend_list_equal(const struct backend_list *a, const struct backend_list *b);
/* The name that TLS asks for: host, or when it is "" the IP address; "" for a unix socket. */
const char *backend_tls_name(const struct backend *b, const char *host,
                             char out[BACKEND_TLS_NAME_MAX]);

/* The value of a row's label; NULL: it has none of this name. */
const char *backend_row_label(const struct backend_row *r, const char *key);

#endif
