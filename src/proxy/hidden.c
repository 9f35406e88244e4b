/* SPDX-License-Identifier: Apache-2.0 */
/* proxy/hidden.c - finds routes that can never be taken, because an earlier one matches all of
 * their calls. What it says is true; it does not find all: two regular expressions are the same
 * only when their texts are, and a file that asks for too many compares is not looked at to the
 * end. */
#include <stdio.h>
#include <string.h>

#include "base/compat.h"
#include "base/xalloc.h"
#include "conf/check.h"
#include "grpc/path.h"
#include "proxy/match_index.h"
#include "proxy/route_conf.h"

enum {
    COMPARES_MAX = 5 * 1000 * 1000, /* a fraction of a second */
    PATH_ROOM = 4100,
};

/* --- the path ------------------------------------------------------------------- */

/* What all calls of a match have in common. */
struct known {
    struct slice service, method; /* p NULL: not known */
    struct slice start;           /* of the path */
    bool whole;                   /* start is the path */
    char room[PATH_ROOM];
};

static void
known_set(struct known *k, const struct match_conf *m)
{
    const char *start = m->path.on ? m->path.exact : NULL, *slash;

    k->service = slice_of(m->service);
    k->method = slice_of(m->method);
    if (m->service)
        snprintf(k->room, sizeof(k->room), "/%s/%s", m->service,
                 m->method ? m->method : "");
    else
        snprintf(k->room, sizeof(k->room), "%s",
                 m->path.on && m->path.prefix ? m->path.prefix : "/");
    if (m->path.on && m->path.prefix && strlen(m->path.prefix) > strlen(k->room))
        snprintf(k->room, sizeof(k->room), "%s", m->path.prefix);
    k->whole = start || (m->service && m->method);
    k->start = slice_of(start ? start : k->room);
    slash = !k->whole ? strchr((const char *)k->start.p + 1, '/') : NULL;
    if (start && path_split(k->start, &k->service, &k->method) != 0)
        k->whole = false;
    if (slash && !k->service.p)
        k->service =
            slice_make(k->start.p + 1, (size_t)((const uint8_t *)slash - k->start.p) - 1);
}

static bool
path_covers(const struct match_conf *a, const struct match_conf *b, const struct known *k)
{
    if (a->service && !(k->service.p && slice_eq_str(k->service, a->service)))
        return false;
    if (a->method && !(k->method.p && slice_eq_str(k->method, a->method)))
        return false;
    if (!a->path.on)
        return true;
    if (a->path.exact)
        return k->whole && slice_eq_str(k->start, a->path.exact);
    if (a->path.prefix)
        return slice_starts(k->start, a->path.prefix);
    return b->path.on && b->path.regex && strcmp(a->path.regex, b->path.regex) == 0;
}

/* --- hosts ---------------------------------------------------------------------- */

static bool
host_covers(const char *a, const char *b)
{
    char room_a[MATCH_HOST_MAX], room_b[MATCH_HOST_MAX];
    struct slice x = match_host_normal(slice_of(a), room_a);
    struct slice y = match_host_normal(slice_of(b), room_b);

    if (slice_eq(x, y))
        return true;
    if (y.n < x.n)
        return false;
    if (x.p[0] == '*')
        return memcmp(y.p + y.n - (x.n - 1), x.p + 1, x.n - 1) == 0;
    return x.p[x.n - 1] == '*' && memcmp(y.p, x.p, x.n - 1) == 0;
}

static bool
hosts_are_all(const struct conf_list *hosts)
{
    const struct match_text *h = hosts->items;

    for (size_t i = 0; i < hosts->n; i++) {
        if (strcmp(h[i].text, "*") == 0)
            return true;
    }
    return hosts->n == 0;
}

static bool
hosts_cover(const struct conf_list *a, const struct conf_list *b)
{
    const struct match_text *x = a->items, *y = b->items;

    if (hosts_are_all(a))
        return true;
    if (hosts_are_all(b))
        return false;
    for (size_t i = 0; i < b->n; i++) {
        size_t k = 0;

        while (k < a->n && !host_covers(x[k].text, y[i].text))
            k++;
        if (k == a->n)
            return false;
    }
    return true;
}

/* --- headers and names ------------------------------------------------------------ */

static bool
text_same(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

/* The values that a plain exact or oneOf allows, one after the other; NULL: no more, or it is
 * of another kind. */
static const char *
header_value(const struct header_match_conf *h, size_t i)
{
    const struct match_text *one_of = h->one_of.items;

    if (h->invert || h->ignore_case || h->missing_is_empty)
        return NULL;
    if (h->exact)
        return i == 0 ? h->exact : NULL;
    return i < h->one_of.n ? one_of[i].text : NULL;
}

static bool
header_allows(const struct header_match_conf *h, const char *value)
{
    const char *one;

    for (size_t i = 0; (one = header_value(h, i)); i++) {
        if (strcmp(one, value) == 0)
            return true;
    }
    return false;
}

static bool
header_is_same(const struct header_match_conf *a, const struct header_match_conf *b)
{
    return text_same(a->exact, b->exact) && text_same(a->prefix, b->prefix) &&
           text_same(a->suffix, b->suffix) && text_same(a->contains, b->contains) &&
           text_same(a->regex, b->regex) && a->one_of.n == 0 && b->one_of.n == 0 &&
           a->range.on == b->range.on && a->range.from == b->range.from &&
           a->range.to == b->range.to && a->present == b->present &&
           a->invert == b->invert && a->ignore_case == b->ignore_case &&
           a->missing_is_empty == b->missing_is_empty;
}

/* Each call that fits b has the header. */
static bool
header_is_there(const struct header_match_conf *h)
{
    if (h->present != CONF_UNSET)
        return (h->present == CONF_TRUE) != h->invert;
    return !h->missing_is_empty;
}

static bool
header_covers(const struct header_match_conf *a, const struct header_match_conf *b)
{
    const char *value = header_value(b, 0);

    if (header_is_same(a, b))
        return true;
    if (a->present != CONF_UNSET && header_is_there(a))
        return header_is_there(b);
    for (size_t i = 0; (value = header_value(b, i)); i++) {
        if (!header_allows(a, value))
            return false;
    }
    return header_value(b, 0) != NULL;
}

static bool
headers_cover(const struct conf_list *a, const struct conf_list *b)
{
    const struct header_match_conf *x = a->items, *y = b->items;

    for (size_t i = 0; i < a->n; i++) {
        size_t k = 0;

        while (k < b->n &&
               (strcmp(x[i].name, y[k].name) != 0 || !header_covers(&x[i], &y[k])))
            k++;
        if (k == b->n)
            return false;
    }
    return true;
}

static bool
sans_cover(const struct conf_list *a, const struct conf_list *b)
{
    const struct san_match_conf *x = a->items, *y = b->items;

    for (size_t i = 0; a->n && i < b->n; i++) {
        size_t k = 0;

        while (k < a->n && !(text_same(x[k].exact, y[i].exact) &&
                             text_same(x[k].prefix, y[i].prefix) &&
                             text_same(x[k].suffix, y[i].suffix)))
            k++;
        if (k == a->n)
            return false;
    }
    return a->n == 0 || b->n > 0;
}

/* --- all ------------------------------------------------------------------------ */

struct hidden_search {
    const struct match_conf **matches; /* NULL: was refused in part */
    struct match_index index;
    size_t compares;
};

/* The first in the list before `best` that covers match i. */
static size_t
search_list(struct hidden_search *s, struct match_list list, size_t i,
            const struct known *k, size_t best)
{
    const struct match_conf *b = s->matches[i];

    for (size_t n = 0; n < list.n && list.v[n] < best; n++) {
        const struct match_conf *a = s->matches[list.v[n]];

        s->compares += 1 + a->hosts.n * b->hosts.n + a->headers.n * b->headers.n +
                       a->san.n * b->san.n;
        if (s->compares > COMPARES_MAX)
            return best;
        if (path_covers(a, b, k) && hosts_cover(&a->hosts, &b->hosts) &&
            headers_cover(&a->headers, &b->headers) && sans_cover(&a->san, &b->san))
            return list.v[n];
    }
    return best;
}

/* A match that covers i is filed under a value that all calls of i have. */
static size_t
search_all(struct hidden_search *s, size_t i)
{
    const struct match_conf *m = s->matches[i];
    const struct match_text *hosts = m->hosts.items;
    const struct header_match_conf *h = m->headers.items;
    const struct match_index *x = &s->index;
    char room[MATCH_HOST_MAX];
    struct known k;
    size_t best = i;

    known_set(&k, m);
    best = search_list(s, (struct match_list){ x->rest, x->rest_count }, i, &k, best);
    if (k.whole)
        best = search_list(s, match_index_find(x, MATCH_KEY_PATH, k.start), i, &k, best);
    if (k.service.p)
        best = search_list(s, match_index_find(x, MATCH_KEY_SERVICE, k.service), i, &k,
                           best);
    if (k.method.p)
        best =
            search_list(s, match_index_find(x, MATCH_KEY_METHOD, k.method), i, &k, best);
    if (m->hosts.n)
        best = search_list(
            s,
            match_index_find(x, MATCH_KEY_HOST,
                             match_host_normal(slice_of(hosts[0].text), room)),
            i, &k, best);
    for (size_t n = 0; n < m->headers.n; n++) {
        for (unsigned name = 0; name < MATCH_KEY_HEADERS_MAX; name++) {
            const char *value = header_value(&h[n], 0);

            if (value && text_same(x->header_names[name], h[n].name))
                best = search_list(
                    s,
                    match_index_find(x, (enum match_key)(MATCH_KEY_HEADER + name),
                                     slice_of(value)),
                    i, &k, best);
        }
    }
    return best;
}

/* False when the check of a part refused it: what is left may mean something else. */
static bool
match_is_whole(const struct match_conf *m)
{
    const struct match_text *hosts = m->hosts.items;
    const struct header_match_conf *h = m->headers.items;
    const struct san_match_conf *sans = m->san.items;

    for (size_t i = 0; i < m->hosts.n; i++) {
        if (!hosts[i].text)
            return false;
    }
    for (size_t i = 0; i < m->headers.n; i++) {
        const struct match_text *one_of = h[i].one_of.items;

        for (size_t k = 0; k < h[i].one_of.n; k++) {
            if (!one_of[k].text)
                return false;
        }
        if (!h[i].exact && !h[i].prefix && !h[i].suffix && !h[i].contains &&
            !h[i].regex && !h[i].one_of.n && !h[i].range.on && h[i].present == CONF_UNSET)
            return false;
    }
    for (size_t i = 0; i < m->san.n; i++) {
        if (!sans[i].exact && !sans[i].prefix && !sans[i].suffix)
            return false;
    }
    return !m->refused &&
           (!m->path.on || m->path.exact || m->path.prefix || m->path.regex);
}

void
routes_check_hidden(const struct conf_list *routes, struct conf_place *place)
{
    const struct route_conf *r = routes->items;
    struct hidden_search s = { 0 };
    size_t *place_of = xcalloc(routes->n + 1, sizeof *place_of), n = 0;

    s.matches = xcalloc(routes->n + 1, sizeof *s.matches);
    for (size_t i = 0; i < routes->n; i++) {
        if (!match_is_whole(&r[i].match))
            continue;
        place_of[n] = i;
        s.matches[n++] = &r[i].match;
    }
    match_index_init(&s.index, s.matches, n);
    for (size_t i = 1; i < n && s.compares <= COMPARES_MAX; i++) {
        size_t by = search_all(&s, i);

        if (by < i)
            conf_warning_item(place, "routes", place_of[i], NULL, "W0301",
                              "this route is never taken: routes[%zu] comes first and "
                              "matches all of its calls",
                              place_of[by]);
    }
    match_index_done(&s.index);
    xfree(s.matches);
    xfree(place_of);
}
