/* SPDX-License-Identifier: Apache-2.0 */
/* proxy/retry.h - a call whose route or method has a policy: it is tried again when an attempt fails (retry.c), or in several attempts at one time (hedge.c).
 * The decisions are filter/retry_policy.h's; here is what they are about. gRFC A6.
 *
 * Until an answer is chosen, events of the backend's streams come here first (retry_on_up) and the call hears of none: its response stays HALF_HEADERS. When an
 * answer is good, or nothing better will come, the call is committed and gets the events of that attempt as if nothing had been before: the client sees one
 * backend's real answer. Headers of an answer are kept back until its first message or its trailers come, but only while the client has nothing more to
 * send (it might wait for them), and not longer than a tenth of a second (it might wait for them in any case).
 *
 * The body for a further attempt: with retries it is what the stream's buffer keeps (base/buf.h); hedges run side by side, so their call has a copy of its own.
 * Both are bounded by limits.replayBytes of the pool and by maxReplayBytes of the process; over it the call is committed to the attempt that is farthest, or is yet to come.
 *
 * struct retry lives in the call's arena. Worker's thread only; room proxy only. */
#ifndef OUTRIGGER_PROXY_RETRY_H
#define OUTRIGGER_PROXY_RETRY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/compat.h"
#include "filter/retry_policy.h"
#include "loop/timer.h"
#include "proxy/call.h"
#include "upstream/pool.h"

enum { HEDGES_MAX = 19 }; /* beside the first attempt: see maxAttemptsCap */

enum retry_state {
    RETRY_WATCH, /* attempts are under way */
    RETRY_ENDING, /* the attempt has failed and another one will follow; its stream is about to close */
    RETRY_BACKOFF, /* it is closed, `next` runs */
    RETRY_OVER,    /* the call is committed, or has ended */
};

struct retry {
    struct call *call;
    const struct retry_policy *policy;
    struct retry_progress at;
    enum retry_state state;
    bool succeeded;     /* OK by a retry */
    bool due;           /* `next` has fired while ENDING */
    bool released;      /* the headers of `watched` were kept back for long enough */
    unsigned before;    /* attempts that the client tells of */
    char previous[12];  /* text of the header that is being built */
    struct timer next;  /* the backoff; the time of the next hedge */
    struct timer watch; /* perTryTimeout; then, how long headers are kept back */
    struct attempt *watched;
    struct pool_tried tried;
    /* hedge.c */
    bool stopped;     /* no further hedges */
    int64_t delay_us; /* between them; -1: only after failures */
    struct attempt *more[HEDGES_MAX];
    unsigned more_count;
    struct attempt *reserved; /* of them: begins when `next` fires */
    struct buf copy;          /* of the request, until one attempt is chosen */
    size_t charged;           /* to the worker's replay bytes */
    uint64_t method;          /* for method_times; 0: they are not asked */
};

/* --- retry.c ---------------------------------------------------------------------------- */

/* Before the first attempt, with ACT_RETRY or ACT_PATIENT. False: no memory, the call has ended. */
bool retry_begin(struct call *c) MUST_CHECK;
void retry_free(struct call *c);
/* An attempt begins. */
void retry_started(struct attempt *a);
/* The client has sent all. */
void retry_request_complete(struct call *c);
/* What the stream of an attempt tells. Returns the events that the call shall hear now; they are of call->at. */
unsigned retry_on_up(struct attempt *a, unsigned ev);
/* There was no connection for it. True: the call goes on. */
bool retry_pick_failed(struct attempt *a, int err);
/* After attempt_closed: another attempt follows, see retry_next. */
static inline bool
retry_goes_on(const struct call *c)
{
    return c->retry && c->retry->state == RETRY_ENDING;
}
void retry_next(struct attempt *a);
/* No attempt after this: an answer was chosen, or the copy given up; the response is closed. Idempotent, both. */
void retry_committed(struct call *c);
void retry_over(struct call *c);
/* A backend said OK to it. */
void retry_succeeded(struct call *c);
/* A slot for one more attempt with w. */
bool retry_take_slot(struct call *c, struct pool_wait *w);
void retry_count_refused(struct call *c, enum retry_verdict v);
int64_t retry_left_us(const struct call *c); /* until the deadline */
/* The attempt is the call's, and its events are told to it: what is returned. */
unsigned retry_choose(struct attempt *a, unsigned ev);

/* --- retry_news.c ------------------------------------------------------------------------- */

/* The field grpc-previous-rpc-attempts of this attempt; valid until the next one is made. */
struct h2_field retry_previous(const struct attempt *a);
bool retry_is_previous(const struct h2_field *f);

/* What the events of an uncommitted attempt mean. */
enum retry_news {
    NEWS_NONE, /* nothing so far */
    NEWS_GOOD, /* an answer for the client */
    NEWS_FAILED,
};
enum retry_news retry_news(struct attempt *a, unsigned ev, struct retry_end *ret);
/* Its answer counts, but not for the client. */
void retry_note_end(struct attempt *a, const struct retry_end *end);
/* After NEWS_NONE: keeps the headers of a's answer back, if there are any and that may be. False: the client gets them now. */
bool retry_hold(struct attempt *a, unsigned ev);
/* The one that is watched ends: another one may be kept back. */
void retry_unwatch(struct attempt *a);

/* --- hedge.c ---------------------------------------------------------------------------- */

static inline bool
hedge_is(const struct call *c)
{
    return c->retry && c->retry->policy->hedging;
}
/* The request goes to all attempts. */
static inline bool
hedge_takes(const struct call *c)
{
    return UNLIKELY(c->retry != NULL) && c->retry->policy->hedging && !c->committed;
}
/* The attempt whose answer the client gets begins when `next` fires: no other one is left. */
static inline bool
hedge_is_to_come(const struct call *c)
{
    return c->at == c->retry->reserved;
}
/* Hedges that are open or wait. */
bool hedge_busy(const struct call *c);
/* The first attempt begins: when is the next? */
void hedge_schedule(struct call *c);
void hedge_on_timer(struct call *c);
unsigned hedge_on_up(struct attempt *a, unsigned ev);
bool hedge_pick_failed(struct attempt *a);
/* Room for what is in down.in; or, when there is none, the call is committed. */
void hedge_make_room(struct call *c);
/* down.in goes to the copy and to all open attempts; or, when there is no room, where it belongs. False: no memory, the call has ended. */
bool hedge_pass(struct call *c) MUST_CHECK;
void hedge_end(struct call *c);
/* A stream was opened for a: it gets what was sent before. False: no memory, the call has ended. */
bool hedge_fill(struct attempt *a) MUST_CHECK;
/* An answer begins: for the percentiles of the method. */
void hedge_learn(struct call *c);
/* The deadline came and nobody had answered. */
void hedge_note_silence(struct call *c);
/* All but call->at end; the copy goes to it, or goes away. */
void hedge_settle(struct call *c);
void hedge_free(struct call *c);

#endif
