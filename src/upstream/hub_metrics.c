/* SPDX-License-Identifier: Apache-2.0 */
/* upstream/hub_metrics.c - one family after the other, and in each all pools. */
#include "upstream/hub_metrics.h"

#include <stdatomic.h>
#include <string.h>

#include "base/compat.h"
#include "base/xalloc.h"
#include "loop/loop.h"
#include "obs/prom.h"
#include "upstream/hub_int.h"
#include "upstream/hub_words.h"

/* backend_state_word, as labels. */
static const char *const state_words[] = { "ready",     "idle",    "unchecked",
                                           "unhealthy", "ejected", "on trial",
                                           "tripped",   "disabled" };

static const char *const state_labels[ARRAY_LEN(state_words)] = {
    "ready",   "idle",     "unchecked", "unhealthy",
    "ejected", "on_trial", "tripped",   "disabled"
};

/* What is summed once and printed in several families. */
struct pool_sums {
    const struct hub *hub;
    size_t n; /* endpoints */
    struct backend_totals *each, all;
    size_t states[ARRAY_LEN(state_words)];
};

static void
sums_read(struct pool_sums *s, const struct hub *hub)
{
    *s = (struct pool_sums){ .hub = hub, .n = hub->list ? hub->list->n : 0 };
    s->each = xcalloc(s->n + 1, sizeof(*s->each));
    for (size_t i = 0; i < s->n; i++) {
        const struct backend *b = hub->list->rows[i].backend;
        struct backend_totals t = backend_totals(b);
        const char *word = backend_state_word(b, &t);

        s->each[i] = t;
        s->all.flying += t.flying;
        s->all.connections += t.connections;
        for (size_t k = 0; k < ARRAY_LEN(state_words); k++)
            s->states[k] += strcmp(word, state_words[k]) == 0;
    }
}

/* --- pools ---------------------------------------------------------------------------- */

static void
pool_begin(const struct hub *hub, struct prom *p)
{
    prom_begin(p);
    prom_label_text(p, "pool", hub->conf->name);
}

static int64_t
pool_waiting(const struct hub *hub)
{
    int64_t sum = 0;

    for (size_t i = 0; i < hub->worker_count; i++)
        sum += atomic_load_explicit(&hub->levels->loads[i].waiting, memory_order_relaxed);
    return sum;
}

static int64_t
pool_in_flight(const struct pool_sums *s)
{
    return s->all.flying;
}

static int64_t
pool_connections(const struct pool_sums *s)
{
    return s->all.connections;
}

static int64_t
pool_pending(const struct pool_sums *s)
{
    return pool_waiting(s->hub);
}

static int64_t
pool_panic(const struct pool_sums *s)
{
    return atomic_load_explicit(&s->hub->levels->panics, memory_order_relaxed) > 0;
}

static const struct pool_family {
    const char *name, *help;
    int64_t (*value)(const struct pool_sums *s);
} pool_families[] = {
    { "outrigger_pool_in_flight_requests", "Attempts that are with the pool's endpoints.",
      pool_in_flight },
    { "outrigger_pool_connections", "Connections to the pool's endpoints.",
      pool_connections },
    { "outrigger_pool_pending_requests",
      "Calls that wait for a connection of the pool; without retries that have a slot of "
      "limits.retryBudget.",
      pool_pending },
    { "outrigger_pool_panic",
      "1 while too few endpoints are healthy, so that health is ignored.", pool_panic },
};

static void
print_pools(const struct pool_sums *sums, size_t n, struct prom *p)
{
    prom_family(p, "outrigger_pool_endpoints", PROM_GAUGE,
                "Endpoints of the pool, by state.");
    for (size_t i = 0; i < n; i++) {
        for (size_t k = 0; k < ARRAY_LEN(state_labels); k++) {
            pool_begin(sums[i].hub, p);
            prom_label_text(p, "state", state_labels[k]);
            prom_value(p, (int64_t)sums[i].states[k]);
        }
    }
    for (size_t f = 0; f < ARRAY_LEN(pool_families); f++) {
        prom_family(p, pool_families[f].name, PROM_GAUGE, pool_families[f].help);
        for (size_t i = 0; i < n; i++) {
            pool_begin(sums[i].hub, p);
            prom_value(p, pool_families[f].value(&sums[i]));
        }
    }
}

static int64_t
pool_retries(const struct hub *hub, enum retry_result result)
{
    int64_t sum = 0;

    for (size_t i = 0; i < hub->worker_count; i++)
        sum += (int64_t)atomic_load_explicit(&hub->levels->loads[i].results[result],
                                             memory_order_relaxed);
    return sum;
}

static void
print_retries(const struct pool_sums *sums, size_t n, struct prom *p)
{
    static const char *const words[RETRY_RESULTS] = {
        [RETRY_RESULT_OK] = "result=\"ok\"",
        [RETRY_RESULT_FAILED] = "result=\"failed\"",
        [RETRY_RESULT_REFUSED] = "result=\"refused\"",
    };

    prom_family(p, "outrigger_retries_total", PROM_COUNTER,
                "Retries that a retryPolicy wanted, of ended calls: ok, the call ended "
                "with OK by it; failed, it did not help; refused, it was not made "
                "(outrigger_retries_refused_total says why).");
    for (size_t i = 0; i < n; i++) {
        for (unsigned r = 0; r < RETRY_RESULTS; r++) {
            pool_begin(sums[i].hub, p);
            prom_labels(p, words[r]);
            prom_value(p, pool_retries(sums[i].hub, r));
        }
    }
}

/* --- endpoints ------------------------------------------------------------------------ */

static int64_t
endpoint_usable(const struct backend *b, const struct backend_totals *t)
{
    (void)t;
    return backend_usable(b);
}

static int64_t
endpoint_calls(const struct backend *b, const struct backend_totals *t)
{
    (void)b;
    return (int64_t)t->calls;
}

static int64_t
endpoint_failures(const struct backend *b, const struct backend_totals *t)
{
    (void)b;
    return (int64_t)(t->failures + t->local_failures);
}

static int64_t
endpoint_in_flight(const struct backend *b, const struct backend_totals *t)
{
    (void)b;
    return t->flying;
}

static int64_t
endpoint_connections(const struct backend *b, const struct backend_totals *t)
{
    (void)b;
    return t->connections;
}

static const struct endpoint_family {
    const char *name;
    enum prom_kind kind;
    const char *help;
    int64_t (*value)(const struct backend *b, const struct backend_totals *t);
} endpoint_families[] = {
    { "outrigger_endpoint_usable", PROM_GAUGE,
      "1 when new calls may go to the endpoint. Pools with more than 200 endpoints have "
      "no series for each.",
      endpoint_usable },
    { "outrigger_endpoint_calls_total", PROM_COUNTER,
      "Attempts that were sent to the endpoint.", endpoint_calls },
    { "outrigger_endpoint_failures_total", PROM_COUNTER,
      "Those of them that failed by the rules of outlierDetection, or on the way.",
      endpoint_failures },
    { "outrigger_endpoint_in_flight_requests", PROM_GAUGE,
      "Attempts that are with the endpoint.", endpoint_in_flight },
    { "outrigger_endpoint_connections", PROM_GAUGE, "Connections to the endpoint.",
      endpoint_connections },
};

static void
print_endpoints(const struct pool_sums *sums, size_t n, struct prom *p)
{
    for (size_t f = 0; f < ARRAY_LEN(endpoint_families); f++) {
        const struct endpoint_family *of = &endpoint_families[f];

        prom_family(p, of->name, of->kind, of->help);
        for (size_t i = 0; i < n; i++) {
            const struct backend_list *l = sums[i].hub->list;

            for (size_t k = 0; k < sums[i].n && sums[i].n <= HUB_ENDPOINT_SERIES_MAX;
                 k++) {
                pool_begin(sums[i].hub, p);
                prom_label_text(p, "endpoint", l->rows[k].backend->name);
                prom_value(p, of->value(l->rows[k].backend, &sums[i].each[k]));
            }
        }
    }
}

/* --- targets: what names were resolved to --------------------------------------------- */

enum target_fact { TARGET_OK, TARGET_ENDPOINTS, TARGET_AGE, TARGET_ANSWERS };

static void
target_begin(const struct hub_source *s, struct prom *p)
{
    pool_begin(s->hub, p);
    prom_label_text(p, "target", s->target);
}

static void
print_target(const struct hub_source *s, enum target_fact what, struct prom *p)
{
    if (what == TARGET_AGE && !s->rows)
        return; /* there is no answer that could be old */
    target_begin(s, p);
    switch (what) {
    case TARGET_OK:
        prom_value(p, s->rows && !s->error[0]);
        break;
    case TARGET_ENDPOINTS:
        prom_value(p, s->rows ? (int64_t)s->n : 0);
        break;
    case TARGET_AGE:
        prom_seconds(p, loop_now_us(s->hub->loop) - s->answered_us);
        break;
    case TARGET_ANSWERS:
        prom_labels(p, "result=\"ok\"");
        prom_value(p, (int64_t)s->answers);
        target_begin(s, p);
        prom_labels(p, "result=\"error\"");
        prom_value(p, (int64_t)s->errors);
        break;
    }
}

static void
print_targets(struct hub *const *hubs, size_t n, enum target_fact what, struct prom *p)
{
    for (size_t i = 0; i < n; i++) {
        for (size_t k = 0; k < hubs[i]->source_count; k++) {
            /* The same target may be named twice, but only one series may be. */
            if (!hubs[i]->sources[k]->repeats)
                print_target(hubs[i]->sources[k], what, p);
        }
    }
}

static void
print_all_targets(struct hub *const *hubs, size_t n, struct prom *p)
{
    prom_family(p, "outrigger_target_ok", PROM_GAUGE,
                "1 when the last news of a target (DNS, file, Kubernetes ...) was a "
                "usable answer.");
    print_targets(hubs, n, TARGET_OK, p);
    prom_family(p, "outrigger_target_endpoints", PROM_GAUGE,
                "Endpoints in the last usable answer.");
    print_targets(hubs, n, TARGET_ENDPOINTS, p);
    prom_family(p, "outrigger_target_answer_age_seconds", PROM_GAUGE,
                "How old the last usable answer is. A fixed address, or a source that "
                "tells changes, answers once.");
    print_targets(hubs, n, TARGET_AGE, p);
    prom_family(p, "outrigger_target_answers_total", PROM_COUNTER,
                "Answers of targets: usable ones, and failures.");
    print_targets(hubs, n, TARGET_ANSWERS, p);
}

void
hub_metrics(struct hub *const *hubs, size_t n, struct prom *p)
{
    struct pool_sums *sums;

    if (n == 0)
        return;
    sums = xcalloc(n, sizeof(*sums));
    for (size_t i = 0; i < n; i++)
        sums_read(&sums[i], hubs[i]);
    print_pools(sums, n, p);
    print_retries(sums, n, p);
    print_endpoints(sums, n, p);
    print_all_targets(hubs, n, p);
    for (size_t i = 0; i < n; i++)
        xfree(sums[i].each);
    xfree(sums);
}
