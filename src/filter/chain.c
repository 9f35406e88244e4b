/* SPDX-License-Identifier: Apache-2.0 */
/* filter/chain.c - a list of steps per slot, and who is asked next. */
#include "filter/chain.h"

#include <assert.h>
#include <string.h>

#include "base/log.h"
#include "base/xalloc.h"
#include "filter/instance.h"
#include "grpc/reason.h"
#include "grpc/status.h"
#include "obs/stats.h"

enum { STATE_ALIGN = 16, LINES_PER_WINDOW = 10 };

struct step {
    struct filter *filter;
    uint32_t state; /* offset of its state */
    bool has_state;
};

struct chain {
    uint8_t n;
    uint8_t count[SLOT_COUNT];
    uint8_t order[SLOT_COUNT]
                 [CHAIN_STEPS_MAX]; /* steps that have the slot, in the order of asking */
    unsigned flags;
    size_t state_size;
    struct step steps[];
};

static bool
kind_has(const struct filter_kind *k, enum filter_slot slot)
{
    switch (slot) {
    case SLOT_REQUEST:
        return k->on_request != NULL;
    case SLOT_REQUEST_DATA:
        return k->on_request_data != NULL;
    case SLOT_ATTEMPT:
        return k->on_attempt != NULL;
    case SLOT_ATTEMPT_END:
        return k->on_attempt_end != NULL;
    case SLOT_RESPONSE:
        return k->on_response != NULL;
    case SLOT_RESPONSE_DATA:
        return k->on_response_data != NULL;
    case SLOT_TRAILERS:
        return k->on_trailers != NULL;
    case SLOT_END:
        return k->on_end != NULL;
    case SLOT_COUNT:
        break;
    }
    return false;
}

/* What the backend says, and the end, is told from the last filter to the first. */
static bool
slot_goes_back(enum filter_slot slot)
{
    return slot >= SLOT_ATTEMPT_END;
}

static void
chain_list(struct chain *c, enum filter_slot slot)
{
    for (unsigned i = 0; i < c->n; i++) {
        unsigned step = slot_goes_back(slot) ? c->n - 1u - i : i;

        if (kind_has(c->steps[step].filter->kind, slot))
            c->order[slot][c->count[slot]++] = (uint8_t)step;
    }
}

struct chain *
chain_new(struct filter *const *filters, size_t n)
{
    struct chain *c = xcalloc(1, sizeof(*c) + n * sizeof(c->steps[0]));

    assert(n <= CHAIN_STEPS_MAX);
    c->n = (uint8_t)n;
    for (size_t i = 0; i < n; i++) {
        const struct filter_kind *k = filters[i]->kind;

        c->steps[i] = (struct step){ .filter = filters[i],
                                     .state = (uint32_t)c->state_size,
                                     .has_state = k->call_size > 0 };
        c->state_size += (k->call_size + STATE_ALIGN - 1) / STATE_ALIGN * STATE_ALIGN;
        c->flags |= k->flags;
    }
    for (unsigned slot = 0; slot < SLOT_COUNT; slot++)
        chain_list(c, slot);
    return c;
}

void
chain_free(struct chain *c)
{
    if (!c)
        return;
    for (unsigned i = 0; i < c->n; i++)
        filter_drop(c->steps[i].filter);
    xfree(c);
}

void
chain_use(const struct chain *c, unsigned worker, struct loop *loop, struct stats *stats)
{
    for (unsigned i = 0; c && i < c->n; i++)
        filter_use(c->steps[i].filter, worker, loop, stats);
}

void
chain_unuse(const struct chain *c, unsigned worker)
{
    for (unsigned i = 0; c && i < c->n; i++)
        filter_unuse(c->steps[i].filter, worker);
}

size_t
chain_count(const struct chain *c)
{
    return c->n;
}

struct filter *
chain_filter(const struct chain *c, size_t i)
{
    return c->steps[i].filter;
}

bool
chain_has(const struct chain *c, enum filter_slot slot)
{
    return c->count[slot] > 0;
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
    return fc->chain->steps[fc->at].filter;
}

/* --- one question ------------------------------------------------------------------ */

/* What the slots get beside the call. */
struct question {
    const struct buf *in;
    struct h2_headers *h;
    bool end;
};

static void *
step_state(const struct filter_call *fc, const struct step *s)
{
    return s->has_state ? fc->state + s->state : NULL;
}

static ALWAYS_INLINE enum filter_verdict
step_ask(struct filter_call *fc, enum filter_slot slot, const struct step *s,
         const struct question *q)
{
    const struct filter_kind *k = s->filter->kind;
    void *state = step_state(fc, s);

    switch (slot) {
    case SLOT_REQUEST:
        return k->on_request(fc, state);
    case SLOT_REQUEST_DATA:
        return k->on_request_data(fc, state, q->in, q->end);
    case SLOT_RESPONSE:
        return k->on_response(fc, state, q->h, q->end);
    case SLOT_RESPONSE_DATA:
        return k->on_response_data(fc, state, q->in);
    case SLOT_TRAILERS:
        return k->on_trailers(fc, state, q->h);
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
        fc->slot = (uint8_t)slot;
        return FILTER_WAIT;
    }
    if (v == FILTER_NEXT)
        return FILTER_NEXT;
    return filter_fail(fc, v == FILTER_DONE   ? "ended the call without an answer"
                           : v == FILTER_WAIT ? "wanted to wait where nothing can wait"
                                              : "gave no verdict");
}

/* The set of the first n steps. */
static uint64_t
steps_below(unsigned n)
{
    return n < CHAIN_STEPS_MAX ? (UINT64_C(1) << n) - 1 : UINT64_MAX;
}

/* Once for each slot, which is known where it is called, so that no step has to look which one it is. */
static ALWAYS_INLINE enum filter_verdict
chain_ask(struct filter_call *fc, enum filter_slot slot, unsigned from,
          const struct question *q)
{
    const struct chain *c = fc->chain;

    for (unsigned i = from; i < c->count[slot]; i++) {
        enum filter_verdict v;

        fc->at = c->order[slot][i];
        if (slot == SLOT_REQUEST)
            fc->begun = steps_below(fc->at + 1u);
        fc->in_slot = true;
        v = step_ask(fc, slot, &c->steps[fc->at], q);
        fc->in_slot = false;
        if (UNLIKELY(v != FILTER_NEXT || fc->refused)) {
            v = chain_judge(fc, slot, v);
            if (v != FILTER_NEXT)
                return v;
        }
    }
    return FILTER_NEXT;
}

/* --- the way of a call -------------------------------------------------------------- */

void
chain_begin(struct filter_call *fc, const struct chain *c, void *state)
{
    fc->chain = c;
    fc->state = state;
    memset(state, 0, c->state_size);
}

/* Filters without on_request count as asked: they get their on_end with the others. */
static enum filter_verdict
chain_asked(struct filter_call *fc, enum filter_verdict v)
{
    if (v == FILTER_NEXT)
        fc->begun = steps_below(fc->chain->n);
    return v;
}

enum filter_verdict
chain_request(struct filter_call *fc)
{
    return chain_asked(fc, chain_ask(fc, SLOT_REQUEST, 0, NULL));
}

enum filter_verdict
chain_request_data(struct filter_call *fc, const struct buf *in, bool end)
{
    struct question q = { .in = in, .end = end };

    return chain_ask(fc, SLOT_REQUEST_DATA, 0, &q);
}

enum filter_verdict
chain_response(struct filter_call *fc, struct h2_headers *h, bool end)
{
    struct question q = { .h = h, .end = end };

    return chain_ask(fc, SLOT_RESPONSE, 0, &q);
}

enum filter_verdict
chain_response_data(struct filter_call *fc, const struct buf *in)
{
    struct question q = { .in = in };

    return chain_ask(fc, SLOT_RESPONSE_DATA, 0, &q);
}

enum filter_verdict
chain_trailers(struct filter_call *fc, struct h2_headers *h)
{
    struct question q = { .h = h };

    return chain_ask(fc, SLOT_TRAILERS, 0, &q);
}

enum filter_verdict
chain_go_on(struct filter_call *fc, const struct buf *in, bool end)
{
    const struct chain *c = fc->chain;
    struct question q = { .in = in, .end = end };
    unsigned next = 0;
    enum filter_verdict v;

    fc->waiting = false;
    while (next < c->count[fc->slot] && c->order[fc->slot][next] <= fc->at)
        next++; /* slots that may wait ask from first to last */
    v = chain_ask(fc, fc->slot, next, &q);
    return fc->slot == SLOT_REQUEST ? chain_asked(fc, v) : v;
}

void
chain_attempt(struct filter_call *fc, unsigned number)
{
    const struct chain *c = fc->chain;

    for (unsigned i = 0; i < c->count[SLOT_ATTEMPT]; i++) {
        const struct step *s = &c->steps[fc->at = c->order[SLOT_ATTEMPT][i]];

        s->filter->kind->on_attempt(fc, step_state(fc, s), number);
    }
}

void
chain_attempt_end(struct filter_call *fc, const struct filter_attempt *a)
{
    const struct chain *c = fc->chain;

    for (unsigned i = 0; i < c->count[SLOT_ATTEMPT_END]; i++) {
        const struct step *s = &c->steps[fc->at = c->order[SLOT_ATTEMPT_END][i]];

        s->filter->kind->on_attempt_end(fc, step_state(fc, s), a);
    }
}

void
chain_watch(struct filter_call *fc)
{
    const struct chain *c = fc->chain;

    for (unsigned i = 0; i < c->n; i++) {
        if (c->steps[i].filter->kind->flags & FILTER_ALWAYS)
            fc->begun |= UINT64_C(1) << i;
    }
}

void
chain_end(struct filter_call *fc, const struct filter_result *r)
{
    const struct chain *c = fc->chain;

    for (unsigned i = 0; i < c->count[SLOT_END]; i++) {
        const struct step *s;
        unsigned at = c->order[SLOT_END][i];

        if (!(fc->begun >> at & 1))
            continue;
        fc->at = (uint8_t)at;
        s = &c->steps[at];
        s->filter->kind->on_end(fc, step_state(fc, s), r);
    }
    fc->begun = 0;
}
