/* SPDX-License-Identifier: Apache-2.0 */
/* proxy/depart.c - the clients of a listener are told to go. */
#include "proxy/depart.h"

#include "base/rand.h"
#include "h2/conn.h"
#include "loop/loop.h"
#include "proxy/down.h"
#include "proxy/server.h"
#include "proxy/worker.h"

static const int64_t LATE_US = 1000 * 1000;

static void
depart_on_timer(struct timer *t)
{
    struct down *d = CONTAINER_OF(t, struct down, depart);

    if (d->h2)
        h2_conn_drain(d->h2);
}

static void
depart_within(struct down *d, int64_t from_us, int64_t us)
{
    struct worker *w = d->worker;

    timer_start(w->loop, &d->depart,
                from_us + (us ? (int64_t)(rng_next(&w->rng) % (uint64_t)us) : 0));
}

void
depart_begin(struct worker *w, struct server *s, int64_t spread_us)
{
    server_view(s, w)->departing = true;
    for (struct list *n = w->downs.next, *next; n != &w->downs; n = next) {
        struct down *d = CONTAINER_OF(n, struct down, link);

        next = n->next;
        if (!d->h2 || d->server != s || h2_conn_draining(d->h2))
            continue;
        if (spread_us > 0) {
            depart_within(d, 0, spread_us);
        } else {
            timer_stop(w->loop, &d->depart);
            h2_conn_drain(d->h2);
        }
    }
}

void
depart_undo(struct worker *w, struct server *s)
{
    server_view(s, w)->departing = false;
    for (struct list *n = w->downs.next; n != &w->downs; n = n->next) {
        struct down *d = CONTAINER_OF(n, struct down, link);

        if (d->server == s)
            timer_stop(w->loop, &d->depart);
    }
}

void
depart_opened(struct down *d)
{
    timer_init(&d->depart, depart_on_timer);
    if (server_view(d->server, d->worker)->departing)
        depart_within(d, LATE_US, LATE_US);
}

void
depart_closed(struct down *d)
{
    timer_stop(d->worker->loop, &d->depart);
}
