/* SPDX-License-Identifier: Apache-2.0 */
/* main/channelz_round.c - a message to each worker and one back. Posts to a worker run in their order, so what the main thread knows now (a listener, a pool) is still there when the
 * question comes. */
#include "main/channelz_round.h"

#include "base/list.h"
#include "base/xalloc.h"
#include "loop/loop.h"
#include "loop/timer.h"
#include "proxy/worker.h"
#include "upstream/backend.h"

struct round_part { /* of one worker */
    struct round *round;
    struct worker *worker;
    struct look_found found; /* the worker's until it answered */
    bool answered;           /* main thread */
};

struct round {
    struct list link; /* rounds->all */
    struct rounds *rounds;
    struct round_owner *owner; /* NULL: nobody waits any more */
    struct timer timer;
    struct look q;
    size_t n, left;
    struct round_part *parts;
};

struct rounds {
    struct loop *loop;
    struct worker *const *workers;
    size_t n;
    struct list all;
    unsigned count;
};

static void
look_drop(const struct look *q)
{
    xfree(q->servers);
    if (q->backend)
        backend_drop(q->backend);
}

static void
round_free(struct round *r)
{
    timer_stop(r->rounds->loop, &r->timer);
    for (size_t i = 0; i < r->n; i++)
        look_found_done(&r->parts[i].found);
    look_drop(&r->q);
    list_remove(&r->link);
    r->rounds->count--;
    xfree(r->parts);
    xfree(r);
}

static void
round_tell(struct round *r, int late)
{
    struct round_owner *o = r->owner;
    struct look_found *found;

    r->owner = NULL;
    timer_stop(r->rounds->loop, &r->timer);
    if (!o)
        return;
    o->round = NULL;
    found = xcalloc(r->n, sizeof(*found));
    for (size_t i = 0; i < r->n && late < 0; i++)
        found[i] = r->parts[i].found;
    o->done(o, &r->q, found, late < 0 ? r->n : 0, late);
    xfree(found);
}

static void
round_on_answer(void *arg)
{
    struct round_part *part = arg;
    struct round *r = part->round;

    part->answered = true;
    if (--r->left > 0)
        return;
    round_tell(r, -1);
    round_free(r);
}

static void
round_on_worker(void *arg)
{
    struct round_part *part = arg;

    channelz_look(part->worker, &part->round->q, &part->found);
    loop_post(part->round->rounds->loop, round_on_answer, part);
}

static void
round_on_timer(struct timer *t)
{
    struct round *r = CONTAINER_OF(t, struct round, timer);
    size_t i = 0;

    while (r->parts[i].answered)
        i++;
    round_tell(r, r->parts[i].worker->index);
}

struct rounds *
rounds_new(struct loop *loop, struct worker *const *workers, size_t n)
{
    struct rounds *r = xcalloc(1, sizeof(*r));

    r->loop = loop;
    r->workers = workers;
    r->n = n;
    list_init(&r->all);
    return r;
}

bool
rounds_ask(struct rounds *rounds, const struct look *q, int only,
           struct round_owner *owner)
{
    struct round *r;

    if (rounds->count >= ROUNDS_MAX) {
        look_drop(q);
        return false;
    }
    r = xcalloc(1, sizeof(*r));
    r->rounds = rounds;
    r->owner = owner;
    r->q = *q;
    r->n = r->left = only >= 0 ? 1 : rounds->n;
    r->parts = xcalloc(r->n, sizeof(*r->parts));
    owner->round = r;
    rounds->count++;
    list_append(&rounds->all, &r->link);
    timer_init(&r->timer, round_on_timer);
    timer_start(rounds->loop, &r->timer, ROUND_WAIT_US);
    for (size_t i = 0; i < r->n; i++) {
        r->parts[i].round = r;
        r->parts[i].worker = rounds->workers[only >= 0 ? (size_t)only : i];
        loop_post(r->parts[i].worker->loop, round_on_worker, &r->parts[i]);
    }
    return true;
}

void
rounds_forget(struct round_owner *o)
{
    if (o->round)
        o->round->owner = NULL;
    o->round = NULL;
}

void
rounds_stop(struct rounds *r)
{
    for (struct list *n = r->all.next; n != &r->all; n = n->next) {
        struct round *one = CONTAINER_OF(n, struct round, link);

        timer_stop(r->loop, &one->timer);
        if (one->owner)
            rounds_forget(one->owner);
    }
}

void
rounds_free(struct rounds *r)
{
    if (!r)
        return;
    while (!list_empty(&r->all))
        round_free(CONTAINER_OF(r->all.next, struct round, link));
    xfree(r);
}
