/* SPDX-License-Identifier: Apache-2.0 */
/* resolve/dns_channel.c - c-ares on our loop. An ares_channel lives in a struct dns_ares; a new
 * one replaces it when resolv.conf changed or nothing works, and the old one goes when its last
 * question is answered. */
#include "resolve/dns_channel.h"

/* Newer releases mark what 1.18 has as deprecated; both must build. */
#define CARES_NO_DEPRECATED
#include <ares.h>
#include <assert.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/compat.h"
#include "base/list.h"
#include "base/log.h"
#include "base/xalloc.h"
#include "loop/fdwatch.h"
#include "loop/loop.h"
#include "loop/timer.h"
#include "resolve/dns_conf.h"
#include "resolve/dns_file.h"
#include "resolve/dns_plan.h"

enum {
    SERVERS_MAX = 8,
    /* What passes every path without fragments (DNS flag day 2020). */
    EDNS_SIZE = 1232,
    ANSWER_MAX = 65535,
    DNS_CLASS_IN = 1,
};

struct dns_ares {
    struct ref ref;
    struct list link; /* on the channel's list of retired ones */
    struct loop *loop;
    ares_channel lib;
    struct list socks;
    struct timer timeout;
    unsigned asking; /* questions without an answer */
    bool retired;    /* takes no new questions: another one is in its place */
    bool closed;
};

struct sock {
    struct list link;
    struct dns_ares *ares;
    struct fdwatch *watch;
    ares_socket_t fd;
};

struct dns_channel {
    struct ref ref;
    struct list link;
    struct loop *loop;
    unsigned users;
    struct addr servers[SERVERS_MAX];
    size_t n_servers; /* 0: those of resolv.conf */
    int timeout_ms;
    const char *resolv_conf; /* NULL: the system's */
    struct dns_file file;    /* what resolv.conf was when `ares` was made */
    struct dns_ares *ares;
    struct list retired; /* of struct dns_ares: questions are still on their way */
    struct dns_search search;
    unsigned failures, rebuilds;
    struct list done; /* queries that are answered, not told yet */
    struct timer tell;
};

struct dns_query {
    struct list link; /* on `done` */
    struct dns_channel *ch;
    struct dns_ares *ares; /* NULL: c-ares is through with it */
    dns_query_fn *fn;      /* NULL: forgotten */
    void *arg;
    char name[DNS_HOST_ROOM];
    unsigned type;
    int status;
    uint8_t *bytes; /* of the answer; NULL: none came */
    size_t n;
};

static struct list channels = { &channels, &channels };

static const char *
resolv_conf_of(const struct dns_channel *ch)
{
    return ch->resolv_conf ? ch->resolv_conf : DNS_RESOLV_CONF;
}

/* --- c-ares and the loop ----------------------------------------------------------- */

static void
lib_arm(struct dns_ares *a)
{
    struct timeval tv, *next;

    if (a->closed)
        return;
    next = ares_timeout(a->lib, NULL, &tv);
    if (next)
        timer_start(a->loop, &a->timeout,
                    (int64_t)next->tv_sec * 1000000 + next->tv_usec);
    else
        timer_stop(a->loop, &a->timeout);
}

static void lib_settle(struct dns_ares *a);

static void
lib_run(struct dns_ares *a, ares_socket_t readable, ares_socket_t writable)
{
    if (a->closed)
        return;
    ares_process_fd(a->lib, readable, writable);
    lib_arm(a);
    lib_settle(a);
}

static void
lib_on_timer(struct timer *t)
{
    lib_run(CONTAINER_OF(t, struct dns_ares, timeout), ARES_SOCKET_BAD, ARES_SOCKET_BAD);
}

static void
sock_on_event(void *arg, int what)
{
    struct sock *s = arg;

    /* c-ares may close this very socket in there, and s goes with it. */
    lib_run(s->ares, what & FD_READ ? s->fd : ARES_SOCKET_BAD,
            what & FD_WRITE ? s->fd : ARES_SOCKET_BAD);
}

static void
sock_close(struct sock *s)
{
    list_remove(&s->link);
    fdwatch_close(s->watch);
    xfree(s);
}

/* c-ares says what it wants to know about a socket; nothing: it is about to close it. */
static void
lib_on_sock(void *arg, ares_socket_t fd, int readable, int writable)
{
    struct dns_ares *a = arg;
    struct sock *s = NULL;

    for (struct list *l = a->socks.next; l != &a->socks && !s; l = l->next)
        if (CONTAINER_OF(l, struct sock, link)->fd == fd)
            s = CONTAINER_OF(l, struct sock, link);
    if (!readable && !writable) {
        if (s)
            sock_close(s);
        return;
    }
    if (a->closed)
        return;
    if (!s) {
        s = xcalloc(1, sizeof(*s));
        s->ares = a;
        s->fd = fd;
        s->watch = fdwatch_open(a->loop, fd, sock_on_event, s);
        list_append(&a->socks, &s->link);
    }
    fdwatch_want(s->watch, readable, writable);
}

/* Between two turns, so no callback of c-ares is on the stack. */
static void
lib_free(struct ref *r)
{
    struct dns_ares *a = CONTAINER_OF(r, struct dns_ares, ref);

    if (a->lib)
        ares_destroy(a->lib); /* ends what is still asked: query_on_answer */
    assert(list_empty(&a->socks));
    xfree(a);
}

static void
lib_close(struct dns_ares *a)
{
    struct list *l;

    if (a->closed)
        return;
    a->closed = true;
    list_remove(&a->link);
    timer_stop(a->loop, &a->timeout);
    while (!list_empty(&a->socks)) {
        l = a->socks.next;
        sock_close(CONTAINER_OF(l, struct sock, link));
    }
    ref_drop(&a->ref, loop_reaper(a->loop));
}

static void
lib_settle(struct dns_ares *a)
{
    if (a->retired && a->asking == 0)
        lib_close(a);
}

/* --- making one --------------------------------------------------------------------- */

static void
set_servers(struct dns_channel *ch, struct dns_ares *a)
{
    struct ares_addr_port_node v[SERVERS_MAX];

    memset(v, 0, sizeof(v));
    for (size_t i = 0; i < ch->n_servers; i++) {
        const struct sockaddr *sa = (const struct sockaddr *)&ch->servers[i].sa;
        const struct sockaddr_in *in = (const struct sockaddr_in *)(const void *)sa;
        const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)(const void *)sa;
        in_port_t port = sa->sa_family == AF_INET ? in->sin_port : in6->sin6_port;

        v[i].family = sa->sa_family;
        v[i].udp_port = v[i].tcp_port = ntohs(port);
        if (sa->sa_family == AF_INET)
            memcpy(&v[i].addr.addr4, &in->sin_addr, sizeof(in->sin_addr));
        else
            memcpy(&v[i].addr.addr6, &in6->sin6_addr, sizeof(in6->sin6_addr));
        v[i].next = i + 1 < ch->n_servers ? &v[i + 1] : NULL;
    }
    if (ch->n_servers > 0 && ares_set_servers_ports(a->lib, v) != ARES_SUCCESS)
        log_at(NULL, LOG_ERROR, "the name servers of the config could not be set");
}

static int
lib_init(struct dns_channel *ch, struct dns_ares *a, int flags)
{
    struct ares_options o = {
        .flags = flags,
        .timeout = ch->timeout_ms,
        /* One round over all servers; dns_lookup.c repeats it, so that the wait does not
         * double each time as it does in c-ares. */
        .tries = 1,
        .ednspsz = EDNS_SIZE,
        .sock_state_cb = lib_on_sock,
        .sock_state_cb_data = a,
    };
    int mask = ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_EDNSPSZ |
               ARES_OPT_SOCK_STATE_CB;
    char *path = xstrdup(ch->resolv_conf ? ch->resolv_conf : "");
    int rv;

    if (ch->resolv_conf) {
        o.resolvconf_path = path;
        mask |= ARES_OPT_RESOLVCONF;
    }
    rv = ares_init_options(&a->lib, &o, mask);
    xfree(path);
    if (rv != ARES_SUCCESS)
        a->lib = NULL;
    return rv;
}

static bool
has_one_server(const struct dns_channel *ch, const struct dns_ares *a)
{
    struct ares_addr_port_node *v = NULL;
    bool one;

    if (ch->n_servers > 0)
        return ch->n_servers == 1;
    if (ares_get_servers_ports(a->lib, &v) != ARES_SUCCESS)
        return false;
    one = v && !v->next;
    ares_free_data(v);
    return one;
}

static void
take_search(struct dns_channel *ch, const struct dns_ares *a)
{
    struct ares_options o = { 0 };
    int mask = 0;
    char **domains;

    for (size_t i = 0; i < ch->search.n; i++)
        xfree(ch->search.domains[i]);
    xfree((void *)ch->search.domains);
    ch->search = (struct dns_search){ .ndots = 1 };
    if (ares_save_options(a->lib, &o, &mask) != ARES_SUCCESS) {
        ares_destroy_options(&o);
        return;
    }
    domains = xcalloc((size_t)o.ndomains + 1, sizeof(*domains));
    for (int i = 0; i < o.ndomains; i++)
        domains[i] = xstrdup(o.domains[i]);
    ch->search = (struct dns_search){ domains, (size_t)o.ndomains, (unsigned)o.ndots };
    ares_destroy_options(&o);
}

static void
lib_make(struct dns_channel *ch)
{
    struct dns_ares *a = xcalloc(1, sizeof(*a));
    int rv;

    ref_init(&a->ref, lib_free);
    list_init(&a->link);
    list_init(&a->socks);
    timer_init(&a->timeout, lib_on_timer);
    a->loop = ch->loop;
    ch->ares = a;
    ch->failures = 0;
    dns_file_note(&ch->file, resolv_conf_of(ch));
    rv = lib_init(ch, a, ARES_FLAG_EDNS);
    if (rv == ARES_SUCCESS && has_one_server(ch, a)) {
        /* With one server there is no other to turn to, so its error code comes to us as it
         * is; c-ares 1.18 would call SERVFAIL a refused connection. */
        ares_destroy(a->lib);
        rv = lib_init(ch, a, ARES_FLAG_EDNS | ARES_FLAG_NOCHECKRESP);
    }
    if (rv != ARES_SUCCESS) {
        log_at(NULL, LOG_ERROR, "c-ares cannot start", LS("why", ares_strerror(rv)));
        return;
    }
    set_servers(ch, a);
    take_search(ch, a);
}

static void
lib_renew(struct dns_channel *ch, const char *why)
{
    struct dns_ares *old = ch->ares;

    ch->rebuilds++;
    log_at(NULL, LOG_INFO, "asking DNS with a new channel", LS("why", why));
    lib_make(ch);
    old->retired = true;
    list_append(&ch->retired, &old->link);
    lib_settle(old);
}

/* --- channels ------------------------------------------------------------------------ */

static void tell_all(struct timer *t);

static size_t
servers_of(const struct dns_conf *conf, const struct addr *server,
           struct addr out[SERVERS_MAX])
{
    const struct resolve_text *v = conf->servers.items;
    const char *why;
    size_t n = 0;

    if (server->len > 0) {
        out[0] = *server;
        return 1;
    }
    for (size_t i = 0; i < conf->servers.n && n < SERVERS_MAX; i++)
        if (dns_server_parse(v[i].text, &out[n], &why) == 0)
            n++;
    return n;
}

static bool
channel_fits(const struct dns_channel *ch, const struct loop *l, const struct addr *v,
             size_t n, int timeout_ms)
{
    if (ch->loop != l || ch->n_servers != n || ch->timeout_ms != timeout_ms ||
        ch->resolv_conf != dns_file_resolv_conf())
        return false;
    for (size_t i = 0; i < n; i++)
        if (!addr_equal(&v[i], &ch->servers[i]))
            return false;
    return true;
}

static void
channel_free(struct ref *r)
{
    struct dns_channel *ch = CONTAINER_OF(r, struct dns_channel, ref);

    for (size_t i = 0; i < ch->search.n; i++)
        xfree(ch->search.domains[i]);
    xfree((void *)ch->search.domains);
    dns_file_done(&ch->file);
    xfree(ch);
}

struct dns_channel *
dns_channel_get(struct loop *l, const struct dns_conf *conf, const struct addr *server)
{
    struct dns_channel *ch;
    struct addr servers[SERVERS_MAX];
    size_t n = servers_of(conf, server, servers);

    for (struct list *at = channels.next; at != &channels; at = at->next) {
        ch = CONTAINER_OF(at, struct dns_channel, link);
        if (channel_fits(ch, l, servers, n, (int)conf->timeout_ms)) {
            ch->users++;
            return ch;
        }
    }
    ares_library_init(ARES_LIB_INIT_ALL); /* counted, and does nothing on Linux */
    ch = xcalloc(1, sizeof(*ch));
    ref_init(&ch->ref, channel_free);
    ch->loop = l;
    ch->users = 1;
    memcpy(ch->servers, servers, n * sizeof(servers[0]));
    ch->n_servers = n;
    ch->timeout_ms = (int)conf->timeout_ms;
    ch->resolv_conf = dns_file_resolv_conf();
    list_init(&ch->done);
    list_init(&ch->retired);
    timer_init(&ch->tell, tell_all);
    list_append(&channels, &ch->link);
    lib_make(ch);
    return ch;
}

void
dns_channel_put(struct dns_channel *ch)
{
    if (--ch->users > 0)
        return;
    list_remove(&ch->link);
    timer_stop(ch->loop, &ch->tell);
    assert(list_empty(&ch->done));
    /* Before the channel, so that what c-ares still asks ends before the channel's memory. */
    lib_close(ch->ares);
    while (!list_empty(&ch->retired))
        lib_close(CONTAINER_OF(ch->retired.next, struct dns_ares, link));
    ref_drop(&ch->ref, loop_reaper(ch->loop));
}

void
dns_channel_refresh(struct dns_channel *ch)
{
    if (dns_file_changed(&ch->file, resolv_conf_of(ch)))
        lib_renew(ch, "resolv.conf changed");
}

void
dns_channel_note(struct dns_channel *ch, bool answered)
{
    if (answered)
        ch->failures = 0;
    else if (++ch->failures >= DNS_REBUILD_AFTER)
        lib_renew(ch, "no answers");
}

const struct dns_search *
dns_channel_search(const struct dns_channel *ch)
{
    return &ch->search;
}

bool
dns_channel_is_system(const struct dns_channel *ch)
{
    return ch->n_servers == 0;
}

unsigned
dns_channel_rebuilds(const struct dns_channel *ch)
{
    return ch->rebuilds;
}

/* --- queries --------------------------------------------------------------------------- */

static void
query_free(struct dns_query *q)
{
    list_remove(&q->link);
    xfree(q->bytes);
    xfree(q);
}

/* From c-ares, maybe inside dns_query_start: only notes. */
static void
query_on_answer(void *arg, int status, int timeouts, unsigned char *bytes, int n)
{
    struct dns_query *q = arg;

    (void)timeouts;
    q->ares->asking--;
    q->ares = NULL;
    if (!q->fn) {
        query_free(q);
        return;
    }
    q->status = status;
    if (bytes && n > 0 && n <= ANSWER_MAX) {
        q->bytes = xmalloc((size_t)n);
        q->n = (size_t)n;
        memcpy(q->bytes, bytes, q->n);
    }
    list_append(&q->ch->done, &q->link);
    timer_start(q->ch->loop, &q->ch->tell, 0);
}

static const char *
status_words(int status)
{
    switch (status) {
    case ARES_ETIMEOUT:
        return "no name server answered in time";
    case ARES_ECONNREFUSED:
        return "no name server gave an answer";
    case ARES_EDESTRUCTION:
        return "the question was given up";
    default:
        return ares_strerror(status);
    }
}

static void
query_tell(struct dns_query *q)
{
    dns_query_fn *fn = q->fn;
    void *arg = q->arg;
    bool timed_out = q->status == ARES_ETIMEOUT;
    struct dns_answer answer;

    if (q->bytes)
        dns_answer_parse(q->bytes, q->n, q->name, q->type, &answer);
    else
        dns_answer_fail(&answer, status_words(q->status));
    query_free(q);
    fn(arg, &answer, timed_out);
    dns_answer_done(&answer);
}

static void
tell_all(struct timer *t)
{
    struct dns_channel *ch = CONTAINER_OF(t, struct dns_channel, tell);

    /* A callback may put the channel back: its memory stays until the turn ends, and its
     * queries are forgotten then, so the list is empty. */
    while (!list_empty(&ch->done))
        query_tell(CONTAINER_OF(ch->done.next, struct dns_query, link));
}

struct dns_query *
dns_query_start(struct dns_channel *ch, const char *name, unsigned type, dns_query_fn *fn,
                void *arg)
{
    struct dns_query *q = xcalloc(1, sizeof(*q));
    struct dns_ares *a = ch->ares;

    assert(strlen(name) < sizeof(q->name));
    list_init(&q->link);
    q->ch = ch;
    q->ares = a;
    q->fn = fn;
    q->arg = arg;
    q->type = type;
    memcpy(q->name, name, strlen(name) + 1);
    a->asking++;
    if (!a->lib) {
        query_on_answer(q, ARES_ENOTINITIALIZED, 0, NULL, 0);
        return q;
    }
    ares_query(a->lib, name, DNS_CLASS_IN, (int)type, query_on_answer, q);
    lib_arm(a);
    return q;
}

void
dns_query_forget(struct dns_query *q)
{
    if (!q)
        return;
    q->fn = NULL;
    if (!q->ares)
        query_free(q); /* answered, not told */
}

/* --- the rest ---------------------------------------------------------------------------- */

const char *
dns_random_why_bad(const char *device)
{
    if (access(device ? device : "/dev/urandom", R_OK) == 0)
        return NULL;
    return "/dev/urandom cannot be read here, so DNS questions would have ids that can "
           "be "
           "guessed; make the device visible in the container or chroot";
}

const char *
dns_library_version(void)
{
    return ares_version(NULL);
}
