/* SPDX-License-Identifier: Apache-2.0 */
/* main/ctl_top.c - the head of the screen and its last line; the list is ctl_top_list.c. */
#include "main/ctl_top.h"

#include <stdio.h>
#include <string.h>

#include "base/compat.h"
#include "conf/json.h"
#include "main/ctl_top_int.h"
#include "main/ctl_words.h"

enum { PIECE_MAX = 512, GAP = 2, ROOMY = 16 };

#define BOLD      "\033[1m"
#define RED       "\033[31m"
#define INVERSE   "\033[7m"
#define PLAIN_END "\033[0m"

/* Pieces of a line that go on in the next one when there is no room. */
struct flow {
    const struct grid_style *style;
    struct strbuf *out;
    size_t at, lines;
};

static void PRINTF_LIKE(2, 3) flow_put(struct flow *f, const char *fmt, ...)
{
    struct strbuf piece, clean;
    size_t n;
    va_list ap;

    strbuf_init(&piece, PIECE_MAX);
    strbuf_init(&clean, PIECE_MAX);
    va_start(ap, fmt);
    strbuf_vprintf(&piece, fmt, ap);
    va_end(ap);
    grid_put_cut(&clean, piece.s ? piece.s : "", f->style->width, f->style->plain);
    n = clean.s ? ctl_columns(clean.s) : 0;
    if (f->at > 0 && f->at + GAP + n > f->style->width) {
        strbuf_puts(f->out, "\n");
        f->lines++;
        f->at = 0;
    }
    strbuf_puts(f->out, f->at > 0 ? "  " : "");
    f->at += (f->at > 0 ? GAP : 0) + n;
    strbuf_puts(f->out, clean.s ? clean.s : "");
    strbuf_done(&piece);
    strbuf_done(&clean);
}

static void
flow_end(struct flow *f)
{
    strbuf_puts(f->out, "\n");
    f->lines++;
    f->at = 0;
}

/* A line of its own that matters. */
static void PRINTF_LIKE(2, 3) flow_alarm(struct flow *f, const char *fmt, ...)
{
    struct strbuf line;
    va_list ap;

    strbuf_init(&line, PIECE_MAX);
    va_start(ap, fmt);
    strbuf_vprintf(&line, fmt, ap);
    va_end(ap);
    strbuf_puts(f->out, f->style->colour ? RED : "");
    grid_put_cut(f->out, line.s, f->style->width, f->style->plain);
    strbuf_puts(f->out, f->style->colour ? PLAIN_END : "");
    strbuf_done(&line);
    flow_end(f);
}

static void
head_process(struct flow *f, const struct json_t *process, const struct json_t *now)
{
    const struct json_t *config = jtree_get(process, "config");
    const struct json_t *reload = jtree_get(process, "reload");
    const struct json_t *drain = jtree_get(process, "drain");
    const char *service = jtree_get_string(process, "service", "");
    const char *why = jtree_get_string(process, "stateWhy", "");

    flow_put(f, "outrigger %s%s%s", jtree_get_string(process, "node", ""),
             service[0] ? " " : "", service);
    flow_put(f, "%s", jtree_get_string(process, "state", "?"));
    flow_put(f, "up %s", ctl_word_span_of(process, "uptimeMs").s);
    flow_put(f, "config %.4s (%s)", jtree_get_string(config, "hash", "?"),
             ctl_word_span_of(config, "ageMs").s);
    flow_put(f, "CPU %.0f%%", 100 * ctl_number(now, "cpuShare", 0));
    flow_put(f, "RSS %s", ctl_word_size(now, "rssBytes").s);
    flow_put(f, "in %s conn", ctl_word_count(now, "connectionsIn").s);
    flow_put(f, "out %s conn", ctl_word_count(now, "connectionsOut").s);
    flow_end(f);
    if (why[0])
        flow_alarm(f, "%s: %s", jtree_get_string(process, "state", "?"), why);
    if (drain)
        flow_alarm(
            f, "drain: %s, %s left, %s connections and %s calls open",
            jtree_get_string(drain, "phase", "?"), ctl_word_span_of(drain, "leftMs").s,
            ctl_word_count(drain, "connections").s, ctl_word_count(drain, "calls").s);
    if (!jtree_bool(jtree_get(reload, "ok"), true))
        flow_alarm(f, "reload refused: %s", jtree_get_string(reload, "error", ""));
}

static void
head_now(struct flow *f, const struct json_t *now)
{
    flow_put(f, "calls/s %s", ctl_word_rate(now, "callsPerS").s);
    flow_put(f, "ok %s", ctl_word_with(ctl_word_percent(now, "okShare"), "%").s);
    flow_put(f, "p50 %s", ctl_word_with(ctl_word_ms(now, "p50Ms"), "ms").s);
    flow_put(f, "p95 %s", ctl_word_with(ctl_word_ms(now, "p95Ms"), "ms").s);
    flow_put(f, "p99 %s", ctl_word_with(ctl_word_ms(now, "p99Ms"), "ms").s);
    flow_put(f, "in flight %s", ctl_word_count(now, "inFlight").s);
    flow_put(f, "retries/s %s", ctl_word_rate(now, "retriesPerS").s);
    flow_put(f, "limited/s %s", ctl_word_rate(now, "limitedPerS").s);
    flow_put(f, "denied/s %s", ctl_word_rate(now, "deniedPerS").s);
    flow_end(f);
}

/* The page that is shown stands in capitals. */
static void
put_keys_line(const struct top_view *v, size_t shown, size_t all, struct strbuf *line)
{
    static const char *const sorts[] = { "as given", "calls", "worst", "slowest" };

    strbuf_puts(line, v->paused ? "PAUSED  " : "");
    if (v->filter[0])
        strbuf_printf(line, "%zu of %zu have \"%s\"  ", shown, all, v->filter);
    strbuf_printf(line, "q quit  p %s  e %s  m %s  s %s  / filter  space pause",
                  v->page == TOP_POOLS ? "POOLS" : "pools",
                  v->page == TOP_ENDPOINTS ? "ENDPOINTS" : "endpoints",
                  v->page == TOP_METHODS ? "METHODS" : "methods", sorts[v->sort]);
    if (v->first > 0)
        strbuf_printf(line, "  from row %zu", v->first + 1);
}

/* The last line: what is typed, what went wrong, or the keys. */
static void
put_keys(const struct top_view *v, size_t shown, size_t all, struct strbuf *out)
{
    struct strbuf line;

    strbuf_init(&line, PIECE_MAX);
    if (v->filter_open)
        strbuf_printf(&line, "/%s_   (enter: keep, escape: all rows)", v->filter);
    else if (v->note)
        strbuf_puts(&line, v->note);
    else
        put_keys_line(v, shown, all, &line);
    strbuf_puts(out, v->style.colour ? INVERSE : "");
    grid_put_cut(out, line.s, v->style.width, v->style.plain);
    for (size_t n = ctl_columns(line.s); v->style.colour && n < v->style.width; n++)
        strbuf_puts(out, " ");
    strbuf_puts(out, v->style.colour ? PLAIN_END "\n" : "\n");
    strbuf_done(&line);
}

void
top_keep(struct strbuf *out, size_t from, size_t lines)
{
    size_t i = from;

    for (; lines > 0 && i < out->len; i++)
        lines -= out->s[i] == '\n';
    out->len = i;
    out->s[i] = '\0';
}

void
top_draw(struct top_view *view, const struct json_t *stats, struct strbuf *out)
{
    struct flow f = { .style = &view->style, .out = out };
    const struct json_t *now = jtree_get(stats, "now");
    size_t lines = 0, all = 0, shown, from, begin = out->len;

    head_process(&f, jtree_get(stats, "process"), now);
    head_now(&f, now);
    if (view->height == 0 || view->height >= ROOMY) /* air between head and list */
        flow_end(&f);
    if (view->height > 0 && f.lines > view->height / 2) { /* half is for the list */
        f.lines = view->height / 2;
        top_keep(out, begin, f.lines);
    }
    if (view->height > f.lines + 1)
        lines = view->height - f.lines - 1; /* the last one is for the keys */
    from = out->len;
    shown = view->height && !lines ? 0 : top_list(view, stats, lines, &all, out);
    if (view->height == 0)
        return;
    for (size_t i = from; i < out->len; i++)
        lines -= lines > 0 && out->s[i] == '\n';
    for (; lines > 0; lines--) /* the keys stay at the bottom */
        strbuf_puts(out, "\n");
    put_keys(view, shown, all, out);
}

/* --- keys ---------------------------------------------------------------------- */

static void
filter_key(struct top_view *v, int key)
{
    size_t n = strlen(v->filter);

    if (key == '\r' || key == '\n') {
        v->filter_open = false;
    } else if (key == TOP_KEY_ESCAPE) {
        v->filter[0] = '\0';
        v->filter_open = false;
    } else if ((key == 0x7f || key == '\b') && n > 0) {
        v->filter[n - 1] = '\0';
    } else if (key >= 0x20 && key < 0x7f && n < TOP_FILTER_MAX) {
        v->filter[n] = (char)key;
        v->filter[n + 1] = '\0';
    }
    v->first = 0;
}

static void
page_set(struct top_view *v, enum top_page page)
{
    v->page = page;
    v->first = 0;
}

enum top_do
top_key(struct top_view *v, int key)
{
    if (v->filter_open) {
        filter_key(v, key);
        return TOP_DRAW;
    }
    switch (key) {
    case 'q':
        return TOP_QUIT;
    case 'p':
        page_set(v, TOP_POOLS);
        break;
    case 'e':
        page_set(v, TOP_ENDPOINTS);
        break;
    case 'm':
        page_set(v, TOP_METHODS);
        break;
    case 's':
        v->sort = (enum top_sort)((v->sort + 1) % TOP_N_SORTS);
        break;
    case '/':
        v->filter_open = true;
        break;
    case TOP_KEY_ESCAPE:
        v->filter[0] = '\0';
        break;
    case ' ':
        v->paused = !v->paused;
        break;
    case 'j':
    case TOP_KEY_DOWN:
        v->first++;
        break;
    case 'k':
    case TOP_KEY_UP:
        v->first -= v->first > 0;
        break;
    default:
        break;
    }
    return TOP_DRAW;
}
