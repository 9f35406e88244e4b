/* SPDX-License-Identifier: Apache-2.0 */
/* filter/filter.h - what one filter is, and what it may do with a call.
 *
 * A filter is one file: a struct filter_kind (its row in registry.c), config rows, and functions for the slots that it needs. A slot that is NULL costs
 * nothing: the chain keeps a short list for each slot. The listener's `filters` gives the order; requests go through it from first to last, answers and ends
 * from last to first. A route may replace the settings of a filter by its name, or switch it off.
 *
 * Objects, from long to short life:
 *   struct filter        one filter with its settings, shared by all workers; made, opened and closed on the main thread. Counted: a reload that says the same
 *                        of it keeps it (buckets, caches and keys live on). A kind that has more to keep embeds it as the first member (kind->size).
 *   struct filter_call   one call as filters see it; the proxy embeds it in its own call. One worker's thread.
 *   state                kind->call_size zeroed bytes (but see FILTER_RAW_STATE) per call and filter, in the call's arena: the slots get it as `state`.
 *
 * The five lifetime rules hold: a slot may refuse the call or make it wait, but it never frees it; whoever said FILTER_WAIT ends that wait exactly once with
 * filter_resume, unless on_end comes first, which cancels. */
#ifndef OUTRIGGER_FILTER_FILTER_H
#define OUTRIGGER_FILTER_FILTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compat.h"
#include "base/list.h"
#include "base/slice.h"

struct addr;
struct arena;
struct buf;
struct chain;
struct chain_hook;
struct claims;
struct conf_copy;
struct conf_struct;
struct filter;
struct filter_call;
struct filter_services;
struct h2_headers;
struct loop;
struct pool;
struct rng;
struct slab;
struct stats;
struct tls_peer;

enum filter_verdict {
    FILTER_NEXT, /* go on */
    FILTER_WAIT, /* filter_resume follows later, never inside the slot. Only where the slot says so */
    FILTER_DONE, /* the call was refused (filter_refuse): no other filter is asked */
};

/* How one attempt on a backend ended. */
struct filter_attempt {
    unsigned number; /* 1, 2, ...; replays that no backend saw count as well */
    int code;        /* gRPC code of its answer, or what its loss means */
    bool answered;   /* code came from the backend; false: the stream died or timed out */
    bool unprocessed;    /* proof that no backend acted on it */
    bool again;          /* another attempt follows */
    const char *backend; /* its address; "": there was no connection */
    int64_t begun_us;
};

/* How the call ended, for on_end. Times are the loop's clock; 0: it did not happen. */
struct filter_result {
    int code;       /* gRPC code; never -1 */
    bool local;     /* the status is our own */
    bool cancelled; /* the client went away before its answer was complete */
    unsigned attempts;
    uint64_t messages_in,
        messages_out; /* complete ones: from the client, to the client */
    int64_t end_us;
    /* This result while what follows the next line of stars is missing; NULL: it is there. */
    struct filter_result *rest;
    /* *** Only for those who have called filter_result_whole: most calls end without anybody who wants to know. */
    const char *reason;         /* of an own status: the word of grpc/reason.h; "" else */
    const char *pool, *backend; /* "": none */
    struct slice
        message; /* grpc-message: local: our own text; else as the backend sent it, encoded */
    uint64_t bytes_in, bytes_out; /* of messages with their prefixes */
    int64_t first_byte_us;        /* when the answer's headers left for the client */
    int64_t blocked_down_us,
        blocked_up_us; /* time with bytes waiting for the client's, for the backend's window */
};

/* The proxy's side of filter_call: set once, the same for all calls. */
struct filter_host {
    /* A wait is over: goes on behind the filter that waited, or ends the call. May free it. */
    void (*resume)(struct filter_call *fc, enum filter_verdict verdict);
    const struct tls_peer *(*peer)(const struct filter_call *fc);
    const char *(*identity)(const struct filter_call *fc);
    struct pool *(*pool)(const struct filter_call *fc, const struct filter *f);
    const struct addr *(*local)(const struct filter_call *fc);
    uint64_t (*connection)(const struct filter_call *fc);
    uint64_t (*messages_in)(const struct filter_call *fc);
    /* From on_request, or while the call waits there: the call ends at this time of the loop's clock at the latest. Only an earlier one than fc->deadline_us, which it
     * changes, makes a difference; it holds whatever route is found by filter_ask_match. */
    void (*set_deadline)(struct filter_call *fc, int64_t deadline_us);
    /* In on_end: fills the second part of the result. */
    void (*tell)(const struct filter_call *fc, struct filter_result *r);
    /* How far a call is that goes on, in the words of its end: whole, code is -1, end_us now. Texts are valid until the slot returns. Not once the end was told. */
    void (*progress)(const struct filter_call *fc, struct filter_result *ret);
};

/* Why a call is refused. Everything but code and reason may be left 0. */
struct filter_refusal {
    int code; /* gRPC code, not OK; OK: the call ends well without a message (fault) */
    const char
        *reason;      /* UPPER_SNAKE literal, stable: ErrorInfo.reason, logs, counters */
    bool retry_known; /* retry_ms counts: RetryInfo in the details */
    int64_t retry_ms;
    bool
        pushback; /* also as grpc-retry-pushback-ms; without retry_known: -1, "do not retry" */
    const char *
        subject; /* QuotaFailure: what ran out ("listener inbound, key x-tenant"); NULL: none */
    struct slice
        details; /* serialized google.rpc.Status that takes the place of our own details (an outside service said it); copied */
};

/* One header that a filter gives to the answer. */
struct filter_field {
    struct filter_field *next;
    struct slice name, value;
    uint8_t step; /* of the filter that gave it */
};

struct filter_call {
    /* Set by the proxy before the first slot; filters only read. */
    const struct filter_host *host;
    const struct chain *chain;
    struct arena *arena; /* of the call: what is allocated here ends with it */
    struct slab *slab;   /* of the worker: for blocks that grow */
    struct loop *loop;
    struct stats *stats;          /* of the worker */
    struct rng *rng;              /* of the worker */
    unsigned worker;              /* 0 .. filter_env.workers - 1 */
    const char *listener, *route; /* names */
    const struct addr *address;   /* of the client */
    struct h2_headers *
        request; /* as it is now: edits of earlier filters are in it. After the answer began only with FILTER_KEEPS_REQUEST */
    struct slice path, service, method; /* parts of request */
    int64_t begun_us, deadline_us;      /* deadline_us 0: none */
    /* From here to refusal all is zero when the call begins (chain_begin). */
    const char *pool; /* name of the pool of the attempt; NULL before the first */
    uint64_t
        pool_number; /* of the pool of the attempt: no other pool of the process ever has it; 0: not known */
    /* Facts that a filter finds and later ones use. */
    const struct claims
        *claims;         /* jwt: of the verified token, held until the end; NULL: none */
    struct slice client; /* apiKey: name of the client; p NULL: none */
    struct slice request_id; /* requestId */
    struct slice trace_id;   /* tracing: 32 hex digits; p NULL: none */
    struct slice
        kept_path; /* metrics: the path, in memory that outlives the call; p NULL: none */
    /* The chain's own. */
    uint64_t begun;                 /* set of filters that get on_end */
    const struct chain_hook *hook;  /* whose slot runs */
    const struct chain_hook *waits; /* that said WAIT */
    struct filter_field *answer;    /* for the answer's headers, newest first */
    uint8_t slot;                   /* enum filter_slot that waits */
    bool in_slot, waiting, refused, wants_match, wants_answer;
    bool sampled; /* tracing: the trace is recorded */
    bool told;    /* metrics: /why and /tail have heard of its end */
    /* With refused: why. */
    struct filter_refusal refusal;
    const char *text; /* of the refusal */
    char *state;      /* of all filters */
};

enum filter_flags {
    FILTER_KEEPS_REQUEST = 1, /* reads fc->request after the answer began */
    /* Watches all calls: on without being named in `filters` (metrics, accessLog, tracing; named, it has that place), and its on_end also comes for calls that
     * ended before the filters were asked (no route, a malformed request): then it is the only slot, and its state is zero. */
    FILTER_ALWAYS = 2,
    FILTER_NO_REPEAT = 4, /* at most one in a chain */
    /* Its on_response is for calls only for which it said so in on_request (filter_ask_answer); other filters may have it called for more of them. */
    FILTER_ASKS_ANSWER = 8,
    /* Its state is not zeroed for on_request, which writes all that later slots read. Where on_end is the only slot, the state is zero all the same. */
    FILTER_RAW_STATE = 16,
};

/* What a filter gets when it is opened; all of it outlives the filter. */
struct filter_env {
    struct loop *loop; /* of the main thread */
    struct filter_services
        *services; /* exporters of the process: log lines, spans; NULL: none (tests) */
    struct stats *stats; /* of the main thread */
    unsigned workers;
    const char *
        scope; /* "listener inbound" or "listener inbound, route orders": for texts and logs */
};

struct filter_kind {
    const char *name; /* value of "type" */
    const struct conf_struct *conf;
    size_t size; /* of the object that begins with struct filter; 0: that alone */
    size_t
        call_size; /* zeroed bytes per call, 16-byte aligned; 0: there is no state, and what the slots get must not be used */
    unsigned flags; /* enum filter_flags */

    /* Main thread. open cannot fail: conf->check has refused what cannot be; what turns bad later (a key file) is the filter's to log, count and survive.
     * close: the last hold is gone, no call has it. Both may be NULL. */
    void (*open)(struct filter *f, const struct filter_env *env);
    void (*close)(struct filter *f);
    /* Main thread: the settings of a filter that is on without being named (FILTER_ALWAYS), over the defaults of its rows; what it points to is copied. NULL: those
     * defaults. */
    void (*usual)(void *conf, const struct filter_env *env);
    /* Main thread: false, with these settings there would be nothing to do, so the filter is left out of the chain. NULL: always wanted. */
    bool (*wanted)(const void *conf, const struct filter_env *env);
    /* Each worker's thread: the first table with the filter comes to this worker, before its first call; the last one goes, after its last call. For connections of the
     * filter's own. Both or none. */
    void (*worker_open)(struct filter *f, unsigned worker, struct loop *loop,
                        struct stats *stats);
    void (*worker_close)(struct filter *f, unsigned worker);
    /* Name of the pool that the filter calls itself, NULL: none. fc->host->pool finds the worker's part of it. Slot may be NULL. */
    const char *(*pool)(const void *conf);

    /* Worker's thread, in this order for each call.
     * on_request: the headers are checked, the route and the deadline are known, nothing went to a backend. May WAIT (the body waits in the stream's window),
     * edit fc->request (filter_set), refuse. */
    enum filter_verdict (*on_request)(struct filter_call *fc, void *state);
    /* Bytes of the request, before they are passed on; `in` is only read. messages_in does not count them yet. May WAIT: these bytes are put aside, later ones are
     * held back and come in a call of their own. end: nothing follows; in may be empty then. */
    enum filter_verdict (*on_request_data)(struct filter_call *fc, void *state,
                                           const struct buf *in, bool end);
    /* An attempt begins: fc->request may get headers for the backend. It cannot be refused. */
    void (*on_attempt)(struct filter_call *fc, void *state, unsigned number);
    void (*on_attempt_end)(struct filter_call *fc, void *state,
                           const struct filter_attempt *a);
    /* The backend's answer that goes to the client. end: Trailers-Only, on_trailers follows with the same block. Editing is fine, WAIT is not. */
    enum filter_verdict (*on_response)(struct filter_call *fc, void *state,
                                       struct h2_headers *h, bool end);
    enum filter_verdict (*on_response_data)(struct filter_call *fc, void *state,
                                            const struct buf *in);
    enum filter_verdict (*on_trailers)(struct filter_call *fc, void *state,
                                       struct h2_headers *h);
    /* Exactly once for each filter that was asked on_request (or would have been, if it had that slot), whatever happened: both streams are gone, the memory goes
     * right after. Ends what waits. */
    void (*on_end)(struct filter_call *fc, void *state, const struct filter_result *r);
};

struct filter {
    const struct filter_kind *kind;
    const void *conf;  /* kind->conf->size bytes, in copy */
    const char *name;  /* what routes call it: the key "name", else the kind's */
    const char *scope; /* see filter_env */
    struct conf_copy *copy;
    _Atomic unsigned holds;
    struct list link; /* filter/instance.h */
    unsigned *uses;   /* by worker, of kinds with worker_open; each worker has its own */
};

/* The filter whose slot is running; between slots, while one makes the call wait: that one. */
const struct filter *filter_self(const struct filter_call *fc);
/* Its place in the chain. */
unsigned filter_step(const struct filter_call *fc);

/* From a slot: ends the call with this status and this plain text, which names a limit, a rule or a pool, never an internal address. Returns FILTER_DONE, to be returned. */
enum filter_verdict
filter_refuse(struct filter_call *fc, const struct filter_refusal *why, const char *fmt,
              ...) PRINTF_LIKE(3, 4);
/* From a slot: the filter cannot do its work for this call (no memory, a limit of its own). The call ends with INTERNAL and the reason FILTER_FAILED, counted and logged;
 * neighbours do not notice. what goes on behind "filter NAME ": "could not keep the id". Returns FILTER_DONE, to be returned. */
enum filter_verdict filter_fail(struct filter_call *fc, const char *what);
/* Ends a FILTER_WAIT: FILTER_NEXT, or what filter_refuse returned. From an event of the worker's loop, never from inside a slot. The call may be gone afterwards. */
void filter_resume(struct filter_call *fc, enum filter_verdict verdict);

/* The first value of a header of the request, by its lower-case name; p NULL: none. */
struct slice filter_header(const struct filter_call *fc, struct slice name);
/* In a slot: edits of fc->request or of the block that the slot got. set takes the place of all fields with this name. Strings are copied to the arena. secret: never
 * put into a peer's HPACK table. False: an illegal name or value, or no memory; the block is as it was. */
bool filter_set(struct filter_call *fc, struct h2_headers *h, struct slice name,
                struct slice value, bool secret) MUST_CHECK;
bool filter_add(struct filter_call *fc, struct h2_headers *h, struct slice name,
                struct slice value, bool secret) MUST_CHECK;
/* How many went. Fields that begin with a colon stay. */
unsigned filter_remove(struct h2_headers *h, struct slice name);
/* A header of the answer, whoever makes it (a backend or we). Strings are copied. False: illegal, or no memory. */
bool filter_answer_header(struct filter_call *fc, struct slice name,
                          struct slice value) MUST_CHECK;
/* Another filter has given a header of this name to the answer already. */
bool filter_answer_taken(const struct filter_call *fc, struct slice name);
/* Takes back all that this filter gave: in on_response, for one that edits the block itself and gave the same for the case that no backend answers. */
void filter_answer_take_back(struct filter_call *fc);
/* The request was edited so that another route may fit: after the last filter it is looked for again, once; the chain is not run again. */
void filter_ask_match(struct filter_call *fc);

/* In on_end: all of the result is wanted. */
static inline void
filter_result_whole(const struct filter_call *fc, const struct filter_result *r)
{
    if (r->rest)
        fc->host->tell(fc, r->rest);
}

/* From on_request: the answer of this call is to be shown (FILTER_ASKS_ANSWER). */
static inline void
filter_ask_answer(struct filter_call *fc)
{
    fc->wants_answer = true;
}

/* Who the client is by TLS: see down_peer and down_identity in proxy/down.h. */
static inline const struct tls_peer *
filter_peer(const struct filter_call *fc)
{
    return fc->host->peer(fc);
}

static inline const char *
filter_identity(const struct filter_call *fc)
{
    return fc->host->identity(fc);
}

/* Where its listener listens; NULL: the client is gone. */
static inline const struct addr *
filter_local(const struct filter_call *fc)
{
    return fc->host->local(fc);
}

/* The number of the client's connection on this worker; 0: closed. */
static inline uint64_t
filter_connection(const struct filter_call *fc)
{
    return fc->host->connection(fc);
}

/* Messages of the client so far. */
static inline uint64_t
filter_messages_in(const struct filter_call *fc)
{
    return fc->host->messages_in(fc);
}

/* The worker's part of the pool that kind->pool named. */
static inline struct pool *
filter_pool(const struct filter_call *fc, const struct filter *f)
{
    return fc->host->pool(fc, f);
}

#endif
