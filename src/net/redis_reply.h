/* SPDX-License-Identifier: Apache-2.0 */
/* net/redis_reply.h - the answers of a Redis (RESP2), cut out of its bytes. hiredis reads them, by its redisReader alone: its asynchronous part ends the process by an assert
 * when a server says something that was not asked for. What it makes is made by us, so nothing grows with what a server promises; what waits for its end is at
 * most REDIS_ANSWER_MAX. One thread. */
#ifndef OUTRIGGER_NET_REDIS_REPLY_H
#define OUTRIGGER_NET_REDIS_REPLY_H

#include <stddef.h>
#include <stdint.h>

#include "base/compat.h"

struct redis_replies;

enum {
    REDIS_ANSWER_MAX = 65536,
    REDIS_VALUES_MAX = 16, /* of a list; a longer one is refused */
    REDIS_TEXT_ROOM = 256,
};

enum redis_type {
    REDIS_STRING,
    REDIS_ERROR,
    REDIS_LIST, /* of whole numbers */
    REDIS_ODD,  /* anything else: a number, nothing, a list with other things in it */
};

struct redis_answer {
    enum redis_type type;
    size_t n; /* of a list */
    int64_t v[REDIS_VALUES_MAX];
    char text
        [REDIS_TEXT_ROOM]; /* of strings and errors; cut, and up to its first NUL for those who print it */
    size_t text_n; /* uncut */
};

/* NULL: no memory. */
struct redis_replies *redis_replies_new(void);
void redis_replies_free(struct redis_replies *r); /* NULL is fine */
/* Bytes of the server. After an error other than ERR_AGAIN, here or from redis_replies_next, the connection is of no use any more. ERR_NOMEM, ERR_SYNTAX. */
int redis_replies_feed(struct redis_replies *r, const char *bytes, size_t n) MUST_CHECK;
/* The next whole answer, valid until the next call here. ERR_AGAIN: there is none; ERR_LIMIT: too long; ERR_SYNTAX: this is no RESP. */
int
redis_replies_next(struct redis_replies *r, const struct redis_answer **ret) MUST_CHECK;
/* Why the last call failed: a plain sentence. */
const char *redis_replies_why(const struct redis_replies *r);

#endif
