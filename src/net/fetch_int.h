/* SPDX-License-Identifier: Apache-2.0 */
/* net/fetch_int.h - what the two sides of a fetcher share: fetch.c, on the loop's thread, and fetch_thread.c, its own. */
#ifndef OUTRIGGER_NET_FETCH_INT_H
#define OUTRIGGER_NET_FETCH_INT_H

#include "net/fetch.h"
#include "net/fetch_curl.h"

#ifdef HAVE_LIBCURL

#include <pthread.h>

#include "base/list.h"

struct fdwatch;

enum { FETCH_WHY_MAX = CURL_ERROR_SIZE + 64 };

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
    char why[FETCH_WHY_MAX];
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

/* Under the lock: the loop gets it, however it ended. */
void fetch_done(struct fetch *x);
/* The loop's thread. Once it runs it stays; f->started tells whether there is one. */
void fetch_thread_start(struct fetcher *f);

#endif
#endif
