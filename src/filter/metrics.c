/* SPDX-License-Identifier: Apache-2.0 */
/* filter/metrics.c - the filter "metrics": counts each call by its method, and each attempt by pool and method (obs/rpc_metrics.h). On without being named.
 * A call whose trace is recorded gives the buckets that it is counted in its trace id.
 * Calls that failed leave a record for /why here (failed_note.h), and while somebody looks at /tail, calls leave a line for him (tail.h); of calls that never come to this
 * filter, proxy/filters.c tells.
 *
 * Anybody can send any path, so a method has a name in the metrics only when a backend has answered a call of it, other than with UNIMPLEMENTED; until then its calls
 * are not counted as begun, and when they end they count as "_OTHER" unless their own answer makes the method known. */
#include "base/arena.h"
#include "filter/failed_note.h"
#include "filter/kinds.h"
#include "filter/services.h"
#include "filter/tail.h"
#include "grpc/status.h"
#include "h2/headers.h"
#include "loop/loop.h"
#include "obs/rpc_metrics.h"

struct metrics_filter {
    struct filter base;
    struct rpc_metrics *metrics;
    struct failed_log *failed;
    struct tail *tail;
};

struct metrics_call {
    struct rpc_table *table;   /* NULL: never asked */
    struct rpc_counts *counts; /* NULL: the method is not known */
    struct slice path;         /* known: of the process; else kept */
    struct rpc_counts *client; /* of the attempt that began last; NULL: not known then */
    uint64_t begun;            /* attempts by number that are counted as begun */
};

static const struct conf_field fields[] = {
    { .key = NULL },
};

const struct conf_struct metrics_conf_struct = {
    .name = "metrics filter",
    .size = 1,
    .fields = fields,
};

static void
metrics_open(struct filter *f, const struct filter_env *env)
{
    struct metrics_filter *m = (struct metrics_filter *)f;

    m->metrics = env->services->metrics;
    m->failed = env->services->failed;
    m->tail = env->services->tail;
}

static bool
metrics_wanted(const void *conf, const struct filter_env *env)
{
    (void)conf;
    return env->services != NULL;
}

static struct rpc_table *
metrics_table(const struct filter_call *fc)
{
    const struct metrics_filter *f = (const struct metrics_filter *)filter_self(fc);

    return rpc_metrics_table(f->metrics, fc->worker);
}

/* --- calls ---------------------------------------------------------------------------- */

static void
metrics_know(struct metrics_call *m, unsigned method)
{
    m->counts = rpc_table_server(m->table, method);
    rpc_add(m->counts, RPC_STARTED, 1);
}

/* Not asked for lately; perhaps nobody has answered a call of it yet. */
static NOINLINE enum filter_verdict
metrics_find_method(struct filter_call *fc, struct metrics_call *m)
{
    m->path = (struct slice){ 0 };
    m->counts = rpc_table_known_find(m->table, fc->path, &fc->kept_path);
    if (m->counts) {
        rpc_add(m->counts, RPC_STARTED, 1);
        return FILTER_NEXT;
    }
    filter_ask_answer(fc);
    if (fc->path.n <= NAME_BYTES_MAX) {
        m->path.p = arena_copy(fc->arena, fc->path.p, fc->path.n);
        m->path.n = m->path.p ? fc->path.n : 0;
    }
    return FILTER_NEXT;
}

static enum filter_verdict
metrics_on_request(struct filter_call *fc, void *state)
{
    struct metrics_call *m = state;
    const struct rpc_lately *l;

    m->table = metrics_table(fc);
    m->client = NULL;
    m->begun = 0;
    l = rpc_table_lately(m->table, fc->path);
    if (UNLIKELY(!l))
        return metrics_find_method(fc, m);
    m->path = fc->kept_path = l->path;
    m->counts = l->counts;
    rpc_add(m->counts, RPC_STARTED, 1);
    return FILTER_NEXT;
}

/* An answer that is more than a status: the backend knows the method. So a stream is counted when it begins. */
static enum filter_verdict
metrics_on_response(struct filter_call *fc, void *state, struct h2_headers *h, bool end)
{
    struct metrics_call *m = state;

    (void)fc;
    (void)h;
    if (UNLIKELY(!m->counts) && !end) {
        unsigned method = rpc_table_learn(m->table, m->path);

        if (method != NAME_OTHER)
            metrics_know(m, method);
    }
    return FILTER_NEXT;
}

/* Of the attempt that began last; the method is known, by now at least. */
static struct rpc_counts *
metrics_client(const struct metrics_call *m, const struct filter_call *fc)
{
    return rpc_table_attempt(m->table, fc->pool, fc->pool_number, m->counts->key);
}

static bool
proves_method(bool answered, int code)
{
    return answered && code != GRPC_UNIMPLEMENTED;
}

/* The request may be gone, but then its path is a name, or was kept. */
static NOINLINE void
metrics_tell(const struct metrics_filter *f, const struct filter_call *fc,
             const struct metrics_call *m, bool asked, const struct filter_result *r)
{
    struct slice path = m->path;

    filter_result_whole(fc, r);
    if (!asked)
        path = h2_headers_get(fc->request, H2_TOKEN_PATH);
    else if (!path.n && m->counts->key != NAME_OTHER)
        path = names_get(m->table->methods.names, m->counts->key);
    if (r->code != GRPC_OK)
        failed_note(f->failed, fc, path, r);
    if (tail_wanted(f->tail))
        tail_put(f->tail, fc, path, r);
}

/* What few calls have: an example, a failure, somebody who looks. */
static NOINLINE void
metrics_more(struct filter_call *fc, const struct metrics_call *m, bool asked,
             const struct filter_result *r)
{
    const struct metrics_filter *f = (const struct metrics_filter *)filter_self(fc);

    if (fc->sampled)
        rpc_example(m->table, m->counts, r->end_us - fc->begun_us, fc->trace_id);
    if (r->code != GRPC_OK || tail_wanted(f->tail)) {
        metrics_tell(f, fc, m, asked, r);
        fc->told = true;
    }
}

/* A call whose method is still not known when it ends, or that was never asked. */
static void
metrics_know_late(const struct filter_call *fc, struct metrics_call *m,
                  const struct filter_result *r)
{
    if (!m->table)
        m->table = metrics_table(fc);
    metrics_know(m, proves_method(!r->local && !r->cancelled, r->code)
                        ? rpc_table_learn(m->table, m->path)
                        : NAME_OTHER);
}

/* client: of its last attempt; NULL: there was none. */
static ALWAYS_INLINE void
metrics_count_end(struct filter_call *fc, const struct metrics_call *m, bool asked,
                  struct rpc_counts *client, const struct filter_result *r)
{
    const struct metrics_filter *f = (const struct metrics_filter *)filter_self(fc);

    rpc_add(m->counts, RPC_RECEIVED, r->messages_in);
    rpc_add(m->counts, RPC_SENT, r->messages_out);
    if (client) {
        rpc_add(client, RPC_SENT, r->messages_in);
        rpc_add(client, RPC_RECEIVED, r->messages_out);
    }
    rpc_handled(m->table, m->counts, r->code, r->end_us - fc->begun_us);
    if (UNLIKELY(fc->sampled || r->code != GRPC_OK || tail_wanted(f->tail)))
        metrics_more(fc, m, asked, r);
}

/* Without an attempt, or its method was not known when that began. */
static NOINLINE void
metrics_end_late(struct filter_call *fc, struct metrics_call *m,
                 const struct filter_result *r)
{
    bool asked = m->table != NULL;

    if (!m->counts)
        metrics_know_late(fc, m, r);
    metrics_count_end(fc, m, asked, r->attempts > 0 ? metrics_client(m, fc) : NULL, r);
}

static void
metrics_on_end(struct filter_call *fc, void *state, const struct filter_result *r)
{
    struct metrics_call *m = state;

    if (LIKELY(m->client != NULL && r->attempts > 0))
        metrics_count_end(fc, m, true, m->client, r);
    else
        metrics_end_late(fc, m, r);
}

/* --- attempts ------------------------------------------------------------------------- */

static uint64_t
attempt_bit(unsigned number)
{
    return number < 64 ? UINT64_C(1) << number : 0;
}

static void
metrics_on_attempt(struct filter_call *fc, void *state, unsigned number)
{
    struct metrics_call *m = state;

    if (UNLIKELY(!m->counts))
        return;
    m->begun |= attempt_bit(number);
    m->client = metrics_client(m, fc);
    rpc_add(m->client, RPC_STARTED, 1);
}

/* Of a method that is not known, unless this answer makes it known. */
static NOINLINE struct rpc_counts *
metrics_client_new(const struct filter_call *fc, const struct metrics_call *m,
                   const struct filter_attempt *a)
{
    return rpc_table_client(m->table, slice_of(fc->pool),
                            proves_method(a->answered, a->code)
                                ? rpc_table_learn(m->table, m->path)
                                : NAME_OTHER);
}

static NOINLINE void
metrics_attempt_example(const struct filter_call *fc, const struct rpc_table *t,
                        struct rpc_counts *c, const struct filter_attempt *a)
{
    rpc_example(t, c, loop_now_us(fc->loop) - a->begun_us, fc->trace_id);
}

static ALWAYS_INLINE void
metrics_count_attempt(struct filter_call *fc, const struct metrics_call *m,
                      struct rpc_counts *c, const struct filter_attempt *a)
{
    if (UNLIKELY(!(m->begun & attempt_bit(a->number))))
        rpc_add(c, RPC_STARTED, 1);
    rpc_handled(m->table, c, a->code, loop_now_us(fc->loop) - a->begun_us);
    if (UNLIKELY(fc->sampled))
        metrics_attempt_example(fc, m->table, c, a);
}

static NOINLINE void
metrics_attempt_late(struct filter_call *fc, const struct metrics_call *m,
                     const struct filter_attempt *a)
{
    metrics_count_attempt(
        fc, m, m->counts ? metrics_client(m, fc) : metrics_client_new(fc, m, a), a);
}

static void
metrics_on_attempt_end(struct filter_call *fc, void *state,
                       const struct filter_attempt *a)
{
    const struct metrics_call *m = state;

    if (LIKELY(m->client != NULL))
        metrics_count_attempt(fc, m, m->client, a);
    else
        metrics_attempt_late(fc, m, a);
}

const struct filter_kind filter_metrics = {
    .name = "metrics",
    .conf = &metrics_conf_struct,
    .size = sizeof(struct metrics_filter),
    .call_size = sizeof(struct metrics_call),
    .flags = FILTER_ALWAYS | FILTER_NO_REPEAT | FILTER_ASKS_ANSWER | FILTER_RAW_STATE,
    .open = metrics_open,
    .wanted = metrics_wanted,
    .on_request = metrics_on_request,
    .on_response = metrics_on_response,
    .on_attempt = metrics_on_attempt,
    .on_attempt_end = metrics_on_attempt_end,
    .on_end = metrics_on_end,
};
