/* SPDX-License-Identifier: Apache-2.0 */
/* resolve/dns_ares.c - one ares_channel on our loop: its sockets, its timer, how it is set up, and the moment when it may go. */
#include <assert.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/time.h>

#include "base/compat.h"
#include "base/log.h"
#include "base/xalloc.h"
#include "loop/fdwatch.h"
#include "loop/loop.h"
#include "resolve/dns_channel_int.h"

/* What passes every path without fragments (DNS flag day 2020). */
enum { EDNS_SIZE = 1232 };

struct sock {
    struct list link;
    struct dns_ares *ares;
    struct fdwatch *watch;
    ares_socket_t fd;
};

void
dns_ares_arm(struct dns_ares *a)
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

static void
lib_run(struct dns_ares *a, ares_socket_t readable, ares_socket_t writable)
{
    if (a->closed)
        return;
    ares_process_fd(a->lib, readable, writable);
    dns_ares_arm(a);
    dns_ares_settle(a);
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

void
dns_ares_close(struct dns_ares *a)
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

void
dns_ares_settle(struct dns_ares *a)
{
    if (a->retired && a->asking == 0)
        dns_ares_close(a);
}

/* --- making one --------------------------------------------------------------------- */

static void
set_servers(struct dns_channel *ch, struct dns_ares *a)
{
    struct ares_addr_port_node v[DNS_SERVERS_MAX];

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

void
dns_ares_make(struct dns_channel *ch)
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
    dns_file_note(&ch->file, dns_channel_resolv_conf(ch));
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
