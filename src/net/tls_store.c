/* SPDX-License-Identifier: Apache-2.0 */
/* net/tls_store.c - see tls_store.h. Holds of a keyring are only taken by who has one, so one
 * whose count is 1 is the store's alone and can be swept. */
#include "net/tls_store.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/xalloc.h"
#include "conf/copy.h"
#include "loop/loop.h"
#include "net/tls_conf.h"
#include "net/tls_store_int.h"
#include "obs/stats.h"

enum { FILES_MAX = 256 };

/* Programs write certificate and key one after the other. */
static const int64_t SETTLE_US = 100 * 1000;
static const int64_t MINUTE_US = 60 * INT64_C(1000000);
static const int64_t HOUR_US = 3600 * INT64_C(1000000);

_Static_assert(TLS_REFUSALS + 1 == STAT_TLS_RESULTS,
               "obs/stats.h has a row for each refusal, and one for too slow");

/* --- expiry ----------------------------------------------------------------------------- */

static void
expiry_tell(const struct tls_expiry *e, enum tls_stage stage, int64_t days)
{
    log_at(NULL, stage == TLS_STAGE_EXPIRED ? LOG_ERROR : LOG_WARN,
           stage == TLS_STAGE_EXPIRED
               ? "a certificate has expired: peers refuse it; put a new one in its place"
               : "a certificate expires soon; put a new one in its place",
           LS("file", e->file), LS("name", e->name), LI("days_left", days));
}

/* Each stage of each certificate is told once. */
static void
unit_check_expiry(struct tls_unit *u)
{
    int64_t now_s = clock_wall_us() / 1000000;
    const struct tls_expiry *e = NULL;
    size_t n = u->ctx ? tls_ctx_expiry(u->ctx, &e) : 0;

    for (size_t i = 0; i < n; i++) {
        enum tls_stage stage = tls_stage_at(e[i].not_after_s, now_s);

        if (stage > u->told[i])
            expiry_tell(&e[i], stage, tls_days_left(e[i].not_after_s, now_s));
        u->told[i] = stage;
    }
}

/* --- reading the files ------------------------------------------------------------------ */

static struct tls_ctx *
unit_make(const struct tls_unit *u, char why[TLS_WHY_MAX])
{
    const void *conf = conf_copy_root(u->conf);

    return u->scope ? tls_ctx_new_server(conf, u->store->tickets, u->scope, why)
                    : tls_ctx_new_client(conf, why);
}

/* ctx NULL: the one of before stays. */
static void
unit_publish(struct tls_unit *u, struct tls_ctx *ctx, const char *why)
{
    struct tls_ctx *old = NULL;

    pthread_mutex_lock(&u->lock);
    if (ctx) {
        old = u->ctx;
        u->ctx = ctx;
    }
    snprintf(u->why, sizeof(u->why), "%s", why);
    pthread_mutex_unlock(&u->lock);
    tls_ctx_drop(old);
}

static const char *
unit_user(const struct tls_unit *u)
{
    for (struct list *n = u->store->keyrings.next; n != &u->store->keyrings;
         n = n->next) {
        const struct tls_keyring *k = CONTAINER_OF(n, struct tls_keyring, link);

        if (k->unit == u)
            return k->name;
    }
    return "";
}

/* Why the files are read: what counts as a reload, and what is told when it fails. */
enum load { LOAD_FIRST, LOAD_CHANGED, LOAD_AGAIN };

static void
unit_count(struct tls_unit *u, enum load how, bool good)
{
    if (how != LOAD_FIRST && good)
        stat_inc(u->store->stats, STAT_TLS_RELOADED);
    else if (how == LOAD_CHANGED)
        stat_inc(u->store->stats, STAT_TLS_RELOAD_FAILED);
}

static void
unit_load(struct tls_unit *u, enum load how, const char *user)
{
    const struct tls_expiry *e;
    char why[TLS_WHY_MAX] = "";
    struct tls_ctx *ctx;

    tls_files_mark(u->files);
    ctx = unit_make(u, why);
    unit_count(u, how, ctx != NULL);
    if (!ctx && strcmp(why, u->why) != 0)
        log_at(NULL, LOG_ERROR,
               u->ctx ? "the new certificate files are not used, the old ones are kept"
                      : "the certificate files cannot be used: no TLS until they can",
               LS("of", user), LS("why", why));
    unit_publish(u, ctx, ctx ? "" : why);
    if (!ctx)
        return;
    xfree(u->told);
    u->told = xcalloc(tls_ctx_expiry(ctx, &e) + 1, sizeof(*u->told));
    if (how != LOAD_FIRST)
        log_at(NULL, LOG_INFO, "new certificate files are used from now on",
               LS("of", user));
    unit_check_expiry(u);
}

static void
unit_on_settle(struct timer *t)
{
    struct tls_unit *u = CONTAINER_OF(t, struct tls_unit, settle);

    unit_load(u, LOAD_CHANGED, unit_user(u));
}

/* What failed is tried at each look: it may have failed for another reason than the files. */
static void
unit_on_look(void *arg)
{
    struct tls_unit *u = arg;

    if (timer_running(&u->settle))
        return;
    if (tls_files_changed(u->files))
        timer_start(u->store->loop, &u->settle, SETTLE_US);
    else if (u->why[0])
        unit_load(u, LOAD_AGAIN, unit_user(u));
}

/* --- units ------------------------------------------------------------------------------ */

static size_t
unit_files(const struct tls_unit *u, const char **v, size_t room)
{
    const void *conf = conf_copy_root(u->conf);

    return u->scope ? tls_server_conf_files(conf, v, room)
                    : tls_client_conf_files(conf, v, room);
}

static void
unit_watch(struct tls_unit *u)
{
    const char *few[FILES_MAX], **v = few;
    size_t n = unit_files(u, few, FILES_MAX);

    if (n > FILES_MAX) {
        v = xcalloc(n, sizeof(*v));
        n = unit_files(u, v, n);
    }
    u->files = tls_files_new(&u->store->paths, v, n, unit_on_look, u);
    if (v != few)
        xfree(v);
}

static struct tls_unit *
unit_new(struct tls_store *s, const struct conf_struct *type, const void *conf,
         const char *scope, const char *user)
{
    struct tls_unit *u = xcalloc(1, sizeof(*u));

    atomic_init(&u->holds, 1);
    u->store = s;
    u->conf = conf_copy_new(type, conf);
    u->scope = scope ? xstrdup(scope) : NULL;
    pthread_mutex_init(&u->lock, NULL);
    timer_init(&u->settle, unit_on_settle);
    list_append(&s->units, &u->link);
    unit_watch(u);
    unit_load(u, LOAD_FIRST, user);
    return u;
}

static void
unit_drop(struct tls_unit *u)
{
    if (atomic_fetch_sub_explicit(&u->holds, 1, memory_order_acq_rel) != 1)
        return;
    tls_ctx_drop(u->ctx);
    conf_copy_drop(u->conf);
    pthread_mutex_destroy(&u->lock);
    xfree(u->scope);
    xfree(u->told);
    xfree(u);
}

/* The store forgets it. */
static void
unit_stop(struct tls_unit *u)
{
    timer_stop(u->store->loop, &u->settle);
    tls_files_free(u->files);
    u->files = NULL;
    u->store = NULL;
    list_remove(&u->link);
    unit_drop(u);
}

/* Tickets of one listener are not good at another, so only clients share. */
static struct tls_unit *
unit_find(struct tls_store *s, const struct tls_client_conf *conf)
{
    for (struct list *n = s->units.next; n != &s->units; n = n->next) {
        struct tls_unit *u = CONTAINER_OF(n, struct tls_unit, link);

        if (!u->scope &&
            conf_equal(&tls_client_conf_struct, conf_copy_root(u->conf), conf))
            return u;
    }
    return NULL;
}

/* --- keyrings --------------------------------------------------------------------------- */

static struct tls_keyring *
keyring_new(struct tls_store *s, struct tls_unit *u, const char *name, bool insecure)
{
    struct tls_keyring *k = xcalloc(1, sizeof(*k) + strlen(name) + 1);

    atomic_init(&k->holds, 2);
    memcpy(k->name, name, strlen(name));
    k->insecure = insecure;
    k->unit = u;
    atomic_fetch_add_explicit(&u->holds, 1, memory_order_relaxed);
    u->keyrings++;
    list_append(&s->keyrings, &k->link);
    if (insecure)
        stat_inc(s->stats, STAT_TLS_INSECURE);
    return k;
}

struct tls_keyring *
tls_keyring_hold(struct tls_keyring *k)
{
    atomic_fetch_add_explicit(&k->holds, 1, memory_order_relaxed);
    return k;
}

void
tls_keyring_drop(struct tls_keyring *k)
{
    if (!k || atomic_fetch_sub_explicit(&k->holds, 1, memory_order_acq_rel) != 1)
        return;
    unit_drop(k->unit);
    xfree(k);
}

struct tls_ctx *
tls_keyring_ctx(struct tls_keyring *k, char why[TLS_WHY_MAX])
{
    struct tls_unit *u = k->unit;
    struct tls_ctx *ctx;

    pthread_mutex_lock(&u->lock);
    ctx = u->ctx;
    if (ctx)
        tls_ctx_hold(ctx);
    else
        snprintf(why, TLS_WHY_MAX, "%s", u->why);
    pthread_mutex_unlock(&u->lock);
    return ctx;
}

/* The store lets go of it. */
static void
keyring_stop(struct tls_store *s, struct tls_keyring *k)
{
    struct tls_unit *u = k->unit;

    if (k->insecure)
        stat_add(s->stats, STAT_TLS_INSECURE, -1);
    list_remove(&k->link);
    u->keyrings--;
    tls_keyring_drop(k);
    if (u->keyrings == 0)
        unit_stop(u); /* the store's own hold: u lives until here */
}

/* What nobody else has any more. Leaves the unit that is to be used next. */
static void
store_sweep(struct tls_store *s)
{
    struct list *n, *next;

    for (n = s->keyrings.next; n != &s->keyrings; n = next) {
        struct tls_keyring *k = CONTAINER_OF(n, struct tls_keyring, link);

        next = n->next;
        if (atomic_load_explicit(&k->holds, memory_order_acquire) == 1)
            keyring_stop(s, k);
    }
}

/* --- the store -------------------------------------------------------------------------- */

struct tls_keyring *
tls_store_server(struct tls_store *s, const struct tls_server_conf *conf,
                 const char *name)
{
    char user[256];

    store_sweep(s);
    snprintf(user, sizeof(user), "listener %s", name);
    return keyring_new(s, unit_new(s, &tls_server_conf_struct, conf, name, user), user,
                       false);
}

struct tls_keyring *
tls_store_client(struct tls_store *s, const struct tls_client_conf *conf,
                 const char *name)
{
    struct tls_unit *u;
    char user[256];

    store_sweep(s);
    snprintf(user, sizeof(user), "pool %s", name);
    u = unit_find(s, conf);
    if (!u)
        u = unit_new(s, &tls_client_conf_struct, conf, NULL, user);
    return keyring_new(s, u, user, conf->insecure_skip_verify);
}

static void
store_on_minute(struct timer *t)
{
    struct tls_store *s = CONTAINER_OF(t, struct tls_store, minute);

    tls_tickets_rotate(s->tickets, loop_now_us(s->loop) / 1000000);
    store_sweep(s);
    timer_start(s->loop, t, MINUTE_US);
}

static void
store_on_hour(struct timer *t)
{
    struct tls_store *s = CONTAINER_OF(t, struct tls_store, hour);

    for (struct list *n = s->units.next; n != &s->units; n = n->next)
        unit_check_expiry(CONTAINER_OF(n, struct tls_unit, link));
    for (struct list *n = s->keyrings.next; n != &s->keyrings; n = n->next) {
        const struct tls_keyring *k = CONTAINER_OF(n, struct tls_keyring, link);

        if (k->insecure)
            log_at(NULL, LOG_WARN,
                   "tls.insecureSkipVerify is on: anybody can pose as its backends",
                   LS("of", k->name));
    }
    timer_start(s->loop, t, HOUR_US);
}

struct tls_store *
tls_store_new(struct loop *l, struct stats *stats)
{
    struct tls_store *s = xcalloc(1, sizeof(*s));

    s->loop = l;
    s->stats = stats;
    s->tickets = tls_tickets_new(loop_now_us(l) / 1000000);
    tls_paths_init(&s->paths, l);
    list_init(&s->units);
    list_init(&s->keyrings);
    timer_init(&s->minute, store_on_minute);
    timer_init(&s->hour, store_on_hour);
    timer_start(l, &s->minute, MINUTE_US);
    timer_start(l, &s->hour, 0); /* the loud line is there from the start */
    return s;
}

void
tls_store_free(struct tls_store *s)
{
    if (!s)
        return;
    while (!list_empty(&s->keyrings))
        keyring_stop(s, CONTAINER_OF(s->keyrings.next, struct tls_keyring, link));
    timer_stop(s->loop, &s->minute);
    timer_stop(s->loop, &s->hour);
    tls_tickets_drop(s->tickets);
    xfree(s);
}
