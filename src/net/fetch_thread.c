/* SPDX-License-Identifier: Apache-2.0 */
/* net/fetch_thread.c - the thread of a fetcher: it alone calls the multi handle of libcurl. What is asked comes and goes on lists under the fetcher's lock; while the thread has
 * nothing to do it sleeps in libcurl, and curl_multi_wakeup wakes it. */
#include "net/fetch_int.h"

#ifdef HAVE_LIBCURL

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/xalloc.h"

enum {
    POLL_MS = 60000, /* of a thread that has nothing to do */
    PAUSE_MAX_S = 3600,
};

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

void
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

void
fetch_thread_start(struct fetcher *f)
{
    sigset_t all, before;

    if (f->started || !f->multi)
        return;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    f->started = pthread_create(&f->thread, NULL, thread_main, f) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

#endif
