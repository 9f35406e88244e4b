/* SPDX-License-Identifier: Apache-2.0 */
/* net/redis.c - hiredis calls our hooks to watch the socket, and our callbacks from inside its own handlers. Those take notes and tell owners; the connection is freed
 * only from the outside (redis_drop), since hiredis goes on after a callback.
 *
 * The script goes to Redis once per connection (SCRIPT LOAD) and is called by its hash from then on; until that answer came it is sent in full. */
#include "net/redis.h"

#ifdef HAVE_HIREDIS

#include <arpa/inet.h>
#include <assert.h>
#include <hiredis/async.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>

#include "base/err.h"
#include "base/rand.h"
#include "base/xalloc.h"
#include "loop/fdwatch.h"
#include "loop/loop.h"
#include "loop/timer.h"
#include "net/addr.h"

enum { WHY_MAX = 256, SHA_LEN = 40, PAUSE_JITTER_PERCENT = 20, NUMBER_ROOM = 16 };

struct redis_call {
    struct redis *r;
    redis_fn *fn; /* NULL: forgotten */
    void *arg;
    struct redis_call *next_free;
};

struct redis {
    struct loop *loop;
    const struct redis_conf *conf;
    struct rng rng;
    redisAsyncContext *ac; /* NULL: no connection */
    struct fdwatch *watch;
    bool reading, writing;
    bool inside;  /* hiredis runs: ac may not be freed */
    bool dropped; /* ... and goes afterwards */
    bool closing;
    bool served;           /* this connection gave an answer */
    char sha[SHA_LEN + 1]; /* "": not loaded yet */
    char why[WHY_MAX];
    int64_t pause_us;   /* the next one */
    struct timer pause; /* running: too early to connect */
    struct timer stall; /* running: answers are wanted */
    uint32_t pending;
    struct redis_call *free;
    struct redis_call calls[];
};

/* --- loop adapter --------------------------------------------------------------------- */

static void
redis_watch(struct redis *r, bool read, bool write)
{
    r->reading = read;
    r->writing = write;
    if (r->watch)
        fdwatch_want(r->watch, read, write);
}

static void
hook_add_read(void *arg)
{
    redis_watch(arg, true, ((struct redis *)arg)->writing);
}

static void
hook_del_read(void *arg)
{
    redis_watch(arg, false, ((struct redis *)arg)->writing);
}

static void
hook_add_write(void *arg)
{
    redis_watch(arg, ((struct redis *)arg)->reading, true);
}

static void
hook_del_write(void *arg)
{
    redis_watch(arg, ((struct redis *)arg)->reading, false);
}

/* The connection is gone; all its callbacks have run. */
static void
hook_cleanup(void *arg)
{
    struct redis *r = arg;

    if (!r->why[0])
        snprintf(r->why, sizeof(r->why), "%s",
                 r->ac->err ? r->ac->errstr : "the connection ended");
    fdwatch_close(r->watch);
    r->watch = NULL;
    r->ac = NULL;
}

/* --- end of a connection -------------------------------------------------------------- */

/* After hiredis returned: the pause, and the word to the owner. */
static void
redis_ended(struct redis *r)
{
    timer_stop(r->loop, &r->stall);
    if (r->closing)
        return;
    if (r->served)
        r->pause_us = r->conf->pause_us;
    else
        timer_start(r->loop, &r->pause,
                    rng_jitter(&r->rng, r->pause_us, PAUSE_JITTER_PERCENT));
    if (!r->served && (r->pause_us *= 2) > r->conf->pause_max_us)
        r->pause_us = r->conf->pause_max_us;
    r->conf->lost(r->conf->arg, r->why);
}

/* Ends the connection, now or when hiredis has returned. */
static void
redis_drop(struct redis *r, const char *why)
{
    if (!r->ac || r->dropped)
        return;
    if (!r->why[0])
        snprintf(r->why, sizeof(r->why), "%s", why);
    if (r->inside) {
        r->dropped = true;
        return;
    }
    r->inside = true;
    redisAsyncFree(r->ac);
    r->inside = false;
    redis_ended(r);
}

static void
redis_leave(struct redis *r)
{
    r->inside = false;
    if (!r->ac) {
        redis_ended(r);
    } else if (r->dropped) {
        r->dropped = false;
        redis_drop(r, r->why);
    }
}

static void
redis_on_fd(void *arg, int what)
{
    struct redis *r = arg;
    redisAsyncContext *ac = r->ac;

    r->inside = true;
    if (what & FD_READ)
        redisAsyncHandleRead(ac);
    if (r->ac == ac && !r->dropped && what & FD_WRITE)
        redisAsyncHandleWrite(ac);
    if (r->ac == ac && !r->dropped && ac->c.reader &&
        ac->c.reader->len > REDIS_ANSWER_MAX)
        redis_drop(r, "it sends an answer of more than 64 KiB");
    redis_leave(r);
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

/* --- connect -------------------------------------------------------------------------- */

static void
on_login(redisAsyncContext *ac, void *answer, void *arg)
{
    struct redis *r = arg;
    const redisReply *reply = answer;

    (void)ac;
    if (reply && reply->type == REDIS_REPLY_ERROR)
        redis_drop(r, reply->str);
}

static void
on_loaded(redisAsyncContext *ac, void *answer, void *arg)
{
    struct redis *r = arg;
    const redisReply *reply = answer;

    (void)ac;
    if (!reply)
        return;
    if (reply->type == REDIS_REPLY_STRING && reply->len == SHA_LEN)
        memcpy(r->sha, reply->str, SHA_LEN + 1);
    if (reply->type == REDIS_REPLY_STRING)
        r->served = true;
    else if (reply->type == REDIS_REPLY_ERROR)
        redis_drop(r, reply->str);
}

/* Whatever goes wrong here shows on the connection. */
static void
redis_greet(struct redis *r)
{
    const struct redis_conf *c = r->conf;

    r->sha[0] = '\0';
    if (c->user)
        redisAsyncCommand(r->ac, on_login, r, "AUTH %s %s", c->user,
                          c->password ? c->password : "");
    else if (c->password)
        redisAsyncCommand(r->ac, on_login, r, "AUTH %s", c->password);
    if (c->database)
        redisAsyncCommand(r->ac, on_login, r, "SELECT %u", (unsigned)c->database);
    redisAsyncCommand(r->ac, on_loaded, r, "SCRIPT LOAD %s", c->script);
}

/* Addresses are numbers, so hiredis asks no name service. NULL: no memory or no socket. */
static redisAsyncContext *
redis_dial(const struct addr *to)
{
    const void *sa = &to->sa;
    char ip[INET6_ADDRSTRLEN] = "";

    if (to->sa.ss_family == AF_INET) {
        const struct sockaddr_in *in = sa;

        inet_ntop(AF_INET, &in->sin_addr, ip, sizeof(ip));
        return redisAsyncConnect(ip, ntohs(in->sin_port));
    }
    if (to->sa.ss_family == AF_INET6) {
        const struct sockaddr_in6 *in6 = sa;

        inet_ntop(AF_INET6, &in6->sin6_addr, ip, sizeof(ip));
        return redisAsyncConnect(ip, ntohs(in6->sin6_port));
    }
    return redisAsyncConnectUnix(((const struct sockaddr_un *)sa)->sun_path);
}

static int
redis_connect(struct redis *r)
{
    redisAsyncContext *ac;
    struct addr to;

    if (r->inside || timer_running(&r->pause) || !r->conf->address(r->conf->arg, &to))
        return ERR_CONNECT;
    r->why[0] = '\0';
    r->served = r->dropped = r->reading = r->writing = false;
    ac = redis_dial(&to);
    if (!ac || ac->err) {
        snprintf(r->why, sizeof(r->why), "%s", ac ? ac->errstr : "no memory");
        if (ac)
            redisAsyncFree(ac); /* our hooks are not in it yet */
        redis_ended(r);
        return ERR_CONNECT;
    }
    r->ac = ac;
    r->watch = fdwatch_open(r->loop, ac->c.fd, redis_on_fd, r);
    ac->ev.data = r;
    ac->ev.addRead = hook_add_read;
    ac->ev.delRead = hook_del_read;
    ac->ev.addWrite = hook_add_write;
    ac->ev.delWrite = hook_del_write;
    ac->ev.cleanup = hook_cleanup;
    redis_greet(r);
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
    c->next_free = r->free;
    r->free = c;
    r->pending--;
    if (r->pending && r->ac && !r->dropped)
        timer_start(r->loop, &r->stall, r->conf->stall_us);
    else
        timer_stop(r->loop, &r->stall);
    if (fn)
        fn(arg, v, n, error);
}

static void
call_end_by_reply(struct redis_call *c, const redisReply *reply)
{
    int64_t v[REDIS_VALUES_MAX];
    size_t n = 0;

    if (reply->type == REDIS_REPLY_ERROR) {
        if (strncmp(reply->str, "NOSCRIPT", 8) == 0) { /* somebody said SCRIPT FLUSH */
            c->r->sha[0] = '\0';
            redisAsyncCommand(c->r->ac, on_loaded, c->r, "SCRIPT LOAD %s",
                              c->r->conf->script);
        }
        call_end(c, NULL, 0, reply->str);
        return;
    }
    if (reply->type == REDIS_REPLY_ARRAY && reply->elements <= REDIS_VALUES_MAX) {
        while (n < reply->elements && reply->element[n]->type == REDIS_REPLY_INTEGER) {
            v[n] = reply->element[n]->integer;
            n++;
        }
    }
    if (reply->type != REDIS_REPLY_ARRAY || n != reply->elements) {
        call_end(c, NULL, 0, "its answer is no list of whole numbers");
        return;
    }
    c->r->served = true;
    call_end(c, v, n, NULL);
}

static void
on_evaluated(redisAsyncContext *ac, void *answer, void *arg)
{
    struct redis_call *c = arg;
    struct redis *r = c->r;

    if (answer && !r->dropped)
        call_end_by_reply(c, answer);
    else
        call_end(c, NULL, 0,
                 r->why[0] ? r->why
                 : ac->err ? ac->errstr
                           : "the connection ended");
}

static void
call_argument(const char **argv, size_t *lens, int *n, struct slice s)
{
    argv[*n] = s.n ? (const char *)s.p : "";
    lens[(*n)++] = s.n;
}

int
redis_eval(struct redis *r, const struct slice *keys, size_t n_keys,
           const struct slice *args, size_t n_args, redis_fn *fn, void *arg,
           struct redis_call **ret)
{
    const char *argv[REDIS_ARGS_MAX + 3];
    size_t lens[REDIS_ARGS_MAX + 3];
    char number[NUMBER_ROOM];
    struct redis_call *c;
    int n = 0;

    assert(n_keys + n_args <= REDIS_ARGS_MAX);
    if (r->dropped || (!r->ac && redis_connect(r) != ERR_OK))
        return ERR_CONNECT;
    c = r->free;
    if (!c)
        return ERR_LIMIT;
    snprintf(number, sizeof(number), "%zu", n_keys);
    call_argument(argv, lens, &n, slice_of(r->sha[0] ? "EVALSHA" : "EVAL"));
    call_argument(argv, lens, &n, slice_of(r->sha[0] ? r->sha : r->conf->script));
    call_argument(argv, lens, &n, slice_of(number));
    for (size_t i = 0; i < n_keys; i++)
        call_argument(argv, lens, &n, keys[i]);
    for (size_t i = 0; i < n_args; i++)
        call_argument(argv, lens, &n, args[i]);
    if (redisAsyncCommandArgv(r->ac, on_evaluated, c, n, argv, lens) != REDIS_OK)
        return ERR_CONNECT;
    r->free = c->next_free;
    c->fn = fn;
    c->arg = arg;
    if (r->pending++ == 0)
        timer_start(r->loop, &r->stall, r->conf->stall_us);
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
    struct redis *r =
        xcalloc(1, sizeof(*r) + conf->max_pending * sizeof(struct redis_call));

    r->loop = l;
    r->conf = conf;
    r->pause_us = conf->pause_us;
    rng_seed_system(&r->rng);
    timer_init(&r->pause, redis_on_pause);
    timer_init(&r->stall, redis_on_stall);
    for (uint32_t i = 0; i < conf->max_pending; i++) {
        r->calls[i].r = r;
        r->calls[i].next_free = r->free;
        r->free = &r->calls[i];
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
    timer_stop(r->loop, &r->stall);
    xfree(r);
}

#define TEXT(x)  #x
#define TEXT_(x) TEXT(x)

const char *
redis_library_version(void)
{
    return TEXT_(HIREDIS_MAJOR) "." TEXT_(HIREDIS_MINOR) "." TEXT_(HIREDIS_PATCH);
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

const char *
redis_library_version(void)
{
    return "none";
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
