/* SPDX-License-Identifier: Apache-2.0 */
/* proxy/matcher_build.c - from the config to rules that compare bytes: texts in lower case or
 * decoded, lists sorted, each regular expression compiled once. */
#include <stdlib.h>
#include <string.h>

#include "base/base64.h"
#include "base/xalloc.h"
#include "proxy/matcher_int.h"

/* --- room --------------------------------------------------------------------- */

struct sizes {
    size_t hosts, headers, one_of, patterns, bytes;
};

static size_t
text_size(const char *text)
{
    return text ? strlen(text) : 0;
}

static void
sizes_add(struct sizes *z, const struct match_conf *m)
{
    const struct match_text *hosts = m->hosts.items;
    const struct header_match_conf *h = m->headers.items;

    z->hosts += m->hosts.n;
    z->headers += m->headers.n;
    z->patterns += m->path.on && m->path.regex;
    for (size_t i = 0; i < m->hosts.n; i++)
        z->bytes += text_size(hosts[i].text);
    for (size_t i = 0; i < m->headers.n; i++) {
        const struct match_text *one_of = h[i].one_of.items;

        z->one_of += h[i].one_of.n;
        z->patterns += h[i].regex != NULL;
        z->bytes += text_size(h[i].exact) + text_size(h[i].prefix) +
                    text_size(h[i].suffix) + text_size(h[i].contains);
        for (size_t k = 0; k < h[i].one_of.n; k++)
            z->bytes += text_size(one_of[k].text);
    }
}

/* --- regular expressions -------------------------------------------------------- */

static int
pattern_compare(const void *a, const void *b)
{
    return strcmp(((const struct pattern *)a)->text, ((const struct pattern *)b)->text);
}

static void
patterns_compile(struct matcher *m, const struct match_conf *const *matches)
{
    size_t n = 0, kept = 0;

    for (size_t i = 0; i < m->count; i++) {
        const struct header_match_conf *h = matches[i]->headers.items;

        if (matches[i]->path.on && matches[i]->path.regex)
            m->patterns[n++].text = matches[i]->path.regex;
        for (size_t k = 0; k < matches[i]->headers.n; k++) {
            if (h[k].regex)
                m->patterns[n++].text = h[k].regex;
        }
    }
    qsort(m->patterns, n, sizeof *m->patterns, pattern_compare);
    for (size_t i = 0; i < n; i++) {
        if (kept && strcmp(m->patterns[kept - 1].text, m->patterns[i].text) == 0)
            continue;
        m->patterns[kept].text = m->patterns[i].text;
        m->patterns[kept++].regex = regex_new(m->patterns[i].text);
    }
    m->pattern_count = kept;
}

static const struct regex *
pattern_find(const struct matcher *m, const char *text)
{
    const struct pattern want = { .text = text };
    const struct pattern *p =
        bsearch(&want, m->patterns, m->pattern_count, sizeof want, pattern_compare);

    return p ? p->regex : NULL;
}

/* --- hosts --------------------------------------------------------------------- */

static struct slice
text_keep(struct matcher *m, const char *text, size_t n, bool lower)
{
    char *to = m->texts + m->texts_used;

    m->texts_used += n;
    for (size_t i = 0; i < n; i++)
        to[i] =
            lower && text[i] >= 'A' && text[i] <= 'Z' ? (char)(text[i] | 0x20) : text[i];
    return slice_make(to, n);
}

static void
hosts_build(struct matcher *m, struct match_rule *r, const struct match_conf *conf)
{
    const struct match_text *hosts = conf->hosts.items;

    for (size_t i = 0; i < conf->hosts.n; i++) {
        if (strcmp(hosts[i].text, "*") == 0)
            return; /* all: as if there were no hosts */
    }
    for (size_t i = 0; i < conf->hosts.n; i++) {
        const char *text = hosts[i].text;
        size_t n = strlen(text);
        struct host_rule *h = &r->hosts[i];

        if (n > 1 && text[n - 1] == '.')
            n--;
        *h = (struct host_rule){ .kind = HOST_EXACT };
        if (text[0] == '*')
            *h = (struct host_rule){ HOST_BELOW, text_keep(m, text + 1, n - 1, true) };
        else if (text[n - 1] == '*')
            *h = (struct host_rule){ HOST_BEGINS, text_keep(m, text, n - 1, true) };
        else
            h->text = text_keep(m, text, n, true);
    }
    r->host_count = conf->hosts.n;
    m->need_host |= conf->hosts.n > 0;
}

/* --- headers -------------------------------------------------------------------- */

static struct slice
header_text(struct matcher *m, const struct header_rule *r, const char *text)
{
    char *to = m->texts + m->texts_used;
    long n;

    if (!r->bin)
        return text_keep(m, text, strlen(text), r->fold);
    n = base64_decode(slice_of(text), (uint8_t *)to);
    m->texts_used += n > 0 ? (size_t)n : 0;
    return slice_make(to, n > 0 ? (size_t)n : 0);
}

int
slice_compare(const void *a, const void *b)
{
    const struct slice *x = a, *y = b;

    if (x->n != y->n)
        return x->n < y->n ? -1 : 1;
    return x->n ? memcmp(x->p, y->p, x->n) : 0;
}

static void
one_of_build(struct matcher *m, struct header_rule *r,
             const struct header_match_conf *conf, struct slice *room)
{
    const struct match_text *v = conf->one_of.items;

    r->one_of = room;
    r->one_of_count = conf->one_of.n;
    for (size_t i = 0; i < conf->one_of.n; i++)
        room[i] = header_text(m, r, v[i].text);
    qsort(room, conf->one_of.n, sizeof *room, slice_compare);
}

static void
header_build(struct matcher *m, struct header_rule *r,
             const struct header_match_conf *conf)
{
    static const struct {
        size_t at;
        enum header_kind kind;
    } texts[] = {
        { offsetof(struct header_match_conf, exact), HEADER_EXACT },
        { offsetof(struct header_match_conf, prefix), HEADER_PREFIX },
        { offsetof(struct header_match_conf, suffix), HEADER_SUFFIX },
        { offsetof(struct header_match_conf, contains), HEADER_CONTAINS },
    };

    *r = (struct header_rule){ .name = slice_of(conf->name),
                               .number = MATCH_NAMES_MAX,
                               .want = !conf->invert,
                               .fold = conf->ignore_case,
                               .empty = conf->missing_is_empty,
                               .from = conf->range.from,
                               .to = conf->range.to,
                               .conf = conf };
    r->bin = slice_ends(r->name, slice_of("-bin"));
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        const char *text;

        memcpy(&text, (const char *)conf + texts[i].at, sizeof text);
        if (!text)
            continue;
        r->kind = (uint8_t)texts[i].kind;
        r->text = header_text(m, r, text);
        return;
    }
    if (conf->regex) {
        r->kind = HEADER_REGEX;
        r->regex = pattern_find(m, conf->regex);
    } else if (conf->range.on) {
        r->kind = HEADER_RANGE;
    } else if (conf->one_of.n) {
        r->kind = HEADER_ONE_OF;
    } else {
        r->kind = HEADER_PRESENT;
        r->want = (conf->present == CONF_TRUE) != conf->invert;
    }
}

static int
compare_cost(const void *a, const void *b)
{
    const struct header_rule *x = a, *y = b;

    if (x->kind != y->kind)
        return x->kind < y->kind ? -1 : 1;
    return slice_compare(&x->name, &y->name);
}

/* The first names get a number, under which a search remembers what it found. */
static void
headers_number(struct matcher *m, size_t n)
{
    struct slice names[MATCH_NAMES_MAX];
    uint8_t count = 0;

    for (size_t i = 0; i < n; i++) {
        uint8_t k = 0;

        while (k < count && !slice_eq(names[k], m->headers[i].name))
            k++;
        if (k == count && count < MATCH_NAMES_MAX)
            names[count++] = m->headers[i].name;
        m->headers[i].number = k < count ? k : MATCH_NAMES_MAX;
    }
}

/* --- all ------------------------------------------------------------------------ */

static void
rule_build(struct matcher *m, struct match_rule *r, const struct match_conf *conf,
           struct slice **one_of)
{
    const struct header_match_conf *h = conf->headers.items;

    r->conf = conf;
    r->service = slice_of(conf->service);
    r->method = slice_of(conf->method);
    if (conf->path.on) {
        r->path = slice_of(conf->path.exact);
        r->path_prefix = slice_of(conf->path.prefix);
        r->path_regex = conf->path.regex ? pattern_find(m, conf->path.regex) : NULL;
    }
    hosts_build(m, r, conf);
    r->sans = conf->san.items;
    r->san_count = conf->san.n;
    m->need_peer |= conf->san.n > 0;
    r->header_count = conf->headers.n;
    for (size_t i = 0; i < conf->headers.n; i++) {
        header_build(m, &r->headers[i], &h[i]);
        if (r->headers[i].kind != HEADER_ONE_OF)
            continue;
        one_of_build(m, &r->headers[i], &h[i], *one_of);
        *one_of += h[i].one_of.n;
    }
    qsort(r->headers, r->header_count, sizeof *r->headers, compare_cost);
}

void
matcher_build(struct matcher *m, const struct match_conf *const *matches)
{
    struct sizes z = { 0 };
    struct host_rule *host;
    struct header_rule *header;
    struct slice *one_of;

    for (size_t i = 0; i < m->count; i++)
        sizes_add(&z, matches[i]);
    m->rules = xcalloc(m->count + 1, sizeof *m->rules);
    host = m->hosts = xcalloc(z.hosts + 1, sizeof *m->hosts);
    header = m->headers = xcalloc(z.headers + 1, sizeof *m->headers);
    one_of = m->one_of = xcalloc(z.one_of + 1, sizeof *m->one_of);
    m->patterns = xcalloc(z.patterns + 1, sizeof *m->patterns);
    m->texts = xmalloc(z.bytes + 1);
    patterns_compile(m, matches);
    for (size_t i = 0; i < m->count; i++) {
        m->rules[i].hosts = host;
        m->rules[i].headers = header;
        host += matches[i]->hosts.n;
        header += matches[i]->headers.n;
        rule_build(m, &m->rules[i], matches[i], &one_of);
    }
    headers_number(m, z.headers);
}

void
matcher_unbuild(struct matcher *m)
{
    for (size_t i = 0; i < m->pattern_count; i++)
        regex_free(m->patterns[i].regex);
    xfree(m->patterns);
    xfree(m->rules);
    xfree(m->hosts);
    xfree(m->headers);
    xfree(m->one_of);
    xfree(m->texts);
}
