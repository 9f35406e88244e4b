/* SPDX-License-Identifier: Apache-2.0 */
/* upstream/hub_table.c - the pool as a table for a terminal; what hub_print.c says in JSON. */
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "base/strbuf.h"
#include "loop/loop.h"
#include "upstream/health.h"
#include "upstream/hub_int.h"
#include "upstream/hub_words.h"

enum { AGE_MAX = 24 };

/* "450ms", "12s", "5m", "3h", "2d" */
static const char *
age_text(char out[AGE_MAX], int64_t us)
{
    int64_t s = us / 1000000;

    if (us < 0)
        us = s = 0;
    if (s < 1)
        snprintf(out, AGE_MAX, "%dms", (int)(us / 1000));
    else if (s < 120)
        snprintf(out, AGE_MAX, "%ds", (int)s);
    else if (s < 7200)
        snprintf(out, AGE_MAX, "%dm", (int)(s / 60));
    else if (s < 172800)
        snprintf(out, AGE_MAX, "%dh", (int)(s / 3600));
    else
        snprintf(out, AGE_MAX, "%lldd", (long long)(s / 86400));
    return out;
}

/* What comes from outside is cut and cleaned: nobody shall write to a terminal by a label. */
static void
add_clean(struct strbuf *out, const char *text)
{
    for (const unsigned char *p = (const unsigned char *)text; *p; p++) {
        char c = *p < 0x20 || *p > 0x7e ? '?' : (char)*p;

        strbuf_add(out, &c, 1);
    }
}

static const char *
ttl_text(const struct hub *hub, const struct hub_source *s, char out[AGE_MAX])
{
    int64_t left;

    if (!s || !s->rows || s->valid_ms < 0)
        return "-";
    left = s->answered_us + s->valid_ms * 1000 - loop_now_us(hub->loop);
    return left > 0 ? age_text(out, left) : "over";
}

static void
table_source(const struct hub *hub, const struct hub_source *s, struct strbuf *out)
{
    int64_t now = loop_now_us(hub->loop);
    char age[AGE_MAX], ttl[AGE_MAX];

    strbuf_puts(out, "  from ");
    add_clean(out, s->conf->target);
    if (s->rows)
        strbuf_printf(out, ": %zu endpoint%s, told %s ago", s->n, s->n == 1 ? "" : "s",
                      age_text(age, now - s->answered_us));
    if (s->rows && s->valid_ms >= 0)
        strbuf_printf(out, ", TTL left: %s", ttl_text(hub, s, ttl));
    if (!s->rows && !s->error[0])
        strbuf_puts(out, ": no answer yet");
    if (s->error[0]) {
        strbuf_printf(out, "%s no usable answer for %s: ", s->rows ? ";" : ":",
                      age_text(age, now - s->error_us));
        add_clean(out, s->error);
    }
    strbuf_puts(out, "\n");
}

static size_t
address_width(const struct hub *hub)
{
    size_t width = strlen("ADDRESS");

    for (size_t i = 0; hub->list && i < hub->list->n; i++) {
        size_t n = strlen(hub->list->rows[i].backend->name);

        width = n > width ? n : width;
    }
    return width;
}

static void
table_more(const struct hub *hub, const struct backend_row *r, bool usable,
           struct strbuf *out)
{
    struct strbuf check;

    strbuf_init(&check, 1000);
    health_text(hub, r->backend, &check);
    if (!usable) {
        strbuf_puts(out, "      why: ");
        add_clean(out, r->backend->why);
        strbuf_puts(out, "\n");
    }
    if (check.len) {
        strbuf_puts(out, "      last check: ");
        add_clean(out, check.s);
        strbuf_puts(out, "\n");
    }
    strbuf_done(&check);
    if (r->zone[0] || r->label_count)
        strbuf_puts(out, "      ");
    if (r->zone[0]) {
        strbuf_puts(out, "zone ");
        add_clean(out, r->zone);
    }
    for (size_t i = 0; i < r->label_count; i++) {
        strbuf_puts(out, i || r->zone[0] ? ", " : "");
        add_clean(out, r->labels[i].key);
        strbuf_puts(out, "=");
        add_clean(out, r->labels[i].value);
    }
    if (r->zone[0] || r->label_count)
        strbuf_puts(out, "\n");
}

static void
table_row(const struct hub *hub, const struct backend_row *r, int width,
          struct strbuf *out)
{
    const struct backend *b = r->backend;
    struct backend_totals t = backend_totals(b);
    char since[AGE_MAX], ttl[AGE_MAX];
    bool usable = backend_usable(b);

    strbuf_puts(out, "    ");
    add_clean(out, b->name);
    strbuf_printf(
        out, "%*s  %-9s  %5s  %6u  %4u  %5u  %9u  %8llu  %8llu  %5s\n",
        width - (int)strlen(b->name), "", backend_state_word(b, &t),
        b->since_us ? age_text(since, loop_now_us(hub->loop) - b->since_us) : "-",
        r->weight, r->priority, t.connections, t.flying, (unsigned long long)t.calls,
        (unsigned long long)(t.failures + t.local_failures),
        ttl_text(hub, hub_source_of(hub, r), ttl));
    table_more(hub, r, usable, out);
}

void
hub_print_table(const struct hub *hub, struct strbuf *out)
{
    int width = (int)address_width(hub);

    strbuf_puts(out, "pool ");
    add_clean(out, hub->conf->name);
    strbuf_printf(out, " (%s): ", hub->conf->balance.policy);
    hub_state_sentence(hub, out);
    strbuf_puts(out, "\n");
    for (size_t i = 0; i < hub->source_count; i++)
        table_source(hub, hub->sources[i], out);
    if (!hub->list || hub->list->n == 0)
        return;
    strbuf_printf(out, "    %-*s  %-9s  %5s  %6s  %4s  %5s  %9s  %8s  %8s  %5s\n", width,
                  "ADDRESS", "STATE", "SINCE", "WEIGHT", "PRIO", "CONNS", "IN FLIGHT",
                  "CALLS", "FAILED", "TTL");
    for (size_t i = 0; i < hub->list->n; i++)
        table_row(hub, &hub->list->rows[i], width, out);
}
