/* SPDX-License-Identifier: Apache-2.0 */
/* filter/ext_authz_request.c - a call as an authorization service sees it. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/un.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/strbuf.h"
#include "filter/ext_authz.h"
#include "grpc/authz.h"
#include "h2/headers.h"
#include "net/addr.h"
#include "net/tls.h"

enum { ADDRESS_ROOM = 128 };

/* --- headers -------------------------------------------------------------------------- */

/* The headers by name, for those that come more than once: the service gets a map. */
struct header_map {
    struct authz_pair *pairs;
    size_t n;
    uint32_t *slots; /* index + 1; 0: empty */
    size_t mask;
};

static bool
map_init(struct header_map *m, size_t headers, struct arena *a)
{
    size_t slots = 8;

    while (slots < 2 * headers)
        slots *= 2;
    *m = (struct header_map){ .mask = slots - 1 };
    m->pairs = arena_alloc(a, (headers + 1) * sizeof(*m->pairs));
    m->slots = arena_alloc(a, slots * sizeof(*m->slots));
    if (m->slots)
        memset(m->slots, 0, slots * sizeof(*m->slots));
    return m->pairs && m->slots;
}

/* Several fields of one name are one text with commas (RFC 9110 5.3). */
static bool
map_join(struct authz_pair *p, struct slice value, struct arena *a)
{
    size_t n = p->value.n + 1 + value.n;
    uint8_t *joined = arena_alloc(a, n);

    if (!joined)
        return false;
    memcpy(joined, p->value.p, p->value.n);
    joined[p->value.n] = ',';
    memcpy(joined + p->value.n + 1, value.p, value.n);
    p->value = slice_make(joined, n);
    return true;
}

static bool
map_add(struct header_map *m, const struct sip_secret *secret, struct slice name,
        struct slice value, struct arena *a)
{
    size_t at = sip_hash(secret, name.p, name.n).lo & m->mask;

    for (; m->slots[at]; at = (at + 1) & m->mask) {
        struct authz_pair *p = &m->pairs[m->slots[at] - 1];

        if (slice_eq(p->name, name))
            return map_join(p, value, a);
    }
    m->pairs[m->n++] = (struct authz_pair){ name, value };
    m->slots[at] = (uint32_t)m->n;
    return true;
}

static bool
headers_collect(const struct ext_authz_filter *f, const struct filter_call *fc,
                struct header_map *m)
{
    const struct h2_headers *h = fc->request;

    if (!map_init(m, h->n, fc->arena))
        return false;
    for (unsigned i = 0; i < h->n; i++) {
        const struct h2_field *e = &h->v[i].f;
        struct slice name = slice_make(e->name, e->namelen);

        if (f->headers.n && e->name[0] != ':' && !pattern_set_fits(&f->headers, name))
            continue;
        if (!map_add(m, &f->secret, name, slice_make(e->value, e->valuelen), fc->arena))
            return false;
    }
    return true;
}

/* --- peers ---------------------------------------------------------------------------- */

/* An IPv4 client of a socket for both families is an IPv4 client. */
static struct slice
address_text(const struct addr *a, char room[ADDRESS_ROOM], struct authz_peer *p)
{
    const void *sa = &a->sa;
    const char *text = NULL;

    if (a->len == 0)
        return (struct slice){ 0 };
    if (a->sa.ss_family == AF_INET) {
        const struct sockaddr_in *in = sa;

        p->port = ntohs(in->sin_port);
        text = inet_ntop(AF_INET, &in->sin_addr, room, ADDRESS_ROOM);
    } else if (a->sa.ss_family == AF_INET6) {
        const struct sockaddr_in6 *in6 = sa;

        p->port = ntohs(in6->sin6_port);
        text = IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr)
                   ? inet_ntop(AF_INET, &in6->sin6_addr.s6_addr[12], room, ADDRESS_ROOM)
                   : inet_ntop(AF_INET6, &in6->sin6_addr, room, ADDRESS_ROOM);
    } else {
        p->is_path = true;
        text = addr_print(a, room);
        text = strncmp(text, "unix:", 5) == 0 ? text + 5 : text;
    }
    return slice_of(text);
}

/* --- the whole ------------------------------------------------------------------------ */

static struct slice
call_id(const struct filter_call *fc)
{
    return fc->request_id.p ? fc->request_id
                            : filter_header(fc, slice_of("x-request-id"));
}

static struct slice
call_host(const struct filter_call *fc)
{
    struct slice host = h2_headers_get(fc->request, H2_TOKEN_AUTHORITY);

    return host.p ? host : h2_headers_get(fc->request, H2_TOKEN_HOST);
}

/* conf_pair to authz_pair. */
static bool
extensions_collect(const struct conf_map *map, struct arena *a, struct authz_request *r)
{
    struct authz_pair *pairs = arena_alloc(a, (map->n + 1) * sizeof(*pairs));

    if (!pairs)
        return false;
    for (size_t i = 0; i < map->n; i++)
        pairs[i] = (struct authz_pair){ slice_of(map->items[i].key),
                                        slice_of(map->items[i].value) };
    r->extensions = pairs;
    r->extension_count = map->n;
    return true;
}

int
ext_authz_request_write(const struct ext_authz_filter *f, const struct filter_call *fc,
                        struct strbuf *out)
{
    const struct ext_authz_conf *conf = f->base.conf;
    const struct tls_peer *tls = filter_peer(fc);
    const struct addr *local = filter_local(fc);
    char source[ADDRESS_ROOM], destination[ADDRESS_ROOM];
    struct authz_request r = { 0 };
    struct header_map headers;

    if (!headers_collect(f, fc, &headers) ||
        !extensions_collect(&conf->context_extensions, fc->arena, &r))
        return ERR_NOMEM;
    r.source.address = address_text(fc->address, source, &r.source);
    r.source.principal = slice_of(filter_identity(fc));
    if (local)
        r.destination.address = address_text(local, destination, &r.destination);
    r.time_us = clock_wall_us();
    r.id = call_id(fc);
    r.path = fc->path;
    r.host = call_host(fc);
    r.scheme = tls ? slice_of("https") : h2_headers_get(fc->request, H2_TOKEN_SCHEME);
    r.headers = headers.pairs;
    r.header_count = headers.n;
    if (tls) {
        r.destination.principal = slice_of(tls->our_uri);
        r.sni = slice_of(tls->sni);
    }
    return authz_request_encode(&r, fc->arena, out);
}
