/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzz target: answers of a Redis, in one piece and cut in two: the same answers come out, and nothing is longer than it may be. */
#include <stdbool.h>
#include <string.h>

#include "base/err.h"
#include "fuzz.h"
#include "net/redis.h"
#include "net/redis_reply.h"

#ifdef HAVE_HIREDIS

struct tally {
    unsigned answers;
    uint64_t sum;
    int end;
};

static void
take(struct redis_replies *r, struct tally *t)
{
    const struct redis_answer *a = NULL;

    while (t->end == ERR_OK || t->end == ERR_AGAIN) {
        t->end = redis_replies_next(r, &a);
        if (t->end != ERR_OK)
            break;
        t->answers++;
        FUZZ_CHECK(a->type <= REDIS_ODD && a->n <= REDIS_VALUES_MAX);
        FUZZ_CHECK(memchr(a->text, '\0', sizeof(a->text)) != NULL);
        t->sum = t->sum * 31 + a->type;
        for (size_t i = 0; a->type == REDIS_LIST && i < a->n; i++)
            t->sum = t->sum * 31 + (uint64_t)a->v[i];
        if (a->type == REDIS_STRING || a->type == REDIS_ERROR)
            t->sum = t->sum * 31 + a->text_n + (uint8_t)a->text[0];
    }
    FUZZ_CHECK(t->end == ERR_AGAIN || t->end == ERR_SYNTAX || t->end == ERR_LIMIT);
    FUZZ_CHECK(t->end == ERR_AGAIN || redis_replies_why(r)[0]);
}

static void
feed(struct redis_replies *r, const uint8_t *bytes, size_t n, struct tally *t)
{
    if (n == 0 || t->end == ERR_SYNTAX || t->end == ERR_LIMIT)
        return;
    FUZZ_CHECK(redis_replies_feed(r, (const char *)bytes, n) == ERR_OK);
    take(r, t);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    struct redis_replies *whole = redis_replies_new(), *cut = redis_replies_new();
    struct tally a = { 0 }, b = { 0 };
    size_t at = n ? bytes[0] % n : 0;

    feed(whole, bytes, n, &a);
    feed(cut, bytes, at, &b);
    feed(cut, bytes + at, n - at, &b);
    FUZZ_CHECK(a.answers == b.answers && a.sum == b.sum);
    redis_replies_free(whole);
    redis_replies_free(cut);
    return 0;
}

#else

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    (void)bytes;
    (void)n;
    return 0; /* nothing of it is in this build */
}

#endif
