/* SPDX-License-Identifier: Apache-2.0 */
/* filter/metrics_part.c - samples of one family are points of one metric; a family that is too large for a part goes on in the next one as a metric of the same name. */
#include "filter/metrics_part.h"

#include <stdlib.h>

#include "base/strbuf.h"
#include "base/xalloc.h"
#include "filter/metrics_names.h"
#include "grpc/otlp_metrics.h"

enum {
    PART_CAP = METRICS_PART_BYTES + 64 * 1024,
    VALUES_ROOM = 2048, /* for labels that have escapes */
    BOUND_TEXT_MAX = 32,
};

/* Pieces of a growing text, as offsets until it grows no more. */
struct pieces {
    struct strbuf bytes;
    size_t *ends, n, room;
};

struct metrics_part {
    struct pieces points, metrics;
    struct otlp_metric family; /* whose points these are */
    struct slice from;         /* what the page calls it */
    size_t point_count;
    struct slice *list; /* of metrics, when all are there */
};

/* Lines of a histogram until its count. */
struct assembly {
    size_t n; /* buckets with a bound */
    double bounds[OTLP_BUCKETS_MAX];
    uint64_t below[OTLP_BUCKETS_MAX]; /* cumulative */
    double sum;
    bool wrong; /* too many buckets, or a bound that is none */
};

/* --- pieces --------------------------------------------------------------------------- */

static void
pieces_init(struct pieces *p)
{
    strbuf_init(&p->bytes, PART_CAP);
    p->n = 0;
}

static void
pieces_done(struct pieces *p)
{
    strbuf_done(&p->bytes);
    xfree(p->ends);
}

/* What was added since the last piece is one; one that was cut is none. */
static bool
pieces_close(struct pieces *p, size_t begin)
{
    if (p->bytes.cut) {
        p->bytes.cut = false;
        p->bytes.len = begin;
        return false;
    }
    if (p->n == p->room) {
        p->room = p->room ? 2 * p->room : 64;
        p->ends = xrealloc(p->ends, p->room * sizeof(p->ends[0]));
    }
    p->ends[p->n++] = p->bytes.len;
    return true;
}

static struct slice *
pieces_list(const struct pieces *p)
{
    struct slice *list = xcalloc(p->n + 1, sizeof(*list));
    size_t begin = 0;

    for (size_t i = 0; i < p->n; i++) {
        list[i] = slice_make(p->bytes.s + begin, p->ends[i] - begin);
        begin = p->ends[i];
    }
    return list;
}

/* --- families ------------------------------------------------------------------------- */

static bool
slice_ends(struct slice s, const char *with)
{
    struct slice end = slice_of(with);

    return s.n >= end.n && slice_eq(slice_make(s.p + s.n - end.n, end.n), end);
}

/* As UCUM has them. */
static struct slice
unit_of(struct slice name)
{
    if (slice_ends(name, "_total"))
        name.n -= sizeof("_total") - 1;
    if (slice_ends(name, "_seconds"))
        return slice_of("s");
    return slice_of(slice_ends(name, "_bytes") ? "By" : "");
}

static struct otlp_metric
family_of(const struct metrics_page_reader *page)
{
    const struct exposition *e = &page->at;

    return (struct otlp_metric){
        .kind = e->kind == EXPOSITION_COUNTER     ? OTLP_SUM
                : e->kind == EXPOSITION_HISTOGRAM ? OTLP_HISTOGRAM
                                                  : OTLP_GAUGE,
        .name = page->otel ? metrics_name_family(e->family) : e->family,
        .help = e->help,
        .unit = unit_of(e->family),
    };
}

/* The points so far become a metric. */
static void
family_close(struct metrics_part *m)
{
    size_t begin = m->metrics.bytes.len, n = m->points.n;
    struct slice *points;

    if (n == 0)
        return;
    points = pieces_list(&m->points);
    otlp_metric_encode(&m->family, points, n, &m->metrics.bytes);
    if (pieces_close(&m->metrics, begin))
        m->point_count += n;
    xfree(points);
    m->points.bytes.len = 0;
    m->points.n = 0;
}

/* --- points --------------------------------------------------------------------------- */

struct labels {
    size_t n;
    struct otlp_attribute list[EXPOSITION_LABELS_MAX + 1];
    char names[EXPOSITION_LABELS_MAX][64];
    char values[VALUES_ROOM];
    size_t used;
};

static void
labels_add(struct labels *room, const char *key, struct slice text)
{
    room->list[room->n++] = (struct otlp_attribute){ .key = key, .text = text };
}

/* Without escapes. */
static struct slice
labels_value(struct labels *room, struct slice escaped)
{
    char *at = room->values + room->used;
    struct slice value = exposition_value(escaped, at, VALUES_ROOM - room->used);

    if (value.p == (const uint8_t *)at)
        room->used += value.n;
    return value;
}

/* All but le, which is the bound of a bucket. */
static void
labels_plain(struct labels *room, const struct exposition_sample *s)
{
    for (size_t i = 0; i < s->label_count; i++) {
        struct slice name = s->labels[i].name;
        char *key = room->names[room->n];

        if (slice_eq_str(name, "le") || name.n >= sizeof(room->names[0]))
            continue;
        memcpy(key, name.p, name.n);
        key[name.n] = '\0';
        labels_add(room, key, labels_value(room, s->labels[i].value));
    }
}

/* "a.B" and "C" to "a.B/C", which fits: names of methods are bounded (obs/names.h). */
static struct slice
labels_method(struct labels *room, struct slice service, struct slice method)
{
    char *at = room->values + room->used;

    if (service.n == 0 || slice_eq_str(service, "_OTHER") ||
        service.n + method.n >= VALUES_ROOM - room->used)
        return method; /* which is _OTHER as well */
    memcpy(at, service.p, service.n);
    at[service.n] = '/';
    memcpy(at + service.n + 1, method.p, method.n);
    room->used += service.n + 1 + method.n;
    return slice_make(at, service.n + 1 + method.n);
}

static void
labels_rpc(struct labels *room, const struct exposition_sample *s)
{
    struct slice service = { 0 };

    labels_add(room, "rpc.system.name", slice_of("grpc"));
    for (size_t i = 0; i < s->label_count; i++) {
        const char *key = metrics_name_key(s->labels[i].name);
        struct slice value = s->labels[i].value;

        if (slice_eq_str(s->labels[i].name, "grpc_service"))
            service = value;
        else if (slice_eq_str(s->labels[i].name, "grpc_method"))
            labels_add(room, key, labels_method(room, service, value));
        else if (slice_eq_str(s->labels[i].name, "grpc_code"))
            labels_add(room, key, metrics_name_code(value));
        else if (key)
            labels_add(room, key, labels_value(room, value));
    }
}

static struct otlp_point
point_make(const struct metrics_page_reader *page, const struct exposition_sample *s,
           struct labels *room)
{
    room->n = room->used = 0;
    if (page->otel && metrics_name_is_rpc(page->at.family))
        labels_rpc(room, s);
    else
        labels_plain(room, s);
    return (struct otlp_point){
        .start_us =
            page->at.kind == EXPOSITION_COUNTER || page->at.kind == EXPOSITION_HISTOGRAM
                ? page->since_us
                : 0,
        .wall_us = page->wall_us,
        .attributes = room->list,
        .attribute_count = room->n,
    };
}

static void
number_add(struct metrics_part *m, const struct metrics_page_reader *page,
           const struct exposition_sample *s)
{
    size_t begin = m->points.bytes.len;
    UNINITIALIZED struct labels room;
    const struct otlp_number number = {
        .point = point_make(page, s, &room),
        .whole = s->whole,
        .number = s->number,
        .real = s->real,
    };

    otlp_number_encode(&number, &m->points.bytes);
    pieces_close(&m->points, begin);
}

static double
value_of(const struct exposition_sample *s)
{
    return s->whole ? (double)s->number : s->real;
}

static uint64_t
count_of(const struct exposition_sample *s)
{
    return s->whole && s->number > 0 ? (uint64_t)s->number : 0;
}

static void
bucket_add(struct assembly *a, const struct exposition_sample *s)
{
    for (size_t i = 0; i < s->label_count; i++) {
        struct slice v = s->labels[i].value;
        char text[BOUND_TEXT_MAX];

        if (!slice_eq_str(s->labels[i].name, "le") || slice_eq_str(v, "+Inf"))
            continue; /* the last bucket is what the count has beyond the others */
        if (a->n == OTLP_BUCKETS_MAX || v.n == 0 || v.n >= sizeof(text)) {
            a->wrong = true;
            return;
        }
        memcpy(text, v.p, v.n);
        text[v.n] = '\0';
        a->bounds[a->n] = strtod(text, NULL);
        a->below[a->n++] = count_of(s);
    }
}

/* The count is the last line of each series. */
static void
histogram_add(struct metrics_part *m, const struct metrics_page_reader *page,
              const struct exposition_sample *s, const struct assembly *a)
{
    size_t begin = m->points.bytes.len;
    UNINITIALIZED struct labels room;
    uint64_t counts[OTLP_BUCKETS_MAX + 1], before = 0;
    const struct otlp_histogram h = {
        .point = point_make(page, s, &room),
        .sum = a->sum,
        .bound_count = a->n,
        .bounds = a->bounds,
        .counts = counts,
    };

    if (a->wrong)
        return;
    for (size_t i = 0; i <= a->n; i++) {
        uint64_t below = i < a->n ? a->below[i] : count_of(s);

        counts[i] = below > before ? below - before : 0;
        before = below;
    }
    otlp_histogram_encode(&h, &m->points.bytes);
    pieces_close(&m->points, begin);
}

/* True: the series is complete. */
static bool
sample_add(struct metrics_part *m, const struct metrics_page_reader *page,
           const struct exposition_sample *s, struct assembly *a)
{
    if (page->at.kind != EXPOSITION_HISTOGRAM) {
        number_add(m, page, s);
        return true;
    }
    if (slice_ends(s->name, "_bucket")) {
        bucket_add(a, s);
    } else if (slice_ends(s->name, "_sum")) {
        a->sum = value_of(s);
    } else {
        histogram_add(m, page, s, a);
        *a = (struct assembly){ .n = 0 };
        return true;
    }
    return false;
}

/* --- parts ---------------------------------------------------------------------------- */

struct metrics_part *
metrics_part_read(struct metrics_page_reader *page)
{
    struct metrics_part *m = xcalloc(1, sizeof(*m));
    UNINITIALIZED struct exposition_sample s;
    struct assembly a = { .n = 0 };

    pieces_init(&m->points);
    pieces_init(&m->metrics);
    while (exposition_next(&page->at, &s)) {
        if (!slice_eq(m->from, page->at.family)) {
            family_close(m);
            m->family = family_of(page);
            m->from = page->at.family;
            a = (struct assembly){ .n = 0 };
        }
        if (sample_add(m, page, &s, &a) &&
            m->points.bytes.len + m->metrics.bytes.len >= METRICS_PART_BYTES)
            break;
    }
    family_close(m);
    if (m->metrics.n == 0) {
        metrics_part_free(m);
        return NULL;
    }
    m->list = pieces_list(&m->metrics);
    return m;
}

size_t
metrics_part_points(const struct metrics_part *m)
{
    return m->point_count;
}

const struct slice *
metrics_part_metrics(const struct metrics_part *m, size_t *ret_n)
{
    *ret_n = m->metrics.n;
    return m->list;
}

void
metrics_part_free(struct metrics_part *m)
{
    pieces_done(&m->points);
    pieces_done(&m->metrics);
    xfree(m->list);
    xfree(m);
}
