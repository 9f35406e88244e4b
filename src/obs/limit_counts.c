/* SPDX-License-Identifier: Apache-2.0 */
/* obs/limit_counts.c - a short list that grows by one block per line, so that lines never move. */
#include "obs/limit_counts.h"

#include <string.h>

#include "base/xalloc.h"
#include "obs/prom.h"

struct limit_counts {
    size_t n;
    struct limit_count *lines[LIMIT_COUNTS_MAX];
    struct limit_count *other; /* NULL: nobody needed it yet */
};

static struct limit_count *
line_new(const char *scope, const char *key)
{
    struct limit_count *line = xcalloc_aligned(64, sizeof(*line));

    line->scope = xstrdup(scope);
    line->key = xstrdup(key);
    return line;
}

static void
line_free(struct limit_count *line)
{
    if (!line)
        return;
    xfree(line->scope);
    xfree(line->key);
    xfree(line);
}

struct limit_counts *
limit_counts_new(void)
{
    return xcalloc(1, sizeof(struct limit_counts));
}

void
limit_counts_free(struct limit_counts *l)
{
    if (!l)
        return;
    for (size_t i = 0; i < l->n; i++)
        line_free(l->lines[i]);
    line_free(l->other);
    xfree(l);
}

struct limit_count *
limit_counts_get(struct limit_counts *l, const char *scope, const char *key)
{
    for (size_t i = 0; i < l->n; i++) {
        if (strcmp(l->lines[i]->scope, scope) == 0 && strcmp(l->lines[i]->key, key) == 0)
            return l->lines[i];
    }
    if (l->n < LIMIT_COUNTS_MAX)
        return l->lines[l->n++] = line_new(scope, key);
    if (!l->other)
        l->other = line_new("_OTHER", "_OTHER");
    return l->other;
}

size_t
limit_counts_used(const struct limit_counts *l)
{
    return l->n;
}

static void
line_print(const struct limit_count *line, const char *result, const _Atomic uint64_t *n,
           struct prom *p)
{
    prom_begin(p);
    prom_label_text(p, "scope", line->scope);
    prom_label_text(p, "key", line->key);
    prom_labels(p, result);
    prom_value(p, (int64_t)atomic_load_explicit(n, memory_order_relaxed));
}

static void
line_print_both(const struct limit_count *line, struct prom *p)
{
    line_print(line, "result=\"refused\"", &line->refused, p);
    line_print(line, "result=\"passed\"", &line->passed, p);
}

void
limit_counts_print(const struct limit_counts *l, struct prom *p)
{
    if (l->n == 0)
        return; /* there is no limit in the config */
    prom_family(
        p, "outrigger_ratelimited_total", PROM_COUNTER,
        "Calls over a rate limit (rateLimit, globalRateLimit), by where it stands "
        "and what it tells calls apart by. passed: enforce let them go on.");
    for (size_t i = 0; i < l->n; i++)
        line_print_both(l->lines[i], p);
    if (l->other)
        line_print_both(l->other, p);
}
