/* SPDX-License-Identifier: Apache-2.0 */
/* upstream/hub_source.c - one target of a pool: keeps the last good answer of its resolver, whatever happens to the next. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/xalloc.h"
#include "loop/loop.h"
#include "upstream/hub_int.h"

/* Copies strings behind each other; with at NULL it only measures. */
struct packer {
    char *at;
    size_t used;
};

static const char *
pack(struct packer *p, const char *text)
{
    size_t n;
    char *copy;

    if (!text)
        return NULL;
    n = strlen(text) + 1;
    p->used += n;
    if (!p->at)
        return text;
    copy = p->at;
    memcpy(copy, text, n);
    p->at += n;
    return copy;
}

static void
source_pack_rows(struct packer *p, struct resolved *to, struct resolve_label *labels,
                 const struct resolved *v, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct resolved row = v[i];

        row.zone = pack(p, v[i].zone ? v[i].zone : "");
        row.hash_key = pack(p, v[i].hash_key);
        row.host = pack(p, v[i].host);
        row.labels = labels;
        for (size_t k = 0; k < v[i].label_count; k++) {
            struct resolve_label one = { pack(p, v[i].labels[k].key),
                                         pack(p, v[i].labels[k].value) };

            if (labels)
                *labels++ = one;
        }
        if (to)
            to[i] = row;
    }
}

static void
source_keep(struct hub_source *s, const struct resolved *v, size_t n)
{
    struct packer measure = { 0 }, copy;
    size_t labels = 0, label_bytes;

    for (size_t i = 0; i < n; i++)
        labels += v[i].label_count;
    label_bytes = labels * sizeof(struct resolve_label);
    source_pack_rows(&measure, NULL, NULL, v, n);
    xfree(s->rows);
    xfree(s->memory);
    s->rows = xcalloc(n, sizeof(*s->rows));
    s->n = n;
    s->memory = xcalloc(1, label_bytes + measure.used + 1);
    copy = (struct packer){ .at = (char *)s->memory + label_bytes };
    source_pack_rows(&copy, s->rows, s->memory, v, n);
}

static void
source_on_list(void *arg, const struct resolved *v, size_t n, int64_t valid_ms)
{
    struct hub_source *s = arg;

    if (n == 0)
        return; /* a resolver tells an empty answer as an error; never a reason to stop serving */
    if (s->error[0] && s->rows)
        log_at(NULL, LOG_INFO, "target answers again", LS("pool", s->hub->conf->name),
               LS("target", s->conf->target));
    s->answers++;
    source_keep(s, v, n);
    s->answered_us = loop_now_us(s->hub->loop);
    s->valid_ms = valid_ms;
    s->error[0] = '\0';
    if (!s->hub->starting)
        timer_start(s->hub->loop, &s->hub->merge, 0);
}

/* dns.onFailure "fail": rather no endpoints than those of an old answer. */
static bool
source_gives_up(const struct hub_source *s)
{
    const char *scheme = s->resolver ? s->resolver->kind->scheme : NULL;

    return s->hub->conf->resolve.dns.on_failure == RESOLVE_FAIL && scheme &&
           (strcmp(scheme, "dns") == 0 || strcmp(scheme, "srv") == 0);
}

static void
source_on_error(void *arg, const char *why)
{
    struct hub_source *s = arg;
    bool news = strcmp(s->error, why) != 0;

    s->errors++;
    if (source_gives_up(s) && s->rows) {
        source_keep(s, NULL, 0);
        xfree(s->rows);
        s->rows = NULL;
        timer_start(s->hub->loop, &s->hub->merge, 0);
    }

    if (!s->error[0])
        s->error_us = loop_now_us(s->hub->loop);
    snprintf(s->error, sizeof(s->error), "%s", why[0] ? why : "no answer");
    if (news)
        log_at(NULL, LOG_WARN,
               s->rows
                   ? "target gives no usable answer: the endpoints known before are kept"
                   : "target gives no usable answer",
               LS("pool", s->hub->conf->name), LS("target", s->conf->target),
               LS("why", s->error));
    if (!s->hub->starting && (!s->hub->list || s->hub->list->n == 0 ||
                              s->hub->list->partial || s->hub->settling))
        timer_start(s->hub->loop, &s->hub->merge, 0); /* who waits shall hear of it */
}

bool
hub_source_silent(const struct hub *hub)
{
    for (size_t i = 0; i < hub->source_count; i++) {
        if (!hub->sources[i]->rows && !hub->sources[i]->error[0])
            return true;
    }
    return false;
}

const struct hub_source *
hub_source_failed(const struct hub *hub)
{
    for (size_t i = 0; i < hub->source_count; i++) {
        if (hub->sources[i]->error[0])
            return hub->sources[i];
    }
    return NULL;
}

const char *
hub_source_why(const struct hub *hub, char out[HUB_REASON_MAX])
{
    const struct hub_source *s = hub_source_failed(hub);

    if (!s)
        return NULL;
    snprintf(out, HUB_REASON_MAX, "no endpoints of %.100s are known: %s", s->conf->target,
             s->error);
    return out;
}

static void
source_start(struct hub_source *s)
{
    static const struct resolver_ops ops = {
        .on_list = source_on_list,
        .on_error = source_on_error,
    };
    const struct resolver_args args = {
        .loop = s->hub->loop,
        .h2 = s->hub->h2,
        .rng = s->hub->rng,
        .target = s->target,
        .conf = &s->hub->conf->resolve,
        .ops = &ops,
        .arg = s,
    };

    s->resolver = resolver_start(&args);
    if (s->resolver->kind->again)
        atomic_store_explicit(&s->hub->can_ask, true, memory_order_relaxed);
}

struct hub_source *
hub_source_new(struct hub *hub, const struct endpoint_conf *conf)
{
    struct hub_source *s = xcalloc(1, sizeof(*s));

    s->hub = hub;
    s->conf = conf;
    s->target = xstrdup(conf->target);
    s->valid_ms = -1;
    source_start(s);
    return s;
}

void
hub_source_seed(struct hub_source *s, const struct hub_source *from)
{
    source_keep(s, from->rows, from->n);
    s->answered_us = from->answered_us;
    s->answers = from->answers;
    s->errors = from->errors;
    s->valid_ms = from->valid_ms;
}

void
hub_source_free(struct hub_source *s)
{
    resolver_stop(s->resolver);
    xfree(s->rows);
    xfree(s->memory);
    xfree(s->target);
    xfree(s);
}

static int
source_compare(const void *a, const void *b)
{
    const struct hub_source *x = *(struct hub_source *const *)a;
    const struct hub_source *y = *(struct hub_source *const *)b;
    int by_text = strcmp(x->target, y->target);

    return by_text ? by_text : (x->at > y->at) - (x->at < y->at);
}

struct hub_source **
hub_sources_sort(struct hub_source *const *sources, size_t n)
{
    struct hub_source **sorted = xcalloc(n, sizeof(*sorted));

    for (size_t i = 0; i < n; i++) {
        sources[i]->at = i;
        sorted[i] = sources[i];
    }
    qsort(sorted, n, sizeof(*sorted), source_compare);
    for (size_t i = 0; i < n; i++)
        sorted[i]->repeats =
            i > 0 && strcmp(sorted[i - 1]->target, sorted[i]->target) == 0;
    return sorted;
}

size_t
hub_sources_find(struct hub_source *const *by_target, size_t n, const char *target)
{
    size_t low = 0, high = n;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (strcmp(by_target[middle]->target, target) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}
