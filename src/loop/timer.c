/* SPDX-License-Identifier: Apache-2.0 */
/* loop/timer.c - a wheel whose level is the highest group of 6 bits in which the due
 * tick differs from the present one. So all occupied slots of a level lie ahead of the
 * present slot of that level: the next one is the lowest bit of a 64-bit mask, nothing
 * wraps around, and the wheel jumps over empty time. */
#include "loop/timer.h"

#include <assert.h>

#include "base/compat.h"
#include "base/xalloc.h"
#include "loop/loop.h"
#include "loop/turn.h"

enum { WHEEL_LEVELS = 4, WHEEL_BITS = 6, WHEEL_SLOTS = 1 << WHEEL_BITS };
#define TIMER_MAX_US (INT64_C(365) * 24 * 3600 * 1000000)

struct timer_wheel {
    int64_t now_ms; /* all timers due up to this tick were collected */
    unsigned count;
    uint64_t used[WHEEL_LEVELS]; /* slots with timers */
    struct list slots[WHEEL_LEVELS][WHEEL_SLOTS];
    struct list
        far; /* beyond the top level: sorted in when its bits turn over (every 4.6 h) */
    struct list ready; /* started with no delay: for the next collect */
    struct list due;   /* collected: will run in this turn */
};

struct timer_wheel *
timer_wheel_new(int64_t now_us)
{
    struct timer_wheel *w = xcalloc(1, sizeof(*w));

    w->now_ms = now_us / 1000;
    for (int level = 0; level < WHEEL_LEVELS; level++) {
        for (int i = 0; i < WHEEL_SLOTS; i++)
            list_init(&w->slots[level][i]);
    }
    list_init(&w->far);
    list_init(&w->ready);
    list_init(&w->due);
    return w;
}

void
timer_wheel_free(struct timer_wheel *w)
{
    xfree(w);
}

unsigned
timer_wheel_count(const struct timer_wheel *w)
{
    return w->count;
}

/* The slot of a tick at a level. */
static unsigned
wheel_slot(int64_t tick_ms, int level)
{
    return (unsigned)((uint64_t)tick_ms >> (level * WHEEL_BITS)) & (WHEEL_SLOTS - 1);
}

static void
wheel_place(struct timer_wheel *w, struct timer *t)
{
    if (t->due_ms <= w->now_ms) {
        list_append(&w->ready, &t->link);
        return;
    }

    uint64_t differ = (uint64_t)t->due_ms ^ (uint64_t)w->now_ms;
    int level = (63 - __builtin_clzll(differ)) / WHEEL_BITS;

    if (UNLIKELY(level >= WHEEL_LEVELS)) {
        list_append(&w->far, &t->link);
        return;
    }

    unsigned slot = wheel_slot(t->due_ms, level);

    list_append(&w->slots[level][slot], &t->link);
    w->used[level] |= UINT64_C(1) << slot;
}

/* The tick at which the next slot must be opened: the first timer of level 0, or a
 * slot to be spread over the levels below. A lower level always comes first. False:
 * nothing in the wheel. */
static bool
wheel_next_tick(const struct timer_wheel *w, int64_t *ret_ms, int *ret_level)
{
    for (int level = 0; level < WHEEL_LEVELS; level++) {
        if (w->used[level] == 0)
            continue;

        int shift = level * WHEEL_BITS;
        int64_t block = w->now_ms >> (shift + WHEEL_BITS) << (shift + WHEEL_BITS);

        *ret_ms = block + ((int64_t)__builtin_ctzll(w->used[level]) << shift);
        *ret_level = level;
        return true;
    }
    if (list_empty(&w->far))
        return false;
    *ret_ms = ((w->now_ms >> (WHEEL_LEVELS * WHEEL_BITS)) + 1)
              << (WHEEL_LEVELS * WHEEL_BITS);
    *ret_level = WHEEL_LEVELS;
    return true;
}

static void
wheel_open_slot(struct timer_wheel *w, int level)
{
    struct list *slot = &w->far, all;
    struct list *n;

    list_init(&all);
    if (level < WHEEL_LEVELS) {
        unsigned i = wheel_slot(w->now_ms, level);

        slot = &w->slots[level][i];
        w->used[level] &= ~(UINT64_C(1) << i);
    }
    list_splice(&all, slot);
    while ((n = list_pop(&all)) != NULL)
        wheel_place(w, CONTAINER_OF(n, struct timer, link));
}

void
timer_wheel_collect(struct timer_wheel *w, int64_t now_us)
{
    int64_t now_ms = now_us / 1000, next_ms;
    int level;

    while (w->now_ms < now_ms && wheel_next_tick(w, &next_ms, &level) &&
           next_ms <= now_ms) {
        w->now_ms = next_ms;
        wheel_open_slot(w, level);
    }
    if (w->now_ms < now_ms)
        w->now_ms = now_ms;
    list_splice(&w->due, &w->ready);
}

unsigned
timer_wheel_run_due(struct timer_wheel *w)
{
    unsigned ran = 0;
    struct list *n;

    while ((n = list_pop(&w->due)) != NULL) {
        struct timer *t = CONTAINER_OF(n, struct timer, link);

        w->count--;
        ran++;
        t->fn(t);
    }
    return ran;
}

unsigned
timer_wheel_run(struct timer_wheel *w, int64_t now_us)
{
    timer_wheel_collect(w, now_us);
    return timer_wheel_run_due(w);
}

int64_t
timer_wheel_next_us(const struct timer_wheel *w, int64_t now_us)
{
    int64_t next_ms;
    int level;

    if (!list_empty(&w->ready) || !list_empty(&w->due))
        return 0;
    if (!wheel_next_tick(w, &next_ms, &level))
        return -1;
    return next_ms * 1000 > now_us ? next_ms * 1000 - now_us : 0;
}

void
timer_init(struct timer *t, timer_fn *fn)
{
    *t = (struct timer){ .fn = fn };
    list_init(&t->link);
}

/* The bit of a slot must go with its last timer: the loop would wake up for nothing. */
static void
wheel_take_out(struct timer_wheel *w, struct timer *t)
{
    struct list *head = t->link.next;
    bool alone = head == t->link.prev;
    uintptr_t at = (uintptr_t)head - (uintptr_t)&w->slots[0][0];

    list_remove(&t->link);
    w->count--;
    if (alone && at < sizeof(w->slots)) {
        size_t i = at / sizeof(struct list);

        w->used[i / WHEEL_SLOTS] &= ~(UINT64_C(1) << (i % WHEEL_SLOTS));
    }
}

void
timer_start(struct loop *l, struct timer *t, int64_t after_us)
{
    struct timer_wheel *w = loop_wheel(l);
    int64_t now_us = loop_now_us(l);

    assert(t->fn);
    if (list_linked(&t->link))
        wheel_take_out(w, t);
    if (after_us > TIMER_MAX_US)
        after_us = TIMER_MAX_US;
    /* Rounded up, since a timer never fires early; without delay it needs no next
     * tick. */
    t->due_ms = after_us > 0 ? (now_us + after_us + 999) / 1000 : w->now_ms;
    wheel_place(w, t);
    w->count++;
}

void
timer_stop(struct loop *l, struct timer *t)
{
    if (list_linked(&t->link))
        wheel_take_out(loop_wheel(l), t);
}

bool
timer_running(const struct timer *t)
{
    return list_linked(&t->link);
}
