/* SPDX-License-Identifier: Apache-2.0 */
/* net/tls_budget.c - handshakes take turns. A step with a signature takes some hundred
 * microseconds, a call ten: what is over the budget waits in the order of arrival, and its
 * transport below is not listened to, so that the loop does not spin. */
#include "base/compat.h"
#include "loop/loop.h"
#include "net/tls_int.h"

static void
budget_on_next(struct timer *t)
{
    struct tls_budget *b = CONTAINER_OF(t, struct tls_budget, next);

    b->left = b->per_turn;
    b->turn_us = loop_now_us(b->loop);
    while (b->left > 0 && !list_empty(&b->waiting)) {
        struct tls *s = CONTAINER_OF(b->waiting.next, struct tls, waiting);

        list_remove(&s->waiting);
        b->left--;
        tls_handshake(s);
    }
    if (!list_empty(&b->waiting))
        timer_start(b->loop, &b->next, 0);
}

void
tls_budget_init(struct tls_budget *b, struct loop *l, unsigned per_turn)
{
    *b = (struct tls_budget){ .loop = l, .per_turn = per_turn ? per_turn : 1 };
    list_init(&b->waiting);
    timer_init(&b->next, budget_on_next);
}

void
tls_budget_done(struct tls_budget *b)
{
    timer_stop(b->loop, &b->next);
}

bool
tls_budget_take(struct tls *s)
{
    struct tls_budget *b = s->budget;

    if (!b)
        return true;
    if (list_linked(&s->waiting))
        return false;
    if (list_empty(&b->waiting) && b->turn_us != loop_now_us(b->loop)) {
        b->turn_us = loop_now_us(b->loop);
        b->left = b->per_turn;
    }
    if (list_empty(&b->waiting) && b->left > 0) {
        b->left--;
        return true;
    }
    list_append(&b->waiting, &s->waiting);
    transport_want(s->inner, false, false);
    if (!timer_running(&b->next))
        timer_start(b->loop, &b->next, 0);
    return false;
}
