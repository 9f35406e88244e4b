/* SPDX-License-Identifier: Apache-2.0 */
/* tests/unit/filter/sidefake.h - the outside service of a test of filters: in the place of a side call the question is kept, and the test answers it. The program is
 * linked with -Wl,--wrap=sidecall_start,--wrap=sidecall_cancel. */
#ifndef OUTRIGGER_TESTS_UNIT_SIDEFAKE_H
#define OUTRIGGER_TESTS_UNIT_SIDEFAKE_H

#include <stdlib.h>
#include <string.h>

#include "unit.h"

#include "upstream/sidecall.h"

struct sidefake {
    unsigned asked, cancelled;
    bool no_memory; /* the next question cannot be asked */
    /* Of the last question. */
    struct pool *pool;
    const char *path;
    int64_t timeout_us;
    uint8_t message[65536];
    size_t n;
    sidecall_fn *done; /* NULL: answered or cancelled */
    void *arg;
};

static struct sidefake sidefake;

struct sidecall *
__wrap_sidecall_start(struct pool *p, const char *path, struct slice message,
                      int64_t timeout_us, sidecall_fn *done, void *arg);
void __wrap_sidecall_cancel(struct sidecall *c);

struct sidecall *
__wrap_sidecall_start(struct pool *p, const char *path, struct slice message,
                      int64_t timeout_us, sidecall_fn *done, void *arg)
{
    if (sidefake.no_memory)
        return NULL;
    assert_in_range(message.n, 1, sizeof(sidefake.message));
    sidefake.asked++;
    sidefake.pool = p;
    sidefake.path = path;
    sidefake.timeout_us = timeout_us;
    memcpy(sidefake.message, message.p, message.n);
    sidefake.n = message.n;
    sidefake.done = done;
    sidefake.arg = arg;
    return (struct sidecall *)&sidefake;
}

void
__wrap_sidecall_cancel(struct sidecall *c)
{
    assert_ptr_equal(c, &sidefake);
    assert_non_null(sidefake.done);
    sidefake.cancelled++;
    sidefake.done = NULL;
}

static inline void
side_end(const struct sidecall_result *r)
{
    sidecall_fn *done = sidefake.done;

    assert_non_null(done);
    sidefake.done = NULL;
    done(sidefake.arg, r);
}

/* The service answers OK with this message. */
static inline void
side_answer(struct slice message)
{
    side_end(&(struct sidecall_result){ .own = true, .message = message, .why = "" });
}

static inline void
side_fail(int code)
{
    side_end(&(struct sidecall_result){ .code = code, .why = "no answer in time" });
}

/* The question has these bytes in it. */
static inline bool
side_was_told(struct slice bytes)
{
    return memmem(sidefake.message, sidefake.n, bytes.p, bytes.n) != NULL;
}

#endif
