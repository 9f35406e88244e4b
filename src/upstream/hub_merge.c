/* SPDX-License-Identifier: Apache-2.0 */
/* upstream/hub_merge.c - the answers of all targets become one list. An address keeps its backend object, and with it its health, however often it
 * comes and goes. The first target that names an address decides about it. */
#include <string.h>

#include "base/log.h"
#include "base/xalloc.h"
#include "loop/loop.h"
#include "upstream/hub_int.h"

/* Labels first, strings behind them; with `strings` NULL it only measures. */
struct merge {
    struct resolve_label *labels;
    char *strings;
    size_t label_count, bytes;
    const struct endpoint_conf
        *last; /* of the row before; rows of one target share its text */
    const char *origin;
};

static const char *
merge_text(struct merge *m, const char *text)
{
    size_t n = strlen(text) + 1;
    char *copy = m->strings;

    m->bytes += n;
    if (!copy)
        return text;
    memcpy(copy, text, n);
    m->strings += n;
    return copy;
}

static void
merge_label(struct merge *m, const char *key, const char *value)
{
    const char *k = merge_text(m, key), *v = merge_text(m, value);

    m->label_count++;
    if (m->labels)
        *m->labels++ = (struct resolve_label){ k, v };
}

/* What the config says wins over what the source says. */
static size_t
merge_labels(struct merge *m, const struct resolved *from, const struct conf_map *own)
{
    size_t before = m->label_count;

    for (size_t i = 0; i < own->n; i++)
        merge_label(m, own->items[i].key, own->items[i].value);
    for (size_t i = 0; i < from->label_count; i++) {
        if (!conf_map_get(own, from->labels[i].key))
            merge_label(m, from->labels[i].key, from->labels[i].value);
    }
    return m->label_count - before;
}

static uint32_t
merge_weight(const struct resolved *from, const struct endpoint_conf *conf)
{
    uint64_t w = (uint64_t)from->weight * conf->weight;

    return w > 1000000 ? 1000000 : w ? (uint32_t)w : 1;
}

static void
merge_row(struct merge *m, struct backend_row *to, const struct resolved *from,
          const struct endpoint_conf *conf)
{
    const char *zone = conf->zone ? conf->zone : from->zone;
    struct resolve_label *labels = m->labels;

    zone = merge_text(m, zone);
    if (from->hash_key)
        to->hash_key = merge_text(m, from->hash_key);
    to->zone = zone;
    to->host = merge_text(m, from->host ? from->host : "");
    to->weight = merge_weight(from, conf);
    to->priority = from->priority + conf->priority;
    to->labels = labels;
    to->label_count = merge_labels(m, from, &conf->labels);
    if (m->last != conf) {
        m->last = conf;
        m->origin = merge_text(m, conf->target); /* the list may outlive the config */
    }
    to->origin = m->origin;
}

struct pick { /* a row that made it into the list */
    const struct resolved *from;
    const struct hub_source *source;
    struct backend *backend;
};

/* A backend that is in this list already has its mark on `seen`, the list's version. */
static size_t
merge_choose(struct hub *hub, struct pick *picks, size_t *ret_over)
{
    size_t n = 0, over = 0;

    for (size_t i = 0; i < hub->source_count; i++) {
        const struct hub_source *s = hub->sources[i];

        for (size_t k = 0; k < s->n; k++) {
            struct backend *b;
            int made;

            if (n == RESOLVE_ENDPOINTS_MAX) {
                over++;
                continue;
            }
            b = backend_table_get(&hub->table, &s->rows[k].addr, hub->worker_count,
                                  &made);
            if (made && hub->list) /* a new one in a pool at work starts slowly */
                atomic_store_explicit(&b->usable_since_us, loop_now_us(hub->loop),
                                      memory_order_relaxed);
            if (b->seen == hub->version)
                continue;
            b->seen = hub->version;
            picks[n++] = (struct pick){ &s->rows[k], s, b };
        }
    }
    *ret_over = over;
    return n;
}

static void
merge_tell_over(struct hub *hub, size_t over)
{
    if (over && !hub->over_cap)
        log_at(NULL, LOG_WARN, "the pool has too many endpoints: the rest is left out",
               LS("pool", hub->conf->name), LI("limit", RESOLVE_ENDPOINTS_MAX),
               LI("left_out", over));
    hub->over_cap = over > 0;
}

struct backend_list *
hub_merge(struct hub *hub)
{
    struct backend_list *l;
    struct merge m = { 0 };
    struct pick *picks;
    char text[HUB_REASON_MAX];
    size_t all = 0, n, over;

    for (size_t i = 0; i < hub->source_count; i++)
        all += hub->sources[i]->n;
    if (all == 0 && !hub->list)
        return NULL; /* no answer yet; an empty list comes only from dns.onFailure "fail" */
    hub->version++;
    picks = xcalloc(all < RESOLVE_ENDPOINTS_MAX ? all + 1 : RESOLVE_ENDPOINTS_MAX,
                    sizeof(*picks));
    n = merge_choose(hub, picks, &over);
    merge_tell_over(hub, over);
    for (size_t i = 0; i < n; i++) {
        struct backend_row scratch = { 0 };

        merge_row(&m, &scratch, picks[i].from, picks[i].source->conf);
    }
    l = backend_list_new(hub->version, n,
                         m.label_count * sizeof(struct resolve_label) + m.bytes);
    m = (struct merge){ .labels = l->memory,
                        .strings = (char *)l->memory +
                                   m.label_count * sizeof(struct resolve_label) };
    for (size_t i = 0; i < n; i++) {
        backend_hold(picks[i].backend);
        l->rows[i].backend = picks[i].backend;
        l->rows[i].hash_key = picks[i].backend->name;
        merge_row(&m, &l->rows[i], picks[i].from, picks[i].source->conf);
    }
    l->partial = hub_source_silent(hub);
    if (n == 0 && hub_source_why(hub, text))
        l->why = xstrdup(text);
    xfree(picks);
    return l;
}
