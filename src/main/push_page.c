/* SPDX-License-Identifier: Apache-2.0 */
/* main/push_page.c - what /metrics shows, without an admin port. */
#include "main/push_page.h"

#include <inttypes.h>
#include <string.h>

#include "base/strbuf.h"
#include "filter/services.h"
#include "main/process_int.h"
#include "net/tls_store.h"
#include "obs/stats.h"

static int64_t
stats_sum(const struct stats *const *stats, size_t n, enum stat_id id)
{
    int64_t sum = 0;

    for (size_t i = 0; i < n; i++)
        sum += stat_get(stats[i], id);
    return sum;
}

static void
stats_print(const struct stats *const *stats, size_t n, struct strbuf *out)
{
    const char *last = "";
    const struct stat_row *r;

    for (size_t i = 0; (r = stat_row_at(i)); i++) {
        if (strcmp(last, r->metric) != 0)
            strbuf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", r->metric, r->help,
                          r->metric, r->level ? "gauge" : "counter");
        last = r->metric;
        strbuf_printf(out, "%s%s%s%s %" PRId64 "\n", r->metric, r->labels ? "{" : "",
                      r->labels ? r->labels : "", r->labels ? "}" : "",
                      stats_sum(stats, n, r->id));
    }
}

void
push_page_print(void *process, struct strbuf *out)
{
    const struct process *p = process;

    stats_print(p->stats, p->worker_count + 2, out);
    tls_store_metrics(p->tls, out);
    services_print(p->filters.env.services, out);
}
