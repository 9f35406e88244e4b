/* SPDX-License-Identifier: Apache-2.0 */
/* upstream/backend.c - backends and their lists: made and held by the main thread, read by the workers. */
#include "upstream/backend.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"
#include "resolve/resolver.h"

static _Atomic uint64_t backend_numbers;

struct backend *
backend_new(const struct addr *addr, size_t workers)
{
    struct backend *b = xcalloc(1, sizeof(*b));

    atomic_init(&b->refs, 1);
    b->number = atomic_fetch_add(&backend_numbers, 1) + 1;
    list_init(&b->suspect);
    b->addr = *addr;
    addr_print(addr, b->name);
    b->workers = workers;
    b->tally = xcalloc_aligned(_Alignof(struct backend_tally),
                               workers * sizeof(struct backend_tally));
    b->views = xcalloc(workers, sizeof(struct endpoint *));
    return b;
}

void
backend_hold(struct backend *b)
{
    atomic_fetch_add_explicit(&b->refs, 1, memory_order_relaxed);
}

void
backend_drop(struct backend *b)
{
    if (!b || atomic_fetch_sub_explicit(&b->refs, 1, memory_order_acq_rel) != 1)
        return;
    for (size_t i = 0; i < BACKEND_DOWN_BITS; i++)
        xfree(b->reasons[i]);
    xfree(b->tally);
    xfree(b->views);
    xfree(b);
}

unsigned
backend_worst(unsigned down)
{
    static const unsigned order[BACKEND_DOWN_BITS] = { BACKEND_DISABLED,
                                                       BACKEND_UNHEALTHY, BACKEND_EJECTED,
                                                       BACKEND_TRIPPED,
                                                       BACKEND_UNCHECKED };

    for (size_t i = 0; i < BACKEND_DOWN_BITS; i++) {
        if (down & order[i])
            return order[i];
    }
    return 0;
}

void
backend_note(struct backend *b, unsigned bit, bool on, const char *why, int64_t now_us)
{
    unsigned worst = backend_worst(atomic_load(&b->down));
    char **kept = &b->reasons[__builtin_ctz(bit)];

    xfree(*kept);
    *kept = on ? xstrdup(why) : NULL;
    if (worst && worst == b->shown && worst != bit)
        return;
    /* A bit that a worker set has no words of its own yet. */
    if (worst && b->reasons[__builtin_ctz(worst)])
        why = b->reasons[__builtin_ctz(worst)];
    b->shown = worst;
    b->since_us = now_us;
    snprintf(b->why, sizeof(b->why), "%s", why);
}

void
backend_reword(struct backend *b, unsigned bit, const char *why)
{
    char **kept = &b->reasons[__builtin_ctz(bit)];

    if (!*kept || strcmp(*kept, why) == 0)
        return;
    xfree(*kept);
    *kept = xstrdup(why);
    if (b->shown == bit)
        snprintf(b->why, sizeof(b->why), "%s", why);
}

bool
backend_leaving(const struct backend *b)
{
    uint32_t ready = 0;

    if (b->said_not_serving)
        return true;
    if (!atomic_load_explicit(&b->said_goaway, memory_order_relaxed))
        return false;
    for (size_t i = 0; i < b->workers; i++)
        ready += atomic_load_explicit(&b->tally[i].ready, memory_order_relaxed);
    return ready == 0;
}

bool
backend_usable(const struct backend *b)
{
    unsigned down = atomic_load_explicit(&b->down, memory_order_relaxed);

    return down == 0 ||
           (down == BACKEND_TRIPPED &&
            atomic_load_explicit(&b->probe, memory_order_relaxed) == BACKEND_PROBE_OPEN);
}

bool
backend_admit(struct backend *b, bool *ret_probe)
{
    unsigned open = BACKEND_PROBE_OPEN;

    *ret_probe = false;
    if (!(atomic_load_explicit(&b->down, memory_order_relaxed) & BACKEND_TRIPPED))
        return true;
    *ret_probe = atomic_compare_exchange_strong(&b->probe, &open, BACKEND_PROBE_TAKEN);
    return *ret_probe;
}

void
backend_probe_end(struct backend *b, enum backend_probe how)
{
    unsigned taken = BACKEND_PROBE_TAKEN;

    atomic_compare_exchange_strong(&b->probe, &taken, (unsigned)how);
}

struct backend_list *
backend_list_new(uint64_t version, size_t n, size_t bytes)
{
    struct backend_list *l = xcalloc(1, sizeof(*l));

    atomic_init(&l->refs, 1);
    l->version = version;
    l->n = n;
    l->rows = xcalloc(n ? n : 1, sizeof(*l->rows));
    l->memory = xcalloc(1, bytes ? bytes : 1);
    return l;
}

void
backend_list_hold(struct backend_list *l)
{
    atomic_fetch_add_explicit(&l->refs, 1, memory_order_relaxed);
}

void
backend_list_drop(struct backend_list *l)
{
    if (!l || atomic_fetch_sub_explicit(&l->refs, 1, memory_order_acq_rel) != 1)
        return;
    for (size_t i = 0; i < l->n; i++)
        backend_drop(l->rows[i].backend);
    xfree(l->rows);
    xfree(l->memory);
    xfree(l->why);
    xfree(l);
}

static bool
row_equal(const struct backend_row *a, const struct backend_row *b)
{
    if (a->backend != b->backend || a->weight != b->weight ||
        a->priority != b->priority || a->label_count != b->label_count ||
        strcmp(a->zone, b->zone) != 0 || strcmp(a->hash_key, b->hash_key) != 0 ||
        strcmp(a->origin, b->origin) != 0 || strcmp(a->host, b->host) != 0)
        return false;
    for (size_t i = 0; i < a->label_count; i++) {
        if (strcmp(a->labels[i].key, b->labels[i].key) != 0 ||
            strcmp(a->labels[i].value, b->labels[i].value) != 0)
            return false;
    }
    return true;
}

bool
backend_list_equal(const struct backend_list *a, const struct backend_list *b)
{
    if (a->n != b->n || a->partial != b->partial || !a->why != !b->why ||
        (a->why && strcmp(a->why, b->why) != 0))
        return false;
    for (size_t i = 0; i < a->n; i++) {
        if (!row_equal(&a->rows[i], &b->rows[i]))
            return false;
    }
    return true;
}

/* "1.2.3.4:50051" and "[::1]:50051" without the port. */
const char *
backend_tls_name(const struct backend *b, const char *host,
                 char out[BACKEND_TLS_NAME_MAX])
{
    bool v6 = b->name[0] == '[';
    const char *end = strrchr(b->name, v6 ? ']' : ':');

    out[0] = '\0';
    if (host[0])
        snprintf(out, BACKEND_TLS_NAME_MAX, "%s", host);
    else if (!addr_is_unix(&b->addr) && end)
        snprintf(out, BACKEND_TLS_NAME_MAX, "%.*s", (int)(end - b->name) - v6,
                 b->name + v6);
    return out;
}

const char *
backend_row_label(const struct backend_row *r, const char *key)
{
    for (size_t i = 0; i < r->label_count; i++) {
        if (strcmp(r->labels[i].key, key) == 0)
            return r->labels[i].value;
    }
    return NULL;
}
