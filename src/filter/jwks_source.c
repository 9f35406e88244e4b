/* SPDX-License-Identifier: Apache-2.0 */
/* filter/jwks_source.c - a source on the main thread: what was read becomes the set of keys, from the config, a file or a URL. The workers' side is jwks_view.c. */
#include "filter/jwks_source.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/err.h"
#include "base/log.h"
#include "base/rand.h"
#include "base/strbuf.h"
#include "base/xalloc.h"
#include "conf/redact.h"
#include "filter/jwks.h"
#include "filter/jwks_source_int.h"
#include "loop/fdwatch.h"
#include "loop/loop.h"
#include "loop/pathwatch.h"
#include "net/digest.h"
#include "obs/stats.h"
#include "resolve/readfile.h"

enum { WHY_MAX = 512, JITTER_PERCENT = 10 };

/* Main thread: all that are open, so that those that say the same are one, and the one fetcher of those with a URL. */
static struct list all = { &all, &all };
static struct fetcher *fetcher;
static unsigned fetcher_users;
static const struct jwks_fetch_ops *fetch_ops;

void
jwks_source_use(const struct jwks_fetch_ops *ops)
{
    fetch_ops = ops;
}

enum jwks_kind
jwks_from_kind(const char *from, const char **ret_rest)
{
    const char *path;

    *ret_rest = from;
    if (from[strspn(from, " \t\r\n")] == '{')
        return JWKS_INLINE;
    if (strncasecmp(from, "https:", 6) == 0 || strncasecmp(from, "http:", 5) == 0)
        return JWKS_URL;
    if (strncasecmp(from, "file:", 5) != 0)
        return JWKS_UNKNOWN;
    path = strncmp(from + 5, "///", 3) == 0 ? from + 7 : from + 5;
    if (path[0] != '/' || path[1] == '/' || path[1] == '\0')
        return JWKS_UNKNOWN;
    *ret_rest = path;
    return JWKS_FILE;
}

/* ---- what was read ---- */

static void
source_complain(struct jwks_source *s, const char *why)
{
    stat_inc(s->stats, STAT_JWKS_FAILED);
    if (s->told && strcmp(s->told, why) == 0)
        return; /* it is told once, not at each try */
    if (!s->told)
        stat_add(s->stats, STAT_JWKS_BAD, 1);
    xfree(s->told);
    s->told = xstrdup(why);
    log_at(NULL, LOG_WARN,
           s->keys ? "keys of tokens cannot be read; the old ones stay"
                   : "keys of tokens cannot be read; calls that need them are refused",
           LS("from", s->name), LS("why", why));
}

static void
source_is_good(struct jwks_source *s)
{
    stat_inc(s->stats, STAT_JWKS_READ);
    if (s->kind == JWKS_URL)
        atomic_store_explicit(&s->good_until_us,
                              loop_now_us(s->loop) + s->conf.max_stale_ms * 1000,
                              memory_order_relaxed);
    if (!s->told)
        return;
    xfree(s->told);
    s->told = NULL;
    stat_add(s->stats, STAT_JWKS_BAD, -1);
    log_at(NULL, LOG_INFO, "keys of tokens are good again", LS("from", s->name));
}

static void
source_publish(struct jwks_source *s, struct jwks *keys)
{
    struct jwks *before;

    pthread_mutex_lock(&s->lock);
    before = s->keys;
    s->keys = keys;
    memset(s->absent, 0, sizeof(s->absent));
    atomic_fetch_add_explicit(&s->version, 1, memory_order_release);
    pthread_mutex_unlock(&s->lock);
    jwks_drop(before);
    log_at(NULL, LOG_INFO, "keys of tokens read", LS("from", s->name),
           LI("keys", jwks_count(keys)));
}

/* The keys were made of this very text. */
static bool
source_has(const struct jwks_source *s, const char *text, size_t n)
{
    return s->has_text && sip_hash_equal(s->text, sip_hash(&s->secret, text, n));
}

/* Of a document that was read: true when it is good. */
static bool
source_take(struct jwks_source *s, const char *text, size_t n)
{
    struct jwks *keys;
    struct strbuf why;

    if (source_has(s, text, n)) {
        source_is_good(s);
        return true;
    }
    strbuf_init(&why, WHY_MAX);
    keys = jwks_parse(text, n, &why);
    if (keys) {
        if (why.len > 0)
            log_at(NULL, LOG_WARN, "a set of keys was not used as a whole",
                   LS("from", s->name), LS("why", why.s));
        s->has_text = true;
        s->text = sip_hash(&s->secret, text, n);
        source_publish(s, keys);
        source_is_good(s);
    } else {
        source_complain(s, why.s);
    }
    strbuf_done(&why);
    return keys != NULL;
}

/* ---- file ---- */

static void
file_look(void *arg)
{
    struct jwks_source *s = arg;
    const char *path, *why;
    char *text;
    size_t n;

    jwks_from_kind(s->conf.from, &path);
    if (file_read(path, JWKS_TEXT_MAX, &text, &n, &why) != ERR_OK) {
        source_complain(s, why);
        return;
    }
    if (s->told || !source_has(s, text, n))
        source_take(s, text, n);
    secret_wipe(text, n);
    xfree(text);
}

/* ---- URL ---- */

static void url_on_answer(void *arg, const char *why, struct slice text);

static void
url_fetch(struct jwks_source *s)
{
    struct fetch_args args = {
        .url = s->conf.from,
        .ca = s->conf.ca,
        .timeout_ms = s->conf.timeout_ms,
        .cap = JWKS_TEXT_MAX,
    };

    timer_stop(s->loop, &s->timer);
    pthread_mutex_lock(&s->lock);
    s->wanted = false;
    atomic_store_explicit(&s->busy, true, memory_order_release);
    pthread_mutex_unlock(&s->lock);
    s->fetch = fetch_ops ? fetch_ops->start(&args, url_on_answer, s)
                         : fetch_start(fetcher, &args, url_on_answer, s);
}

/* The name that was asked for, if it is not there, is not asked for again soon. */
static void
url_note_absent(struct jwks_source *s)
{
    struct slice kid = slice_make(s->asked, s->asked_n);
    int64_t until_us = loop_now_us(s->loop) + JWKS_ABSENT_S * INT64_C(1000000);

    if (s->asked_n > 0 && !jwks_has(s->keys, kid)) {
        s->absent[s->absent_at].hash = jwks_source_kid_hash(s, kid);
        s->absent[s->absent_at].until_us = until_us;
        s->absent_at = (s->absent_at + 1) % JWKS_ABSENT_MAX;
    }
    s->asked_n = 0;
}

/* 1 s, 2 s, 4 s ... */
static int64_t
url_backoff_ms(const struct jwks_source *s)
{
    unsigned n = s->failures < 6 ? s->failures : 6;
    int64_t ms = (int64_t)500 << n;

    return ms < JWKS_RETRY_MAX_S * 1000 ? ms : JWKS_RETRY_MAX_S * 1000;
}

static void
url_on_answer(void *arg, const char *why, struct slice text)
{
    struct jwks_source *s = arg;
    int64_t wait_ms = s->conf.refresh_ms;
    bool good = false;

    s->fetch = NULL;
    if (why)
        source_complain(s, why);
    else
        good = source_take(s, (const char *)text.p, text.n);
    s->failures = good ? 0 : s->failures + 1;
    if (!good && url_backoff_ms(s) < wait_ms)
        wait_ms = url_backoff_ms(s);
    timer_start(s->loop, &s->timer, rng_jitter(&s->rng, wait_ms, JITTER_PERCENT) * 1000);
    pthread_mutex_lock(&s->lock);
    if (good)
        url_note_absent(s);
    atomic_store_explicit(&s->begun, true, memory_order_relaxed);
    atomic_store_explicit(&s->busy, s->wanted, memory_order_release);
    pthread_mutex_unlock(&s->lock);
}

static void
url_on_timer(struct timer *t)
{
    struct jwks_source *s = CONTAINER_OF(t, struct jwks_source, timer);

    if (!s->fetch)
        url_fetch(s);
}

/* A worker asked. */
static void
url_on_wake(void *arg, int what)
{
    struct jwks_source *s = arg;
    uint64_t n;

    (void)what;
    if (read(s->fd, &n, sizeof(n)) < 0) { /* it was seen before */
    }
    if (!s->fetch)
        url_fetch(s);
}

static void
url_open(struct jwks_source *s)
{
    rng_seed_system(&s->rng);
    timer_init(&s->timer, url_on_timer);
    s->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    s->wake = fdwatch_open(s->loop, s->fd, url_on_wake, s);
    fdwatch_want(s->wake, true, false);
    if (!fetch_ops && fetcher_users++ == 0)
        fetcher = fetcher_new(s->loop);
    url_fetch(s);
}

static void
url_close(struct jwks_source *s)
{
    timer_stop(s->loop, &s->timer);
    fdwatch_close(s->wake);
    close(s->fd);
    if (fetch_ops) {
        if (s->fetch)
            fetch_ops->cancel(s->fetch);
        return;
    }
    fetch_cancel(s->fetch);
    if (--fetcher_users == 0) {
        fetcher_free(fetcher);
        fetcher = NULL;
    }
}

/* ---- life ---- */

static bool
text_same(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

static struct jwks_source *
source_find(const struct loop *l, const struct jwks_conf *conf)
{
    for (struct list *at = all.next; at != &all; at = at->next) {
        struct jwks_source *s = CONTAINER_OF(at, struct jwks_source, link);

        if (s->loop == l && text_same(s->conf.from, conf->from) &&
            text_same(s->conf.ca, conf->ca) && s->conf.refresh_ms == conf->refresh_ms &&
            s->conf.timeout_ms == conf->timeout_ms &&
            s->conf.max_stale_ms == conf->max_stale_ms)
            return s;
    }
    return NULL;
}

/* How the log calls it. */
static void
source_name(struct jwks_source *s, const char *path)
{
    struct strbuf name;

    strbuf_init(&name, sizeof(s->name));
    if (s->kind == JWKS_URL)
        conf_redact_url_text(path, &name);
    else
        strbuf_puts(&name, s->kind == JWKS_INLINE ? "the config" : path);
    snprintf(s->name, sizeof(s->name), "%s", name.s ? name.s : "");
    strbuf_done(&name);
}

struct jwks_source *
jwks_source_open(struct loop *l, struct stats *stats, const struct jwks_conf *conf)
{
    struct jwks_source *s = source_find(l, conf);
    const char *path;

    if (s) {
        s->holds++;
        return s;
    }
    s = xcalloc(1, sizeof(*s));
    s->holds = 1;
    s->loop = l;
    s->stats = stats;
    s->conf = *conf;
    s->conf.from = xstrdup(conf->from);
    s->conf.ca = conf->ca ? xstrdup(conf->ca) : NULL;
    s->kind = jwks_from_kind(s->conf.from, &path);
    sip_secret_make(&s->secret);
    atomic_init(&s->good_until_us, INT64_MAX);
    pthread_mutex_init(&s->lock, NULL);
    list_append(&all, &s->link);
    source_name(s, path);
    if (s->kind == JWKS_INLINE) {
        source_take(s, s->conf.from, strlen(s->conf.from));
    } else if (s->kind == JWKS_FILE) {
        file_look(s);
        s->watch = pathwatch_open(l, path, file_look, s);
    } else {
        url_open(s);
    }
    return s;
}

void
jwks_source_close(struct jwks_source *s)
{
    if (!s || --s->holds > 0)
        return;
    if (s->kind == JWKS_URL)
        url_close(s);
    pathwatch_close(s->watch);
    if (s->told)
        stat_add(s->stats, STAT_JWKS_BAD, -1);
    list_remove(&s->link);
    jwks_drop(s->keys);
    pthread_mutex_destroy(&s->lock);
    xfree(s->told);
    xfree((char *)(uintptr_t)s->conf.from);
    xfree((char *)(uintptr_t)s->conf.ca);
    xfree(s);
}
