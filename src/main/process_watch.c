/* SPDX-License-Identifier: Apache-2.0 */
/* main/process_watch.c - the services of filters that watch calls (filter/services.h): made before the first config is taken, and gone after the last filter. */
#include <signal.h>

#include "admin/tail_page.h"
#include "admin/why.h"
#include "base/log.h"
#include "filter/services.h"
#include "loop/signal.h"
#include "main/process_int.h"

static void
watch_on_usr1(void *arg, int signum)
{
    struct process *p = arg;

    (void)signum;
    log_at(NULL, LOG_INFO, "log files are opened anew");
    services_reopen(p->filters.env.services);
}

void
process_watch_open(struct process *p)
{
    const struct services_args args = {
        .loop = p->loop,
        .h2 = p->h2,
        .rng = &p->rng,
        .tls = p->tls,
        .stats = &p->main_stats,
        .workers = (unsigned)p->worker_count,
        .max_methods = p->conf->metrics.max_methods,
        .histogram = p->conf->metrics.histogram,
    };

    p->filters.env.services = services_new(&args);
    p->stats[p->worker_count + 1] = services_stats(p->filters.env.services);
    p->usr1 = signal_watch_open(p->loop, SIGUSR1, watch_on_usr1, p);
}

void
process_watch_configure(struct process *p, const struct config *conf)
{
    services_push(p->filters.env.services, &conf->metrics.push, process_metrics_text, p);
    if (services_configure(p->filters.env.services, &conf->log.access, &conf->tracing))
        p->filters.services++;
}

void
process_watch_pages(struct process *p)
{
    why_open(p->admin, p->filters.env.services->failed);
    p->tail = tail_page_open(p->admin, p->loop, p->filters.env.services->tail);
}

void
process_watch_last(struct process *p)
{
    services_push_last(p->filters.env.services, p->started);
}

void
process_watch_close(struct process *p)
{
    services_free(p->filters.env.services);
    p->filters.env.services = NULL;
}
