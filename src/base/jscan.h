/* SPDX-License-Identifier: Apache-2.0 */
/* base/jscan.h - reads JSON (RFC 8259) from a piece of memory step by step, without allocating: for small texts of strangers that come with each call, where
 * a tree costs more than the signature that it is read for (6 us of 25 were the tree's). Strict: UTF-8, no NUL in strings, no lone surrogates, whole numbers fit
 * int64_t, others are finite, nothing may follow. What it does not do is to find a key that stands twice: jscan_keys below does.
 * Strings are decoded in place, so the text is the caller's to spoil; slices point into it. Pure; one thread per object. */
#ifndef OUTRIGGER_BASE_JSCAN_H
#define OUTRIGGER_BASE_JSCAN_H

#include <stdbool.h>

#include "base/compat.h"
#include "base/slice.h"

enum jscan_step {
    JSCAN_BAD, /* this is not JSON, or over a limit here; nothing follows */
    JSCAN_DONE,
    JSCAN_OBJECT,
    JSCAN_OBJECT_END,
    JSCAN_LIST,
    JSCAN_LIST_END,
    JSCAN_KEY,    /* text; its value is the next step */
    JSCAN_STRING, /* text */
    JSCAN_WHOLE,  /* whole, and text as written */
    JSCAN_REAL,   /* real, and text as written */
    JSCAN_TRUE,
    JSCAN_FALSE,
    JSCAN_NULL,
};

enum { JSCAN_DEPTH_MAX = 32, JSCAN_NUMBER_MAX = 63 /* characters */ };

struct jscan {
    uint8_t *at, *end;
    uint32_t objects; /* bit per level: an object, not a list */
    uint8_t depth;
    uint8_t expect; /* private */
    struct slice text;
    int64_t whole;
    double real;
};

void jscan_init(struct jscan *s, uint8_t *text, size_t n);
enum jscan_step jscan_next(struct jscan *s) MUST_CHECK;

/* The keys of the objects that are open, so that one that stands twice is seen. The caller tells each key and each end. */
enum { JSCAN_KEYS_MAX = 256 };
struct jscan_keys {
    unsigned n;
    unsigned starts[JSCAN_DEPTH_MAX + 1]; /* where the keys of a level begin */
    struct slice v[JSCAN_KEYS_MAX];
};

void jscan_keys_init(struct jscan_keys *k);
/* After JSCAN_OBJECT. */
void jscan_keys_open(struct jscan_keys *k, const struct jscan *s);
/* After JSCAN_KEY. False: it stands twice, or there are too many keys. */
bool jscan_keys_add(struct jscan_keys *k, const struct jscan *s) MUST_CHECK;
/* After JSCAN_OBJECT_END. */
void jscan_keys_close(struct jscan_keys *k, const struct jscan *s);
/* When JSCAN_OBJECT or JSCAN_LIST was returned last: reads all that is in it and its end. False: JSCAN_BAD, or a key twice. */
bool jscan_skip(struct jscan *s, struct jscan_keys *keys) MUST_CHECK;

#endif
