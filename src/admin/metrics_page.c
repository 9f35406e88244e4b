/* SPDX-License-Identifier: Apache-2.0 */
/* admin/metrics_page.c - the table of counters, then what others add. */
#include "admin/metrics_page.h"

#include <assert.h>
#include <string.h>

#include "admin/accept.h"
#include "admin/gzip.h"
#include "base/err.h"
#include "base/log.h"
#include "base/strbuf.h"
#include "base/xalloc.h"
#include "obs/stats.h"

enum { GZIP_FROM = 1024 /* bytes; below it is not worth it */ };

struct metrics_part {
    prom_fn *fn;
    void *arg;
};

struct metrics_page {
    const struct stats *const *stats;
    size_t n;
    struct metrics_part parts[METRICS_PARTS_MAX];
    size_t part_count;
};

struct metrics_page *
metrics_page_new(const struct stats *const *stats, size_t n)
{
    struct metrics_page *m = xcalloc(1, sizeof(*m));

    m->stats = stats;
    m->n = n;
    return m;
}

void
metrics_page_free(struct metrics_page *m)
{
    xfree(m);
}

void
metrics_page_add(struct metrics_page *m, prom_fn *fn, void *arg)
{
    assert(m->part_count < METRICS_PARTS_MAX);
    m->parts[m->part_count++] = (struct metrics_part){ .fn = fn, .arg = arg };
}

static int64_t
page_sum(const struct metrics_page *m, enum stat_id id)
{
    int64_t sum = 0;

    for (size_t i = 0; i < m->n; i++)
        sum += stat_get(m->stats[i], id);
    return sum;
}

static void
page_counters(const struct metrics_page *m, struct prom *p)
{
    const char *last = "";
    const struct stat_row *r;

    for (size_t i = 0; (r = stat_row_at(i)); i++) {
        if (strcmp(last, r->metric) != 0)
            prom_family(p, r->metric, r->level ? PROM_GAUGE : PROM_COUNTER, r->help);
        last = r->metric;
        prom_begin(p);
        prom_labels(p, r->labels);
        if (r->milliseconds)
            prom_seconds(p, page_sum(m, r->id) * 1000);
        else
            prom_value(p, page_sum(m, r->id));
    }
}

/* No half line: what is there can be read. In OpenMetrics the missing # EOF tells the reader, in text only our log does. */
static void
page_shorten(struct strbuf *text)
{
    static struct log_limit limit;
    const char *end = memrchr(text->s, '\n', text->len);

    text->len = end ? (size_t)(end - text->s) + 1 : 0;
    text->s[text->len] = '\0';
    if (log_limit_pass(&limit, 1))
        log_at(NULL, LOG_WARN,
               "the page of metrics is too large and was cut: set metrics.histogram to "
               "coarse or none, or a lower metrics.maxMethods",
               LI("bytes", METRICS_PAGE_MAX));
}

static void
page_pack(struct metrics_body *b)
{
    char *packed;
    size_t n;

    if (b->n < GZIP_FROM || gzip_pack(b->text, b->n, &packed, &n) != ERR_OK)
        return;
    xfree(b->text);
    b->text = packed;
    b->n = n;
    b->gzip = true;
}

static void
page_print(const struct metrics_page *m, struct prom *p)
{
    page_counters(m, p);
    for (size_t i = 0; i < m->part_count; i++)
        m->parts[i].fn(m->parts[i].arg, p);
    prom_end(p);
}

void
metrics_page_text(const struct metrics_page *m, struct strbuf *out)
{
    struct prom p = prom_make(out, false);

    page_print(m, &p);
}

void
metrics_page_make(const struct metrics_page *m, struct slice accept,
                  struct slice accept_encoding, struct metrics_body *ret)
{
    struct strbuf text;
    struct prom p = prom_make(&text, accept_openmetrics(accept));

    strbuf_init(&text, METRICS_PAGE_MAX);
    page_print(m, &p);
    if (text.cut)
        page_shorten(&text);
    *ret = (struct metrics_body){
        .n = text.len,
        .type = p.open ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
                       : "text/plain; version=0.0.4; charset=utf-8",
    };
    ret->text = strbuf_steal(&text);
    if (accept_gzip(accept_encoding))
        page_pack(ret);
}
