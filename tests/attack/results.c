/* SPDX-License-Identifier: Apache-2.0 */
#include "results.h"

#include "sock.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void
results_add(struct results *r, uint64_t due_us, uint64_t end_us, int result)
{
    if (r->count == r->cap) {
        r->cap = r->cap ? r->cap * 2 : 4096;
        r->list = realloc(r->list, r->cap * sizeof(*r->list));
        if (!r->list)
            tool_die("Out of memory for %zu results.", r->cap);
    }
    r->list[r->count++] = (struct result){ .due_us = due_us,
                                           .latency_us = (uint32_t)(end_us - due_us),
                                           .result = result };
}

void
results_write_log(const struct results *r, const char *path)
{
    if (!path)
        return;
    FILE *log = fopen(path, "w");
    if (!log)
        tool_die("Cannot write %s: %s.", path, strerror(errno));
    for (size_t i = 0; i < r->count; i++)
        fprintf(log, "%llu %u %d\n", (unsigned long long)r->list[i].due_us,
                r->list[i].latency_us, r->list[i].result);
    if (fclose(log))
        tool_die("Cannot write %s: %s.", path, strerror(errno));
}

static int
result_compare(const void *a, const void *b)
{
    uint32_t x = ((const struct result *)a)->latency_us;
    uint32_t y = ((const struct result *)b)->latency_us;
    return x < y ? -1 : x > y;
}

void
results_print(struct results *r, unsigned retried, unsigned connections)
{
    size_t ok = 0;
    for (size_t i = 0; i < r->count; i++)
        ok += r->list[i].result == 0;
    if (r->count)
        qsort(r->list, r->count, sizeof(*r->list), result_compare);
    uint32_t p50 = r->count ? r->list[r->count / 2].latency_us : 0;
    uint32_t p99 = r->count ? r->list[r->count * 99 / 100].latency_us : 0;
    double share = r->count ? 100.0 * (double)ok / (double)r->count : 0;
    printf(
        "{\"calls\":%zu,\"ok\":%zu,\"failed\":%zu,\"success_percent\":%.3f,\"p50_us\":%u,"
        "\"p99_us\":%u,\"retried\":%u,\"connections\":%u}\n",
        r->count, ok, r->count - ok, share, p50, p99, retried, connections);
}

void
results_free(struct results *r)
{
    free(r->list);
    *r = (struct results){ 0 };
}
