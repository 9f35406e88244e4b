/* SPDX-License-Identifier: Apache-2.0 */
/* proxy/matcher.c - the search: lists of candidates from the index, each looked at until it
 * cannot be earlier than what was found. */
#include "proxy/matcher.h"

#include <limits.h>
#include <string.h>

#include "base/xalloc.h"
#include "proxy/matcher_int.h"

/* With so few matches, looking at all of them costs less than hashing. */
enum { LINEAR_MAX = 4 };

struct matcher *
matcher_new(const struct match_conf *const *matches, size_t n)
{
    struct matcher *m = xcalloc(1, sizeof *m);

    m->count = n;
    matcher_build(m, matches);
    if (n > LINEAR_MAX)
        match_index_init(&m->index, matches, n);
    return m;
}

bool
matcher_wants_peer(const struct matcher *m)
{
    return m->need_peer;
}

void
matcher_free(struct matcher *m)
{
    if (!m)
        return;
    if (m->count > LINEAR_MAX)
        match_index_done(&m->index);
    matcher_unbuild(m);
    xfree(m);
}

void
search_init(struct match_search *s, const struct matcher *m, struct match_input *in)
{
    s->in = in;
    s->host = (struct slice){ 0 };
    if (m->need_host && in->authority.p)
        s->host = match_host_normal(in->authority, s->host_room);
    s->joined_name = (struct slice){ 0 };
    memset(s->seen, HEADER_UNKNOWN, sizeof s->seen);
}

bool
host_fits(struct slice host, const struct host_rule *r)
{
    if (r->kind == HOST_EXACT)
        return slice_eq(host, r->text);
    /* The * stands for at least one character. */
    return host.n > r->text.n && (r->kind == HOST_BELOW ? slice_ends(host, r->text)
                                                        : slice_begins(host, r->text));
}

static bool
hosts_fit(const struct match_search *s, const struct match_rule *r)
{
    for (size_t i = 0; s->host.p && i < r->host_count; i++) {
        if (host_fits(s->host, &r->hosts[i]))
            return true;
    }
    return r->host_count == 0;
}

static bool
sans_fit(const struct match_search *s, const struct match_rule *r)
{
    for (size_t i = 0; i < r->san_count; i++) {
        if (san_fits(s->in->peer, &r->sans[i]))
            return true;
    }
    return r->san_count == 0;
}

bool
path_regex_fits(struct match_search *s, const struct match_rule *r)
{
    enum regex_result result = REGEX_GAVE_UP;

    if (s->in->gave_up < MATCH_GIVE_UPS_MAX) {
        result = regex_match(r->path_regex, s->in->path);
        s->in->gave_up += result == REGEX_GAVE_UP;
    }
    return result == REGEX_YES;
}

/* The cheap questions first. */
static bool
rule_fits(struct match_search *s, const struct match_rule *r)
{
    const struct match_input *in = s->in;

    if ((r->service.p && !slice_eq(r->service, in->service)) ||
        (r->method.p && !slice_eq(r->method, in->method)) ||
        (r->path.p && !slice_eq(r->path, in->path)) ||
        (r->path_prefix.p && !slice_begins(in->path, r->path_prefix)) ||
        (r->host_count && !hosts_fit(s, r)))
        return false;
    for (size_t i = 0; i < r->header_count; i++) {
        if (!header_fits(s, &r->headers[i]))
            return false;
    }
    return sans_fit(s, r) && (!r->path_regex || path_regex_fits(s, r));
}

/* The first of the list that fits and is before `best`; else best. */
static size_t
search_list(const struct matcher *m, struct match_search *s, struct match_list list,
            size_t best)
{
    for (size_t i = 0; i < list.n && list.v[i] < best; i++) {
        if (rule_fits(s, &m->rules[list.v[i]]))
            return list.v[i];
    }
    return best;
}

static size_t
search_key(const struct matcher *m, struct match_search *s, enum match_key key,
           struct slice value, size_t best)
{
    if (!match_index_has(&m->index, key))
        return best;
    return search_list(m, s, match_index_find(&m->index, key, value), best);
}

static size_t
search_headers(const struct matcher *m, struct match_search *s, size_t best)
{
    for (unsigned i = 0; i < MATCH_KEY_HEADERS_MAX; i++) {
        enum match_key key = (enum match_key)(MATCH_KEY_HEADER + i);
        struct slice value = { 0 }, name = slice_of(m->index.header_names[i]);
        uint8_t room[REGEX_TEXT_MAX] UNINITIALIZED;
        enum header_seen seen;

        if (!match_index_has(&m->index, key))
            continue;
        seen = header_see(s, name, MATCH_NAMES_MAX, &value);
        if (seen == HEADER_MISSING ||
            (seen == HEADER_SEVERAL &&
             header_join(s->in->headers, name, false, room, &value) != 0))
            continue;
        best = search_list(m, s, match_index_find(&m->index, key, value), best);
    }
    return best;
}

static size_t
search_linear(const struct matcher *m, struct match_search *s)
{
    size_t i = 0;

    while (i < m->count && !rule_fits(s, &m->rules[i]))
        i++;
    return i;
}

int
matcher_find(const struct matcher *m, struct match_input *in)
{
    struct match_search s UNINITIALIZED;
    size_t best = m->count;

    in->gave_up = 0;
    search_init(&s, m, in);
    if (m->count <= LINEAR_MAX) {
        best = search_linear(m, &s);
        return best < m->count ? (int)best : -1;
    }
    best = search_key(m, &s, MATCH_KEY_PATH, in->path, best);
    best = search_key(m, &s, MATCH_KEY_SERVICE, in->service, best);
    best = search_key(m, &s, MATCH_KEY_METHOD, in->method, best);
    if (s.host.p)
        best = search_key(m, &s, MATCH_KEY_HOST, s.host, best);
    if (m->index.used >> MATCH_KEY_HEADER && in->headers)
        best = search_headers(m, &s, best);
    best = search_list(m, &s, (struct match_list){ m->index.rest, m->index.rest_count },
                       best);
    return best < m->count ? (int)best : -1;
}
