/* SPDX-License-Identifier: Apache-2.0 */
/* filter/api_key.c - the filter "apiKey": only clients with a known key come through. The key is compared by its SHA-256 in constant time (key_set.h); it is never
 * logged, and goes to the backend only when the config says so. What is found is fc->client.
 * UNAUTHENTICATED with API_KEY_MISSING or API_KEY_UNKNOWN; a header that may have the key and comes twice is INVALID_ARGUMENT with HEADER_TWICE: another proxy might
 * have read the other one (reliability.md B11). */
#include <strings.h>

#include "base/arena.h"
#include "base/xalloc.h"
#include "filter/api_key_conf.h"
#include "filter/key_set.h"
#include "filter/kinds.h"
#include "filter/pattern.h"
#include "grpc/reason.h"
#include "grpc/status.h"
#include "h2/edit.h"
#include "obs/stats.h"

/* Longer ones are nobody's: hashing them would be work for strangers. */
enum { KEY_BYTES_MAX = 1024 };

struct api_key {
    struct filter f;
    struct watched *keys;
    struct digest **digests; /* by worker */
    unsigned workers;
    struct pattern_set except;
};

static const struct api_key_header_conf default_header = { .name = "x-api-key" };

static const struct api_key_header_conf *
headers_of(const struct api_key_conf *c, size_t *ret_n)
{
    *ret_n = c->headers.n ? c->headers.n : 1;
    return c->headers.n ? c->headers.items : &default_header;
}

/* --- finding the key ---------------------------------------------------------------- */

static bool
has_prefix(struct slice value, const char *prefix)
{
    size_t n = prefix ? strlen(prefix) : 0;

    return n == 0 || (value.n >= n && strncasecmp((const char *)value.p, prefix, n) == 0);
}

static struct slice
behind_prefix(struct slice value, const char *prefix)
{
    size_t n = prefix ? strlen(prefix) : 0;

    value = slice_make(value.p + n, value.n - n);
    while (value.n && value.p[0] == ' ') {
        value.p++;
        value.n--;
    }
    return value;
}

/* The value of one header. False: it comes twice. p NULL: it is not there. */
static bool
value_find(const struct h2_headers *h, const char *name, struct slice *ret)
{
    struct slice wanted = slice_of(name);
    unsigned at = 0;
    const struct h2_entry *e = h2_headers_find(h, wanted, &at);

    *ret = e ? slice_make(e->f.value, e->f.valuelen) : (struct slice){ 0 };
    return !e || !h2_headers_find(h, wanted, &at);
}

struct found {
    const struct api_key_header_conf *in; /* NULL: there is no key */
    struct slice value, key;
};

/* The first key that is there. All headers are looked at. Returns the name of one that comes twice, or NULL. */
static const char *
key_find(const struct filter_call *fc, const struct api_key_conf *c, struct found *ret)
{
    size_t n;
    const struct api_key_header_conf *h = headers_of(c, &n);

    *ret = (struct found){ 0 };
    for (size_t i = 0; i < n; i++) {
        struct slice value;

        if (!value_find(fc->request, h[i].name, &value))
            return h[i].name;
        if (!ret->in && value.p && has_prefix(value, h[i].prefix))
            *ret = (struct found){ &h[i], value, behind_prefix(value, h[i].prefix) };
    }
    return NULL;
}

/* --- the backend's view ------------------------------------------------------------- */

static void
key_strip(struct filter_call *fc, const struct api_key_conf *c)
{
    size_t n;
    const struct api_key_header_conf *h = headers_of(c, &n);

    for (size_t i = 0; i < n && !c->forward; i++) {
        struct slice value;
        bool one = value_find(fc->request, h[i].name, &value);

        if (value.p && (!one || has_prefix(value, h[i].prefix)))
            filter_remove(fc->request, slice_of(h[i].name));
    }
    /* Also for methods that need no key: nobody may claim a name. */
    if (c->client_header)
        filter_remove(fc->request, slice_of(c->client_header));
}

/* --- verdicts ----------------------------------------------------------------------- */

static enum filter_verdict
refuse_twice(struct filter_call *fc, const char *name)
{
    static const struct filter_refusal twice = { .code = GRPC_INVALID_ARGUMENT,
                                                 .reason = REASON_HEADER_TWICE };

    return filter_refuse(fc, &twice, "the header %s may come only once", name);
}

static enum filter_verdict
refuse_missing(struct filter_call *fc, const struct api_key_conf *c)
{
    static const struct filter_refusal missing = { .code = GRPC_UNAUTHENTICATED,
                                                   .reason = "API_KEY_MISSING" };
    size_t n;
    const struct api_key_header_conf *h = headers_of(c, &n);

    stat_inc(fc->stats, STAT_API_KEYS_MISSING);
    return filter_refuse(fc, &missing,
                         "the call has no API key; send it in the header %s%s%s", h->name,
                         h->prefix ? " behind " : "", h->prefix ? h->prefix : "");
}

static enum filter_verdict
refuse_unknown(struct filter_call *fc)
{
    static const struct filter_refusal unknown = { .code = GRPC_UNAUTHENTICATED,
                                                   .reason = "API_KEY_UNKNOWN" };

    stat_inc(fc->stats, STAT_API_KEYS_UNKNOWN);
    return filter_refuse(fc, &unknown, "the API key of the call is not known");
}

/* False: no memory. *ret: in the call's arena; p NULL: unknown. */
static bool
client_find(struct api_key *a, struct filter_call *fc, struct slice key,
            struct slice *ret)
{
    uint8_t hash[SHA256_LEN];
    const struct key_set *set;
    struct slice found = { 0 };

    *ret = found;
    if (key.n > KEY_BYTES_MAX)
        return true;
    if (!digest_sha256(a->digests[fc->worker], key, hash))
        return false;
    set = watched_enter(a->keys, fc->worker);
    if (set) /* NULL: the file was never good */
        found = key_set_find(set, hash);
    if (found.p)
        *ret = slice_make(arena_copy(fc->arena, found.p, found.n), found.n);
    watched_leave(a->keys, fc->worker);
    return !found.p || ret->p;
}

/* What the backend gets to see. False: no memory. */
static bool
pass_on(struct filter_call *fc, const struct api_key_conf *c, const struct found *found,
        struct slice client)
{
    key_strip(fc, c);
    if (c->client_header &&
        !filter_set(fc, fc->request, slice_of(c->client_header), client, false))
        return false;
    /* Once more as a secret: it must not stay in the table of the connection. */
    return !c->forward ||
           filter_set(fc, fc->request, slice_of(found->in->name), found->value, true);
}

static enum filter_verdict
on_request(struct filter_call *fc, void *state)
{
    struct api_key *a = CONTAINER_OF(filter_self(fc), struct api_key, f);
    const struct api_key_conf *c = a->f.conf;
    struct found found;
    struct slice client;
    const char *twice;

    (void)state;
    if (a->except.n && pattern_set_fits(&a->except, fc->path)) {
        key_strip(fc, c);
        return FILTER_NEXT;
    }
    twice = key_find(fc, c, &found);
    if (twice)
        return refuse_twice(fc, twice);
    if (!found.in)
        return refuse_missing(fc, c);
    if (!client_find(a, fc, found.key, &client))
        return filter_fail(fc, "had no memory to look up the key");
    if (!client.p)
        return refuse_unknown(fc);
    if (!pass_on(fc, c, &found, client))
        return filter_fail(fc, "had no memory for the client's name");
    fc->client = client;
    stat_inc(fc->stats, STAT_API_KEYS_GOOD);
    return FILTER_NEXT;
}

/* --- life --------------------------------------------------------------------------- */

static void
api_key_open(struct filter *f, const struct filter_env *env)
{
    struct api_key *a = CONTAINER_OF(f, struct api_key, f);
    const struct api_key_conf *c = f->conf;

    pattern_set_init(&a->except, &c->except_methods, true);
    a->workers = env->workers;
    a->digests = xcalloc(env->workers, sizeof(a->digests[0]));
    for (unsigned i = 0; i < a->workers; i++)
        a->digests[i] = digest_new();
    a->keys = watched_open(&api_key_file, f, env, c->file, c);
}

static void
api_key_close(struct filter *f)
{
    struct api_key *a = CONTAINER_OF(f, struct api_key, f);

    watched_close(a->keys);
    for (unsigned i = 0; i < a->workers; i++)
        digest_free(a->digests[i]);
    xfree(a->digests);
    pattern_set_done(&a->except);
}

const struct filter_kind filter_api_key = {
    .name = "apiKey",
    .conf = &api_key_conf_struct,
    .size = sizeof(struct api_key),
    .open = api_key_open,
    .close = api_key_close,
    .on_request = on_request,
};
