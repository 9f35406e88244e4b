/* SPDX-License-Identifier: Apache-2.0 */
/* proxy/explain.c - a call made of words, and what the routes do with it. */
#include "proxy/explain.h"

#include <string.h>

#include "base/err.h"
#include "base/strbuf.h"
#include "base/xalloc.h"
#include "filter/retry_policy.h"
#include "grpc/path.h"
#include "grpc/timeout.h"
#include "net/tls_conf.h"
#include "proxy/balance.h"
#include "proxy/listener_conf.h"
#include "proxy/route.h"
#include "proxy/split.h"
#include "proxy/table.h"

enum { WHY_MAX = 1000, SPLIT_VALUE_MAX = 1024 };

/* --- the call --------------------------------------------------------------------------- */

static void
call_add(struct explain_call *c, const char *name, const char *value)
{
    struct h2_headers *h = &c->headers;
    struct slice n = slice_of(name), v = slice_of(value);
    enum h2_token token = h2_token_find(n.p, n.n);

    c->entries[h->n] = (struct h2_entry){
        .f = { .name = (uint8_t *)(uintptr_t)n.p,
               .value = (uint8_t *)(uintptr_t)v.p,
               .namelen = n.n,
               .valuelen = v.n },
        .token = (uint8_t)token,
    };
    h->n++;
    if (token != H2_TOKEN_OTHER && h->first[token] == 0)
        h->first[token] = (uint8_t)h->n;
}

void
explain_call_init(struct explain_call *c)
{
    memset(c, 0, sizeof(*c));
    c->timeout_ns = -1;
    c->headers.v = c->entries;
    c->headers.cap = EXPLAIN_HEADERS_MAX + 2;
    c->headers.complete = true;
    c->in.headers = &c->headers;
    call_add(c, "content-type", "application/grpc");
    call_add(c, "te", "trailers");
}

bool
explain_call_set_path(struct explain_call *c, const char *path, const char **ret_why)
{
    c->in.path = slice_of(path);
    if (path_split(c->in.path, &c->in.service, &c->in.method) == ERR_OK)
        return true;
    *ret_why = "the method must look like /pkg.Service/Method";
    return false;
}

static bool
text_visible(const char *s, const char *but)
{
    for (; *s; s++) {
        if ((unsigned char)*s <= ' ' || (unsigned char)*s == 0x7f || strchr(but, *s))
            return false;
    }
    return true;
}

bool
explain_call_set_authority(struct explain_call *c, const char *host, const char **ret_why)
{
    if (!*host || !text_visible(host, "@/")) {
        *ret_why = "the authority must be a host, with or without a port";
        return false;
    }
    c->in.authority = slice_of(host);
    return true;
}

static bool
header_name_good(const char *name, const char **ret_why)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789_.-";

    *ret_why = "a header's name has letters, digits and - _ . only: NAME=VALUE";
    if (!*name || name[strspn(name, letters)])
        return false;
    *ret_why = "this header is not in an HTTP/2 call: such a call ends with an error";
    return h2_token_find((const uint8_t *)name, strlen(name)) != H2_TOKEN_HOP;
}

static bool
header_value_good(const char *value, const char **ret_why)
{
    size_t n = strlen(value);

    *ret_why = "a header's value has no control characters, and no spaces at its ends";
    if (n && (value[0] == ' ' || value[n - 1] == ' '))
        return false;
    for (; *value; value++) {
        if ((unsigned char)*value < ' ' || (unsigned char)*value == 0x7f)
            return false;
    }
    return true;
}

static bool
header_timeout_good(struct explain_call *c, const char *value, const char **ret_why)
{
    *ret_why = "grpc-timeout has 1 to 8 digits and one of H M S m u n, once: a call with "
               "another one ends with INTERNAL";
    return c->timeout_ns == -1 && timeout_parse(slice_of(value), &c->timeout_ns) == 0;
}

bool
explain_call_add_header(struct explain_call *c, char *text, const char **ret_why)
{
    char *value = strchr(text, '=');

    *ret_why = "a header is NAME=VALUE";
    if (!value)
        return false;
    *value++ = '\0';
    for (char *p = text; *p; p++)
        *p = (char)(*p >= 'A' && *p <= 'Z' ? *p + 'a' - 'A' : *p);
    if (!header_name_good(text, ret_why) || !header_value_good(value, ret_why))
        return false;
    if (strcmp(text, "grpc-timeout") == 0 && !header_timeout_good(c, value, ret_why))
        return false;
    if (strcmp(text, "te") == 0 || strcmp(text, "content-type") == 0) {
        *ret_why = "te and content-type are there already, as in every gRPC call";
        return false;
    }
    *ret_why = "too many headers: at most 64";
    if (c->headers.n == EXPLAIN_HEADERS_MAX + 2)
        return false;
    call_add(c, text, value);
    if (strcmp(text, "host") == 0 && !c->in.authority.p)
        c->in.authority = slice_of(value);
    return true;
}

bool
explain_call_add_san(struct explain_call *c, const char *san, const char **ret_why)
{
    struct tls_san *s = &c->sans[c->peer.n_sans];

    *ret_why = "a name in a certificate is a URI, an email address or a DNS name";
    if (!*san || !text_visible(san, ""))
        return false;
    *ret_why = "too many names of the client: at most 8";
    if (c->peer.n_sans == EXPLAIN_SANS_MAX)
        return false;
    *s = (struct tls_san){ .text = san, .len = (uint32_t)strlen(san) };
    s->kind = strstr(san, "://") ? TLS_SAN_URI
              : strchr(san, '@') ? TLS_SAN_EMAIL
                                 : TLS_SAN_DNS;
    c->peer.n_sans++;
    c->peer.sans = c->sans;
    c->peer.has_cert = c->peer.verified = true;
    c->in.peer = &c->peer;
    return true;
}

/* --- what becomes of it ------------------------------------------------------------------- */

static void
explain_skips(struct explain *e, struct match_input *in)
{
    size_t from = e->skipped > EXPLAIN_SKIPPED_MAX ? e->skipped - EXPLAIN_SKIPPED_MAX : 0;

    for (size_t i = from; i < e->skipped; i++) {
        struct strbuf why;

        strbuf_init(&why, WHY_MAX);
        strbuf_puts(&why, "");
        (void)matcher_why_not(e->table->matcher, i, in, &why);
        e->skips[e->shown++] =
            (struct explain_skip){ .index = i, .why = strbuf_steal(&why) };
    }
}

static int
route_target(const struct route *r, const struct explain_call *c)
{
    char value[SPLIT_VALUE_MAX];
    size_t n;

    if (!r->split)
        return r->target_count ? 0 : -1;
    if (!r->split_header.p ||
        !balance_header_text(&c->headers, r->split_header, value, sizeof(value), &n))
        return -1;
    return (int)split_sticky(r->split, slice_make(value, n));
}

static struct slice
call_header(const struct explain_call *c, const char *name)
{
    for (unsigned i = 0; i < c->headers.n; i++) {
        const struct h2_field *f = &c->headers.v[i].f;

        if (slice_eq_str(slice_make(f->name, f->namelen), name))
            return slice_make(f->value, f->valuelen);
    }
    return (struct slice){ 0 };
}

static void
explain_policy(struct explain *e)
{
    const struct route *r = e->route;

    e->policy = r->policy   ? r->policy
                : e->method ? method_conf_policy(e->table->methods, e->method)
                            : NULL;
    e->first_hop_only =
        e->policy && !retry_policy_applies(
                         e->policy, call_header(e->call, "grpc-previous-rpc-attempts"));
}

void
explain_init(struct explain *e, const struct table *t, struct explain_call *c)
{
    int found = matcher_find(t->matcher, &c->in);

    memset(e, 0, sizeof(*e));
    e->table = t;
    e->call = c;
    e->target = -1;
    e->skipped = found < 0 ? t->route_count : (size_t)found;
    explain_skips(e, &c->in);
    if (found < 0)
        return;
    e->route = &t->routes[found];
    e->target = route_target(e->route, c);
    e->method = method_conf_find(t->methods, c->in.service, c->in.method);
    e->limit_us = route_time_limit_us(e->route, c->timeout_ns,
                                      e->method ? e->method->timeout_ms * 1000 : 0);
    explain_policy(e);
}

void
explain_done(struct explain *e)
{
    for (size_t i = 0; i < e->shown; i++)
        xfree(e->skips[i].why);
}

bool
explain_takes(const struct explain *e, unsigned target)
{
    const struct to_conf *to = e->route->conf->to.items;

    if (e->target >= 0)
        return (unsigned)e->target == target;
    return to[target].weight > 0;
}
