/* SPDX-License-Identifier: Apache-2.0 */
/* filter/chain.c - the way of a call through a chain: who is asked next, and what an answer means. */
#include "filter/chain.h"

#include <stddef.h>
#include <string.h>

#include "base/log.h"
#include "filter/chain_int.h"
#include "grpc/reason.h"
#include "grpc/status.h"
#include "obs/stats.h"

enum { LINES_PER_WINDOW = 10 };

bool
chain_has(const struct chain *c, enum filter_slot slot)
{
    return c->hooks[slot] != c->hooks[slot + 1];
}

bool
chain_wants_answer(const struct chain *c)
{
    return c->wants_answer;
}

unsigned
chain_flags(const struct chain *c)
{
    return c->flags;
}

size_t
chain_state_size(const struct chain *c)
{
    return c->state_size;
}

const struct filter *
filter_self(const struct filter_call *fc)
{
    return fc->hook->filter;
}

unsigned
filter_step(const struct filter_call *fc)
{
    return fc->hook->step;
}

/* --- one question ------------------------------------------------------------------ */

/* What the slots get beside the call. */
struct question {
    const struct buf *in;
    struct h2_headers *h;
    bool end;
};

static ALWAYS_INLINE enum filter_verdict
hook_ask(struct filter_call *fc, enum filter_slot slot, const struct chain_hook *hook,
         const struct question *q)
{
    void *state = fc->state + hook->state;

    switch (slot) {
    case SLOT_REQUEST:
        return hook->ask.request(fc, state);
    case SLOT_REQUEST_DATA:
        return hook->ask.request_data(fc, state, q->in, q->end);
    case SLOT_RESPONSE:
        return hook->ask.response(fc, state, q->h, q->end);
    case SLOT_RESPONSE_DATA:
        return hook->ask.response_data(fc, state, q->in);
    case SLOT_TRAILERS:
        return hook->ask.trailers(fc, state, q->h);
    default:
        return FILTER_NEXT;
    }
}

/* Counts and tells what a filter does wrong. */
static void
chain_complain(const struct filter_call *fc, const char *what)
{
    static struct log_limit limit;
    const struct filter *f = filter_self(fc);

    stat_inc(fc->stats, STAT_FILTERS_FAILED);
    if (log_limit_pass(&limit, LINES_PER_WINDOW))
        log_at(&(struct log_ctx){ .worker = (int)fc->worker }, LOG_ERROR,
               "a filter failed", LS("filter", f->name), LS("of", f->scope),
               LS("route", fc->route), LB("path", fc->path), LS("what", what));
}

enum filter_verdict
filter_fail(struct filter_call *fc, const char *what)
{
    static const struct filter_refusal failed = { .code = GRPC_INTERNAL,
                                                  .reason = REASON_FILTER_FAILED };

    chain_complain(fc, what);
    return filter_refuse(fc, &failed, "filter %s %s", filter_self(fc)->name, what);
}

/* A filter that ends a wait at the wrong time must not end the process: in its slot the call fails (chain_judge sees it), later the call goes its way. */
void
filter_resume(struct filter_call *fc, enum filter_verdict verdict)
{
    if (UNLIKELY(fc->in_slot))
        (void)filter_fail(fc, "ended its wait before it began");
    else if (UNLIKELY(!fc->waiting))
        chain_complain(fc, "ended a wait that was over");
    else
        fc->host->resume(fc, fc->refused ? FILTER_DONE : verdict);
}

/* A filter that breaks the rules costs this call and nothing else. */
static enum filter_verdict
chain_judge(struct filter_call *fc, enum filter_slot slot, enum filter_verdict v)
{
    if (fc->refused) /* whatever else it said: an answer is an answer */
        return FILTER_DONE;
    if (v == FILTER_WAIT && (slot == SLOT_REQUEST || slot == SLOT_REQUEST_DATA)) {
        fc->waiting = true;
        fc->waits = fc->hook; /* attempts may begin and end meanwhile */
        fc->slot = (uint8_t)slot;
        return FILTER_WAIT;
    }
    if (v == FILTER_NEXT)
        return FILTER_NEXT;
    return filter_fail(fc, v == FILTER_DONE   ? "ended the call without an answer"
                           : v == FILTER_WAIT ? "wanted to wait where nothing can wait"
                                              : "gave no verdict");
}

/* Outside of slots a filter that makes the call wait is the one that filter_self names, whoever was asked meanwhile. */
static ALWAYS_INLINE void
chain_left(struct filter_call *fc)
{
    fc->in_slot = false;
    if (UNLIKELY(fc->waiting))
        fc->hook = fc->waits;
}

/* Once for each slot, which is known where it is called, so that no step has to look which one it is. */
static ALWAYS_INLINE enum filter_verdict
chain_ask(struct filter_call *fc, enum filter_slot slot, const struct chain_hook *from,
          const struct question *q)
{
    const struct chain_hook *end = fc->chain->hooks[slot + 1];
    enum filter_verdict v;

    fc->in_slot = true;
    for (const struct chain_hook *hook = from; hook != end; hook++) {
        fc->hook = hook;
        v = hook_ask(fc, slot, hook, q);
        if (LIKELY(v == FILTER_NEXT && !fc->refused))
            continue;
        v = chain_judge(fc, slot, v);
        if (v == FILTER_NEXT)
            continue;
        if (slot == SLOT_REQUEST)
            fc->begun = steps_below(hook->step + 1u);
        chain_left(fc);
        return v;
    }
    if (slot ==
        SLOT_REQUEST) /* filters without on_request count as asked: they get their on_end with the others */
        fc->begun = fc->chain->all;
    chain_left(fc);
    return FILTER_NEXT;
}

/* All of a slot. */
static ALWAYS_INLINE enum filter_verdict
chain_ask_all(struct filter_call *fc, enum filter_slot slot, const struct question *q)
{
    return chain_ask(fc, slot, fc->chain->hooks[slot], q);
}

/* --- the way of a call -------------------------------------------------------------- */

void
chain_begin(struct filter_call *fc, const struct chain *c, void *state)
{
    fc->chain = c;
    fc->state = state;
    memset(&fc->pool, 0,
           offsetof(struct filter_call, refusal) - offsetof(struct filter_call, pool));
    if (c->zeroed)
        memset(state, 0, c->zeroed);
}

enum filter_verdict
chain_request(struct filter_call *fc)
{
    return chain_ask_all(fc, SLOT_REQUEST, NULL);
}

enum filter_verdict
chain_request_data(struct filter_call *fc, const struct buf *in, bool end)
{
    struct question q = { .in = in, .end = end };

    return chain_ask_all(fc, SLOT_REQUEST_DATA, &q);
}

enum filter_verdict
chain_response(struct filter_call *fc, struct h2_headers *h, bool end)
{
    struct question q = { .h = h, .end = end };

    return chain_ask_all(fc, SLOT_RESPONSE, &q);
}

enum filter_verdict
chain_response_data(struct filter_call *fc, const struct buf *in)
{
    struct question q = { .in = in };

    return chain_ask_all(fc, SLOT_RESPONSE_DATA, &q);
}

enum filter_verdict
chain_trailers(struct filter_call *fc, struct h2_headers *h)
{
    struct question q = { .h = h };

    return chain_ask_all(fc, SLOT_TRAILERS, &q);
}

enum filter_verdict
chain_go_on(struct filter_call *fc, const struct buf *in, bool end)
{
    struct question q = { .in = in, .end = end };

    fc->waiting = false;
    return fc->slot == SLOT_REQUEST ? chain_ask(fc, SLOT_REQUEST, fc->waits + 1, &q)
                                    : chain_ask(fc, SLOT_REQUEST_DATA, fc->waits + 1, &q);
}

void
chain_attempt(struct filter_call *fc, unsigned number)
{
    const struct chain_hook *end = fc->chain->hooks[SLOT_ATTEMPT + 1];

    for (const struct chain_hook *h = fc->chain->hooks[SLOT_ATTEMPT]; h != end; h++) {
        fc->hook = h;
        h->ask.attempt(fc, fc->state + h->state, number);
    }
    chain_left(fc);
}

void
chain_attempt_end(struct filter_call *fc, const struct filter_attempt *a)
{
    const struct chain_hook *end = fc->chain->hooks[SLOT_ATTEMPT_END + 1];

    for (const struct chain_hook *h = fc->chain->hooks[SLOT_ATTEMPT_END]; h != end; h++) {
        fc->hook = h;
        h->ask.attempt_end(fc, fc->state + h->state, a);
    }
    chain_left(fc);
}

void
chain_watch(struct filter_call *fc)
{
    const struct chain *c = fc->chain;

    memset(fc->state, 0, c->state_size);
    for (unsigned i = 0; i < c->n; i++) {
        if (c->filters[i]->kind->flags & FILTER_ALWAYS)
            fc->begun |= UINT64_C(1) << i;
    }
}

void
chain_end(struct filter_call *fc, const struct filter_result *r)
{
    const struct chain_hook *end = fc->chain->hooks[SLOT_END + 1];

    for (const struct chain_hook *h = fc->chain->hooks[SLOT_END]; h != end; h++) {
        if (UNLIKELY(!(fc->begun & h->bit)))
            continue;
        fc->hook = h;
        h->ask.end(fc, fc->state + h->state, r);
    }
    fc->begun = 0;
}
