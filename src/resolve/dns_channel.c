/* SPDX-License-Identifier: Apache-2.0 */
/* resolve/dns_channel.c - the channels that resolvers share, and the questions on them. An ares_channel lives in a struct dns_ares (dns_ares.c); a new
 * one replaces it when resolv.conf changed or nothing works, and the old one goes when its last
 * question is answered. */
#include "resolve/dns_channel.h"

#include <assert.h>
#include <string.h>
#include <unistd.h>

#include "base/compat.h"
#include "base/log.h"
#include "base/xalloc.h"
#include "loop/loop.h"
#include "resolve/dns_channel_int.h"
#include "resolve/dns_conf.h"
#include "resolve/dns_plan.h"

enum { ANSWER_MAX = 65535, DNS_CLASS_IN = 1 };

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

/* --- channels ------------------------------------------------------------------------ */

static void tell_all(struct timer *t);

static void
channel_renew(struct dns_channel *ch, const char *why)
{
    struct dns_ares *old = ch->ares;

    log_at(NULL, LOG_INFO, "asking DNS with a new channel", LS("why", why));
    dns_ares_make(ch);
    old->retired = true;
    list_append(&ch->retired, &old->link);
    dns_ares_settle(old);
}

static size_t
servers_of(const struct dns_conf *conf, const struct addr *server,
           struct addr out[DNS_SERVERS_MAX])
{
    const struct resolve_text *v = conf->servers.items;
    const char *why;
    size_t n = 0;

    if (server->len > 0) {
        out[0] = *server;
        return 1;
    }
    for (size_t i = 0; i < conf->servers.n && n < DNS_SERVERS_MAX; i++)
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
    struct addr servers[DNS_SERVERS_MAX];
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
    dns_ares_make(ch);
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
    dns_ares_close(ch->ares);
    while (!list_empty(&ch->retired))
        dns_ares_close(CONTAINER_OF(ch->retired.next, struct dns_ares, link));
    ref_drop(&ch->ref, loop_reaper(ch->loop));
}

void
dns_channel_refresh(struct dns_channel *ch)
{
    if (dns_file_changed(&ch->file, dns_channel_resolv_conf(ch)))
        channel_renew(ch, "resolv.conf changed");
}

void
dns_channel_note(struct dns_channel *ch, bool answered)
{
    if (answered)
        ch->failures = 0;
    else if (++ch->failures >= DNS_REBUILD_AFTER)
        channel_renew(ch, "no answers");
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
    dns_ares_arm(a);
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
