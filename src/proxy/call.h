/* SPDX-License-Identifier: Apache-2.0 */
/* proxy/call.h - one RPC from the client's HEADERS to the end of both its streams.
 * Two halves, each HEADERS -> BODY -> CLOSED: the request (down to up) and the response (up to down). The call ends, and its slot is free, when both
 * streams are gone. Every event handler ends in call_settle, the only place that frees a call. Worker's thread only; room proxy only. */
#ifndef OUTRIGGER_PROXY_CALL_H
#define OUTRIGGER_PROXY_CALL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/compat.h"
#include "base/list.h"
#include "grpc/frame.h"
#include "grpc/timeout.h"
#include "h2/conn.h"
#include "loop/timer.h"
#include "upstream/pool.h"

struct call_filters;
struct down;
struct filter_refusal;
struct h2_field;
struct mirror;
struct retry;
struct retry_policy;
struct route;
struct slice;
struct table_use;
struct worker;

enum {
    BLOCK_FIELDS =
        128 + 8, /* so many are built on the stack; more, in the call's arena */
};

enum half { HALF_HEADERS, HALF_BODY, HALF_CLOSED };

/* One try on one backend. The first one is part of the call and is used again for what follows it; hedges have one each, in the call's arena. */
struct attempt {
    struct call *call;
    struct upconn *upconn; /* while the stream is open */
    int64_t begun_us;
    size_t uncredited; /* bytes of out whose window was given back to the client before */
    uint8_t number;    /* of the call's attempts: 1, 2, ...; only filters ask */
    uint8_t counted;   /* of those that a policy counts: 1, 2, ... */
    bool held;         /* the headers of its answer are kept back, see proxy/retry.h */
    bool over;         /* it does not matter any more: its stream is about to close */
    int16_t code;      /* what it ended with while its call went on; -1: it did not */
    bool answered;     /* the backend said so */
    struct pool_wait wait; /* this and what follows has a start of its own */
    struct h2_stream up;
};

struct call {
    struct worker *worker;
    struct down *owner;
    struct list link; /* worker->calls */
    enum half request, response;
    struct pool *pool;
    struct attempt *at;  /* the attempt whose answer the client gets */
    struct retry *retry; /* NULL: no policy, or not yet */
    const struct retry_policy
        *policy; /* with ACT_RETRY: of methodConfig, when the route has none */
    struct table_use *
        table; /* held from the choice of the route to the end; NULL: no route was looked for */
    const struct route *route;
    unsigned way;             /* of its table, with a route: see table_hits_count */
    unsigned acts;            /* enum route_act: what there is to do beside passing on */
    uint32_t max_in, max_out; /* bytes of one message, with ACT_MAX_IN, ACT_MAX_OUT */
    const struct slice
        *edits; /* values of the request edits, the same for all attempts */
    struct h2_field *
        fields; /* room for request blocks, the same for all attempts; NULL: BLOCK_FIELDS are enough */
    size_t field_room;            /* in fields */
    struct mirror *mirror;        /* NULL: none, or it goes on alone */
    struct call_filters *filters; /* NULL: none was asked so far */
    struct timer deadline;
    int64_t begun_us;    /* its headers were complete */
    int64_t deadline_us; /* 0: none */
    const char *
        lost_name; /* backend of the last attempt, or the one that could not be connected; its `wait` holds it. NULL: none */
    uint8_t begun; /* attempts so far; only filters ask */
    uint8_t attempts; /* of them: with a stream */
    uint8_t replays;  /* in the place of one that no backend saw */
    uint8_t refusals; /* of these: a backend had refused */
    bool
        committed; /* the response began, or the replay copy was given up: no replay any more */
    bool counted;       /* among the calls of its route (ACT_MAX_CALLS) */
    bool local;         /* the status is our own */
    bool cancelled;     /* the client went before its answer was complete */
    int16_t code;       /* gRPC code of the end; -1 while unknown */
    const char *reason; /* of an own status (grpc/reason.h); NULL: none */
    const char *
        text; /* of an own status, for those who watch; before it: what the connection that was lost says. NULL: none */
    const char *path; /* with ACT_TELL, after the request's headers went; NULL: none */
    uint64_t bytes_in, bytes_out;   /* of messages, with their prefixes */
    size_t replay_held;             /* bytes charged to the worker's replay budget */
    char timeout[TIMEOUT_TEXT_MAX]; /* grpc-timeout of the block that is being built */
    struct frame_parser in_frames, out_frames; /* request and response messages */
    struct attempt first; /* from its wait on, all has a start of its own */
    struct arena arena;
    struct h2_stream down; /* the client's */
    /* First block of the arena: with the usual filters and a little more. So large that a call is a whole class of slabs. */
    _Alignas(16) char block[992];
};

/* call.c */
struct call *call_new(struct down *d); /* NULL: no memory */
/* Events of the client's stream; of the backend's stream. */
void call_on_down(struct h2_stream *s, unsigned events);
void call_on_up(struct h2_stream *s, unsigned events);
void call_set_request(struct call *c, enum half to);
void call_set_response(struct call *c, enum half to);
/* Ends the call from our side: the backend's stream is cancelled, the client gets this status as Trailers-Only, trailers or a reset, whatever is still possible.
 * reason: a literal, see grpc/reason.h; text is copied. Nothing happens when the response is closed. */
void call_fail(struct call *c, int code, const char *reason, const char *fmt, ...)
    PRINTF_LIKE(4, 5);
/* The same with all that a filter has to say. */
void call_refuse(struct call *c, const struct filter_refusal *why, const char *text);
void call_settle_end(struct call *c); /* use call_settle */
/* May free c: the last thing that a handler does with it. */
static inline void
call_settle(struct call *c)
{
    if (UNLIKELY(!c->down.conn))
        call_settle_end(c);
}
/* The attempt ended with the deadline, before the client had said all, and the backend read what there was: that is no error of the backend, which may have had nothing
 * to answer. Servers send their headers with the first message. */
bool call_ran_out(const struct attempt *a);

/* attempt.c: streams to backends */
/* The first part is zeroed. w: the worker's h2. */
static inline void
attempt_init(struct attempt *a, struct call *c, struct h2_worker *w)
{
    a->call = c;
    a->code = -1;
    pool_wait_init(&a->wait);
    h2_stream_init(&a->up, w);
    a->up.other = &c->down;
}
/* Its stream is open, or it waits for one. */
static inline bool
attempt_busy(const struct attempt *a)
{
    return a->up.conn || list_linked(&a->wait.link);
}
void attempt_start(struct attempt *a);
/* Its call ends with `code`, or goes on without it: it waits for no connection any more. */
void attempt_wait_cancel(struct attempt *a, int code);
/* Its stream had H2_EV_CLOSED. again: another attempt follows; for the filters, which hear of it here. */
void attempt_closed(struct attempt *a, bool again);
void attempt_closed_aside(struct attempt *a, bool again); /* the same, of a hedge */
/* Before attempt_fields, once or more often: finds room for request blocks of many fields. False: no memory. */
bool attempt_reserve(struct call *c) MUST_CHECK;
/* The request block for a backend of this pool, with the edits of the route. few: has room for BLOCK_FIELDS; a NULL: of a mirror. Returns the array: few or
 * c->fields; there is room for one more field. Valid until the next one is built. Strings: the call's and the table's. */
struct h2_field *
attempt_fields(struct call *c, const struct attempt *a, const struct pool *to,
               struct h2_field *few, size_t *ret_n);
/* The stream of a was not processed, and another one may take its place. */
bool attempt_may_replay(const struct attempt *a);
/* Counts that. */
void attempt_count_replay(struct attempt *a);
/* After attempt_closed: true when another one began (or waits) in its place. */
bool attempt_replay(struct attempt *a);
/* The stream object starts afresh; only the body that was kept stays. */
void attempt_rewind(struct attempt *a);
void attempt_commit(struct call *c); /* no attempt after this one: drops the copy */

/* response.c: what the backend sends */
void response_begin(struct call *c, bool end);
void response_forward(struct call *c);
void response_end(struct call *c, bool with_trailers);
void response_drained(struct call *c);
/* The up stream died before the response was complete, and there is no replay. */
void response_lost(struct call *c);
/* The gRPC code of such a death. */
int response_lost_code(const struct h2_stream *up);
/* The code of a block that is no gRPC answer, or is broken; -1: it may be passed on. end: nothing follows it. */
int response_bad_code(const struct h2_headers *h, bool end);
/* What the pool learns from the last block of an attempt. */
void response_judge(struct attempt *a, int code, const struct h2_headers *h);

/* response_why.c: words */
enum { RESPONSE_WHY_MAX = 96 };
/* The rule of HTTP/2 that the answer on this stream broke, as far as it can be seen; the stream has ended with ERR_PROTOCOL. */
void response_why(const struct h2_stream *up, char out[RESPONSE_WHY_MAX]);
/* Ends the call: a block of the answer is over a limit. */
void response_too_large(struct call *c, const struct h2_headers *h);

/* reply.c: answers that we make ourselves */
void reply_status(struct call *c, const struct filter_refusal *why,
                  const char *text); /* whatever is still possible, see call_fail */
void reply_http(struct call *c, const char *status,
                const char *text); /* to what is not a gRPC request: a short text body */

#endif
