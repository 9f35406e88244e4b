/* SPDX-License-Identifier: Apache-2.0 */
/* tests/lib/pbtest.h - protobuf messages written field by field, for tests of codecs: M(2, TEXT(1, "a"), NUMBER(3, 5)) is field 2 with a message that has
 * field 1 and field 3. What is made lives until pb_reset. */
#ifndef OUTRIGGER_TESTS_LIB_PBTEST_H
#define OUTRIGGER_TESTS_LIB_PBTEST_H

#include <assert.h>
#include <stdarg.h>
#include <string.h>

#include "base/slice.h"

static uint8_t pb_memory[1 << 20];
static size_t pb_used;

static inline void
pb_reset(void)
{
    pb_used = 0;
}

static inline void
pb_put(uint64_t v)
{
    do {
        pb_memory[pb_used++] = (uint8_t)((v & 127) | (v > 127 ? 128 : 0));
        v >>= 7;
    } while (v);
}

static inline struct slice
pb_since(size_t from)
{
    assert(pb_used < sizeof(pb_memory));
    return slice_make(pb_memory + from, pb_used - from);
}

static inline struct slice
BYTES_FIELD(unsigned tag, struct slice s) {
    size_t from = pb_used;

    pb_put(tag << 3 | 2);
    pb_put(s.n);
    assert(s.n < sizeof(pb_memory) - pb_used);
    if (s.n)
        memmove(pb_memory + pb_used, s.p, s.n);
    pb_used += s.n;
    return pb_since(from);
}

static inline struct slice
TEXT(unsigned tag, const char *text) {
    return BYTES_FIELD(tag, slice_of(text));
}

static inline struct slice
NUMBER(unsigned tag, uint64_t v) {
    size_t from = pb_used;

    pb_put(tag << 3);
    pb_put(v);
    return pb_since(from);
}

/* All of them in a row. */
static inline struct slice
pb_join(size_t n, const struct slice *v)
{
    size_t from = pb_used;

    for (size_t i = 0; i < n; i++) {
        assert(v[i].n < sizeof(pb_memory) - pb_used);
        if (v[i].n)
            memcpy(pb_memory + pb_used, v[i].p, v[i].n);
        pb_used += v[i].n;
    }
    return pb_since(from);
}

#define JOIN(...)                                                           \
    pb_join(sizeof((struct slice[]){ __VA_ARGS__ }) / sizeof(struct slice), \
            (struct slice[]){ __VA_ARGS__ })
#define M(tag, ...) BYTES_FIELD((tag), JOIN(__VA_ARGS__))
#define EMPTY(tag)  TEXT((tag), "")

#endif
