/* SPDX-License-Identifier: Apache-2.0 */
/* main/pulse.c - one flag per worker: set by who asks, cleared by the worker's loop. */
#include "main/pulse.h"

#include <stdatomic.h>
#include <stdbool.h>

#include "base/xalloc.h"
#include "loop/loop.h"
#include "proxy/worker.h"

struct pulse_ask { /* of one worker */
    _Atomic bool asked;
    unsigned missed; /* the main thread's */
};

struct pulse {
    struct worker *const *workers;
    size_t n;
    struct pulse_ask asks[];
};

struct pulse *
pulse_new(struct worker *const *workers, size_t n)
{
    struct pulse *p = xcalloc(1, sizeof(*p) + n * sizeof(struct pulse_ask));

    p->workers = workers;
    p->n = n;
    return p;
}

static void
ask_on_worker(void *arg)
{
    struct pulse_ask *ask = arg;

    atomic_store(&ask->asked, false);
}

int
pulse_ask(struct pulse *p)
{
    int silent = -1;

    for (size_t i = 0; i < p->n; i++) {
        struct pulse_ask *ask = &p->asks[i];

        if (atomic_exchange(&ask->asked, true)) {
            ask->missed++;
            silent = silent < 0 ? (int)i : silent;
        } else {
            ask->missed = 0;
            loop_post(p->workers[i]->loop, ask_on_worker, ask);
        }
    }
    return silent;
}

unsigned
pulse_missed(const struct pulse *p, int *ret_worker)
{
    unsigned most = 0;

    *ret_worker = 0;
    for (size_t i = 0; i < p->n; i++) {
        /* It may have answered since. */
        if (p->asks[i].missed > most && atomic_load(&p->asks[i].asked)) {
            most = p->asks[i].missed;
            *ret_worker = (int)i;
        }
    }
    return most;
}

void
pulse_free(struct pulse *p)
{
    xfree(p);
}
