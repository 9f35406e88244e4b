/* SPDX-License-Identifier: Apache-2.0 */
/* upstream/hub_explain.c - the verdict about each endpoint of a pool for one call. */
#include "upstream/hub_explain.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/jsontext.h"
#include "base/strbuf.h"
#include "base/xalloc.h"
#include "conf/field.h"
#include "lb/select.h"
#include "upstream/hub_int.h"
#include "upstream/hub_words.h"
#include "upstream/levels.h"

enum { SHOWN_MAX = 200, WHY_MAX = 512, CUT = LEVELS_MAX, NO_LABELS };

struct verdicts {
    const struct hub *hub;
    const struct conf_map *selector; /* NULL: any endpoint */
    bool fallback; /* no endpoint has the labels, so all may get the call */
    struct levels levels;
    struct level_count counts[LEVELS_MAX];
    unsigned share[LEVELS_MAX]; /* percent of the calls */
    bool panic[LEVELS_MAX];
    uint8_t *place; /* of each row: its level, CUT or NO_LABELS */
    size_t n, fit, yes;
};

/* --- what workers would do ------------------------------------------------------------ */

static bool
backend_unreachable(const struct backend *b)
{
    for (size_t i = 0; i < b->workers; i++) {
        if (atomic_load_explicit(&b->tally[i].failed, memory_order_relaxed))
            return true;
    }
    return false;
}

/* balance.subsetSize, as group_cut of each worker does it. */
static void
verdicts_cut(struct verdicts *v, uint8_t level)
{
    const struct backend_list *l = v->hub->list;
    size_t size = v->hub->conf->balance.subset_size, n = 0;
    const char **keys = xcalloc(v->n + 1, sizeof(*keys));
    uint32_t *picked = xcalloc(v->n + 1, sizeof(*picked));
    size_t *rows = xcalloc(v->n + 1, sizeof(*rows));

    for (size_t i = 0; i < v->n; i++) {
        if (v->place[i] != level)
            continue;
        rows[n] = i;
        keys[n++] = l->rows[i].backend->name;
    }
    if (n > size) {
        size_t kept = lb_subset(v->hub->subset_seed, keys, n, size, picked);

        for (size_t i = 0; i < n; i++)
            v->place[rows[i]] = CUT;
        for (size_t i = 0; i < kept; i++)
            v->place[rows[picked[i]]] = level;
    }
    xfree(keys);
    xfree(picked);
    xfree(rows);
}

static void
verdicts_place(struct verdicts *v)
{
    const struct backend_list *l = v->hub->list;
    size_t *rows = xcalloc(v->n + 1, sizeof(*rows));
    uint8_t *level = xcalloc(v->n + 1, sizeof(*level));

    v->fit = levels_build(&v->levels, l, v->selector, rows, level);
    if (v->fit == 0 && v->hub->conf->subset_fallback == SUBSET_FALLBACK_ANY) {
        v->fallback = true;
        v->fit = levels_build(&v->levels, l, NULL, rows, level);
    }
    memset(v->place, NO_LABELS, v->n);
    for (size_t i = 0; i < v->fit; i++)
        v->place[rows[i]] = level[i];
    for (size_t i = 0; v->hub->conf->balance.subset_size && i < v->levels.n; i++)
        verdicts_cut(v, (uint8_t)i);
    xfree(rows);
    xfree(level);
}

static void
verdicts_count(struct verdicts *v)
{
    for (size_t i = 0; i < v->n; i++) {
        const struct backend *b = v->hub->list->rows[i].backend;
        bool usable = backend_usable(b);
        struct level_count *c;

        if (v->place[i] >= LEVELS_MAX || backend_disabled(b))
            continue;
        c = &v->counts[v->place[i]];
        c->n++;
        c->usable += usable;
        c->healthy += usable && !backend_unreachable(b);
        c->unchecked += !usable && atomic_load(&b->down) == BACKEND_UNCHECKED;
    }
}

static void
verdicts_share(struct verdicts *v)
{
    const struct pool_conf *conf = v->hub->conf;
    unsigned total = 0, given = 0;

    for (size_t i = 0; i < v->levels.n; i++) {
        v->counts[i].enough =
            levels_enough(&v->levels, i, conf->balance.zone_aware.min_healthy_percent);
        total += level_can_take(&v->counts[i]);
    }
    for (size_t i = 0; i < v->levels.n; i++) {
        v->share[i] = level_share(&v->counts[i], i == 0, total, given);
        v->panic[i] =
            level_panics(&v->counts[i], total, conf->health_check.panic_threshold);
        given += v->share[i];
    }
}

/* --- words ------------------------------------------------------------------------------ */

static void
why_labels(const struct verdicts *v, const struct backend_row *r, struct strbuf *out)
{
    bool more = false;

    for (size_t i = 0; i < v->selector->n; i++) {
        const struct conf_pair *want = &v->selector->items[i];
        const char *have = backend_row_label(r, want->key);

        if (have && strcmp(have, want->value) == 0)
            continue;
        strbuf_puts(out, more ? "; " : "");
        if (have)
            strbuf_printf(out, "its label %s is \"%s\", not \"%s\"", want->key, have,
                          want->value);
        else
            strbuf_printf(out, "it has no label %s, \"%s\" is wanted", want->key,
                          want->value);
        more = true;
    }
}

static void
why_level(const struct verdicts *v, const struct backend_row *r, struct strbuf *out)
{
    uint32_t key = v->levels.keys[v->place[(size_t)(r - v->hub->list->rows)]];
    size_t first = 0;

    while (first + 1 < v->levels.n && v->share[first] == 0)
        first++;
    if (key / 2 == v->levels.keys[first] / 2)
        strbuf_printf(out,
                      "its zone is \"%s\": enough endpoints of our own zone, \"%s\", "
                      "are healthy",
                      r->zone, v->levels.zone);
    else
        strbuf_printf(out,
                      "its priority is %u: enough endpoints of priority %u are healthy",
                      r->priority, v->levels.keys[first] / 2);
}

/* Whether the row may get the call; the sentence says why, or what else is to be said. */
static bool
verdict(const struct verdicts *v, size_t i, struct strbuf *out)
{
    const struct backend_row *r = &v->hub->list->rows[i];
    const struct backend *b = r->backend;
    struct backend_totals t = backend_totals(b);
    uint8_t at = v->place[i];
    bool usable = backend_usable(b);
    bool panic = at < LEVELS_MAX && v->panic[at] && !backend_disabled(b);

    if (at == NO_LABELS) {
        why_labels(v, r, out);
        return false;
    }
    if (at == CUT) {
        strbuf_printf(out,
                      "it is not among the %u that this proxy chose "
                      "(balance.subsetSize)",
                      v->hub->conf->balance.subset_size);
        return false;
    }
    if (!usable)
        strbuf_printf(out, "%s%s%s", backend_state_word(b, &t), b->why[0] ? ": " : "",
                      b->why);
    if (!usable && !panic)
        return false;
    if (backend_unreachable(b)) {
        strbuf_printf(out, "%sit could not be connected the last time",
                      usable ? "" : "; ");
        return false;
    }
    if (v->share[at] == 0) {
        strbuf_puts(out, usable ? "" : "; ");
        why_level(v, r, out);
        return false;
    }
    strbuf_puts(out, usable ? backend_state_word(b, &t)
                            : "; but this is panic: too few are healthy, so all get "
                              "calls");
    if (v->share[at] < 100)
        strbuf_printf(out, "; its priority or zone gets %u %% of the calls",
                      v->share[at]);
    return true;
}

static int
pointer_compare(const void *a, const void *b)
{
    const uintptr_t x = *(const uintptr_t *)a, y = *(const uintptr_t *)b;

    return x < y ? -1 : x > y;
}

/* The backends that the list does not name any more, but that have calls or connections. Returns how many; free *ret. */
static size_t
verdicts_leaving(const struct verdicts *v, const struct backend ***ret)
{
    const struct backend_table *t = &v->hub->table;
    const struct backend **left = xcalloc(t->used + 1, sizeof(struct backend *));
    uintptr_t *named = xcalloc(v->n + 1, sizeof(*named));
    size_t n = 0;

    for (size_t i = 0; i < v->n; i++)
        named[i] = (uintptr_t)v->hub->list->rows[i].backend;
    qsort(named, v->n, sizeof(*named), pointer_compare);
    for (size_t i = 0; i < t->size; i++) {
        const uintptr_t key = (uintptr_t)t->slots[i];
        struct backend_totals totals;

        if (!key || bsearch(&key, named, v->n, sizeof(*named), pointer_compare))
            continue;
        totals = backend_totals(t->slots[i]);
        if (totals.flying || totals.connections)
            left[n++] = t->slots[i];
    }
    xfree(named);
    *ret = left;
    return n;
}

static void
why_draining(const struct backend *b, struct strbuf *out)
{
    struct backend_totals t = backend_totals(b);

    strbuf_printf(out,
                  "draining: its target does not name it any more; %u open calls end",
                  t.flying);
}

static void
verdicts_init(struct verdicts *v, const struct hub *hub, const struct conf_map *selector)
{
    struct strbuf ignored;

    memset(v, 0, sizeof(*v));
    v->hub = hub;
    v->selector = selector && selector->n ? selector : NULL;
    v->levels.zone = hub->conf->balance.zone_aware.zone;
    v->n = hub->list ? hub->list->n : 0;
    v->place = xcalloc(v->n + 1, 1);
    if (v->n)
        verdicts_place(v);
    verdicts_count(v);
    verdicts_share(v);
    strbuf_init(&ignored, WHY_MAX);
    for (size_t i = 0; i < v->n; i++)
        v->yes += verdict(v, i, &ignored);
    strbuf_done(&ignored);
}

/* What the policy does with those that may get the call. "": nothing special. */
static void
policy_words(const struct verdicts *v, struct strbuf *out)
{
    const struct balance_conf *b = &v->hub->conf->balance;

    strbuf_puts(out, "");
    if (strcmp(b->policy, "pick_first") == 0)
        strbuf_printf(out, "one of them gets all calls, %s",
                      b->shuffle ? "chosen by chance"
                                 : "the first that can be connected");
    else if (strcmp(b->policy, "ring_hash") == 0 && b->hash_header)
        strbuf_printf(out, "one of them by the hash of header %s", b->hash_header);
}

static void
verdicts_sentence(const struct verdicts *v, struct strbuf *out)
{
    strbuf_puts(out, "");
    if (v->n == 0) {
        hub_state_sentence(v->hub, out);
        strbuf_puts(out, ": the call waits for them or ends with UNAVAILABLE");
    } else if (v->fit == 0) {
        strbuf_puts(out, "no endpoint has the labels of the subset: the call ends with "
                         "UNAVAILABLE (subsetFallback is \"none\")");
    } else if (v->yes == 0) {
        strbuf_printf(out,
                      "none of %zu endpoints can get the call now: it ends with "
                      "UNAVAILABLE, or waits while one is connected or checked",
                      v->n);
    } else {
        strbuf_printf(out, "%zu of %zu endpoints may get the call%s", v->yes, v->n,
                      v->fallback ? "; none has the labels of the subset, so labels do "
                                    "not count (subsetFallback)"
                                  : "");
    }
}

/* --- for a terminal --------------------------------------------------------------------- */

/* Labels and errors come from outside: nobody shall write to a terminal by them. */
static void
add_clean(struct strbuf *out, const char *text)
{
    for (const unsigned char *p = (const unsigned char *)text; p && *p; p++) {
        char c = *p < 0x20 || *p > 0x7e ? '?' : (char)*p;

        strbuf_add(out, &c, 1);
    }
}

static void
line_add(struct strbuf *out, const char *name, bool yes, struct strbuf *why)
{
    strbuf_puts(out, yes ? "  yes  " : "  no   ");
    add_clean(out, name);
    strbuf_puts(out, "  ");
    add_clean(out, why->s);
    strbuf_puts(out, "\n");
    strbuf_done(why);
}

static void
lines_draining(const struct verdicts *v, struct strbuf *out)
{
    const struct backend **left;
    size_t n = verdicts_leaving(v, &left);

    for (size_t i = 0; i < n && i < SHOWN_MAX; i++) {
        struct strbuf why;

        strbuf_init(&why, WHY_MAX);
        why_draining(left[i], &why);
        line_add(out, left[i]->name, false, &why);
    }
    xfree(left);
}

void
hub_explain(const struct hub *hub, const struct conf_map *selector, struct strbuf *out)
{
    struct verdicts v;
    struct strbuf text;
    size_t hidden;

    verdicts_init(&v, hub, selector);
    strbuf_puts(out, "pool ");
    add_clean(out, hub->conf->name);
    for (size_t i = 0; v.selector && i < v.selector->n; i++)
        strbuf_printf(out, "%s%s=%s", i ? ", " : " with ", v.selector->items[i].key,
                      v.selector->items[i].value);
    strbuf_printf(out, " (%s): ", hub->conf->balance.policy);
    verdicts_sentence(&v, out);
    strbuf_puts(out, "\n");
    strbuf_init(&text, WHY_MAX);
    policy_words(&v, &text);
    if (text.len && v.yes > 1)
        strbuf_printf(out, "  %s\n", text.s);
    strbuf_done(&text);
    for (size_t i = 0; i < v.n && i < SHOWN_MAX; i++) {
        bool yes;

        strbuf_init(&text, WHY_MAX);
        yes = verdict(&v, i, &text);
        line_add(out, hub->list->rows[i].backend->name, yes, &text);
    }
    hidden = v.n > SHOWN_MAX ? v.n - SHOWN_MAX : 0;
    if (hidden)
        strbuf_printf(out, "  and %zu more (--json has them all)\n", hidden);
    lines_draining(&v, out);
    xfree(v.place);
}

/* --- JSON ------------------------------------------------------------------------------- */

static void
json_endpoint(struct strbuf *out, const struct backend *b, bool yes, const char *state,
              struct strbuf *why)
{
    strbuf_puts(out, "{\"address\":");
    json_text_add(out, b->name);
    strbuf_printf(out, ",\"mayGet\":%s,\"state\":", yes ? "true" : "false");
    json_text_add(out, state);
    strbuf_puts(out, ",\"why\":");
    json_text_add(out, why->s ? why->s : "");
    strbuf_puts(out, "}");
    strbuf_done(why);
}

static void
json_draining(const struct verdicts *v, struct strbuf *out)
{
    const struct backend **left;
    size_t n = verdicts_leaving(v, &left);

    for (size_t i = 0; i < n; i++) {
        struct strbuf why;

        strbuf_init(&why, WHY_MAX);
        why_draining(left[i], &why);
        strbuf_puts(out, v->n || i ? ",\n" : "\n");
        json_endpoint(out, left[i], false, "draining", &why);
    }
    xfree(left);
}

void
hub_explain_json(const struct hub *hub, const struct conf_map *selector,
                 struct strbuf *out)
{
    struct verdicts v;
    struct strbuf text;

    verdicts_init(&v, hub, selector);
    strbuf_puts(out, "{\"name\":");
    json_text_add(out, hub->conf->name);
    strbuf_puts(out, ",\"policy\":");
    json_text_add(out, hub->conf->balance.policy);
    strbuf_init(&text, WHY_MAX);
    verdicts_sentence(&v, &text);
    strbuf_puts(out, ",\"state\":");
    json_text_add(out, text.s);
    strbuf_printf(out, ",\"mayGet\":%zu,\"endpoints\":[", v.yes);
    strbuf_done(&text);
    for (size_t i = 0; i < v.n; i++) {
        const struct backend *b = hub->list->rows[i].backend;
        struct backend_totals t = backend_totals(b);
        bool yes;

        strbuf_init(&text, WHY_MAX);
        yes = verdict(&v, i, &text);
        strbuf_puts(out, i ? ",\n" : "\n");
        json_endpoint(out, b, yes, backend_state_word(b, &t), &text);
    }
    json_draining(&v, out);
    strbuf_puts(out, "]}");
    xfree(v.place);
}
