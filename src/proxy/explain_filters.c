/* SPDX-License-Identifier: Apache-2.0 */
/* proxy/explain_filters.c - the filters of a route, for a terminal and as JSON. */
#include "proxy/explain_filters.h"

#include <stdbool.h>
#include <string.h>

#include "base/jsontext.h"
#include "base/strbuf.h"
#include "filter/chain.h"
#include "filter/filter_conf.h"
#include "proxy/listener_conf.h"
#include "proxy/route.h"
#include "proxy/table.h"

static struct filter_picks *
list_make(const struct table *t, const struct route *r)
{
    return filters_list(&t->conf->filters, r ? &r->conf->filters : NULL);
}

/* On, but calls do not meet it: with these settings it has nothing to do, so the chain was made without it (kind->wanted). */
static bool
pick_idles(const struct table *t, const struct route *r, const struct filter_pick *pick)
{
    const struct chain *chain = r ? r->chain : t->chain;

    if (pick->off || !pick->kind->wanted)
        return false;
    for (size_t i = 0; chain && i < chain_count(chain); i++) {
        if (strcmp(chain_filter(chain, i)->name, pick->name) == 0)
            return false;
    }
    return true;
}

static bool
pick_has_own_name(const struct filter_pick *pick)
{
    return strcmp(pick->name, pick->kind->name) != 0;
}

/* Who says what the filter does: a word of the JSON, stable. */
static const char *
pick_source(const struct filter_pick *pick)
{
    return pick->own ? "route" : pick->named ? "listener" : "default";
}

static void
put_pick(const struct table *t, const struct route *r, const struct filter_pick *pick,
         struct strbuf *out)
{
    strbuf_printf(out, "    %s", pick->name);
    if (pick_has_own_name(pick))
        strbuf_printf(out, " (%s)", pick->kind->name);
    if (pick->off)
        strbuf_printf(out, ": off, says %s", pick->own ? "the route" : "the listener");
    else if (pick->own)
        strbuf_puts(out, ": with settings of the route");
    else if (!pick->named)
        strbuf_puts(out, ": on by itself");
    if (pick_idles(t, r, pick))
        strbuf_puts(out, pick->own || !pick->named
                             ? ", but with these settings it does nothing"
                             : ": with its settings it does nothing");
    strbuf_puts(out, "\n");
}

void
explain_filters(const struct table *t, const struct route *r, struct strbuf *out)
{
    struct filter_picks *picks = list_make(t, r);

    if (picks->n)
        strbuf_puts(out, "  filters, in the order of requests:\n");
    for (size_t i = 0; i < picks->n; i++)
        put_pick(t, r, &picks->v[i], out);
    filter_picks_free(picks);
}

void
explain_filters_json(const struct table *t, const struct route *r, struct strbuf *out)
{
    struct filter_picks *picks = list_make(t, r);

    strbuf_puts(out, "[");
    for (size_t i = 0; i < picks->n; i++) {
        const struct filter_pick *pick = &picks->v[i];

        strbuf_puts(out, i ? ",\n{\"name\":" : "\n{\"name\":");
        json_text_add(out, pick->name);
        strbuf_puts(out, ",\"type\":");
        json_text_add(out, pick->kind->name);
        strbuf_printf(out, ",\"off\":%s,\"source\":\"%s\",\"idle\":%s}",
                      pick->off ? "true" : "false", pick_source(pick),
                      pick_idles(t, r, pick) ? "true" : "false");
    }
    strbuf_puts(out, "]");
    filter_picks_free(picks);
}

void
explain_filters_line(const struct table *t, const struct route *r, const char *before,
                     struct strbuf *out)
{
    struct filter_picks *picks = list_make(t, r);

    for (size_t i = 0; i < picks->n; i++) {
        const struct filter_pick *pick = &picks->v[i];

        strbuf_printf(out, "%s%s%s", i ? ", " : before, pick->off ? "[" : "", pick->name);
        if (pick_has_own_name(pick))
            strbuf_printf(out, " (%s)", pick->kind->name);
        strbuf_puts(out, pick->off                ? " off]"
                         : pick->own              ? " with settings of the route"
                         : pick_idles(t, r, pick) ? " without effect"
                                                  : "");
    }
    strbuf_puts(out, picks->n ? "\n" : "");
    filter_picks_free(picks);
}
