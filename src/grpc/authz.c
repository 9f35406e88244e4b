/* SPDX-License-Identifier: Apache-2.0 */
/* grpc/authz.c - codec of envoy.service.auth.v3. */
#include "grpc/authz.h"

#include "base/arena.h"
#include "base/err.h"
#include "base/strbuf.h"
#include "base/utf8.h"
#include "grpc/details.h"
#include "grpc/pb.h"
#include "grpc/proto/authz_part.pb-c.h"
#include "grpc/status.h"

typedef Outrigger__AuthzPart__Request pb_request;
typedef Outrigger__AuthzPart__Peer pb_peer;
typedef Outrigger__AuthzPart__Pair pb_pair;
typedef Outrigger__AuthzPart__Response pb_response;
typedef Outrigger__AuthzPart__Denied pb_denied;
typedef Outrigger__AuthzPart__Ok pb_ok;
typedef Outrigger__AuthzPart__HeaderOption pb_option;

enum { US_PER_S = 1000000 };

/* --- request -------------------------------------------------------------------------- */

/* A proto3 string of a peer's bytes; *full: the arena had no room. */
static ProtobufCBinaryData
authz_text(struct slice s, struct arena *a, bool *full)
{
    char *clean;

    if (utf8_valid(s))
        return pb_data(s);
    clean = arena_alloc(a, s.n);
    if (!clean) {
        *full = true;
        return pb_data((struct slice){ 0 });
    }
    return pb_data(slice_make(clean, utf8_clean(s, "!", clean, s.n)));
}

/* The array that protobuf-c wants; NULL with n > 0: the arena is full. */
static pb_pair **
authz_pairs(const struct authz_pair *v, size_t n, struct arena *a, bool *full)
{
    pb_pair **at = arena_alloc(a, (n + 1) * sizeof(*at));
    pb_pair *pairs = arena_alloc(a, (n + 1) * sizeof(*pairs));

    if (!at || !pairs) {
        *full = true;
        return NULL;
    }
    for (size_t i = 0; i < n; i++) {
        pairs[i] = (pb_pair)OUTRIGGER__AUTHZ_PART__PAIR__INIT;
        pairs[i].key = authz_text(v[i].name, a, full);
        pairs[i].value = authz_text(v[i].value, a, full);
        at[i] = &pairs[i];
    }
    return at;
}

struct peer_parts {
    pb_peer peer;
    Outrigger__AuthzPart__Address address;
    Outrigger__AuthzPart__SocketAddress socket;
    Outrigger__AuthzPart__Pipe pipe;
};

static pb_peer *
authz_peer(const struct authz_peer *from, struct peer_parts *p, struct arena *a,
           bool *full)
{
    p->peer = (pb_peer)OUTRIGGER__AUTHZ_PART__PEER__INIT;
    p->address = (Outrigger__AuthzPart__Address)OUTRIGGER__AUTHZ_PART__ADDRESS__INIT;
    p->peer.address = &p->address;
    p->peer.principal = authz_text(from->principal, a, full);
    if (from->is_path) {
        p->pipe = (Outrigger__AuthzPart__Pipe)OUTRIGGER__AUTHZ_PART__PIPE__INIT;
        p->pipe.path = authz_text(from->address, a, full);
        p->address.pipe = &p->pipe;
    } else {
        p->socket = (Outrigger__AuthzPart__SocketAddress)
            OUTRIGGER__AUTHZ_PART__SOCKET_ADDRESS__INIT;
        p->socket.address = authz_text(from->address, a, full);
        p->socket.port_value = from->port;
        p->address.socket_address = &p->socket;
    }
    return &p->peer;
}

int
authz_request_encode(const struct authz_request *r, struct arena *a, struct strbuf *out)
{
    pb_request m = OUTRIGGER__AUTHZ_PART__REQUEST__INIT;
    Outrigger__AuthzPart__Attributes attributes = OUTRIGGER__AUTHZ_PART__ATTRIBUTES__INIT;
    Outrigger__AuthzPart__RequestAttributes request =
        OUTRIGGER__AUTHZ_PART__REQUEST_ATTRIBUTES__INIT;
    Outrigger__AuthzPart__Timestamp time = OUTRIGGER__AUTHZ_PART__TIMESTAMP__INIT;
    Outrigger__AuthzPart__Http http = OUTRIGGER__AUTHZ_PART__HTTP__INIT;
    Outrigger__AuthzPart__TlsSession tls = OUTRIGGER__AUTHZ_PART__TLS_SESSION__INIT;
    struct peer_parts source, destination;
    bool full = false;

    m.attributes = &attributes;
    attributes.source = authz_peer(&r->source, &source, a, &full);
    attributes.destination = authz_peer(&r->destination, &destination, a, &full);
    attributes.request = &request;
    attributes.context_extensions =
        authz_pairs(r->extensions, r->extension_count, a, &full);
    attributes.n_context_extensions = r->extension_count;
    if (r->sni.p) {
        tls.sni = authz_text(r->sni, a, &full);
        attributes.tls_session = &tls;
    }
    request.time = &time;
    time.seconds = r->time_us / US_PER_S;
    time.nanos = (int32_t)(r->time_us % US_PER_S * 1000);
    request.http = &http;
    http.id = authz_text(r->id, a, &full);
    http.method = pb_data(slice_of("POST"));
    http.headers = authz_pairs(r->headers, r->header_count, a, &full);
    http.n_headers = r->header_count;
    http.path = authz_text(r->path, a, &full);
    http.host = authz_text(r->host, a, &full);
    http.scheme = authz_text(r->scheme, a, &full);
    http.size = -1;
    http.protocol = pb_data(slice_of("HTTP/2"));
    if (full)
        return ERR_NOMEM;
    pb_write(&m.base, out);
    return out->cut ? ERR_LIMIT : ERR_OK;
}

/* --- answer --------------------------------------------------------------------------- */

/* One answer while it is read: the first error stays. */
struct authz_reader {
    struct arena *arena;
    int err;
};

static void *
authz_room(struct authz_reader *r, size_t n, size_t size)
{
    void *p = r->err == ERR_OK ? arena_alloc(r->arena, (n + 1) * size) : NULL;

    if (!p && r->err == ERR_OK)
        r->err = ERR_NOMEM;
    return p;
}

static struct slice
authz_copy(struct authz_reader *r, ProtobufCBinaryData d)
{
    char *p = authz_room(r, d.len, 1);

    if (!p)
        return (struct slice){ 0 };
    if (d.len)
        memcpy(p, d.data, d.len);
    return slice_make(p, d.len);
}

static struct slice
authz_copy_name(struct authz_reader *r, ProtobufCBinaryData d)
{
    struct slice s = authz_copy(r, d);

    pb_lower((char *)(uintptr_t)s.p, s.n);
    return s;
}

/* Which of the two ways to say it counts, and what silence means: see Envoy's description of HeaderValueOption. */
static enum authz_action
authz_action_of(const pb_option *o, enum authz_action unsaid)
{
    if (o->append)
        return o->append->value ? AUTHZ_APPEND : AUTHZ_SET;
    if (o->append_action >= AUTHZ_ADD_IF_ABSENT && o->append_action <= AUTHZ_SET_IF_THERE)
        return (enum authz_action)o->append_action;
    return unsaid;
}

static struct authz_edits
authz_read_edits(struct authz_reader *r, pb_option *const *v, size_t n,
                 enum authz_action unsaid)
{
    struct authz_edit *edits;
    struct authz_edits none = { 0 };

    if (n > AUTHZ_EDITS_MAX && r->err == ERR_OK)
        r->err = ERR_LIMIT;
    edits = authz_room(r, n, sizeof(*edits));
    if (!edits)
        return none;
    for (size_t i = 0; i < n; i++) {
        const Outrigger__AuthzPart__Header *h = v[i]->header;
        const Outrigger__AuthzPart__Header empty = OUTRIGGER__AUTHZ_PART__HEADER__INIT;

        if (!h)
            h = &empty; /* a name that nothing can be done with */
        edits[i] = (struct authz_edit){
            .name = authz_copy_name(r, h->key),
            .value = authz_copy(r, h->value.len ? h->value : h->raw_value),
            .action = authz_action_of(v[i], unsaid),
        };
    }
    return (struct authz_edits){ edits, n };
}

static void
authz_read_ok(struct authz_reader *r, const pb_ok *ok, struct authz_answer *a)
{
    struct slice *remove;

    a->verdict = AUTHZ_ALLOWED;
    a->request = authz_read_edits(r, ok->headers, ok->n_headers, AUTHZ_SET);
    a->response = authz_read_edits(r, ok->response_headers_to_add,
                                   ok->n_response_headers_to_add, AUTHZ_APPEND);
    if (ok->n_headers_to_remove > AUTHZ_EDITS_MAX && r->err == ERR_OK)
        r->err = ERR_LIMIT;
    remove = authz_room(r, ok->n_headers_to_remove, sizeof(*remove));
    for (size_t i = 0; remove && i < ok->n_headers_to_remove; i++)
        remove[i] = authz_copy_name(r, ok->headers_to_remove[i]);
    a->remove = remove;
    a->remove_count = ok->n_headers_to_remove;
}

static void
authz_read_denied(struct authz_reader *r, const pb_denied *denied, struct authz_answer *a)
{
    a->http_status = denied->status ? denied->status->code : 0;
    a->response = authz_read_edits(r, denied->headers, denied->n_headers, AUTHZ_APPEND);
    if (denied->body.len)
        a->message = authz_copy(r, denied->body);
}

static void
authz_read_status(struct authz_reader *r, const Outrigger__DetailsPart__Status *s,
                  struct authz_answer *a)
{
    struct slice *details;

    a->code = s->code;
    a->message = authz_copy(r, s->message);
    details = authz_room(r, AUTHZ_DETAILS_MAX, sizeof(*details));
    for (size_t i = 0; details && i < s->n_details; i++) {
        if (a->detail_count < AUTHZ_DETAILS_MAX &&
            details_is_any(pb_slice(s->details[i])))
            details[a->detail_count++] = authz_copy(r, s->details[i]);
    }
    a->details = details;
}

static void
authz_read(struct authz_reader *r, const pb_response *m, struct authz_answer *a)
{
    bool ok = m->http_response_case ==
              OUTRIGGER__AUTHZ_PART__RESPONSE__HTTP_RESPONSE_OK_RESPONSE;
    bool denied = m->http_response_case ==
                  OUTRIGGER__AUTHZ_PART__RESPONSE__HTTP_RESPONSE_DENIED_RESPONSE;
    bool error = m->http_response_case ==
                 OUTRIGGER__AUTHZ_PART__RESPONSE__HTTP_RESPONSE_ERROR_RESPONSE;

    if (!m->status && !ok && !denied && !error) {
        r->err = ERR_SYNTAX; /* e.g. an empty message: that must not open a door */
        return;
    }
    a->verdict = AUTHZ_DENIED;
    if (m->status)
        authz_read_status(r, m->status, a);
    if (denied)
        authz_read_denied(r, m->denied_response, a);
    else if (error)
        authz_read_denied(r, m->error_response, a);
    else if (a->code == GRPC_OK)
        a->verdict = AUTHZ_ALLOWED;
    if (error)
        a->verdict = AUTHZ_ERROR;
    if (ok && a->verdict == AUTHZ_ALLOWED)
        authz_read_ok(r, m->ok_response, a);
}

int
authz_answer_decode(struct slice message, struct arena *arena, struct authz_answer *ret)
{
    pb_response *m = outrigger__authz_part__response__unpack(NULL, message.n, message.p);
    struct authz_reader r = { .arena = arena };
    struct authz_answer a = { 0 };

    if (!m)
        return ERR_SYNTAX;
    authz_read(&r, m, &a);
    outrigger__authz_part__response__free_unpacked(m, NULL);
    if (r.err == ERR_OK)
        *ret = a;
    return r.err;
}

int
authz_answer_code(const struct authz_answer *a)
{
    int mapped = a->http_status ? (int)grpc_code_from_http(a->http_status) : GRPC_UNKNOWN;
    bool said = a->code > GRPC_OK && a->code < GRPC_CODE_COUNT;

    /* 429 means UNAVAILABLE to gRPC, which invites to try again at once; a service that says better is heard. */
    if (mapped != GRPC_UNKNOWN && !(said && a->http_status == 429))
        return mapped;
    return said ? a->code : GRPC_PERMISSION_DENIED;
}
