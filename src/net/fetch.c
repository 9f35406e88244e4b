/* SPDX-License-Identifier: Apache-2.0 */
/* net/fetch.c - fetchers as the loop sees them, and what a URL may be. Fetches go to the one thread (fetch_thread.c) and come back on lists under one lock; a pipe of the
 * kernel's kind (eventfd) wakes the loop, so nothing is left in the loop's queue when a fetcher ends. */
#include "net/fetch.h"

#include <string.h>
#include <strings.h>

#include "base/xalloc.h"
#include "net/fetch_int.h"

/* "host:port/path", with or without a port; a user in front of the host does not count. */
static const char *
place_refuse(const char *place)
{
    size_t n = strcspn(place, "/?#"), host;
    const char *user = memrchr(place, '@', n);
    long port = 0;

    if (user) {
        n -= (size_t)(user + 1 - place);
        place = user + 1;
    }
    host = place[0] == '[' ? strcspn(place, "]") + 1 : strcspn(place, ":/?#");
    if (n == 0 || host == 0 || host > n)
        return "the URL has no host";
    if (host == n)
        return NULL;
    if (place[host] == ':' && n - host >= 2 && n - host <= 6)
        for (size_t i = host + 1; i < n && port >= 0; i++)
            port = place[i] >= '0' && place[i] <= '9' ? port * 10 + place[i] - '0' : -1;
    return port >= 1 && port <= 65535 ? NULL
                                      : "behind the host of a URL comes nothing, or a "
                                        "colon and a port from 1 to "
                                        "65535";
}

const char *
fetch_url_refuse(const char *url)
{
    const char *host = strncasecmp(url, "https://", 8) == 0  ? url + 8
                       : strncasecmp(url, "http://", 7) == 0 ? url + 7
                                                             : NULL;

    if (!host)
        return "a URL begins with https:// (or http://)";
    for (const char *c = url; *c; c++)
        if (*c <= ' ' || *c > '~')
            return "a URL has neither blanks nor letters beyond ASCII; write %20 and the "
                   "like";
    return place_refuse(host);
}

bool
fetch_url_is_loopback(const char *url)
{
    const char *host = strstr(url, "://") + 3;
    size_t n = strcspn(host, "/?#");

    for (size_t i = 0; i < n; i++)
        if (host[i] == '@')
            return false; /* it only looks like the host */
    if (n >= 5 && strncmp(host, "[::1]", 5) == 0)
        return n == 5 || host[5] == ':';
    n = strcspn(host, ":/?#");
    if (n == 9 && strncasecmp(host, "localhost", 9) == 0)
        return true;
    return n >= 7 && strncmp(host, "127.", 4) == 0 && strspn(host, "0123456789.") == n;
}

#ifdef HAVE_LIBCURL

#include <stdio.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "loop/fdwatch.h"
#include "loop/loop.h"

enum { TYPE_MAX = 128 };

static void
fetch_free(struct fetch *x)
{
    if (x->easy)
        x->owner->curl->easy_cleanup(x->easy);
    x->owner->curl->slist_free_all(x->headers);
    list_remove(&x->link);
    xfree(x->url);
    xfree(x->ca);
    xfree(x->cert);
    xfree(x->key);
    xfree(x->type);
    xfree(x->body);
    xfree(x->text);
    xfree(x);
}

static struct fetch *
fetcher_next_done(struct fetcher *f)
{
    struct fetch *x = NULL;

    pthread_mutex_lock(&f->lock);
    if (!list_empty(&f->done)) {
        x = CONTAINER_OF(f->done.next, struct fetch, link);
        list_remove(&x->link);
    }
    pthread_mutex_unlock(&f->lock);
    return x;
}

static void
fetcher_on_event(void *arg, int what)
{
    struct fetcher *f = arg;
    struct fetch *x;
    uint64_t n;

    (void)what;
    if (read(f->fd, &n, sizeof(n)) < 0) { /* somebody was here before */
    }
    while ((x = fetcher_next_done(f))) {
        if (!x->cancelled)
            x->fn(x->arg, x->failed ? x->why : NULL, slice_make(x->text, x->n));
        fetch_free(x);
    }
}

struct fetcher *
fetcher_new(struct loop *l)
{
    struct fetcher *f = xcalloc(1, sizeof(*f));

    f->curl = fetch_curl();
    f->multi = f->curl->multi_init();
    pthread_mutex_init(&f->lock, NULL);
    list_init(&f->asked);
    list_init(&f->running);
    list_init(&f->done);
    f->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    f->watch = fdwatch_open(l, f->fd, fetcher_on_event, f);
    fdwatch_want(f->watch, true, false);
    return f;
}

void
fetcher_free(struct fetcher *f)
{
    if (!f)
        return;
    pthread_mutex_lock(&f->lock);
    f->ending = true;
    pthread_mutex_unlock(&f->lock);
    if (f->started) {
        f->curl->multi_wakeup(f->multi);
        pthread_join(f->thread, NULL);
    }
    while (!list_empty(&f->asked))
        fetch_free(CONTAINER_OF(f->asked.next, struct fetch, link));
    while (!list_empty(&f->done))
        fetch_free(CONTAINER_OF(f->done.next, struct fetch, link));
    f->curl->multi_cleanup(f->multi);
    fdwatch_close(f->watch);
    close(f->fd);
    pthread_mutex_destroy(&f->lock);
    xfree(f);
}

static char *
text_copy(const char *s)
{
    return s ? xstrdup(s) : NULL;
}

static struct fetch *
fetch_new(struct fetcher *f, const struct fetch_args *args)
{
    struct fetch *x = xcalloc(1, sizeof(*x));

    x->owner = f;
    x->url = xstrdup(args->url);
    x->ca = text_copy(args->ca);
    x->cert = text_copy(args->cert);
    x->key = text_copy(args->key);
    x->tls13 = args->tls13;
    x->timeout_ms = args->timeout_ms;
    x->cap = args->cap;
    list_init(&x->link);
    if (args->body.p) {
        char line[TYPE_MAX];

        snprintf(line, sizeof(line), "Content-Type: %s", args->type);
        x->type = xstrdup(line);
        x->body_n = args->body.n;
        x->body = xmalloc(x->body_n + 1); /* libcurl takes NULL for no body at all */
        memcpy(x->body, args->body.p, x->body_n);
    }
    return x;
}

struct fetch *
fetch_start(struct fetcher *f, const struct fetch_args *args, fetch_fn *fn, void *arg)
{
    struct fetch *x = fetch_new(f, args);

    x->fn = fn;
    x->arg = arg;
    fetch_thread_start(f);
    pthread_mutex_lock(&f->lock);
    list_append(&f->asked, &x->link);
    if (!f->started) { /* no more threads, or no memory: it is told like any failure */
        x->failed = true;
        snprintf(x->why, sizeof(x->why), "the system gives us no thread for it");
        fetch_done(x);
    }
    pthread_mutex_unlock(&f->lock);
    if (f->started)
        f->curl->multi_wakeup(f->multi);
    return x;
}

void
fetch_cancel(struct fetch *x)
{
    struct fetcher *f = x ? x->owner : NULL;

    if (!x)
        return;
    pthread_mutex_lock(&f->lock);
    x->cancelled = true;
    pthread_mutex_unlock(&f->lock);
    if (f->started)
        f->curl->multi_wakeup(f->multi);
}

int
fetch_status(const struct fetch *x)
{
    return x->status;
}

int64_t
fetch_pause_ms(const struct fetch *x)
{
    return x->pause_ms;
}

#else

/* Nobody comes here: fetch_missing says why. */
struct fetcher *
fetcher_new(struct loop *l)
{
    (void)l;
    return NULL;
}

void
fetcher_free(struct fetcher *f)
{
    (void)f;
}

struct fetch *
fetch_start(struct fetcher *f, const struct fetch_args *args, fetch_fn *fn, void *arg)
{
    (void)f;
    (void)args;
    (void)fn;
    (void)arg;
    return NULL;
}

void
fetch_cancel(struct fetch *x)
{
    (void)x;
}

int
fetch_status(const struct fetch *x)
{
    (void)x;
    return 0;
}

int64_t
fetch_pause_ms(const struct fetch *x)
{
    (void)x;
    return 0;
}

#endif
