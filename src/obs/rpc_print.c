/* SPDX-License-Identifier: Apache-2.0 */
/* obs/rpc_print.c - the series of calls as Prometheus reads them. The workers go on counting meanwhile, so a sum may be a call ahead of another; each block is read once,
 * which keeps a histogram and its count together. Labels are written once per series, and no line goes through printf: hundreds of methods have tens of thousands
 * of lines. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/compat.h"
#include "base/strbuf.h"
#include "base/xalloc.h"
#include "obs/line.h"
#include "obs/prom.h"
#include "obs/rpc_metrics_int.h"

enum {
    LABELS_MAX = 1024,
    COMMON_END = 256, /* name of the family, bound, value */
    US_PER_S = 1000000,
};

/* The sum of one series over all workers. */
struct row {
    uint32_t key;
    const struct rpc_counts *from; /* while collecting */
    struct exemplar
        *examples; /* by bucket, the newest; trace[0] 0: none. NULL: none at all */
    uint64_t *sum;
    char *labels;
    size_t labels_n;
};

struct rows {
    struct row *v;
    size_t n;
    uint64_t *sums;
};

struct print {
    const struct rpc_metrics *m;
    const char *(*code_label)(int code);
    struct prom *prom;
    struct strbuf *out; /* its text */
    const char *side;   /* "grpc_server" */
    char family[64];
    const char *le[HISTOGRAM_BOUNDS_MAX];
    char le_room[HISTOGRAM_BOUNDS_MAX][PROM_BOUND_MAX];
};

/* --- collecting --------------------------------------------------------------------- */

static void
rows_add(struct rows *r, const struct rpc_counts *c)
{
    if (c)
        r->v[r->n++] = (struct row){ .key = c->key, .from = c };
}

static size_t
table_pairs(const struct rpc_table *t)
{
    return atomic_load_explicit(&t->client_count, memory_order_acquire);
}

static struct rows
collect(const struct rpc_metrics *m, bool client)
{
    struct rows r = { 0 };
    size_t most = client ? m->max_pairs : m->max_methods + 1;

    r.v = xcalloc(most * m->workers, sizeof(*r.v));
    for (unsigned w = 0; w < m->workers; w++) {
        const struct rpc_table *t = &m->tables[w];
        size_t n = client ? table_pairs(t) : names_count(m->methods) + 1;

        for (size_t i = 0; i < n; i++)
            rows_add(&r, atomic_load_explicit(client ? &t->client[i] : &t->server[i],
                                              memory_order_acquire));
    }
    return r;
}

/* In the order of their names; "_OTHER" is first. */
static int
row_compare(const void *a, const void *b)
{
    uint32_t x = ((const struct row *)a)->key, y = ((const struct row *)b)->key;

    return x < y ? -1 : x > y;
}

static void
row_take_examples(const struct rpc_metrics *m, struct row *r, const struct rpc_counts *c)
{
    const struct exemplar_slot *slots =
        atomic_load_explicit(&c->examples, memory_order_acquire);

    if (!slots)
        return;
    if (!r->examples)
        r->examples = xcalloc(m->bounds->n + 1, sizeof(*r->examples));
    for (size_t i = 0; i <= m->bounds->n; i++) {
        struct exemplar e;

        if (exemplar_get(&slots[i], &e) && e.wall_us >= r->examples[i].wall_us)
            r->examples[i] = e;
    }
}

/* Blocks of several workers become one row. */
static void
rows_sum(const struct rpc_metrics *m, struct rows *r, bool examples)
{
    size_t kept = 0;

    r->sums = xcalloc(r->n + 1, m->count_size * sizeof(uint64_t));
    for (size_t i = 0; i < r->n; i++) {
        if (kept == 0 || r->v[kept - 1].key != r->v[i].key) {
            r->v[kept] = r->v[i];
            r->v[kept].sum = r->sums + kept * m->count_size;
            kept++;
        }
        if (examples)
            row_take_examples(m, &r->v[kept - 1], r->v[i].from);
        for (size_t k = 0; k < m->count_size; k++)
            r->v[kept - 1].sum[k] +=
                atomic_load_explicit(&r->v[i].from->v[k], memory_order_relaxed);
    }
    r->n = kept;
}

/* A value of a label: names of methods need no escapes (grpc/path.h), names of pools have none of these characters (conf_name_valid); still nothing can break out. */
static size_t
label_add(char *to, size_t at, const char *name, struct slice value)
{
    size_t n = strlen(name);

    memcpy(to + at, name, n);
    at += n;
    to[at++] = '"';
    for (size_t i = 0; i < value.n && at < LABELS_MAX - 64; i++) {
        uint8_t c = value.p[i];

        to[at++] = c == '"' || c == '\\' || c < 0x20 ? '_' : (char)c;
    }
    to[at++] = '"';
    return at;
}

static void
row_labels(const struct rpc_metrics *m, struct row *r, bool client)
{
    char text[LABELS_MAX + NAME_BYTES_MAX];
    unsigned method = client ? rpc_key_method(r->key) : r->key;
    struct slice other = slice_of("_OTHER"), service = other, name = other, pool = other;
    size_t at = 0;

    if (method != NAME_OTHER) {
        struct slice path = names_get(m->methods, method);
        const uint8_t *slash = memrchr(path.p, '/', path.n);

        service = slice_make(path.p + 1, (size_t)(slash - path.p) - 1);
        name = slice_make(slash + 1, path.n - service.n - 2);
    }
    if (client && rpc_key_pool(r->key) != NAME_OTHER)
        pool = names_get(m->pools, rpc_key_pool(r->key));
    at = label_add(text, at, "grpc_type=", slice_of("unknown"));
    at = label_add(text, at, ",grpc_service=", service);
    at = label_add(text, at, ",grpc_method=", name);
    if (client)
        at = label_add(text, at, ",pool=", pool);
    r->labels = xstrndup(text, at);
    r->labels_n = at;
}

static void
rows_free(struct rows *r)
{
    for (size_t i = 0; i < r->n; i++) {
        xfree(r->v[i].labels);
        xfree(r->v[i].examples);
    }
    xfree(r->v);
    xfree(r->sums);
}

/* --- writing ------------------------------------------------------------------------ */

static void
print_text(const struct print *p, const char *s)
{
    strbuf_add(p->out, s, strlen(s));
}

static void
print_number(const struct print *p, uint64_t v)
{
    char room[20], *end = room + sizeof(room), *s = line_digits(end, v, 1);

    strbuf_add(p->out, s, (size_t)(end - s));
}

static void
print_head(struct print *p, const char *name, enum prom_kind kind, const char *help)
{
    snprintf(p->family, sizeof(p->family), "%s%s", p->side, name);
    prom_family(p->prom, p->family, kind, help);
}

/* grpc_server_started_total{...labels, more} */
static void
print_series(const struct print *p, const char *name, const struct row *r,
             const char *label, const char *value)
{
    print_text(p, p->side);
    print_text(p, name);
    strbuf_add(p->out, "{", 1);
    strbuf_add(p->out, r->labels, r->labels_n);
    if (label) {
        print_text(p, label);
        print_text(p, value);
        strbuf_add(p->out, "\"", 1);
    }
    strbuf_add(p->out, "} ", 2);
}

static void
print_counter(struct print *p, const struct rows *rows, const char *name, unsigned at,
              const char *help)
{
    print_head(p, name, PROM_COUNTER, help);
    for (size_t i = 0; i < rows->n; i++) {
        print_series(p, name, &rows->v[i], NULL, NULL);
        print_number(p, rows->v[i].sum[at]);
        strbuf_add(p->out, "\n", 1);
    }
}

static void
print_handled(struct print *p, const struct rows *rows, const char *help)
{
    print_head(p, "_handled_total", PROM_COUNTER, help);
    for (size_t i = 0; i < rows->n; i++) {
        for (int code = 0; code < RPC_CODES; code++) {
            uint64_t n = rows->v[i].sum[RPC_CODE_0 + code];

            if (n == 0)
                continue;
            print_series(p, "_handled_total", &rows->v[i], ",grpc_code=\"",
                         p->code_label(code));
            print_number(p, n);
            strbuf_add(p->out, "\n", 1);
        }
    }
}

/* The lines of a histogram differ in their end alone, so what they have in common is written once, into a line that is given another end each time. */
struct common {
    char s[LABELS_MAX + COMMON_END];
    size_t n;
};

static void
common_add(struct common *c, const char *s, size_t n)
{
    memcpy(c->s + c->n, s, n);
    c->n += n;
}

static void
common_begin(struct common *c, const struct print *p, const struct row *r)
{
    c->n = 0;
    common_add(c, p->side, strlen(p->side));
    common_add(c, "_handling_seconds_bucket{", strlen("_handling_seconds_bucket{"));
    common_add(c, r->labels, r->labels_n);
    common_add(c, ",le=\"", strlen(",le=\""));
}

/* The line of one bucket, without its end. */
static void
common_print(struct common *c, const struct print *p, const char *le, uint64_t v)
{
    char room[20], *end = room + sizeof(room), *s = line_digits(end, v, 1);
    size_t n = c->n;

    common_add(c, le, strlen(le));
    common_add(c, "\"} ", 3);
    common_add(c, s, (size_t)(end - s));
    strbuf_add(p->out, c->s, c->n);
    c->n = n;
}

static void
print_us(const struct print *p, uint64_t us)
{
    char room[6];

    print_number(p, us / US_PER_S);
    strbuf_add(p->out, ".", 1);
    strbuf_add(p->out, line_digits(room + 6, us % US_PER_S, 6), 6);
}

/* Text 0.0.4 has none, so there are none. A bucket counts what is below it, too, but its example is of its own span. */
static void
print_example(const struct print *p, const struct row *r, size_t bucket)
{
    const struct exemplar *e = r->examples ? &r->examples[bucket] : NULL;

    if (!e || !e->trace[0])
        return;
    print_text(p, " # {trace_id=\"");
    strbuf_add(p->out, e->trace, sizeof(e->trace));
    print_text(p, "\"} ");
    print_us(p, (uint64_t)e->us);
    print_text(p, " ");
    print_us(p, (uint64_t)e->wall_us);
}

static void
print_histogram(const struct print *p, const struct row *r)
{
    const struct histogram_bounds *b = p->m->bounds;
    UNINITIALIZED struct common line;
    uint64_t n = 0;

    common_begin(&line, p, r);
    for (size_t i = 0; i <= b->n; i++) {
        n += r->sum[RPC_BUCKET_0 + i];
        common_print(&line, p, i < b->n ? p->le[i] : "+Inf", n);
        print_example(p, r, i);
        strbuf_add(p->out, "\n", 1);
    }
    print_series(p, "_handling_seconds_sum", r, NULL, NULL);
    print_us(p, r->sum[RPC_TIME_US]);
    strbuf_add(p->out, "\n", 1);
    print_series(p, "_handling_seconds_count", r, NULL, NULL);
    print_number(p, n);
    strbuf_add(p->out, "\n", 1);
}

static void
print_side(struct print *p, bool client)
{
    struct rows rows = collect(p->m, client);
    const char *sent = client ? "Messages sent to backends, by method; of ended calls."
                              : "Messages sent to clients, by method; of ended calls.";
    const char *received = client ? "Messages of backends, by method; of ended calls."
                                  : "Messages of clients, by method; of ended calls.";

    qsort(rows.v, rows.n, sizeof(*rows.v), row_compare);
    rows_sum(p->m, &rows, p->prom->open);
    for (size_t i = 0; i < rows.n; i++)
        row_labels(p->m, &rows.v[i], client);
    if (rows.n > 0) {
        print_counter(p, &rows, "_started_total", RPC_STARTED,
                      client ? "Attempts on backends that began, by method."
                             : "Calls that clients began, by method.");
        print_handled(p, &rows,
                      client ? "Attempts on backends that ended, by method and code."
                             : "Calls that ended, by method and code.");
        print_counter(p, &rows, "_msg_received_total", RPC_RECEIVED, received);
        print_counter(p, &rows, "_msg_sent_total", RPC_SENT, sent);
    }
    if (rows.n > 0 && p->m->bounds->n > 0) {
        print_head(p, "_handling_seconds", PROM_HISTOGRAM,
                   client ? "Time of attempts on backends, by method."
                          : "Time from a call's headers to its end, by method.");
        for (size_t i = 0; i < rows.n; i++)
            print_histogram(p, &rows.v[i]);
    }
    rows_free(&rows);
}

size_t
rpc_metrics_bytes(const struct rpc_metrics *m)
{
    size_t blocks = 0, examples = 0;

    for (int client = 0; client < 2; client++) {
        struct rows r = collect(m, client);

        blocks += r.n;
        for (size_t i = 0; i < r.n; i++)
            examples += atomic_load_explicit(&r.v[i].from->examples,
                                             memory_order_relaxed) != NULL;
        xfree(r.v);
    }
    return blocks * (sizeof(struct rpc_counts) + m->count_size * sizeof(uint64_t)) +
           examples * (m->bounds->n + 1) * sizeof(struct exemplar_slot);
}

void
rpc_metrics_print(const struct rpc_metrics *m, const char *(*code_label)(int code),
                  struct prom *prom)
{
    struct print p = { .m = m, .code_label = code_label, .prom = prom, .out = prom->out };

    for (size_t i = 0; i < m->bounds->n; i++)
        p.le[i] = prom_bound(prom, m->bounds->text[i], p.le_room[i]);
    p.side = "grpc_server";
    print_side(&p, false);
    p.side = "grpc_client";
    print_side(&p, true);
}
