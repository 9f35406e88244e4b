/* SPDX-License-Identifier: Apache-2.0 */
/* net/fetch.c - one thread with a multi handle. Fetches go to it and come back on lists under one lock; a pipe of the kernel's kind
 * (eventfd) wakes the loop, so nothing is left in the loop's queue when a fetcher ends. */
#include "net/fetch.h"

#include <string.h>
#include <strings.h>

#include "base/list.h"
#include "base/xalloc.h"
#include "net/fetch_curl.h"

const char *
fetch_url_refuse(const char *url)
{
    const char *host = strncasecmp(url, "https://", 8) == 0  ? url + 8
                       : strncasecmp(url, "http://", 7) == 0 ? url + 7
                                                             : NULL;

    if (!host)
        return "a URL begins with https:// (or http://)";
    if (host[strcspn(host, "/?#")] == host[0])
        return "the URL has no host";
    for (const char *c = url; *c; c++)
        if (*c <= ' ' || *c > '~')
            return "a URL has neither blanks nor letters beyond ASCII; write %20 and the "
                   "like";
    return NULL;
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

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/log.h"
#include "loop/fdwatch.h"
#include "loop/loop.h"

enum {
    WHY_MAX = CURL_ERROR_SIZE + 64,
    POLL_MS = 60000, /* of a thread that has nothing to do */
    PAUSE_MAX_S = 3600,
    TYPE_MAX = 128,
};

struct fetch {
    struct list link; /* on one of the fetcher's lists */
    struct fetcher *owner;
    fetch_fn *fn;
    void *arg;
    char *url, *ca, *cert, *key, *type, *body;
    size_t body_n;
    bool tls13;
    int64_t timeout_ms;
    size_t cap;
    bool cancelled; /* under the lock */
    /* The thread's, then those of who gets it. */
    CURL *easy;
    struct curl_slist *headers;
    int status;
    int64_t pause_ms;
    char *text;
    size_t n, room;
    bool too_large, failed;
    char curl_why[CURL_ERROR_SIZE];
    char why[WHY_MAX];
};

struct fetcher {
    const struct fetch_curl *curl;
    CURLM *multi;
    struct fdwatch *watch;
    int fd;
    bool started; /* the thread */
    pthread_t thread;
    pthread_mutex_t lock; /* guards what follows */
    struct list asked, running, done;
    bool ending;
};

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

/* ---- the thread ---- */

static size_t
fetch_on_bytes(char *p, size_t size, size_t n, void *arg)
{
    struct fetch *x = arg;

    n *= size;
    if (n > x->cap - x->n) {
        x->too_large = true;
        return CURL_WRITEFUNC_ERROR;
    }
    if (n > x->room - x->n) {
        x->room = x->n + n > 2 * x->room ? x->n + n : 2 * x->room;
        if (x->room > x->cap)
            x->room = x->cap;
        x->text = xrealloc(x->text, x->room);
    }
    if (n > 0)
        memcpy(x->text + x->n, p, n);
    x->n += n;
    return n;
}

#define SET(option, value) rv = rv == CURLE_OK ? c->easy_setopt(e, option, value) : rv

static bool
fetch_add_header(struct fetch *x, const char *line)
{
    struct curl_slist *all = x->owner->curl->slist_append(x->headers, line);

    if (all)
        x->headers = all;
    return all != NULL;
}

/* HTTP/1.1, which every server speaks that takes a POST; the body at once, without asking whether it is welcome. */
static CURLcode
fetch_set_body(struct fetch *x)
{
    const struct fetch_curl *c = x->owner->curl;
    CURL *e = x->easy;
    CURLcode rv = CURLE_OK;

    if (!fetch_add_header(x, x->type) || !fetch_add_header(x, "Expect:"))
        return CURLE_OUT_OF_MEMORY;
    SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    SET(CURLOPT_HTTPHEADER, x->headers);
    SET(CURLOPT_POST, 1L);
    SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)x->body_n);
    SET(CURLOPT_POSTFIELDS, x->body);
    return rv;
}

static CURLcode
fetch_set_tls(struct fetch *x)
{
    const struct fetch_curl *c = x->owner->curl;
    CURL *e = x->easy;
    CURLcode rv = CURLE_OK;

    SET(CURLOPT_SSL_VERIFYPEER, 1L);
    SET(CURLOPT_SSL_VERIFYHOST, 2L);
    SET(CURLOPT_SSLVERSION,
        (long)(x->tls13 ? CURL_SSLVERSION_TLSv1_3 : CURL_SSLVERSION_TLSv1_2));
    if (x->ca)
        SET(CURLOPT_CAINFO, x->ca);
    if (x->cert)
        SET(CURLOPT_SSLCERT, x->cert);
    if (x->key)
        SET(CURLOPT_SSLKEY, x->key);
    return rv;
}

/* False: the library is older than its headers. */
static bool
fetch_set_up(struct fetch *x)
{
    const struct fetch_curl *c = x->owner->curl;
    CURL *e = x->easy = c->easy_init();
    CURLcode rv = CURLE_OK;

    if (!e)
        return false;
    SET(CURLOPT_ERRORBUFFER, x->curl_why);
    SET(CURLOPT_PRIVATE, x);
    SET(CURLOPT_URL, x->url);
    SET(CURLOPT_PROTOCOLS_STR, "http,https");
    SET(CURLOPT_FOLLOWLOCATION, 0L);
    SET(CURLOPT_PROXY, "");
    SET(CURLOPT_NOSIGNAL, 1L);
    SET(CURLOPT_QUICK_EXIT,
        1L); /* a name server that is silent does not hold up our end */
    SET(CURLOPT_TIMEOUT_MS, (long)x->timeout_ms);
    SET(CURLOPT_CONNECTTIMEOUT_MS, (long)x->timeout_ms);
    SET(CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)x->cap);
    SET(CURLOPT_USERAGENT, "outrigger/" PACKAGE_VERSION);
    if (!x->body) {
        SET(CURLOPT_FRESH_CONNECT, 1L); /* minutes lie between two fetches */
        SET(CURLOPT_FORBID_REUSE, 1L);
    }
    SET(CURLOPT_WRITEFUNCTION, fetch_on_bytes);
    SET(CURLOPT_WRITEDATA, x);
    if (rv == CURLE_OK)
        rv = fetch_set_tls(x);
    if (rv == CURLE_OK && x->body)
        rv = fetch_set_body(x);
    return rv == CURLE_OK;
}
#undef SET

static void
fetch_say(struct fetch *x, CURLcode rv)
{
    const struct fetch_curl *c = x->owner->curl;
    curl_off_t pause_s = 0;
    long status = 0;

    x->failed = true;
    c->easy_getinfo(x->easy, CURLINFO_RESPONSE_CODE, &status);
    x->status = (int)status;
    if (x->too_large || rv == CURLE_FILESIZE_EXCEEDED) {
        snprintf(x->why, sizeof(x->why), "it is larger than %zu KiB", x->cap / 1024);
    } else if (rv == CURLE_OPERATION_TIMEDOUT) {
        snprintf(x->why, sizeof(x->why), "no complete answer within %lld ms",
                 (long long)x->timeout_ms);
    } else if (rv != CURLE_OK) {
        snprintf(x->why, sizeof(x->why), "%s",
                 x->curl_why[0] ? x->curl_why : c->easy_strerror(rv));
    } else {
        c->easy_getinfo(x->easy, CURLINFO_RETRY_AFTER, &pause_s);
        x->pause_ms = pause_s < PAUSE_MAX_S ? pause_s * 1000 : PAUSE_MAX_S * 1000LL;
        if (x->pause_ms < 0)
            x->pause_ms = 0;
        x->failed = status != 200;
        snprintf(x->why, sizeof(x->why), "the answer has the HTTP status %ld%s", status,
                 status / 100 == 3 ? " (redirects are not followed; write the address "
                                     "that it leads to)"
                                   : "");
    }
}

/* Under the lock. */
static void
fetch_done(struct fetch *x)
{
    uint64_t one = 1;

    list_remove(&x->link);
    list_append(&x->owner->done, &x->link);
    if (write(x->owner->fd, &one, sizeof(one)) < 0) { /* it is full: the loop knows */
    }
}

/* Under the lock: what others ask for. */
static void
thread_take(struct fetcher *f)
{
    struct list *next;

    for (struct list *at = f->running.next; at != &f->running; at = next) {
        struct fetch *x = CONTAINER_OF(at, struct fetch, link);

        next = at->next;
        if (x->cancelled || f->ending) {
            f->curl->multi_remove_handle(f->multi, x->easy);
            fetch_done(x);
        }
    }
    while (!f->ending && !list_empty(&f->asked)) {
        struct fetch *x = CONTAINER_OF(f->asked.next, struct fetch, link);

        list_remove(&x->link);
        list_append(&f->running, &x->link);
        if (x->cancelled) {
            fetch_done(x);
        } else if (!fetch_set_up(x) ||
                   f->curl->multi_add_handle(f->multi, x->easy) != CURLM_OK) {
            fetch_say(x, CURLE_FAILED_INIT);
            fetch_done(x);
        }
    }
}

static void
thread_finish(struct fetcher *f)
{
    CURLMsg *m;
    int left;

    while ((m = f->curl->multi_info_read(f->multi, &left))) {
        struct fetch *x = NULL;
        CURLcode rv = m->data.result;

        if (m->msg != CURLMSG_DONE)
            continue;
        f->curl->easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, (char **)&x);
        fetch_say(x, rv);
        pthread_mutex_lock(&f->lock);
        f->curl->multi_remove_handle(f->multi, x->easy);
        fetch_done(x);
        pthread_mutex_unlock(&f->lock);
    }
}

static void *
thread_main(void *arg)
{
    struct fetcher *f = arg;
    bool ending;
    int n;

    do {
        pthread_mutex_lock(&f->lock);
        thread_take(f);
        ending = f->ending;
        pthread_mutex_unlock(&f->lock);
        f->curl->multi_perform(f->multi, &n);
        thread_finish(f);
        if (!ending)
            f->curl->multi_poll(f->multi, NULL, 0, POLL_MS, NULL);
    } while (!ending);
    return NULL;
}

static void
thread_start(struct fetcher *f)
{
    sigset_t all, before;

    if (f->started || !f->multi)
        return;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    f->started = pthread_create(&f->thread, NULL, thread_main, f) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

/* ---- the loop's thread ---- */

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
    thread_start(f);
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
