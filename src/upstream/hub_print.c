/* SPDX-License-Identifier: Apache-2.0 */
/* upstream/hub_print.c - a pool as people look at it: one JSON object with a sentence, its
 * targets, and each endpoint with its state in words. Ages and times left are in
 * milliseconds; what is not known is null. */
#include <stdatomic.h>
#include <stdint.h>

#include "base/jsontext.h"
#include "base/strbuf.h"
#include "loop/loop.h"
#include "upstream/health.h"
#include "upstream/hub_int.h"
#include "upstream/hub_words.h"
#include "upstream/outlier.h"

struct backend_totals
backend_totals(const struct backend *b)
{
    struct backend_totals t = { 0 };

    for (size_t i = 0; i < b->workers; i++) {
        const struct backend_tally *w = &b->tally[i];

        t.calls += atomic_load_explicit(&w->calls, memory_order_relaxed);
        t.successes += atomic_load_explicit(&w->successes, memory_order_relaxed);
        t.failures += atomic_load_explicit(&w->failures, memory_order_relaxed);
        t.local_failures +=
            atomic_load_explicit(&w->local_failures, memory_order_relaxed);
        t.flying += atomic_load_explicit(&w->flying, memory_order_relaxed);
        t.connections += atomic_load_explicit(&w->connections, memory_order_relaxed);
    }
    return t;
}

const char *
backend_state_word(const struct backend *b, const struct backend_totals *t)
{
    switch (backend_worst(atomic_load(&b->down))) {
    case BACKEND_DISABLED:
        return "disabled";
    case BACKEND_UNHEALTHY:
        return "unhealthy";
    case BACKEND_EJECTED:
        return "ejected";
    case BACKEND_TRIPPED:
        return backend_usable(b) ? "on trial" : "tripped";
    case BACKEND_UNCHECKED:
        return "unchecked";
    default:
        return t->connections ? "ready" : "idle";
    }
}

static void
print_ms(struct strbuf *out, const char *key, int64_t us, bool known)
{
    if (known)
        strbuf_printf(out, ",\"%s\":%lld", key, (long long)(us / 1000));
    else
        strbuf_printf(out, ",\"%s\":null", key);
}

static void
print_text(struct strbuf *out, const char *key, const char *text)
{
    strbuf_printf(out, ",\"%s\":", key);
    json_text_add(out, text);
}

/* How long the source's answer is still good. */
static void
print_ttl(const struct hub *hub, const struct hub_source *s, struct strbuf *out)
{
    int64_t left = s ? s->answered_us + s->valid_ms * 1000 - loop_now_us(hub->loop) : 0;

    print_ms(out, "ttlLeftMs", left > 0 ? left : 0, s && s->rows && s->valid_ms >= 0);
}

/* A row's origin is the target of its source's config, which no other source has twice. */
const struct hub_source *
hub_source_of(const struct hub *hub, const struct backend_row *r)
{
    size_t i = hub_sources_find(hub->by_target, hub->source_count, r->origin);

    if (i < hub->source_count && strcmp(hub->by_target[i]->target, r->origin) == 0)
        return hub->by_target[i];
    return NULL;
}

static void
print_source(const struct hub *hub, const struct hub_source *s, struct strbuf *out)
{
    int64_t now = loop_now_us(hub->loop);

    strbuf_puts(out, "{\"target\":");
    json_text_add(out, s->conf->target);
    strbuf_printf(out, ",\"endpoints\":%zu,\"ok\":%s", s->n,
                  s->rows && !s->error[0] ? "true" : "false");
    print_text(out, "error", s->error);
    print_ms(out, "answerAgeMs", now - s->answered_us, s->rows != NULL);
    print_ttl(hub, s, out);
    strbuf_puts(out, "}");
}

static void
print_labels(const struct backend_row *r, struct strbuf *out)
{
    strbuf_puts(out, ",\"labels\":{");
    for (size_t i = 0; i < r->label_count; i++) {
        if (i > 0)
            strbuf_puts(out, ",");
        json_text_add(out, r->labels[i].key);
        strbuf_puts(out, ":");
        json_text_add(out, r->labels[i].value);
    }
    strbuf_puts(out, "}");
}

static void
print_endpoint(const struct hub *hub, size_t i, const struct hub_more *more,
               struct strbuf *out)
{
    const struct backend_row *r = &hub->list->rows[i];
    const struct backend *b = r->backend;
    struct backend_totals t = backend_totals(b);

    strbuf_puts(out, "{\"address\":");
    json_text_add(out, b->name);
    print_text(out, "target", r->origin);
    print_ttl(hub, hub_source_of(hub, r), out);
    print_text(out, "state", backend_state_word(b, &t));
    strbuf_printf(out, ",\"usable\":%s", backend_usable(b) ? "true" : "false");
    print_ms(out, "sinceMs", loop_now_us(hub->loop) - b->since_us, b->since_us != 0);
    print_text(out, "why", b->why);
    strbuf_printf(out, ",\"weight\":%u,\"priority\":%u", r->weight, r->priority);
    print_text(out, "zone", r->zone);
    print_labels(r, out);
    strbuf_printf(out,
                  ",\"connections\":%u,\"inFlight\":%u,\"calls\":%llu,\"successes\":%llu,"
                  "\"failures\":%llu,\"localFailures\":%llu,\"check\":",
                  t.connections, t.flying, (unsigned long long)t.calls,
                  (unsigned long long)t.successes, (unsigned long long)t.failures,
                  (unsigned long long)t.local_failures);
    health_print(hub, b, out);
    strbuf_puts(out, ",\"outlier\":");
    outlier_print(hub, b, out);
    if (more)
        more->endpoint(more->arg, i, out);
    strbuf_puts(out, "}");
}

void
hub_load_get(const struct hub *hub, struct hub_load *ret)
{
    const struct pool_levels *l = hub->levels;

    *ret = (struct hub_load){
        .name = hub->conf->name,
        .total = hub->list ? hub->list->n : 0,
        .max_calls = hub->conf->limits.max_concurrent_requests,
    };
    for (size_t i = 0; i < ret->total; i++)
        ret->ejected +=
            (atomic_load(&hub->list->rows[i].backend->down) & BACKEND_EJECTED) != 0;
    for (size_t i = 0; i < hub->worker_count; i++) {
        ret->waiting += atomic_load_explicit(&l->loads[i].waiting, memory_order_relaxed);
        ret->retries += atomic_load_explicit(&l->loads[i].retries, memory_order_relaxed);
    }
}

static size_t
hub_usable(const struct hub *hub)
{
    size_t usable = 0;

    for (size_t i = 0; hub->list && i < hub->list->n; i++)
        usable += backend_usable(hub->list->rows[i].backend);
    return usable;
}

static bool
hub_in_panic(const struct hub *hub)
{
    return atomic_load_explicit(&hub->levels->panics, memory_order_relaxed) > 0;
}

void
hub_state_sentence(const struct hub *hub, struct strbuf *out)
{
    size_t n = hub->list ? hub->list->n : 0, usable = hub_usable(hub), off = 0;
    const struct hub_source *failed = hub_source_failed(hub);

    for (size_t i = 0; i < n; i++)
        off += backend_disabled(hub->list->rows[i].backend);
    if (n == 0)
        strbuf_printf(out, "no endpoints are known%s%s", failed ? ": " : " yet",
                      failed ? failed->error : "");
    else if (hub_in_panic(hub))
        strbuf_printf(out, "panic: %zu of %zu endpoints are usable, calls go to all%s",
                      usable, n, off ? " that are not disabled" : " of them");
    else if (usable == n && n == 1)
        strbuf_puts(out, "its endpoint is usable");
    else if (usable == n)
        strbuf_printf(out, "all %zu endpoints are usable", n);
    else
        strbuf_printf(out, "%zu of %zu endpoints are usable", usable, n);
    if (off)
        strbuf_printf(out, ", %zu disabled by an operator", off);
}

static void
print_state(const struct hub *hub, struct strbuf *out)
{
    struct strbuf text;

    strbuf_init(&text, HUB_REASON_MAX);
    hub_state_sentence(hub, &text);
    print_text(out, "state", text.s);
    strbuf_done(&text);
}

static void
print_sources(const struct hub *hub, size_t most, struct strbuf *out)
{
    size_t n = hub->source_count < most ? hub->source_count : most;

    strbuf_puts(out, ",\"targets\":[");
    for (size_t i = 0; i < n; i++) {
        strbuf_puts(out, i ? ",\n" : "\n");
        print_source(hub, hub->sources[i], out);
    }
    strbuf_puts(out, "]");
    if (n < hub->source_count)
        strbuf_printf(out, ",\"targetsLeftOut\":%zu", hub->source_count - n);
}

/* When there are too many: those that people look for first. */
static void
print_endpoints(const struct hub *hub, const struct hub_more *more, size_t most,
                struct strbuf *out)
{
    size_t n = hub->list ? hub->list->n : 0, done = 0;
    const char *before = "\n";

    strbuf_puts(out, ",\"endpoints\":[");
    for (int usable = n > most ? 0 : -1; usable < 2; usable++) {
        for (size_t i = 0; i < n && done < most; i++) {
            if (usable >= 0 && backend_usable(hub->list->rows[i].backend) != usable)
                continue;
            strbuf_puts(out, before);
            print_endpoint(hub, i, more, out);
            before = ",\n";
            done++;
        }
        if (usable < 0)
            break;
    }
    strbuf_puts(out, "]");
    if (done < n)
        strbuf_printf(out, ",\"endpointsLeftOut\":%zu", n - done);
}

void
hub_print(const struct hub *hub, struct strbuf *out)
{
    hub_print_more(hub, NULL, out);
}

void
hub_print_more(const struct hub *hub, const struct hub_more *more, struct strbuf *out)
{
    strbuf_puts(out, "{\"name\":");
    json_text_add(out, hub->conf->name);
    print_text(out, "policy", hub->conf->balance.policy);
    print_state(hub, out);
    strbuf_printf(out, ",\"panic\":%s,\"usable\":%zu",
                  hub_in_panic(hub) ? "true" : "false", hub_usable(hub));
    if (more)
        more->pool(more->arg, out);
    print_sources(hub, more && more->most ? more->most : SIZE_MAX, out);
    print_endpoints(hub, more, more && more->most ? more->most : SIZE_MAX, out);
    strbuf_puts(out, "}");
}
