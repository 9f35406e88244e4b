/* SPDX-License-Identifier: Apache-2.0 */
/* net/tls.c - the transport: handshake, events, life. Bytes are in tls_io.c.
 *
 * Readiness of the transport below is not ours: records may be decrypted and not yet read
 * (then a timer of no delay tells the owner), or a write may have to wait in the middle of
 * a record. OpenSSL wants the same bytes again after such a write, an owner need not come
 * back with them: they are taken over into `rest`, at most one record. */
#include "net/tls.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>

#include "base/compat.h"
#include "base/err.h"
#include "base/xalloc.h"
#include "loop/loop.h"
#include "net/addr.h"
#include "net/socket_facts.h"
#include "net/tls_int.h"
#include "net/tls_io.h"

enum {
    IDLE_US = 1000000, /* without bytes for 1 to 2 of these the buffers go */
    DRAIN_READS = 4,
    DRAIN_ROOM = 16384,
};

/* ---- ends ---- */

void
tls_update_want(struct tls *s)
{
    bool busy = s->state == TLS_HANDSHAKE;

    if (s->state != TLS_HANDSHAKE && s->state != TLS_OPEN)
        return;
    transport_want(s->inner, busy || s->want_read,
                   s->blocked || !tls_is_clear(s) || (!busy && s->want_write));
    if (s->state == TLS_OPEN && s->unread && s->want_read && !timer_running(&s->kick))
        timer_start(s->loop, &s->kick, 0);
}

void
tls_say_end(struct tls *s)
{
    if (SSL_shutdown(s->ssl) >= 0)
        transport_shut(s->inner);
    ERR_clear_error();
}

/* A socket that is closed with bytes unread answers with a reset, which may overtake our
 * alert: the peer would not hear the reason. */
static void
tls_drain(struct tls *s)
{
    char sink[DRAIN_ROOM] UNINITIALIZED;

    transport_shut(s->inner);
    for (int i = 0; i < DRAIN_READS; i++)
        if (transport_read(s->inner, sink, sizeof(sink)) <= 0)
            break;
}

/* No callback after this one; why is set. */
static void
tls_fail(struct tls *s, int sys_errno)
{
    s->state = TLS_FAILED;
    s->t.sys_errno = sys_errno;
    timer_stop(s->loop, &s->kick);
    list_remove(&s->waiting);
    if (s->slot) /* it may be the session that the server does not like */
        tls_session_slot_done(s->slot);
    if (s->ssl)
        tls_drain(s);
    transport_close(s->inner);
    s->inner = NULL;
    s->t.fn(s->t.arg, TRANSPORT_FAILED);
}

/* ---- handshake ---- */

static bool
tls_has_h2(const SSL *ssl)
{
    const unsigned char *p = NULL;
    unsigned n = 0;

    SSL_get0_alpn_selected(ssl, &p, &n);
    return n == 2 && memcmp(p, "h2", 2) == 0;
}

/* Bytes of an established connection cost nothing here, so the memory of one that nobody
 * uses is taken back later rather than at each record. */
void
tls_note_active(struct tls *s)
{
    s->active = true;
    if (!timer_running(&s->idle))
        timer_start(s->loop, &s->idle, IDLE_US);
}

static void
tls_on_idle(struct timer *t)
{
    struct tls *s = CONTAINER_OF(t, struct tls, idle);

    if (s->state != TLS_OPEN)
        return;
    if (!s->active && SSL_free_buffers(s->ssl) == 1)
        return;
    s->active = false;
    timer_start(s->loop, &s->idle, IDLE_US);
}

static void
tls_open(struct tls *s)
{
    s->state = TLS_OPEN;
    s->blocked = false;
    s->unread = SSL_has_pending(s->ssl) == 1;
    tls_note_active(s);
    tls_update_want(s);
    s->t.fn(s->t.arg, TRANSPORT_CONNECTED);
}

static SSL *
tls_new_ssl(struct tls *s)
{
    SSL *ssl = SSL_new(s->ctx->ssl_ctx);
    BIO *bio = tls_bio_new(s);

    if (!ssl)
        abort(); /* no memory, as xcalloc */
    SSL_set_app_data(ssl, s);
    SSL_set_bio(ssl, bio, bio);
    return ssl;
}

/* The handshake stopped for good. */
static void
tls_end_handshake(struct tls *s, int e)
{
    if (e == SSL_ERROR_SYSCALL && !s->inner_eof)
        tls_say(s, TLS_REFUSAL_CLOSED,
                "the connection broke during the TLS handshake: %s",
                strerror(s->inner->sys_errno));
    else if (e == SSL_ERROR_NONE)
        tls_say(s, TLS_REFUSAL_ALPN, "the %s does not offer HTTP/2 (ALPN h2)",
                s->server ? "client" : "server");
    else
        tls_explain(s);
    ERR_clear_error();
    tls_fail(s, EPROTO);
}

void
tls_handshake(struct tls *s)
{
    int rv, e;

    if (s->why) { /* it was hopeless from the start */
        tls_fail(s, EPROTO);
        return;
    }
    if (!s->ssl) {
        s->ssl = tls_new_ssl(s);
        SSL_set_accept_state(s->ssl);
    }
    ERR_clear_error();
    rv = SSL_do_handshake(s->ssl);
    if (rv == 1 && tls_has_h2(s->ssl)) {
        tls_open(s);
        return;
    }
    e = rv == 1 ? SSL_ERROR_NONE : SSL_get_error(s->ssl, rv);
    if (e == SSL_ERROR_WANT_READ || e == SSL_ERROR_WANT_WRITE) {
        s->blocked = e == SSL_ERROR_WANT_WRITE;
        tls_update_want(s);
        return;
    }
    tls_end_handshake(s, e);
}

/* ---- events ---- */

static void
tls_on_open_inner(struct tls *s, int what)
{
    int tell = 0;

    if (what & TRANSPORT_WRITABLE) {
        bool was_blocked = s->blocked;

        s->blocked = false;
        if (tls_flush(s) != ERR_AGAIN && s->want_write)
            tell |= TRANSPORT_WRITABLE;
        /* A read may have waited for this (a key update). */
        if (was_blocked && s->want_read)
            tell |= TRANSPORT_READABLE;
        tls_update_want(s);
    }
    if (what & TRANSPORT_READABLE && s->want_read)
        tell |= TRANSPORT_READABLE;
    if (tell)
        s->t.fn(s->t.arg, tell);
}

static void
tls_on_inner(void *arg, int what)
{
    struct tls *s = arg;

    if (what & (TRANSPORT_READABLE | TRANSPORT_FAILED))
        s->drained = false;
    if (s->state == TLS_CONNECTING) {
        if (what & TRANSPORT_FAILED) {
            tls_say(s, TLS_REFUSAL_CLOSED, "connecting failed: %s",
                    strerror(s->inner->sys_errno));
            tls_fail(s, s->inner->sys_errno);
            return;
        }
        s->state = TLS_HANDSHAKE;
    }
    if (s->state == TLS_OPEN)
        tls_on_open_inner(s, what);
    else if (s->state == TLS_HANDSHAKE && tls_budget_take(s))
        tls_handshake(s);
}

static void
tls_on_kick(struct timer *t)
{
    struct tls *s = CONTAINER_OF(t, struct tls, kick);

    if (s->state == TLS_HANDSHAKE)
        tls_handshake(s);
    else if (s->state == TLS_OPEN && s->unread && s->want_read)
        s->t.fn(s->t.arg, TRANSPORT_READABLE);
}

/* ---- owner's calls ---- */

static void
tls_want(struct transport *t, bool read, bool write)
{
    struct tls *s = tls_of(t);

    s->want_read = read;
    s->want_write = write;
    if (!list_linked(&s->waiting))
        tls_update_want(s);
}

static void
tls_shut(struct transport *t)
{
    struct tls *s = tls_of(t);

    s->slot = NULL; /* it may go before the transport does */
    if (s->state != TLS_OPEN || s->shut)
        return;
    s->shut = true;
    if (tls_is_clear(s))
        tls_say_end(s); /* else tls_flush does it */
}

static void
tls_free(struct ref *r)
{
    struct tls *s = CONTAINER_OF(r, struct tls, ref);

    SSL_free(s->ssl);
    tls_ctx_drop(s->ctx);
    xfree(s->rest);
    xfree(s->held);
    xfree(s->peer);
    xfree(s->why);
    xfree(s->name);
    xfree(s);
}

static void
tls_close(struct transport *t)
{
    struct tls *s = tls_of(t);

    if (s->state == TLS_CLOSED)
        return;
    if (s->state == TLS_OPEN && !s->shut && tls_is_clear(s)) {
        (void)SSL_shutdown(s->ssl); /* one try; the peer need not answer */
        ERR_clear_error();
    }
    s->state = TLS_CLOSED;
    s->slot = NULL;
    timer_stop(s->loop, &s->kick);
    timer_stop(s->loop, &s->idle);
    list_remove(&s->waiting);
    transport_close(s->inner);
    s->inner = NULL;
    t->fn = NULL;
    ref_drop(&s->ref, loop_reaper(s->loop));
}

static void
tls_set_user_timeout(struct transport *t, int64_t us)
{
    if (tls_of(t)->inner)
        transport_set_user_timeout(tls_of(t)->inner, us);
}

static void
tls_set_probes(struct transport *t)
{
    if (tls_of(t)->inner)
        transport_set_probes(tls_of(t)->inner);
}

static bool
tls_facts(struct transport *t, struct socket_facts *ret)
{
    return socket_facts_get(tls_of(t)->inner, ret);
}

const struct transport_ops tls_ops = {
    .read = tls_read,
    .readv = tls_readv,
    .writev = tls_writev,
    .want = tls_want,
    .shut = tls_shut,
    .close = tls_close,
    .set_user_timeout = tls_set_user_timeout,
    .set_probes = tls_set_probes,
    .facts = tls_facts,
};

/* ---- new ones ---- */

static struct tls *
tls_new(struct loop *l, struct tls_ctx *ctx, struct transport *inner)
{
    struct tls *s = xcalloc(1, sizeof(*s));

    s->t.ops = &tls_ops;
    ref_init(&s->ref, tls_free);
    timer_init(&s->kick, tls_on_kick);
    timer_init(&s->idle, tls_on_idle);
    list_init(&s->waiting);
    s->loop = l;
    s->inner = inner;
    s->ctx = ctx;
    s->server = ctx->server;
    s->state = TLS_HANDSHAKE;
    tls_ctx_hold(ctx);
    transport_bind(inner, tls_on_inner, s);
    return s;
}

struct transport *
tls_server_over(struct loop *l, struct tls_ctx *ctx, struct transport *inner,
                struct tls_budget *budget)
{
    struct tls *s = tls_new(l, ctx, inner);

    s->budget = budget;
    tls_update_want(s);
    return &s->t;
}

static bool
is_ip(const char *name)
{
    unsigned char room[16];

    return inet_pton(AF_INET, name, room) == 1 || inet_pton(AF_INET6, name, room) == 1;
}

/* Whom the certificate must be for, and what is asked for. */
static bool
client_set_name(struct tls *s)
{
    bool rules = !s->ctx->verify || s->ctx->n_sans > 0;

    if (!s->name[0])
        return rules;
    if (is_ip(s->name))
        return rules ||
               X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(s->ssl), s->name) == 1;
    SSL_set_hostflags(s->ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS |
                                  X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
    return (rules || SSL_set1_host(s->ssl, s->name) == 1) &&
           SSL_set_tlsext_host_name(s->ssl, s->name) == 1;
}

static struct tls *
client_new(struct loop *l, struct tls_ctx *ctx, struct transport *inner, const char *name,
           struct tls_session_slot *slot)
{
    struct tls *s = tls_new(l, ctx, inner);

    s->slot = slot;
    s->name = xstrdup(ctx->server_name ? ctx->server_name : name ? name : "");
    s->ssl = tls_new_ssl(s);
    SSL_set_connect_state(s->ssl);
    if (!client_set_name(s))
        tls_say(s, TLS_REFUSAL_NAME,
                "whom the server's certificate must be for is not known: \"%s\" is no "
                "host name; set serverName in the tls of the pool",
                s->name);
    if (slot && slot->session && slot->made == ctx)
        SSL_set_session(s->ssl, slot->session);
    ERR_clear_error();
    return s;
}

struct transport *
tls_client_over(struct loop *l, struct tls_ctx *ctx, struct transport *inner,
                const char *name, struct tls_session_slot *slot)
{
    struct tls *s = client_new(l, ctx, inner, name, slot);

    timer_start(l, &s->kick, 0);
    return &s->t;
}

struct transport *
tls_connect(struct loop *l, struct tls_ctx *ctx, const struct addr *to, const char *name,
            struct tls_session_slot *slot)
{
    struct tls *s = client_new(l, ctx, transport_connect(l, to), name, slot);

    s->state = TLS_CONNECTING;
    transport_want(s->inner, false, true);
    return &s->t;
}

/* ---- questions ---- */

static const struct tls *
tls_of_const(const struct transport *t)
{
    return CONTAINER_OF(t, const struct tls, t);
}

const char *
tls_why(const struct transport *t)
{
    const char *why = tls_of_const(t)->why;

    return why ? why : "";
}

enum tls_refusal
tls_refusal(const struct transport *t)
{
    return tls_of_const(t)->refusal;
}

const char *
tls_version(const struct transport *t)
{
    const struct tls *s = tls_of_const(t);

    return s->state == TLS_OPEN ? SSL_get_version(s->ssl) : "";
}

bool
tls_resumed(const struct transport *t)
{
    const struct tls *s = tls_of_const(t);

    return s->state == TLS_OPEN && SSL_session_reused(s->ssl) == 1;
}

bool
transport_is_tls(const struct transport *t)
{
    return t->ops == &tls_ops;
}
