/* SPDX-License-Identifier: Apache-2.0 */
/* main/process_metrics.c - the page of metrics of the process: what is on it beside the counters of the workers. */
#include <stdatomic.h>

#include "admin/metrics_page.h"
#include "filter/services.h"
#include "main/libraries.h"
#include "main/process_int.h"
#include "net/tls_store.h"
#include "obs/self.h"
#include "proxy/front.h"
#include "proxy/listener_conf.h"
#include "proxy/server.h"

static void
metrics_of_calls(void *arg, struct prom *out)
{
    const struct process *p = arg;

    services_print(p->filters.env.services, out);
}

static void
listener_begin(const struct process *p, size_t i, struct prom *out)
{
    prom_begin(out);
    prom_label_text(out, "listener", p->servers[i]->front->conf->name);
}

static void
metrics_of_listeners(void *arg, struct prom *out)
{
    const struct process *p = arg;

    prom_family(out, "outrigger_listener_ready", PROM_GAUGE,
                "New clients should be sent to this listener: the process does not drain "
                "and, with mirrorGoaway, the application does not go away.");
    for (size_t i = 0; i < p->server_count; i++) {
        listener_begin(p, i, out);
        prom_value(out, process_server_ready(p, p->servers[i]));
    }
    prom_family(out, "outrigger_listener_connections", PROM_GAUGE,
                "Open client connections of a listener.");
    for (size_t i = 0; i < p->server_count; i++) {
        listener_begin(p, i, out);
        prom_value(out, atomic_load(&p->servers[i]->connections));
    }
}

void
process_metrics_open(struct process *p, size_t blocks)
{
    p->metrics = metrics_page_new(p->stats, blocks);
    metrics_page_add(p->metrics, tls_store_metrics, p->tls);
    metrics_page_add(p->metrics, metrics_of_listeners, p);
    metrics_page_add(p->metrics, metrics_of_calls, p);
    metrics_page_add(p->metrics, self_metrics, NULL);
    metrics_page_add(p->metrics, libraries_metrics, NULL);
}

void
process_metrics_close(struct process *p)
{
    metrics_page_free(p->metrics);
    p->metrics = NULL;
}
