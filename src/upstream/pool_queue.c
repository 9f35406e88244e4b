/* SPDX-License-Identifier: Apache-2.0 */
/* upstream/pool_queue.c - calls that wait for a connection: in the order of their arrival, behind all others (patient), or in nobody's way (choosy). */
#include "upstream/group.h"
#include "upstream/hub.h"

enum {
    LOOK_PAST = 32
}; /* waiting calls of a hashing policy do not wait for each other */

/* --- leaving ------------------------------------------------------------------------- */

bool
pool_wait_cancel(struct pool_wait *w)
{
    if (!w->pool || !list_linked(&w->link))
        return false;
    list_remove(&w->link);
    w->pool->waiting--;
    if (!w->slot)
        TALLY_ADD(w->pool->load->waiting, -1u);
    stat_add(w->pool->stats, STAT_PENDING, -1);
    return true;
}

/* The call goes on: with c when rv is ERR_OK, else without one. */
static void
wait_end(struct pool_wait *w, struct upconn *c, int rv)
{
    pool_wait_cancel(w);
    w->done(w, rv == ERR_OK ? c : NULL, rv);
}

static void
fail_list(struct list *head, int err)
{
    while (!list_empty(head))
        wait_end(CONTAINER_OF(head->next, struct pool_wait, link), NULL, err);
}

void
pool_fail_waiters(struct pool *p, int err)
{
    for (size_t i = 0; i < p->subset_count; i++) {
        if (!p->subsets[i])
            continue;
        fail_list(&p->subsets[i]->waiters, err);
        fail_list(&p->subsets[i]->patient, err);
        fail_list(&p->subsets[i]->choosy, err);
    }
}

/* --- waiting ------------------------------------------------------------------------- */

static void
pool_watch_waiters(struct pool *p)
{
    if (!timer_running(&p->wait_timer) && p->conf->limits.pending_timeout_ms)
        timer_start(p->loop, &p->wait_timer, p->conf->limits.pending_timeout_ms * 1000);
}

/* Its turn has not come, but it may go on waiting where it holds nobody up. */
static bool
wait_be_patient(struct subset *s, struct pool_wait *w, int rv)
{
    if (!w->patient || (rv != ERR_NO_ENDPOINT && rv != ERR_QUEUE_TIMEOUT))
        return false;
    list_remove(&w->link);
    list_append(&s->patient, &w->link);
    return true;
}

/* Behind those that are choosy already: they are in the order of their times. */
static void
wait_be_choosy(struct pool *p, struct subset *s, struct pool_wait *w)
{
    list_remove(&w->link);
    list_append(&s->choosy, &w->link);
    w->since_us = loop_now_us(p->loop);
    if (!timer_running(&p->choosy_timer))
        timer_start(p->loop, &p->choosy_timer, CHOOSY_US);
}

/* Before the others, for these came earlier. Who could not even go back any more waits as all do. */
static void
subset_run_choosy(struct pool *p, struct subset *s)
{
    struct list *at = s->choosy.next;
    unsigned past = 0;

    while (at != &s->choosy && past < LOOK_PAST) {
        struct pool_wait *w = CONTAINER_OF(at, struct pool_wait, link);
        struct upconn *c = NULL;
        int rv = pool_pick(p, w, &c);

        if (w->choosy) {
            past++;
            at = at->next;
            continue;
        }
        w->any = true;
        if (rv == ERR_AGAIN) {
            list_remove(&w->link);
            list_append(&s->waiters, &w->link);
            w->since_us = loop_now_us(p->loop);
            pool_watch_waiters(p);
        } else if (!wait_be_patient(s, w, rv)) {
            wait_end(w, c, rv);
        }
        at = s->choosy.next; /* done may have changed the list */
        past = 0;
    }
}

static void
subset_run_queue(struct pool *p, struct subset *s)
{
    struct list *at = s->waiters.next;
    unsigned past = 0;

    while (at != &s->waiters) {
        struct pool_wait *w = CONTAINER_OF(at, struct pool_wait, link);
        struct upconn *c = NULL;
        int rv = pool_pick(p, w, &c);

        if (w->choosy) {
            wait_be_choosy(p, s, w);
            at = s->waiters.next;
            continue;
        }
        if (rv == ERR_AGAIN) {
            p->grow = true;
            if (!w->hashed || ++past == LOOK_PAST)
                return;
            at = at->next;
            continue;
        }
        if (!wait_be_patient(s, w, rv))
            wait_end(w, c, rv);
        at = s->waiters.next; /* done may have changed the queue */
        past = 0;
    }
}

/* Behind the others. All of them want the same, so the first that gets nothing speaks for the rest. */
static void
subset_run_patient(struct pool *p, struct subset *s)
{
    while (!list_empty(&s->patient) && list_empty(&s->waiters)) {
        struct pool_wait *w = CONTAINER_OF(s->patient.next, struct pool_wait, link);
        struct upconn *c = NULL;
        int rv = pool_pick(p, w, &c);

        if (w->choosy) {
            wait_be_choosy(p, s, w);
            continue;
        }
        if (rv == ERR_AGAIN)
            p->grow = true;
        if (rv == ERR_AGAIN || rv == ERR_NO_ENDPOINT)
            return;
        wait_end(w, c, rv);
    }
}

void
pool_changed(struct pool *p)
{
    if (p->closing)
        return;
    p->again = true;
    if (p->running)
        return; /* a waiter's done came back here: the outer loop goes round once more */
    p->running = true;
    while (p->again) {
        p->again = false;
        p->grow = false; /* whoever still waits after this says it again */
        pool_service(p);
        p->news = false;
        for (size_t i = 0; i < p->subset_count && p->waiting; i++) {
            if (!p->subsets[i])
                continue;
            subset_run_choosy(p, p->subsets[i]);
            subset_run_queue(p, p->subsets[i]);
            subset_run_patient(p, p->subsets[i]);
        }
        pool_service(p); /* connections for who still waits */
    }
    p->running = false;
    pool_watch_full(p);
}

/* Waiters of a subset are in order of arrival and all share one time limit, so the first one is always the next to go. */
static void
pool_on_wait_timer(struct timer *t)
{
    struct pool *p = CONTAINER_OF(t, struct pool, wait_timer);
    int64_t limit = p->conf->limits.pending_timeout_ms * 1000;
    int64_t now = loop_now_us(p->loop), next = -1;

    for (size_t i = 0; i < p->subset_count; i++) {
        struct list *head = p->subsets[i] ? &p->subsets[i]->waiters : NULL;

        while (head && !list_empty(head)) {
            struct pool_wait *w = CONTAINER_OF(head->next, struct pool_wait, link);

            if (now - w->since_us < limit) {
                if (next < 0 || w->since_us + limit - now < next)
                    next = w->since_us + limit - now;
                break;
            }
            if (wait_be_patient(p->subsets[i], w, ERR_QUEUE_TIMEOUT))
                continue;
            stat_inc(p->stats, STAT_PENDING_TIMEOUTS);
            wait_end(w, NULL, ERR_QUEUE_TIMEOUT);
        }
    }
    if (next >= 0)
        timer_start(p->loop, t, next);
}

static void
pool_on_choosy_timer(struct timer *t)
{
    struct pool *p = CONTAINER_OF(t, struct pool, choosy_timer);
    int64_t now = loop_now_us(p->loop), next = -1;

    for (size_t i = 0; i < p->subset_count; i++) {
        struct list *head = p->subsets[i] ? &p->subsets[i]->choosy : NULL;

        for (struct list *at = head ? head->next : NULL; at != head; at = at->next) {
            struct pool_wait *w = CONTAINER_OF(at, struct pool_wait, link);
            int64_t left = w->since_us + CHOOSY_US - now;

            if (left > 0) {
                if (next < 0 || left < next)
                    next = left;
                break;
            }
            w->any = true;
        }
    }
    if (next >= 0)
        timer_start(p->loop, t, next);
    pool_changed(p);
}

int
pool_queue(struct pool *p, struct pool_wait *w, int rv)
{
    struct subset *s = p->subsets[w->subset];

    if (p->waiting >= p->conf->limits.max_pending_requests) {
        stat_inc(p->stats, STAT_PENDING_FULL);
        return ERR_QUEUE_FULL;
    }
    w->since_us = loop_now_us(p->loop);
    if (w->choosy)
        wait_be_choosy(p, s, w);
    else
        list_append(rv == ERR_AGAIN ? &s->waiters : &s->patient, &w->link);
    p->waiting++;
    if (!w->slot)
        TALLY_ADD(p->load->waiting, 1);
    stat_inc(p->stats, STAT_PENDING);
    pool_watch_waiters(p);
    p->grow = true;
    pool_service(p);
    pool_watch_full(p);
    return ERR_AGAIN;
}

void
pool_queue_init(struct pool *p)
{
    timer_init(&p->wait_timer, pool_on_wait_timer);
    timer_init(&p->choosy_timer, pool_on_choosy_timer);
}
