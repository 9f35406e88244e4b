/* SPDX-License-Identifier: Apache-2.0 */
/* obs/exposition.h - reads our own page of metrics (Prometheus text 0.0.4) again, one sample after another, for those who send metrics elsewhere: so what is sent and
 * what /metrics shows can never differ. A line that is none is left out. Pure: everything points into the text. */
#ifndef OUTRIGGER_OBS_EXPOSITION_H
#define OUTRIGGER_OBS_EXPOSITION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compat.h"
#include "base/slice.h"

enum { EXPOSITION_LABELS_MAX = 16 };

enum exposition_kind {
    EXPOSITION_OTHER,
    EXPOSITION_COUNTER,
    EXPOSITION_GAUGE,
    EXPOSITION_HISTOGRAM
};

struct exposition_label {
    struct slice name, value; /* value: with its escapes */
};

struct exposition_sample {
    struct slice name; /* with _bucket, _sum or _count */
    size_t label_count;
    struct exposition_label labels[EXPOSITION_LABELS_MAX];
    bool whole; /* number counts, else real */
    int64_t number;
    double real;
};

/* Where the reading is. */
struct exposition {
    struct slice rest;
    struct slice family, help; /* of the samples that follow */
    enum exposition_kind kind;
    size_t bad; /* lines that were left out */
};

static inline struct exposition
exposition_begin(struct slice text)
{
    return (struct exposition){ .rest = text };
}

/* False: there are no more. */
bool exposition_next(struct exposition *e, struct exposition_sample *ret) MUST_CHECK;
/* The value without escapes, at most `room` bytes of it, in out when it has any. */
struct slice exposition_value(struct slice value, char *out, size_t room);

#endif
