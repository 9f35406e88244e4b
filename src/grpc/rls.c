/* SPDX-License-Identifier: Apache-2.0 */
/* grpc/rls.c - codec of envoy.service.ratelimit.v3. */
#include "grpc/rls.h"

#include "base/arena.h"
#include "base/err.h"
#include "base/strbuf.h"
#include "base/utf8.h"
#include "grpc/pb.h"
#include "grpc/proto/rls_part.pb-c.h"

typedef Outrigger__RlsPart__Request pb_request;
typedef Outrigger__RlsPart__Descriptor pb_descriptor;
typedef Outrigger__RlsPart__Entry pb_entry;
typedef Outrigger__RlsPart__Response pb_response;
typedef Outrigger__RlsPart__Status pb_status;
typedef Outrigger__RlsPart__Header pb_header;

enum { CODE_OK = 1, CODE_OVER_LIMIT = 2 };

static const int64_t RESET_MAX_MS = INT64_C(400) * 24 * 3600 * 1000;

/* --- request -------------------------------------------------------------------------- */

static bool
rls_text(struct slice s, struct arena *a, ProtobufCBinaryData *ret)
{
    char *clean;

    if (utf8_valid(s)) {
        *ret = pb_data(s);
        return true;
    }
    clean = arena_alloc(a, s.n);
    if (!clean)
        return false;
    *ret = pb_data(slice_make(clean, utf8_clean(s, "!", clean, s.n)));
    return true;
}

static bool
rls_fill(const struct rls_descriptor *from, pb_descriptor *to, struct arena *a)
{
    pb_entry **at = arena_alloc(a, (from->n + 1) * sizeof(*at));
    pb_entry *entries = arena_alloc(a, (from->n + 1) * sizeof(*entries));

    if (!at || !entries)
        return false;
    *to = (pb_descriptor)OUTRIGGER__RLS_PART__DESCRIPTOR__INIT;
    for (size_t i = 0; i < from->n; i++) {
        entries[i] = (pb_entry)OUTRIGGER__RLS_PART__ENTRY__INIT;
        at[i] = &entries[i];
        if (!rls_text(from->entries[i].name, a, &entries[i].key) ||
            !rls_text(from->entries[i].value, a, &entries[i].value))
            return false;
    }
    to->n_entries = from->n;
    to->entries = at;
    return true;
}

int
rls_request_encode(struct slice domain, const struct rls_descriptor *v, size_t n,
                   uint32_t hits, struct arena *a, struct strbuf *out)
{
    pb_request m = OUTRIGGER__RLS_PART__REQUEST__INIT;
    pb_descriptor **at = arena_alloc(a, (n + 1) * sizeof(*at));
    pb_descriptor *descriptors = arena_alloc(a, (n + 1) * sizeof(*descriptors));

    if (!at || !descriptors || !rls_text(domain, a, &m.domain))
        return ERR_NOMEM;
    for (size_t i = 0; i < n; i++) {
        at[i] = &descriptors[i];
        if (!rls_fill(&v[i], &descriptors[i], a))
            return ERR_NOMEM;
    }
    m.n_descriptors = n;
    m.descriptors = at;
    m.hits_addend = hits;
    pb_write(&m.base, out);
    return out->cut ? ERR_LIMIT : ERR_OK;
}

/* --- answer --------------------------------------------------------------------------- */

static bool
rls_copy(struct arena *a, ProtobufCBinaryData d, struct slice *ret)
{
    void *p = arena_copy(a, d.len ? (const void *)d.data : "", d.len ? d.len : 1);

    *ret = slice_make(p, d.len);
    return p != NULL;
}

static int
rls_read_headers(pb_header *const *v, size_t n, struct arena *a,
                 const struct rls_pair **ret, size_t *ret_n)
{
    struct rls_pair *pairs;

    if (n > RLS_HEADERS_MAX)
        return ERR_LIMIT;
    pairs = arena_alloc(a, (n + 1) * sizeof(*pairs));
    if (!pairs)
        return ERR_NOMEM;
    for (size_t i = 0; i < n; i++) {
        if (!rls_copy(a, v[i]->key, &pairs[i].name) ||
            !rls_copy(a, v[i]->value.len ? v[i]->value : v[i]->raw_value,
                      &pairs[i].value))
            return ERR_NOMEM;
        pb_lower((char *)(uintptr_t)pairs[i].name.p, pairs[i].name.n);
    }
    *ret = pairs;
    *ret_n = n;
    return ERR_OK;
}

/* -1: none is known, or one that nobody can wait for. */
static int64_t
rls_reset_ms(const pb_status *s)
{
    const Outrigger__RlsPart__Duration *d = s->duration_until_reset;

    if (!d || d->seconds < 0 || d->nanos < 0 || d->nanos > 999999999 ||
        d->seconds > RESET_MAX_MS / 1000)
        return -1;
    return d->seconds * 1000 + (d->nanos + 999999) / 1000000;
}

/* Is a the better one to tell of? */
static bool
rls_says_more(const pb_status *a, const pb_status *b)
{
    bool over = a->code == CODE_OVER_LIMIT;

    if (!b)
        return true;
    if (over != (b->code == CODE_OVER_LIMIT))
        return over;
    if (over)
        return rls_reset_ms(a) > rls_reset_ms(b);
    return a->current_limit &&
           (!b->current_limit || a->limit_remaining < b->limit_remaining);
}

static int
rls_read_limit(const pb_status *s, struct arena *a, struct rls_limit *ret)
{
    static const int64_t seconds[] = { 0, 1, 60, 3600, 86400, 2678400, 31622400, 604800 };
    const Outrigger__RlsPart__Limit *limit = s->current_limit;

    ret->remaining = s->limit_remaining;
    ret->reset_known = rls_reset_ms(s) >= 0;
    ret->reset_ms = ret->reset_known ? rls_reset_ms(s) : 0;
    if (!limit)
        return ERR_OK;
    ret->known = true;
    ret->requests = limit->requests_per_unit;
    if (limit->unit > 0 && limit->unit < (int)ARRAY_LEN(seconds))
        ret->unit_s = seconds[limit->unit];
    return rls_copy(a, limit->name, &ret->name) ? ERR_OK : ERR_NOMEM;
}

static int
rls_read(const pb_response *m, struct arena *a, struct rls_answer *ret)
{
    const pb_status *most = NULL;
    int rv;

    if (m->overall_code != CODE_OK && m->overall_code != CODE_OVER_LIMIT)
        return ERR_SYNTAX;
    ret->over = m->overall_code == CODE_OVER_LIMIT;
    for (size_t i = 0; i < m->n_statuses; i++) {
        if (rls_says_more(m->statuses[i], most))
            most = m->statuses[i];
    }
    rv = most ? rls_read_limit(most, a, &ret->limit) : ERR_OK;
    if (rv == ERR_OK)
        rv = rls_read_headers(m->response_headers_to_add, m->n_response_headers_to_add, a,
                              &ret->response, &ret->response_count);
    if (rv == ERR_OK)
        rv = rls_read_headers(m->request_headers_to_add, m->n_request_headers_to_add, a,
                              &ret->request, &ret->request_count);
    return rv;
}

int
rls_answer_decode(struct slice message, struct arena *a, struct rls_answer *ret)
{
    pb_response *m = outrigger__rls_part__response__unpack(NULL, message.n, message.p);
    struct rls_answer answer = { 0 };
    int rv;

    if (!m)
        return ERR_SYNTAX;
    rv = rls_read(m, a, &answer);
    outrigger__rls_part__response__free_unpacked(m, NULL);
    if (rv == ERR_OK)
        *ret = answer;
    return rv;
}
