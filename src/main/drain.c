/* SPDX-License-Identifier: Apache-2.0 */
/* main/drain.c - how the process ends: it accepts for a while, says GOAWAY, waits for calls, ends what is left. */
#include "base/log.h"
#include "loop/loop.h"
#include "main/process_int.h"
#include "proxy/server.h"
#include "proxy/worker.h"

static const int64_t POLL_US = 20 * 1000;

static void
server_stop_on_worker(void *arg)
{
    server_stop(arg);
}

/* A listener is closed on the loop that accepts. */
static void
process_stop_listening(struct process *p)
{
    for (size_t i = 0; i < p->server_count; i++) {
        if (p->worker_count == 1)
            loop_post(p->workers[0]->loop, server_stop_on_worker, p->servers[i]);
        else
            server_stop(p->servers[i]);
    }
}

static unsigned
process_flying(const struct process *p)
{
    unsigned n = 0;

    for (size_t i = 0; i < p->worker_count; i++)
        n += atomic_load(&p->workers[i]->flying) + atomic_load(&p->workers[i]->load);
    return n;
}

static void
process_stop(struct process *p)
{
    unsigned left = process_flying(p);

    if (p->phase == PHASE_STOPPING)
        return;
    p->phase = PHASE_STOPPING;
    timer_stop(p->loop, &p->timer);
    process_stop_listening(p);
    log_at(NULL, LOG_INFO,
           left ? "drain ended: what is still open gets UNAVAILABLE" : "drain ended",
           LI("open", left));
    for (size_t i = 0; i < p->worker_count; i++)
        worker_stop(p->workers[i]);
    loop_stop(p->loop);
}

static void
process_begin_goaway(struct process *p)
{
    p->phase = PHASE_DRAINING;
    p->drain_end_us = loop_now_us(p->loop) + p->conf->drain.timeout_ms * 1000;
    log_at(NULL, LOG_INFO, "draining: GOAWAY to all clients, no new connections",
           LI("timeout_ms", p->conf->drain.timeout_ms));
    process_stop_listening(p);
    for (size_t i = 0; i < p->worker_count; i++)
        worker_drain(p->workers[i]);
    timer_start(p->loop, &p->timer, POLL_US);
}

void
process_drain_on_timer(struct timer *t)
{
    struct process *p = CONTAINER_OF(t, struct process, timer);

    if (p->phase == PHASE_LEAVING) {
        process_begin_goaway(p);
    } else if (p->phase == PHASE_DRAINING) {
        if (process_flying(p) == 0 || loop_now_us(p->loop) >= p->drain_end_us)
            process_stop(p);
        else
            timer_start(p->loop, t, POLL_US);
    }
}

void
process_drain(struct process *p)
{
    if (p->phase != PHASE_SERVING) {
        process_stop(p);
        return;
    }
    p->phase = PHASE_LEAVING;
    log_at(NULL, LOG_INFO, "shutdown asked for: still accepting",
           LI("delay_ms", p->conf->drain.delay_ms));
    timer_start(p->loop, &p->timer, p->conf->drain.delay_ms * 1000);
}
