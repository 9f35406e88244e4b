/* SPDX-License-Identifier: Apache-2.0 */
/* upstream/hub_mail.c - what the hub tells a worker's pool: the newest list, backends to look at again, or why there is no list. */
#include <string.h>

#include "base/xalloc.h"
#include "loop/loop.h"
#include "upstream/hub_int.h"
#include "upstream/pool_int.h"

void
hub_mail_take(struct hub_worker *w)
{
    struct backend_list *list;
    unsigned tail, head;
    char *why;

    atomic_store_explicit(&w->posted, false, memory_order_seq_cst);
    list = atomic_exchange_explicit(&w->list, NULL, memory_order_acq_rel);
    if (list)
        pool_apply(w->pool, list);
    if (atomic_exchange_explicit(&w->mark_all, false, memory_order_acq_rel))
        pool_recheck(w->pool, NULL);
    head = atomic_load_explicit(&w->mark_head, memory_order_acquire);
    for (tail = atomic_load_explicit(&w->mark_tail, memory_order_relaxed); tail != head;
         tail++) {
        struct backend *b = w->marks[tail % HUB_MARKS];

        pool_recheck(w->pool, b);
        backend_drop(b);
    }
    atomic_store_explicit(&w->mark_tail, tail, memory_order_release);
    why = atomic_exchange_explicit(&w->why, NULL, memory_order_acq_rel);
    if (why)
        pool_no_list(w->pool, why);
    xfree(why);
}

static void
mail_on_post(void *arg)
{
    hub_mail_take(arg);
}

static void
mail_post(struct hub_worker *w)
{
    if (!atomic_exchange_explicit(&w->posted, true, memory_order_seq_cst))
        loop_post(w->loop, mail_on_post, w);
}

void
hub_mail_list(struct hub *hub, struct backend_list *list)
{
    for (size_t i = 0; i < hub->worker_count; i++) {
        struct hub_worker *w = &hub->workers[i];

        if (!w->loop)
            continue;
        backend_list_hold(list);
        backend_list_drop(atomic_exchange_explicit(&w->list, list, memory_order_acq_rel));
        mail_post(w);
    }
}

void
hub_mail_mark(struct hub *hub, struct backend *b)
{
    for (size_t i = 0; i < hub->worker_count; i++) {
        struct hub_worker *w = &hub->workers[i];
        unsigned head = atomic_load_explicit(&w->mark_head, memory_order_relaxed);

        if (!w->loop)
            continue;
        if (head - atomic_load_explicit(&w->mark_tail, memory_order_acquire) <
            HUB_MARKS) {
            backend_hold(b);
            w->marks[head % HUB_MARKS] = b;
            atomic_store_explicit(&w->mark_head, head + 1, memory_order_release);
        } else {
            atomic_store_explicit(&w->mark_all, true, memory_order_release);
        }
        mail_post(w);
    }
}

void
hub_mail_why(struct hub *hub, const char *why)
{
    for (size_t i = 0; i < hub->worker_count; i++) {
        struct hub_worker *w = &hub->workers[i];

        if (!w->loop)
            continue;
        xfree(atomic_exchange_explicit(&w->why, xstrdup(why), memory_order_acq_rel));
        mail_post(w);
    }
}

void
hub_mail_done(struct hub_worker *w)
{
    unsigned tail = atomic_load(&w->mark_tail), head = atomic_load(&w->mark_head);

    backend_list_drop(atomic_exchange(&w->list, NULL));
    xfree(atomic_exchange(&w->why, NULL));
    for (; tail != head; tail++)
        backend_drop(w->marks[tail % HUB_MARKS]);
}
