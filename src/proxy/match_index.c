/* SPDX-License-Identifier: Apache-2.0 */
/* proxy/match_index.c - collects the keys of all matches, counts how often each occurs, and
 * files each match under its rarest. */
#include "proxy/match_index.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/rand.h"
#include "base/xalloc.h"
#include "lb/hash.h"
#include "proxy/match_conf.h"

enum { PATH_ROOM = 4096 };

/* One exact value of one match. */
struct filing {
    uint64_t hash;
    uint32_t match, shared; /* shared: filings with this hash */
    uint8_t key;
};

struct filings {
    struct filing *v;
    size_t n, room;
};

struct slice
match_host_normal(struct slice host, char room[MATCH_HOST_MAX])
{
    size_t n = host.n;
    const uint8_t *colon = n ? memchr(host.p, ':', n) : NULL;

    /* "name:443", "[::1]:443"; a bare IPv6 address has no port. */
    if (n && host.p[0] == '[') {
        const uint8_t *end = memchr(host.p, ']', n);

        if (end && (end + 1 == host.p + n || end[1] == ':'))
            n = (size_t)(end - host.p) + 1;
    } else if (colon && !memchr(colon + 1, ':', n - (size_t)(colon + 1 - host.p))) {
        n = (size_t)(colon - host.p);
    }
    if (n && host.p[n - 1] == '.')
        n--;
    if (n >= MATCH_HOST_MAX)
        return (struct slice){ 0 };
    for (size_t i = 0; i < n; i++) {
        char c = (char)host.p[i];

        room[i] = c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
    }
    return slice_make(room, n);
}

bool
match_host_is_exact(const char *host)
{
    return !strchr(host, '*');
}

static uint64_t
index_hash(const struct match_index *x, enum match_key key, struct slice value)
{
    return lb_hash_seeded(value.p, value.n, x->seed + (uint64_t)key * 0x9e3779b97f4a7c15);
}

/* --- which keys a match has ----------------------------------------------------- */

static void
filings_add(struct filings *f, const struct match_index *x, uint32_t match,
            enum match_key key, struct slice value)
{
    if (f->n == f->room) {
        f->room = f->room ? 2 * f->room : 1024;
        f->v = xrealloc(f->v, f->room * sizeof *f->v);
    }
    f->v[f->n++] = (struct filing){ .hash = index_hash(x, key, value),
                                    .match = match,
                                    .key = (uint8_t)key };
}

static void
add_path(struct filings *f, const struct match_index *x, uint32_t i,
         const struct match_conf *m)
{
    char path[PATH_ROOM];

    if (m->path.on && m->path.exact) {
        filings_add(f, x, i, MATCH_KEY_PATH, slice_of(m->path.exact));
    } else if (m->service && m->method) {
        snprintf(path, sizeof path, "/%s/%s", m->service, m->method);
        filings_add(f, x, i, MATCH_KEY_PATH, slice_of(path));
    }
    if (m->service)
        filings_add(f, x, i, MATCH_KEY_SERVICE, slice_of(m->service));
    if (m->method)
        filings_add(f, x, i, MATCH_KEY_METHOD, slice_of(m->method));
}

/* Only when each host stands for itself: then the call's host is one of them. */
static void
add_hosts(struct filings *f, const struct match_index *x, uint32_t match,
          const struct match_conf *m)
{
    const struct match_text *hosts = m->hosts.items;
    char room[MATCH_HOST_MAX];

    for (size_t i = 0; i < m->hosts.n; i++) {
        if (!match_host_is_exact(hosts[i].text))
            return;
    }
    for (size_t i = 0; i < m->hosts.n; i++)
        filings_add(f, x, match, MATCH_KEY_HOST,
                    match_host_normal(slice_of(hosts[i].text), room));
}

/* A header that is compared byte by byte with values from the config. */
static bool
header_is_exact(const struct header_match_conf *h)
{
    size_t n = strlen(h->name);
    bool bin = n >= 4 && strcmp(h->name + n - 4, "-bin") == 0;

    return (h->exact || h->one_of.n) && !h->invert && !h->ignore_case &&
           !h->missing_is_empty && !bin;
}

/* The key of a header's values; MATCH_KEYS: too many names. */
static enum match_key
header_key(struct match_index *x, const char *name)
{
    size_t i = 0;

    while (i < MATCH_KEY_HEADERS_MAX && x->header_names[i] &&
           strcmp(x->header_names[i], name) != 0)
        i++;
    if (i < MATCH_KEY_HEADERS_MAX)
        x->header_names[i] = name;
    return (enum match_key)(MATCH_KEY_HEADER + i);
}

static void
add_headers(struct filings *f, struct match_index *x, uint32_t match,
            const struct match_conf *m)
{
    const struct header_match_conf *h = m->headers.items;

    for (size_t i = 0; i < m->headers.n; i++) {
        const struct match_text *one_of = h[i].one_of.items;
        enum match_key key = MATCH_KEYS;

        if (header_is_exact(&h[i]))
            key = header_key(x, h[i].name);
        if (key == MATCH_KEYS)
            continue;
        if (h[i].exact)
            filings_add(f, x, match, key, slice_of(h[i].exact));
        for (size_t k = 0; k < h[i].one_of.n; k++)
            filings_add(f, x, match, key, slice_of(one_of[k].text));
    }
}

/* --- the rarest of them ----------------------------------------------------------- */

static int
compare_hash(const void *a, const void *b)
{
    const struct filing *x = a, *y = b;

    if (x->hash != y->hash)
        return x->hash < y->hash ? -1 : 1;
    return (x->match > y->match) - (x->match < y->match);
}

/* Keeps the filings of each match under its best key: the one whose longest list is the
 * shortest. Leaves them sorted by hash and match. */
static void
filings_choose(struct filings *f, size_t matches)
{
    uint32_t(*longest)[MATCH_KEYS] = xcalloc(matches + 1, sizeof *longest);
    uint8_t *best = xcalloc(matches + 1, 1);
    size_t kept = 0;

    if (f->n)
        qsort(f->v, f->n, sizeof *f->v, compare_hash);
    for (size_t i = 0, end; i < f->n; i = end) {
        for (end = i; end < f->n && f->v[end].hash == f->v[i].hash;)
            end++;
        for (size_t k = i; k < end; k++) {
            uint32_t *l = &longest[f->v[k].match][f->v[k].key];

            if (*l < end - i)
                *l = (uint32_t)(end - i);
        }
    }
    for (size_t m = 0; m < matches; m++) {
        uint32_t shortest = UINT32_MAX;

        for (uint8_t k = 0; k < MATCH_KEYS; k++) {
            if (longest[m][k] && longest[m][k] < shortest) {
                shortest = longest[m][k];
                best[m] = k;
            }
        }
    }
    for (size_t i = 0; i < f->n; i++) {
        bool again = kept && f->v[kept - 1].hash == f->v[i].hash &&
                     f->v[kept - 1].match == f->v[i].match;

        if (f->v[i].key == best[f->v[i].match] && !again)
            f->v[kept++] = f->v[i];
    }
    f->n = kept;
    xfree(longest);
    xfree(best);
}

static void
index_put(struct match_index *x, uint64_t hash, size_t first, size_t count)
{
    size_t i = (size_t)hash & x->mask;

    while (x->slots[i].count)
        i = (i + 1) & x->mask;
    x->slots[i] = (struct match_index_slot){ hash, (uint32_t)first, (uint32_t)count };
}

static void
index_file(struct match_index *x, const struct filings *f, size_t matches)
{
    bool *filed = xcalloc(matches + 1, sizeof *filed);
    size_t room = 16;

    while (room < 2 * f->n)
        room *= 2;
    x->mask = room - 1;
    x->slots = xcalloc(room, sizeof *x->slots);
    x->filed = xcalloc(f->n + 1, sizeof *x->filed);
    x->rest = xcalloc(matches + 1, sizeof *x->rest);
    for (size_t i = 0, end; i < f->n; i = end) {
        for (end = i; end < f->n && f->v[end].hash == f->v[i].hash; end++) {
            x->filed[end] = f->v[end].match;
            x->used |= 1U << f->v[end].key;
            filed[f->v[end].match] = true;
        }
        index_put(x, f->v[i].hash, i, end - i);
    }
    for (size_t i = 0; i < matches; i++) {
        if (!filed[i])
            x->rest[x->rest_count++] = (uint32_t)i;
    }
    xfree(filed);
}

void
match_index_init(struct match_index *x, const struct match_conf *const *matches, size_t n)
{
    struct filings f = { 0 };
    struct rng rng;

    memset(x, 0, sizeof *x);
    rng_seed_system(&rng);
    x->seed = rng_next(&rng);
    for (size_t i = 0; i < n; i++) {
        add_path(&f, x, (uint32_t)i, matches[i]);
        add_hosts(&f, x, (uint32_t)i, matches[i]);
        add_headers(&f, x, (uint32_t)i, matches[i]);
    }
    filings_choose(&f, n);
    index_file(x, &f, n);
    xfree(f.v);
}

void
match_index_done(struct match_index *x)
{
    xfree(x->slots);
    xfree(x->filed);
    xfree(x->rest);
}

struct match_list
match_index_find(const struct match_index *x, enum match_key key, struct slice value)
{
    uint64_t hash = index_hash(x, key, value);

    for (size_t i = (size_t)hash & x->mask; x->slots[i].count; i = (i + 1) & x->mask) {
        if (x->slots[i].hash == hash)
            return (struct match_list){ x->filed + x->slots[i].first, x->slots[i].count };
    }
    return (struct match_list){ 0 };
}
