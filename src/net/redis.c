/* SPDX-License-Identifier: Apache-2.0 */
/* net/redis.c - commands go out in a row, answers come back in the same order
 * (net/redis_reply.h reads them).
 *
 * The script goes to Redis once per connection (SCRIPT LOAD) and is called by its hash from then on; until that answer came it is sent in full. */
#include "net/redis.h"

#ifdef HAVE_HIREDIS

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/list.h"
#include "base/rand.h"
#include "base/xalloc.h"
#include "loop/loop.h"
#include "loop/timer.h"
#include "net/addr.h"
#include "net/redis_out.h"
#include "net/redis_reply.h"
#include "net/transport.h"

enum {
    WHY_ROOM = 256,
    SHA_LEN = 40,
    PAUSE_JITTER_PERCENT = 20,
    NUMBER_ROOM = 32,
    READ_ROOM = 16 * 1024,
    READS_PER_TURN = 8,
    OWN_COMMANDS = 4,  /* AUTH, SELECT, SCRIPT LOAD, and that again */
    OUT_MAX = 4 << 20, /* bytes that wait for the socket */
};

struct redis_call {
    struct list link; /* redis->wanted, in the order of asking; or redis->free */
    struct redis *r;
    void (*on_answer)(struct redis_call *c, const struct redis_answer *a);
    redis_fn *fn; /* NULL: forgotten, or a command of our own */
    void *arg;
};

struct redis {
    struct loop *loop;
    const struct redis_conf *conf;
    struct rng rng;
    struct transport *t;    /* NULL: no connection */
    bool connected, served; /* served: this connection gave an answer that was good */
    bool inside, dropped; /* dropped: it ends when the bytes that were read are through */
    bool closing;
    struct redis_replies *replies;
    char sha[SHA_LEN + 1]; /* "": not loaded yet */
    char why[WHY_ROOM];
    struct redis_out out;
    int64_t pause_us; /* the next one */
    struct timer flush;
    struct timer pause; /* running: too early to connect */
    struct timer stall; /* running: answers are wanted */
    struct list wanted, free, free_own;
    struct redis_call calls[];
};

static void call_end(struct redis_call *c, const int64_t *v, size_t n, const char *error);

/* --- end of a connection -------------------------------------------------------------- */

static void
redis_pause(struct redis *r)
{
    if (r->served) {
        r->pause_us = r->conf->pause_us;
        return;
    }
    timer_start(r->loop, &r->pause,
                rng_jitter(&r->rng, r->pause_us, PAUSE_JITTER_PERCENT));
    r->pause_us *= 2;
    if (r->pause_us > r->conf->pause_max_us)
        r->pause_us = r->conf->pause_max_us;
}

/* Owners may do anything in their callbacks, also ask again: that is another connection. */
static void
redis_end(struct redis *r)
{
    struct list ended;

    transport_close(r->t);
    r->t = NULL;
    redis_replies_free(r->replies);
    r->replies = NULL;
    r->dropped = false;
    redis_out_done(&r->out);
    timer_stop(r->loop, &r->flush);
    timer_stop(r->loop, &r->stall);
    redis_pause(r);
    list_init(&ended);
    for (struct list *n; (n = list_pop(&r->wanted));)
        list_append(&ended, n);
    if (!r->closing)
        r->conf->lost(r->conf->arg, r->why);
    for (struct list *n; (n = list_pop(&ended));)
        call_end(CONTAINER_OF(n, struct redis_call, link), NULL, 0, r->why);
}

/* Now, or when what was read is through. */
static void
redis_drop(struct redis *r, const char *why)
{
    if (!r->t || r->dropped)
        return;
    snprintf(r->why, sizeof(r->why), "%s", why);
    if (r->inside)
        r->dropped = true;
    else
        redis_end(r);
}

static void
redis_on_stall(struct timer *t)
{
    struct redis *r = CONTAINER_OF(t, struct redis, stall);

    redis_drop(r, r->served ? "it does not answer any more" : "it does not answer");
}

static void
redis_on_pause(struct timer *t)
{
    (void)t; /* the next call connects */
}

/* --- bytes ---------------------------------------------------------------------------- */

static void
redis_write(struct redis *r)
{
    if (!r->connected)
        return;
    if (redis_out_write(&r->out, r->t) != ERR_OK)
        redis_drop(r, "the connection broke");
    else
        transport_want(r->t, true, redis_out_left(&r->out) > 0);
}

/* One write for all commands of a turn. */
static void
redis_on_flush(struct timer *t)
{
    redis_write(CONTAINER_OF(t, struct redis, flush));
}

static void
redis_answered(struct redis *r, const struct redis_answer *a)
{
    struct list *first = list_pop(&r->wanted);
    struct redis_call *c;

    if (!first) {
        redis_drop(r, "it says something that it was not asked for");
        return;
    }
    c = CONTAINER_OF(first, struct redis_call, link);
    if (list_empty(&r->wanted))
        timer_stop(r->loop, &r->stall);
    else
        timer_start(r->loop, &r->stall, r->conf->stall_us);
    c->on_answer(c, a);
}

static void
redis_feed(struct redis *r, const char *bytes, size_t n)
{
    const struct redis_answer *a;
    int rv = redis_replies_feed(r->replies, bytes, n);

    while (rv == ERR_OK && !r->dropped) {
        rv = redis_replies_next(r->replies, &a);
        if (rv == ERR_OK)
            redis_answered(r, a);
    }
    if (rv != ERR_OK && rv != ERR_AGAIN)
        redis_drop(r, redis_replies_why(r->replies));
}

static void
redis_read(struct redis *r)
{
    UNINITIALIZED char bytes[READ_ROOM];

    r->inside = true;
    for (int i = 0; i < READS_PER_TURN && !r->dropped; i++) {
        ssize_t n = transport_read(r->t, bytes, sizeof(bytes));

        if (n == ERR_AGAIN)
            break;
        if (n == ERR_EOF)
            redis_drop(r, "it closed the connection");
        else if (n < 0)
            redis_drop(r, "the connection broke");
        else
            redis_feed(r, bytes, (size_t)n);
    }
    r->inside = false;
    if (r->dropped)
        redis_end(r);
}

static void
redis_on_event(void *arg, int what)
{
    struct redis *r = arg;
    struct transport *t = r->t;

    if (what & TRANSPORT_FAILED) {
        redis_drop(r, strerror(t->sys_errno));
        return;
    }
    r->connected = r->connected || what & TRANSPORT_CONNECTED;
    if (what & (TRANSPORT_CONNECTED | TRANSPORT_WRITABLE))
        redis_write(r);
    if (r->t == t && what & TRANSPORT_READABLE)
        redis_read(r);
}

/* --- commands of our own -------------------------------------------------------------- */

static void
own_begin(struct redis *r,
          void (*on_answer)(struct redis_call *, const struct redis_answer *),
          size_t words)
{
    struct list *n = list_pop(&r->free_own);
    struct redis_call *c = CONTAINER_OF(n, struct redis_call, link);

    assert(n);
    c->fn = NULL;
    c->on_answer = on_answer;
    list_append(&r->wanted, &c->link);
    redis_out_begin(&r->out, words);
}

static void
own_end(struct redis_call *c)
{
    list_append(&c->r->free_own, &c->link);
}

static void
on_login(struct redis_call *c, const struct redis_answer *a)
{
    own_end(c);
    if (a->type == REDIS_ERROR)
        redis_drop(c->r, a->text);
}

static void
on_loaded(struct redis_call *c, const struct redis_answer *a)
{
    struct redis *r = c->r;

    own_end(c);
    if (a->type == REDIS_STRING && a->text_n == SHA_LEN) {
        memcpy(r->sha, a->text, SHA_LEN + 1);
        r->served = true;
    } else {
        redis_drop(r, a->type == REDIS_ERROR ? a->text : "it does not load the script");
    }
}

static void
redis_load(struct redis *r)
{
    r->sha[0] = '\0';
    own_begin(r, on_loaded, 3);
    redis_out_word(&r->out, slice_of("SCRIPT"));
    redis_out_word(&r->out, slice_of("LOAD"));
    redis_out_word(&r->out, slice_of(r->conf->script));
}

static void
redis_greet(struct redis *r)
{
    const struct redis_conf *c = r->conf;
    char number[NUMBER_ROOM];

    if (c->password) {
        own_begin(r, on_login, c->user ? 3 : 2);
        redis_out_word(&r->out, slice_of("AUTH"));
        if (c->user)
            redis_out_word(&r->out, slice_of(c->user));
        redis_out_word(&r->out, slice_of(c->password));
    }
    if (c->database) {
        snprintf(number, sizeof(number), "%u", (unsigned)c->database);
        own_begin(r, on_login, 2);
        redis_out_word(&r->out, slice_of("SELECT"));
        redis_out_word(&r->out, slice_of(number));
    }
    redis_load(r);
}

static int
redis_connect(struct redis *r)
{
    struct addr to;

    if (timer_running(&r->pause) || !r->conf->address(r->conf->arg, &to))
        return ERR_CONNECT;
    r->replies = redis_replies_new();
    if (!r->replies)
        return ERR_NOMEM;
    r->connected = r->served = false;
    r->t = transport_connect(r->loop, &to);
    transport_bind(r->t, redis_on_event, r);
    transport_want(r->t, false, true);
    redis_greet(r);
    timer_start(r->loop, &r->stall, r->conf->stall_us);
    return ERR_OK;
}

/* --- calls ---------------------------------------------------------------------------- */

static void
call_end(struct redis_call *c, const int64_t *v, size_t n, const char *error)
{
    struct redis *r = c->r;
    redis_fn *fn = c->fn;
    void *arg = c->arg;

    c->fn = NULL;
    list_append(c < r->calls + OWN_COMMANDS ? &r->free_own : &r->free, &c->link);
    if (fn)
        fn(arg, v, n, error);
}

static void
on_evaluated(struct redis_call *c, const struct redis_answer *a)
{
    struct redis *r = c->r;

    if (a->type == REDIS_ERROR) {
        if (strncmp(a->text, "NOSCRIPT", 8) == 0 && r->sha[0]) {
            redis_load(r); /* somebody said SCRIPT FLUSH */
            timer_start(r->loop, &r->flush, 0);
        }
        call_end(c, NULL, 0, a->text);
    } else if (a->type != REDIS_LIST) {
        call_end(c, NULL, 0, "its answer is no list of whole numbers");
    } else {
        r->served = true;
        call_end(c, a->v, a->n, NULL);
    }
}

int
redis_eval(struct redis *r, const struct slice *keys, size_t n_keys,
           const struct slice *args, size_t n_args, redis_fn *fn, void *arg,
           struct redis_call **ret)
{
    char number[NUMBER_ROOM];
    struct redis_call *c;
    int rv = r->t ? ERR_OK : redis_connect(r);

    assert(n_keys + n_args <= REDIS_ARGS_MAX);
    if (rv != ERR_OK || r->dropped)
        return rv != ERR_OK ? rv : ERR_CONNECT;
    if (list_empty(&r->free) || redis_out_left(&r->out) > OUT_MAX)
        return ERR_LIMIT;
    c = CONTAINER_OF(list_pop(&r->free), struct redis_call, link);
    c->fn = fn;
    c->arg = arg;
    c->on_answer = on_evaluated;
    snprintf(number, sizeof(number), "%zu", n_keys);
    redis_out_begin(&r->out, 3 + n_keys + n_args);
    redis_out_word(&r->out, slice_of(r->sha[0] ? "EVALSHA" : "EVAL"));
    redis_out_word(&r->out, slice_of(r->sha[0] ? r->sha : r->conf->script));
    redis_out_word(&r->out, slice_of(number));
    for (size_t i = 0; i < n_keys; i++)
        redis_out_word(&r->out, keys[i]);
    for (size_t i = 0; i < n_args; i++)
        redis_out_word(&r->out, args[i]);
    if (list_empty(&r->wanted))
        timer_start(r->loop, &r->stall, r->conf->stall_us);
    list_append(&r->wanted, &c->link);
    if (r->connected && !timer_running(&r->flush))
        timer_start(r->loop, &r->flush, 0);
    *ret = c;
    return ERR_OK;
}

void
redis_forget(struct redis_call *c)
{
    c->fn = NULL;
}

/* --- life ----------------------------------------------------------------------------- */

struct redis *
redis_open(struct loop *l, const struct redis_conf *conf)
{
    size_t n = OWN_COMMANDS + (size_t)conf->max_pending;
    struct redis *r = xcalloc(1, sizeof(*r) + n * sizeof(struct redis_call));

    r->loop = l;
    r->conf = conf;
    r->pause_us = conf->pause_us;
    rng_seed_system(&r->rng);
    timer_init(&r->flush, redis_on_flush);
    timer_init(&r->pause, redis_on_pause);
    timer_init(&r->stall, redis_on_stall);
    list_init(&r->wanted);
    list_init(&r->free);
    list_init(&r->free_own);
    for (size_t i = 0; i < n; i++) {
        struct redis_call *c = &r->calls[i];

        c->r = r;
        list_init(&c->link);
        list_append(i < OWN_COMMANDS ? &r->free_own : &r->free, &c->link);
    }
    return r;
}

void
redis_close(struct redis *r)
{
    assert(!r->inside);
    r->closing = true;
    redis_drop(r, "");
    timer_stop(r->loop, &r->pause);
    xfree(r);
}

bool
redis_available(void)
{
    return true;
}

#else

#include <stdlib.h>

#include "base/err.h"

bool
redis_available(void)
{
    return false;
}

struct redis *
redis_open(struct loop *l, const struct redis_conf *conf)
{
    (void)l;
    (void)conf;
    abort(); /* redis_available was not asked */
}

void
redis_close(struct redis *r)
{
    (void)r;
}

int
redis_eval(struct redis *r, const struct slice *keys, size_t n_keys,
           const struct slice *args, size_t n_args, redis_fn *fn, void *arg,
           struct redis_call **ret)
{
    (void)r;
    (void)keys;
    (void)n_keys;
    (void)args;
    (void)n_args;
    (void)fn;
    (void)arg;
    (void)ret;
    return ERR_CONNECT;
}

void
redis_forget(struct redis_call *c)
{
    (void)c;
}

#endif
