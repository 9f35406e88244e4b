/* SPDX-License-Identifier: Apache-2.0 */
/* obs/prom.h - writes metrics as Prometheus reads them: text 0.0.4, or OpenMetrics 1.0. Whoever has series writes them through this, so nobody else knows what differs:
 * OpenMetrics names the family of a counter without _total, tells units (# UNIT, by the end of the name), wants quotes in help escaped, bounds of buckets in one
 * spelling ("1.0"), and ends with # EOF. One thread at a time; the memory is that of `out`, whose cap bounds it.
 * Sources: prometheus.io/docs/instrumenting/exposition_formats, the OpenMetrics 1.0 specification. */
#ifndef OUTRIGGER_OBS_PROM_H
#define OUTRIGGER_OBS_PROM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

struct strbuf;

enum prom_kind { PROM_COUNTER, PROM_GAUGE, PROM_HISTOGRAM, PROM_INFO };

struct prom {
    struct strbuf *out;
    bool open;        /* OpenMetrics */
    const char *name; /* of the family that is being written */
    bool labeled;     /* the series has a label already */
};

/* Adds its families to p. Main thread. */
typedef void prom_fn(void *arg, struct prom *p);

static inline struct prom
prom_make(struct strbuf *out, bool openmetrics)
{
    return (struct prom){ .out = out, .open = openmetrics };
}

/* A family: all its series follow, before the next one. name: as the series have it, with _total for counters and _info for PROM_INFO; valid until the next family. */
void prom_family(struct prom *p, const char *name, enum prom_kind kind, const char *help);
/* A series of the family, in this order: begin, its labels, one value. */
void prom_begin(struct prom *p);
/* The value may hold anything: it is escaped, and what is not UTF-8 becomes U+FFFD. */
void prom_label(struct prom *p, const char *name, struct slice value);
void prom_label_text(struct prom *p, const char *name, const char *value);
/* Labels that are written already, "side=\"up\""; NULL: none. */
void prom_labels(struct prom *p, const char *ready);
void prom_value(struct prom *p, int64_t v);
void prom_seconds(struct prom *p, int64_t us); /* written as seconds */
/* A family with one series and no labels. */
void prom_one(struct prom *p, const char *name, enum prom_kind kind, const char *help,
              int64_t v);
void prom_end(struct prom *p); /* of the page */

/* The bound of a bucket as a label: text is how text 0.0.4 has it ("1", "0.00005"). Returns a spelling of it ("1.0", "5e-05"), in room when it differs. */
enum { PROM_BOUND_MAX = 24 };
const char *prom_bound(const struct prom *p, const char *text, char room[PROM_BOUND_MAX]);

#endif
