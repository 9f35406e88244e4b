/* SPDX-License-Identifier: Apache-2.0 */
/* obs/prom.c - families, series and values in the two text formats. */
#include "obs/prom.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/strbuf.h"
#include "base/utf8.h"
#include "obs/line.h"

enum { DIGITS_MAX = 20, US_PER_S = 1000000 };

static bool
ends_with(const char *s, size_t n, const char *end)
{
    size_t m = strlen(end);

    return n > m && memcmp(s + n - m, end, m) == 0;
}

/* The name of the family: what TYPE, UNIT and HELP are about. */
static size_t
family_length(const struct prom *p, enum prom_kind kind)
{
    size_t n = strlen(p->name);

    if (p->open && kind == PROM_COUNTER && ends_with(p->name, n, "_total"))
        return n - strlen("_total");
    if (p->open && kind == PROM_INFO && ends_with(p->name, n, "_info"))
        return n - strlen("_info");
    return n;
}

static const char *
kind_word(const struct prom *p, enum prom_kind kind)
{
    switch (kind) {
    case PROM_COUNTER:
        return "counter";
    case PROM_HISTOGRAM:
        return "histogram";
    case PROM_INFO:
        return p->open ? "info" : "gauge";
    default:
        return "gauge";
    }
}

static void
put_unit(struct prom *p, size_t n)
{
    static const char *const units[] = { "seconds", "bytes" };

    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        size_t m = strlen(units[i]);

        if (ends_with(p->name, n, units[i]) && p->name[n - m - 1] == '_')
            strbuf_printf(p->out, "# UNIT %.*s %s\n", (int)n, p->name, units[i]);
    }
}

static void
put_help(struct prom *p, const char *help)
{
    for (const char *s = help; *s; s++) {
        if (*s == '\n')
            strbuf_add(p->out, "\\n", 2);
        else if (*s == '\\' || (p->open && *s == '"'))
            strbuf_printf(p->out, "\\%c", *s);
        else
            strbuf_add(p->out, s, 1);
    }
}

void
prom_family(struct prom *p, const char *name, enum prom_kind kind, const char *help)
{
    size_t n;

    p->name = name;
    n = family_length(p, kind);
    strbuf_printf(p->out, "# HELP %.*s ", (int)n, name);
    put_help(p, help);
    strbuf_printf(p->out, "\n# TYPE %.*s %s\n", (int)n, name, kind_word(p, kind));
    if (p->open && kind != PROM_INFO)
        put_unit(p, n);
}

void
prom_begin(struct prom *p)
{
    strbuf_puts(p->out, p->name);
    p->labeled = false;
}

static void
label_gap(struct prom *p)
{
    strbuf_add(p->out, p->labeled ? "," : "{", 1);
    p->labeled = true;
}

/* One character of a label's value; returns how many bytes of it were taken. */
static size_t
put_character(struct prom *p, const uint8_t *at, size_t left)
{
    size_t n = utf8_len(at, left);

    if (n == 0)
        strbuf_puts(p->out, UTF8_REPLACEMENT);
    else if (*at == '\\' || *at == '"')
        strbuf_printf(p->out, "\\%c", *at);
    else if (*at == '\n')
        strbuf_add(p->out, "\\n", 2);
    else if (*at < 0x20 || *at == 0x7f)
        strbuf_add(p->out, "?", 1);
    else
        strbuf_add(p->out, (const char *)at, n);
    return n ? n : 1;
}

void
prom_label(struct prom *p, const char *name, struct slice value)
{
    label_gap(p);
    strbuf_puts(p->out, name);
    strbuf_add(p->out, "=\"", 2);
    for (size_t i = 0; i < value.n;)
        i += put_character(p, value.p + i, value.n - i);
    strbuf_add(p->out, "\"", 1);
}

void
prom_label_text(struct prom *p, const char *name, const char *value)
{
    prom_label(p, name, slice_of(value));
}

void
prom_labels(struct prom *p, const char *ready)
{
    if (!ready)
        return;
    label_gap(p);
    strbuf_puts(p->out, ready);
}

static void
put_digits(struct prom *p, uint64_t v, int width)
{
    char room[DIGITS_MAX], *end = room + sizeof(room), *s = line_digits(end, v, width);

    strbuf_add(p->out, s, (size_t)(end - s));
}

/* What stands between a series and its value. Returns how far v is from 0. */
static uint64_t
put_sign(struct prom *p, int64_t v)
{
    strbuf_add(p->out, "} ", p->labeled ? 2 : 0);
    strbuf_add(p->out, " ", p->labeled ? 0 : 1);
    strbuf_add(p->out, "-", v < 0 ? 1 : 0);
    return v < 0 ? -(uint64_t)v : (uint64_t)v;
}

void
prom_value(struct prom *p, int64_t v)
{
    put_digits(p, put_sign(p, v), 1);
    strbuf_add(p->out, "\n", 1);
}

void
prom_seconds(struct prom *p, int64_t us)
{
    uint64_t v = put_sign(p, us);

    put_digits(p, v / US_PER_S, 1);
    strbuf_add(p->out, ".", 1);
    put_digits(p, v % US_PER_S, 6);
    strbuf_add(p->out, "\n", 1);
}

void
prom_one(struct prom *p, const char *name, enum prom_kind kind, const char *help,
         int64_t v)
{
    prom_family(p, name, kind, help);
    prom_begin(p);
    prom_value(p, v);
}

void
prom_end(struct prom *p)
{
    if (p->open)
        strbuf_puts(p->out, "# EOF\n");
}

/* Go's spelling of a float64, which OpenMetrics takes for the canonical one; only for the bounds that there are: from 10 us on, and below a million. */
const char *
prom_bound(const struct prom *p, const char *text, char room[PROM_BOUND_MAX])
{
    if (!p->open)
        return text;
    if (!strchr(text, '.'))
        snprintf(room, PROM_BOUND_MAX, "%s.0", text);
    else if (strncmp(text, "0.0000", 6) == 0)
        snprintf(room, PROM_BOUND_MAX, "%ge-05", strtod(text, NULL) * 1e5);
    else
        return text;
    return room;
}
