/* SPDX-License-Identifier: Apache-2.0 */
/* net/redis_reply.c - the makers that a redisReader calls while it reads. */
#include "net/redis_reply.h"

#include "net/redis.h"

#ifdef HAVE_HIREDIS

#include <hiredis/hiredis.h>
#include <string.h>

#include "base/err.h"
#include "base/xalloc.h"

#if HIREDIS_MAJOR < 1
typedef int reader_count;
#else
typedef size_t reader_count;
#endif

struct redis_replies {
    redisReader *reader;
    struct redis_answer answer; /* being read */
    const char *why;
};

static struct redis_answer *
answer_begin(const redisReadTask *task, enum redis_type type)
{
    struct redis_answer *a = task->privdata;

    if (task->parent) { /* something in a list */
        a->type = REDIS_ODD;
        return a;
    }
    a->type = type;
    a->n = a->text_n = 0;
    a->text[0] = '\0';
    return a;
}

static void *
made_string(const redisReadTask *task, char *s, size_t n)
{
    struct redis_answer *a =
        answer_begin(task, task->type == REDIS_REPLY_ERROR ? REDIS_ERROR : REDIS_STRING);

    if (!task->parent) {
        size_t fits = n < sizeof(a->text) ? n : sizeof(a->text) - 1;

        memcpy(a->text, s, fits);
        a->text[fits] = '\0';
        a->text_n = n;
    }
    return a;
}

/* NULL ends it. */
static void *
made_list(const redisReadTask *task, reader_count n)
{
    struct redis_answer *a = answer_begin(task, REDIS_LIST);

    return n <= REDIS_VALUES_MAX ? a : NULL;
}

static void *
made_number(const redisReadTask *task, long long v)
{
    struct redis_answer *a = task->privdata;

    if (!task->parent || a->n == REDIS_VALUES_MAX)
        return answer_begin(task, REDIS_ODD);
    a->v[a->n++] = v; /* in a list of a list it is odd already */
    return a;
}

static void *
made_nothing(const redisReadTask *task)
{
    return answer_begin(task, REDIS_ODD);
}

#if HIREDIS_MAJOR >= 1
static void *
made_double(const redisReadTask *task, double v, char *s, size_t n)
{
    (void)v;
    (void)s;
    (void)n;
    return answer_begin(task, REDIS_ODD);
}

static void *
made_bool(const redisReadTask *task, int v)
{
    (void)v;
    return answer_begin(task, REDIS_ODD);
}
#endif

static void
made_free(void *object)
{
    (void)object; /* it is part of redis_replies */
}

static redisReplyObjectFunctions makers = {
    .createString = made_string,
    .createArray = made_list,
    .createInteger = made_number,
#if HIREDIS_MAJOR >= 1
    .createDouble = made_double,
    .createBool = made_bool,
#endif
    .createNil = made_nothing,
    .freeObject = made_free,
};

struct redis_replies *
redis_replies_new(void)
{
    struct redis_replies *r = xcalloc(1, sizeof(*r));

    r->reader = redisReaderCreateWithFunctions(&makers);
    if (!r->reader) {
        xfree(r);
        return NULL;
    }
    r->reader->privdata = &r->answer;
    r->why = "";
    return r;
}

void
redis_replies_free(struct redis_replies *r)
{
    if (!r)
        return;
    redisReaderFree(r->reader);
    xfree(r);
}

int
redis_replies_feed(struct redis_replies *r, const char *bytes, size_t n)
{
    if (redisReaderFeed(r->reader, bytes, n) == REDIS_OK)
        return ERR_OK;
    r->why = r->reader->errstr;
    return r->reader->err == REDIS_ERR_OOM ? ERR_NOMEM : ERR_SYNTAX;
}

int
redis_replies_next(struct redis_replies *r, const struct redis_answer **ret)
{
    void *object = NULL;

    if (redisReaderGetReply(r->reader, &object) != REDIS_OK) {
        bool list = r->reader->err == REDIS_ERR_OOM; /* a maker said no */

        r->why = list ? "its answer is too long a list" : r->reader->errstr;
        return list ? ERR_LIMIT : ERR_SYNTAX;
    }
    if (object) {
        *ret = &r->answer;
        return ERR_OK;
    }
    if (r->reader->len <= REDIS_ANSWER_MAX)
        return ERR_AGAIN;
    r->why = "it sends an answer of more than 64 KiB";
    return ERR_LIMIT;
}

const char *
redis_replies_why(const struct redis_replies *r)
{
    return r->why;
}

#define TEXT(x)  #x
#define TEXT_(x) TEXT(x)

const char *
redis_library_version(void)
{
    return TEXT_(HIREDIS_MAJOR) "." TEXT_(HIREDIS_MINOR) "." TEXT_(HIREDIS_PATCH);
}

#else

const char *
redis_library_version(void)
{
    return "none";
}

#endif
