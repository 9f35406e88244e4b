/* SPDX-License-Identifier: Apache-2.0 */
/* filter/chain_build.c - a chain is made of its filters: for each slot the list of those that have it, in the order of asking. Main thread. */
#include <assert.h>

#include "base/xalloc.h"
#include "filter/chain_int.h"
#include "filter/instance.h"

enum { STATE_ALIGN = 16 };

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

static struct chain_hook
hook_make(const struct filter *f, enum filter_slot slot)
{
    const struct filter_kind *k = f->kind;
    struct chain_hook h = { .filter = f };

    switch (slot) {
    case SLOT_REQUEST:
        h.ask.request = k->on_request;
        break;
    case SLOT_REQUEST_DATA:
        h.ask.request_data = k->on_request_data;
        break;
    case SLOT_ATTEMPT:
        h.ask.attempt = k->on_attempt;
        break;
    case SLOT_ATTEMPT_END:
        h.ask.attempt_end = k->on_attempt_end;
        break;
    case SLOT_RESPONSE:
        h.ask.response = k->on_response;
        break;
    case SLOT_RESPONSE_DATA:
        h.ask.response_data = k->on_response_data;
        break;
    case SLOT_TRAILERS:
        h.ask.trailers = k->on_trailers;
        break;
    case SLOT_END:
        h.ask.end = k->on_end;
        break;
    case SLOT_COUNT:
        break;
    }
    return h;
}

/* Returns where the hooks of the next slot begin. */
static struct chain_hook *
chain_list(struct chain *c, enum filter_slot slot, const uint32_t *states,
           struct chain_hook *to)
{
    c->hooks[slot] = to;
    for (unsigned i = 0; i < c->n; i++) {
        unsigned step = slot_goes_back(slot) ? c->n - 1u - i : i;
        const struct filter *f = c->filters[step];

        if (!kind_has(f->kind, slot))
            continue;
        *to = hook_make(f, slot);
        to->step = (uint8_t)step;
        to->bit = UINT64_C(1) << step;
        to->state = states[step];
        to++;
        if ((slot == SLOT_RESPONSE && !(f->kind->flags & FILTER_ASKS_ANSWER)) ||
            slot == SLOT_TRAILERS)
            c->wants_answer = true;
    }
    return to;
}

/* Gives those filters their states that have raw ones, or those that have not, from `at` on. Returns the end. */
static size_t
chain_place(const struct chain *c, unsigned raw, size_t at, uint32_t *states)
{
    for (unsigned i = 0; i < c->n; i++) {
        const struct filter_kind *k = c->filters[i]->kind;

        if ((k->flags & FILTER_RAW_STATE) != raw)
            continue;
        states[i] = (uint32_t)at;
        at += (k->call_size + STATE_ALIGN - 1) / STATE_ALIGN * STATE_ALIGN;
    }
    return at;
}

struct chain *
chain_new(struct filter *const *filters, size_t n)
{
    struct chain *c = xcalloc(1, sizeof(*c));
    struct chain_hook *to = xcalloc(n * SLOT_COUNT + 1, sizeof(*to));
    uint32_t states[CHAIN_STEPS_MAX] = { 0 };

    assert(n <= CHAIN_STEPS_MAX);
    c->n = (uint8_t)n;
    c->all = steps_below((unsigned)n);
    c->filters = xcalloc(n + 1, sizeof(struct filter *));
    for (size_t i = 0; i < n; i++) {
        c->filters[i] = filters[i];
        c->flags |= filters[i]->kind->flags;
    }
    c->zeroed = chain_place(c, 0, 0, states);
    c->state_size = chain_place(c, FILTER_RAW_STATE, c->zeroed, states);
    for (unsigned slot = 0; slot < SLOT_COUNT; slot++)
        to = chain_list(c, slot, states, to);
    c->hooks[SLOT_COUNT] = to;
    return c;
}

void
chain_free(struct chain *c)
{
    if (!c)
        return;
    for (unsigned i = 0; i < c->n; i++)
        filter_drop(c->filters[i]);
    xfree(c->filters);
    xfree(c->hooks[0]);
    xfree(c);
}

void
chain_use(const struct chain *c, unsigned worker, struct loop *loop, struct stats *stats)
{
    for (unsigned i = 0; c && i < c->n; i++)
        filter_use(c->filters[i], worker, loop, stats);
}

void
chain_unuse(const struct chain *c, unsigned worker)
{
    for (unsigned i = 0; c && i < c->n; i++)
        filter_unuse(c->filters[i], worker);
}

size_t
chain_count(const struct chain *c)
{
    return c->n;
}

struct filter *
chain_filter(const struct chain *c, size_t i)
{
    return c->filters[i];
}
